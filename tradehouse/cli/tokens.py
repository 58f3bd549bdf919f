"""The commands for tokens of the API: `tradehouse tokens create`, `list` and `revoke`.

`exposition.tokens` makes and recognises them.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from tradehouse.home.paths import find_home

if TYPE_CHECKING:
    from tradehouse.home.records import Token

app = typer.Typer(
    name="tokens",
    help="Who may use the API: create, list, revoke.",
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose it is: a person, or a partner's program.")],
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days it is valid.")] = 90,
    personal: Annotated[
        bool,
        typer.Option("--personal", help="It may see personal and sensitive columns; logged."),
    ] = False,
    json: Json = False,
) -> None:
    """Make a token and show it, this once: only its digest is kept."""
    from exposition import tokens
    from tradehouse.terminal import output

    token, text = tokens.create(find_home(), name, days, may_see_personal=personal)
    if json:
        output.print_json({"token": text, **_facts(token)})
        return
    print(text)
    seen = "all columns, personal and sensitive ones too" if personal else "no personal column"
    note = f"Of {name}, valid until {token.expires_at}, sees {seen}. It is not shown again: keep it"
    typer.echo(f"{note} like a password.", err=True)


@app.command(name="list")
def list_tokens(json: Json = False) -> None:
    """List the tokens: whose they are, what they may see, until when; never the tokens."""
    from exposition import tokens
    from tradehouse.terminal import output

    found = tokens.find_all(find_home())
    if json:
        output.print_json([_facts(token) for token in found])
        return
    if not found:
        print("There is no token. `tradehouse tokens create NAME` makes one.")
        return
    output.print_table(
        ["name", "id", "sees personal data", "made at (UTC)", "valid until (UTC)", "state"],
        [
            [
                token.name,
                token.id,
                token.may_see_personal,
                token.created_at,
                token.expires_at,
                _state(token),
            ]
            for token in found
        ],
    )


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(help="Whose token, or the id of one.")],
    json: Json = False,
) -> None:
    """Make a token invalid, at once, also for servers that are running."""
    from exposition import tokens
    from tradehouse.terminal import output

    token = tokens.revoke(find_home(), name)
    if json:
        output.print_json(_facts(token))
    else:
        print(f"The token of {token.name} is not valid any more.")


def _facts(token: "Token") -> dict[str, object]:
    return {**token.model_dump(exclude={"digest"}), "state": _state(token)}


def _state(token: "Token") -> str:
    from exposition import tokens

    if token.revoked_at is not None:
        return "revoked"
    return "valid" if tokens.is_valid(token) else "expired"

"""The command line: what each command takes, and how errors become exit codes.

Commands are thin; what they do lies in the modules of their name. Modules are imported when a
command needs them, so that `tradehouse status` answers at once.
"""

import sys
from typing import Annotated

import typer

from tradehouse import __version__
from tradehouse.errors import TradehouseError
from tradehouse.home import find_home

EXIT_CODES = """
Exit codes: 0 done (or nothing to do); 1 an error; 2 wrong usage; 3 a batch was refused, is held or
waits, everything before it is published; 4 a test failed, nothing was published; 5 another
process is writing; 6 the landing directory is another brokerage's.
"""

app = typer.Typer(
    name="tradehouse",
    help="The data platform of a retail brokerage: sync, build, test, publish.",
    epilog=EXIT_CODES.replace("\n", " ").strip(),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@app.callback(invoke_without_command=True)
def version(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Print the version when asked."""
    if show_version:
        print(f"tradehouse {__version__}")
        raise typer.Exit


@app.command()
def path(json: Json = False) -> None:
    """Print the path of the published release's DuckDB file (schema gold)."""
    from tradehouse import output, releases

    home = find_home()
    database = releases.current_database(home)
    if json:
        output.print_json({"path": str(database), "release": releases.find_current(home)})
    else:
        print(database)


@app.command(name="releases")
def list_releases(json: Json = False) -> None:
    """List the releases that are kept; readers follow the one marked current."""
    from tradehouse import output, releases

    found = releases.list_releases(find_home())
    if json:
        output.print_json(found)
        return
    if not found:
        print("No release yet. `tradehouse run` makes the first one.")
        return
    output.print_table(
        ["release", "made at (UTC)", "batches", "rows", "size", "tests passed", "current"],
        [
            [
                release["id"],
                release["created_at"],
                ", ".join(str(batch["batch"]) for batch in release["batches"]),
                sum(release["rows"].values()),
                output.text_of_bytes(release["bytes"]),
                release["tests"]["passed"],
                "<- current" if release["is_current"] else "",
            ]
            for release in found
        ],
    )


@app.command()
def rollback(
    release: Annotated[
        str | None, typer.Argument(help="Release to go back to; default: the one before.")
    ] = None,
    json: Json = False,
) -> None:
    """Move the pointer back to an older release, and hold publishing until it is resumed."""
    from tradehouse import output, releases

    home = find_home()
    release_id = releases.roll_back(home, release)
    if json:
        output.print_json({"release": release_id, "is_held": True})
        return
    print(f"Published is now release {release_id}: {releases.current_database(home)}")
    print("Nothing is published until you say so: tradehouse publish --resume")


def main() -> None:
    """Run the command line; the process ends with a documented exit code."""
    from tradehouse import output

    try:
        app()
    except TradehouseError as error:
        output.print_error(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        output.print_error("Stopped. What was committed stays; the next run goes on from there.")
        sys.exit(130)


if __name__ == "__main__":
    main()

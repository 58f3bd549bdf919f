"""What is declared for the server: `ingestion/airbyte.yml`, and `server:` of a source.

Not here: what is made of it on the server (`desired`).
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ingestion import written
from ingestion.errors import DeclarationError
from ingestion.variables import resolve

SETTINGS = Path(__file__).parent.parent / "airbyte.yml"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerRun(_Model):
    """How the server runs a source: `server:` of its declaration.

    `source_type` is the connector's name on the server, by default the package's name without
    `airbyte-source-`; a connector of one's own is named by `definition_id`. `config` goes over the
    declaration's own `config`, for what is different as seen from the server. `destination` names
    one of `airbyte.yml`; where that has only one, it need not be named.
    """

    source_type: str | None = None
    definition_id: str | None = None
    config: dict[str, Any] = {}
    destination: str | None = None
    watch_seconds: Annotated[float, Field(gt=0)] = 86_400
    """How long nothing about a job may change before watching it ends; it is not cancelled."""
    cron: str | None = None
    """When the server starts by itself; by default only `tradehouse sync` starts it."""


class Destination(_Model):
    """Where the server writes, and Tradehouse reads.

    `config` is what the server gets. `read` goes over it for what is different as seen from here:
    an endpoint, a host, credentials that may only read.
    """

    type: Literal["s3", "postgres"]
    config: dict[str, Any]
    read: dict[str, Any] = {}


class Server(_Model):
    """The server and its destinations: `airbyte.yml`.

    `api_url` is `https://api.airbyte.com/v1` for Airbyte Cloud and `<host>/api/public/v1` for a
    server of one's own; `app_url` is where people open it in a browser. Retries end after
    `give_up_seconds`; a running job is asked every `poll_seconds`.
    """

    api_url: str
    app_url: str | None = None
    client_id: str
    client_secret: str
    workspace: str
    destinations: Annotated[dict[str, Destination], Field(min_length=1)]
    poll_seconds: Annotated[float, Field(gt=0)] = 5
    give_up_seconds: Annotated[float, Field(gt=0)] = 300
    timeout_seconds: Annotated[float, Field(gt=0)] = 60

    def browser_url(self) -> str:
        """The address of the server's pages, without a slash at its end."""
        if self.app_url:
            return self.app_url.rstrip("/")
        base = self.api_url.rstrip("/")
        if base == "https://api.airbyte.com/v1":
            return "https://cloud.airbyte.com"
        return base.removesuffix("/v1").removesuffix("/api/public")


def read_server(path: Path | None = None) -> tuple[Server, frozenset[str]]:
    """Read `airbyte.yml` with its variables; also returns the values that are to be kept secret.

    Raises DeclarationError that names the file and the key.
    """
    path = path or SETTINGS
    if not path.is_file():
        raise DeclarationError(
            f"A source says `runner: server`, and {path} does not exist: it says where the server "
            f"is. See docs/airbyte-server.md."
        )
    content = written.read(path)
    try:
        resolved, secrets = resolve(content)
        return Server.model_validate(resolved), secrets
    except ValidationError as error:
        problems = [
            f"{path}: {'.'.join(str(part) for part in each['loc'])}: {each['msg']}"
            for each in error.errors(include_url=False, include_input=False)
        ]
        raise DeclarationError("\n".join(problems)) from None
    except DeclarationError as error:
        raise DeclarationError(f"{path}: {error}") from None

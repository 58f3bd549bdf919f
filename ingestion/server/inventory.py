"""The streams of a source that a server runs: asked there, or read from raw once landed.

Not here: the same for the embedded runner's sources (`ingestion.inventory`).
"""

from dataclasses import replace

from ingestion import names
from ingestion.database import open_raw
from ingestion.declarations import Declaration
from ingestion.errors import IngestionError
from ingestion.paths import Paths
from ingestion.redaction import Redactor
from ingestion.server import committing, desired
from ingestion.server.client import Client
from ingestion.server.committing import Offered
from ingestion.server.created_resources import Made
from ingestion.server.objects import Objects
from ingestion.server.settings import read_server
from ingestion.tables import Column, Table


def offered_streams(
    declaration: Declaration, client: Client, workspace_id: str, source_id: str
) -> list[Offered]:
    """The streams that are synced, as the server gives them."""
    offered = Objects(client, workspace_id).streams(source_id)
    found = desired.select_streams(declaration, offered)
    every = tuple(
        (each.get("streamnamespace") or None, str(each["streamName"])) for each in offered
    )
    return [
        Offered((properties.get("streamnamespace") or None, name), stream, properties, every)
        for name, (stream, properties) in found.items()
    ]


def tables(declaration: Declaration, paths: Paths) -> tuple[list[Table], Redactor]:
    """The raw tables of the streams, with the columns they have, and what replaces secrets in them.

    Raises IngestionError where the source was not applied or a stream has not landed yet: only then
    the types are known.
    """
    server, secrets = read_server()
    wanted = desired.wanted(declaration, server, secrets)
    redact = Redactor(secrets | wanted.source.secrets)
    client = Client(server, redact)
    try:
        workspace_id = client.workspace_id()
        source_id = Made(paths.connectors, workspace_id).id_of("source", wanted.source.name)
        if source_id is None:
            raise IngestionError(
                f"{declaration.name} does not stand on the server: tradehouse airbyte apply."
            )
        streams = offered_streams(declaration, client, workspace_id, source_id)
    finally:
        client.close()
    found, missing = [], []
    with open_raw(paths.raw_database, tmp=paths.tmp) as connection:
        known = names.read(connection, declaration.name)
        for stream in streams:
            table = stream.table(known)
            recorded = committing.recorded_columns(connection, table)
            columns = tuple(Column(name, field, kind) for field, (name, kind) in recorded.items())
            modes = tuple(str(mode) for mode in stream.modes())
            discovered = table.discovered | {"supported_sync_modes": modes}
            found.append(replace(table, columns=columns, discovered=discovered))
            if not columns:
                missing.append(stream.key[1])
    if missing:
        raise IngestionError(
            f"{declaration.name}: nothing of {', '.join(missing)} has landed yet, and the server "
            f"does not tell types. Sync first: tradehouse sync {declaration.name}."
        )
    return found, redact

"""What differs between declarations and server, and changing the server to match.

Not here: what should exist there (`desired`), and how the server is asked (`objects`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ingestion import json_text
from ingestion.declarations import Declaration
from ingestion.errors import ServerError
from ingestion.redaction import Redactor
from ingestion.server import desired
from ingestion.server.client import Client
from ingestion.server.created_resources import Made, flatten
from ingestion.server.desired import Actor, Wanted
from ingestion.server.objects import Objects
from ingestion.server.settings import Server

MASK = "****"
Action = Literal["create", "update", "none", "refused"]


@dataclass(frozen=True)
class Difference:
    """One value that is not as declared, as people may see it."""

    path: str
    before: str
    after: str


@dataclass
class Change:
    """What is to be done to one object on the server."""

    kind: str
    name: str
    action: Action
    differences: list[Difference] = field(default_factory=list)
    reason: str = ""
    object_id: str | None = None


class Planner:
    """Compares, and applies. What Tradehouse did not make is not touched unless `adopt` says so."""

    def __init__(self, client: Client, workspace_id: str, made: Made, *, adopt: bool) -> None:
        self.objects = Objects(client, workspace_id)
        self._made = made
        self._adopt = adopt

    def plan(self, every: Iterable[Wanted], *, apply: bool = False) -> list[Change]:
        """Every object's change, in the order in which they are made; with `apply`, made.

        Raises ServerError where the server refuses; what was made before that stays recorded.
        """
        changes: dict[tuple[str, str], Change] = {}
        for one in every:
            for actor in (one.destination, one.source):
                if (actor.kind, actor.name) not in changes:
                    change = self._examine(actor)
                    changes[actor.kind, actor.name] = change
                    if apply:
                        self._carry_out(change, actor)
            source = changes["source", one.source.name]
            change = self._examine_connection(
                one,
                None if source.action == "refused" else source.object_id,
                changes["destination", one.destination.name].object_id,
            )
            changes["connection", one.connection_name] = change
            if apply:
                self._connect(change, one)
        return list(changes.values())

    def _examine(self, actor: Actor) -> Change:
        leaves = flatten(actor.config)
        found, change = self._find(actor.kind, actor.name)
        if change.action in ("refused", "create"):
            change.differences = [
                Difference(path, "", _shown(value, actor.secrets)) for path, value in leaves.items()
            ]
            return change
        stands = flatten((found or {}).get("configuration") or {})
        sent = self._made.sent(actor.kind, actor.name)
        for path, value in leaves.items():
            before = stands.get(path)
            if _is_masked(before):
                if sent.get(path) != self._made.hash(value):
                    change.differences.append(Difference(path, MASK, f"{MASK} (changed)"))
            elif before != value:
                shown = "" if path not in stands else _shown(before, actor.secrets)
                change.differences.append(Difference(path, shown, _shown(value, actor.secrets)))
        for path in sorted(set(sent) - set(leaves)):
            if path in stands:
                shown = _shown(stands[path], actor.secrets)
                change.differences.append(Difference(path, shown, "(removed)"))
        change.action = "update" if change.differences else change.action
        return change

    def _find(self, kind: str, name: str) -> tuple[dict[str, Any] | None, Change]:
        """What stands on the server, and the change it needs at least."""
        known = self._made.id_of(kind, name)
        for each in self.objects.every(kind):
            if each[f"{kind}Id"] == known:
                return each, Change(kind, name, "none", object_id=known)
        for each in self.objects.every(kind):
            if each["name"] == name:
                object_id = str(each[f"{kind}Id"])
                if self._made.is_begun(kind, name):
                    reason = "was being made when Tradehouse was stopped"
                    return each, Change(kind, name, "update", reason=reason, object_id=object_id)
                if self._adopt:
                    return each, Change(
                        kind, name, "update", reason="is taken over", object_id=object_id
                    )
                reason = (
                    f"{kind} {name} stands on the server ({object_id}) and was not made from this "
                    f"home: remove it there, or take it over with --adopt"
                )
                return each, Change(kind, name, "refused", reason=reason, object_id=object_id)
        reason = "" if known is None else "was removed from the server"
        return None, Change(kind, name, "create", reason=reason)

    def _carry_out(self, change: Change, actor: Actor) -> None:
        if change.action == "refused":
            raise ServerError(f"{change.reason}.")
        if change.action == "create":
            if not self._made.is_begun(actor.kind, actor.name):
                self._made.begin(actor.kind, actor.name)
            change.object_id = self.objects.create_actor(actor)
        elif change.action == "update":
            self.objects.update_actor(actor, str(change.object_id))
        if change.action != "none":
            self._made.record(actor.kind, actor.name, str(change.object_id), flatten(actor.config))

    def _examine_connection(
        self, one: Wanted, source_id: str | None, destination_id: str | None
    ) -> Change:
        found, change = self._find("connection", one.connection_name)
        wanted = self._connection(one, source_id)
        leaves = _connection_leaves(wanted)
        if change.action in ("refused", "create"):
            change.differences = [
                Difference(path, "", _shown(value)) for path, value in leaves.items()
            ]
            return change
        stands = _connection_leaves(found or {}, like=leaves)
        ends = {"sourceId": source_id, "destinationId": destination_id}
        for path, value in (leaves | ends).items():
            before = stands.get(path) if path in leaves else (found or {}).get(path)
            if before != value:
                change.differences.append(Difference(path, _shown(before), _shown(value)))
        for path in sorted(set(stands) - set(leaves)):
            change.differences.append(Difference(path, _shown(stands[path]), "(removed)"))
        change.action = "update" if change.differences else change.action
        return change

    def _connection(self, one: Wanted, source_id: str | None) -> dict[str, Any]:
        """The connection as it should be; streams as declared until the source can be asked."""
        declaration = one.declaration
        if source_id is not None:
            selected = desired.select_streams(declaration, self.objects.streams(source_id))
            streams = [
                desired.stream_configuration(name, stream, offered.get("streamnamespace"))
                for name, (stream, offered) in selected.items()
            ]
        else:
            streams = [
                desired.stream_configuration(name, stream, None)
                for name, stream in (declaration.streams or {}).items()
            ]
        return {
            "name": one.connection_name,
            "namespaceDefinition": "custom_format",
            "namespaceFormat": declaration.name,
            "prefix": "",
            "nonBreakingSchemaUpdatesBehavior": "propagate_columns",
            "status": "active",
            "schedule": one.schedule,
            "configurations": {"streams": streams},
        }

    def _connect(self, change: Change, one: Wanted) -> None:
        name = one.connection_name
        if change.action == "refused":
            raise ServerError(f"{change.reason}.")
        source_id = self._made.id_of("source", one.source.name)
        destination_id = self._made.id_of("destination", one.destination.name)
        wanted = self._connection(one, source_id)
        ends = {"sourceId": source_id, "destinationId": destination_id}
        moved = {each.path for each in change.differences} & set(ends)
        if moved and change.action == "update":
            raise ServerError(
                f"connection {name} joins another {' and '.join(sorted(moved))} than declared, "
                f"which cannot be changed: remove it on the server, then apply again."
            )
        if change.action == "create":
            if not self._made.is_begun("connection", name):
                self._made.begin("connection", name)
            change.object_id = self.objects.create_connection({**wanted, **ends})
        elif change.action == "update":
            self.objects.update_connection(str(change.object_id), wanted)
        if change.action != "none":
            sent = _connection_leaves(wanted)
            self._made.record("connection", name, str(change.object_id), sent)


def _connection_leaves(
    connection: dict[str, Any], like: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Values by path, streams by name; with `like`, only what it has, but every stream's mode."""
    leaves: dict[str, Any] = {
        path: value
        for path, value in flatten(
            {key: value for key, value in connection.items() if key != "configurations"}
        ).items()
        if like is None or path in like
    }
    for stream in (connection.get("configurations") or {}).get("streams") or ():
        for key, value in stream.items():
            path = f"streams.{stream['name']}.{key}"
            if key != "name" and (like is None or path in like or key == "syncMode"):
                leaves[path] = value
    return leaves


def _is_masked(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and set(value) == {"*"}


def _shown(value: Any, secrets: Iterable[str] = ()) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json_text.dumps(value).decode()
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def compare(
    server: Server,
    server_secrets: frozenset[str],
    sources: list[Declaration],
    directory: Path,
    *,
    apply: bool = False,
    adopt: bool = False,
) -> list[Change]:
    """The changes that bring the server to the declarations; with `apply`, carried out.

    `directory` holds what this home made. Raises DeclarationError and ServerError.
    """
    every = [desired.wanted(each, server, server_secrets) for each in sources]
    secrets = server_secrets.union(*(each.source.secrets for each in every))
    client = Client(server, Redactor(secrets))
    try:
        workspace_id = client.workspace_id()
        made = Made(directory, workspace_id)
        planner = Planner(client, workspace_id, made, adopt=adopt)
        changes = planner.plan(every)
        refused = [change for change in changes if change.action == "refused"]
        if not apply or refused:
            return changes
        return Planner(client, workspace_id, made, adopt=adopt).plan(every, apply=True)
    finally:
        client.close()

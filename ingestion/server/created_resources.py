"""What Tradehouse made on a server, and keyed hashes of what it sent: a file in the home.

The server masks secrets in its answers, so a changed one is detected by the hash of what was sent
last. The key is this home's own: the file reveals no secret, nor that two homes share one. Not
here: what differs (`reconciliation`).
"""

import hashlib
import hmac
import secrets
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from ingestion import json_text
from ingestion.errors import ServerError
from tradehouse.home import files

KINDS = ("source", "destination", "connection")


class Object(files.Kept):
    """An object on the server: its id, None before it is made, and the hashes of what was sent."""

    id: str | None
    sent: dict[str, str] = {}


class Kept(files.Kept):
    """`connectors/airbyte-<workspace>.json`: what belongs to this home, by kind and name."""

    key: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    objects: dict[str, Object]


class Made:
    """The objects of one workspace that belong to this home, by kind and name."""

    def __init__(self, directory: Path, workspace_id: str) -> None:
        self._path = directory / f"airbyte-{workspace_id}.json"
        try:
            content = files.read(self._path, Kept) or {}
        except files.DamagedError as error:
            raise ServerError(
                f"{error} It names what Tradehouse made in the workspace {workspace_id}, which is "
                "nowhere else. Put back a copy of it; without one, remove what Tradehouse made "
                "there on the server, then the file: tradehouse airbyte apply makes all anew."
            ) from error
        self._key = bytes.fromhex(content.get("key") or secrets.token_hex(32))
        self._objects: dict[str, dict[str, Any]] = content.get("objects") or {}

    def id_of(self, kind: str, name: str) -> str | None:
        """The id of what Tradehouse made under this name."""
        return (self._objects.get(f"{kind} {name}") or {}).get("id")

    def is_begun(self, kind: str, name: str) -> bool:
        """Whether it was about to be made when a process ended: then what has its name is it."""
        entry = self._objects.get(f"{kind} {name}")
        return entry is not None and entry["id"] is None

    def sent(self, kind: str, name: str) -> dict[str, str]:
        """The keyed hash of every value that was sent last, by its path."""
        return dict((self._objects.get(f"{kind} {name}") or {}).get("sent") or {})

    def begin(self, kind: str, name: str) -> None:
        """Note that it is going to be made; nothing on the server has its name."""
        self._objects[f"{kind} {name}"] = {"id": None, "sent": {}}
        self._save()

    def record(self, kind: str, name: str, object_id: str, sent: dict[str, Any]) -> None:
        """Note the id, and what was sent, by path."""
        hashes = {path: self.hash(value) for path, value in sent.items()}
        self._objects[f"{kind} {name}"] = {"id": object_id, "sent": hashes}
        self._save()

    def hash(self, value: Any) -> str:
        """The keyed hash of a value."""
        return hmac.new(self._key, json_text.dumps(value), hashlib.sha256).hexdigest()

    def _save(self) -> None:
        files.write(self._path, Kept, {"key": self._key.hex(), "objects": self._objects})


def flatten(value: Any, path: str = "") -> dict[str, Any]:
    """The leaves of a configuration by their paths; lists are leaves."""
    if not isinstance(value, dict):
        return {path: value}
    leaves: dict[str, Any] = {}
    for key, item in value.items():
        leaves |= flatten(item, f"{path}.{key}" if path else key)
    return leaves

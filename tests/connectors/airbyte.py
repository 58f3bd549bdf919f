"""Runs the brokerage source as the platform does and takes its messages apart."""

import io
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.source_brokerage.__main__ import main
from connectors.source_brokerage.streams import STREAMS

FILES = {"delivery_type": "use_file_transfer"}
RECORDS = {"delivery_type": "use_records_transfer"}


@dataclass
class Messages:
    """What one command said: exit code and messages in order."""

    code: int
    messages: list[dict[str, Any]]

    def of(self, kind):
        key = {"CONNECTION_STATUS": "connectionStatus"}.get(kind, kind.lower())
        return [message[key] for message in self.messages if message["type"] == kind]

    @property
    def records(self):
        """Stream -> data of its records, in order."""
        found = defaultdict(list)
        for record in self.of("RECORD"):
            found[record["stream"]].append(record["data"])
        return dict(found)

    def batches(self, stream="batch_date"):
        """(batch, delivery) of the stream's records, in order, each once."""
        keys = [(data["_batch"], data["_delivery"]) for data in self.records.get(stream, [])]
        return list(dict.fromkeys(keys))

    @property
    def state(self):
        """The last state of each stream, as the next run gets it."""
        last = {}
        for state in self.of("STATE"):
            last[state["stream"]["stream_descriptor"]["name"]] = state
        return list(last.values())

    @property
    def errors(self):
        """The internal messages of the error traces."""
        traces = [trace["error"] for trace in self.of("TRACE") if trace["type"] == "ERROR"]
        return [json.loads(error["internal_message"]) for error in traces]

    @property
    def error_texts(self):
        return [t["error"]["message"] for t in self.of("TRACE") if t["type"] == "ERROR"]

    @property
    def statuses(self):
        """Stream -> its statuses in order."""
        found = defaultdict(list)
        for trace in self.of("TRACE"):
            if trace["type"] == "STREAM_STATUS":
                status = trace["stream_status"]
                found[status["stream_descriptor"]["name"]].append(status["status"])
        return dict(found)

    @property
    def logs(self):
        return [log["message"] for log in self.of("LOG")]


def run(*arguments: str) -> Messages:
    output = io.BytesIO()
    code = main(arguments, output)
    return Messages(code, [json.loads(line) for line in output.getvalue().splitlines()])


def configured(*names: str, mode: str = "incremental") -> dict[str, Any]:
    """A configured catalogue of the named streams, of all when none is named."""
    names = names or tuple(stream.name for stream in STREAMS)
    return {
        "streams": [
            {"stream": {"name": name}, "sync_mode": mode, "destination_sync_mode": "append"}
            for name in names
        ]
    }


def read(folder: Path, landing: Path, *, method=RECORDS, state=None, catalog=None, **config):
    """One read with its inputs written below `folder`, which must not be the landing directory."""
    inputs = {
        "config": {"landing": str(landing), "delivery_method": method, **config},
        "catalog": configured() if catalog is None else catalog,
        "state": state or [],
    }
    arguments = ["read"]
    for name, content in inputs.items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(content))
        arguments += [f"--{name}", str(path)]
    return run(*arguments)

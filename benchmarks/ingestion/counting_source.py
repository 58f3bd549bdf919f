"""A connector whose streams count: incremental, with states, slow enough to be killed.

Run as `python counting_source.py TOTAL EVERY spec|discover|read [arguments]`: each of three streams
brings the numbers 1 to TOTAL with a state after every EVERY of them.
"""

import json
import sys
import time
from pathlib import Path

STREAMS = ("apples", "pears", "plums")


def say(**message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")


def main() -> int:
    total, every, command, *arguments = sys.argv[1:]
    options = dict(zip(arguments[::2], arguments[1::2], strict=True))
    if command == "spec":
        say(type="SPEC", spec={"connectionSpecification": {}})
    elif command == "discover":
        schema = {"properties": {"number": {"type": "integer"}, "text": {"type": "string"}}}
        streams = [
            {
                "name": name,
                "json_schema": schema,
                "supported_sync_modes": ["full_refresh", "incremental"],
            }
            for name in STREAMS
        ]
        say(type="CATALOG", catalog={"streams": streams})
    elif command == "read":
        read(int(total), int(every), options)
    return 0


def read(total: int, every: int, options: dict[str, str]) -> None:
    position = dict.fromkeys(STREAMS, 0)
    if "--state" in options:
        for state in json.loads(Path(options["--state"]).read_text()):
            name = state["stream"]["stream_descriptor"]["name"]
            position[name] = state["stream"]["stream_state"]["number"]
    while any(at < total for at in position.values()):
        for name in STREAMS:
            first, last = position[name], min(position[name] + every, total)
            for number in range(first + 1, last + 1):
                data = {"number": number, "text": f"{name} {number}"}
                say(type="RECORD", record={"stream": name, "data": data, "emitted_at": 1})
            if last > first:
                state = {
                    "type": "STREAM",
                    "stream": {
                        "stream_descriptor": {"name": name},
                        "stream_state": {"number": last},
                    },
                    "sourceStats": {"recordCount": last - first},
                }
                say(type="STATE", state=state)
            position[name] = last
            sys.stdout.flush()
            time.sleep(0.002)
    for name in STREAMS:
        status = {"stream_descriptor": {"name": name}, "status": "COMPLETE"}
        say(type="TRACE", trace={"type": "STREAM_STATUS", "stream_status": status})


if __name__ == "__main__":
    sys.exit(main())

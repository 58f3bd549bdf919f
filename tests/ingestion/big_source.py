"""A connector with one big stream: `python big_source.py MEGABYTES spec|discover|read [arguments]`.

Numbers that differ, a text of 200 characters; a state after every 16 MB.
"""

import json
import sys

LINE = (
    '{"type":"RECORD","record":{"stream":"a","data":{"n":%d,"price":%d.25,"day":"2026-01-01",'
    f'"text":"{"x" * 200}"}},"emitted_at":1}}}}\n'
)
BLOCK = 16 * 1024 * 1024 // len(LINE)


def main() -> None:
    megabytes, command = int(sys.argv[1]), sys.argv[2]
    if command == "discover":
        kinds = {"n": "integer", "price": "number", "text": "string"}
        properties: dict[str, object] = {name: {"type": kind} for name, kind in kinds.items()}
        properties["day"] = {"type": "string", "format": "date"}
        stream = {"name": "a", "json_schema": {"properties": properties}}
        modes = {"supported_sync_modes": ["full_refresh", "incremental"]}
        print(json.dumps({"type": "CATALOG", "catalog": {"streams": [stream | modes]}}))
    elif command == "read":
        for block in range(megabytes // 16):
            first = block * BLOCK
            numbers = range(first, first + BLOCK)
            sys.stdout.write("".join([LINE % (number, number) for number in numbers]))
            content = {"stream_descriptor": {"name": "a"}, "stream_state": {"block": block}}
            state = {"type": "STREAM", "stream": content, "sourceStats": {"recordCount": BLOCK}}
            print(json.dumps({"type": "STATE", "state": state}))
        status = {"stream_descriptor": {"name": "a"}, "status": "COMPLETE"}
        trace = {"type": "STREAM_STATUS", "stream_status": status}
        print(json.dumps({"type": "TRACE", "trace": trace}))


if __name__ == "__main__":
    main()

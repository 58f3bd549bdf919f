"""A connector that plays what a directory holds: catalogue, output, standard error, exit code.

Run as `python played_source.py DIRECTORY spec|check|discover|read [arguments]`. It keeps the state
and the configured catalogue that a read got, so that tests can look at them.
"""

import json
import shutil
import sys
import time
from pathlib import Path


def main() -> int:
    directory, command, *arguments = Path(sys.argv[1]), sys.argv[2], *sys.argv[3:]
    with (directory / "asked.txt").open("a") as asked:
        asked.write(f"{command}\n")
    options = dict(zip(arguments[::2], arguments[1::2], strict=True))
    before = directory / f"before_{command}.jsonl"
    if before.exists():
        print(before.read_text())
        print(before.read_text(), file=sys.stderr)
    if "--config" in options:
        shutil.copy(options["--config"], directory / "got_config.json")
    if command == "spec":
        print(json.dumps({"type": "SPEC", "spec": {"connectionSpecification": {}}}))
        return 0
    if command == "check":
        print(
            json.dumps({"type": "CONNECTION_STATUS", "connectionStatus": {"status": "SUCCEEDED"}})
        )
        return 0
    if command == "discover":
        streams = json.loads((directory / "streams.json").read_text())
        print(json.dumps({"type": "CATALOG", "catalog": {"streams": streams}}))
        return 0
    for kept in ("catalog", "state"):
        (directory / f"got_{kept}.json").unlink(missing_ok=True)
        if f"--{kept}" in options:
            shutil.copy(options[f"--{kept}"], directory / f"got_{kept}.json")
    behaviour = json.loads((directory / "behaviour.json").read_text())
    sys.stdout.buffer.write((directory / "output.jsonl").read_bytes())
    sys.stdout.buffer.flush()
    sys.stderr.write(behaviour["stderr"])
    sys.stderr.flush()
    time.sleep(behaviour["sleep"])
    return int(behaviour["exit_code"])


if __name__ == "__main__":
    sys.exit(main())

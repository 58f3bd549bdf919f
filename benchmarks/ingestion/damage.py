"""Damages a connector's output at random: every record arrives, or the sync fails with a sentence.

    python -m benchmarks.ingestion.damage --seed 1 --inputs 2000

Each input is a valid stream of messages with a few damages. What the output holds is found by a
reference that tries every position with Python's own JSON reader. Findings are: a record that the
reference finds and the reader neither loads nor names, an error that is no sentence, a hang. The
process ends with 1 where there is one.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb

from ingestion.errors import IngestionError
from ingestion.protocol import Splitter
from ingestion.reader import Reader
from ingestion.record_loading import repair
from ingestion.segments import Segment

KEY = (None, "a")
COLUMNS = "{record: 'STRUCT(data STRUCT(n VARCHAR, text VARCHAR), emitted_at BIGINT)'}"
SLOW_SECONDS = 10.0


def message(number: int, rng: random.Random) -> str:
    """One valid message; most are records, numbered."""
    kind = rng.random()
    if kind < 0.75:
        data: dict[str, Any] = {"n": number, "text": rng.choice(["x", 'a"b', "{}", "é", "]}"])}
        record = {"stream": rng.choice(["a"] * 9 + ["other"]), "data": data, "emitted_at": 1}
        if rng.random() < 0.1:
            record = dict(rng.sample(list(record.items()), 3))
        content: dict[str, Any] = {"type": "RECORD", "record": record}
    elif kind < 0.85:
        named = {"stream_descriptor": {"name": "a"}, "stream_state": {"at": number}}
        content = {"type": "STATE", "state": {"type": "STREAM", "stream": named}}
    elif kind < 0.95:
        content = {"type": "LOG", "log": {"level": "INFO", "message": f"at {number}"}}
    else:
        content = {"type": rng.choice(["NOVEL", "TRACE"]), "trace": {"type": "ANALYTICS"}}
    return json.dumps(content, separators=rng.choice([(",", ":"), (", ", ": ")]))


def damaged(lines: list[bytes], rng: random.Random) -> bytes:
    """The lines as output, with up to three damages."""
    output = b"\n".join(lines) + rng.choice([b"\n", b""])
    for _ in range(rng.randint(0, 3)):
        at = rng.randint(0, len(output))
        beginning = output.rfind(b"\n", 0, at) + 1
        rubbish = rng.choice(
            [
                *(
                    b"50%...",
                    b"\r",
                    b"\x1b[0m",
                    b"\xef\xbb\xbf",
                    b"\0",
                    b"\xff",
                    b"{",
                    b"}",
                    b'"',
                    b"[",
                ),
                *(
                    b"[" * 300,
                    b"INFO {x} ",
                    b"\\",
                    b"\n",
                    b" ",
                    b"1e999",
                    b"null",
                    bytes([at % 256]),
                ),
            ]
        )
        way = rng.randrange(6)
        if way == 0:  # Something in front of a line.
            output = output[:beginning] + rubbish + output[beginning:]
        elif way == 1:  # Something anywhere.
            output = output[:at] + rubbish + output[at:]
        elif way == 2:  # Two lines become one.
            output = output[: beginning - 1] + rubbish + output[beginning:]
        elif way == 3:  # Something is missing.
            output = output[:at] + output[at + rng.randint(1, 30) :]
        elif way == 4:  # It is cut off.
            output = output[: max(at, len(output) // 2)]
        else:  # A value of another type.
            output = output.replace(
                rng.choice([b'"emitted_at": 1', b'"stream":"a"', b'"data"', b'"type"']),
                rng.choice([b'"data": 1', b'"stream":5', b'"data":null,"x"', b'"type":7,"y"']),
                1,
            )
    return output


def reference(output: bytes) -> Counter[int]:
    """The numbers of stream a's records, wherever in the output one stands whole."""
    text, found, position = output.decode("utf-8", "surrogateescape"), Counter[int](), 0
    decoder = json.JSONDecoder()
    while (position := text.find("{", position)) >= 0:
        try:
            content, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            position += 1
            continue
        record = content.get("record") if content.get("type") == "RECORD" else None
        is_record = isinstance(record, dict) and record.get("stream") == "a"
        data = record.get("data") if is_record and isinstance(record, dict) else None
        if isinstance(data, dict) and isinstance(data.get("n"), int):
            found[data["n"]] += 1
        position = end if is_record else position + 1
    return found


def loaded(output: bytes, rng: random.Random, folder: Path) -> Counter[int]:
    """The numbers that the reader would load. Raises IngestionError."""
    segments: list[Segment] = []
    reader = Reader(
        {KEY: False},
        last=[],
        spool=folder,
        submit=segments.append,
        log=lambda *_: None,
        save_config=lambda _: None,
    )
    splitter, position = Splitter(), 0
    while position < len(output):
        size = rng.choice([1, 7, 50, 4096])
        for item in splitter.feed(output[position : position + size]):
            reader.read(item)
        position += size
    for item in splitter.close():
        reader.read(item)
    if reader.cut is not None:
        raise reader.cut.error
    reader.finish(succeeded=True)
    found: Counter[int] = Counter()
    for part in (part for segment in segments for part in segment.parts if part.records):
        select = f"select record.data.n from read_ndjson('{part.spool}', columns = {COLUMNS})"
        try:
            rows = duckdb.execute(select).fetchall()
        except duckdb.InvalidInputException:
            repair(part)
            try:
                rows = duckdb.execute(select).fetchall()
            except duckdb.InvalidInputException as error:
                raise IngestionError(str(error).splitlines()[0]) from None
        if len(rows) != part.records:
            raise IngestionError(f"{part.records} records were read, {len(rows)} arrived")
        found.update(int(row[0]) for row in rows if str(row[0]).isdigit())
        part.spool.unlink(missing_ok=True)
    return found


def finding(seed: int, folder: Path, outcomes: Counter[str]) -> str | None:
    """What is wrong with how one input is treated, None where nothing is."""
    rng = random.Random(seed)
    output = damaged([message(i, rng).encode() for i in range(1, 13)], rng)
    since = time.monotonic()
    try:
        found = loaded(output, rng, folder)
    except IngestionError as error:
        outcomes["refused"] += 1
        is_sentence = str(error).isprintable() and 10 < len(str(error)) < 600
        return None if is_sentence else f"not a sentence: {str(error)!r}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    outcomes["loaded"] += 1
    if missing := reference(output) - found:
        return f"lost without a word: {sorted(missing)} of {output!r}"
    return "slow" if time.monotonic() - since > SLOW_SECONDS else None


def main() -> int:
    """Run the campaign; print what came of it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--inputs", type=int, default=2000)
    given = options.parse_args()
    outcomes: Counter[str] = Counter()
    findings = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(given.inputs):
            seed = given.seed * 1_000_000 + number
            if (found := finding(seed, Path(folder), outcomes)) is not None:
                findings.append(f"{seed}: {found}")
    print(f"seed {given.seed}, {given.inputs} inputs: {dict(outcomes)}, {len(findings)} findings")
    print("\n".join(findings[:20]))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())

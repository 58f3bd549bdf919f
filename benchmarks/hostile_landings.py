"""Landings spoilt at random, read by the brokerage's connector: nothing is lost, hangs or crashes.

    python -m benchmarks.hostile_landings [--rounds 200] [--seed N]

Every round spoils a small hand-written landing in one to five places: links, pipes, sockets, odd
names and directories, bytes and elements of XML changed, cut, doubled or put in. Then one read. A
batch is taken with every line of its files as a row (split or with its text), and with every child
of the CRM document's root; or it is held, and the fault names it; what belongs to no stream is
named. Prints what was spoilt and how the rounds ended, and fails at the first that breaks this.
"""

import argparse
import codecs
import os
import random
import re
import signal
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from types import FrameType
from xml.etree import ElementTree

from connectors.source_brokerage.batches import find_batches
from connectors.source_brokerage.faults import Fault
from tests.connectors.airbyte import Messages, read
from tests.landing import small_files, write_landing

LIMIT_SECONDS = 120
BYTES = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0", b"\r", b"\n", b"\r\n", b"\x1a", b"\xc3"]
BYTES += [
    b"|",
    b'"',
    b'""',
    b",",
    b"\xed\xa0\x80",
    b"\xe2\x80\xae",
    b"e\xcc\x81",
    b" ",
    b"infinity",
]
XML = [b"<Actions2/>", b"<x>", b"</x>", b"<!-- c -->", b"<?p i?>", b"<![CDATA[t]]>", b"&amp;"]
XML += [b"lost", b"<Customer/>", b"<C_CITY>x</C_CITY>", b' a="1"', b"<TPCDI:Action/>", b"]]>"]
XML += [b"<TPCDI:Action2>t</TPCDI:Action2>", b"<!DOCTYPE a>", b"\n", b"&e;", b"&#0;"]
NAMES = [b"x\xff.bak", b"a\nb", b"trade.txt", b"FINWIRE2001Q1", b"FINWIRE19\xff9Q1", b"o" * 255]
FOLDERS = [b"Batch02", b"batch2", b"Batch2 (copy)", b"Batch\xd9\xa2", b"Batch" + b"9" * 30]
FOLDERS += [b"Batch4", b"Batch0", b"Batch2.tmp"]
KINDS = ["pipe", "socket", "directory", "loop", "nothing", "device", "out", "inside"]


def _special(draw: random.Random, landing: Path, path: Path) -> str:
    path.unlink(missing_ok=True)
    kind = draw.choice(KINDS)
    if kind == "pipe" or (kind == "socket" and len(path.name) > 90):
        os.mkfifo(path)
    elif kind == "socket":
        with chdir(path.parent), socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    elif kind == "directory":
        path.mkdir()
    else:
        targets = {"loop": path.name, "nothing": "nowhere", "device": "/dev/zero"}
        outside = landing.parent / "outside"
        outside.write_bytes(b"outside\n")
        targets |= {"out": str(outside), "inside": "../Batch1/HR.csv"}
        path.symlink_to(targets[kind])
    return kind


def _spoil_file(draw: random.Random, landing: Path, path: Path) -> str:
    return f"file: {_special(draw, landing, path)}"


def _spoil_bytes(draw: random.Random, _landing: Path, path: Path) -> str:
    content = bytearray(path.read_bytes())
    is_document = path.suffix == ".xml"
    kind = draw.choice(["put in", "cut", "flip", "double", "mark", "encode"])
    place = draw.randrange(len(content) + 1)
    if kind == "put in":
        content[place:place] = draw.choice(XML if is_document else BYTES)
    elif kind == "cut":
        del content[place:]
    elif kind == "flip" and content:
        content[place % len(content)] ^= 1 << draw.randrange(8)
    elif kind == "double":
        content += bytes(content)
    elif kind == "mark":
        content[:0] = draw.choice(BYTES)
    else:
        text = content.decode("utf-8", "replace")
        content = bytearray(text.encode(draw.choice(["utf-16", "utf-16-be", "cp1252"]), "replace"))
    path.write_bytes(content)
    return f"{'document' if is_document else 'bytes'}: {kind}"


def _spoil_document(draw: random.Random, landing: Path, _path: Path) -> str:
    path = landing / "Batch1" / "CustomerMgmt.xml"
    return _spoil_bytes(draw, landing, path) if path.is_file() else "document: none"


def _spoil_names(draw: random.Random, landing: Path, path: Path) -> str:
    if draw.random() < 0.5:
        folder = landing / os.fsdecode(draw.choice(FOLDERS))
        if not folder.exists():
            folder.mkdir()
        return "names: directory"
    odd = path.parent / os.fsdecode(draw.choice(NAMES))
    if odd.exists() or odd.is_symlink():
        return "names: twice"
    if draw.random() < 0.5:
        odd.write_bytes(b"a|b\r\n")
        return "names: file"
    return f"names: {_special(draw, landing, odd)}"


SPOIL: list[Callable[[random.Random, Path, Path], str]] = [
    _spoil_file,
    _spoil_names,
    _spoil_bytes,
    _spoil_bytes,
    _spoil_document,
    _spoil_document,
]


def _rows_of_document(content: bytes) -> int:
    """Children of the root and texts between them, as an independent parser counts them."""
    marks = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16", b"\0<": "utf-16-be"}
    if encoding := marks.get(content[:2]):  # whatever is declared
        content = re.sub(r"^<\?xml.*?\?>", "", content.decode(encoding)).encode()
    root = ElementTree.fromstring(content)
    texts = [root.text, *(child.tail for child in root)]
    attributes = [name for name in root.attrib if not name.startswith("{http://www.w3.org/")]
    return len(root) + bool(attributes) + sum(bool((text or "").strip()) for text in texts)


def _lines(rows: list[dict[str, str | None]]) -> int:
    return sum(
        1 + sum(str(row[name]).count("\n") for name in row if not name.startswith("_batch"))
        for row in rows
    )


def check(landing: Path, result: Messages) -> list[str]:
    """Return what is wrong with a read: lost lines, silence, or a fault nobody expected."""
    wrong = [f"unexpected: {text}" for text in result.error_texts if "Unexpected" in text]
    taken = {number for number, _ in result.batches()}
    batches = find_batches(landing)
    held = {error["batch"] for error in result.errors}
    for number, batch in batches.items():
        if number and number not in taken:
            if not any(one is not None and 0 < one <= number for one in held):
                wrong.append(f"Batch{number} is not taken, and nothing says why")
            continue
        for name, files in batch.files.items():
            for file in files if number else ():
                content = Path(file.path).read_bytes().removeprefix(b"\xef\xbb\xbf")
                rows = [r for r in result.records.get(name, []) if r["_file"] == file.relative]
                if name == "customer_mgmt_action":
                    expected, found = _rows_of_document(content), len(rows)
                elif name == "customer_mgmt_account":
                    continue
                else:
                    expected, found = content.count(b"\n"), _lines(rows)
                    expected -= name == "audit" and expected > 0
                if expected != found:
                    wrong.append(f"{file.relative}: {expected} lines, {found} in rows")
        if number in taken:
            named = "\n".join(result.logs)
            wrong += [f"{path} is not named" for path in batch.ignored() if path not in named]
    return wrong


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise TimeoutError(f"a read took more than {LIMIT_SECONDS} seconds")


def play(rounds: int, seed: int) -> tuple[Counter[str], Counter[str]]:
    """Spoil and read so many landings; return what was spoilt and how the rounds ended.

    Raises AssertionError for the first round that loses something, TimeoutError for one that hangs.
    """
    spoilt: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    signal.signal(signal.SIGALRM, _stop)
    for number in range(rounds):
        draw = random.Random(f"{seed} {number}")
        with tempfile.TemporaryDirectory() as folder:
            landing = write_landing(Path(folder) / "landing", small_files())
            for _ in range(draw.randint(1, 5)):
                every = [path for path in landing.glob("Batch?/*") if path.is_file()]
                paths = sorted(path for path in every if not path.is_symlink())
                kinds = draw.choice(SPOIL)(draw, landing, draw.choice(paths))
                spoilt[kinds] += 1
            signal.alarm(LIMIT_SECONDS)
            result = read(Path(folder), landing)
            signal.alarm(0)
            try:
                wrong = check(landing, result)
            except Fault as fault:
                wrong = [str(fault)]
            assert not wrong, f"seed {seed}, round {number}: {wrong}"
            ends.update({error["code"] for error in result.errors} or {"taken"})
    return spoilt, ends


def main(arguments: list[str] | None = None) -> int:
    """Play the campaign and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    spoilt, ends = play(options.rounds, options.seed)
    print(f"{options.rounds} landings, {spoilt.total()} places spoilt, seed {options.seed}\n")
    print("| spoilt | places |\n|---|---:|")
    print("\n".join(f"| {kind} | {count} |" for kind, count in sorted(spoilt.items())))
    print("\n| ended | landings |\n|---|---:|")
    print("\n".join(f"| {code} | {count} |" for code, count in ends.most_common()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Secrets are replaced in whatever way they are written, wherever a text is cut."""

import base64
import html
import json
import shlex
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.redaction import LineRedactor, Redactor
from tests.ingestion.conftest import Source, status, stream

CHARACTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"])
SECRETS = st.text(st.one_of(st.sampled_from("aZ09+/%&<>\"'\\ é$:@?="), CHARACTERS), min_size=8)
WAYS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": json.dumps,
    "json in utf-8": lambda s: json.dumps(s, ensure_ascii=False),
    "json in json": lambda s: json.dumps(json.dumps({"message": s})),
    "repr": repr,
    "repr of a structure": lambda s: repr({"x": [s]}),
    "bytes": lambda s: repr(s.encode()),
    "url": lambda s: quote(s, safe=""),
    "query": quote_plus,
    "url twice": lambda s: quote(quote(s, safe=""), safe=""),
    "html": html.escape,
    "html with numbers": lambda s: "".join(c if c.isalnum() else f"&#{ord(c)};" for c in s),
    "json of go and java": lambda s: "".join(
        f"\\u{ord(c):04x}" if c in "&<>='" else json.dumps(c)[1:-1] for c in s
    ),
    "json in json four times": lambda s: json.dumps(json.dumps(json.dumps(json.dumps([s])))),
    "encodeURIComponent": lambda s: quote(s, safe="!'()*-._~"),
    "url of everything": lambda s: "".join(
        c if c.isascii() and c.isalnum() else "".join(f"%{b:02x}" for b in c.encode()) for c in s
    ),
    "sql": lambda s: s.replace("'", "''"),
    "csv": lambda s: s.replace('"', '""'),
    "shell": lambda s: shlex.quote("x " + s),
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "user and password": lambda s: base64.b64encode(f"someone:{s}".encode()).decode(),
    "base64 in a text": lambda s: base64.urlsafe_b64encode(f"u:{s}\nmore".encode()).decode(),
    "hex": lambda s: s.encode().hex(),
}


@pytest.mark.parametrize("way", WAYS)
@settings(deadline=None)
@given(secret=SECRETS.map(str.strip).filter(lambda s: len(s) >= 8 and not s.isdigit()))
def test_a_secret_is_replaced_in_usual_escapes(way: str, secret: str) -> None:
    written = WAYS[way](secret)
    shown = Redactor([secret])(f"before ({written}) behind")
    assert "****" in shown
    assert shown.startswith("before (")
    assert shown.endswith(" behind")
    assert written.strip("\"'") not in shown
    if "base64" in way or way == "user and password":
        assert shown == "before (****) behind"


@settings(deadline=None)
@given(SECRETS, st.integers(0, 200), st.lists(st.integers(1, 90_000), max_size=4))
def test_no_boundary_of_blocks_or_of_long_lines_hides_one(
    secret: str, before: int, sizes: list[int]
) -> None:
    text = "x" * (64 * 1024 - before) + secret + "y" * 150_000 + secret + "\r\nlast " + secret
    lines, pieces, position = LineRedactor(Redactor([secret])), [], 0
    for size in [*sizes, len(text)]:
        pieces += lines.feed(text[position : position + size])
        position += size
    pieces += lines.close()
    whole = "".join(pieces)
    assert secret not in whole
    assert whole.count("****") == 3
    assert whole.count("y") >= 150_000


def test_every_line_of_a_key_is_secret_and_so_is_what_a_document_holds() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END PRIVATE KEY-----\n"
    redact = Redactor([key, json.dumps({"private_key": key, "type": "x", "id": "0123-4567-89"})])
    assert redact("a kqhkiG9w0BAQEF b") == "a **** b"
    assert "MIIE" not in redact(json.dumps(key))
    assert redact("id 0123-4567-89") == "id ****"
    assert Redactor(["postgres://me:pass-word@db/x"])("pass-word for me") == "**** for me"


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        ("a", "a value: a, pin=a&b 'a' \"abc\"", "a value: ****, pin=****&b '****' \"abc\""),
        ("1234", "1234 of 12345, 0.1234, pin:1234", "**** of 12345, 0.1234, pin:****"),
        ("8437219650", "OTo4NDM3MjE5NjUw 38343337323139363530", "**** ****"),
        ("true", "true", "true"),
        ("", "nothing", "nothing"),
        ("abcd", "xabcdx", "x****x"),
    ],
)
def test_short_and_numeric_secrets_do_not_empty_the_log(secret: str, text: str, shown: str) -> None:
    assert Redactor([secret])(text) == shown


def test_a_structure_is_redacted_whole() -> None:
    found: Any = {"code": "x sesame-1 y", "sesame-1": [1, {"deep": ("sesame-1", 771234, None)}]}
    assert Redactor(["sesame-1", "771234"]).structure(found) == {
        "code": "x **** y",
        "****": [1, {"deep": ["****", "****", None]}],
    }


@settings(deadline=None)
@given(st.lists(st.text(min_size=3), max_size=5), st.text())
def test_what_is_shown_holds_no_secret(secrets: list[str], text: str) -> None:
    shown = Redactor(secrets)(text)
    for secret in secrets:
        if "*" not in secret and not secret.strip().isdigit() and secret not in ("true", "null"):
            assert secret not in shown or secret.lower() in ("true", "false", "null", "none")


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("postgres://bob:p%40ss%2Fw0rd9@h/db", "password p@ss/w0rd9 wrong"),
        ("postgres://bob:p%40ss%2Fw0rd9@h/db", "password p%40ss%2Fw0rd9 wrong"),
        ("host=h user=bob password=abcdefgh1", "said abcdefgh1"),
        ("AccountName=bob;AccountKey=QUJDREVGR0g=;End=x", "key QUJDREVGR0g= wrong"),
        ("Server=h;Pwd='abc def gh1';Uid=bob", "abc def gh1"),
        ("https://h/?user=bob&api_token=abc%2Ffgh1&x=y", "abc/fgh1 and abc%2Ffgh1"),
        ("Bearer abcdefgh1xyz", "no such token: abcdefgh1xyz"),
        ("bob:abcdefgh1xyz", "bob, abcdefgh1xyz"),
    ],
)
def test_what_is_secret_in_a_secret_is_replaced_by_itself(secret: str, said: str) -> None:
    for part in (
        "p@ss/w0rd9",
        "p%40ss",
        "abcdefgh1",
        "QUJDREVGR0g",
        "abc def",
        "abc/fgh1",
        "abc%2",
    ):
        assert part not in Redactor([secret])(said)
    plain = "host h:5432, user bob of https://h/?x=y, Server=h; End=x; Uid=bob"
    assert Redactor([secret])(plain) == plain


@pytest.mark.parametrize(
    "line",
    [
        '{"type":"RECORD","record":{"stream":"a","data":{"id":"ssn 123-45","n":1e}}}',
        '{"type":"RECORD","record":{"stream":"a","emitted_at":1,"data":["ssn 123-45"]}}',
        "{'type': 'RECORD', 'record': {'stream': 'a', 'data': {'id': 'ssn 123-45'}}}",
        '{"type":"RECORD","record":{"stream":"a","emitted_at":1e99,"data":{"id":"ssn 123-45"}}}',
        '{"messages":[{"type":"RECORD","record":{"stream":"a","data":{"id":"ssn 123-45"}}}]}',
        "row {'id': 'ssn 123-45'}",
    ],
)
def test_what_a_record_holds_is_told_to_its_owner_only(source: Source, line: str) -> None:
    source.plays([line, status("a")], streams=[stream("a", id="string", n="number")])
    result = source.sync()
    told = [*(error.message for error in result.errors), *result.warnings]
    assert told
    assert "123-45" not in str(told)
    assert "123-45" not in str(source.query("select * from _tradehouse.syncs"))
    found = [
        path for path in source.home.rglob("*") if path.is_file() and b"123-45" in path.read_bytes()
    ]
    assert found == [Path(result.log)]
    assert stat.S_IMODE(found[0].stat().st_mode) == 0o600
    assert "row" in line or str(result.log) in told[0]

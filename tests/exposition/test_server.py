"""A real server: attacked, slow to be read, while releases come and go."""

import io
import random
import re
import socket
import ssl
from pathlib import Path
from urllib.parse import quote

import duckdb
import httpx
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from exposition import tokens
from tests.exposition.conftest import fill, make_home, publish
from tests.exposition.server import served
from tests.exposition.test_doors import make_certificate
from tradehouse.publish import releases

LONG = 2_000_000
MOST_MEGABYTES = 420


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    home = make_home(tmp_path_factory.mktemp("attacked") / "home")
    (home.root / "secret.csv").write_text("word\nXYZZY\n")
    token = tokens.create(home, "attacker")[1]
    with served(home) as (address, _):
        yield home, address, token


def snapshot(home):
    """Names, sizes and times of everything in a home but the access log."""
    return {
        str(path.relative_to(home.root)): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in home.root.rglob("*")
        if not path.name.startswith("access-") and path.is_file()
    }


def statements(home):
    """What somebody would want DuckDB to run."""
    file = home.root / "secret.csv"
    return [
        f"'; copy gold.customers to '{home.root}/stolen.csv'; --",
        "'; drop table gold.customers; --",
        f"' union all select content from read_text('{file}') --",
        f"x' or (select count(*) from read_csv('{file}')) > 0 or 'a'='b",
        "1; set enable_external_access = true",
        "1; attach '/etc/passwd' as p",
        "1; pragma database_list",
        "1 or 1=1",
        "(select tax_id from gold.customers limit 1)",
        "tax_id",
        '"tax_id"',
        "null) or (1=1",
        "1; install httpfs; load httpfs",
        "getenv('HOME')",
        "${jndi:ldap://127.0.0.1/a}",
        "{{7*7}}",
        "%s%s%n",
        "\r\nSet-Cookie: a=b",
        "../" * 8 + "etc/passwd",
        str(file),
    ]


def attacks(home):
    """Paths with queries: names, filters, comparisons, columns, cursors, formats, other files."""
    odd = ["\u202e", "\ud7ff", "é" * 400, "\U0001f4a9", "A" * 3000, "a\u0000b", "\u017f", "\u2028"]
    customers = "/v1/tables/customers"
    for text in [*statements(home), *odd]:
        word = quote(text, safe="")
        yield from (
            f"/v1/tables/{word}",
            f"/v1/tables/{word}/extract?format=csv",
            f"{customers}?branch={word}",
            f"{customers}?customer_id={word}",
            f"{customers}?{word}=1",
            f"{customers}?branch__{word}=1",
            f"{customers}?columns={word}",
            f"{customers}?cursor={word}",
            f"{customers}/extract?format={word}",
            f"/v1/metrics/{word}?by={word}&{word}=1",
        )
    for path in ("etc/passwd", "secret.csv", "state/tokens.json", "raw.duckdb", ".env"):
        for up in ("../", "..%2f", "%2e%2e/", "..%5c", "....//", "/"):
            yield f"/v1/tables/{up * 6}{path}"
            yield f"/static-offline-docs/{up * 6}{path}"
    yield from (f"{customers}?limit={one}" for one in ("0", "-1", "9" * 30, "1e9", "NaN", "0x10"))
    yield f"{customers}?{'&'.join(f'branch__in={n}' for n in range(500))}"
    yield f"{customers}?columns={','.join(['branch'] * 500)}"
    yield f"{customers}?{'&' * 5000}"


def test_three_hundred_attacks_reach_nothing(attacked):
    home, address, token = attacked
    before, seen = snapshot(home), []
    wanted = re.compile(r"XYZZY|root:|000-00-|\"Name \d|nobody knows|digest|Traceback")
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}) as client:
        for attack in attacks(home):
            request = client.build_request("GET", f"{address}/")
            request.url = request.url.copy_with(raw_path=attack.encode())
            answer = client.send(request)
            seen.append(answer.status_code)
            assert answer.status_code < 500, attack
            assert not wanted.search(answer.text), attack
            if answer.status_code >= 400:
                assert answer.headers["Content-Type"] in (
                    "application/problem+json",
                    "text/plain; charset=utf-8",
                )
        assert client.get("/v1/release").status_code == 200
    assert len(seen) >= 300
    assert seen.count(200) < 40
    assert snapshot(home) == before


def test_bad_tokens_headers_and_half_requests_do_no_harm(attacked):
    _, address, token = attacked
    host, port = address.removeprefix("http://").split(":")
    rng = random.Random(1)
    bad = [
        *("", "Bearer", f"Basic {token}", f"Bearer {token}x", f"Bearer {token[:-1]}"),
        *(f"Bearer th_{rng.randbytes(6).hex()}_{rng.randbytes(32).hex()}" for _ in range(20)),
        "Bearer " + token.split("_")[1],
    ]
    for text in bad:
        answer = httpx.get(f"{address}/v1/tables", headers={"Authorization": text})
        assert answer.status_code in (401, 429), text  # Soon there are too many.
    raw = [
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"GET /v1/release HTTP/9.9\r\n\r\n",
        b"POST /v1/tables HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\nx",
        b"GET /health HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\nContent-Length: 3\r\n\r\n",
        b"\0" * 1000,
    ]
    for request in raw:
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            try:
                said = connection.recv(4096)
            except ConnectionResetError:
                said = b""
            assert not said or said.split()[1] in (b"400", b"401", b"404", b"405", b"200"), request
    assert httpx.get(f"{address}/health").status_code == 200


@pytest.mark.slow
def test_releases_come_and_go_while_an_extract_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("TRADEHOUSE_KEEP_RELEASES", "1")
    monkeypatch.setenv("TRADEHOUSE_RELEASE_GRACE_SECONDS", "0")
    home = make_home(tmp_path / "home")
    with duckdb.connect(home.warehouse) as connection:
        connection.execute(
            "create or replace table gold.customers as"
            f" select range as customer_id, repeat('word', 25) as branch from range({LONG})"
        )
    first = publish(home, 2)
    token = tokens.create(home, "partner")[1]
    headers = {"Authorization": f"Bearer {token}"}
    path = "/v1/tables/customers/extract?format=arrow"
    with (
        served(home, TRADEHOUSE_API_MEMORY_MB="128") as (address, process),
        httpx.stream("GET", f"{address}{path}", headers=headers, timeout=60) as answer,
    ):
        pieces = answer.iter_raw(1 << 20)
        begun = next(pieces)
        for number in (3, 4):
            fill(home, 5)
            publish(home, number)
        assert [one.id for one in releases.list_releases(home)] != [first]
        assert not (home.releases / first).exists()
        now = httpx.get(f"{address}/v1/release", headers=headers).json()
        assert now["rows"]["customers"] == 5
        stream = pa.ipc.open_stream(io.BufferedReader(Pieces(begun, pieces)))
        count = total = size = 0
        for batch in stream:
            count += len(batch)
            total += pc.sum(batch["customer_id"]).as_py()
            size += batch.nbytes
        assert answer.headers["X-Release"] == first != now["id"]
        assert (count, total) == (LONG, LONG * (LONG - 1) // 2)
        assert memory_of(process) < MOST_MEGABYTES < size / 1e6 + 200


class Pieces(io.RawIOBase):
    """What arrives, as a file."""

    def __init__(self, begun, pieces):
        self._rest, self._pieces = begun, pieces

    def readable(self):
        return True

    def readinto(self, buffer):
        if not self._rest:
            self._rest = next(self._pieces, b"")
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def memory_of(process):
    """The most memory that a process had, in MB."""
    text = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", text)[1]) / 1000


def test_who_leaves_an_extract_gives_its_slot_back(attacked):
    _, address, token = attacked
    headers = {"Authorization": f"Bearer {token}"}
    path = f"{address}/v1/tables/customers/extract?format=json"
    for _ in range(8):
        with httpx.stream("GET", path, headers=headers) as answer:
            assert answer.status_code == 200
    content = httpx.get(path.replace("json", "arrow"), headers=headers).content
    assert len(pa.ipc.open_stream(content).read_all()) == 2500


def test_the_file_is_open_for_reading_alone(attacked):
    home, _, _ = attacked
    from exposition.api.opened import Opened
    from exposition.release import Reader, find_edition

    opened = Opened(find_edition(home, Reader("a", may_see_personal=True)))
    for statement in statements_of_an_intruder(home):
        with opened.cursor() as cursor, pytest.raises(duckdb.Error):
            cursor.execute(statement)


def statements_of_an_intruder(home):
    return [
        f"from read_csv('{home.root}/secret.csv')",
        f"copy gold.customers to '{home.root}/stolen.csv'",
        f"attach '{home.root}/other.duckdb'",
        "create table gold.mine as select 1",
        "delete from gold.customers",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "set memory_limit = '10GB'",
        "install httpfs",
        "from home",
    ]


@pytest.mark.slow
def test_a_server_with_tls(tmp_path):
    home = make_home(tmp_path / "home")
    token = tokens.create(home, "partner")[1]
    certificate, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    make_certificate(certificate, key)
    trusted = ssl.create_default_context(cafile=certificate)
    given = ("--certificate", str(certificate), "--key", str(key))
    with served(home, *given, scheme="https") as (address, _):
        answer = httpx.get(
            f"{address}/v1/release", headers={"Authorization": f"Bearer {token}"}, verify=trusted
        )
        assert answer.status_code == 200

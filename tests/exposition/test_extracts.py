"""Extracts: the same rows in every format, safe for spreadsheets, a few at a time."""

import csv
import io
import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exposition.api import extracts
from exposition.api.limits import Rates, Slots
from exposition.api.problems import ProblemError
from tests.exposition.conftest import CUSTOMERS


def extract(client, table, form, **parameters):
    answer = client.get(f"/v1/tables/{table}/extract", params={"format": form, **parameters})
    assert answer.status_code == 200, answer.text
    return answer


def as_rows(form, content):
    if form == "arrow":
        return pa.ipc.open_stream(content).read_all().to_pylist()
    if form == "parquet":
        return pq.read_table(io.BytesIO(content)).to_pylist()
    if form == "json":
        return json.loads(content, parse_float=Decimal)
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


@pytest.mark.parametrize("form", ["arrow", "parquet", "json", "csv"])
def test_every_format_has_every_row_with_exact_values(client, form):
    answer = extract(client, "customers", form, columns="customer_id,worth_usd,branch")
    rows = sorted(as_rows(form, answer.content), key=lambda row: int(row["customer_id"]))

    assert answer.headers["Content-Type"] == extracts.MEDIA_TYPES[form]
    name = f"customers-{answer.headers['X-Release']}.{form}"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert [int(row["customer_id"]) for row in rows] == list(range(CUSTOMERS))
    assert list(rows[0]) == ["customer_id", "worth_usd", "branch"]
    assert Decimal(rows[1]["worth_usd"]) == Decimal("-99.75")
    assert rows[3]["branch"] == ("" if form == "csv" else None)


@pytest.mark.parametrize("form", ["arrow", "parquet", "json", "csv"])
def test_an_extract_may_be_filtered_and_may_be_empty(client, form):
    content = extract(client, "customers", form, is_open="true", customer_id__lt="5").content
    assert sorted(int(row["customer_id"]) for row in as_rows(form, content)) == [0, 2, 4]
    assert as_rows(form, extract(client, "customers", form, customer_id="-1").content) == []


def test_a_text_that_spreadsheets_calculate_has_an_apostrophe_in_csv_alone(client):
    texts = ["=1+1", "+4", "-5", "@sum", "\t=2", "\uff1d3"]
    found = [row["note"] for row in as_rows("csv", extract(client, "notes", "csv").content)]
    assert found == ["plain", *(f"'{one}" for one in texts), 'a "quote", commas']
    exact = [row["note"] for row in as_rows("json", extract(client, "notes", "json").content)]
    assert exact == ["plain", *texts, 'a "quote", commas', None]
    negative = extract(client, "customers", "csv", columns="worth_usd", customer_id="1").text
    assert negative == '"worth_usd"\n-99.75\n'


def test_an_extract_comes_in_pieces(client):
    service = client.app.state.service
    opened = next(iter(service.releases._open.values()))[0]
    from exposition.api import queries
    from exposition.release import Reader, find_edition

    edition = find_edition(service.home, Reader("test"))
    question = queries.ask(queries.see(edition, opened.tables["customers"]), [])
    for form in extracts.Format:
        stream = extracts.stream(opened, question, form)
        assert next(stream)
        stream.close()


def test_an_unchanged_extract_has_no_body(client):
    address = "/v1/tables/months/extract?format=parquet"
    tag = client.get(address).headers["ETag"]
    again = client.get(address, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/v1/tables/months/extract?format=csv").headers["ETag"] != tag


@pytest.mark.parametrize("form", ["xlsx", "", "CSV", "../csv"])
def test_another_format_is_refused(client, form):
    answer = client.get("/v1/tables/months/extract", params={"format": form})
    assert answer.status_code == 422
    assert "'arrow', 'parquet', 'csv' or 'json'" in answer.json()["detail"]


def test_a_slot_is_given_back_however_an_extract_ends(client):
    slots = client.app.state.service.slots
    assert client.get("/v1/tables/customers/extract?nothing=1").status_code == 400
    extract(client, "customers", "arrow")
    assert slots.running == {}
    with slots.taken("a"), slots.taken("a"):
        with pytest.raises(ProblemError, match="2 extracts of this token are running"):
            slots.taken("a").__enter__()
        with slots.taken("b"), slots.taken("b"):
            answer = client.get("/v1/tables/customers/extract")
            assert answer.status_code == 429
            assert answer.headers["Retry-After"] == "5"
            assert "4 extracts of all tokens are running" in answer.json()["detail"]
    assert slots.running == {}


def test_who_is_too_fast_waits(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("exposition.api.limits.time.monotonic", lambda: now[0])
    rates = Rates(60, "requests")
    for _ in range(10):
        rates.take("a")
    with pytest.raises(ProblemError, match="Too many requests; 60 a minute are answered"):
        rates.take("a")
    rates.take("b")
    now[0] += 1.5
    rates.take("a")
    with pytest.raises(ProblemError):
        rates.take("a")


def test_slots_are_counted_by_token():
    slots = Slots(3, 2)
    with slots.taken("a"), slots.taken("a"), slots.taken("b"):
        assert slots.running == {"a": 2, "b": 1}
        with pytest.raises(ProblemError, match="3 extracts of all tokens"):
            slots.taken("c").__enter__()
    assert slots.running == {}

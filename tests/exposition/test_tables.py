"""Tables over the API: what is seen, filters, pages, errors."""

import duckdb
import pytest

from tests.exposition.conftest import CUSTOMERS, fill, publish
from tradehouse.home import state
from tradehouse.home.records import Graph

SEEN = ["customer_id", "branch", "since", "worth_usd", "is_open"]


def rows(client, table, **parameters):
    answer = client.get(f"/v1/tables/{table}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()["rows"]


def ids(client, **parameters):
    return [row["customer_id"] for row in rows(client, "customers", **parameters)]


def test_tables_are_listed_with_the_columns_that_may_be_seen(client):
    found = {one["name"]: one for one in client.get("/v1/tables").json()}

    assert sorted(found) == ["by_name", "customers", "dim_date", "months", "notes"]
    customers = found["customers"]
    assert customers["description"] == "One row per customer."
    assert (customers["rows"], customers["key"]) == (CUSTOMERS, ["customer_id"])
    assert [one["name"] for one in customers["columns"]] == SEEN
    assert customers["columns_left_out"] == 3
    assert customers["columns"][3] == {
        "name": "worth_usd",
        "type": "DECIMAL(18,2)",
        "description": "In US dollars.",
        "class": "internal",
    }


def test_a_token_for_personal_data_sees_every_column(personal):
    [row] = rows(personal, "customers", customer_id=7)
    assert row["last_name"] == "Name 7"
    assert row["tax_id"] == "000-00-7"
    assert row["of_unknown_class"] == "nobody knows"
    assert rows(personal, "secrets") == [{"last_name": "Doe"}]


@pytest.mark.parametrize("column", ["last_name", "tax_id", "of_unknown_class", "nothing"])
def test_a_hidden_column_is_as_if_it_were_not_there(client, column):
    for parameters in ({column: "x"}, {f"{column}__null": "false"}, {"columns": column}):
        for path in ("/v1/tables/customers", "/v1/tables/customers/extract"):
            answer = client.get(path, params=parameters)
            assert answer.status_code == 400
            assert f"There is no column '{column}' in customers." in answer.json()["detail"]
            assert "(3 more are not shown to this token)" in answer.json()["detail"]


def test_a_table_of_hidden_columns_is_as_if_it_were_not_there(client):
    answer = client.get("/v1/tables/secrets")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "There is no table 'secrets'. /v1/tables lists them."


def test_a_page_has_exact_values_in_the_order_of_the_key(client):
    answer = client.get("/v1/tables/customers?limit=2&columns=customer_id,worth_usd,since,branch")

    assert answer.headers["X-Release"] == answer.json()["release"]
    assert b'"worth_usd":-99.75' in answer.content
    assert answer.json()["rows"] == [
        {"customer_id": 0, "worth_usd": -100.0, "since": "2020-01-01", "branch": "Branch 0"},
        {"customer_id": 1, "worth_usd": -99.75, "since": "2020-01-02", "branch": "Branch 1"},
    ]


def test_integers_of_any_size_keep_their_digits(client):
    page = client.get("/v1/tables/months?limit=1&columns=shares&shares__gt=5")
    assert page.json()["rows"] == [{"shares": 2**70}]
    extract = client.get("/v1/tables/months/extract?format=json&columns=shares")
    assert extract.json()[0] == {"shares": 2**70}


@pytest.mark.parametrize(
    ("table", "limit", "count"),
    [("customers", 997, CUSTOMERS), ("months", 7, 48), ("notes", 2, 9), ("by_name", 3, 10)],
)
def test_pages_have_every_row_once(client, table, limit, count):
    found, address = [], f"/v1/tables/{table}?limit={limit}"
    while address:
        page = client.get(address).json()
        assert 0 < len(page["rows"]) <= limit
        found += [tuple(row.values()) for row in page["rows"]]
        address = page["next"]
    assert len(found) == count
    if table in ("customers", "months"):
        assert found == sorted(set(found), key=lambda row: row[:2] if table == "months" else row)


def test_filters_stay_with_the_pages(client):
    first = client.get("/v1/tables/customers?limit=400&is_open=true&branch__in=Branch 0").json()
    second = client.get(first["next"]).json()
    found = [row["customer_id"] for row in first["rows"] + second["rows"]]
    assert second["next"] is None
    assert found == [one for one in range(CUSTOMERS) if one % 4 == 0 and one % 10 != 3]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"customer_id": "5"}, [5]),
        ({"customer_id__eq": "5"}, [5]),
        ({"customer_id__lt": "3"}, [0, 1, 2]),
        ({"customer_id__le": "1"}, [0, 1]),
        ({"customer_id__gt": "2497"}, [2498, 2499]),
        ({"customer_id__ge": "2499"}, [2499]),
        ({"customer_id__in": ["3", "1", "99999"]}, [1, 3]),
        ({"worth_usd": "-99.75"}, [1]),
        ({"worth_usd": "-99.7500001"}, []),
        ({"worth_usd__lt": "-99.745"}, [0, 1]),
        ({"since": "2020-01-02"}, [1, 1001, 2001]),
        ({"branch__null": "true", "customer_id__lt": "14"}, [3, 13]),
        ({"branch": "Branch 1' or 'a' = 'a"}, []),
        ({"branch__ne": "Branch 1", "customer_id__lt": "4"}, [0, 2]),
        ({"is_open": "false", "customer_id__lt": "4"}, [1, 3]),
    ],
)
def test_filters_compare_as_the_column_s_type_does(client, parameters, expected):
    assert ids(client, **parameters) == expected


def test_a_moment_is_compared(client):
    found = rows(client, "months", seen_at__lt="2024-01-01T13:00:00", columns="branch,seen_at")
    assert found == [{"branch": f"Branch {n}", "seen_at": "2024-01-01T12:30:00"} for n in range(4)]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("customer_id=five", "customer_id is compared with a whole number of at most 18 digits"),
        ("customer_id=1.0", "whole number"),
        ("customer_id=99999999999999999999", "whole number"),
        ("customer_id=٣", "whole number"),
        ("worth_usd=1e5", "worth_usd is compared with a number such as 12.50, not '1e5'."),
        ("since=2020-13-01", "a day as YYYY-MM-DD"),
        ("since=20200101", "a day as YYYY-MM-DD"),
        ("is_open=1", "true or false"),
        ("branch__like=B", "'like' is no comparison. There are: eq, ne, lt, le, gt, ge, in, null."),
        ("branch__null=yes", "is true or false"),
        ("branch=a&branch=b", "'branch' is there 2 times; for several use branch__in."),
        ("columns=customer_id,", "There is no column ''"),
        ("CUSTOMER_ID=1", "There is no column 'CUSTOMER_ID'"),
        ("branch=%00", "branch is compared with a text"),
        ("&".join(f"worth_usd__{n}=1" for n in range(21)), "These are 21 filters"),
        ("&".join(f"customer_id__in={n}" for n in range(101)), "has 101 values"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_sentence(client, query, said):
    answer = client.get(f"/v1/tables/customers?{query}")
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem.keys() == {"type", "title", "status", "detail", "request_id"}
    assert said in problem["detail"]
    assert problem["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize(
    "text", ["noon", "0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00-14:00", "2024-02-30T00:00"]
)
def test_what_is_no_moment_is_refused(client, text):
    answer = client.get("/v1/tables/months", params={"seen_at__lt": text})
    assert answer.status_code == 400
    assert "seen_at is compared with a moment" in answer.json()["detail"]


def test_a_moment_may_have_a_time_zone(client):
    found = rows(client, "months", seen_at__le="2024-01-01T14:30:00+02:00", columns="branch")
    assert len(found) == 4


@pytest.mark.parametrize("limit", ["0", "10001", "-1", "x", "1e3", "99999999999999999999999"])
def test_a_page_has_a_limit(client, limit):
    answer = client.get(f"/v1/tables/customers?limit={limit}")
    assert answer.status_code == 422
    assert "limit: Input should be" in answer.json()["detail"]


@pytest.mark.parametrize("cursor", ["x", "", "W10", "e30", "%F0%9F", "WyJhIiwiYiJd", "=" * 9])
def test_a_cursor_that_was_changed_is_no_page(client, cursor):
    answer = client.get(f"/v1/tables/customers?cursor={cursor}")
    assert answer.status_code == 404
    assert "Begin anew without `cursor`." in answer.json()["detail"]


def test_pages_stay_on_their_release_while_the_next_one_is_published(own_client, own_home):
    first = own_client.get("/v1/tables/customers?limit=2400").json()
    fill(own_home, rows=10)
    second = publish(own_home, 2)

    rest = own_client.get(first["next"])
    assert [row["customer_id"] for row in rest.json()["rows"]] == list(range(2400, CUSTOMERS))
    assert rest.headers["X-Release"] == first["release"] == rest.json()["release"] != second
    anew = own_client.get("/v1/tables/customers").json()
    assert (anew["release"], len(anew["rows"])) == (second, 10)


def test_pages_of_a_release_that_this_server_never_had_are_gone(own_client, own_home):
    cursor = own_client.get("/v1/tables/customers?limit=1").json()["next"].rpartition("=")[2]
    fill(own_home, rows=10)
    publish(own_home, 2)
    own_client.app.state.service.releases._open.clear()
    assert own_client.get(f"/v1/tables/customers?cursor={cursor}").status_code == 404


def test_an_unchanged_answer_has_no_body(own_client, own_home):
    address = "/v1/tables/customers?limit=5&is_open=true"
    tag = own_client.get(address).headers["ETag"]
    for given in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        again = own_client.get(address, headers={"If-None-Match": given})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == tag
    asked = {"If-None-Match": tag}
    assert own_client.get(address, headers={"If-None-Match": '"other"'}).status_code == 200
    assert own_client.get(f"{address}&customer_id__gt=2", headers=asked).status_code == 200
    publish(own_home, 2)
    assert own_client.get(address, headers=asked).status_code == 200


def test_answers_come_from_the_cache_by_what_the_token_may_see(client, personal):
    service = client.app.state.service
    before, cached = len(service.answers._kept), service.figures.cached._value.get()
    first = client.get("/v1/tables/customers?limit=3")
    assert client.get("/v1/tables/customers?limit=3").content == first.content
    assert len(service.answers._kept) == before + 1
    assert service.figures.cached._value.get() == cached + 1
    token = personal.headers["Authorization"]
    other = client.get("/v1/tables/customers?limit=3", headers={"Authorization": token})
    assert "tax_id" in other.json()["rows"][0]
    assert other.headers["ETag"] != first.headers["ETag"]


def test_the_release_says_what_it_is(client):
    found = client.get("/v1/release").json()
    assert found["rows"]["customers"] == CUSTOMERS
    assert found["batches"] == [{"batch": 1, "batch_date": "2024-01-31"}]
    assert found["tests_passed"] == 7


def test_a_view_is_read_like_a_table(own_home, own_client):
    """By pages where it has a key; as an extract only where it has none, or a hidden one."""
    with duckdb.connect(own_home.warehouse) as warehouse:
        warehouse.execute("create view gold.open_ones as from gold.customers where is_open")
        warehouse.execute(
            "create view gold.branches as select branch, worth_usd from gold.customers"
        )
    known = state.find(own_home, Graph).model_dump()
    table = known["tables"]["customers"]
    known["tables"] |= {"open_ones": table, "branches": table | {"key": []}}
    known["comments"] |= {"open_ones": {"": "Customers who did not leave."}}
    state.write(own_home, "graph", known | {"release_views": ["open_ones", "branches"]})
    publish(own_home, 2)

    found = {one["name"]: one for one in own_client.get("/v1/tables").json()}
    assert found["open_ones"]["description"] == "Customers who did not leave."
    assert (found["open_ones"]["rows"], found["branches"]["rows"]) == (None, None)
    assert ids(own_client, limit=2) == [0, 1]
    page = own_client.get("/v1/tables/open_ones?limit=2").json()
    assert [row["customer_id"] for row in page["rows"]] == [0, 2]
    following = own_client.get(page["next"]).json()
    assert [row["customer_id"] for row in following["rows"]] == [4, 6]

    refused = own_client.get("/v1/tables/branches")
    assert refused.status_code == 400
    assert "/v1/tables/branches/extract" in refused.json()["detail"]
    extract = own_client.get("/v1/tables/branches/extract?format=json")
    assert len(extract.json()) == CUSTOMERS

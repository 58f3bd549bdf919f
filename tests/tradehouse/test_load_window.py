"""Which loads a model sees, and which models are built from nothing for them; without dbt."""

import re
from types import SimpleNamespace
from typing import Any

import duckdb
import jinja2
import pytest

from tests.tradehouse.support import PROJECT
from tradehouse.build import selection
from tradehouse.home.raw_queries import EVERY_TABLE

MACRO = (PROJECT / "macros" / "loads" / "in_load_window.sql").read_text()
Rows = list[tuple[Any, ...]]


class ReturnedError(Exception):
    """What a macro of dbt returns."""


def window(
    loads: Rows, built: Rows, judged: Rows | None = None, *, is_held: bool = False
) -> tuple[int, bool]:
    """What the macro finds: the first load, and whether rows are lost.

    `loads` and `built` have number and time, loads also whether they rewrite; `judged` has number,
    contract, reason, whether it loses.
    """
    with duckdb.connect() as connection:
        connection.execute(
            "create table ledger (source text, load int, committed_at int, rewrites bool)"
        )
        connection.execute("create table built (source text, load int, committed_at int)")
        connection.execute(
            "create table judged (source text, load int, contract text, reason text, loses bool)"
        )
        for name, rows in (("ledger", loads), ("built", built), ("judged", judged or [])):
            for row in [("own", *row) for row in rows]:
                connection.execute(f"insert into {name} values ({', '.join('?' * len(row))})", row)

        def columns(_: Any) -> list[Any]:
            return [SimpleNamespace(name="rewrites")]

        def give(value: Any) -> None:
            raise ReturnedError(value)

        module: Any = jinja2.Environment(extensions=["jinja2.ext.do"]).from_string(MACRO)
        made = module.make_module(
            {
                "adapter": SimpleNamespace(
                    get_relation=lambda **_: "built", get_columns_in_relation=columns
                ),
                "api": SimpleNamespace(
                    Relation=SimpleNamespace(
                        create=lambda identifier, **_: {"loads": "ledger"}.get(
                            identifier, identifier
                        )
                    )
                ),
                "load_relation": lambda name: name,
                "this": SimpleNamespace(database="db"),
                "is_held": lambda _: is_held,
                "run_query": lambda sql: SimpleNamespace(rows=connection.execute(sql).fetchall()),
                "return": give,
            }
        )
        with pytest.raises(ReturnedError) as found:
            made.find_load_window("own")
    [answer] = found.value.args
    return answer["first_load"], answer["has_lost_rows"]


FIRST, SECOND = (1, 10, False), (2, 20, False)


@pytest.mark.parametrize(
    ("loads", "built", "expected"),
    [
        ([], [], (0, False)),
        ([FIRST, SECOND], [], (0, False)),
        ([FIRST, SECOND], [(1, 10)], (2, False)),
        ([FIRST, SECOND], [(1, 10), (2, 20)], (3, False)),
        # A stream of a load says that rows went.
        ([FIRST, SECOND, (2, 21, True)], [(1, 10)], (2, True)),
        ([FIRST, (2, 20, None)], [(1, 10)], (2, True)),
        ([(1, 10, True), SECOND], [(1, 10)], (2, False)),
        # Before the first load was built, another one took rows away that may be in models.
        ([FIRST, (2, 20, True)], [], (0, True)),
        # An older raw was put back, and loaded into again.
        ([FIRST], [(1, 10), (2, 20)], (3, True)),
        ([FIRST, (2, 25, False)], [(1, 10), (2, 20)], (2, True)),
        ([], [(1, 10)], (2, True)),
    ],
)
def test_the_window_begins_where_what_is_built_ends(
    loads: Rows, built: Rows, expected: tuple[int, bool]
) -> None:
    assert window(loads, built) == expected


@pytest.mark.parametrize(
    ("judged", "lost"),
    [
        ([(1, "c", None, True), (2, "c", None, False)], False),
        ([(1, "c", None, False), (2, "c", None, True)], True),
        ([(1, "c", None, False), (2, "c", None, None)], True),
        ([(1, "c", None, False), (2, "d", None, False)], True),
        ([(1, "c", None, False), (2, "c", "bad", False)], True),
        ([(1, "c", "bad", False), (2, "c", None, False)], True),
        ([(2, "c", None, False)], True),
        ([(1, "c", None, False)], False),
    ],
)
def test_what_a_contract_lets_through_otherwise_is_lost(judged: Rows, lost: bool) -> None:
    assert window([FIRST, SECOND], [(1, 10)], judged) == (2, lost)
    assert window([FIRST, SECOND], [(1, 10)], judged, is_held=True) == (2, False)
    assert window([FIRST], [(1, 10)], judged) == (2, False)


def node(name: str, *parents: str, code: str = "", windowed: bool = True) -> Any:
    kind = "by_load" if windowed else "table"
    return SimpleNamespace(
        unique_id=f"model.p.{name}",
        name=name,
        resource_type="model",
        raw_code=code,
        depends_on=SimpleNamespace(nodes=list(parents)),
        config=SimpleNamespace(materialized=kind),
    )


def rebuilt(*nodes: Any, tables: tuple[str, ...] = ("a",)) -> list[str]:
    source = SimpleNamespace(schema="own", identifier="a")
    manifest = SimpleNamespace(
        sources={"source.p.own.a": source}, nodes={one.unique_id: one for one in nodes}
    )
    return selection.names_to_rebuild(manifest, {("own", table) for table in tables})


def test_models_that_do_not_read_load_by_load_are_built_from_nothing_and_what_reads_them() -> None:
    own = "where {{ in_load_window('own') }}"
    bronze = node("bronze", "source.p.own.a", windowed=False)
    by_load = node("by_load", "model.p.bronze", code=own)
    behind = node("behind", "model.p.by_load", code='{{ in_load_window( "own", "x.last_load") }}')
    assert rebuilt(bronze, by_load, behind) == []
    assert rebuilt(bronze, by_load, behind, tables=("a", EVERY_TABLE)) == ["behind", "by_load"]

    other = node("other", "model.p.bronze", code="{{ in_load_window('others') }}")
    comment = node("comment", "model.p.bronze", code="{# " + own + " #}")
    assert rebuilt(bronze, other, comment) == ["comment", "other"]
    last = node("last", "model.p.other", "model.p.by_load", code=own)
    assert rebuilt(bronze, by_load, other, last) == ["last", "other"]


def test_macros_and_selection_read_the_same_from_a_model() -> None:
    found = re.search(r"findall\('(.*)', code\)", MACRO)
    assert found
    assert found[1].replace("\\\\", "\\").replace("\\'", "'") == selection._LOAD_WINDOW.pattern

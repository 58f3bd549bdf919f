"""Every fault is where its list says, spoils nothing else and is mended as promised."""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from simulator import SimulationError, play
from simulator.layouts import columns_of
from simulator.steps import DAILY_FAULTS, FAULTS, chosen_faults, read_list, schedule
from tests.simulator.conftest import DEFAULT_START, simulate
from tests.simulator.test_simulation import digests

DAYS = 26
OUTCOMES = {"absorbed", "quarantined", "held", "refused", "waiting"}


@dataclass(frozen=True)
class Played:
    """Steps with all faults, the landing directory after all of them, and the clean one."""

    out: Path
    landing: Path
    clean: Path

    @property
    def faults(self) -> list[dict[str, Any]]:
        faults: list[dict[str, Any]] = read_list(self.out)["faults"]
        return faults

    @property
    def steps(self) -> list[dict[str, Any]]:
        steps: list[dict[str, Any]] = read_list(self.out)["steps"]
        return steps

    def delivered(self, fault: dict[str, Any]) -> Path:
        return self.out / "steps" / f"{fault['step']:03d}" / str(fault["file"])

    def line(self, fault: dict[str, Any]) -> bytes:
        return self.delivered(fault).read_bytes().split(b"\r\n")[fault["line"] - 1]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    parent = tmp_path_factory.mktemp("faults")
    simulate(0.1, DAYS, 1, DEFAULT_START, parent / "out", faults=["all"])
    simulate(0.1, DAYS, 1, DEFAULT_START, parent / "clean")
    for step in read_list(parent / "out")["steps"]:
        assert play(parent / "out", parent / "landing", step["step"]) == step["batch"]
    return Played(parent / "out", parent / "landing", parent / "clean")


def test_every_switch_is_listed_with_its_outcome(played: Played) -> None:
    outcomes = {
        fault: {one["outcome"] for one in played.faults if one["fault"] == fault}
        for fault in FAULTS
    }
    assert outcomes == {
        "broken_xml": {"held"}, "unknown_records": {"quarantined"},
        "several_accounts": {"absorbed"}, "several_announcements": {"absorbed"},
        "several_changes": {"absorbed"}, "identical_repeats": {"absorbed"},
        "update_and_inactivation": {"absorbed"}, "truncated_lines": {"quarantined"},
        "wrong_field_count": {"quarantined"}, "bad_numbers": {"quarantined"},
        "bad_dates": {"quarantined"}, "bad_encoding": {"quarantined"},
        "unknown_codes": {"quarantined"}, "duplicated_keys": {"quarantined"},
        "missing_file": {"held", "waiting"}, "truncated_file": {"held"}, "zero_rows": {"held"},
        "new_column": {"held"}, "removed_column": {"held"}, "swapped_columns": {"held"},
        "delivered_twice": {"absorbed"}, "delivered_changed": {"refused"},
        "delivered_late": {"waiting"}, "late_trades": {"absorbed"},
    }  # fmt: skip
    assert all(set(fault) == {"step", "batch", "file", "line", "fault", "outcome", "reason",
                              "detail", "mended_by"} for fault in played.faults)  # fmt: skip


def test_steps_are_numbered_and_end_with_everything_loaded(played: Played) -> None:
    assert [step["step"] for step in played.steps] == list(range(1, len(played.steps) + 1))
    loaded = [step["loaded_through"] for step in played.steps]
    assert loaded == sorted(loaded)
    assert loaded[-1] == DAYS + 1
    assert {step["batch"] for step in played.steps} == set(range(1, DAYS + 2))


def test_what_is_held_or_refused_is_mended_later(played: Played) -> None:
    batches = {step["step"]: step["batch"] for step in played.steps}
    for fault in played.faults:
        if fault["outcome"] in ("held", "refused"):
            assert fault["mended_by"] > fault["step"]
            assert batches[fault["mended_by"]] == fault["batch"]
        elif fault["outcome"] == "waiting":
            assert fault["mended_by"] > fault["step"]
        else:
            assert fault["mended_by"] is None


def test_held_batches_are_not_counted_as_loaded(played: Played) -> None:
    loaded = {step["step"]: step["loaded_through"] for step in played.steps}
    for fault in played.faults:
        if fault["outcome"] in ("held", "waiting"):
            assert loaded[fault["step"]] < fault["batch"]
            assert loaded[fault["mended_by"]] >= fault["batch"]


def data_rows(played: Played, landing: Path) -> Iterator[tuple[int, str, list[bytes]]]:
    """Delimited files of all batches without the lines that the list names."""
    named: dict[str, set[int]] = {}
    last = {step["batch"]: step["step"] for step in played.steps if step["delivery"] != "faulty"}
    for fault in played.faults:
        if fault["line"] is not None and fault["step"] == last[fault["batch"]]:
            named.setdefault(fault["file"], set()).add(fault["line"])
    for path in sorted(landing.glob("Batch*/*")):
        if path.suffix not in (".txt", ".csv") or path.name.endswith("_audit.csv"):
            continue
        relative = str(path.relative_to(landing))
        skipped = named.get(relative, set()) if landing == played.landing else set()
        rows = path.read_bytes().split(b"\r\n")[:-1]
        kept = [row for line, row in enumerate(rows, 1) if line not in skipped]
        yield int(path.parent.name[5:]), path.name, kept


def test_nothing_good_is_lost_or_altered(played: Played) -> None:
    """Without the listed lines every file is the clean one, but for numbers of later changes."""
    late = [one for one in played.faults if one["fault"] == "late_trades"]
    moved = {played.line(one) for one in late}
    assert len(moved) >= 1
    clean = {(batch, name): rows for batch, name, rows in data_rows(played, played.clean)}
    seen = set()
    for batch, name, rows in data_rows(played, played.landing):
        expected = clean[(batch, name)]
        seen.add((batch, name))
        if name == "Trade.txt" and batch == late[0]["batch"] - 1:
            expected = [row for row in expected if row not in moved]
        if name in ("Customer.txt", "Account.txt"):
            rows = [row.split(b"|", 2)[2] for row in rows]
            expected = [row.split(b"|", 2)[2] for row in expected]
        assert rows == expected, (batch, name)
    assert seen == set(clean)


def test_sequence_numbers_stay_unique(played: Played) -> None:
    for name in ("Customer.txt", "Account.txt"):
        numbers = []
        for batch in range(2, DAYS + 2):
            rows = (played.landing / f"Batch{batch}" / name).read_text().splitlines()
            numbers.extend(int(row.split("|")[1]) for row in rows)
        repeated = [one for one, count in Counter(numbers).items() if count > 1]
        repeats = [one for one in played.faults if one["fault"] == "identical_repeats"
                   and one["file"].endswith(name)]  # fmt: skip
        assert len(repeated) == len(repeats)
        assert sorted(set(numbers)) == list(range(min(numbers), max(numbers) + 1))


def test_quarantined_rows_stay_below_five_percent(played: Played) -> None:
    counts = Counter(
        (fault["step"], fault["file"])
        for fault in played.faults
        if fault["outcome"] == "quarantined"
    )
    assert counts
    for (step, file), count in counts.items():
        path = played.out / "steps" / f"{step:03d}" / file
        rows = path.read_bytes().count(b"\r\n")
        if path.suffix == ".xml":
            rows = path.read_bytes().count(b"<TPCDI:Action ")
        assert count / rows < 0.05, file


def test_listed_lines_have_their_defect(played: Played) -> None:
    for fault in played.faults:
        if fault["line"] is None or fault["file"].endswith(".xml"):
            continue
        line, name = played.line(fault), Path(fault["file"]).name
        before = played.delivered(fault).read_bytes().split(b"\r\n")[: fault["line"] - 1]
        if name.startswith("FINWIRE"):
            if fault["outcome"] == "absorbed":
                continue  # looked at in test_the_archive_is_otherwise_whole
            known = line[15:18] in (b"CMP", b"SEC", b"FIN")
            assert known == (fault["reason"] == "malformed_row")
            assert len(line) not in (543, 170, 220, 196, 246)
            continue
        columns = columns_of(name, fault["batch"])
        delimiter = "," if name.endswith(".csv") else "|"
        fields = next(csv.reader([line.decode("latin-1")], delimiter=delimiter))
        match fault["fault"]:
            case "truncated_lines" | "wrong_field_count":
                assert len(fields) != len(columns)
            case "bad_encoding":
                with pytest.raises(UnicodeDecodeError):
                    line.decode()
            case "identical_repeats":
                assert line in before
            case "duplicated_keys":
                key = 2 if name == "Prospect.csv" else 4
                assert line not in before
                same = [one for one in before if one.split(delimiter.encode())[1:key]
                        == line.split(delimiter.encode())[1:key]]  # fmt: skip
                assert len(same) == 1
            case "bad_numbers" | "bad_dates":
                column, value = fault["detail"].split(" is ")
                assert fields[columns.index(column)] == value
                assert len(fields) == len(columns)
            case "unknown_codes":
                assert fields[0] == "X" or fields[-1] == "STOP"
            case "several_changes" | "update_and_inactivation":
                assert any(text in line for text in (b"Passing", b"First Name"))
            case "late_trades":
                assert fields[4] == "PNDG"
                date = (played.delivered(fault).parent / "BatchDate.txt").read_text().strip()
                assert fields[3][:10] < date
            case other:
                pytest.fail(f"no check for {other}")


def test_spoiled_files_have_their_defect(played: Played) -> None:
    spoiled = {fault["fault"]: played.delivered(fault) for fault in played.faults
               if fault["outcome"] in ("held", "refused")}  # fmt: skip
    assert not spoiled["missing_file"].exists()
    assert not spoiled["truncated_file"].read_bytes().endswith(b"\n")
    assert spoiled["zero_rows"].read_bytes() == b""
    with pytest.raises(ElementTree.ParseError):
        ElementTree.parse(spoiled["broken_xml"])
    for name, count in (("new_column", 9), ("removed_column", 21), ("swapped_columns", 6)):
        rows = spoiled[name].read_text().splitlines()
        delimiter = "," if name == "removed_column" else "|"
        assert {len(row) for row in csv.reader(rows, delimiter=delimiter)} == {count}
    swapped = spoiled["swapped_columns"].read_text().splitlines()[0].split("|")
    assert (len(swapped[3]), len(swapped[4])) == (19, 15)


def historical(played: Played, fault: str, file: str) -> list[dict[str, Any]]:
    """What the list says of a fault in the historical delivery that is loaded."""
    step = max(one["step"] for one in played.steps if one["batch"] == 1)
    return [
        one
        for one in played.faults
        if one["fault"] == fault and one["step"] == step and str(one["file"]).startswith(file)
    ]


def actions(document: Path) -> list[tuple[str, str, bytes]]:
    """Kind, moment and canonical text of every action in document order."""
    return [
        (str(one.get("ActionType")), str(one.get("ActionTS")), ElementTree.tostring(one))
        for one in ElementTree.parse(document).getroot()
    ]


def test_the_customer_history_is_otherwise_whole(played: Played) -> None:
    """Without the listed actions the document is the clean one, and times never go back."""
    name = "Batch1/CustomerMgmt.xml"
    found, clean = actions(played.landing / name), actions(played.clean / name)
    heads = [
        number
        for number, line in enumerate((played.landing / name).read_bytes().split(b"\r\n"), start=1)
        if line.startswith(b"\t<TPCDI:Action ")
    ]
    listed = {
        one["line"]: one["fault"]
        for fault in FAULTS
        for one in historical(played, fault, name)
        if one["line"] is not None
    }
    assert len(heads) == len(found)
    assert [one for line, one in zip(heads, found, strict=True) if line not in listed] == clean
    assert [moment for _, moment, _ in found] == sorted(moment for _, moment, _ in found)
    odd = Counter((listed[line], one[0]) for line, one in zip(heads, found, strict=True)
                  if line in listed)  # fmt: skip
    assert odd == {
        ("unknown_records", "MERGE"): 1,
        ("several_changes", "UPDCUST"): 1, ("several_changes", "UPDACCT"): 1,
        ("update_and_inactivation", "UPDCUST"): 2, ("update_and_inactivation", "UPDACCT"): 2,
        ("several_accounts", "UPDACCT"): 2,
    }  # fmt: skip


def test_historical_changes_are_undone_on_their_day(played: Played) -> None:
    """What passes is followed at the same moment by what restores the state, then by the end."""
    path = played.landing / "Batch1" / "CustomerMgmt.xml"
    rows = path.read_bytes().split(b"\r\n")
    elements = {one.sourceline: one for one in etree.parse(path).getroot()}
    assert rows[min(elements) - 1].startswith(b"\t<TPCDI:Action ")
    followers = {}
    ordered = list(elements.values())
    for fault in ("several_changes", "update_and_inactivation", "several_accounts"):
        for one in historical(played, fault, "Batch1/CustomerMgmt.xml"):
            place = ordered.index(elements[one["line"]])
            first, second = ordered[place], ordered[place + 1]
            assert first.get("ActionTS") == second.get("ActionTS")
            assert first.find("Customer").get("C_ID") == second.find("Customer").get("C_ID")
            accounts = len(first.findall("Customer/Account"))
            followers.setdefault(fault, []).append((
                first.get("ActionType"), accounts, second.get("ActionType"),
            ))  # fmt: skip
    assert set(followers["several_changes"]) == {
        ("UPDCUST", 0, "UPDCUST"), ("UPDACCT", 1, "UPDACCT"),
    }  # fmt: skip
    assert set(followers["update_and_inactivation"]) == {
        ("UPDCUST", 0, "UPDCUST"), ("UPDCUST", 0, "INACT"),
        ("UPDACCT", 1, "UPDACCT"), ("UPDACCT", 1, "CLOSEACCT"),
    }  # fmt: skip
    assert followers["several_accounts"][0] == ("UPDACCT", 2, "UPDACCT")
    assert followers["several_accounts"][1][:2] == ("UPDACCT", 2)
    assert followers["several_accounts"][1][2] in ("INACT", "UPDCUST")


def test_the_archive_is_otherwise_whole(played: Played) -> None:
    """Without the listed records every newswire file is the clean one, and times never go back."""
    listed: dict[str, dict[int, dict[str, Any]]] = {}
    for fault in FAULTS:
        for one in historical(played, fault, "Batch1/FINWIRE"):
            listed.setdefault(one["file"], {})[one["line"]] = one
    odd = Counter()
    for path in sorted((played.landing / "Batch1").glob("FINWIRE????Q?")):
        name = f"Batch1/{path.name}"
        rows = path.read_bytes().split(b"\r\n")[:-1]
        lines = listed.get(name, {})
        clean = (played.clean / name).read_bytes().split(b"\r\n")[:-1]
        assert [row for line, row in enumerate(rows, 1) if line not in lines] == clean, name
        assert [row[:15] for row in rows] == sorted(row[:15] for row in rows), name
        for line, one in lines.items():
            row, kind = rows[line - 1], rows[line - 1][15:18].decode()
            odd[one["fault"], kind, one["reason"]] += 1
            if one["reason"] == "identical_repeat":
                assert row == rows[line - 2]
            elif one["fault"] == "several_announcements":
                assert row != rows[line]
                assert (row[:8], row[15:18]) == (rows[line][:8], rows[line][15:18])
                key = slice(78, 88) if kind == "CMP" else slice(18, 33)
                assert row[key] == rows[line][key]
            elif one["fault"] == "identical_repeats":
                before = b"\r\n".join(
                    (played.clean / "Batch1" / other).read_bytes()
                    for other in sorted(
                        p.name for p in (played.clean / "Batch1").glob("FINWIRE*Q?")
                    )
                    if other < path.name
                ).split(b"\r\n")
                announced = [one for one in before if one[15:18] == b"CMP"
                             and one[78:88] == row[78:88]]  # fmt: skip
                assert announced[-1][15:] == row[15:]
                assert announced[-1][:8] < row[:8]
    assert odd == {
        ("unknown_records", "DIV", "unknown_record_type"): 1,
        ("unknown_records", "SEC", "malformed_row"): 1,
        ("identical_repeats", "CMP", "identical_repeat"): 1,
        ("identical_repeats", "SEC", "identical_repeat"): 1,
        ("identical_repeats", "FIN", "identical_repeat"): 1,
        ("identical_repeats", "CMP", None): 1,
        ("several_announcements", "CMP", None): 1, ("several_announcements", "SEC", None): 1,
    }  # fmt: skip


def test_historical_audit_files_follow_the_rows(played: Played) -> None:
    directory = played.landing / "Batch1"
    kinds = Counter(kind for kind, _, _ in actions(directory / "CustomerMgmt.xml"))
    audit = (directory / "CustomerMgmt_audit.csv").read_text()
    for attribute, kind in (("C_UPDCUST", "UPDCUST"), ("CA_UPDACCT", "UPDACCT"),
                            ("C_INACT", "INACT"), ("CA_CLOSEACCT", "CLOSEACCT")):  # fmt: skip
        assert f",{attribute},{kinds[kind]}," in audit
    for path in directory.glob("FINWIRE????Q?"):
        lengths = {"CMP": {543}, "SEC": {170, 220}, "FIN": {196, 246}}
        good = {row for row in path.read_text().splitlines()
                if len(row) in lengths.get(row[15:18], ())}  # fmt: skip
        counted = Counter(row[15:18] for row in good)
        audit = (directory / f"{path.name}_audit.csv").read_text()
        for kind in lengths:
            assert f",FW_{kind},{counted[kind]}," in audit, path.name


def test_mended_and_repeated_deliveries_are_the_original(played: Played) -> None:
    first: dict[int, dict[str, str]] = {}
    compared = 0
    for step in played.steps:
        content = digests(played.out / "steps" / f"{step['step']:03d}")
        if step["delivery"] in ("original", "early", "late"):
            first[step["batch"]] = content
        elif step["delivery"] in ("repeated", "mended") and step["batch"] in first:
            assert content == first[step["batch"]]
            compared += 1
        elif step["delivery"] == "changed":
            different = {name for name in content if content[name] != first[step["batch"]][name]}
            assert {Path(name).name for name in different} == {"DailyMarket.txt"}
    assert compared == 2


def test_audit_files_follow_the_rows(played: Played) -> None:
    """Expected counts are those of the good rows; repeated and quarantined ones do not count."""
    for batch in range(2, DAYS + 2):
        directory = played.landing / f"Batch{batch}"
        trades = set((directory / "Trade.txt").read_bytes().split(b"\r\n")[:-1])
        assert (
            f"T_Records,{len(trades)},\r\n".encode() in (directory / "Trade_audit.csv").read_bytes()
        )
        rows = [row.split("|") for row in (directory / "Customer.txt").read_text().splitlines()]
        updated = sum(row[0] == "U" and row[4] == "ACTV" for row in rows)
        merged = len(rows) - len({row[2] for row in rows})
        audit = (directory / "Customer_audit.csv").read_text()
        assert f"C_UPDCUST,{updated}," in audit
        assert f"C_ID_HIST,{merged}," in audit


def test_single_switches_inject_only_themselves(tmp_path: Path) -> None:
    simulate(0.1, 4, 1, DEFAULT_START, tmp_path / "out", faults=["zero_rows", "bad_dates"])
    assert {fault["fault"] for fault in read_list(tmp_path / "out")["faults"]} == {
        "zero_rows", "bad_dates",
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    simulate(0.1, 4, 1, DEFAULT_START, tmp_path / "again", faults=["bad_dates", "zero_rows"])
    assert digests(tmp_path / "again") == digests(tmp_path / "out")


@pytest.mark.parametrize(
    ("faults", "days", "expected"),
    [
        (["typo"], 3, "There is no fault typo; choose from all, broken_xml"),
        (["all"], 3, "These faults need at least 23 days, but only 3 were asked for"),
        (["delivered_late"], 1, "These faults need at least 2 days"),
    ],
)
def test_impossible_faults_are_one_sentence(
    tmp_path: Path, faults: list[str], days: int, expected: str
) -> None:
    with pytest.raises(SimulationError, match=expected):
        simulate(0.1, days, 1, DEFAULT_START, tmp_path / "out", faults=faults)
    assert list(tmp_path.iterdir()) == []


def test_faults_need_a_directory_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(SimulationError, match="need a directory of their own"):
        simulate(0.1, 2, 1, DEFAULT_START, tmp_path, faults=["zero_rows"])


def test_a_step_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="There is no step 7"):
        play(tmp_path, tmp_path / "landing", 7)


@given(st.sets(st.sampled_from(DAILY_FAULTS), min_size=1), st.integers(0, 400))
def test_faults_fit_their_days_and_do_not_overlap(names: set[str], spare: int) -> None:
    widths = {name: 2 if name in ("delivered_late", "late_trades", "missing_file") else 1
              for name in names}  # fmt: skip
    days = sum(widths.values()) + spare
    planned = schedule(chosen_faults(names), days)
    assert set(planned.values()) == names
    taken = [batch + more for batch, name in planned.items() for more in range(widths[name])]
    assert len(set(taken)) == len(taken)
    assert min(taken) >= 2
    assert max(taken) <= days + 1

"""What the sensor of deliveries starts, and what it leaves alone."""

import json
import shutil

import pytest
from dagster import DagsterInstance, RunRequest, build_sensor_context

from orchestration import delivery_sensor, jobs
from tests.landing import write_landing
from tests.orchestration.support import FIRST, LAST, MIDDLE, deliver
from tradehouse.home import state, switches
from tradehouse.home.paths import Home
from tradehouse.loads import days

RANGE = {
    "dagster/asset_partition_range_start": FIRST,
    "dagster/asset_partition_range_end": LAST,
}


@pytest.fixture
def landing(home):
    return deliver(home / "landing", days=2)


class Sensor:
    """The sensor, with a clock that the test sets and the cursor it left behind."""

    def __init__(self, definitions, monkeypatch):
        self.definitions = definitions
        self.sensor = definitions.resolve_sensor_def("complete_deliveries")
        self.cursor = None
        self.moment = 1000.0
        monkeypatch.setattr(delivery_sensor, "now", lambda: self.moment)

    def tick(self, after=0.0):
        self.moment += after
        with DagsterInstance.ephemeral() as instance:
            context = build_sensor_context(
                instance=instance, cursor=self.cursor, definitions=self.definitions
            )
            data = self.sensor.evaluate_tick(context)
        self.cursor = data.cursor or self.cursor
        return data.run_requests, data.skip_message


@pytest.fixture
def sensor(definitions, monkeypatch):
    return Sensor(definitions, monkeypatch)


def test_without_a_landing_directory_nothing_is_started(home, sensor):
    requests, reason = sensor.tick()
    assert requests == []
    for way_out in ("--landing DIR", "tradehouse sources add", "tradehouse run --demo"):
        assert way_out in reason
    switches.turn(Home(home).state, "exchange_rates", on=True)
    assert sensor.tick()[1].startswith("No landing directory yet")


def test_a_delivery_is_started_when_it_was_quiet_for_a_minute(landing, sensor):
    requests, reason = sensor.tick()
    assert requests == []
    assert reason.startswith("Batch1 changed 0 s ago")

    assert sensor.tick(after=59)[0] == []
    [request], _ = sensor.tick(after=1)

    assert {name: request.tags.get(name) for name in RANGE} == RANGE
    assert request.run_key == f"{FIRST}..{LAST}"


def test_a_day_is_started_once(landing, sensor):
    sensor.tick()
    assert len(sensor.tick(after=60)[0]) == 1

    requests, reason = sensor.tick(after=60)

    assert requests == []
    assert reason.startswith("Nothing new in")


def test_a_new_day_is_started_by_itself(home, landing, sensor):
    state.write(Home(home), "sync", {"status": "succeeded", "loaded": {"1": 1, "2": 1}})
    sensor.tick()

    [request], _ = sensor.tick(after=60)

    assert (request.partition_key, request.run_key) == (LAST, LAST)


def test_what_is_loaded_is_not_started(home, landing, sensor):
    state.write(Home(home), "sync", {"status": "succeeded", "loaded": {"1": 1, "2": 1, "3": 1}})
    sensor.tick()

    assert sensor.tick(after=60)[0] == []


def test_a_file_that_grows_starts_the_minute_anew(landing, sensor):
    sensor.tick()
    with (landing / "Batch1/Trade.txt").open("ab") as file:
        file.write(b"more")

    requests, reason = sensor.tick(after=60)
    assert requests == []
    assert "Batch1 changed 0 s ago" in reason
    assert len(sensor.tick(after=60)[0]) == 1


@pytest.mark.parametrize("missing", ["Trade.txt", "BatchDate.txt", "WatchHistory.txt"])
def test_a_batch_that_lacks_a_file_is_left_alone_with_all_after_it(landing, sensor, missing):
    (landing / "Batch2" / missing).unlink()
    sensor.tick()

    [request], _ = sensor.tick(after=60)
    assert (request.partition_key, request.run_key) == (FIRST, FIRST)
    requests, reason = sensor.tick(after=60)

    assert requests == []
    assert f"Batch2 is not complete: {missing} missing" in reason
    assert "Batch3 comes after one that is not complete" in reason


def test_a_batch_whose_date_cannot_be_read_is_left_alone(landing, sensor):
    write_landing(landing, {"Batch1/BatchDate.txt": b"soon\n"})
    sensor.tick()

    requests, reason = sensor.tick(after=60)

    assert requests == []
    assert "Batch1 is not complete: its date cannot be read" in reason


def test_a_directory_without_batches_is_not_an_error(landing, sensor):
    for folder in landing.glob("Batch*"):
        shutil.rmtree(folder) if folder.is_dir() else folder.unlink()

    requests, reason = sensor.tick()

    assert requests == []
    assert "holds no batch" in reason


def test_batches_that_are_loaded_are_forgotten(home, landing, sensor):
    sensor.tick()
    assert set(json.loads(sensor.cursor)["sizes"]) == {"1", "2", "3"}

    state.write(Home(home), "sync", {"status": "succeeded", "loaded": {"1": 1, "2": 1}})
    sensor.tick()

    assert set(json.loads(sensor.cursor)["sizes"]) == {"3"}


def test_sensor_and_schedules_run_by_themselves_in_production_only(monkeypatch):
    assert (jobs.sensor_status().value, jobs.schedule_status().value) == ("STOPPED", "STOPPED")
    monkeypatch.setenv(jobs.PROFILE_VARIABLE, "prod")
    assert (jobs.sensor_status().value, jobs.schedule_status().value) == ("RUNNING", "RUNNING")


def test_days_are_those_of_the_deliveries_until_they_are_built(home, landing):
    found = days.find_days(Home(home))
    assert {number: day.isoformat() for number, day in found.items()} == {
        1: FIRST,
        2: MIDDLE,
        3: LAST,
    }

    shutil.rmtree(landing)
    built = [{"batch": 1, "batch_date": FIRST, "is_accepted": True}]
    built.append({"batch": 2, "batch_date": None, "is_accepted": False})
    state.write(Home(home), "build", {"status": "passed", "batches": built})
    assert {n: day.isoformat() for n, day in days.find_days(Home(home)).items()} == {1: FIRST}


def test_a_request_for_one_day_names_it(landing):
    [first, *_, last] = days.find_days(Home(landing.parent)).values()

    assert isinstance(delivery_sensor.request([first]), RunRequest)
    assert delivery_sensor.request([first]).partition_key == FIRST
    assert delivery_sensor.request([first, last]).partition_key is None

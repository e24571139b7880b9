"""Steps of flows at their limits: of time, of slots, of size, of what they are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.flows.flows import ResourceKind
from chalicelib.domain.run import RunStatus
from chalicelib.nodes.flows import end, export, ports, stages
from chalicelib.system import ThreadSpawner
from tests.flows.flow_house import (
    FLOW,
    Asked,
    FlowHouse,
    answer,
    generator,
    into,
    lookup,
    numbered,
)
from tests.flows.house import WORKSPACE


@pytest.fixture
def house() -> FlowHouse:
    house = FlowHouse()
    house.export("e1")
    house.import_("i1")
    house.api.routes = {"/items": numbered(3), "/sink": {"id": "new"}}
    return house


def slots(house: FlowHouse, taken: int, limit: int) -> None:
    """Somebody else holds so many slots of the connection for a minute."""
    http = {"baseURI": "https://depot.example/api", "mediaType": "json", "concurrencyLevel": limit}
    house.given(ResourceKind.CONNECTION, "c1", type="http", http=http)
    now = house.clock.now()
    house.leases.take(f"connection#{WORKSPACE}#c1", "other", taken, limit, now=now, until=now + timedelta(minutes=1))


def test_a_step_waits_for_a_slot_of_its_connection(house: FlowHouse) -> None:
    slots(house, taken=2, limit=2)
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert run.status is RunStatus.SUCCEEDED
    assert run.finished_at is not None
    assert run.finished_at - run.created_at >= timedelta(minutes=1)
    assert len(house.api.seen) == 4


def test_no_more_requests_overlap_than_there_are_slots(house: FlowHouse) -> None:
    slots(house, taken=2, limit=4)
    house.api.routes["/items"] = numbered(9)
    house.flow(_exportId="e1", _importId="i1")
    group = CountingSpawner()
    house.ports = replace(house.ports, spawner=group)

    run = house.go()

    assert house.counts(run)["s0"] == (9, 0, 0, 1)
    assert group.most == 2


class CountingSpawner:
    """How many tasks of a group were under way at the most."""

    def __init__(self) -> None:
        self.most = 0
        self._started: list[Callable[[], object]] = []

    def group(self) -> CountingSpawner:
        return self

    def start(self, task: Callable[[], object]) -> None:
        self._started.append(task)
        self.most = max(self.most, len(self._started))

    def wait(self, timeout_seconds: float | None = None) -> bool:
        self._started.pop(0)()
        return True


def test_requests_of_a_page_overlap_in_threads(house: FlowHouse) -> None:
    house.api.routes["/items"] = numbered(40)
    house.export("e1", pageSize=40)
    house.export("l1", "/owners/{{record.id}}")
    house.api.routes["/owners"] = lambda asked: answer(404) if asked.path.endswith("/7") else [{"n": asked.path}]
    house.flow(pageGenerators=[generator("e1")], pageProcessors=[lookup("l1", ("data[0].n", "n")), into("i1")])
    spawner = ThreadSpawner(8, "test")
    house.ports = replace(house.ports, spawner=spawner)

    run = house.go()
    spawner.close()

    assert house.counts(run) == {"g0": (40, 0, 0, 1), "s0": (39, 1, 0, 1), "s1": (39, 0, 0, 1), "": (118, 1, 0, 3)}
    sent = {body["id"]: body["n"] for body in house.api.bodies("/sink")}
    assert sent == {number: f"/owners/{number}" for number in range(1, 41) if number != 7}


def test_what_there_is_no_time_for_is_left_to_the_next_attempt(house: FlowHouse) -> None:
    def slow(asked: Asked) -> Any:
        house.clock.advance(25)
        return {"id": "new"}

    house.api.routes |= {"/items": numbered(8), "/sink": slow}
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert house.counts(run)["s0"] == (8, 0, 0, 1)
    assert [body["id"] for body in house.api.bodies("/sink")] == list(range(1, 9))


def test_a_page_holds_no_more_than_its_bytes(house: FlowHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "MAX_PAGE_BYTES", 3_000)
    house.api.routes["/items"] = [{"id": number, "text": "x" * 1_000} for number in range(1, 8)]
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert house.counts(run)["g0"] == (7, 0, 0, 4)


def test_records_that_make_a_page_too_large_fail(house: FlowHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "MAX_PAGE_BYTES", 2_500)
    house.export("l1", "/owners/{{record.id}}")
    house.api.routes["/owners"] = [{"text": "x" * 1_000}]
    house.flow(pageGenerators=[generator("e1")], pageProcessors=[lookup("l1", ("data", "owner")), into("i1")])

    run = house.go()

    assert house.counts(run)["s0"] == (2, 1, 0, 1)
    assert [error.code for error in house.errors_of("l1")] == ["page_too_large"]


def test_a_record_that_stands_for_many_is_asked_about_child_by_child(house: FlowHouse) -> None:
    house.api.routes["/items"] = [{"id": 1, "lines": [{"n": 1}, {"n": 2}]}, {"id": 2, "lines": []}]
    house.export("l1", "/owners/{{record.n}}", oneToMany=True, pathToMany="lines")
    house.api.routes["/owners"] = lambda asked: [{"of": asked.path}]
    house.import_("i1", oneToMany=True, pathToMany="lines", http={"batchSize": 10})
    house.flow(pageGenerators=[generator("e1")], pageProcessors=[lookup("l1", ("data[0].of", "of")), into("i1")])

    run = house.go()

    assert house.api.bodies("/sink") == [[{"n": 1, "of": "/owners/1"}, {"n": 2, "of": "/owners/2"}]]
    assert house.counts(run)["s1"] == (2, 0, 0, 1)


def test_a_record_of_which_one_child_fails_fails_whole(house: FlowHouse) -> None:
    house.api.routes["/items"] = [{"id": 1, "lines": [{"n": 1}, {"n": 2}]}]
    house.api.routes["/sink"] = lambda asked: answer(400) if asked.body["n"] == 2 else {"id": "new"}
    house.import_("i1", oneToMany=True, pathToMany="lines")
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert house.counts(run)["s0"] == (0, 1, 0, 1)


def test_a_batch_that_is_busy_is_sent_again_whole(house: FlowHouse) -> None:
    answers = [answer(429, {}, retry_after="3"), {"id": "new"}]
    house.api.routes["/sink"] = lambda asked: answers.pop(0)
    house.import_("i1", http={"batchSize": 3})
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert house.counts(run)["s0"] == (3, 0, 0, 1)
    assert len({asked.headers["Idempotency-Key"] for asked in house.api.seen[1:]}) == 1


def test_an_import_may_name_how_often_it_tries(house: FlowHouse) -> None:
    house.api.routes |= {"/items": numbered(1), "/sink": answer(500)}
    house.import_("i1", maxAttempts=2)
    house.flow(_exportId="e1", _importId="i1")

    house.go()

    assert len(house.api.bodies("/sink")) == 2


def test_an_import_that_is_gone_fails_every_record(house: FlowHouse) -> None:
    house.flow(pageGenerators=[generator("e1")], pageProcessors=[into("gone")])

    run = house.go()

    assert house.counts(run)["s0"] == (0, 3, 0, 1)
    assert {error.source for error in house.errors_of("gone")} == {"resource"}


def test_an_import_has_a_trace_key_of_its_own(house: FlowHouse) -> None:
    house.api.routes |= {"/items": numbered(1), "/sink": answer(400)}
    house.export("e1", traceKeyTemplate="from-{{record.id}}")
    house.import_("i1", traceKeyTemplate="to-{{record.id}}")
    house.import_("i2", "/sink")
    house.flow(pageGenerators=[generator("e1")], pageProcessors=[into("i1", proceedOnFailure=True), into("i2")])

    house.go()

    assert [error.trace_key for step in ("i1", "i2") for error in house.errors_of(step)] == ["to-1", "from-1"]


def test_records_that_an_export_cannot_transform_are_errors_of_the_generator(house: FlowHouse) -> None:
    house.api.routes["/items"] = [{"id": 1}, 5]
    expression = {
        "version": "2",
        "rulesTwoDotZero": {"mode": "modify", "mappings": [{"generate": "x", "extract": "y"}]},
    }
    house.export("e1", transform={"type": "expression", "expression": expression})
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert run.status is RunStatus.SUCCEEDED
    assert house.counts(run)["g0"] == (1, 1, 0, 1)
    assert [(error.source, error.retry_data) for error in house.errors_of("e1")] == [("transformation", None)]


def test_every_record_of_a_once_export_is_flagged_after_its_page(house: FlowHouse) -> None:
    once = {"method": "PUT", "relativeURI": "/flags/{{record.id}}", "body": '{"done": true}'}
    house.export("e1", type="once", http={"once": once})
    house.api.routes["/flags"] = lambda asked: answer(400) if asked.path.endswith("/2") else {}
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert house.api.paths()[-3:] == ["PUT /flags/1", "PUT /flags/2", "PUT /flags/3"]
    assert house.counts(run)["g0"] == (3, 1, 0, 1)
    assert [error.trace_key for error in house.errors_of("e1")] == ["2"]


def test_a_delta_stays_behind_that_of_another_flow(house: FlowHouse) -> None:
    house.export("e1", "/items?since={{lastExportDateTime}}", type="delta")
    house.flow(pageGenerators=[generator("e1", _keepDeltaBehindFlowId="x" * 24)], pageProcessors=[into("i1")])
    at = house.clock.now() - timedelta(hours=1)
    house.marks.move_delta(WORKSPACE, "x" * 24, "other", at, at)

    house.go()

    assert house.marks.deltas(WORKSPACE, FLOW) == {"e1": at}


def test_flows_that_start_each_other_come_to_an_end(house: FlowHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(end, "MOST_IN_A_ROW", 3)
    house.flow("a" * 24, _exportId="e1", _importId="i1", _runNextFlowIds=["b" * 24])
    house.flow("b" * 24, _exportId="e1", _importId="i1", _runNextFlowIds=["a" * 24])

    house.go("a" * 24)
    house.pass_time(120)

    assert house.api.paths().count("GET /items") == 4


@pytest.mark.parametrize(
    "given",
    [
        {"window": "soon", "exports": 5, "retry": [], "records": {}, "test": "yes", "depth": "x"},
        {"window": {"from": 5, "to": "never"}, "retry": {"step": 5}, "exports": None},
        {"retry": {"step": "i1"}},
        {"retry": {"step": "unknown", "errors": ["1", 2, "x" * 99]}},
    ],
)
def test_a_run_that_another_door_started_with_anything_ends_well(house: FlowHouse, given: dict[str, Any]) -> None:
    house.flow(_exportId="e1", _importId="i1")

    assert house.go(**given).status is RunStatus.SUCCEEDED


def test_an_error_is_tried_again_where_its_step_stands_now(house: FlowHouse) -> None:
    house.api.routes["/sink"] = answer(400)
    house.flow(_exportId="e1", _importId="i1")
    house.go()
    (error, *_) = house.errors_of("i1")
    house.export("l1", "/owners/{{record.id}}")
    house.api.routes |= {"/owners": [], "/sink": {}}
    house.api.seen.clear()
    house.change(pageGenerators=[generator("e1")], pageProcessors=[lookup("l1"), into("i1")])

    run = house.go(retry={"step": "i1", "errors": [error.id]})

    assert house.api.paths() == ["POST /sink"]
    assert house.counts(run)["s1"] == (1, 0, 0, 1)


def test_pages_are_of_a_reasonable_size() -> None:
    given: list[Any] = [None, 0, -5, 7, 1e9, True, "9"]

    assert [ports.page_size({"pageSize": size}) for size in given] == [20, 1, 1, 7, 10_000, 20, 20]

"""Retrying all failed executions of a workflow since a time, and watching how far that has come."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.run import Failure, RunStatus
from tests.api.world import World

TARGET = "/v1/executions/bulk-retry"
NOTHING = [{"id": "a", "type": "noop"}]


def failed(world: World, workflow: str, count: int = 1, status: RunStatus = RunStatus.FAILED) -> list[str]:
    made = [world.execution(workflow) for _ in range(count)]
    for execution in made:
        world.run_it(execution, status=status, failure=Failure("x", "y"), seconds=0)
    world.queue.hints.clear()
    return made


def start(world: World, workflow: str, **members: Any) -> Any:
    reply = world.call("POST", TARGET, {"workflow_id": workflow, "since": "2026-11-01", **members})
    assert reply.status == 200, reply.text
    return reply.data


def progress(world: World, bulk_id: str) -> Any:
    reply = world.call("GET", f"{TARGET}/{bulk_id}")
    assert reply.status == 200, reply.text
    return reply.data


def statuses(world: World, executions: list[str]) -> set[RunStatus]:
    return {world.run_store.get(execution).status for execution in executions}


def test_everything_that_failed_is_retried_under_its_own_id(world: World) -> None:
    workflow = world.workflow(nodes=NOTHING)
    executions = failed(world, workflow, 120) + failed(world, workflow, 3, RunStatus.TIMED_OUT)

    bulk = start(world, workflow)
    world.work()

    assert list(bulk) == [
        *("id", "workflow_id", "status", "total", "processed", "retried", "skipped"),
        *("started_at", "finished_at", "state"),
    ]
    assert (bulk["status"], bulk["total"], bulk["processed"]) == ("running", 123, 0)
    assert statuses(world, executions) == {RunStatus.SUCCEEDED}
    shown = progress(world, bulk["id"])
    assert shown == {
        **bulk,
        "status": "success",
        "state": "succeeded",
        "processed": 123,
        "retried": 123,
        "finished_at": shown["finished_at"],
    }
    assert shown["finished_at"] is not None


def test_what_did_not_fail_is_left_alone(world: World) -> None:
    workflow, other = world.workflow(nodes=NOTHING), world.workflow(nodes=NOTHING)
    untouched = failed(world, other) + failed(world, workflow, 1, RunStatus.SUCCEEDED)
    (cancelled,) = failed(world, workflow, 1, RunStatus.CANCELLED)
    before = [world.run_store.get(execution) for execution in (*untouched, cancelled)]

    bulk = start(world, workflow)
    world.work()

    assert [world.run_store.get(execution) for execution in (*untouched, cancelled)] == before
    assert progress(world, bulk["id"])["total"] == 0
    assert progress(world, bulk["id"])["status"] == "success"


@pytest.mark.parametrize(
    ("window", "count"),
    [
        ({"since": "2026-11-02T09:30:00Z"}, 3),
        ({"since": "2026-11-02T09:30:01Z"}, 2),
        ({"since": "2026-11-02T10:30:01+01:00"}, 2),
        ({"since": "2026-11-02", "until": "2026-11-02T09:30:10Z"}, 2),
        ({"since": "2026-11-02T09:30:10Z", "until": "2026-11-02T09:30:10Z"}, 1),
        ({"since": "2026-11-02", "until": "2026-11-02"}, 3),
        ({"since": "2026-11-03"}, None),
    ],
)
def test_the_window_is_that_of_the_executions_starts(world: World, window: Any, count: int | None) -> None:
    workflow = world.workflow(nodes=NOTHING)
    for _ in range(3):
        failed(world, workflow)
        world.clock.advance(10)

    reply = world.call("POST", TARGET, {"workflow_id": workflow, **window})
    world.work()

    if count is None:
        assert reply.status == 400  # it would begin after its end, which is now
    else:
        assert progress(world, reply.data["id"])["retried"] == count


def test_an_execution_that_was_retried_meanwhile_is_skipped(world: World) -> None:
    workflow = world.workflow(nodes=NOTHING)
    executions = failed(world, workflow, 5)
    bulk = start(world, workflow)
    page = world.run_store.page

    def overtaken(*args: Any, **kwargs: Any) -> Any:
        listed = page(*args, **kwargs)
        world.run_store.page = page  # type: ignore[method-assign]
        for execution in executions[:2]:
            assert world.call("POST", f"/v1/executions/{execution}/retry", {"mode": "failed"}).status == 200
        return listed

    world.run_store.page = overtaken  # type: ignore[method-assign]
    world.work()

    shown = progress(world, bulk["id"])
    assert (shown["total"], shown["processed"], shown["retried"], shown["skipped"]) == (5, 5, 3, 2)
    assert world.run_store.get(bulk["id"]).output == {"total": 5, "retried": 3, "skipped": 2}


def test_a_worker_that_dies_half_way_through_a_chunk_retries_nothing_twice(world: World) -> None:
    workflow = world.workflow(nodes=[{"id": "a", "type": "fail", "config": {}}])
    executions = failed(world, workflow, 10)
    bulk = start(world, workflow)
    restart, left = world.run_store.restart, [4]
    restarted: list[str] = []

    def dying(run_id: str, *args: Any, **kwargs: Any) -> Any:
        if not left[0]:
            raise UnavailableError
        left[0] -= 1
        restarted.append(run_id)
        return restart(run_id, *args, **kwargs)

    world.run_store.restart = dying  # type: ignore[method-assign]
    world.work()
    left[0] = 100
    world.clock.advance(600)
    world.work_on(bulk["id"])
    world.work()

    assert sorted(restarted) == sorted(executions)
    shown = progress(world, bulk["id"])
    assert (shown["status"], shown["retried"], shown["skipped"]) == ("success", 10, 0)


def test_a_bulk_retry_that_failed_is_continued_like_any_execution(world: World) -> None:
    workflow = world.workflow(nodes=NOTHING)
    executions = failed(world, workflow, 60)
    bulk = start(world, workflow)["id"]
    restart = world.run_store.restart

    def unavailable(*_: Any, **__: Any) -> Any:
        raise UnavailableError

    world.run_store.restart = unavailable  # type: ignore[method-assign]
    for _ in range(20):
        world.work_on(bulk)
        world.clock.advance(300)
    shown = progress(world, bulk)
    assert (shown["status"], shown["processed"], shown["error"]["node_id"]) == ("failed", 0, "chunk")

    world.run_store.restart = restart  # type: ignore[method-assign]
    assert world.call("POST", f"/v1/executions/{bulk}/retry", {"mode": "failed"}).status == 200
    world.work()

    assert statuses(world, executions) == {RunStatus.SUCCEEDED}
    shown = progress(world, bulk)
    assert (shown["status"], shown["total"], shown["retried"], shown["skipped"]) == ("success", 60, 60, 0)


def test_progress_shows_while_it_goes_on(world: World) -> None:
    workflow = world.workflow(nodes=NOTHING)
    failed(world, workflow, 250)
    bulk = start(world, workflow)
    restart = world.run_store.restart
    seen: list[tuple[int, int]] = []

    def watched(*args: Any, **kwargs: Any) -> Any:
        shown = progress(world, bulk["id"])
        seen.append((shown["total"], shown["processed"]))
        return restart(*args, **kwargs)

    world.run_store.restart = watched  # type: ignore[method-assign]
    world.work()

    assert {total for total, _ in seen} == {250}
    assert sorted({processed for _, processed in seen}) == [0, 50, 100, 150, 200]


def test_it_can_be_watched_paused_and_cancelled_like_any_execution(world: World) -> None:
    workflow = world.workflow(nodes=NOTHING)
    executions = failed(world, workflow, 3)
    bulk = start(world, workflow)["id"]

    assert world.call("POST", f"/v1/executions/{bulk}/pause").data["state"] == "paused"
    world.work()
    assert progress(world, bulk)["state"] == "paused"
    assert world.call("POST", f"/v1/executions/{bulk}/cancel").data["status"] == "cancelled"

    assert progress(world, bulk)["status"] == "cancelled"
    assert statuses(world, executions) == {RunStatus.FAILED}
    assert world.call("GET", f"/v1/executions/{bulk}").data["workflow_name"] == "Bulk-Wiederholung"


def test_it_is_listed_among_the_executions_and_among_no_other_workflows(world: World) -> None:
    workflow = world.workflow(nodes=NOTHING)
    bulk = start(world, workflow)["id"]

    (item,) = world.call("GET", "/v1/executions").data["executions"]

    assert (item["id"], item["workflow_name"]) == (bulk, "Bulk-Wiederholung")
    assert world.call("GET", f"/v1/executions?workflow_id={workflow}").data["executions"] == []
    own = world.call("GET", f"/v1/executions?workflow_id={item['workflow_id']}").data["executions"]
    assert [each["id"] for each in own] == [bulk]


def test_its_workflow_is_nobodys_to_see_or_touch(world: World) -> None:
    workflow = world.workflow(nodes=NOTHING)
    bulk = start(world, workflow)["id"]
    own = world.run_store.get(bulk).workflow_id
    before = world.stored()

    listed = [item["id"] for item in world.call("GET", "/v1/workflows").data["workflows"]]
    replies = [
        world.call("GET", f"/v1/workflows/{own}"),
        world.call("PUT", f"/v1/workflows/{own}", {"name": "x"}),
        world.call("DELETE", f"/v1/workflows/{own}"),
        world.call("POST", f"/v1/workflows/{own}/status", {"status": "active"}),
        world.call("POST", f"/v1/workflows/{own}/execute"),
        world.call("POST", "/v1/webhooks", {"workflow_id": own}),
        world.call("POST", TARGET, {"workflow_id": own, "since": "2026-11-01"}),
        world.call("POST", f"/v1/executions/{bulk}/replay"),
    ]

    assert listed == [workflow]
    assert [(reply.status, reply.json["error"]["code"]) for reply in replies] == [(404, "WORKFLOW_NOT_FOUND")] * 8
    assert world.stored() == before


def test_its_workflow_is_no_sub_workflow(world: World) -> None:
    call = {"id": "call", "type": "sub_workflow", "config": {"workflow_id": "wf_bulkretry"}}
    start(world, world.workflow(nodes=NOTHING))
    execution = world.execution(world.workflow(nodes=[call]))

    world.work()

    assert world.call("GET", f"/v1/executions/{execution}").data["status"] == "failed"


def test_an_execution_of_another_kind_is_no_bulk_retry(world: World) -> None:
    execution = world.execution(world.workflow())

    reply = world.call("GET", f"{TARGET}/{execution}")

    assert (reply.status, reply.json["error"]["code"]) == (404, "EXECUTION_NOT_FOUND")


def test_another_workspaces_failures_stay_theirs(world: World) -> None:
    theirs = world.workflow(world.other_key, nodes=NOTHING)
    execution = world.execution(theirs, key=world.other_key)
    world.run_it(execution, status=RunStatus.FAILED)
    body = {"workflow_id": theirs, "since": "2026-11-01"}

    reply = world.call("POST", TARGET, body)
    bulk = world.call("POST", TARGET, body, key=world.other_key).data["id"]

    assert (reply.status, reply.json["error"]["code"]) == (404, "WORKFLOW_NOT_FOUND")
    assert world.call("GET", f"{TARGET}/{bulk}").status == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "workflow_id"),
        ({"workflow_id": None}, "workflow_id"),
        ({"workflow_id": 1}, "workflow_id"),
        ({"since": None}, "since"),
        ({"since": ""}, "since"),
        ({"since": 1700000000}, "since"),
        ({"since": "gestern"}, "since"),
        ({"since": "2026-13-01"}, "since"),
        ({"since": "2026-11-01T00:00:00Zulu"}, "since"),
        ({"since": "2026-11-01", "until": None}, "until"),
        ({"since": "2026-11-01", "until": "bald"}, "until"),
        ({"since": "2026-11-02", "until": "2026-11-01"}, "until"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(world: World, body: dict[str, Any], field: str) -> None:
    workflow = {} if not body else {"workflow_id": world.workflow()}
    before = world.stored()

    reply = world.call("POST", TARGET, workflow | body)

    assert (reply.status, reply.json["error"]["message"]) == (400, f"Ungültiger Wert für '{field}'")
    assert world.stored() == before


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"null"])
def test_a_body_that_is_no_object_is_refused(world: World, raw: bytes) -> None:
    reply = world.call("POST", TARGET, raw=raw)

    assert (reply.status, reply.json["error"]["code"]) == (400, "INVALID_JSON")


@pytest.mark.parametrize("type_", ["bulk_retry_list", "bulk_retry_chunk"])
@pytest.mark.parametrize("is_inside", [False, True])
def test_its_node_types_are_refused_in_workflows(world: World, type_: str, is_inside: bool) -> None:
    node: Any = {"id": "a", "type": type_, "config": {"run_ids": []}}
    if is_inside:
        node = {"id": "m", "type": "map", "config": {"items": [1], "body": {"nodes": [node]}}}

    created = world.call("POST", "/v1/workflows", {"name": "x", "nodes": [node]})
    updated = world.call("PUT", f"/v1/workflows/{world.workflow()}", {"nodes": [node]})

    for reply in (created, updated):
        assert reply.status == 400
        assert "dieser Typ ist nicht für Workflows" in reply.json["error"]["message"]

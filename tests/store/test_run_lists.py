"""Lists of runs and the due index, on every backend."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import RunNotFoundError
from chalicelib.domain.run import RunStatus, RunSummary
from chalicelib.services.ports import DUE_SHARDS, DueRun, Page, RunFilter
from tests.fakes import shard_of
from tests.store.actions import finish, park
from tests.store.backends import Stores
from tests.store.samples import LEASE, after, outcome, run

ALL = RunFilter()


def create(stores: Stores, count: int, **changes: Any) -> None:
    for number in range(count):
        stores.runs.create(run(id=f"exec_{number}", created_at=after(number // 2), **changes))


def page(stores: Stores, where: RunFilter = ALL, offset: int = 0, limit: int = 20) -> tuple[list[str], int]:
    found = stores.runs.page("ws_a", where, offset=offset, limit=limit)
    return [each.id for each in found.items], found.total


def test_a_list_shows_a_summary_of_each_run(stores: Stores) -> None:
    stores.runs.create(run(status=RunStatus.FAILED, finished_at=after(4), output="x"))

    assert stores.runs.page("ws_a", ALL, offset=0, limit=20) == Page(
        (RunSummary("exec_1", "ws_a", "wf_1", "Orders", RunStatus.FAILED, after(0), after(4)),), 1
    )


def test_runs_are_listed_newest_first_then_by_id(stores: Stores) -> None:
    create(stores, 5)

    assert page(stores) == (["exec_4", "exec_3", "exec_2", "exec_1", "exec_0"], 5)


@pytest.mark.parametrize(
    ("offset", "limit", "numbers"),
    [(0, 2, [6, 5]), (2, 2, [4, 3]), (6, 2, [0]), (7, 2, []), (99, 2, []), (0, 0, []), (0, 100, [6, 5, 4, 3, 2, 1, 0])],
)
def test_a_page_has_its_part_of_the_list_and_the_total(
    stores: Stores, offset: int, limit: int, numbers: list[int]
) -> None:
    create(stores, 7)

    assert page(stores, offset=offset, limit=limit) == ([f"exec_{number}" for number in numbers], 7)


@pytest.mark.parametrize(("limit", "numbers"), [(0, []), (2, [4, 3]), (5, [4, 3, 2, 1, 0]), (99, [4, 3, 2, 1, 0])])
def test_the_newest_runs_are_read_and_no_more(stores: Stores, limit: int, numbers: list[int]) -> None:
    create(stores, 5)
    stores.runs.create(run(id="exec_theirs", workspace_id="ws_b", created_at=after(60)))

    found = stores.runs.newest("ws_a", ALL, limit)

    assert [each.id for each in found] == [f"exec_{number}" for number in numbers]


def test_the_newest_runs_since_a_time_are_those_of_the_filter(stores: Stores) -> None:
    create(stores, 6)
    stores.runs.create(run(id="exec_failed", created_at=after(9), status=RunStatus.FAILED))

    since = stores.runs.newest("ws_a", RunFilter(since=after(1)), 10)
    failed = stores.runs.newest("ws_a", RunFilter(statuses=frozenset({RunStatus.FAILED})), 10)
    backwards = stores.runs.newest("ws_a", RunFilter(since=after(9), until=after(1)), 10)

    assert [each.id for each in since] == ["exec_failed", "exec_5", "exec_4", "exec_3", "exec_2"]
    assert [each.id for each in failed] == ["exec_failed"]
    assert backwards == ()


def test_a_list_holds_no_other_workspaces_runs(stores: Stores) -> None:
    stores.runs.create(run(id="exec_1", workspace_id="ws_b"))
    stores.runs.create(run(id="exec_2"))

    assert page(stores) == (["exec_2"], 1)
    assert page(stores, RunFilter(workflow_id="wf_1")) == (["exec_2"], 1)


@pytest.mark.parametrize("workflow_id", ["wf_none", "", "x" * 3000])
def test_a_list_by_workflow_holds_its_runs_alone(stores: Stores, workflow_id: str) -> None:
    stores.runs.create(run(id="exec_1", workflow_id="wf_1"))
    stores.runs.create(run(id="exec_2", workflow_id="wf_2"))

    assert page(stores, RunFilter(workflow_id="wf_2")) == (["exec_2"], 1)
    assert page(stores, RunFilter(workflow_id=workflow_id)) == ([], 0)


def test_a_list_by_status_follows_the_runs_changes(stores: Stores) -> None:
    create(stores, 6)
    stores.runs.end("exec_1", status=RunStatus.CANCELLED, at=after(9))
    stores.runs.claim("exec_3", now=after(9), lease_expires_at=after(9) + LEASE)

    cancelled = RunFilter(statuses=frozenset({RunStatus.CANCELLED}))
    active = RunFilter(workflow_id="wf_1", statuses=frozenset({RunStatus.RUNNING, RunStatus.QUEUED}))
    assert page(stores, cancelled) == (["exec_1"], 1)
    assert page(stores, active) == (["exec_5", "exec_4", "exec_3", "exec_2", "exec_0"], 5)
    assert page(stores, active, offset=1, limit=2) == (["exec_4", "exec_3"], 5)


@pytest.mark.parametrize(
    ("since", "until", "numbers"),
    [
        (1, None, [5, 4, 3, 2]),
        (None, 1, [3, 2, 1, 0]),
        (1, 1, [3, 2]),
        (1.0001, None, [5, 4]),
        (None, 1.9999, [3, 2, 1, 0]),
        (2, 1, []),
        (9, None, []),
        (-99, 99, [5, 4, 3, 2, 1, 0]),
    ],
)
def test_bounds_on_the_age_are_inclusive(
    stores: Stores, since: float | None, until: float | None, numbers: list[int]
) -> None:
    create(stores, 6)
    where = RunFilter(
        since=None if since is None else after(0) + timedelta(seconds=since),
        until=None if until is None else after(0) + timedelta(seconds=until),
    )

    assert page(stores, where) == ([f"exec_{number}" for number in numbers], len(numbers))


def test_an_ended_run_is_forgotten_after_its_retention(make: Callable[..., Stores]) -> None:
    stores = make(retention_seconds=3600)
    create(stores, 3)
    stores.runs.end("exec_0", status=RunStatus.CANCELLED, at=after(10))
    stores.runs.end("exec_1", status=RunStatus.CANCELLED, at=after(2000))

    stores.clock.advance(3609)
    assert page(stores)[1] == 3
    stores.clock.advance(2)

    assert page(stores) == (["exec_2", "exec_1"], 2)
    assert page(stores, limit=1) == (["exec_2"], 2)
    assert stores.runs.get("exec_2").id == "exec_2"
    with pytest.raises(RunNotFoundError):
        stores.runs.get("exec_0")


def test_a_live_run_and_its_steps_outlast_any_retention(make: Callable[..., Stores]) -> None:
    stores = make(retention_seconds=3600)
    stores.runs.create(run())
    stores.runs.record("exec_1", outcome(), (outcome("a"),))
    stores.runs.record_intent("exec_1", "pay", 0)

    stores.clock.advance(300 * 86400)

    assert stores.runs.get("exec_1").status is RunStatus.QUEUED
    assert len(stores.runs.history("exec_1").outcomes) == 2
    assert stores.runs.history("exec_1").intents == {"pay#0"}


def due(stores: Stores, at: float, limit: int = 20) -> list[str]:
    shards = [stores.runs.due(shard, after(at), limit) for shard in range(DUE_SHARDS)]
    return sorted(entry.run_id for entries in shards for entry in entries)


def test_a_run_is_in_the_due_index_of_its_shard(stores: Stores) -> None:
    stores.runs.create(run(due_at=after(60), status=RunStatus.WAITING))

    entry = DueRun("exec_1", "ws_a", after(60), RunStatus.WAITING)
    for shard in range(DUE_SHARDS):
        assert stores.runs.due(shard, after(60), 9) == ((entry,) if shard == shard_of("exec_1") else ())


def test_runs_are_spread_over_all_shards(stores: Stores) -> None:
    for number in range(64):
        stores.runs.create(run(id=f"exec_{number}"))

    assert all(stores.runs.due(shard, after(60), 1) for shard in range(DUE_SHARDS))


def test_the_due_index_gives_the_earliest_first(stores: Stores) -> None:
    ids = [f"exec_{number}" for number in range(99) if shard_of(f"exec_{number}") == 0][:4]
    for run_id, seconds in zip(ids, (30, 10, 40, 20), strict=True):
        stores.runs.create(run(id=run_id, due_at=after(seconds)))

    found = [entry.run_id for entry in stores.runs.due(0, after(35), 2)]
    assert found == [ids[1], ids[3]]
    assert len(stores.runs.due(0, after(35), 9)) == 3
    assert stores.runs.due(0, after(9.999), 9) == ()


def test_a_run_leaves_the_due_index_when_it_ends(stores: Stores) -> None:
    create(stores, 3)
    stores.runs.end("exec_0", status=RunStatus.CANCELLED, at=after(1))
    stores.runs.claim("exec_1", now=after(0), lease_expires_at=after(60))
    finish(stores, output=None)

    assert due(stores, 999) == ["exec_2"]


def test_the_due_index_follows_claims_and_parking(stores: Stores) -> None:
    stores.runs.create(run(due_at=after(5)))

    stores.runs.claim("exec_1", now=after(5), lease_expires_at=after(65))
    assert (due(stores, 64), due(stores, 65)) == ([], ["exec_1"])
    park(stores)
    assert (due(stores, 499), due(stores, 500)) == ([], ["exec_1"])


def test_a_due_time_is_moved_once(stores: Stores) -> None:
    stores.runs.create(run(due_at=after(60)))

    assert stores.runs.rearm("exec_1", after(60), after(120))
    assert not stores.runs.rearm("exec_1", after(60), after(180))

    assert stores.runs.get("exec_1").due_at == after(120)
    assert (due(stores, 119), due(stores, 120)) == ([], ["exec_1"])


def test_an_ended_run_is_not_brought_back_into_the_due_index(stores: Stores) -> None:
    stores.runs.create(run(due_at=after(60)))
    stores.runs.end("exec_1", status=RunStatus.CANCELLED, at=after(1))

    assert not stores.runs.rearm("exec_1", after(60), after(120))

    assert due(stores, 999) == []

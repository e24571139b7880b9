"""Schedules and their index by due time, on every backend."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.domain.cron import interval_timing
from chalicelib.domain.errors import AlreadyExistsError, ScheduleNotFoundError, StaleWriteError
from chalicelib.domain.listing import DUE_SHARDS
from chalicelib.domain.schedules import (
    CatchUp,
    DueSchedule,
    Overlap,
    Schedule,
    Target,
    TargetKind,
    Timing,
    TimingKind,
)
from tests.store.backends import Stores
from tests.store.samples import after
from tests.store.schedule_samples import schedule

FULL = Schedule(
    "sch_1",
    "ws_a",
    Target(TargetKind.SOURCE, "dc_1"),
    Timing(TimingKind.INTERVAL, timezone="Asia/Tokyo", interval_seconds=7, anchor=after(0.25)),
    created_at=after(1),
    updated_at=after(2.5),
    created_by="user_1",
    input={"größe": [1, 1.0, None], "deep": {"x": True}},
    enabled=False,
    overlap=Overlap.QUEUE,
    catch_up=CatchUp.ALL,
    catch_up_limit=7,
    name="Nachtlauf",
    labels={"node_id": "n#1", "n": 3},
    managed=True,
    updated_by="user_2",
    next_fire_at=after(100),
    due_at=after(160),
    last_fire_at=after(50),
    last_run_id="exec_1",
    skipped=12,
    revision=3,
)


def due(stores: Stores, seconds: float, limit: int = 100) -> list[DueSchedule]:
    found = [entry for shard in range(DUE_SHARDS) for entry in stores.schedules.due(shard, after(seconds), limit)]
    return sorted(found, key=lambda entry: (entry.due_at, entry.schedule_id))


@pytest.mark.parametrize("stored", [FULL, schedule()], ids=["full", "bare"])
def test_a_schedule_comes_back_as_it_was_stored(stores: Stores, stored: Schedule) -> None:
    stores.schedules.create(stored)

    assert stores.schedules.get("ws_a", "sch_1") == stored


def test_a_large_input_comes_back_as_it_was_stored(stores: Stores) -> None:
    stored = schedule(input={"text": "ä" * 500_000})
    stores.schedules.create(stored)

    assert stores.schedules.get("ws_a", "sch_1") == stored
    assert stores.schedules.list("ws_a") == (stored,)


def test_an_id_is_taken_once(stores: Stores) -> None:
    stores.schedules.create(schedule())

    with pytest.raises(AlreadyExistsError):
        stores.schedules.create(schedule(name="second"))
    assert stores.schedules.get("ws_a", "sch_1").name == ""


def test_another_workspaces_schedule_does_not_exist(stores: Stores) -> None:
    stores.schedules.create(schedule())

    with pytest.raises(ScheduleNotFoundError):
        stores.schedules.get("ws_b", "sch_1")
    assert stores.schedules.list("ws_b") == ()
    assert stores.schedules.list("ws_b", "wf_1") == ()


def test_a_change_is_stored_over_the_revision_before_it(stores: Stores) -> None:
    stores.schedules.create(schedule())
    stores.schedules.replace(schedule(name="first", revision=2))

    with pytest.raises(StaleWriteError):
        stores.schedules.replace(schedule(name="second", revision=2))
    assert stores.schedules.get("ws_a", "sch_1").name == "first"


def test_a_deleted_schedule_is_not_brought_back(stores: Stores) -> None:
    stores.schedules.create(schedule(due_at=after(5), next_fire_at=after(5)))
    stores.schedules.delete("ws_a", "sch_1")
    stores.schedules.delete("ws_a", "sch_1")

    with pytest.raises(ScheduleNotFoundError):
        stores.schedules.replace(schedule(revision=2))
    with pytest.raises(ScheduleNotFoundError):
        stores.schedules.get("ws_a", "sch_1")
    assert not stores.schedules.rearm("ws_a", "sch_1", after(5), after(9))
    assert stores.schedules.list("ws_a", "wf_1") == ()
    assert due(stores, 99) == []


def test_lists_are_newest_first_and_of_one_target_if_asked(stores: Stores) -> None:
    for number, target_id in enumerate(["wf_1", "wf_2", "wf_1", "wf#1"]):
        target = Target(TargetKind.WORKFLOW, target_id)
        stores.schedules.create(schedule(f"sch_{number}", target=target, created_at=after(number % 3)))

    def ids(target_id: str | None = None) -> list[str]:
        return [each.id for each in stores.schedules.list("ws_a", target_id)]

    assert ids() == ["sch_2", "sch_1", "sch_3", "sch_0"]
    assert ids("wf_1") == ["sch_2", "sch_0"]
    assert ids("wf#1") == ["sch_3"]
    assert ids("wf_9") == []


def test_what_is_due_is_found_earliest_first(stores: Stores) -> None:
    for seconds in (30, 10, 20, 40):
        stores.schedules.create(schedule(f"sch_{seconds}", due_at=after(seconds), next_fire_at=after(seconds - 5)))
    stores.schedules.create(schedule("sch_at_rest"))

    assert due(stores, 30) == [
        DueSchedule("ws_a", "sch_10", after(10), after(5)),
        DueSchedule("ws_a", "sch_20", after(20), after(15)),
        DueSchedule("ws_a", "sch_30", after(30), after(25)),
    ]


def test_a_page_of_what_is_due_has_no_more_than_asked_for(stores: Stores) -> None:
    for number in range(40):
        stores.schedules.create(schedule(f"sch_{number}", due_at=after(number), next_fire_at=after(number)))

    for shard in range(DUE_SHARDS):
        everything = stores.schedules.due(shard, after(99), 99)
        assert stores.schedules.due(shard, after(99), 2) == everything[:2]
    assert len(due(stores, 99)) == 40


def test_one_that_is_only_to_be_looked_at_names_that_time(stores: Stores) -> None:
    stores.schedules.create(schedule(due_at=after(10)))

    assert due(stores, 10) == [DueSchedule("ws_a", "sch_1", after(10), after(10))]


def test_a_schedule_that_rests_leaves_the_index(stores: Stores) -> None:
    stores.schedules.create(schedule(due_at=after(10), next_fire_at=after(10)))
    stores.schedules.replace(schedule(revision=2))

    assert due(stores, 99) == []


def test_a_due_time_is_moved_once(stores: Stores) -> None:
    stores.schedules.create(schedule(due_at=after(10), next_fire_at=after(10)))

    assert stores.schedules.rearm("ws_a", "sch_1", after(10), after(70))
    assert not stores.schedules.rearm("ws_a", "sch_1", after(10), after(80))
    moved = stores.schedules.get("ws_a", "sch_1")
    assert (moved.due_at, moved.next_fire_at, moved.revision) == (after(70), after(10), 1)


def test_a_schedule_at_rest_has_no_due_time_to_move(stores: Stores) -> None:
    stores.schedules.create(schedule())

    assert not stores.schedules.rearm("ws_a", "sch_1", after(10), after(70))
    assert due(stores, 99) == []


def test_intervals_keep_their_anchor_to_the_millisecond(stores: Stores) -> None:
    anchor = after(0) + timedelta(milliseconds=123)
    stores.schedules.create(schedule(timing=interval_timing(90, anchor=anchor)))

    assert stores.schedules.get("ws_a", "sch_1").timing.anchor == anchor

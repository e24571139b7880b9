"""Schedules from due time to run: to the second, once each, through outages, crashes and overlaps."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.cron import cron_timing, interval_timing, upcoming
from chalicelib.domain.errors import RunNotFoundError, UnavailableError
from chalicelib.domain.graph import Graph, Node
from chalicelib.domain.run import Run, RunStatus
from chalicelib.domain.schedules import CatchUp, Overlap, Schedule, Target, TargetKind, Timing, fire_id
from chalicelib.domain.workflow import TWINIT, WorkflowStatus
from chalicelib.services.schedules.schedules import Amendment, Draft
from tests.fakes import START
from tests.flows.house import OWNER, WORKSPACE, House

MINUTELY = cron_timing("0 * * ? * *")
NOOP = Graph((Node("a", "noop"),))
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def lasting(seconds: int) -> Graph:
    return Graph((Node("w", "wait", config={"seconds": seconds}),))


def make(house: House, timing: Timing, graph: Graph = NOOP, **members: Any) -> Schedule:
    house.save(graph)
    return house.schedules.create(OWNER, Draft(Target(TargetKind.WORKFLOW, "wf_1"), timing, **members))


def stored(house: House, schedule: Schedule) -> Schedule:
    return house.schedule_store.get(WORKSPACE, schedule.id)


def live(house: House, seconds: float, *, ticks: int = 1) -> None:
    """Lets time go from one thing that happens to the next; the tick comes each minute, so many times."""
    end = house.clock.now() + timedelta(seconds=seconds)
    ticked_at = house.clock.now()
    while True:
        hints = [hint.visible_at for hint in house.queue.hints]
        hints += [hint.visible_at for hint in house.schedule_queue.hints]
        at = min([ticked_at + MINUTE, *hints])
        if at > end:
            house.clock.at = end
            return
        house.clock.at = max(at, house.clock.at)
        if at == ticked_at + MINUTE:
            ticked_at = at
            for _ in range(ticks):
                house.tick.run()
        house.work()


def runs_of(house: House, schedule: Schedule, due: list[datetime]) -> list[Run | None]:
    def run(due_at: datetime) -> Run | None:
        try:
            return house.run(fire_id(schedule.id, due_at))
        except RunNotFoundError:
            return None

    return [run(at) for at in due]


def all_runs(house: House) -> list[Run]:
    return sorted(house.runs._runs.values(), key=lambda run: (run.scheduled_at or run.created_at, run.id))


def due_in(timing: Timing, seconds: float, after: datetime = START) -> list[datetime]:
    found: list[datetime] = []
    for fire in upcoming(timing, after):
        if fire.at > after + timedelta(seconds=seconds):
            return found
        found.append(fire.at)
    return found


@pytest.mark.parametrize(
    "timing",
    [
        cron_timing("*/7 * * ? * *"),
        cron_timing("30 */2 * ? * *", "Europe/Berlin"),
        cron_timing("17 5/20 * ? * *"),
        cron_timing("45 * * * *"),
        interval_timing(1),
        interval_timing(1000),
    ],
    ids=lambda timing: timing.expression or str(timing.interval_seconds),
)
def test_every_due_time_has_its_run_at_the_very_second(timing: Timing) -> None:
    house = House()
    schedule = make(house, timing)
    live(house, 7000 if timing.interval_seconds != 1 else 300)

    runs = all_runs(house)
    expected = due_in(stored(house, schedule).timing, 7000 if timing.interval_seconds != 1 else 300)
    assert [run.scheduled_at for run in runs] == expected
    assert {run.trigger for run in runs} == {"schedule"}
    assert {run.created_by for run in runs} == {OWNER.user_id}
    assert all(
        timedelta() <= run.created_at - run.scheduled_at < timedelta(seconds=1) for run in runs if run.scheduled_at
    )


def test_the_run_gets_the_schedules_input_and_knows_its_due_time() -> None:
    house = House()
    node = Node("a", "transform", config={"values": {"at": "{{ $run.scheduled_at }}", "shop": "{{ $input.shop }}"}})
    make(house, MINUTELY, Graph((node,)), input={"shop": "berlin"})
    live(house, 60)

    (run,) = all_runs(house)
    assert run.input == {"shop": "berlin"}
    assert run.output == {"at": "2026-11-02T09:31:00Z", "shop": "berlin"}


@pytest.mark.parametrize("expression", ["0 * * ? * *", "*/10 * * ? * *", "0 0 0/3 ? * *"])
def test_ticks_that_come_three_times_start_nothing_twice(expression: str) -> None:
    house, other = House(), House()
    timing = cron_timing(expression)
    make(house, timing)
    make(other, timing)
    live(house, 4 * 3600, ticks=3)
    live(other, 4 * 3600)

    assert [run.id for run in all_runs(house)] == [run.id for run in all_runs(other)] != []


def test_hints_that_come_again_late_and_out_of_order_start_nothing_twice() -> None:
    house = House()
    schedule = make(house, MINUTELY)
    seen = []
    for _ in range(10):
        live(house, 61)
        seen.append(schedule.id)
        for schedule_id in reversed(seen):
            house.firing.fire(schedule_id, WORKSPACE, house.clock.now() + MINUTE)
        house.work()

    assert [run.scheduled_at for run in all_runs(house)] == due_in(MINUTELY, 610)


def test_hints_that_are_all_lost_are_sent_by_the_tick() -> None:
    house = House()
    make(house, MINUTELY)
    for _ in range(30):
        house.schedule_queue.hints.clear()
        house.clock.advance(60)
        house.tick.run()
        house.fire()

    assert [run.scheduled_at for run in all_runs(house)] == due_in(MINUTELY, 1800)


OUTAGE = 3 * DAY
HALF_HOURLY = cron_timing("0 0/30 * ? * *")


@pytest.mark.parametrize(
    ("catch_up", "limit", "made_up"),
    [
        (CatchUp.NONE, 100, 0),
        (CatchUp.LAST, 100, 1),
        (CatchUp.ALL, 1000, 144),
        (CatchUp.ALL, 144, 144),
        (CatchUp.ALL, 143, 143),
        (CatchUp.ALL, 1, 1),
    ],
)
def test_after_three_days_the_policy_decides_what_is_made_up_for(catch_up: CatchUp, limit: int, made_up: int) -> None:
    house = House()
    schedule = make(house, HALF_HOURLY, catch_up=catch_up, catch_up_limit=limit)
    house.schedule_queue.hints.clear()
    house.clock.at = START + OUTAGE + timedelta(minutes=10)
    due = due_in(HALF_HOURLY, OUTAGE.total_seconds() + 600)
    live(house, 300)

    missed, started = len(due) - made_up, all_runs(house)
    assert len(due) == 144
    assert [run.scheduled_at for run in started] == due[missed:]
    assert stored(house, schedule).skipped == missed
    assert stored(house, schedule).next_fire_at == START + OUTAGE + timedelta(minutes=30)


def test_what_is_late_by_no_more_than_the_grace_period_was_not_missed() -> None:
    house = House()
    make(house, MINUTELY, catch_up=CatchUp.NONE)
    house.schedule_queue.hints.clear()
    house.clock.at = START + timedelta(minutes=60, seconds=30)
    house.tick.run()
    house.work()

    assert [run.scheduled_at for run in all_runs(house)] == [START + 59 * MINUTE, START + 60 * MINUTE]


def test_a_long_backlog_is_worked_off_in_slices() -> None:
    house = House()
    schedule = make(house, cron_timing("* * * ? * *"), catch_up=CatchUp.ALL, catch_up_limit=450)
    house.schedule_queue.hints.clear()
    house.clock.at = START + OUTAGE
    house.firing.fire(schedule.id, WORKSPACE, house.clock.now() + MINUTE)
    first_slice = len(all_runs(house))
    house.work()

    due = [START + OUTAGE - timedelta(seconds=second) for second in range(120 + 450, -1, -1)]
    assert first_slice == 100
    assert [run.scheduled_at for run in all_runs(house)] == due
    assert stored(house, schedule).skipped == OUTAGE.total_seconds() - len(due)


def test_a_function_that_ends_soon_leaves_the_rest_to_the_next() -> None:
    house = House()
    schedule = make(house, cron_timing("* * * ? * *"), catch_up=CatchUp.ALL)
    house.schedule_queue.hints.clear()
    house.clock.advance(50)
    house.firing.fire(schedule.id, WORKSPACE, house.clock.now() + timedelta(seconds=1))

    assert len(all_runs(house)) == 1
    house.work()
    assert len(all_runs(house)) == 50


def test_a_due_time_at_which_the_run_before_is_under_way_is_skipped() -> None:
    house = House()
    schedule = make(house, MINUTELY, lasting(90), overlap=Overlap.SKIP)
    live(house, 330)

    assert [run.scheduled_at for run in all_runs(house)] == [START + number * MINUTE for number in (1, 3, 5)]
    assert stored(house, schedule).skipped == 2


def test_runs_that_may_overlap_do() -> None:
    house = House()
    make(house, MINUTELY, lasting(1000))
    live(house, 300)

    assert [run.status for run in all_runs(house)] == [RunStatus.WAITING] * 5


def test_runs_that_queue_go_one_after_the_other_in_due_order() -> None:
    house = House()
    make(house, MINUTELY, lasting(150), overlap=Overlap.QUEUE)
    for _ in range(12):
        live(house, 60)
        under_way = [run for run in all_runs(house) if run.status is RunStatus.WAITING]
        assert len(under_way) <= 1
    runs = all_runs(house)
    began = [run.began_at for run in runs if run.began_at is not None]

    assert began == sorted(began)
    assert [run.status for run in runs[:4]] == [RunStatus.SUCCEEDED] * 4
    gaps = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(began)]
    assert gaps == [150.0] * len(gaps)


def test_a_backlog_that_queues_keeps_its_order_whatever_the_order_of_the_hints() -> None:
    house = House()
    schedule = make(house, MINUTELY, lasting(10), overlap=Overlap.QUEUE, catch_up=CatchUp.ALL)
    house.schedule_queue.hints.clear()
    house.clock.at = START + 20 * MINUTE
    house.firing.fire(schedule.id, WORKSPACE, house.clock.now() + MINUTE)
    house.queue.hints.reverse()
    house.schedule_queue.hints.clear()
    house.schedules.disable(OWNER, schedule.id)
    live(house, 600)

    runs = all_runs(house)
    ends = [run.finished_at for run in runs]
    assert len(runs) == 20
    assert {run.status for run in runs} == {RunStatus.SUCCEEDED}
    assert ends == sorted(at for at in ends if at is not None)


def test_a_queued_run_that_is_cancelled_makes_room_for_those_behind_it() -> None:
    house = House()
    make(house, MINUTELY, lasting(130), overlap=Overlap.QUEUE)
    live(house, 241)
    second = all_runs(house)[1]
    house.service.cancel(OWNER, second.id)
    live(house, 30)

    assert [run.status.value for run in all_runs(house)][:3] == ["succeeded", "cancelled", "waiting"]


def test_a_run_under_way_that_is_cancelled_gives_its_place_up() -> None:
    house = House()
    make(house, MINUTELY, lasting(5000), overlap=Overlap.QUEUE)
    live(house, 121)
    house.service.cancel(OWNER, all_runs(house)[0].id)
    live(house, 70)

    assert [run.status.value for run in all_runs(house)][:2] == ["cancelled", "waiting"]


def test_a_schedule_whose_workflow_is_gone_goes_too() -> None:
    house = House()
    make(house, MINUTELY)
    house.workflows.delete(WORKSPACE, "wf_1")
    live(house, 120)

    assert house.schedule_store.list(WORKSPACE) == ()
    assert all_runs(house) == []


def inactive(house: House, **members: Any) -> None:
    workflow = house.workflows.get(WORKSPACE, "wf_1")
    house.workflows.replace(
        replace(workflow, status=WorkflowStatus.INACTIVE, revision=workflow.revision + 1, **members)
    )


def test_due_times_of_an_inactive_workflow_are_passed_over() -> None:
    house = House()
    schedule = make(house, MINUTELY, catch_up=CatchUp.ALL)
    inactive(house)
    live(house, 600)
    workflow = house.workflows.get(WORKSPACE, "wf_1")
    passed = stored(house, schedule).skipped
    house.workflows.replace(replace(workflow, status=WorkflowStatus.ACTIVE, revision=workflow.revision + 1))
    live(house, 60)

    assert passed == 10
    assert [run.scheduled_at for run in all_runs(house)] == [START + 11 * MINUTE]


def test_another_dialects_workflow_knows_no_rest() -> None:
    house = House()
    make(house, MINUTELY)
    inactive(house, dialect=TWINIT)
    live(house, 60)

    assert len(all_runs(house)) == 1


def test_a_schedule_at_rest_fires_nothing_and_goes_on_from_the_present() -> None:
    house = House()
    schedule = make(house, MINUTELY, catch_up=CatchUp.ALL)
    house.schedules.disable(OWNER, schedule.id)
    live(house, 600)
    at_rest = stored(house, schedule)
    house.schedules.enable(OWNER, schedule.id)
    live(house, 60)

    assert (at_rest.next_fire_at, at_rest.due_at) == (None, None)
    assert [run.scheduled_at for run in all_runs(house)] == [START + 11 * MINUTE]


def test_a_new_timing_counts_from_the_change_and_fires_nothing_by_it() -> None:
    house = House()
    schedule = make(house, interval_timing(60), catch_up=CatchUp.ALL)
    live(house, 90)
    changed = house.schedules.update(OWNER, schedule.id, Amendment(retime=lambda _: interval_timing(25)))
    live(house, 40)

    assert changed.next_fire_at == START + timedelta(seconds=115)
    assert [run.scheduled_at for run in all_runs(house)] == [START + MINUTE, START + timedelta(seconds=115)]


def test_changing_anything_but_the_timing_moves_no_due_time() -> None:
    house = House()
    schedule = make(house, interval_timing(60))
    live(house, 30)
    house.schedules.update(OWNER, schedule.id, Amendment(input={"n": 1}, name="hourly"))
    live(house, 30)

    (run,) = all_runs(house)
    assert (run.scheduled_at, run.input) == (START + MINUTE, {"n": 1})


def test_a_change_that_moves_no_due_time_sends_no_second_hint() -> None:
    house = House()
    schedule = make(house, interval_timing(60))

    for number in range(5):
        house.schedules.update(OWNER, schedule.id, Amendment(name=f"name {number}"))

    assert len(house.schedule_queue.hints) == 1


def test_a_timing_that_never_fires_rests() -> None:
    house = House()
    schedule = make(house, cron_timing("0 0 0 30 2 ?"))
    live(house, 300)

    assert (schedule.next_fire_at, schedule.due_at) == (None, None)
    assert all_runs(house) == []


def test_a_timing_that_fired_for_the_last_time_rests() -> None:
    house = House()
    schedule = make(house, cron_timing("0 40 9 2 11 ? 2026"))
    live(house, 1200)

    assert [run.scheduled_at for run in all_runs(house)] == [START + 10 * MINUTE]
    assert (stored(house, schedule).next_fire_at, stored(house, schedule).due_at) == (None, None)


def test_a_thousand_schedules_of_one_minute_all_fire_and_none_twice() -> None:
    house = House()
    house.save(NOOP)
    target = Target(TargetKind.WORKFLOW, "wf_1")
    hourly = cron_timing("0 0 * ? * *")
    made = [house.schedules.create(OWNER, Draft(target, hourly)) for _ in range(1000)]
    for _ in range(40):
        house.clock.advance(60)
        for _ in range(2):
            house.tick.run()
        house.fire()

    due = START + 30 * MINUTE
    assert sorted(run.id for run in all_runs(house)) == sorted(fire_id(each.id, due) for each in made)


@pytest.mark.parametrize("count", [10, 1_000, 100_000])
def test_a_tick_costs_what_is_due_and_not_what_is_stored(count: int) -> None:
    house = House()
    house.save(NOOP)
    target = Target(TargetKind.WORKFLOW, "wf_1")
    hourly = make_far(house, target)
    for number in range(count):
        house.schedule_store.create(replace(hourly, id=f"sch_{number}"))
    for _ in range(5):
        house.schedules.create(OWNER, Draft(target, cron_timing("0 31 9 ? * *")))
    house.schedule_queue.hints.clear()
    house.clock.advance(130)
    house.schedule_store.read = 0
    house.tick.run()

    assert house.schedule_store.read == 5
    assert len(house.schedule_queue.hints) == 5


def make_far(house: House, target: Target) -> Schedule:
    schedule = house.schedules.create(OWNER, Draft(target, cron_timing("0 0 0 ? * *")))
    house.schedule_store.delete(WORKSPACE, schedule.id)
    return schedule


def test_a_hint_that_is_lost_costs_no_due_time_whatever_the_policy() -> None:
    for ticked_after in range(0, 60, 7):
        house = House()
        schedule = make(house, cron_timing("0 */10 * ? * *"), catch_up=CatchUp.NONE)
        house.schedule_queue.hints.clear()
        live(house, ticked_after)
        live(house, 600 + 75)

        (run,) = all_runs(house)
        assert run.scheduled_at == START + 10 * MINUTE
        assert stored(house, schedule).skipped == 0


def test_two_workers_that_fire_one_schedule_at_once_start_each_due_time_once(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    schedule = make(house, MINUTELY)
    house.schedule_queue.hints.clear()
    house.clock.at = START + 2 * MINUTE
    replace_ = house.schedule_store.replace

    def overtaken(changed: Schedule) -> None:
        monkeypatch.undo()
        house.firing.fire(schedule.id, WORKSPACE, house.clock.now() + MINUTE)
        replace_(changed)

    monkeypatch.setattr(house.schedule_store, "replace", overtaken)
    house.firing.fire(schedule.id, WORKSPACE, house.clock.now() + MINUTE)

    assert [run.scheduled_at for run in all_runs(house)] == [START + MINUTE, START + 2 * MINUTE]
    assert stored(house, schedule).revision == 2


def test_a_change_that_comes_while_a_schedule_is_fired_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    schedule = make(house, MINUTELY)
    house.schedule_queue.hints.clear()
    house.clock.at = START + MINUTE
    replace_ = house.schedule_store.replace

    def overtaken(changed: Schedule) -> None:
        monkeypatch.undo()
        house.schedules.disable(OWNER, schedule.id)
        replace_(changed)

    monkeypatch.setattr(house.schedule_store, "replace", overtaken)
    house.firing.fire(schedule.id, WORKSPACE, house.clock.now() + MINUTE)

    assert not stored(house, schedule).enabled
    assert stored(house, schedule).next_fire_at is None


def test_a_due_time_that_is_a_moment_away_is_waited_for() -> None:
    house = House()
    schedule = make(house, MINUTELY)
    house.clock.at = START + MINUTE - timedelta(milliseconds=400)
    house.firing.fire(schedule.id, WORKSPACE, house.clock.now() + MINUTE)

    (run,) = all_runs(house)
    assert (run.scheduled_at, run.created_at) == (START + MINUTE, START + MINUTE)


class Crash(Exception):
    """The end of a process."""


CALLS = [
    ("schedule_store", ("get", "replace", "delete", "rearm", "due")),
    ("schedule_queue", ("send_fire",)),
    ("workflows", ("get",)),
    ("runs", ("create", "get")),
    ("queue", ("send",)),
    ("slots", ("wait",)),
]


class Fault:
    """Strikes once, at the call of this number: before what it does (even places) or after it."""

    def __init__(self, house: House, place: int, error: type[Exception]) -> None:
        self._place = place
        self._error = error
        self._called = 0
        self._whole = [(getattr(house, owner), name) for owner, names in CALLS for name in names]
        self.struck = False

    @contextmanager
    def lurking(self) -> Iterator[None]:
        methods = [(owner, name, getattr(owner, name)) for owner, name in self._whole]
        for owner, name, method in methods:
            setattr(owner, name, self._wrapped(method))
        try:
            yield
        except self._error:
            assert self.struck
        finally:
            for owner, name, method in methods:
                setattr(owner, name, method)

    def _wrapped(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            number, self._called = self._called, self._called + 1
            strikes = number == self._place // 2
            self.struck = self.struck or strikes
            if strikes and self._place % 2 == 0:
                raise self._error
            answer = method(*arguments, **options)
            if strikes:
                raise self._error
            return answer

        return call


def test_a_run_is_in_the_way_though_whoever_started_it_could_not_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    schedule = make(house, MINUTELY, lasting(3000), overlap=Overlap.SKIP)
    house.schedule_queue.hints.clear()
    house.clock.at = START + MINUTE

    def crash(_: Schedule) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(house.schedule_store, "replace", crash)
        with pytest.raises(Crash):
            house.firing.fire(schedule.id, WORKSPACE, house.clock.now() + MINUTE)
    house.clock.at = START + 10 * MINUTE
    live(house, 300)

    assert [run.scheduled_at for run in all_runs(house)] == [START + MINUTE]


def test_a_run_is_in_the_way_though_somebody_else_passed_its_due_time_over() -> None:
    house = House()
    schedule = make(house, MINUTELY, lasting(70), overlap=Overlap.SKIP)
    live(house, 119)
    target = house.firing.targets[TargetKind.WORKFLOW]
    slow = target.aim(stored(house, schedule)).start
    assert slow is not None

    live(house, 5)
    assert stored(house, schedule).skipped == 1
    live(house, 10)
    slow(START + 2 * MINUTE)
    live(house, 50)

    assert [run.scheduled_at for run in all_runs(house)] == [START + MINUTE, START + 2 * MINUTE]
    assert stored(house, schedule).skipped == 2


@pytest.mark.parametrize("error", [Crash, UnavailableError])
@pytest.mark.parametrize("overlap", list(Overlap))
def test_a_crash_at_any_call_leaves_everything_to_the_next_pass(overlap: Overlap, error: type[Exception]) -> None:
    due = [START + number * MINUTE for number in range(1, 9)]
    for place in itertools.count():
        house = House()
        schedule = make(house, MINUTELY, lasting(1), overlap=overlap, catch_up=CatchUp.ALL)
        house.schedule_queue.hints.clear()
        house.clock.at = START + 3 * MINUTE
        fault = Fault(house, place, error)
        with fault.lurking():
            house.tick.run()
            house.firing.fire(schedule.id, WORKSPACE, house.clock.now() + MINUTE)
        live(house, 300)

        started = {run.scheduled_at for run in all_runs(house)}
        assert stored(house, schedule).next_fire_at == START + 9 * MINUTE, place
        # What comes at once and may not overlap is one run: the other due times fall into its time.
        assert len(started) + stored(house, schedule).skipped == len(due), place
        assert started == set(due) or overlap is Overlap.SKIP, place
        assert {run.status for run in all_runs(house)} == {RunStatus.SUCCEEDED}
        if not fault.struck:
            break
    assert place > 30

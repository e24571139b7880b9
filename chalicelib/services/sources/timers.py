"""The timers of sources: a schedule for each timer prop, and what firing one starts.

Schedules are written before the source is, for a change that may never be stored. So a schedule is checked against its
source whenever it is looked at, and corrected or removed where the source does not bear it out.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.components import Component
from chalicelib.domain.cron import is_same
from chalicelib.domain.errors import (
    AlreadyExistsError,
    ComponentNotFoundError,
    RunNotFoundError,
    ScheduleNotFoundError,
    SourceNotFoundError,
    StaleWriteError,
    UnavailableError,
)
from chalicelib.domain.hints import MOST_DELAY_SECONDS, whole_delay
from chalicelib.domain.ids import derived
from chalicelib.domain.run import Run, Start
from chalicelib.domain.schedules import Overlap, Schedule, Target, TargetKind, Timing, TimingKind, fire_id
from chalicelib.domain.source_props import timer_event, timers
from chalicelib.domain.sources import Source, run_workflow
from chalicelib.services.ports import Clock, RunStore
from chalicelib.services.runs.runs import Runs
from chalicelib.services.schedules.ports import ScheduleQueue, ScheduleStore
from chalicelib.services.schedules.schedules import armed, counted_from
from chalicelib.services.schedules.targets import TRIGGER, Aim, Standing, unnoted_run
from chalicelib.services.schedules.triggers import SETTLING_SECONDS
from chalicelib.services.sources.ports import SourceStore
from chalicelib.services.sources.runs import Load

_PROP = "prop"
_TRIES = 12


class SourceTimers:
    """Keeps a source's schedules."""

    def __init__(self, store: ScheduleStore, queue: ScheduleQueue, clock: Clock) -> None:
        self._store = store
        self._queue = queue
        self._clock = clock

    def start(self, source: Source, component: Component) -> None:
        """Schedules for a source that is about to be stored: intervals fire as soon as it is, cron when it is time."""
        for prop, timing in timers(component, source.props).items():
            now = self._clock.now()
            schedule = counted_from(self._made(source, prop, timing), now)
            if timing.kind is TimingKind.INTERVAL:
                # Its first turn is its creation: who deploys a poller wants to see something, not wait for an hour.
                schedule = armed(schedule, now, now)
            self._store.create(_settling(schedule, self._clock))

    def announce(self, source: Source) -> None:
        """Hints that what is due of a stored source can be fired; what is lost here is found by the tick."""
        for schedule in self._store.list(source.workspace_id, source.id):
            if schedule.next_fire_at is not None:
                delay = max((schedule.next_fire_at - self._clock.now()).total_seconds(), 0.0)
                # What is later than a queue can wait is hinted at by the tick.
                if delay <= MOST_DELAY_SECONDS:
                    with suppress(UnavailableError):
                        self._queue.send_fire(schedule.id, schedule.workspace_id, whole_delay(delay))

    def change(self, source: Source, component: Component) -> None:
        """Schedules as a source wants them that is about to be changed to this."""
        wanted = timers(component, source.props)
        for schedule in self._store.list(source.workspace_id, source.id):
            # What is left in `wanted` after this has no schedule yet.
            timing = wanted.pop(str(schedule.labels.get(_PROP)), None)
            self._fit(schedule, timing, enabled=source.is_live)
        for prop, timing in wanted.items():
            schedule = counted_from(self._made(source, prop, timing), self._clock.now())
            try:
                self._store.create(_settling(schedule, self._clock))
            # Its id follows from source and prop: one that an earlier change left behind is the very same.
            except AlreadyExistsError:
                self._fit(self._store.get(source.workspace_id, schedule.id), timing, enabled=source.is_live)

    def remove(self, source: Source) -> None:
        for schedule in self._store.list(source.workspace_id, source.id):
            self._store.delete(schedule.workspace_id, schedule.id)

    def fitted(self, schedule: Schedule, timing: Timing | None, *, enabled: bool) -> Schedule:
        """The schedule as its source wants it, to be looked at again soon; at rest where there is no such prop."""
        now = self._clock.now()
        is_on = enabled and timing is not None
        changed = replace(schedule, enabled=is_on, updated_at=now, revision=schedule.revision + 1)
        # Counted from now only where something changed: an unrelated update must not put off the next turn.
        if timing is not None and not is_same(timing, schedule.timing):
            return _settling(counted_from(replace(changed, timing=timing), now), self._clock)
        if is_on is schedule.enabled:
            return _settling(changed, self._clock)
        return _settling(counted_from(changed, now), self._clock)

    def _fit(self, schedule: Schedule, timing: Timing | None, *, enabled: bool) -> None:
        for _ in range(_TRIES):
            try:
                self._store.replace(self.fitted(schedule, timing, enabled=enabled))
            except StaleWriteError:
                schedule = self._store.get(schedule.workspace_id, schedule.id)
            except ScheduleNotFoundError:
                return
            else:
                return
        raise StaleWriteError(schedule_id=schedule.id)

    def _made(self, source: Source, prop: str, timing: Timing) -> Schedule:
        now = self._clock.now()
        return Schedule(
            id=timer_id(source, prop),
            workspace_id=source.workspace_id,
            target=Target(TargetKind.SOURCE, source.id),
            timing=timing,
            created_at=now,
            updated_at=now,
            created_by=source.user_id,
            enabled=source.is_live,
            overlap=Overlap.SKIP,
            labels={_PROP: prop},
            managed=True,
        )


class SourceTarget:
    """Starts invocations of a source; the `ScheduleTarget` of sources."""

    def __init__(
        self, sources: SourceStore, load: Load, timers_: SourceTimers, runs: Runs, store: RunStore, clock: Clock
    ) -> None:
        self._sources = sources
        self._load = load
        self._timers = timers_
        self._runs = runs
        self._store = store
        self._clock = clock

    def aim(self, schedule: Schedule) -> Aim:
        # The schedule is written before its source is: for so long the two may differ without anything being wrong.
        is_new = self._clock.now() < schedule.updated_at + timedelta(seconds=SETTLING_SECONDS)
        try:
            source = self._sources.get(schedule.workspace_id, schedule.target.id)
            component, _ = self._load(source.workspace_id, source.component_id)
        except (SourceNotFoundError, ComponentNotFoundError):
            return Aim(Standing.UNSETTLED if is_new else Standing.GONE)
        # Not even a new one waits: nothing takes back a deletion.
        if source.deleting:
            return Aim(Standing.GONE)
        timing = timers(component, source.props).get(str(schedule.labels.get(_PROP)))
        if timing is None or not is_same(timing, schedule.timing) or schedule.enabled is not source.is_live:
            return self._corrected(schedule, timing, enabled=source.is_live, is_new=is_new)
        return Aim(Standing.READY, lambda due_at: self._start(schedule, source, timing, due_at))

    def is_busy(self, schedule: Schedule, last_id: str) -> bool:
        try:
            return not self._store.get(last_id).status.is_final
        except RunNotFoundError:
            return False

    def unnoted(self, schedule: Schedule) -> Run | None:
        return unnoted_run(self._store, schedule)

    def _corrected(self, schedule: Schedule, timing: Timing | None, *, enabled: bool, is_new: bool) -> Aim:
        if is_new:
            return Aim(Standing.UNSETTLED)
        if timing is None:
            return Aim(Standing.GONE)
        return Aim(Standing.UNSETTLED, corrected=self._timers.fitted(schedule, timing, enabled=enabled))

    def _start(self, schedule: Schedule, source: Source, timing: Timing, due_at: datetime) -> str:
        start = Start(
            user_id=source.user_id,
            run_id=fire_id(schedule.id, due_at),
            exclusive=source.id,
            scheduled_at=due_at,
        )
        # The time that it was due, not the present: a late or repeated start gives the code the same event.
        event = timer_event(timing, int(due_at.timestamp()))
        return self._runs.start(run_workflow(source), {"event": event}, TRIGGER, start=start).id


def timer_id(source: Source, prop: str) -> str:
    """The one id that the schedule of this prop can have."""
    return derived("sch_", f"{source.workspace_id}/{source.id}/{prop}")


def _settling(schedule: Schedule, clock: Clock) -> Schedule:
    """Looked at soon in any case: by then the source is stored, or never will be."""
    look_at = clock.now() + timedelta(seconds=SETTLING_SECONDS)
    return replace(schedule, due_at=look_at if schedule.due_at is None else min(schedule.due_at, look_at))

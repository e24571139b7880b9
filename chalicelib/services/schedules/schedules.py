"""Schedules: creating, changing, watching and previewing them, for whichever door asks.

Storing comes first, hinting after. A change never fires anything: what a new timing, or one that is enabled again,
names first lies after the change. A schedule that follows from its workflow's graph is changed with the graph alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice

from chalicelib.domain.cron import Fire, check, is_same, next_after, upcoming
from chalicelib.domain.errors import (
    InvalidError,
    ScheduleManagedError,
    ScheduleNotFoundError,
    StaleWriteError,
    TooLargeError,
    UnavailableError,
)
from chalicelib.domain.hints import MOST_DELAY_SECONDS, RESEND_SECONDS, whole_delay
from chalicelib.domain.identity import Principal
from chalicelib.domain.ids import ENTROPY_BYTES, mint
from chalicelib.domain.json import Json, encode
from chalicelib.domain.schedules import (
    DEFAULT_CATCH_UP_LIMIT,
    MAX_CATCH_UP_LIMIT,
    CatchUp,
    Overlap,
    Schedule,
    Target,
    TargetKind,
    Timing,
    TimingKind,
)
from chalicelib.services.access import Access, Scope, is_id, require
from chalicelib.services.ports import Clock, Entropy
from chalicelib.services.schedules.ports import ScheduleQueue, ScheduleStore

MAX_INPUT_BYTES = 1024 * 1024
MAX_UPCOMING = 100
_TRIES = 12


@dataclass(frozen=True, slots=True)
class Draft:
    """A schedule to be made. The anchor of an interval is its creation unless the timing names one."""

    target: Target
    timing: Timing
    input: Mapping[str, Json] = field(default_factory=dict)
    enabled: bool = True
    overlap: Overlap = Overlap.ALLOW
    catch_up: CatchUp = CatchUp.NONE
    catch_up_limit: int = DEFAULT_CATCH_UP_LIMIT
    name: str = ""
    labels: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Amendment:
    """What an update sets. None leaves a member as it is; `retime` makes the new timing of the stored one, `labels`
    replace those of the same names."""

    retime: Callable[[Timing], Timing] | None = None
    input: Mapping[str, Json] | None = None
    enabled: bool | None = None
    overlap: Overlap | None = None
    catch_up: CatchUp | None = None
    catch_up_limit: int | None = None
    name: str | None = None
    labels: Mapping[str, Json] = field(default_factory=dict)


class Schedules:
    """The use cases of schedules. Another workspace's schedule is refused exactly like one that does not exist."""

    def __init__(
        self, store: ScheduleStore, queue: ScheduleQueue, access: Access, clock: Clock, entropy: Entropy
    ) -> None:
        self._store = store
        self._queue = queue
        self._access = access
        self._clock = clock
        self._entropy = entropy
        self._check_target: Mapping[TargetKind, Callable[[Principal, str], object]] = {
            TargetKind.WORKFLOW: lambda principal, id_: access.workflow(principal, id_, Scope.WRITE_SCHEDULES)
        }

    def create(self, principal: Principal, draft: Draft, schedule_id: str | None = None) -> Schedule:
        """`schedule_id` is minted unless the dialect has ids of another form. Raises ForbiddenError, InvalidError,
        TooLargeError, and the target's NotFoundError."""
        require(principal, Scope.WRITE_SCHEDULES)
        if draft.target.kind not in self._check_target:
            raise InvalidError("Nothing of this kind can be scheduled.", field="target")
        self._check_target[draft.target.kind](principal, draft.target.id)
        now = self._clock.now()
        schedule = Schedule(
            id=schedule_id or mint("sch_", now, self._entropy.bytes(ENTROPY_BYTES)),
            workspace_id=principal.workspace_id,
            target=draft.target,
            timing=draft.timing,
            created_at=now,
            updated_at=now,
            created_by=principal.user_id,
            input=dict(draft.input),
            enabled=draft.enabled,
            overlap=draft.overlap,
            catch_up=draft.catch_up,
            catch_up_limit=draft.catch_up_limit,
            name=draft.name,
            labels=dict(draft.labels),
        )
        _check(schedule)
        schedule = counted_from(schedule, now, anchored=draft.timing.anchor is not None)
        self._store.create(schedule)
        self._hint(schedule)
        return schedule

    def get(self, principal: Principal, schedule_id: str) -> Schedule:
        """Raises ForbiddenError, ScheduleNotFoundError."""
        return self._owned(principal, schedule_id, Scope.READ_SCHEDULES)

    def list(
        self, principal: Principal, target_id: str | None = None, scope: Scope = Scope.READ_SCHEDULES
    ) -> tuple[Schedule, ...]:
        """Newest first; whoever looks for one to change it names that scope. Raises ForbiddenError."""
        require(principal, scope)
        if target_id is not None and not is_id(target_id):
            return ()
        return self._store.list(principal.workspace_id, target_id)

    def update(self, principal: Principal, schedule_id: str, amendment: Amendment) -> Schedule:
        """Raises ForbiddenError, ScheduleNotFoundError, InvalidError, TooLargeError, and ScheduleManagedError for
        a managed schedule."""
        schedule = self._changeable(principal, schedule_id)
        for tried in range(_TRIES):
            changed = self._amended(schedule, amendment, principal.user_id)
            try:
                self._store.replace(changed)
            except StaleWriteError:
                # Apart by chance, or those who collided once would go on colliding.
                self._clock.sleep((1 + tried) * 0.005 * (1 + self._entropy.bytes(1)[0] / 256))
                schedule = self._store.get(schedule.workspace_id, schedule.id)
            else:
                if changed.next_fire_at != schedule.next_fire_at:  # else the hint that was sent for it is still good
                    self._hint(changed)
                return changed
        raise StaleWriteError(schedule_id=schedule_id)

    def enable(self, principal: Principal, schedule_id: str) -> Schedule:
        """Goes on from now: what fell due meanwhile is not made up for."""
        return self.update(principal, schedule_id, Amendment(enabled=True))

    def disable(self, principal: Principal, schedule_id: str) -> Schedule:
        return self.update(principal, schedule_id, Amendment(enabled=False))

    def changeable(self, principal: Principal, schedule_id: str) -> Schedule:
        """Raises ForbiddenError, ScheduleNotFoundError, and ScheduleManagedError for a managed schedule."""
        return self._changeable(principal, schedule_id)

    def delete(self, principal: Principal, schedule_id: str) -> None:
        """Raises ForbiddenError, ScheduleNotFoundError, and ScheduleManagedError for a managed schedule."""
        schedule = self._changeable(principal, schedule_id)
        self._store.delete(schedule.workspace_id, schedule.id)

    def upcoming(self, principal: Principal, schedule_id: str, count: int) -> tuple[Fire, ...]:
        """The next due times, `MAX_UPCOMING` at most; those that a schedule would have that is not enabled."""
        schedule = self.get(principal, schedule_id)
        return self.preview(schedule.timing, count)

    def preview(self, timing: Timing, count: int) -> tuple[Fire, ...]:
        """The next due times of a timing, `MAX_UPCOMING` at most. Raises InvalidError."""
        now = self._clock.now()
        anchored = timing if timing.anchor is not None else replace(timing, anchor=now)
        return tuple(islice(upcoming(anchored, now), min(count, MAX_UPCOMING)))

    def _owned(self, principal: Principal, schedule_id: str, scope: Scope) -> Schedule:
        require(principal, scope)
        if not is_id(schedule_id):
            raise ScheduleNotFoundError(schedule_id=schedule_id)
        return self._store.get(principal.workspace_id, schedule_id)

    def _changeable(self, principal: Principal, schedule_id: str) -> Schedule:
        schedule = self._owned(principal, schedule_id, Scope.WRITE_SCHEDULES)
        if schedule.managed:
            raise ScheduleManagedError(schedule_id=schedule_id)
        return schedule

    def _amended(self, schedule: Schedule, amendment: Amendment, user_id: str) -> Schedule:
        now = self._clock.now()
        given = {
            name: value
            for name in ("enabled", "overlap", "catch_up", "catch_up_limit", "name")
            if (value := getattr(amendment, name)) is not None
        }
        changed: Schedule = replace(
            schedule,
            **given,
            timing=schedule.timing if amendment.retime is None else amendment.retime(schedule.timing),
            input=schedule.input if amendment.input is None else dict(amendment.input),
            labels={**schedule.labels, **amendment.labels},
            updated_at=now,
            updated_by=user_id,
            revision=schedule.revision + 1,
        )
        _check(changed)
        # The same timing, perhaps written in another way: an interval goes on counting from where it did.
        if is_same(changed.timing, schedule.timing) and changed.enabled is schedule.enabled:
            return replace(changed, timing=schedule.timing)
        is_anchored = changed.timing.anchor not in (None, schedule.timing.anchor)
        return counted_from(changed, now, anchored=is_anchored)

    def _hint(self, schedule: Schedule) -> None:
        delay = hint_delay(schedule, self._clock.now())
        if delay is not None:
            with suppress(UnavailableError):  # what is lost here is sent by the tick
                self._queue.send_fire(schedule.id, schedule.workspace_id, delay)


def counted_from(schedule: Schedule, now: datetime, *, anchored: bool = False) -> Schedule:
    """The schedule with its first due time after `now`, if it is enabled. An interval begins now, unless it is
    `anchored` somewhere else."""
    timing = schedule.timing
    if timing.kind is TimingKind.INTERVAL and not anchored:
        timing = replace(timing, anchor=now)
    next_fire_at = next_after(timing, now) if schedule.enabled else None
    return armed(replace(schedule, timing=timing), next_fire_at, now)


def armed(schedule: Schedule, next_fire_at: datetime | None, now: datetime) -> Schedule:
    """The schedule with its next due time, and when the tick looks at it: when it is due, or, where whoever stores it
    sends the hint, some time later."""
    due_at = next_fire_at
    if next_fire_at is not None and next_fire_at <= now + timedelta(seconds=MOST_DELAY_SECONDS):
        due_at = max(next_fire_at, now) + timedelta(seconds=RESEND_SECONDS)
    return replace(schedule, next_fire_at=next_fire_at, due_at=due_at)


def hint_delay(schedule: Schedule, now: datetime) -> int | None:
    """In how many seconds, rounded up, a schedule that was armed is due; None where the tick sends the hint."""
    # `armed` leaves both the same where the due time is too far away for a queue's delay.
    if schedule.next_fire_at is None or schedule.next_fire_at == schedule.due_at:
        return None
    seconds = max((schedule.next_fire_at - now).total_seconds(), 0.0)
    return whole_delay(seconds) if seconds <= MOST_DELAY_SECONDS else None


def _check(schedule: Schedule) -> None:
    check(schedule.timing)
    if not 1 <= schedule.catch_up_limit <= MAX_CATCH_UP_LIMIT:
        reason = f"has to be a whole number from 1 to {MAX_CATCH_UP_LIMIT}"
        raise InvalidError(f"The limit {reason}.", field="catch_up_limit", reason=reason)
    size = len(encode(schedule.input))
    if size > MAX_INPUT_BYTES:
        raise TooLargeError(
            f"The input is larger than {MAX_INPUT_BYTES} bytes.", limit=MAX_INPUT_BYTES, size=size, field="input"
        )

"""Workflow data: pushing it, reading it, and telling webhooks what a push means.

A push that webhooks are to hear of is stored together with that fact, in the due index; what they get has an id
that follows from the version. So a push that was accepted is told of, whoever dies, and told of once; and whoever
pushes next tells first what is still untold, because the version that says it is about to be replaced.

A pin may be deleted while somebody pushes to it. A deletion hides the pin before it looks for what to remove, and a
push that found nothing to replace looks for the pin once more: one of the two sees the other.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol, cast

from chalicelib.domain.errors import (
    InvalidError,
    PinNotFoundError,
    StaleWriteError,
    TooLargeError,
    UnavailableError,
    WorkflowDataNotFoundError,
)
from chalicelib.domain.identity import Principal
from chalicelib.domain.json import Json, encode
from chalicelib.domain.pin_figures import numbers_of, series_of
from chalicelib.domain.pins import (
    KEPT_VERSIONS,
    LONGEST_WORKFLOW_ID,
    MAX_DATA_BYTES,
    MOST_WORKFLOWS,
    Head,
    Pin,
    PinEvent,
    Push,
    Summary,
    Version,
    events_of,
    status_of,
)
from chalicelib.services.access import Scope
from chalicelib.services.pins.access import Act, PinAccess
from chalicelib.services.pins.ports import PinDataStore
from chalicelib.services.ports import Clock, Entropy

logger = logging.getLogger(__name__)

MAX_ANSWER_BYTES = 5 * 1024 * 1024
MOST_WORKFLOWS_SHOWN = 50
MAX_SERIES_BYTES = 4 * 1024 * 1024
"""A version's numbers are stored with its data, and both are read and paid for."""
RESEND = timedelta(seconds=60)
_TRIES = 100  # each lost race is somebody else's accepted push, so waiting is progress
_UNIQUE_BYTES = 12

Data = Mapping[str, Json]


class Teller(Protocol):
    def wanted(self, pin: Pin, workflow_id: str) -> frozenset[PinEvent]:
        """The events that any webhook wants."""

    def tell(self, pin: Pin, workflow_id: str, version: Version, events: tuple[PinEvent, ...]) -> None:
        """Records what webhooks get. May be repeated. Raises UnavailableError."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A workflow as it is looked at, with the versions and values of its numbers by path."""

    summary: Summary
    series: Mapping[str, list[tuple[int, float]]]


@dataclass(frozen=True, slots=True)
class Overview:
    """Of a pin's workflows the ones that were pushed last, and how many there are."""

    pin: Pin
    workflows: tuple[Shown, ...]
    total: int


class PinData:
    def __init__(self, access: PinAccess, store: PinDataStore, teller: Teller, clock: Clock, entropy: Entropy) -> None:
        self._access = access
        self._store = store
        self._teller = teller
        self._clock = clock
        self._entropy = entropy

    def writable(self, principal: Principal, pin_id: str) -> Pin:
        """A pin that the caller may push to. Raises PinNotFoundError, ForbiddenError."""
        return self._access.own(principal, pin_id, Scope.WRITE_PIN_DATA, Act.PUSH)

    def readable(self, principal: Principal, pin_id: str) -> Pin:
        """Raises PinNotFoundError, ForbiddenError."""
        return self._access.readable(principal, pin_id, Scope.READ_PIN_DATA, Act.READ_DATA)

    def push(self, pin: Pin, workflow_id: str, data: Data, expected: int | None = None) -> Version:
        """Replaces the workflow id's data as a whole; returns the version that it is now.

        Of pushes at the same time the one that is accepted later comes after the other. With `expected`, only over
        that version (0 is none). Raises InvalidError, TooLargeError, StaleWriteError for another version than the
        expected, PinNotFoundError if the pin is deleted meanwhile.
        """
        _check(workflow_id, data)
        push_id = self._entropy.bytes(_UNIQUE_BYTES).hex()
        # Stored before it is referred to: a head that names data which is not there could not be read.
        kept = self._store.keep(pin.id, data, push_id)
        try:
            push = Push(push_id, kept, status_of(data), numbers_of(data), self._clock.now())
            head = self._accept(pin, workflow_id, push, expected)
        # Only what certainly refers to nothing is dropped. After UnavailableError the write may have been made.
        except (StaleWriteError, InvalidError):
            self._store.drop(pin.id, kept)
            raise
        # Any later one replaced an item that a deletion would have removed: then the write would have failed.
        if head.version == 1:
            self._check_presence(pin, workflow_id)
        version = Version(head.version, head.at, data)
        if head.untold:
            self._tell_now(pin, workflow_id, version, head.untold)
        return version

    def get(self, pin: Pin, workflow_id: str) -> Version:
        """Raises WorkflowDataNotFoundError."""
        found = self._store.newest(pin.id, workflow_id) if _is_workflow_id(workflow_id) else None
        if found is None:
            raise WorkflowDataNotFoundError(pin_id=pin.id, workflow_id=workflow_id)
        return found

    def version(self, pin: Pin, workflow_id: str) -> int:
        """Which version is the newest; 0 if there is none."""
        head = self._store.head(pin.id, workflow_id) if _is_workflow_id(workflow_id) else None
        return 0 if head is None else head.version

    def all_of(self, pin: Pin) -> Mapping[str, Version]:
        """By workflow id. Raises TooLargeError."""
        return self._store.all_of(pin.id, MAX_ANSWER_BYTES)

    def history(self, pin: Pin, workflow_id: str, limit: int) -> tuple[Version, ...]:
        """The newest versions, newest first; fewer than asked for where they would be too much for an answer. Raises
        WorkflowDataNotFoundError."""
        found: tuple[Version, ...] = ()
        if _is_workflow_id(workflow_id):
            found = self._store.history(
                pin.id,
                workflow_id,
                limit=min(limit, KEPT_VERSIONS),
                max_bytes=MAX_ANSWER_BYTES,
                now=self._clock.now(),
            )
        if not found:
            raise WorkflowDataNotFoundError(pin_id=pin.id, workflow_id=workflow_id)
        return found

    def overview(self, pin: Pin, *, with_series: bool) -> Overview:
        """Numbers of past versions are read of as many workflows as `MAX_SERIES_BYTES` allow, the first in any case."""
        summaries = self._store.summaries(pin.id)
        shown: list[Shown] = []
        left = MAX_SERIES_BYTES
        for each in summaries[:MOST_WORKFLOWS_SHOWN]:
            # As if each kept version were as large as the newest, whose size is known without reading the others.
            left -= min(each.version, KEPT_VERSIONS) * each.stored_bytes
            shown.append(self._shown(pin, each, with_series and (left >= 0 or not shown)))
        return Overview(pin, tuple(shown), len(summaries))

    def tell_untold(self, pin: Pin, workflow_id: str) -> None:
        """Tells what a push left untold. May be repeated. Raises UnavailableError."""
        head = self._store.head(pin.id, workflow_id)
        if head is not None and head.untold:
            self._tell_head(pin, workflow_id, head)

    def _accept(self, pin: Pin, workflow_id: str, push: Push, expected: int | None) -> Head:
        wanted = self._teller.wanted(pin, workflow_id)
        for tried in range(_TRIES):
            before = self._store.head(pin.id, workflow_id)
            if expected is not None and expected != (0 if before is None else before.version):
                raise StaleWriteError(pin_id=pin.id, workflow_id=workflow_id)
            if before is None:
                self._check_room(pin)
            # Before it is replaced, for its data is what they are told. May fail, and then the push does.
            elif before.untold:
                self._tell_head(pin, workflow_id, before)
            # Judged against the version that is replaced, so anew on each try.
            events = events_of(None if before is None else before.status, push.status)
            untold = tuple(event for event in events if event in wanted)
            now = self._clock.now()
            due_at = now + RESEND if untold else None
            try:
                return self._store.replace(
                    pin.id, workflow_id, before, replace(push, at=now, untold=untold, due_at=due_at)
                )
            except StaleWriteError:
                # By chance from nothing up: a fixed pause would let those who collided collide again.
                self._clock.sleep(min(1 + tried, 20) * 0.004 * (self._entropy.bytes(1)[0] / 256))
        raise UnavailableError("Too many push to the same workflow id at once.")

    def _check_room(self, pin: Pin) -> None:
        if self._store.count(pin.id, MOST_WORKFLOWS) >= MOST_WORKFLOWS:
            raise InvalidError(f"A pin has at most {MOST_WORKFLOWS} workflow ids", field="workflowId")

    def _check_presence(self, pin: Pin, workflow_id: str) -> None:
        try:
            self._access.find(pin.id)
        except PinNotFoundError:
            self._store.remove(pin.id, workflow_id)
            raise

    def _tell_head(self, pin: Pin, workflow_id: str, head: Head) -> None:
        version = self._store.newest(pin.id, workflow_id)
        # A newer version by now: whoever pushed it told of this one before.
        if version is not None and version.version == head.version:
            self._teller.tell(pin, workflow_id, version, head.untold)
            # Told first: a death in between tells again, under the same ids.
            self._store.settle(pin.id, workflow_id, head.version)

    def _tell_now(self, pin: Pin, workflow_id: str, version: Version, events: tuple[PinEvent, ...]) -> None:
        """What does not succeed now is done by the tick, or by the next push."""
        try:
            self._teller.tell(pin, workflow_id, version, events)
            self._store.settle(pin.id, workflow_id, version.version)
        except UnavailableError:
            logger.warning("webhooks hear later", extra={"action": "pin_telling_late", "pin_id": pin.id})

    def _shown(self, pin: Pin, summary: Summary, with_series: bool) -> Shown:
        if not with_series:
            return Shown(summary, {})
        points = self._store.points(pin.id, summary.workflow_id, self._clock.now())
        # Numbers that the newest version has not are not shown, however long they were there.
        newest = max(points, key=lambda point: point.version, default=None)
        return Shown(summary, {} if newest is None else series_of(points, newest.numbers))


def _check(workflow_id: str, data: Data) -> None:
    if not _is_workflow_id(workflow_id):
        raise InvalidError(f"A workflow id has 1 to {LONGEST_WORKFLOW_ID} characters", field="workflowId")
    if len(encode(cast(Json, data))) > MAX_DATA_BYTES:
        raise TooLargeError(f"'data' is larger than {MAX_DATA_BYTES} bytes.", limit=MAX_DATA_BYTES)


def _is_workflow_id(text: str) -> bool:
    if not 0 < len(text) <= LONGEST_WORKFLOW_ID:
        return False
    try:
        # Half of a surrogate pair is a character to Python, and nothing that can be stored.
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

"""What must hold of events: who says what, who listens, and who is told.

The account is kept from the calls as they take effect, and believes neither the stores nor the services: which
subscriptions there are, who they match and what was to follow is worked out a second time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.endpoints import Endpoint
from chalicelib.domain.events import Emission, Emitter, Event, EventId, EventPlace
from chalicelib.domain.run import Run, RunStatus
from chalicelib.domain.subscriptions import ListenerKind, Subscription
from chalicelib.domain.tasks import Task
from chalicelib.domain.workflow import Workflow, WorkflowStatus
from tests.simulator.deployment import Stores
from tests.simulator.world import Actor, Invocation, ViolationError, World

ERRORS = "$errors"
NEWEST_KEPT = 100
"""How far back an emission is looked for that may have been stored before."""

LONG_MS = 30_000
"""How long somebody has to stand still for others to speak in his place."""

SHORT_MS = 10_000
"""Clocks that are further apart let a lease end before its time, and its holder does not know at once."""


@dataclass(slots=True)
class _Said:
    """An accepted event, and who said it. `asked` is when its emitter looked for listeners."""

    event: Event
    by: Invocation
    asked: int
    is_heard: bool
    step: int
    at_ms: int
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class RunEnd:
    """One end of a run: who ended it, and when."""

    status: RunStatus
    by: Invocation
    at_ms: int


@dataclass(slots=True)
class _Listening:
    subscription: Subscription
    since: int
    until: int | None = None


class Telling:
    """Observes the ports `events`, `subscriptions`, `endpoints`, `workflows`, and what the others see of deliveries and
    runs being made. `most_hops` is how many runs may follow from one another."""

    def __init__(self, world: World, stores: Stores, due_changed: Callable[[datetime], None]) -> None:
        self._world = world
        self._stores = stores
        self._due_changed = due_changed
        self.most_hops = 10
        self._step = 0
        self._asked: dict[tuple[Actor, str, str], tuple[int, bool]] = {}
        self._matched: dict[tuple[Invocation, str, str], set[str]] = {}
        self._newest: dict[tuple[Emitter, str], EventId] = {}
        self._emit_ids: dict[str, _Said] = {}
        self._begun: dict[Actor, int] = {}
        self.ended: dict[tuple[str, int], RunEnd] = {}
        self._listening: dict[str, _Listening] = {}
        self._endpoints: dict[str, list[tuple[int, Endpoint | None]]] = {}
        self._workflows: dict[str, list[tuple[int, bool]]] = {}
        self.said: dict[EventPlace, _Said] = {}
        self.delivered: set[tuple[str, str]] = set()
        self.started: dict[tuple[str, str], str] = {}

    def fail(self, message: str) -> NoReturn:
        self._world.violate(ViolationError(message))

    def before(self, call: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        return

    def after(self, call: str, arguments: tuple[Any, ...], named: dict[str, Any], result: Any) -> None:
        self._step += 1
        if isinstance(result, Exception):
            return
        match call.split("."):
            case "events", "append":
                self._appended(arguments[0], named, result)
            case "events", "rearm":
                if result:
                    self._due_changed(arguments[2])
            case "events", "delete":
                self._deleted(*arguments)
            case "events", "settle":
                self._settled(arguments[0])
            case "subscriptions", name:
                self._subscribed(name, arguments, result)
            case "endpoints", name if name in {"create", "replace", "delete", "disable"}:
                self.registered(arguments[0].id if name in {"create", "replace"} else arguments[1])
            case "workflows", name if name in {"create", "replace", "delete"}:
                first = arguments[0]
                self.defined(first.id if isinstance(first, Workflow) else arguments[1])

    # -- what is there ------------------------------------------------------------------------------------------------

    def registered(self, endpoint_id: str) -> None:
        found = [each for each in self._stores.endpoints.list("ws_1") if each.id == endpoint_id]
        self._endpoints.setdefault(endpoint_id, []).append((self._step, found[0] if found else None))

    def defined(self, workflow_id: str) -> None:
        workflow = self._stores.workflows._workflows.get(("ws_1", workflow_id))
        is_active = workflow is not None and workflow.status is WorkflowStatus.ACTIVE
        self._workflows.setdefault(workflow_id, []).append((self._step, is_active))

    def _subscribed(self, name: str, arguments: tuple[Any, ...], result: Any) -> None:
        match name:
            case "create":
                self._listening.setdefault(result.id, _Listening(result, self._step))
            case "delete" if result:
                _, emitter, channel, listener_id = arguments
                self._end(
                    lambda each: (each.emitter, each.channel, each.listener_id) == (emitter, channel, listener_id)
                )
            case "delete_of":
                self._end(lambda each: arguments[1] in {each.emitter, each.listener_id})
            case "any_for":
                _, _, emitter_id, channel = arguments
                if not result and self._live(emitter_id, channel):
                    self.fail(f"somebody listens to {emitter_id} on '{channel}', and any_for denies it")
                self._asked[self._world.acting(), emitter_id, channel] = (self._step, result)
            case "matching":
                self._found(arguments[2], arguments[3], result)

    def _end(self, chosen: Callable[[Subscription], bool]) -> None:
        for listening in self._listening.values():
            if listening.until is None and chosen(listening.subscription):
                listening.until = self._step

    def _live(self, emitter_id: str, channel: str) -> set[str]:
        return {
            each.subscription.id
            for each in self._listening.values()
            if each.until is None and _matches(each.subscription, emitter_id, channel)
        }

    def _found(self, emitter_id: str, channel: str, found: tuple[Subscription, ...]) -> None:
        if {each.id for each in found} != self._live(emitter_id, channel):
            self.fail(f"not exactly those who listen to {emitter_id} on '{channel}' were found: {found}")
        known = self._matched.setdefault((self._world.acting().invocation, emitter_id, channel), set())
        known.update(each.listener_id for each in found)

    # -- what is said -------------------------------------------------------------------------------------------------

    def _appended(self, emission: Emission, named: dict[str, Any], event: Event) -> None:
        emitter, channel = emission.emitter, emission.channel
        stream = channel if channel.startswith("$") else ""
        if event.place in self.said:
            return
        if (emitter, stream) in self._newest and event.id <= self._newest[emitter, stream]:
            self.fail(f"{event.id} follows {self._newest[emitter, stream]} in the stream '{stream}' of {emitter.id}")
        self._newest[emitter, stream] = event.id
        asked, is_heard = self._asked.get((self._world.acting(), emitter.id, channel), (self._step, False))
        if is_heard and self._stores.events._due.get(event.place) is None:
            self.fail(f"{emitter.id} has listeners on '{channel}', and nothing makes sure that they hear of {event.id}")
        first = self._emit_ids.get(emission.emit_id)
        if first is not None and not first.is_deleted and not self._could_not_know(emission, first, asked):
            self.fail(f"{emission.emit_id} of {emitter.id} is there twice, as {first.event.id} and {event.id}")
        by = self._world.acting().invocation
        self.said[event.place] = said = _Said(event, by, asked, is_heard, self._step, self._world.now_ms)
        self._emit_ids.setdefault(emission.emit_id, said)
        if named["due_at"] is not None:
            self._due_changed(named["due_at"])

    def _could_not_know(self, emission: Emission, first: _Said, asked: int) -> bool:
        """Whether the event was said before while this one was being said, or so many others ago that nobody looks. The
        end of a run has one speaker at a time, unless one stood still so long, or the clocks are so far apart, that
        others spoke for him. Listeners hear of it once all the same."""
        actor = self._world.acting()
        place = first.event.place
        since = [each for each in self._places(place.emitter, place.stream) if each.id > place.id]
        if len(since) >= NEWEST_KEPT:
            return True
        run_id = _run_of(emission)
        ended_at_ms = [each.at_ms for (id_, _), each in self.ended.items() if id_ == run_id]
        apart_ms = abs(actor.invocation.skew_ms - first.by.skew_ms)
        if not ended_at_ms:
            was_overtaken = apart_ms >= SHORT_MS
            return was_overtaken or asked < first.step or self._begun.get(actor, self._step) < first.step
        # Who began only after it was said had every chance to find it.
        was_there = actor.invocation.began_ms <= first.at_ms
        return was_there and any(self._world.now_ms - at_ms + apart_ms >= LONG_MS for at_ms in ended_at_ms)

    def _places(self, emitter: Emitter, stream: str) -> list[EventPlace]:
        return [place for place in self.said if (place.emitter, place.stream) == (emitter, stream)]

    def begins(self, task: Task) -> None:
        """A step is about to be carried out, by somebody who knows by now what was done before."""
        self._begun[self._world.acting()] = self._step

    def _deleted(self, emitter: Emitter, stream: str, *_: Any) -> None:
        for place, said in self.said.items():
            if (place.emitter, place.stream) == (emitter, stream) and self._stores.events.get(place) is None:
                said.is_deleted = True
        # Where the newest is gone, the next one may have its id or an older one, if a clock steps back.
        there = [place.id for place in self._places(emitter, stream) if not self.said[place].is_deleted]
        self._newest.pop((emitter, stream), None)
        if there:
            self._newest[emitter, stream] = max(there)

    # -- what follows -------------------------------------------------------------------------------------------------

    def delivery_made(self, delivery: Delivery) -> None:
        """A delivery was stored that was not there."""
        origin = delivery.origin
        if origin.emitter_kind is None:
            if not self._world.acting().invocation.name.startswith("api"):
                self.fail(f"{delivery.id} is a test that nobody asked for")
            return
        emitter = Emitter(delivery.workspace_id, origin.emitter_kind, origin.emitter_id)
        said = self._event(emitter, origin.channel, origin.event_id)
        place = said.event.place
        if delivery.payload != said.event.emission.payload:
            self.fail(f"{delivery.id} carries what {place} did not say")
        self._is_a_listener(said, delivery.endpoint_id)
        type_ = event_type(said.event.emission)
        versions = [each for _, each in self._endpoints[delivery.endpoint_id] if each is not None]
        if not any(each.wants(type_) for each in versions):
            self.fail(f"{delivery.endpoint_id} never wanted events of type {type_}")
        told = (origin.emit_id, delivery.endpoint_id)
        if told in self.delivered and self._endpoints[delivery.endpoint_id][-1][1] is not None:
            self.fail(f"{place} has two deliveries for {delivery.endpoint_id}")
        self.delivered.add(told)

    def run_made(self, run: Run) -> None:
        """A run was stored that an event started."""
        cause = run.cause
        if cause is None or run.trigger != "event":
            return
        said = next(
            (
                each
                for each in self.said.values()
                if _is_named(each.event, cause.emitter_id, cause.channel, cause.event_id)
            ),
            None,
        )
        if said is None:
            self.fail(f"{run.id} was started by an event that nobody said")
        emission = said.event.emission
        if cause.hops != (emission.cause.hops if emission.cause else 0) + 1 or cause.hops > self.most_hops:
            self.fail(f"{run.id} follows from too many others: {cause.hops}")
        if run.input != emission.payload:
            self.fail(f"{run.id} got {run.input!r} instead of what was said")
        self._is_a_listener(said, run.workflow_id)
        if self.started.setdefault((emission.emit_id, run.workflow_id), run.id) != run.id:
            self.fail(f"{said.event.place} started {run.workflow_id} twice")

    def _event(self, emitter: Emitter, channel: str, event_id: str) -> _Said:
        for said in self.said.values():
            if _is_named(said.event, emitter.id, channel, event_id):
                return said
        raise ViolationError(f"there is no event {event_id} of {emitter.id} on '{channel}'")

    def _is_a_listener(self, said: _Said, listener_id: str) -> None:
        emission = said.event.emission
        matched = self._matched.get((self._world.acting().invocation, emission.emitter.id, emission.channel), set())
        if listener_id not in matched:
            self.fail(f"{listener_id} was told of {said.event.place}, and does not listen")

    def _settled(self, place: EventPlace) -> None:
        """Nobody looks after the event any more: everybody who had to hear of it has."""
        said = self.said.get(place)
        if said is None or said.is_deleted or not said.is_heard:
            return
        for listening in self._listening.values():
            subscription = listening.subscription
            if listening.since >= said.asked or listening.until is not None or not _hears(subscription, said.event):
                continue
            if subscription.listener_kind is ListenerKind.WEBHOOK:
                self._is_delivered(said, subscription.listener_id)
            elif _hops(said.event) < self.most_hops:
                self._is_started(said, subscription.listener_id)

    def _is_started(self, said: _Said, workflow_id: str) -> None:
        was_started = (said.event.emission.emit_id, workflow_id) in self.started
        if not was_started and self._was_active(workflow_id, said.asked):
            self.fail(f"{said.event.place} counts as told, and {workflow_id} was not started")

    def _is_delivered(self, said: _Said, endpoint_id: str) -> None:
        emission = said.event.emission
        type_ = event_type(emission)
        if not self._throughout(
            endpoint_id, said.asked, lambda each: not each.event_types or type_ in each.event_types
        ):
            return
        if emission.channel == ERRORS and _is_own_trouble(emission, endpoint_id):
            return
        if (emission.emit_id, endpoint_id) not in self.delivered:
            self.fail(f"{said.event.place} counts as told, and {endpoint_id} gets nothing")

    def _throughout(self, endpoint_id: str, since: int, holds: Callable[[Endpoint], bool]) -> bool:
        """Whether the endpoint was there from that step on, such as `holds` says."""
        versions = self._endpoints.get(endpoint_id, [])
        before = [each for step, each in versions if step <= since][-1:]
        lately = before + [each for step, each in versions if step > since]
        return bool(before) and all(each is not None and holds(each) for each in lately)

    def _was_active(self, workflow_id: str, since: int) -> bool:
        versions = self._workflows.get(workflow_id, [])
        before = [each for step, each in versions if step <= since][-1:]
        return bool(before) and all(before + [each for step, each in versions if step > since])

    # -- the end ------------------------------------------------------------------------------------------------------

    def told_by(self, run: Run) -> tuple[int, int]:
        """How many events of the default channel, and of `$errors`, tell of an end of the run."""
        ends: set[str] = set()
        errors: set[str] = set()
        for place, said in self.said.items():
            emission = said.event.emission
            if place.emitter.id == run.workflow_id and _run_of(emission) == run.id:
                (errors if place.stream == ERRORS else ends).add(emission.emit_id)
        return len(ends), len(errors)

    def tells_of_dead_letter(self, delivery: Delivery) -> bool:
        return any(
            place.stream == ERRORS
            and place.emitter.id == delivery.origin.emitter_id
            and isinstance(said.event.emission.payload, dict)
            and said.event.emission.payload.get("delivery_id") == delivery.id
            for place, said in self.said.items()
        )

    def tells_of_disabling(self, endpoint_id: str, emitter_id: str) -> int:
        """How many events of the emitter tell that this endpoint was disabled."""
        payloads = [
            (said.event.emission.emit_id, said.event.emission.payload)
            for place, said in self.said.items()
            if place.stream == ERRORS and place.emitter.id == emitter_id
        ]
        return len({id_ for id_, payload in payloads if _is_of_disabling(payload, endpoint_id)})

    def endpoint_now(self, endpoint_id: str) -> Endpoint | None:
        return self._endpoints[endpoint_id][-1][1] if endpoint_id in self._endpoints else None


def _is_of_disabling(payload: Any, endpoint_id: str) -> bool:
    code = payload["error"]["code"] if isinstance(payload, dict) and "error" in payload else None
    return code == "EndpointDisabled" and payload["endpoint_id"] == endpoint_id


def _run_of(emission: Emission) -> str | None:
    """The run whose end the event tells of, if it tells of one."""
    payload = emission.payload
    if not isinstance(payload, dict):
        return None
    details = payload if emission.channel == ERRORS else payload.get("data")
    run_id = details.get("run_id") if isinstance(details, dict) else None
    return run_id if isinstance(run_id, str) else None


def event_type(emission: Emission) -> str:
    payload = emission.payload
    named = payload.get("type") if isinstance(payload, dict) else None
    return named if isinstance(named, str) and named else emission.channel or "event"


def _is_named(event: Event, emitter_id: str, channel: str, event_id: str) -> bool:
    emission = event.emission
    return (emission.emitter.id, emission.channel, str(event.id)) == (emitter_id, channel, event_id)


def _matches(subscription: Subscription, emitter_id: str, channel: str) -> bool:
    return subscription.channel == channel and subscription.emitter in {emitter_id, "p_*", "*"}


def _hears(subscription: Subscription, event: Event) -> bool:
    """By a glob nobody hears itself, and nobody its own error that came of an error."""
    emission = event.emission
    if not _matches(subscription, emission.emitter.id, emission.channel):
        return False
    if subscription.listener_id != emission.emitter.id:
        return True
    came_of_error = emission.cause is not None and emission.cause.channel == ERRORS
    return "*" not in subscription.emitter and not (emission.channel == ERRORS and came_of_error)


def _hops(event: Event) -> int:
    return event.emission.cause.hops if event.emission.cause else 0


def _is_own_trouble(emission: Emission, endpoint_id: str) -> bool:
    payload = emission.payload
    if _is_of_disabling(payload, endpoint_id):
        return True
    return isinstance(payload, dict) and payload.get("endpoint_id") == endpoint_id and "delivery_id" in payload

"""Broken parts of telling and delivering, each wrong in one way that matters: what the checks have to notice."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from chalicelib.domain.deliveries import DeliveryStatus
from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.run import Run
from chalicelib.services.events.attempts import Deliverer
from chalicelib.services.events.fanout import Fanout
from chalicelib.services.runs.lifecycle import Lifecycle


class Broken:
    """A part like the real one, but for what a subclass breaks."""

    def __init__(self, part: Any) -> None:
        self._real = part

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class ForgetsTheOutbox(Broken):
    """Stores events for which nobody looks after their telling."""

    def append(self, emission: Any, **named: Any) -> Any:
        return self._real.append(emission, **{**named, "due_at": None})


class SaysEverythingTwice(Broken):
    def append(self, emission: Any, **named: Any) -> Any:
        return self._real.append(emission, **{**named, "may_repeat": False})


class NeverSettles(Broken):
    def settle(self, place: Any) -> None:
        return


class ShowsNoEventDue(Broken):
    def due(self, shard: int, now: datetime, limit: int) -> tuple[Any, ...]:
        return ()


class ForgetsHops(Broken):
    """Takes every event for the first of its kind."""

    def get(self, place: Any) -> Any:
        event = self._real.get(place)
        return event and replace(event, emission=replace(event.emission, cause=None))


class FindsStrangers(Broken):
    """Takes everybody who listens to anything for a listener."""

    def matching(self, workspace_id: str, *_: Any) -> Any:
        return self._real.list(workspace_id)


class DeniesListeners(Broken):
    def any_for(self, *_: Any) -> bool:
        return False


class OverlooksGlobs(Broken):
    """Tells nobody who listens to everything."""

    def matching(self, *arguments: Any) -> Any:
        return tuple(each for each in self._real.matching(*arguments) if not each.is_glob)


class IgnoresFences(Broken):
    """Lets whoever was overtaken write what came of his attempt, and has many overtaken."""

    def claim(self, place: Any, *, now: datetime, lease_expires_at: datetime) -> Any:
        return self._real.claim(place, now=now, lease_expires_at=now + timedelta(milliseconds=1))

    def attempted(self, place: Any, fence: int, *arguments: Any, **named: Any) -> None:
        delivery = self._real._at(place)
        if delivery is not None and delivery.lease_expires_at is None:
            self._real._put(replace(delivery, lease_expires_at=delivery.created_at))
        self._real.attempted(place, delivery.fence if delivery else fence, *arguments, **named)


class LosesRetries(Broken):
    def attempted(self, place: Any, fence: int, *arguments: Any, **named: Any) -> None:
        self._real.attempted(place, fence, *arguments, **named)
        if named["status"] is DeliveryStatus.PENDING:
            self._real._put(replace(self._real._at(place), due_at=None))


class LosesAttempts(Broken):
    """Begins every delivery again from the start."""

    def attempted(self, place: Any, fence: int, *arguments: Any, **named: Any) -> None:
        self._real.attempted(place, fence, *arguments, **named)
        self._real._put(replace(self._real._at(place), tried=0))


class ShowsNothingDue(Broken):
    def due(self, shard: int, now: datetime, limit: int) -> tuple[Any, ...]:
        return ()


class HandsOutTwice(Broken):
    """Lets two have a delivery under one fence."""

    def claim(self, place: Any, **named: Any) -> Any:
        delivery = self._real._at(place)
        if delivery is not None and delivery.lease_expires_at is not None:
            return delivery
        return self._real.claim(place, **named)


class ClaimsEarly(Broken):
    """Takes what is due in two hours to be due."""

    def claim(self, place: Any, *, now: datetime, lease_expires_at: datetime) -> Any:
        return self._real.claim(place, now=now + timedelta(hours=2), lease_expires_at=lease_expires_at)


class ForgetsThePaused(Broken):
    """Finds nothing that is held."""

    def page(self, workspace_id: str, endpoint_id: str, where: Any, **named: Any) -> Any:
        page = self._real.page(workspace_id, endpoint_id, where, **named)
        return replace(page, items=tuple(each for each in page.items if each.status is not DeliveryStatus.HELD))


class LosesPatience(Broken):
    """Thinks that an endpoint has failed for a week."""

    def note_failure(self, workspace_id: str, endpoint_id: str, at: datetime) -> datetime:
        since: datetime = self._real.note_failure(workspace_id, endpoint_id, at)
        return since - timedelta(days=7)


class KeepsTheNews(Broken):
    def disable(self, workspace_id: str, endpoint_id: str, reason: str, at: datetime, _: Any) -> Any:
        return self._real.disable(workspace_id, endpoint_id, reason, at)


class SettlesFirst(Broken):
    def tell(self, place: Any, until: datetime) -> None:
        self._real.events.settle(place)
        self._real.tell(place, until)


class SkipsAfterFailure(Broken):
    """Tells those whom it can, and lets it be."""

    def tell(self, place: Any, until: datetime) -> None:
        try:
            self._real.tell(place, until)
        except UnavailableError:
            self._real.events.settle(place)


class _NewIds(Broken):
    def start(self, workflow: Any, given: Any, trigger: str = "manual", *arguments: Any, **named: Any) -> Run:
        if "start" in named:
            named["start"] = replace(named["start"], run_id=None)
        return self._real.start(workflow, given, trigger, *arguments, **named)  # type: ignore[no-any-return]


def doubling(fanout: Fanout) -> Fanout:
    """Starts a run of its own each time that a workflow is told."""
    return replace(fanout, runs=cast(Any, _NewIds(fanout.runs)))


class _Scribbles(Broken):
    def send(self, request: Any) -> Any:
        return self._real.send(replace(request, body=request.body + b" "))


def scribbling(deliverer: Deliverer) -> Deliverer:
    """Changes what is signed on its way out."""
    return replace(deliverer, sender=_Scribbles(deliverer.sender))


class _Optimist(Broken):
    def send(self, request: Any) -> Any:
        return replace(self._real.send(request), status=200)


def believing(deliverer: Deliverer) -> Deliverer:
    """Takes every answer for a good one."""
    return replace(deliverer, sender=_Optimist(deliverer.sender))


class _Blind(Broken):
    def get(self, workspace_id: str, endpoint_id: str) -> Any:
        endpoint = self._real.get(workspace_id, endpoint_id)
        return replace(endpoint, status=type(endpoint.status)("active"))


def overlooking(deliverer: Deliverer) -> Deliverer:
    """Does not see that an endpoint is paused or disabled."""
    return replace(deliverer, endpoints=_Blind(deliverer.endpoints))


class SaysNothing(Broken):
    """Keeps the ends of runs to itself."""

    def ended(self, run: Run, *, may_repeat: bool) -> None:
        return


class SaysSuccessOnly(Broken):
    def ended(self, run: Run, *, may_repeat: bool) -> None:
        if run.failure is None:
            self._real.ended(run, may_repeat=may_repeat)


def forgetful(lifecycle: Lifecycle) -> Any:
    """Always takes itself to be the first to tell of an end."""

    class Forgetful(Broken):
        def ended(self, run: Run, *, may_repeat: bool) -> None:
            self._real.ended(run, may_repeat=False)

    return Forgetful(lifecycle)


DELIVERIES = (
    ("events", ForgetsTheOutbox),
    ("events", SaysEverythingTwice),
    ("events", NeverSettles),
    ("events", ShowsNoEventDue),
    ("events", ForgetsHops),
    ("subscriptions", FindsStrangers),
    ("subscriptions", DeniesListeners),
    ("subscriptions", OverlooksGlobs),
    ("deliveries", IgnoresFences),
    ("deliveries", LosesRetries),
    ("deliveries", LosesAttempts),
    ("deliveries", ShowsNothingDue),
    ("deliveries", HandsOutTwice),
    ("deliveries", ClaimsEarly),
    ("deliveries", ForgetsThePaused),
    ("endpoints", LosesPatience),
    ("endpoints", KeepsTheNews),
    ("fanout", SettlesFirst),
    ("fanout", SkipsAfterFailure),
    ("fanout", doubling),
    ("deliverer", scribbling),
    ("deliverer", believing),
    ("deliverer", overlooking),
    ("lifecycle", SaysNothing),
    ("lifecycle", SaysSuccessOnly),
    ("lifecycle", forgetful),
)
"""Names of parts, and what makes something broken of each."""

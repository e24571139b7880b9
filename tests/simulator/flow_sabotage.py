"""Broken parts of flows, each wrong in one way that matters: what the checks have to notice."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from chalicelib.domain.http import HttpResponse
from chalicelib.domain.json import decode, encode
from chalicelib.services.runs.worker import Worker
from tests.simulator.delivery_sabotage import Broken
from tests.simulator.schedule_sabotage import LetsEverybodyGo


class ForgetsPages(Broken):
    """Says that it stored what it did not."""

    def advance(self, workspace_id: str, job_id: str, progress: Any) -> bool:
        return progress.page % 2 == 0 or bool(self._real.advance(workspace_id, job_id, progress))


class AddsUp(Broken):
    """Adds a page's figures to what is there, though they hold it already."""

    def advance(self, workspace_id: str, job_id: str, progress: Any) -> bool:
        counts = {key: replace(each, success=each.success * progress.page) for key, each in progress.counts.items()}
        return bool(self._real.advance(workspace_id, job_id, replace(progress, counts=counts)))


class TurnsBack(Broken):
    """Lets figures of every page but the first take the place of what they go on from."""

    def advance(self, workspace_id: str, job_id: str, progress: Any) -> bool:
        counts = {key: replace(each, success=1 if progress.page > 1 else 5) for key, each in progress.counts.items()}
        return bool(self._real.advance(workspace_id, job_id, replace(progress, counts=counts)))


class LosesErrors(Broken):
    def open(self, errors: Any) -> None:
        self._real.open(errors[1:])


class OpensAnew(Broken):
    """Takes an error that is opened twice for two."""

    _numbers = count()

    def open(self, errors: Any) -> None:
        self._real.open([replace(each, id=f"{int(each.id) + next(self._numbers):025}") for each in errors])


class KeepsErrorsOpen(Broken):
    def resolve(self, *arguments: Any) -> tuple[str, ...]:
        return ()


class MiscountsResolved(Broken):
    """Resolves errors, and tells their jobs of the first one only."""

    def resolve(self, workspace_id: str, flow_id: str, step_id: str, ids: Any, at: datetime, by: str) -> Any:
        stored = self._real._errors.get((workspace_id, flow_id, step_id), {})
        for id_ in list(ids)[1:]:
            if id_ in stored:
                stored[id_] = replace(stored[id_], resolved_at=at, resolved_by=by)
        return self._real.resolve(workspace_id, flow_id, step_id, list(ids)[:1], at, by)


class MovesTooFar(Broken):
    """Takes the next window to begin a while after this one ends."""

    def move_delta(
        self, workspace_id: str, flow_id: str, export_id: str, until: datetime, created_at: datetime
    ) -> None:
        self._real.move_delta(workspace_id, flow_id, export_id, until + timedelta(minutes=10), created_at)


class GrantsEverything(Broken):
    def take(self, name: str, holder: str, wanted: int, *arguments: Any, **named: Any) -> int:
        return wanted


class GrantsRivals(Broken):
    """Lets two runs of a flow make calls beside each other."""

    def take(self, *arguments: Any, is_rival: Any, **named: Any) -> Any:
        return self._real.take(*arguments, **named)


class ForgetsWhoHolds(Broken):
    """Gives back everything that anybody holds."""

    def give_back(self, name: str, holder: str) -> None:
        self._real._leases.pop(name, None)


class CutsFiles(Broken):
    """Loses the last record of every file."""

    def put(self, run_id: str, content: bytes, content_type: str) -> str:
        records = decode(content)
        kept = records[:-1] if isinstance(records, list) else records
        return str(self._real.put(run_id, encode(kept), content_type))


class RepeatsFiles(Broken):
    """Brings the first record of every file twice."""

    def put(self, run_id: str, content: bytes, content_type: str) -> str:
        records = decode(content)
        more = [*records[:1], *records] if isinstance(records, list) else records
        return str(self._real.put(run_id, encode(more), content_type))


class StartsNothing(Broken):
    def start(self, run: Any, flow_id: str, depth: int, exports: Any = None) -> bool:
        return True


class StartsAfterRetries(Broken):
    """Starts each following flow under an id of its own."""

    def start(self, run: Any, flow_id: str, depth: int, exports: Any = None) -> bool:
        other = run.id[:-4] + "ff00"
        return bool(self._real.start(replace(run, id=other), flow_id, depth, exports))


class RenamesRequests(Broken):
    """Gives every request a key of its own."""

    _numbers = count()

    def send(self, request: Any) -> Any:
        key = f"{request.headers['Idempotency-Key']}.{next(self._numbers)}"
        return self._real.send(replace(request, headers={**request.headers, "Idempotency-Key": key}))


class Pretends(Broken):
    """Says that shipments were taken, without having sent them."""

    def send(self, request: Any) -> Any:
        if request.method != "POST":
            return self._real.send(request)
        return HttpResponse(201, {"content-type": "application/json"}, b"{}", request.url, 0.1)


class _Changed:
    """A performer whose outcomes of one node type are changed."""

    def __init__(self, performer: Any, node_type: str, change: Any) -> None:
        self._performer = performer
        self._type = node_type
        self._change = change

    def perform(self, task: Any, seconds_left: float) -> Any:
        outcome = self._performer.perform(task, seconds_left)
        if task.step.node.type != self._type or not isinstance(outcome.output, dict):
            return outcome
        return replace(outcome, output=self._change(dict(outcome.output)))


def miscounting(worker: Worker) -> Worker:
    """Imports count one success less than they have."""

    def change(output: Any) -> Any:
        success, *others = output.get("count", (0, 0, 0, 0))
        return {**output, "count": [max(success - 1, 0), *others]} if "count" in output else output

    return replace(worker, performer=_Changed(worker.performer, "import", change))


def losing(worker: Worker) -> Worker:
    """Lookups lose the last record of a page."""
    change = lambda output: {**output, "records": output["records"][:-1]}  # noqa: E731
    return replace(worker, performer=_Changed(worker.performer, "lookup", change))


def stopping(worker: Worker) -> Worker:
    """Generators end after their first page."""
    change = lambda output: {**output, "more": False}  # noqa: E731
    return replace(worker, performer=_Changed(worker.performer, "export", change))


FLOWS = (
    ("jobs", ForgetsPages),
    ("jobs", AddsUp),
    ("jobs", TurnsBack),
    ("flow_errors", LosesErrors),
    ("flow_errors", OpensAnew),
    ("flow_errors", KeepsErrorsOpen),
    ("flow_errors", MiscountsResolved),
    ("flow_marks", MovesTooFar),
    ("leases", GrantsEverything),
    ("leases", GrantsRivals),
    ("leases", ForgetsWhoHolds),
    ("flow_files", CutsFiles),
    ("flow_files", RepeatsFiles),
    ("follower", StartsNothing),
    ("follower", StartsAfterRetries),
    ("flow_sender", RenamesRequests),
    ("flow_sender", Pretends),
    ("limiter", LetsEverybodyGo),
    ("worker", miscounting),
    ("worker", losing),
    ("worker", stopping),
)
"""Names of parts, and what makes something broken of each."""

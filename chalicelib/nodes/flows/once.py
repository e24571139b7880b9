"""`once` exports: after a page has been through the flow, each of its records is flagged where it came from.

Flagging is the one thing that a tally does outside. What came of it is kept before anything is said about it, and
counts from then on, so that a tally that is made again says the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.domain.flows.flows import Count, FlowError, ResourceKind
from chalicelib.domain.flows.http import FlowHttpError, RequestSpec, as_object, as_text, pairs
from chalicelib.domain.flows.pages import Entry, Fault, entries_of, error_id_of, fault_of, request_key_of
from chalicelib.domain.json import Json
from chalicelib.domain.records.errors import RecordError
from chalicelib.domain.tasks import Task
from chalicelib.nodes.flows import parts
from chalicelib.nodes.flows.parts import Part, Unit
from chalicelib.nodes.flows.ports import FlowPorts, facts, round_of, step_until
from chalicelib.nodes.steps import StepContext
from chalicelib.services.flows.desk import Desk

_NOTHING = Count()


@dataclass(frozen=True, slots=True)
class Flagged:
    """Records that could not be flagged: the errors, and what they add to the generator's figures."""

    errors: tuple[FlowError, ...] = ()
    count: Count = _NOTHING


def is_flagging(document: Mapping[str, Json]) -> bool:
    """Whether the export flags what it brought."""
    return document.get("type") == "once" and bool(as_object(as_object(document.get("http")).get("once")))


def flag(
    ports: FlowPorts, context: StepContext, config: Mapping[str, Any], said: Mapping[str, Any], at: datetime
) -> Flagged:
    """`at` is when the errors are said to have occurred. Nothing for a page that is not to be flagged."""
    page: dict[str, Json] = config["page"]
    entries = entries_of(page)
    if page.get("once") is not True or not entries:
        return Flagged()
    task = context.task
    # Even of a first attempt: one that died before it was recorded may have flagged, and kept what came of it.
    part = parts.kept(ports, task)
    # An attempt that did not get through has kept fewer.
    if len(part.done) < len(entries):
        _complete(ports, context, config, said, entries, part)
    errors = tuple(
        _error(task, config, at, place, Fault.of_json(part.done[str(place)]), entry)
        for place, entry in enumerate(entries)
        if part.done[str(place)] is not None
    )
    return Flagged(errors, Count(error=len(errors), started_at=at, ended_at=at) if errors else Count())


def _complete(
    ports: FlowPorts,
    context: StepContext,
    config: Mapping[str, Any],
    said: Mapping[str, Any],
    entries: list[Entry],
    part: Part,
) -> None:
    """Makes the requests that are missing, and keeps what came of all."""
    known = facts(context, said, config["generator"])
    try:
        desk = ports.desks.open(ResourceKind.EXPORT, config["export"], known, step_until(context))
    except FlowHttpError as error:
        part.done |= {str(place): fault_of(error).to_json() for place in range(len(entries))}
    else:
        units = [_unit(desk, context.task, place, entry) for place, entry in enumerate(entries)]
        parts.work_off(ports, context.task, desk, units, part)
    parts.save(ports, context.task, part)


def _unit(desk: Desk, task: Task, place: int, entry: Entry) -> Unit:
    http = desk.rules.http
    request = as_object(http.get("once"))
    body = request.get("body")
    spec = RequestSpec(
        method=as_text(request.get("method")) or "PUT",
        relative_uri=as_text(request.get("relativeURI")),
        body=body if isinstance(body, str) and body else None,
        headers=pairs(http.get("headers")),
        media_type=as_text(http.get("requestMediaType")),
    )

    def perform() -> Json:
        try:
            desk.request(spec, desk.context(entry.record), f"{task.idempotency_key}/{place}")
        except RecordError as error:
            return fault_of(error).to_json()
        return None

    def give_up(error: FlowHttpError) -> Json:
        return fault_of(error).to_json()

    return Unit(str(place), perform, give_up)


def _error(task: Task, config: Mapping[str, Any], at: datetime, place: int, fault: Fault, entry: Entry) -> FlowError:
    """It cannot be tried again: the next run brings the record once more, and flags it then."""
    run, generator = task.run, config["generator"]
    id_ = error_id_of(at, run.id, generator, round_of(task), "once", place)
    return FlowError(
        id=id_,
        workspace_id=run.workspace_id,
        flow_id=run.workflow_id,
        step_id=config["export"],
        job_id=run.id,
        child=generator,
        order=0,
        occurred_at=at,
        source=fault.source,
        code=fault.code,
        message=fault.message,
        trace_key=entry.trace_key,
        request_key=request_key_of(fault, at, id_),
    )

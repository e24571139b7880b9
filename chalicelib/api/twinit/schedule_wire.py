"""Schedules, jobs and triggers in this dialect's JSON. The first two are several triggers seen together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from chalicelib.api.twinit import documents
from chalicelib.api.twinit.documents import Members, masked, user_id
from chalicelib.api.twinit.times import with_microseconds
from chalicelib.domain.json import Json
from chalicelib.domain.schedules import Schedule
from chalicelib.domain.workflow import Workflow


def schedule(definition: Workflow, triggers: Sequence[Schedule]) -> Members:
    """Of the triggers of one schedule, oldest first. Its timing is the first one's, its times are those of all."""
    first = triggers[0]
    return {
        "_id": first.labels["schedule_id"],
        "_workflowDefId": first.target.id,
        "_namespaces": namespaces(definition, first),
        "_schedule": {
            "_type": "TIME_BASED",
            "_runInterval": first.timing.expression,
            "_timeZone": first.timing.timezone,
        },
        "_inputParams": masked(first.input),
        "_jobId": first.labels["job_id"],
        "_triggerId": first.id,
        "_nextFireTime": _time(min((t.next_fire_at for t in triggers if t.next_fire_at), default=None)),
        "_lastFireTime": _time(max((t.last_fire_at for t in triggers if t.last_fire_at), default=None)),
        **_audit(triggers),
    }


def job(definition: Workflow, triggers: Sequence[Schedule]) -> Members:
    """Of the triggers of one job, oldest first."""
    first = triggers[0]
    return {
        "_id": first.labels["job_id"],
        "_workflowDefId": first.target.id,
        "_namespaces": namespaces(definition, first),
        "_inputParams": masked(first.input),
        "_triggers": [trigger.id for trigger in triggers],
        **_audit(triggers),
    }


def trigger(of: Schedule) -> Members:
    return {
        "_id": of.id,
        "_jobId": of.labels["job_id"],
        "_scheduleId": of.labels["schedule_id"],
        "_runInterval": of.timing.expression,
        "_timeZone": of.timing.timezone,
        "_nextFireTime": _time(of.next_fire_at),
        "_lastFireTime": _time(of.last_fire_at),
        "_status": _status(of),
    }


def namespaces(definition: Workflow, of: Schedule) -> list[Json]:
    """Those that it names for itself, as far as the definition is still in them; else the definition's, wherever that
    was moved: what fires can always be found."""
    everywhere = documents.namespaces(definition)
    own = of.labels.get("namespaces")
    kept = [name for name in own if name in everywhere] if isinstance(own, list) else []
    return kept or everywhere


def _status(of: Schedule) -> str:
    if not of.enabled:
        return "PAUSED"
    return "ACTIVE" if of.next_fire_at is not None else "COMPLETED"


def _audit(triggers: Sequence[Schedule]) -> Members:
    first = triggers[0]
    newest = max(triggers, key=lambda each: each.updated_at)
    return {
        "_createdAt": with_microseconds(first.created_at),
        "_updatedAt": with_microseconds(newest.updated_at),
        "_createdBy": user_id(first.created_by),
        "_updatedBy": user_id(newest.updated_by or newest.created_by),
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else with_microseconds(at)

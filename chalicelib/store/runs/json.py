"""Smaller parts of a run to and from JSON: answers, resets, where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.domain.events import Cause
from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.run import Answer, Parent, Part, Reset, Run
from chalicelib.domain.times import from_epoch_ms
from chalicelib.store.runs import outcomes


@dataclass(frozen=True, slots=True)
class Origin:
    """The members of a run that say where it comes from."""

    parent: Parent | None
    part: Part | None
    lineage: str | None
    created_by: str | None
    cause: Cause | None
    exclusive: str | None
    scheduled_at: datetime | None


def answer_to_json(answer: Answer) -> dict[str, Any]:
    members: dict[str, Any] = {"at": epoch_ms(answer.at), "output": answer.output}
    if answer.error is not None:
        members["error"] = outcomes.error_to_json(answer.error)
    return members


def answer_from_json(members: Any) -> Answer:
    return Answer(
        at=from_epoch_ms(members["at"]),
        output=members["output"],
        error=outcomes.error_from_json(members["error"]) if "error" in members else None,
    )


def resets_to_json(resets: Mapping[str, Reset]) -> dict[str, Any]:
    return {key: [reset.generation, reset.attempts, reset.effect] for key, reset in resets.items()}


def resets_from_json(members: Any) -> dict[str, Reset]:
    """None for no resets."""
    return {key: Reset(*numbers) for key, numbers in (members or {}).items()}


def origin_to_json(run: Run) -> dict[str, Any]:
    """What of it is set; empty for a run that nobody in particular started."""
    members: dict[str, Any] = {}
    if run.parent is not None:
        members["parent"] = [run.parent.run_id, run.parent.slot]
    if run.part is not None:
        members["part"] = run.part.path
    if run.lineage is not None:
        members["lineage"] = run.lineage
    if run.created_by is not None:
        members["created_by"] = run.created_by
    if run.cause is not None:
        members["cause"] = [run.cause.emitter_id, run.cause.channel, run.cause.event_id, run.cause.hops]
    if run.exclusive is not None:
        members["exclusive"] = run.exclusive
    if run.scheduled_at is not None:
        members["scheduled_at"] = epoch_ms(run.scheduled_at)
    return members


def origin_from_json(members: Any) -> Origin:
    """`members` may be None."""
    members = members or {}
    return Origin(
        parent=Parent(*members["parent"]) if "parent" in members else None,
        part=Part(tuple(members["part"])) if "part" in members else None,
        lineage=members.get("lineage"),
        created_by=members.get("created_by"),
        cause=Cause(*members["cause"]) if "cause" in members else None,
        exclusive=members.get("exclusive"),
        scheduled_at=from_epoch_ms(members["scheduled_at"]) if "scheduled_at" in members else None,
    )

"""Smaller parts of a run to and from JSON: answers, resets, where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.run import Answer, Parent, Part, Reset, Run
from chalicelib.domain.times import from_epoch_ms
from chalicelib.store import outcomes


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
    """Empty for a run that no other run started."""
    members: dict[str, Any] = {}
    if run.parent is not None:
        members["parent"] = [run.parent.run_id, run.parent.slot]
    if run.part is not None:
        members["part"] = run.part.path
    if run.lineage is not None:
        members["lineage"] = run.lineage
    return members


def origin_from_json(members: Any) -> tuple[Parent | None, Part | None, str | None]:
    """None for a run that no other run started."""
    members = members or {}
    parent = Parent(*members["parent"]) if "parent" in members else None
    part = Part(tuple(members["part"])) if "part" in members else None
    return parent, part, members.get("lineage")

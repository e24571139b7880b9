"""Outcomes of steps to and from JSON. What has its usual value is left out."""

from __future__ import annotations

from typing import Any

from chalicelib.domain.graph import MAIN
from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.json import Json
from chalicelib.domain.run import Failure, LogLine, Outcome, Round, StepError, StepStatus
from chalicelib.domain.times import from_epoch_ms
from chalicelib.store.runs import round_json


def to_json(outcome: Outcome) -> dict[str, Any]:
    """Without output, input and round, which are values of their own where the outcome has an item."""
    members: dict[str, Any] = {
        "key": outcome.key,
        "node": outcome.node_id,
        "status": outcome.status.value,
        "attempt": outcome.attempt,
        "started": epoch_ms(outcome.started_at),
        "finished": epoch_ms(outcome.finished_at),
    }
    if outcome.left_out:
        members["left_out"] = True
    if outcome.generation:
        members["generation"] = outcome.generation
    if outcome.ports != (MAIN,):
        members["ports"] = outcome.ports
    if outcome.error is not None:
        members["error"] = error_to_json(outcome.error)
    if outcome.logs:
        members["logs"] = [[epoch_ms(line.at), line.level, line.message] for line in outcome.logs]
    return members


def from_json(members: Any, output: Json, input_: Json, round_: Round | None) -> Outcome:
    return Outcome(
        key=members["key"],
        node_id=members["node"],
        status=StepStatus(members["status"]),
        attempt=members["attempt"],
        started_at=from_epoch_ms(members["started"]),
        finished_at=from_epoch_ms(members["finished"]),
        output=output,
        input=input_,
        ports=tuple(members.get("ports", (MAIN,))),
        error=error_from_json(members["error"]) if "error" in members else None,
        logs=tuple(LogLine(from_epoch_ms(at), level, text) for at, level, text in members.get("logs", ())),
        generation=members.get("generation", 0),
        round=round_,
        left_out=members.get("left_out", False),
    )


def all_to_json(outcomes: tuple[Outcome, ...]) -> Any:
    """With output and input, and beside them the rounds that any of them are in."""
    rounds = round_json.RoundsWriter()
    members = []
    for outcome in outcomes:
        member = {**to_json(outcome), "output": outcome.output, "input": outcome.input}
        if outcome.round is not None:
            member["round"] = rounds.add(outcome.round)
        members.append(member)
    return {"rounds": rounds.entries, "outcomes": members} if rounds.entries else members


def all_from_json(members: Any) -> tuple[Outcome, ...]:
    """None for no outcomes."""
    if not isinstance(members, dict):
        members = {"rounds": (), "outcomes": members or ()}
    rounds = round_json.read(members["rounds"])
    return tuple(
        from_json(each, each["output"], each["input"], rounds[each["round"]] if "round" in each else None)
        for each in members["outcomes"]
    )


def failure_to_json(failure: Failure) -> dict[str, Any]:
    return {"type": failure.type, "message": failure.message, "node": failure.node_id}


def failure_from_json(members: Any) -> Failure | None:
    return members and Failure(members["type"], members["message"], members["node"])


def error_to_json(error: StepError) -> dict[str, Any]:
    members = {
        "type": error.type,
        "message": error.message,
        "retryable": error.retryable or None,  # False is the usual value, and left out with the others
        "status": error.status,
        "body": error.body,
        "retry_after": error.retry_after_seconds,
    }
    return {name: value for name, value in members.items() if value is not None}


def error_from_json(members: Any) -> StepError:
    return StepError(
        type=members["type"],
        message=members["message"],
        retryable=members.get("retryable", False),
        status=members.get("status"),
        body=members.get("body"),
        retry_after_seconds=members.get("retry_after"),
    )

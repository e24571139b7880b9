"""`pin_data`: writes workflow data of a pin.

A run may write to the pins of its own workspace, whoever of it made them: workflows belong to the workspace. A repeated
attempt pushes the same data again, which changes nothing that a reader sees but the version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from chalicelib.domain.errors import PenstockError
from chalicelib.domain.json import Json
from chalicelib.domain.pins import Pin, Version
from chalicelib.domain.run import StepError
from chalicelib.nodes.steps import Handler, Result, StepContext, StepFailure
from chalicelib.services.pins.access import PinAccess


class Pusher(Protocol):
    def push(self, pin: Pin, workflow_id: str, data: Mapping[str, Json]) -> Version: ...


def handlers(access: Callable[[], PinAccess], data: Callable[[], Pusher]) -> Mapping[str, Handler]:
    """By node type. Both are asked for when a step runs."""

    def pin_data(context: StepContext) -> Result:
        config = context.task.config()
        pin_id = _text(config, "pin_id")
        workflow_id = _text(config, "workflow_id", default=context.task.run.workflow_id)
        pushed = config.get("data", context.task.incoming)
        if not isinstance(pushed, dict) or not pushed:
            raise _invalid("'data' must be an object with at least one member")
        shown: Json = {"pin_id": pin_id, "workflow_id": workflow_id, "data": pushed}
        try:
            pin = access().find(pin_id)
            if pin.workspace_id != context.task.run.workspace_id:
                raise StepFailure(StepError("forbidden", "the pin belongs to somebody else"), shown)
            version = data().push(pin, workflow_id, pushed)
        except PenstockError as error:
            raise StepFailure(StepError("pin_data", error.message, error.retryable), shown) from error
        return Result({"pin_id": pin_id, "workflow_id": workflow_id, "version": version.version}, input=shown)

    return {"pin_data": pin_data}


def _text(config: Mapping[str, Json], name: str, default: str | None = None) -> str:
    value = config.get(name, default)
    if not isinstance(value, str) or not value:
        raise _invalid(f"'{name}' must be a text")
    return value


def _invalid(message: str) -> StepFailure:
    return StepFailure(StepError("invalid_config", message))

"""Carries out one attempt of a step: finds the node type's handler and turns what happens into an outcome."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime

from chalicelib.domain.errors import ExpressionError
from chalicelib.domain.json import Json
from chalicelib.domain.run import LogLine, Outcome, StepError, StepStatus
from chalicelib.domain.tasks import Task
from chalicelib.nodes import control
from chalicelib.nodes.http_request import HttpRequestNode
from chalicelib.nodes.rest_connector import RestConnectorNode
from chalicelib.nodes.steps import Handler, Result, StepContext, StepFailure
from chalicelib.services.ports import Clock, HttpSender

logger = logging.getLogger(__name__)

PURE_HANDLERS: Mapping[str, Handler] = {
    "trigger": control.trigger,
    "noop": control.noop,
    "task_input": control.task_input,
    "transform": control.transform,
    "condition": control.condition,
    "switch": control.switch,
    "fail": control.fail,
}


class NodeRegistry:
    """The node types of this installation: those of this layer, and `extra` ones that need more than a sender.

    Implements the `Performer` port; safe to use from several threads.
    """

    def __init__(self, clock: Clock, http: HttpSender, extra: Mapping[str, Handler] | None = None) -> None:
        self._clock = clock
        http_request = HttpRequestNode(http, clock)
        self._handlers: dict[str, Handler] = {
            **PURE_HANDLERS,
            "http_request": http_request,
            "rest_connector": RestConnectorNode(http_request),
            **(extra or {}),
        }

    def perform(self, task: Task, seconds_left: float) -> Outcome:
        """One attempt. Never raises: whatever goes wrong is in the outcome."""
        started_at = self._clock.now()
        context = StepContext(task, seconds_left, self._clock.now)
        try:
            result = self._handler(task)(context)
        except StepFailure as failure:
            return self._failed(context, started_at, failure.error, failure.input)
        except ExpressionError as error:
            return self._failed(context, started_at, StepError("expression", error.message))
        except Exception:
            # A mistake of ours: another attempt would repeat it, and its details belong into the log alone.
            logger.exception("step raised", extra={"action": "step_raised", "step": task.seed})
            return self._failed(context, started_at, StepError("internal", "the step could not be carried out"))
        return self._ended(context, started_at, StepStatus.SUCCEEDED, result)

    def _handler(self, task: Task) -> Handler:
        handler = self._handlers.get(task.step.node.type)
        if handler is None:
            message = f"this installation has no node type '{task.step.node.type}'"
            raise StepFailure(StepError("unknown_node_type", message))
        return handler

    def _failed(self, context: StepContext, started_at: datetime, error: StepError, shown: Json = None) -> Outcome:
        context.logs.append(LogLine(self._clock.now(), "error", error.message[:2000]))
        return self._ended(context, started_at, StepStatus.FAILED, Result(input=shown), error)

    def _ended(
        self,
        context: StepContext,
        started_at: datetime,
        status: StepStatus,
        result: Result,
        error: StepError | None = None,
    ) -> Outcome:
        task = context.task
        return Outcome(
            key=task.key,
            node_id=task.step.node.id,
            status=status,
            attempt=task.attempt,
            started_at=started_at,
            finished_at=self._clock.now(),
            output=result.output,
            input=result.input,
            ports=result.ports,
            error=error,
            logs=tuple(context.logs),
            generation=task.generation,
            round=task.scope.round,
        )

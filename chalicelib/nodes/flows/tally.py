"""`tally`: settles the account of one page: its errors, what it resolved, its figures.

All of it follows from the recorded outputs of the page's steps, so that doing it again changes nothing. What stands
before it in this order is stored before it: figures never count an error that is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chalicelib.domain.errors import FileNotStoredError
from chalicelib.domain.flows.flows import Count, FlowError, Progress, added
from chalicelib.domain.flows.pages import (
    Fault,
    ended_at,
    error_id_of,
    request_key_of,
    totals_after,
    totals_of,
    totals_to_json,
)
from chalicelib.domain.json import Json, decode
from chalicelib.domain.tasks import Task
from chalicelib.nodes.flows import once
from chalicelib.nodes.flows.ports import FlowPorts, begun, config_of, patient, round_of
from chalicelib.nodes.steps import Handler, Result, StepContext

RESOLVED_BY = "auto"


def handler(ports: FlowPorts) -> Handler:
    @patient
    def tally(context: StepContext) -> Result:
        return Result(_Tally(ports, context).settle())

    return tally


@dataclass(frozen=True, slots=True)
class _Part:
    """A step of the page: the part of the job it counts for, and the export or import its errors belong to."""

    key: str
    child: str
    step_id: str
    order: int
    output: Mapping[str, Any]

    @property
    def at(self) -> datetime | None:
        return ended_at(dict(self.output))


def _config(task: Task) -> dict[str, Any]:
    """The step's own, with what the steps of the page said; one that was not needed said nothing."""
    config, said = config_of(task), task.scope.output_of
    return {**config, "page": said("page"), "outputs": {each["key"]: said(each["key"]) for each in config["stages"]}}


class _Tally:
    def __init__(self, ports: FlowPorts, context: StepContext) -> None:
        self._ports = ports
        self._context = context
        self._task = context.task
        self._run = context.task.run
        self._config = _config(context.task)
        self._said = begun(self._config)
        self._generator: str = self._config["generator"]
        self._page: dict[str, Any] = self._config["page"]
        self._parts = list(self._read_parts())

    def settle(self) -> Json:
        for part in self._parts:
            self._open_errors(part)
            self._note_failed_again(part)
            self._resolve(part)
        # When the page was made, as it is recorded: ids of errors follow from it, and have to be the same again.
        at = self._parts[0].at or self._context.now()
        flagged = once.flag(self._ports, self._context, self._config, self._said, at)
        if flagged.errors:
            self._ports.errors.open(flagged.errors)
        totals = self._totals(flagged.count)
        more = self._page["more"] is True
        has_failed = self._page.get("failed") is True
        if self._generator in self._said["generators"]:
            progress = Progress(self._generator, round_of(self._task), totals, is_done=not more, has_failed=has_failed)
            # After all errors, so that figures count none that cannot be found.
            self._ports.jobs.advance(self._run.workspace_id, self._run.id, progress)
        return {
            "more": more,
            "paging": self._page.get("paging"),
            "totals": totals_to_json(totals),
            "failed": has_failed,
        }

    def _read_parts(self) -> Iterator[_Part]:
        """Routers have no figures: what they do counts for the generator."""
        export: str = self._config["export"]
        yield _Part("page", self._generator, export, 0, self._page)
        for stage in self._config["stages"]:
            output = self._config["outputs"][stage["key"]]
            if not isinstance(output, dict):
                continue
            if stage["id"]:
                yield _Part(stage["key"], stage["key"], stage["id"], stage["order"], output)
            else:
                yield _Part(stage["key"], self._generator, export, 0, output)

    def _totals(self, flagged: Count) -> dict[str, Count]:
        carry: Any = self._task.scope.round.carry if self._task.scope.round is not None else None
        # What comes into a loop's first round is what the loop before it said, with figures of another generator.
        is_first = round_of(self._task) == 1 or not isinstance(carry, dict)
        before = totals_of(None if is_first else carry.get("totals"))
        totals = totals_after(before, [(part.child, dict(part.output)) for part in self._parts])
        if flagged != Count():
            totals[self._generator] = added(totals.get(self._generator, Count()), flagged)
        return totals

    # -- errors -------------------------------------------------------------------------------------------------------

    def _open_errors(self, part: _Part) -> None:
        errors = [self._error(part, each) for each in part.output.get("errors", ())]
        if errors:
            self._ports.errors.open(errors)

    def _error(self, part: _Part, said: Mapping[str, Any]) -> FlowError:
        run = self._run
        at = part.at or self._context.now()
        fault = Fault.of_json(said)
        retry_data = self._retry_data(part, said)
        id_ = error_id_of(at, run.id, self._generator, round_of(self._task), part.key, said["n"])
        return FlowError(
            id=id_,
            workspace_id=run.workspace_id,
            flow_id=run.workflow_id,
            step_id=part.step_id,
            job_id=run.id,
            child=part.child,
            order=part.order,
            occurred_at=at,
            source=fault.source,
            code=fault.code,
            message=fault.message,
            trace_key=said["trace"],
            retry_data=retry_data,
            is_retriable=retry_data is not None,
            request_key=request_key_of(fault, at, id_),
        )

    def _retry_data(self, part: _Part, said: Mapping[str, Any]) -> dict[str, Json] | None:
        """None for what cannot be tried again: what has no record, and everything where the flow says so."""
        if "record" not in said or self._config["skip_retries"]:
            return None
        return {"data": said["record"], "stage": part.key, "traceKey": said["trace"]}

    def _note_failed_again(self, part: _Part) -> None:
        faults = {each["id"]: Fault.of_json(each) for each in part.output.get("again", ())}
        if not faults:
            return
        run = self._run
        step_id = self._tried_again_at(part)
        found = self._ports.errors.get(run.workspace_id, run.workflow_id, step_id, list(faults), bare=True)
        for id_, error in found.items():
            fault = faults[id_]
            changed = replace(
                error,
                source=fault.source,
                code=fault.code,
                message=fault.message,
                is_retriable=error.retry_data is not None,
            )
            self._ports.errors.failed_again(changed)

    def _resolve(self, part: _Part) -> None:
        """What was tried again and went well, and older errors of records that went well now."""
        ids = [*part.output.get("resolved", ()), *self._matching(part)]
        if ids:
            at = part.at or self._context.now()
            run = self._run
            step_id = self._tried_again_at(part)
            self._ports.errors.resolve(
                run.workspace_id, run.workflow_id, step_id, list(dict.fromkeys(ids)), at, RESOLVED_BY
            )

    def _tried_again_at(self, part: _Part) -> str:
        """Where errors are that the part tells the outcome of."""
        # What is tried again passes through the loop of the first generator, whosesoever it was: what counts for that
        # one, its page and its routers, may be about errors of another.
        return self._said["retry"]["step"] if part.child == self._generator else part.step_id

    def _matching(self, part: _Part) -> list[str]:
        traced = part.output.get("traced")
        if not traced or "open" not in self._said:
            return []
        try:
            stored = self._ports.files.get(self._run.id, self._said["open"])
        except FileNotStoredError:
            # Without the file older errors stay open, and nothing is lost.
            return []
        known: Any = decode(stored.content)
        keys: Mapping[str, list[str]] = known.get(part.step_id, {})
        return [id_ for key in dict.fromkeys(traced) for id_ in keys.get(key, ())]

"""Calls that start, show and cancel executions, which are our runs."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.cursors import as_cursor, cursor
from chalicelib.api.common.parsing import choice, earliest, idempotency_key, latest, member, positive_int
from chalicelib.api.common.services import Services
from chalicelib.api.exeoflow import wire
from chalicelib.api.exeoflow.envelope import paging, success
from chalicelib.domain.json import Json
from chalicelib.domain.run import Run, RunSummary, Start
from chalicelib.services.access import Scope, is_id, require
from chalicelib.services.ports import Page, RunFilter

# A function's whole answer may have 6 MB, its body escaped once more.
MAX_REPLY_BYTES = 4_500_000
DEFAULT_STEPS = 50
MAX_STEPS = 100


class Executions:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def execute(self, call: Call) -> Reply:
        services = self._services()
        workflow = services.access.workflow(call.principal, call.params["workflow_id"], Scope.WRITE_RUNS)
        started = Start(call.principal.user_id)
        run = services.runs.start(workflow, _input(call), idempotency_key=idempotency_key(call), start=started)
        return success(wire.started(run))

    def list(self, call: Call) -> Reply:
        require(call.principal, Scope.READ_RUNS)
        asked = paging(call)
        where = _filter(call)
        page: Page[RunSummary] = Page((), 0)
        if _can_match(where):
            page = self._services().runs.page(call.principal, where, asked.offset, asked.limit)
        return success(
            {
                "executions": [wire.execution_item(run) for run in page.items],
                "pagination": wire.pagination(asked.page, asked.limit, page.total),
            }
        )

    def get(self, call: Call) -> Reply:
        return _bounded(wire.execution_full(self._services().runs.get(call.principal, _id(call))))

    def steps(self, call: Call) -> Reply:
        require(call.principal, Scope.READ_RUNS)
        limit = min(positive_int(call, "limit", DEFAULT_STEPS), MAX_STEPS)
        page = self._services().runs.steps(call.principal, _id(call), cursor(call, "cursor"), limit)
        return _bounded(wire.steps(page, page.next and as_cursor(page.next)))

    def input(self, call: Call) -> Reply:
        """The whole input, however large: what `get` leaves out of a reply that would not pass a gateway."""
        run = self._run(call)
        return success({"input": wire.given(run.input, run.workflow_id)})

    def output(self, call: Call) -> Reply:
        """The whole output of the last step, null while there is none."""
        return success({"output": self._run(call).output})

    def _run(self, call: Call) -> Run:
        return self._services().runs.owned(call.principal, _id(call), Scope.READ_RUNS)

    def cancel(self, call: Call) -> Reply:
        return success(wire.cancelled(self._services().runs.cancel(call.principal, _id(call))))

    def logs(self, call: Call) -> Reply:
        return success(wire.logs(self._services().runs.get(call.principal, _id(call))))


def _id(call: Call) -> str:
    return call.params["execution_id"]


def _bounded(shown: wire.Members) -> Reply:
    if len(msgspec.json.encode(shown)) > MAX_REPLY_BYTES:
        shown = wire.shortened(shown, MAX_REPLY_BYTES)
    return success(shown)


def _input(call: Call) -> Json:
    """The body is optional, and so is its `input`."""
    if not call.body().strip():
        return {}
    given = member(call.json_object(), "input", dict)
    return {} if given is None else given


def _filter(call: Call) -> RunFilter:
    status = call.param("status")
    return RunFilter(
        workflow_id=call.param("workflow_id"),
        statuses=frozenset() if status is None else choice(status, "status", wire.STATUS_FILTERS),
        since=earliest(call, "from"),
        until=latest(call, "to"),
    )


def _can_match(where: RunFilter) -> bool:
    if where.workflow_id is not None and not is_id(where.workflow_id):
        return False
    return where.since is None or where.until is None or where.since <= where.until

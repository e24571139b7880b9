"""Calls on the errors that runs of flows left, open and resolved ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from chalicelib.api.celigo import job_wire, listing
from chalicelib.api.celigo.jobs import moment_of
from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.mount import Route
from chalicelib.api.common.parsing import idempotency_key
from chalicelib.api.common.services import Services
from chalicelib.domain.errors import FieldsRefusedError, InvalidError
from chalicelib.domain.flows.flows import ErrorFilter, ResourceKind, error_of_retry_data, is_error_id
from chalicelib.domain.json import Json
from chalicelib.domain.records.problems import Problems
from chalicelib.domain.workflow import Workflow
from chalicelib.services.access import Scope

if TYPE_CHECKING:
    from chalicelib.domain.flows.flows import FlowError

MOST_AT_ONCE = 1_000
LONGEST_TRACE_KEY = 512
_BY_KEYS, _BY_IDS = "retryDataKeys", "errorIds"


class RunErrorCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def summary(self, call: Call) -> Reply:
        errors = self._services().flow_errors
        flow = errors.flow(call.principal, call.params["flow_id"], Scope.READ_RUNS)
        shown: list[Json] = [job_wire.step_errors(each, "_expOrImpId") for each in errors.summary(flow)]
        return Reply(200, {"flowErrors": shown})

    def of_integration(self, call: Call) -> Reply:
        services = self._services()
        integration = services.flow_resources.get(
            call.principal, ResourceKind.INTEGRATION, call.params["integration_id"], Scope.READ_RUNS
        )
        flows = services.flow_errors.flows_of(call.principal, integration.id)
        totals = services.flow_errors.totals(flows)
        return listing.plain([job_wire.step_errors(each, "_flowId") for each in totals])

    def open(self, call: Call) -> Reply:
        return self._page(call, "errors", is_resolved=False)

    def resolved(self, call: Call) -> Reply:
        return self._page(call, "resolved", is_resolved=True)

    def resolve(self, call: Call) -> Reply:
        flow = self._step(call, Scope.WRITE_RUNS)
        ids = error_ids(call.json_object(), "errors")
        self._services().flow_errors.resolve(call.principal, flow, call.params["step_id"], ids)
        return Reply(200, {})

    def reopen(self, call: Call) -> Reply:
        flow = self._step(call, Scope.WRITE_RUNS)
        ids = error_ids(call.json_object(), "errors")
        self._services().flow_errors.reopen(flow, call.params["step_id"], ids)
        return Reply(204)

    def retry(self, call: Call) -> Reply:
        flow = self._step(call, Scope.WRITE_RUNS)
        ids, field = _retried(call.json_object())
        errors, key = self._services().flow_errors, idempotency_key(call)
        job_id = errors.retry(call.principal, flow, call.params["step_id"], ids, field, key)
        return Reply(200, {"_jobId": job_id})

    def data(self, call: Call) -> Reply:
        error, kind = self._retry_data(call, Scope.READ_RUNS)
        return Reply(200, job_wire.retry_data(error, kind))

    def set_data(self, call: Call) -> Reply:
        error, kind = self._retry_data(call, Scope.WRITE_RUNS)
        data, trace_key = _changed(call.json_object())
        changed = self._services().flow_errors.set_retry_data(error, data, trace_key)
        return Reply(200, job_wire.retry_data(changed, kind))

    def _page(self, call: Call, name: str, *, is_resolved: bool) -> Reply:
        flow, services, step_id = self._step(call, Scope.READ_RUNS), self._services(), call.params["step_id"]
        limit, where = listing.limit_of(call), _filter(call, is_resolved)
        found, after = services.flow_errors.page(flow, step_id, where, after=_after(call), limit=limit)
        # Tags that were deleted since are still on the errors that had them.
        tags = services.flow_tags.known(flow.workspace_id, frozenset(tag for each in found for tag in each.tags))
        sent: list[Json] = []
        size = 0
        for each in found:
            members = job_wire.error(each, tags)
            size += len(msgspec.json.encode(members))
            if sent and size > listing.MAX_PAGE_BYTES:
                # The page ends early, so the next one begins behind what was sent of it.
                after = found[len(sent) - 1].id
                break
            sent.append(members)
        shown: dict[str, Json] = {name: sent}
        if after is not None:
            base_url = services.public_base_url or call.base_url
            shown["nextPageURL"] = job_wire.next_page(call, base_url, after=after, limit=limit)
        return Reply(200, shown)

    def _retry_data(self, call: Call, scope: Scope) -> tuple[FlowError, ResourceKind]:
        flow, services = self._step(call, scope), self._services()
        return services.flow_errors.with_retry_data(flow, call.params["step_id"], call.params["retry_data_key"])

    def _step(self, call: Call, scope: Scope) -> Workflow:
        return self._services().flow_errors.step(call.principal, call.params["flow_id"], call.params["step_id"], scope)


def routes(services: Callable[[], Services]) -> tuple[Route, ...]:
    """Below the door's prefix."""
    calls = RunErrorCalls(services)
    step = "/flows/{flow_id}/{step_id}"
    return (
        Route("GET", "/flows/{flow_id}/errors", calls.summary),
        Route("GET", f"{step}/errors", calls.open),
        Route("GET", f"{step}/resolved", calls.resolved),
        Route("PUT", f"{step}/resolved", calls.resolve),
        Route("DELETE", f"{step}/resolved", calls.reopen),
        Route("POST", f"{step}/retry", calls.retry),
        Route("GET", f"{step}/{{retry_data_key}}/data", calls.data),
        Route("PUT", f"{step}/{{retry_data_key}}/data", calls.set_data),
        Route("GET", "/integrations/{integration_id}/errors", calls.of_integration),
    )


def _filter(call: Call, is_resolved: bool) -> ErrorFilter:
    return ErrorFilter(
        is_resolved=is_resolved,
        since=_time(call, "occurredAt_gte", 0),
        until=_time(call, "occurredAt_lte", 1),
        source=call.param("source") or None,
        job_id=call.param("_flowJobId") or None,
    )


def _time(call: Call, name: str, end: int) -> datetime | None:
    text = (call.param(name) or "").strip()
    return moment_of(text, name)[end] if text else None


def _after(call: Call) -> str | None:
    text = call.param("after") or None
    if text is not None and not is_error_id(text):
        raise listing.refuse("after", "after is none of our links'.")
    return text


def error_ids(body: dict[str, Json], name: str) -> list[str]:
    """The texts that a member lists. Raises FieldsRefusedError, InvalidError for too many."""
    problems = Problems()
    value = body.get(name)
    if value is None:
        problems.missing(name)
    elif not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        problems.invalid(name, f"Path `{name}` must be an array of strings.")
    elif len(value) > MOST_AT_ONCE:
        message = f"Path `{name}` may list at most {MOST_AT_ONCE} errors."
        raise InvalidError(message, field=name, code="invalid_field")
    if problems.found or not isinstance(value, list):
        raise FieldsRefusedError(problems=tuple(problems.found))
    return [str(each) for each in value]


def _retried(body: dict[str, Json]) -> tuple[list[str], str]:
    """The errors that are named, and by which member. What is no retry data key of ours names none."""
    if body.get(_BY_KEYS) is None and body.get(_BY_IDS) is not None:
        return error_ids(body, _BY_IDS), _BY_IDS
    named = [error_of_retry_data(key) for key in error_ids(body, _BY_KEYS)]
    return [id_ for id_ in named if id_ is not None], _BY_KEYS


def _changed(body: dict[str, Json]) -> tuple[Json, str | None]:
    """The record, and its trace key if that is given. Where a record failed cannot be changed."""
    problems = Problems()
    data, trace_key = body.get("data"), body.get("traceKey")
    if data is None:
        problems.missing("data")
    elif not isinstance(data, (dict, list)):
        problems.invalid("data", "Path `data` must be an object or an array.")
    if trace_key is not None and not (isinstance(trace_key, str) and len(trace_key) <= LONGEST_TRACE_KEY):
        problems.invalid("traceKey", f"Path `traceKey` must be a string of at most {LONGEST_TRACE_KEY} characters.")
    if problems.found:
        raise FieldsRefusedError(problems=tuple(problems.found))
    return data, trace_key if isinstance(trace_key, str) else None

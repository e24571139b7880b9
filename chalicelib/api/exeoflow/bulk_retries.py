"""Calls that retry all failed executions of a workflow since a time, and show how far that has come."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.parsing import member, required, span
from chalicelib.api.common.services import Services
from chalicelib.api.exeoflow import wire
from chalicelib.api.exeoflow.envelope import success
from chalicelib.services.access import Scope, require


class BulkRetryCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def start(self, call: Call) -> Reply:
        require(call.principal, Scope.WRITE_RUNS)
        body = call.json_object()
        workflow_id = required(member(body, "workflow_id", str), "workflow_id")
        since = required(member(body, "since", str), "since")
        until = member(body, "until", str)
        bulk = self._services().bulk.start(
            call.principal,
            workflow_id,
            since=span(since, "since")[0],
            until=None if until is None else span(until, "until")[1],
        )
        return success(wire.bulk_retry(bulk))

    def get(self, call: Call) -> Reply:
        return success(wire.bulk_retry(self._services().bulk.get(call.principal, call.params["bulk_retry_id"])))

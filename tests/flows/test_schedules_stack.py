"""Schedules on the local stack as `make run` starts it, in real time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from tests.flows.test_local_stack import Stack, eventually

AT_ONCE = 100
WITHIN_SECONDS = 8


@pytest.fixture
def stack() -> Iterator[Stack]:
    running = Stack()
    yield running
    running.close()


def test_schedules_that_are_due_in_the_same_second_all_fire_and_none_twice(stack: Stack) -> None:
    due_at = datetime.fromtimestamp(int(time.time()) + WITHIN_SECONDS, UTC)
    url = f"{stack.base_url}/_local/inbox/fired"
    call = {"id": "call", "type": "http_request", "config": {"method": "POST", "url": url, "body": "{{ $run.id }}"}}
    workflow_id = stack.active_workflow([{"id": "start", "type": "trigger"}, call], [{"from": "start", "to": "call"}])
    schedule = {"workflow_id": workflow_id, "cron": f"{due_at:%S %M %H %d %m} ? {due_at:%Y}"}

    with ThreadPoolExecutor(4) as callers:
        answers = list(callers.map(lambda _: stack.call("POST", "/v1/schedules", schedule), range(AT_ONCE)))
    created_by = datetime.now(UTC)
    runs = eventually(
        lambda: stack.call("GET", f"/v1/executions?workflow_id={workflow_id}&status=success&limit=100").data,
        lambda found: found["pagination"]["total"] >= AT_ONCE,
    )

    assert {answer.status for answer in answers} == {201}
    assert created_by < due_at
    assert runs["pagination"]["total"] == AT_ONCE
    bodies = [each["body"] for each in stack.received("fired", AT_ONCE)]
    assert len(bodies) == len(set(bodies)) == AT_ONCE
    listed = stack.call("GET", f"/v1/schedules?workflow_id={workflow_id}&limit=100").data["schedules"]
    assert {each["next_run_at"] for each in listed} == {None}
    assert len({each["last_execution_id"] for each in listed}) == AT_ONCE

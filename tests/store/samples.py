"""Values for the contract suite, with defaults for what a test does not care about."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.graph import Backoff, Edge, Graph, Node, OnError, RetryPolicy
from chalicelib.domain.identity import ApiKey
from chalicelib.domain.run import (
    Answer,
    Failure,
    LogLine,
    Outcome,
    Parent,
    Part,
    Reset,
    Round,
    Run,
    RunStatus,
    StepError,
    StepStatus,
)
from chalicelib.domain.workflow import Hook, Workflow, WorkflowBody, WorkflowStatus
from tests.fakes import START

LEASE = timedelta(seconds=60)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def run(**changes: Any) -> Run:
    usual = Run(
        id="exec_1",
        workspace_id="ws_a",
        workflow_id="wf_1",
        workflow_name="Orders",
        version=3,
        body_ref="r3",
        status=RunStatus.QUEUED,
        created_at=START,
        input={"order": 7},
        due_at=after(60),
    )
    return replace(usual, **changes)


def outcome(key: str = "fetch", **changes: Any) -> Outcome:
    usual = Outcome(
        key=key,
        node_id=key,
        status=StepStatus.SUCCEEDED,
        attempt=1,
        started_at=START,
        finished_at=after(1),
        output={"status": 200},
    )
    return replace(usual, **changes)


FULL_OUTCOME = outcome(
    "loop/3/fetch",
    node_id="fetch",
    status=StepStatus.FAILED,
    attempt=2,
    input=[1, 1.0, "ü"],
    ports=("error", "main"),
    error=StepError("http_error", "Answered 503.", retryable=True, status=503, body="busy", retry_after_seconds=1.5),
    logs=(LogLine(after(0.5), "info", "trying"),),
    generation=4,
)


def round_of(container: str, index: int, outer: Round | None = None, **changes: Any) -> Round:
    """As a loop or map that stands in `outer` names it: by its own name there, behind that of the round."""
    slot = container if outer is None else f"{outer.container}.{outer.index}/{container}"
    return replace(Round(slot, index, outer=outer), **changes)


def in_round(around: Round, name: str = "call", **changes: Any) -> Outcome:
    """The outcome of a step that stands directly in the round."""
    return outcome(f"{around.container}.{around.index}/{name}", node_id=name, round=around, **changes)


OUTER_ROUND = round_of("outer", 3, carry=[1, 1.0, "ü"], begun_at=after(7))
INNER_ROUND = round_of("inner@2", 12, OUTER_ROUND, carry={"n": None}, begun_at=after(8))

FULL_RUN = run(
    output=[1, 1.0],
    failure=Failure("timeout", "Too slow.", "fetch"),
    finished_at=after(9),
    deadline_at=after(99),
    began_at=after(2),
    trigger="webhook",
    fence=4,
    hops=3,
    stalls=2,
    lease_expires_at=after(30),
    tail=(
        outcome("a"),
        outcome("large", output=None, left_out=True),
        FULL_OUTCOME,
        in_round(INNER_ROUND),
        in_round(OUTER_ROUND),
        in_round(OUTER_ROUND, "b"),
    ),
    status=RunStatus.RUNNING,
    workflow_name="",
    rounds=(INNER_ROUND, OUTER_ROUND, round_of("map", 0)),
    answers={
        "ask": Answer(after(5), {"ok": True}),
        "outer.3/ask[0]@2": Answer(after(6), None, StepError("sub_workflow", "It failed.", status=500)),
    },
    signals=2,
    resets={"fetch": Reset(1), "outer.3/call": Reset(2, 5, 1)},
    parent=Parent("exec_0", "outer.3/child@1"),
    part=Part(("each", "body", "again")),
    lineage="exec_0/outer.3/child",
    exclusive="sch_1",
    scheduled_at=after(1.25),
    depth=4,
    children=frozenset({"exec_2", "exec_3"}),
)


def workflow(**changes: Any) -> Workflow:
    usual = Workflow(
        id="wf_1",
        workspace_id="ws_a",
        name="Orders",
        description="",
        status=WorkflowStatus.ACTIVE,
        version=1,
        body_ref="r1",
        created_at=START,
        updated_at=START,
        timeout_seconds=90.5,
    )
    return replace(usual, **changes)


def body(ref: str = "r1", **changes: Any) -> WorkflowBody:
    usual = WorkflowBody(ref=ref, workflow_id="wf_1", version=1, source={"nodes": []}, graph=Graph())
    return replace(usual, **changes)


FULL_GRAPH = Graph(
    nodes=(
        Node("start", "trigger"),
        Node(
            "each",
            "map",
            name="Für jede Bestellung",
            config={"items": "{{ $input.orders }}", "factor": 1.0, "count": 1},
            retry=RetryPolicy(3, Backoff.LINEAR, 0.5, 20.0, 0.0),
            timeout_seconds=12.5,
            on_error=OnError.PORT,
            at_most_once=True,
            bodies={"body": Graph(nodes=(Node("inner", "noop"),))},
        ),
    ),
    edges=(Edge("start", "each"), Edge("each", "start", "error", "{{ $x > 1 }}")),
    timeout_seconds=3600.0,
)


def hook(**changes: Any) -> Hook:
    usual = Hook(
        id="wh_1",
        workspace_id="ws_a",
        workflow_id="wf_1",
        name="Orders in",
        method="POST",
        token_hash="ab12",
        created_at=START,
    )
    return replace(usual, **changes)


def key(**changes: Any) -> ApiKey:
    usual = ApiKey(
        id="key_1",
        secret_hash="0" * 64,
        user_id="user_1",
        workspace_id="ws_a",
        name="CI",
        scopes=("workflows:read", "executions:read"),
        created_at=START,
    )
    return replace(usual, **changes)

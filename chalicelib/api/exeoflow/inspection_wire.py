"""What the calls for those who look at an installation answer: graphs, timelines, the overview.

Times are milliseconds since 1970, because steps are shorter than the seconds that other replies show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.api.exeoflow import wire
from chalicelib.api.exeoflow.wire import Members
from chalicelib.domain.graph import MAIN, Edge, Graph, Node, OnError
from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.json import Json
from chalicelib.domain.masking import mask_json
from chalicelib.domain.run import Run
from chalicelib.domain.times import iso_z
from chalicelib.domain.workflow import Workflow

if TYPE_CHECKING:
    from chalicelib.services.overview import Hour, Lag, OverviewView
    from chalicelib.services.runs.steps import RunView, StepView

_MOST_MESSAGE = 2000


def workflow_graph(workflow: Workflow, version: int, graph_: Graph) -> Members:
    return {
        "workflow_id": workflow.id,
        "workflow_name": workflow.name,
        "description": workflow.description,
        "status": workflow.status.value,
        "dialect": workflow.dialect,
        "version": version,
        "created_at": iso_z(workflow.created_at),
        "updated_at": iso_z(workflow.updated_at),
        **graph(graph_),
    }


def run_graph(run: Run, workflow: Workflow | None, graph_: Graph | None, *, with_config: bool) -> Members:
    """The graph of the version that the run runs, empty where that version is gone; and how the run came about."""
    return {
        "execution_id": run.id,
        "workflow_id": run.workflow_id,
        "workflow_name": run.workflow_name,
        "dialect": workflow.dialect if workflow else None,
        "version": run.version,
        "trigger": run.trigger,
        "created_by": run.created_by,
        "parent_execution_id": run.parent.run_id if run.parent else None,
        "child_execution_ids": list[Json](sorted(run.children)),
        "cause": _cause(run),
        "scheduled_at": None if run.scheduled_at is None else iso_z(run.scheduled_at),
        "deadline_at": None if run.deadline_at is None else iso_z(run.deadline_at),
        **graph(graph_ or Graph(), with_config=with_config),
    }


def _cause(run: Run) -> Json:
    if run.cause is None:
        return None
    return {"emitter_id": run.cause.emitter_id, "channel": run.cause.channel, "event_id": run.cause.event_id}


def graph(graph_: Graph, *, with_config: bool = True) -> Members:
    return {
        "nodes": [_node(node, with_config) for node in graph_.nodes],
        "edges": [_edge(edge) for edge in graph_.edges],
    }


def _edge(edge: Edge) -> Members:
    members: Members = {"source": edge.source, "target": edge.target}
    if edge.port != MAIN:
        members["port"] = edge.port
    if edge.condition is not None:
        members["condition"] = edge.condition
    return members


def _node(node: Node, with_config: bool) -> Members:
    """What differs from how nodes are by default; secrets in the configuration are masked by their names. Without the
    configuration, what whoever answers a step has to know of it."""
    members: Members = {"id": node.id, "type": node.type, "name": node.name or node.id}
    config = {name: value for name, value in node.config.items() if with_config or name == "form"}
    if config:
        members["config"] = mask_json(config)
    if node.retry.max_attempts > 1:
        members["max_attempts"] = node.retry.max_attempts
    if node.timeout_seconds is not None:
        members["timeout_seconds"] = node.timeout_seconds
    if node.on_error is not OnError.FAIL:
        members["on_error"] = node.on_error.value
    if node.at_most_once:
        members["at_most_once"] = True
    if node.bodies:
        members["bodies"] = {name: graph(body, with_config=with_config) for name, body in node.bodies.items()}
    return members


def timeline(view: RunView, now: datetime) -> Members:
    """Without what went into steps and came out of them. `superseded` are failed attempts that another followed, and
    outcomes that a retry or rerun replaced."""
    run = view.run
    return {
        **wire.execution_item(run),
        **wire.failure(run),
        "started_ms": epoch_ms(run.created_at),
        "finished_ms": _ms(run.finished_at),
        "now_ms": epoch_ms(now),
        "waits_for_answer": [step.key for step in view.steps if _asks(step)],
        "steps": [
            *(_span(step) for step in view.steps),
            *(_span(step) | {"superseded": True} for step in view.earlier),
        ],
        "truncated": view.is_cut,
    }


def rounds(steps: Iterable[StepView]) -> Members:
    return {"steps": [_span(step) for step in steps]}


def _asks(step: StepView) -> bool:
    return step.node_type == "user_input" and step.status.value == "waiting"


def _span(step: StepView) -> Members:
    members: Members = {
        "key": step.key,
        "node_id": step.node_id,
        "node_name": step.node_name,
        "node_type": step.node_type,
        "state": step.status.value,
        "attempt": step.attempt,
        "started_ms": epoch_ms(step.started_at),
        "finished_ms": _ms(step.finished_at),
    }
    return members if step.error is None else members | {"error": step.error.message[:_MOST_MESSAGE]}


def overview(view: OverviewView) -> Members:
    return {
        "at": iso_z(view.at),
        "counted_from": iso_z(view.counted_from),
        "truncated": view.is_cut,
        "hours": [_hour(hour) for hour in view.hours],
        "failures": [wire.execution_item(run) for run in view.failures],
        "installation": _installation(view.installation),
    }


def _hour(hour: Hour) -> Json:
    counts: dict[str, Json] = dict.fromkeys(("running", "success", "failed", "cancelled"), 0)
    for status, count in hour.counts.items():
        word = wire.run_status(status)
        counts[word] = int(str(counts[word])) + count
    return {"at": iso_z(hour.at), **counts}


def _installation(lags: Mapping[str, Lag] | None) -> Json:
    if lags is None:
        return None
    return {name: _lag(lag) for name, lag in lags.items()}


def _lag(lag: Lag) -> Json:
    members: Members = {"overdue_seconds": lag.overdue_seconds, "messages": None, "dead_letters": None}
    if lag.depth is not None:
        depth = lag.depth
        members["messages"] = {"waiting": depth.waiting, "in_flight": depth.in_flight, "delayed": depth.delayed}
        members["dead_letters"] = depth.dead
    return members


def _ms(at: datetime | None) -> int | None:
    return None if at is None else epoch_ms(at)

"""Graphs to and from JSON. What has its usual value is left out, so that new members need no migration."""

from __future__ import annotations

from typing import Any

from chalicelib.domain.graph import Backoff, Concurrency, Edge, Graph, Node, OnError, OnLimit, PinMirror, RetryPolicy

_USUAL_RETRY = RetryPolicy()


def to_json(graph: Graph) -> dict[str, Any]:
    members: dict[str, Any] = {
        "nodes": [_node_to_json(node) for node in graph.nodes],
        "edges": [[edge.source, edge.target, edge.port, edge.condition] for edge in graph.edges],
        "timeout": graph.timeout_seconds,
    }
    if graph.concurrency is not None:
        limit = graph.concurrency
        members["concurrency"] = {"limit": limit.limit, "key": limit.key, "on_limit": limit.on_limit.value}
    if graph.mirror is not None:
        members["mirror"] = [graph.mirror.pin_id, graph.mirror.workflow_id]
    return members


def from_json(members: Any) -> Graph:
    return Graph(
        nodes=tuple(_node_from_json(node) for node in members["nodes"]),
        edges=tuple(Edge(source, target, port, condition) for source, target, port, condition in members["edges"]),
        timeout_seconds=members["timeout"],
        concurrency=_concurrency_from_json(members.get("concurrency")),
        mirror=PinMirror(*members["mirror"]) if "mirror" in members else None,
    )


def _concurrency_from_json(members: Any) -> Concurrency | None:
    if members is None:
        return None
    return Concurrency(members["limit"], members["key"], OnLimit(members["on_limit"]))


def _node_to_json(node: Node) -> dict[str, Any]:
    members: dict[str, Any] = {"id": node.id, "type": node.type}
    if node.name:
        members["name"] = node.name
    if node.config:
        members["config"] = node.config
    if node.retry != _USUAL_RETRY:
        members["retry"] = _retry_to_json(node.retry)
    if node.timeout_seconds is not None:
        members["timeout"] = node.timeout_seconds
    if node.on_error is not OnError.FAIL:
        members["on_error"] = node.on_error.value
    if node.at_most_once:
        members["at_most_once"] = True
    if node.bodies:
        members["bodies"] = {name: to_json(body) for name, body in node.bodies.items()}
    return members


def _node_from_json(members: Any) -> Node:
    return Node(
        id=members["id"],
        type=members["type"],
        name=members.get("name", ""),
        config=members.get("config", {}),
        retry=_retry_from_json(members["retry"]) if "retry" in members else _USUAL_RETRY,
        timeout_seconds=members.get("timeout"),
        on_error=OnError(members.get("on_error", OnError.FAIL)),
        at_most_once=members.get("at_most_once", False),
        bodies={name: from_json(body) for name, body in members.get("bodies", {}).items()},
    )


def _retry_to_json(retry: RetryPolicy) -> dict[str, Any]:
    return {
        "attempts": retry.max_attempts,
        "backoff": retry.backoff.value,
        "delay": retry.delay_seconds,
        "max_delay": retry.max_delay_seconds,
        "jitter": retry.jitter,
    }


def _retry_from_json(members: Any) -> RetryPolicy:
    return RetryPolicy(
        max_attempts=members["attempts"],
        backoff=Backoff(members["backoff"]),
        delay_seconds=members["delay"],
        max_delay_seconds=members["max_delay"],
        jitter=members["jitter"],
    )

"""What the product does for its clients, one short story each, so that together they pass every call to AWS.

Outputs name neither ids nor times: a story ends the same way in every world.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from chalicelib.domain.run import RunStatus
from tests.crash.world import World

RECEIVER = "http://receiver.test"
LARGE = "x" * 33_000


@dataclass(frozen=True)
class Scenario:
    """`ends` says how each accepted run ends, by its name; `or_unknown` names those whose effect happens at most once,
    and which may therefore end not knowing whether it has happened."""

    name: str
    play: Callable[[World], None]
    ends: Mapping[str, str] = field(default_factory=lambda: {"a": "succeeded"})
    or_unknown: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return self.name


def post(node_id: str, path: str = "", **members: Any) -> dict[str, Any]:
    """A call that tells who calls: the run's name, the node, and what `path` adds."""
    url = f"{RECEIVER}/{{{{ $input.name }}}}/{node_id}{path}"
    return {
        "id": node_id,
        "type": "http_request",
        "config": {"url": url, "method": "POST", "body": "{{ $prev }}"},
        **members,
    }


def node(node_id: str, type_: str, **config: Any) -> dict[str, Any]:
    return {"id": node_id, "type": type_, "config": config}


def in_a_row(*nodes: dict[str, Any]) -> tuple[Any, ...]:
    """The nodes, and an edge from each to the next."""
    return [*nodes], *pairwise(each["id"] for each in nodes)


def body_of(node_: str) -> str:
    return f"{{{{ $node.{node_}.body }}}}"


def body(*nodes: dict[str, Any], edges: tuple[tuple[str, str], ...] = ()) -> dict[str, Any]:
    return {"nodes": list(nodes), "connections": [{"from": one, "to": other} for one, other in edges]}


def chain(world: World) -> None:
    shape = node("shape", "transform", values={"at": body_of("one"), "more": 1})
    world.begin(world.prepare(*in_a_row(post("one"), shape, post("two"), post("three"))))
    world.go_on()


def parallel(world: World) -> None:
    nodes = [post("one"), post("left"), post("right"), post("join")]
    edges = ("one", "left"), ("one", "right"), ("left", "join"), ("right", "join")
    world.begin(world.prepare(nodes, *edges))
    world.go_on()


def retries(world: World) -> None:
    soon = {"max_attempts": 3, "delay_seconds": 0.2}
    later = {"max_attempts": 3, "delay_seconds": 40}
    world.receiver.flaky = {"/a/one", "/a/two"}
    world.begin(world.prepare([post("one", retry=soon), post("two", retry=later)], ("one", "two")))
    world.go_on()


def waits(world: World) -> None:
    short, long = node("short", "wait", seconds=30), node("long", "wait", seconds=1300)
    world.begin(world.prepare(*in_a_row(post("one"), short, post("two"), long, post("three"))))
    world.go_on()


def loop(world: World) -> None:
    again = body(post("one", "/{{ $loop.index }}"), node("rest", "wait", seconds=20), edges=(("one", "rest"),))
    nodes = [node("before", "transform", values={"x": 1}), node("again", "loop", **{"while": "$loop.index < 3"})]
    nodes[1]["config"]["body"] = again
    world.begin(world.prepare([*nodes, post("after")], ("before", "again"), ("again", "after")))
    world.go_on()


def inline_map(world: World) -> None:
    each = node("each", "map", items=[1, 2, 3], body=body(post("one", "/{{ $item }}")), concurrency=2)
    world.begin(world.prepare([each, post("after")], ("each", "after")))
    world.go_on()


def fork(world: World) -> None:
    inner = node("again", "loop", **{"while": "$loop.index < 2", "body": body(post("deep", "/{{ $loop.index }}"))})
    branches = {"left": body(post("left")), "right": body(inner)}
    world.begin(world.prepare([node("both", "fork", branches=branches), post("after")], ("both", "after")))
    world.go_on()


def at_most_once(world: World) -> None:
    world.begin(world.prepare(*in_a_row(post("pay", at_most_once=True), post("two"))))
    world.go_on()
    assert sum(request.url.endswith("/pay") for request in world.receiver.requests) <= 1


def answered(world: World) -> None:
    run_id = world.begin(
        world.prepare([post("one"), node("ask", "user_input"), post("two")], ("one", "ask"), ("ask", "two"))
    )
    world.go_on_until(run_id, RunStatus.WAITING)
    given = {"node_id": "ask", "value": {"is": "answered"}}
    world.call("POST", f"/v1/executions/{run_id}/input", given, settled=(400, 409))
    world.go_on()


def answered_while_it_works(world: World) -> None:
    """The answer comes while a worker holds the run, which therefore cannot let go of it."""
    run_id = world.begin(world.prepare([node("ask", "user_input"), post("one"), post("two")], ("ask", "two")))
    given = {"node_id": "ask", "value": 7}
    target = f"/v1/executions/{run_id}/input"
    world.receiver.during["/a/one"] = lambda: world.call("POST", target, given, settled=(400, 409))
    world.go_on()


def unanswered(world: World) -> None:
    ask = {**node("ask", "user_input", timeout_seconds=90), "on_error": "continue"}
    world.begin(world.prepare([ask, post("after")], ("ask", "after")))
    world.go_on()


def child(world: World) -> None:
    inner = world.prepare(
        [post("inner"), node("rest", "wait", seconds=10), post("last")], ("inner", "rest"), ("rest", "last")
    )
    given = {"name": "{{ $input.name }}/child"}
    outer = [post("one"), node("sub", "sub_workflow", workflow_id=inner, input=given), post("two")]
    world.begin(world.prepare(outer, ("one", "sub"), ("sub", "two")))
    world.go_on()


def failing_child(world: World) -> None:
    inner = world.prepare([post("inner")])
    given = {"name": "{{ $input.name }}/child"}
    sub = {**node("sub", "sub_workflow", workflow_id=inner, input=given), "on_error": "error"}
    world.receiver.broken = {"/a/child/inner"}
    world.begin(world.prepare([sub, post("rescue")], ("sub", "rescue", "error")))
    world.go_on()


def spread_map(world: World) -> None:
    each = node("each", "map", items=list(range(5)), body=body(post("one", "/{{ $index }}")), concurrency=20)
    world.begin(world.prepare([each, post("after")], ("each", "after")))
    world.go_on()


def spread_map_retried(world: World) -> None:
    world.receiver.broken = {"/a/one/3"}
    each = node("each", "map", items=list(range(5)), body=body(post("one", "/{{ $index }}")))
    run_id = world.begin(world.prepare([each, post("after")], ("each", "after")))
    world.go_on()
    world.receiver.broken.clear()
    world.call("POST", f"/v1/executions/{run_id}/retry", {"mode": "failed"}, settled=(400, 409))
    world.go_on()


def paused(world: World) -> None:
    run_id = world.begin(world.prepare(*in_a_row(post("one"), node("rest", "wait", seconds=200), post("two"))))
    world.go_on_until(run_id, RunStatus.WAITING)
    world.call("POST", f"/v1/executions/{run_id}/pause")
    world.go_on()
    world.call("POST", f"/v1/executions/{run_id}/resume", settled=(400, 409))
    world.go_on()


def paused_while_it_works(world: World) -> None:
    run_id = world.begin(world.prepare([post("one"), post("two")], ("one", "two")))
    target = f"/v1/executions/{run_id}/pause"
    world.receiver.during["/a/one"] = lambda: world.call("POST", target)
    world.go_on()
    assert world.status(run_id) is RunStatus.PAUSED
    world.call("POST", f"/v1/executions/{run_id}/resume", settled=(400, 409))
    world.go_on()


def cancelled(world: World) -> None:
    run_id = world.begin(world.prepare([post("one"), node("ask", "user_input")], ("one", "ask")))
    world.go_on_until(run_id, RunStatus.WAITING)
    world.call("POST", f"/v1/executions/{run_id}/cancel", settled=(400, 409))
    world.go_on()


def cancelled_with_its_child(world: World) -> None:
    inner = world.prepare([node("ask", "user_input")])
    run_id = world.begin(world.prepare([post("one"), node("sub", "sub_workflow", workflow_id=inner)], ("one", "sub")))
    world.go_on_until(run_id, RunStatus.WAITING)
    world.call("POST", f"/v1/executions/{run_id}/cancel", settled=(400, 409))
    world.go_on()
    assert {world.status(each) for each in world.log.run_ids} == {RunStatus.CANCELLED}


def retried(world: World) -> None:
    world.receiver.broken = {"/a/two"}
    run_id = world.begin(world.prepare(*in_a_row(post("one"), post("two"), post("three"))))
    world.go_on()
    world.receiver.broken.clear()
    world.call("POST", f"/v1/executions/{run_id}/retry", {"mode": "failed"}, settled=(400, 409))
    world.go_on()


def rerun(world: World) -> None:
    run_id = world.begin(world.prepare(*in_a_row(post("one"), post("two"), post("three"))))
    world.go_on()
    # Repeated, a rerun that was done is another rerun: the client asks first what has become of the run.
    world.call("POST", f"/v1/executions/{run_id}/rerun", {"node_id": "two"}, settled=(400, 409))
    world.go_on()


def replayed(world: World) -> None:
    run_id = world.begin(world.prepare([post("one")]))
    world.go_on()
    for name, version in (("b", "newest"), ("c", "same")):
        replayed = world.call("POST", f"/v1/executions/{run_id}/replay", {"version": version})
        world.accepted[name] = replayed["execution_id"]
    world.accepted["d"] = world.call("POST", f"/v1/executions/{run_id}/retry")["execution_id"]
    world.go_on()


def queued_by_limit(world: World) -> None:
    row = in_a_row(post("one"), node("rest", "wait", seconds=40), post("two"))
    workflow = world.prepare(*row, concurrency={"limit": 1, "key": "$input.key"})
    for name in ("a", "b"):
        world.begin(workflow, name, key="k")
    world.go_on()
    turns = [request.url.removeprefix(RECEIVER)[1] for request in world.receiver.requests]
    assert turns in (sorted(turns), sorted(turns, reverse=True)), f"they did not take turns: {turns}"


def skipped_by_limit(world: World) -> None:
    limit = {"limit": 1, "on_limit": "skip"}
    workflow = world.prepare([post("one"), node("ask", "user_input")], ("one", "ask"), concurrency=limit)
    first = world.begin(workflow, "a")
    world.go_on_until(first, RunStatus.WAITING)
    second = world.begin(workflow, "b")
    world.go_on_until(second, RunStatus.CANCELLED)
    world.call("POST", f"/v1/executions/{first}/input", {"node_id": "ask", "value": 1}, settled=(400, 409))
    world.go_on()


def displaced_by_limit(world: World) -> None:
    inner = world.prepare([node("ask", "user_input")])
    limit = {"limit": 1, "on_limit": "cancel_older", "key": "$workflow.id"}
    fork_ = node("if", "condition", condition="$input.waits")
    nodes = [fork_, node("sub", "sub_workflow", workflow_id=inner), post("one")]
    workflow = world.prepare(nodes, ("if", "sub", "true"), ("if", "one", "false"), concurrency=limit)
    first = world.begin(workflow, "a", waits=True)
    world.go_on_until(first, RunStatus.WAITING)
    world.begin(workflow, "b", waits=False)
    world.go_on()
    assert RunStatus.WAITING not in {world.status(each) for each in world.log.run_ids}


def large_values(world: World) -> None:
    world.receiver.bodies["/a/one"] = f'"{LARGE}"'.encode()
    inner = world.prepare([post("inner")])
    given = {"name": "{{ $input.name }}/child", "text": body_of("one")}
    keep = node("keep", "transform", values={"text": body_of("one")})
    sub = node("sub", "sub_workflow", workflow_id=inner, input=given)
    out = node("out", "transform", values={"text": "{{ $node.keep.text }}", "given": "{{ $input.text }}"})
    row = in_a_row(post("one"), keep, sub, node("rest", "wait", seconds=5), out)
    world.start(world.prepare(*row), text=LARGE, idempotency_key="large")
    world.go_on()


def survived_errors(world: World) -> None:
    world.receiver.broken = {"/a/skip", "/a/port", "/a/deep", "/a/last"}
    each = node("each", "map", items=[1, 2], body=body(post("deep")))
    nodes = [
        {**post("skip"), "on_error": "continue"},
        {**post("port"), "on_error": "error"},
        post("rescue"),
        {**each, "on_error": "continue"},
        post("last"),
    ]
    edges = ("skip", "port"), ("port", "rescue", "error"), ("rescue", "each"), ("each", "last")
    world.begin(world.prepare(nodes, *edges))
    world.go_on()


def timed_out(world: World) -> None:
    row = in_a_row(post("one"), node("rest", "wait", seconds=500), post("two"))
    world.begin(world.prepare(*row, timeout_seconds=200))
    world.go_on()


def handed_over(world: World) -> None:
    """Steps so slow that the lease has to be renewed, and that the run has to let others go first."""
    world.receiver.seconds = 45
    names = ("one", "two", "three", "four", "five")
    world.begin(world.prepare(*in_a_row(*(post(name, timeout_seconds=100) for name in names))))
    world.go_on()


def lost_messages(world: World) -> None:
    run_id = world.begin(world.prepare(*in_a_row(post("one"), node("rest", "wait", seconds=200), post("two"))))
    world.lose_messages()
    world.go_on_until(run_id, RunStatus.WAITING)
    world.lose_messages()
    world.go_on()


def started(world: World) -> None:
    workflow = world.prepare([post("one")])
    world.start(workflow, "a")
    one, other = (world.start(workflow, "b", idempotency_key="key") for _ in range(2))
    assert one == other
    world.go_on()
    (_, *others) = (each for each in world.log.run_ids if each not in world.accepted.values() or each == one)
    # A start without a key that was not answered may have been heard all the same, once.
    assert len(others) <= 1


def called_by_hook(world: World) -> None:
    workflow = world.prepare([post("one")])
    hook = world.call("POST", "/v1/webhooks", {"workflow_id": workflow, "name": "Eingang"})
    target = f"/webhook/{hook['id']}"
    headers = {"authorization": f"Bearer {hook['token']}", "idempotency-key": "1"}
    one, other = (world.call("POST", target, {"name": "a"}, headers=headers)["execution_id"] for _ in range(2))
    assert one == other
    world.accepted["a"] = one
    world.go_on()
    world.call("PUT", f"/v1/webhooks/{hook['id']}", {"name": "Ausgang", "authentication": {"enabled": False}})
    assert [each["name"] for each in world.call("GET", "/v1/webhooks")["webhooks"] if each["id"] == hook["id"]] == [
        "Ausgang"
    ]
    world.call("DELETE", f"/v1/webhooks/{hook['id']}", settled=(404,))
    assert all(each["id"] != hook["id"] for each in world.call("GET", "/v1/webhooks")["webhooks"])


def defined(world: World) -> None:
    """A workflow's life, up to its deletion with a run under way and a hook to call it."""
    document = {"name": "Rechnungen", "nodes": [post("one"), node("ask", "user_input")], "connections": []}
    made = world.call("POST", "/v1/workflows", document)
    target = f"/v1/workflows/{made['id']}"
    large = {"nodes": [post("one"), node("ask", "user_input"), node("big", "transform", values={"x": LARGE})]}
    world.call("PUT", target, large)
    world.call("PUT", target, {"name": "Mahnungen"})
    shown = world.call("GET", target)
    assert (shown["name"], shown["nodes"]) == ("Mahnungen", large["nodes"])
    world.call("POST", f"{target}/status", {"status": "active"})
    world.call("POST", "/v1/webhooks", {"workflow_id": made["id"]})
    run_id = world.start(made["id"])
    world.go_on_until(run_id, RunStatus.WAITING)
    world.call("DELETE", target, settled=(404,))
    world.go_on()
    assert world.call("GET", "/v1/webhooks")["webhooks"] == []
    assert made["id"] not in {each["id"] for each in world.call("GET", "/v1/workflows")["workflows"]}


def bulk_retried(world: World) -> None:
    workflow = world.prepare([post("one"), post("two")], ("one", "two"))
    world.receiver.broken = {"/a/two", "/b/two"}
    for name in ("a", "b"):
        world.begin(workflow, name)
    world.go_on()
    world.receiver.broken.clear()
    bulk = world.call("POST", "/v1/executions/bulk-retry", {"workflow_id": workflow, "since": "2026-11-01"})
    world.go_on()
    shown = world.call("GET", f"/v1/executions/bulk-retry/{bulk['id']}")
    assert (shown["status"], shown["processed"]) == ("success", shown["total"])


def watched(world: World) -> None:
    """Reading, while there is something to read of every kind."""
    world.receiver.bodies["/a/one"] = f'"{LARGE}"'.encode()
    again = node("again", "loop", **{"while": "$loop.index < 2", "body": body(post("deep", "/{{ $loop.index }}"))})
    edges = ("one", "again"), ("again", "ask")
    run_id = world.begin(world.prepare([post("one"), again, node("ask", "user_input")], *edges))
    world.go_on_until(run_id, RunStatus.WAITING)
    for target in ("", f"/{run_id}", f"/{run_id}/steps?limit=2", f"/{run_id}/logs", "?status=running&limit=1"):
        world.call("GET", f"/v1/executions{target}")
    world.call("POST", f"/v1/executions/{run_id}/input", {"node_id": "ask", "value": 1}, settled=(400, 409))
    world.go_on()


def event(node_id: str, type_: str, channel: str = "", n: int = 1) -> dict[str, Any]:
    return node(node_id, "emit", event={"type": type_, "n": n}, channel=channel)


def done() -> dict[str, Any]:
    """An end that names no event, as an `emit` would."""
    return node("done", "transform", values={"is": "done"})


def delivered(world: World) -> None:
    """Two endpoints and a workflow hear of it; one endpoint takes it only the second time."""
    world.receiver.flaky = {"/books"}
    workflow = world.prepare(*in_a_row(event("say", "order.created"), event("more", "order.paid", "orders"), done()))
    world.listen(workflow, "books", "", "orders")
    world.listen(workflow, "stock", "orders")
    other = world.prepare([node("seen", "transform", values={"n": "{{ $input.n }}"})])
    world.tell_workflow(workflow, "orders", other)
    world.begin(workflow)
    world.go_on()


def end_delivered(world: World) -> None:
    workflow = world.prepare([post("one")])
    world.listen(workflow, "books", "")
    world.begin(workflow)
    world.go_on()


def dead_letter(world: World) -> None:
    world.receiver.gone = {"/books"}
    workflow = world.prepare(*in_a_row(event("say", "order.created"), done()))
    world.listen(workflow, "books", "")
    world.listen(workflow, "trouble", "$errors")
    world.begin(workflow)
    world.go_on()


def held(world: World) -> None:
    workflow = world.prepare(*in_a_row(event("say", "order.created"), done()))
    endpoint = world.listen(workflow, "books", "")
    world.order("POST", f"/v1/webhooks/{endpoint}/pause")
    world.begin(workflow)
    world.go_on()
    assert world.delivered() == []
    world.order("POST", f"/v1/webhooks/{endpoint}/resume")
    world.go_on()
    assert len(world.delivered()) == 1


def heard_in_circles(world: World) -> None:
    """Two workflows that hear each other, until somebody fails."""
    fork_ = node("if", "condition", condition="$input.n < 2")
    nodes = [fork_, event("say", "again", "ring", 2), done(), node("end", "fail")]
    edges = ("if", "say", "true"), ("say", "done"), ("if", "end", "false")
    one, other = (world.prepare(nodes, *edges) for _ in range(2))
    world.tell_workflow(one, "ring", other)
    world.tell_workflow(other, "ring", one)
    world.listen(other, "trouble", "$errors")
    world.begin(one, n=1)
    world.go_on()


SCENARIOS = (
    Scenario("a chain of calls", chain),
    Scenario("parallel branches", parallel),
    Scenario("retries", retries),
    Scenario("waits", waits),
    Scenario("a loop", loop),
    Scenario("a map", inline_map),
    Scenario("a fork", fork),
    Scenario("an effect at most once", at_most_once, or_unknown=frozenset("a")),
    Scenario("a person's answer", answered),
    Scenario("an answer for a run that works", answered_while_it_works),
    Scenario("an answer that never comes", unanswered),
    Scenario("a child", child),
    Scenario("a child that fails", failing_child),
    Scenario("a spread map", spread_map),
    Scenario("a spread map that is retried", spread_map_retried),
    Scenario("pause and resume", paused),
    Scenario("a pause of a run that works", paused_while_it_works),
    Scenario("a cancelled run", cancelled, {"a": "cancelled"}),
    Scenario("a cancelled run with a child", cancelled_with_its_child, {"a": "cancelled"}),
    Scenario("a retry of the failed steps", retried),
    Scenario("a rerun", rerun),
    Scenario("replays", replayed, dict.fromkeys("abcd", "succeeded")),
    Scenario("a limit that queues", queued_by_limit, dict.fromkeys("ab", "succeeded")),
    Scenario("a limit that skips", skipped_by_limit, {"a": "succeeded", "b": "cancelled"}),
    Scenario("a limit that displaces", displaced_by_limit, {"a": "cancelled", "b": "succeeded"}),
    Scenario("large values", large_values),
    Scenario("errors that are survived", survived_errors, {"a": "failed"}),
    Scenario("a time limit", timed_out, {"a": "timed_out"}),
    Scenario("a hand-over", handed_over),
    Scenario("lost messages", lost_messages),
    Scenario("starts", started, dict.fromkeys("ab", "succeeded")),
    Scenario("a hook", called_by_hook),
    Scenario("a workflow's life", defined, {"a": "cancelled"}),
    Scenario("a bulk retry", bulk_retried, dict.fromkeys("ab", "succeeded")),
    Scenario("a run that is watched", watched),
    Scenario("events that are delivered", delivered),
    Scenario("an end that is delivered", end_delivered),
    Scenario("a dead letter", dead_letter),
    Scenario("a delivery that is held", held),
    Scenario("workflows that hear each other", heard_in_circles),
)

"""Loops that collect, overlaid parameters, and names that conditions may use."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.engine import Verdict
from chalicelib.domain.graph import Edge, Graph, Node, OnError
from chalicelib.domain.json import Json
from chalicelib.domain.run import Answer, RunStatus
from tests.unit.driver import START, Driver, a_run

COLLECT: dict[str, Json] = {"body": '{{ $node["call"].body }}', "n": "{{ $loop.index }}"}


def call(name: str = "call") -> Node:
    return Node(name, "http_request", config={"url": f"https://x.example/{name}"})


def loop(*body: Node, edges: tuple[Edge, ...] = (), **members: Any) -> Node:
    on_error = members.pop("on_error", OnError.FAIL)
    condition = members.pop("condition", "$loop.index < 3")
    config: dict[str, Json] = {"while": condition, "collect": COLLECT, **members}
    return Node("l", "loop", config=config, on_error=on_error, bodies={"body": Graph(body, edges)})


def output(verdict: Verdict | None) -> Json:
    assert verdict is not None
    assert verdict.status is RunStatus.SUCCEEDED, verdict
    return verdict.output


def test_a_loop_that_collects_gives_what_it_collected_by_round() -> None:
    driver = Driver(Graph((loop(call()),)))

    found = output(driver.go())

    assert isinstance(found, dict)
    assert [*found] == ["iteration", "1", "2", "3"]
    assert found["iteration"] == 3


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_it_knows_its_earlier_rounds_after_a_crash(rounds: int) -> None:
    whole = output(Driver(Graph((loop(call()),))).go())
    driver = Driver(Graph((loop(call()),)))
    for _ in range(rounds):
        assert driver.step()

    driver.restart()

    assert output(driver.go()) == whole
    assert len(driver.receiver.requests) == 3


def test_it_knows_its_earlier_rounds_after_waiting_in_one() -> None:
    ask = Node("ask", "user_input")
    body = (call(), ask)
    collect: dict[str, Json] = {"said": "{{ $node.ask }}", "n": "{{ $loop.index }}"}
    driver = Driver(Graph((loop(*body, edges=(Edge("call", "ask"),), collect=collect),)))

    for number in (1, 2, 3):
        assert driver.go() is None
        driver.resume()
        assert driver.go() is None
        answers = {**driver.run.answers, f"l.{number}/ask": Answer(START, number)}
        driver.run = a_run(answers=answers)
        driver.resume()

    assert output(driver.go()) == {
        "iteration": 3,
        **{str(n): {"said": n, "n": n} for n in (1, 2, 3)},
    }
    assert len(driver.receiver.requests) == 3


def test_each_round_begins_with_nothing() -> None:
    body = Node("seen", "transform", config={"values": {"prev": "{{ $prev }}"}})
    driver = Driver(Graph((loop(body, collect={"prev": "{{ $node.seen.prev }}"}),)), a_run({"x": 1}))

    found = output(driver.go())

    assert isinstance(found, dict)
    assert found["1"] == found["2"] == {"prev": None}


def test_a_map_inside_is_looked_up_in_every_round_of_a_resumed_run() -> None:
    each = Node("each", "map", config={"items": [1, 2]}, bodies={"body": Graph((call("deep"),))})
    tail = Node("ask", "user_input")
    graph = Graph((loop(each, tail, edges=(Edge("each", "ask"),), collect={"n": "{{ length($node.each) }}"}),))
    driver = Driver(graph)
    answers: dict[str, Answer] = {}
    for number in (1, 2, 3):
        assert driver.go() is None
        answers[f"l.{number}/ask"] = Answer(START, None)
        driver.run = a_run(answers=dict(answers))
        driver.resume()

    found = output(driver.go())

    assert isinstance(found, dict)
    assert found["3"] == {"n": 2}
    assert len(driver.receiver.requests) == 6


def test_what_cannot_be_collected_fails_the_loop() -> None:
    verdict = Driver(Graph((loop(call(), collect={"n": '{{ "a" < 1 }}'}),))).go()

    assert verdict is not None
    assert verdict.failure is not None
    assert (verdict.failure.type, verdict.failure.node_id) == ("expression", "l")


@pytest.mark.parametrize("condition", ['$node["call"].status > 900', "$node.call.status > 900"])
def test_a_condition_may_name_the_nodes_of_the_body(condition: str) -> None:
    found = output(Driver(Graph((loop(call(), condition=condition),))).go())

    assert isinstance(found, dict)
    assert found["iteration"] == 1


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"url": "https://y.example"}, "https://y.example"),
        ({"url": None}, "https://x.example"),
        ({"other": 1}, "https://x.example"),
        ([1], "https://x.example"),
    ],
)
def test_the_runs_own_values_are_laid_over_named_parameters(given: Json, url: str) -> None:
    config: dict[str, Json] = {"params": {"url": "https://x.example"}, "overlay": ["url", "extra"]}
    driver = Driver(Graph((Node("in", "task_input", config=config),)), a_run(given))

    assert output(driver.go()) == {"url": url}


def test_the_runs_own_values_add_named_parameters_that_are_unset() -> None:
    config: dict[str, Json] = {"params": {}, "overlay": ["extra"]}
    driver = Driver(Graph((Node("in", "task_input", config=config),)), a_run({"extra": 2, "more": 3}))

    assert output(driver.go()) == {"extra": 2}

"""What is refused when a definition is saved, and how the refusal names the place."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import DefinitionError
from chalicelib.domain.graph import Edge, Graph, Node, OnError
from chalicelib.domain.json import Json
from chalicelib.domain.program import Program, check
from tests.unit.driver import graph


def node(node_id: str, type_: str = "noop", **config: Json) -> Node:
    return Node(node_id, type_, config=config)


LOOP_BODY = {"body": Graph((node("a"), node("a")))}


@pytest.mark.parametrize(
    ("broken", "node_id", "field", "words"),
    [
        (graph([node("a"), node("a")]), "a", "id", "2 nodes"),
        (graph([node("a")], ("a", "b")), None, "connections[0].to", "unknown node 'b'"),
        (graph([node("a")], ("b", "a")), None, "connections[0].from", "unknown node 'b'"),
        (graph([node("a"), node("b")], ("a", "b"), ("b", "a")), "a", "connections", "cycle"),
        (graph([node("a")], ("a", "a")), "a", "connections", "loop node"),
        (graph([node("a", "http_request")]), "a", "config.url", "missing"),
        (graph([node("a", "http_request", url=5)]), "a", "config.url", "number"),
        (graph([node("a", "http_request", url="{{ $input. }}")]), "a", "config.url", ""),
        (graph([node("a", "http_request", url="x", headers={"X": "{{ 1 + }}"})]), "a", "config.headers.X", ""),
        (graph([node("a", "transform", values={"v": "{{ $node.zzz.x }}"})]), "a", "config", "unknown node 'zzz'"),
        (graph([node("a", "condition")]), "a", "config.condition", "missing"),
        (graph([node("a", "condition", condition="1 ===")]), "a", "config.condition", ""),
        (graph([node("a", "wait")]), "a", "config", "'seconds' or 'until'"),
        (graph([node("a", "switch", value="x", cases="y")]), "a", "config.cases", "string"),
        (graph([node("a", "loop", **{"while": True})]), "a", "config.body", "missing"),
        (Graph((Node("l", "loop", config={"while": True}, bodies=LOOP_BODY),)), "a", "id", "in the body of 'l'"),
        (Graph((Node("a", "noop", on_error=OnError.PORT),)), "a", "on_error", "error output"),
        (Graph((node("a"), node("b")), (Edge("a", "b", condition="nonsense("),)), "a", "connections[0].condition", ""),
    ],
)  # fmt: skip
def test_a_broken_definition_is_refused_at_the_place(
    broken: Graph, node_id: str | None, field: str, words: str
) -> None:
    with pytest.raises(DefinitionError) as refused:
        check(broken)

    assert refused.value.facts.get("node_id") == node_id
    assert refused.value.field == field
    assert words in refused.value.message


def test_an_unknown_type_is_accepted_when_saved() -> None:
    check(graph([node("a", "teleport", anything="{{ not even an expression")]))


def test_bodies_may_be_nested_only_so_deep() -> None:
    inner = graph([node("x")])
    for _ in range(10):
        inner = Graph((Node("l", "loop", config={"while": False}, bodies={"body": inner}),))

    with pytest.raises(DefinitionError, match="nested"):
        check(inner)


def test_a_body_may_name_the_nodes_around_it() -> None:
    body = graph([node("x", "transform", values={"v": "{{ $node.outer.y }}"})])

    check(Graph((node("outer"), Node("l", "loop", config={"while": False}, bodies={"body": body}))))


def test_two_thousand_nodes_are_ready_in_well_under_a_second() -> None:
    nodes = [node(f"n{number}") for number in range(2000)]
    chain = graph(nodes, *((f"n{number}", f"n{number + 1}") for number in range(1999)))

    assert len(Program.of(chain).steps) == 2000

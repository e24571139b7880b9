"""From nodes and connections to a graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.api.exeoflow.compile import compile_definition
from chalicelib.api.exeoflow.errors import in_german, shape
from chalicelib.domain.errors import DefinitionError
from chalicelib.domain.graph import MAIN, Backoff, Concurrency, Edge, Graph, Node, OnError, OnLimit, RetryPolicy
from chalicelib.domain.json import Json


def compiled(*nodes: Mapping[str, Json], connections: list[Json] | None = None, **members: Json) -> Graph:
    return compile_definition({"nodes": [dict(node) for node in nodes], "connections": connections or [], **members})


def one(**members: Any) -> Node:
    (node,) = compiled({"id": "a", "type": "noop", **members}).nodes
    return node


def refusal(*nodes: Mapping[str, Json], **members: Any) -> str:
    with pytest.raises(DefinitionError) as refused:
        compiled(*nodes, **members)
    message: Any = shape(refused.value).body
    text: str = message["error"]["message"]
    return text


def test_nothing_compiles_to_an_empty_graph() -> None:
    assert compile_definition({}) == Graph()


@pytest.mark.parametrize(("written", "meant"), [("set", "transform"), ("transform", "transform")])
def test_set_is_another_name_of_transform(written: str, meant: str) -> None:
    assert one(type=written, config={"values": {"a": 1}}).type == meant


def test_delay_is_another_name_of_wait() -> None:
    assert one(type="delay", config={"seconds": 5}).type == "wait"


def test_a_type_that_nobody_knows_is_kept() -> None:
    node = one(type="custom.thing", config={"anything": [1]})

    assert (node.type, node.config) == ("custom.thing", {"anything": [1]})


@pytest.mark.parametrize(
    "connection",
    [
        {"from": "a", "to": "b"},
        {"source": "a", "target": "b"},
        {"from": "a", "source": "c", "to": "b", "target": "c"},
        {"from": "a", "target": "b", "colour": "red", "condition": ""},
    ],
)
def test_a_connection_may_be_spelled_either_way(connection: Json) -> None:
    nodes = [{"id": name, "type": "noop"} for name in "abc"]

    assert compiled(*nodes, connections=[connection]).edges == (Edge("a", "b", MAIN, None),)


def test_a_connection_has_a_port_and_a_condition() -> None:
    nodes = [{"id": name, "type": "noop"} for name in "ab"]
    connection: Json = {"from": "a", "to": "b", "output": "true", "condition": "{{ $input.x > 1 }}"}

    assert compiled(*nodes, connections=[connection]).edges == (Edge("a", "b", "true", "{{ $input.x > 1 }}"),)


@pytest.mark.parametrize(("written", "meant"), [(True, "true"), (False, "false")])
def test_a_condition_may_be_a_constant(written: bool, meant: str) -> None:
    nodes = [{"id": name, "type": "noop"} for name in "ab"]

    assert compiled(*nodes, connections=[{"from": "a", "to": "b", "condition": written}]).edges[0].condition == meant


@pytest.mark.parametrize(
    ("members", "name"),
    [
        ({"name": "Abruf"}, "Abruf"),
        ({"config": {"name": "Abruf"}}, "Abruf"),
        ({"name": "Knoten", "config": {"name": "Abruf"}}, "Knoten"),
        ({"name": " ", "config": {"name": "Abruf"}}, "Abruf"),
        ({"name": 5}, ""),
        ({}, ""),
    ],
)
def test_a_nodes_name_stands_on_the_node_or_in_its_config(members: dict[str, Json], name: str) -> None:
    assert one(**members).name == name


def test_members_without_need_have_their_defaults() -> None:
    assert one() == Node(id="a", type="noop")


def test_engine_members_stand_on_the_node() -> None:
    node = one(
        retry={
            "max_attempts": 4,
            "backoff": "linear",
            "delay_seconds": 0.5,
            "max_delay_seconds": 9,
            "jitter": 0,
            "note": "x",
        },
        timeout_seconds=3,
        on_error="continue",
        at_most_once=True,
    )

    assert node.retry == RetryPolicy(4, Backoff.LINEAR, 0.5, 9.0, 0.0)
    assert (node.timeout_seconds, node.on_error, node.at_most_once) == (3.0, OnError.CONTINUE, True)


def test_engine_members_in_the_config_count_unless_the_node_has_its_own() -> None:
    config: Json = {
        "retry": {"max_attempts": 2},
        "timeout_seconds": 7,
        "on_error": "continue",
        "at_most_once": True,
        "kept": 1,
    }

    inside = one(config=config)
    both = one(config=config, retry={"max_attempts": 5}, timeout_seconds=1, on_error="fail", at_most_once=False)

    assert (inside.retry.max_attempts, inside.timeout_seconds) == (2, 7.0)
    assert (inside.on_error, inside.at_most_once) == (OnError.CONTINUE, True)
    assert (both.retry.max_attempts, both.timeout_seconds) == (5, 1.0)
    assert (both.on_error, both.at_most_once) == (OnError.FAIL, False)
    assert inside.config == both.config == {"timeout_seconds": 7, "kept": 1}


def test_a_templated_timeout_is_left_to_the_node_type() -> None:
    node = one(type="http_request", config={"url": "https://a.example", "timeout_seconds": "{{ $input.t }}"})

    assert node.timeout_seconds is None
    assert node.config["timeout_seconds"] == "{{ $input.t }}"


def test_the_error_port_is_an_on_error() -> None:
    nodes: list[dict[str, Json]] = [{"id": "a", "type": "noop", "on_error": "error"}, {"id": "b", "type": "noop"}]

    graph = compiled(*nodes, connections=[{"from": "a", "to": "b", "output": "error"}])

    assert graph.nodes[0].on_error is OnError.PORT


def test_a_workflow_may_have_a_timeout() -> None:
    assert compiled(timeout_seconds=90).timeout_seconds == 90.0


BODY: Json = {"nodes": [{"id": "inner", "type": "noop"}], "connections": []}
INNER = Graph((Node("inner", "noop"),))


@pytest.mark.parametrize(
    ("type_", "config", "bodies"),
    [
        ("loop", {"while": "{{ false }}", "body": BODY}, {"body": INNER}),
        ("map", {"items": "{{ $input.list }}", "body": BODY}, {"body": INNER}),
        ("fork", {"branches": {"links": BODY, "rechts": BODY}}, {"links": INNER, "rechts": INNER}),
        ("fork", {"branches": [BODY, BODY]}, {"0": INNER, "1": INNER}),
    ],
)
def test_what_a_container_runs_becomes_its_bodies(type_: str, config: Any, bodies: dict[str, Graph]) -> None:
    node = one(type=type_, config=config)

    assert node.bodies == bodies
    assert "body" not in node.config
    assert "branches" not in node.config


def test_a_body_of_another_type_is_configuration() -> None:
    node = one(type="http_request", config={"url": "https://a.example", "body": {"nodes": 1}})

    assert node.bodies == {}
    assert node.config["body"] == {"nodes": 1}


def test_nodes_of_all_graphs_together_are_counted() -> None:
    body: Json = {"nodes": [{"id": str(n), "type": "noop"} for n in range(1500)]}
    nodes: list[dict[str, Json]] = [
        {"id": name, "type": "loop", "config": {"while": "{{ false }}", "body": body}} for name in "ab"
    ]

    assert refusal(*nodes) == "Ungültiger Wert für 'nodes[1].config.body.nodes': höchstens 2000 Knoten"


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"id": "a"}, "'nodes[0].type' (Knoten 'a'): fehlt"),
        ({"type": "noop"}, "'nodes[0].id': fehlt"),
        ({"id": "a\n", "type": "noop"}, "'nodes[0].id': darf keine Steuerzeichen enthalten"),
        ({"id": "a", "type": "noop", "config": 1}, "'nodes[0].config' (Knoten 'a'): muss ein Objekt sein"),
        (
            {"id": "a", "type": "noop", "on_error": "x"},
            "'nodes[0].on_error' (Knoten 'a'): muss fail oder continue oder error sein",
        ),
        (
            {"id": "a", "type": "noop", "config": {"retry": {"jitter": 3}}},
            "'nodes[0].config.retry.jitter' (Knoten 'a'): muss zwischen 0 und 1 liegen",
        ),
        (
            {"id": "a", "type": "loop", "config": {"body": {"nodes": [{"id": "b"}]}}},
            "'nodes[0].config.body.nodes[0].type' (Knoten 'b'): fehlt",
        ),
        (
            {"id": "a", "type": "fork", "config": {"branches": {"x": 1}}},
            "'nodes[0].config.branches.x' (Knoten 'a'): muss ein Objekt sein",
        ),
        (
            {"id": "a", "type": "http_request", "config": {}},
            "'nodes[0].config.url' (Knoten 'a'): 'url' fehlt",
        ),
    ],
)
def test_a_refusal_names_the_path_and_the_node(node: dict[str, Json], message: str) -> None:
    assert refusal(node) == f"Ungültiger Wert für {message}"


@pytest.mark.parametrize(
    ("rule", "german"),
    [
        ("'url' is missing", "'url' fehlt"),
        ("'seconds' or 'until' is missing", "'seconds' oder 'until' fehlt"),
        ("in the body of 'a': 'url' is missing", "in body von 'a': 'url' fehlt"),
        ("$node names the unknown node 'x'", "$node nennt den unbekannten Knoten 'x'"),
        ("something that has no wording", "something that has no wording"),
    ],
)
def test_the_domains_rules_are_told_in_german(rule: str, german: str) -> None:
    assert in_german(rule) == german


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"limit": 1}, Concurrency(1)),
        ({"limit": 1000, "on_limit": "skip"}, Concurrency(1000, None, OnLimit.SKIP)),
        ({"limit": 2.0, "on_limit": "queue"}, Concurrency(2)),
        (
            {"limit": 3, "key": "$input.kunde", "on_limit": "cancel_older", "note": "x"},
            Concurrency(3, "$input.kunde", OnLimit.CANCEL_OLDER),
        ),
        ({"limit": 3, "key": "{{ $input.kunde }}"}, Concurrency(3, "{{ $input.kunde }}")),
        (None, None),
    ],
)
def test_a_concurrency_limit_is_the_graphs(written: Any, meant: Concurrency | None) -> None:
    assert compiled(concurrency=written).concurrency == meant


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({}, "Ungültiger Wert für 'concurrency.limit': fehlt"),
        ({"key": "$input.a"}, "Ungültiger Wert für 'concurrency.limit': fehlt"),
        ({"limit": 0}, "Ungültiger Wert für 'concurrency.limit': muss zwischen 1 und 1000 liegen"),
        ({"limit": 1001}, "Ungültiger Wert für 'concurrency.limit': muss zwischen 1 und 1000 liegen"),
        ({"limit": 1.5}, "Ungültiger Wert für 'concurrency.limit': muss eine ganze Zahl sein"),
        ({"limit": "2"}, "Ungültiger Wert für 'concurrency.limit': muss eine Zahl sein"),
        ({"limit": True}, "Ungültiger Wert für 'concurrency.limit': muss eine Zahl sein"),
        ({"limit": 1, "key": ""}, "Ungültiger Wert für 'concurrency.key': muss 1 bis 10000 Zeichen haben"),
        ({"limit": 1, "key": 7}, "Ungültiger Wert für 'concurrency.key': muss ein Text sein"),
        (
            {"limit": 1, "on_limit": "wait"},
            "Ungültiger Wert für 'concurrency.on_limit': muss queue oder skip oder cancel_older sein",
        ),
        (5, "Ungültiger Wert für 'concurrency': muss ein Objekt sein"),
        ([], "Ungültiger Wert für 'concurrency': muss ein Objekt sein"),
    ],
)
def test_a_concurrency_limit_that_makes_no_sense_is_refused(written: Any, message: str) -> None:
    assert refusal(concurrency=written) == message


@pytest.mark.parametrize("key", ["$input.", "{{ 1 + }}", "$node.unknown.x"])
def test_a_concurrency_key_has_to_be_an_expression(key: str) -> None:
    assert refusal(concurrency={"limit": 1, "key": key}).startswith("Ungültiger Wert für 'concurrency.key'")

"""From nodes and connections as JSON to a checked graph.

Only what the engine reads is looked at; everything else is the client's and stays in the stored document. `retry`,
`timeout_seconds`, `on_error` and `at_most_once` may stand on the node or in its `config`; the node's own wins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chalicelib.api.exeoflow.definition import Element, refuse
from chalicelib.domain import program
from chalicelib.domain.errors import DefinitionError
from chalicelib.domain.graph import (
    MAIN,
    Backoff,
    Concurrency,
    Edge,
    Graph,
    Node,
    OnError,
    OnLimit,
    PinMirror,
    RetryPolicy,
)
from chalicelib.domain.json import Json
from chalicelib.domain.node_types import NODE_TYPES

MAX_NODES = 2_000  # in all graphs of a definition together, or nested bodies would multiply it
MAX_CONNECTIONS = 5_000
MAX_ID_LENGTH = 128
MAX_NAME_LENGTH = 255
MAX_CONDITION_LENGTH = 10_000
MIN_TIMEOUT_SECONDS = 0.001
MAX_TIMEOUT_SECONDS = 366 * 86_400.0  # a leap year
MAX_CONCURRENT_RUNS = 1_000
MAX_ATTEMPTS = 100
MAX_DELAY_SECONDS = 86_400

_ALIASES = {"set": "transform", "delay": "wait"}
_LOOPS = frozenset({"loop", "map"})
_ENGINE_MEMBERS = frozenset({"name", "retry", "on_error", "at_most_once"})


def compile_definition(source: Mapping[str, Json]) -> Graph:
    """The graph of a document with `nodes`, `connections` and perhaps `timeout_seconds`, `concurrency` and
    `mirror_to_pin`, checked.

    Raises DefinitionError whose `field` is a path into the document, and whose facts are `node_id` and `reason`.
    """
    budget = _Budget()
    graph = _graph(source, "", budget)
    graph = Graph(graph.nodes, graph.edges, _limit(source), _concurrency(source), _mirror(source))
    try:
        program.check(graph)
        _check_triggers(graph)
    except DefinitionError as error:
        raise _located(error, budget.paths) from error
    return graph


def _limit(source: Mapping[str, Json]) -> float | None:
    """Null takes a limit away that was set before."""
    if source.get("timeout_seconds") is None:
        return None
    return Element(source, "").number("timeout_seconds", MIN_TIMEOUT_SECONDS, MAX_TIMEOUT_SECONDS)


def _concurrency(source: Mapping[str, Json]) -> Concurrency | None:
    """Null takes a limit away that was set before."""
    if source.get("concurrency") is None:
        return None
    element = Element(source, "").child("concurrency")
    assert element is not None
    limit = element.number("limit", 1, MAX_CONCURRENT_RUNS)
    if limit is None:
        element.fail("limit", "fehlt")
    if not limit.is_integer():
        element.fail("limit", "muss eine ganze Zahl sein")
    key = element.text("key", MAX_CONDITION_LENGTH)
    on_limit = OnLimit(element.choice("on_limit", tuple(OnLimit)) or OnLimit.QUEUE)
    return Concurrency(int(limit), key, on_limit)


def _mirror(source: Mapping[str, Json]) -> PinMirror | None:
    """Null takes a mirror away that was set before."""
    if source.get("mirror_to_pin") is None:
        return None
    element = Element(source, "").child("mirror_to_pin")
    assert element is not None
    pin_id = element.text("pin_id", MAX_ID_LENGTH)
    if pin_id is None:
        element.fail("pin_id", "fehlt")
    return PinMirror(pin_id, element.text("workflow_id", MAX_NAME_LENGTH))


def _check_triggers(graph: Graph) -> None:
    """Raises DefinitionError for a schedule that could not be kept."""
    if any(node.type == "trigger" and node.config.get("kind") == "schedule" for node in graph.nodes):
        # What evaluates schedules is loaded for the few definitions that have one.
        from chalicelib.domain.schedule_triggers import check_triggers

        check_triggers(graph)


class _Budget:
    """What one definition may have in all its graphs together, and where each of its nodes stands."""

    def __init__(self) -> None:
        self.nodes = MAX_NODES
        self.connections = MAX_CONNECTIONS
        self.paths: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class _Body:
    name: str
    members: Mapping[str, Json]
    path: str


def _graph(members: Mapping[str, Json], prefix: str, budget: _Budget) -> Graph:
    nodes = _elements(members, "nodes", prefix)
    connections = _elements(members, "connections", prefix)
    budget.nodes -= len(nodes)
    if budget.nodes < 0:
        refuse(f"{prefix}nodes", f"höchstens {MAX_NODES} Knoten")
    budget.connections -= len(connections)
    if budget.connections < 0:
        refuse(f"{prefix}connections", f"höchstens {MAX_CONNECTIONS} Verbindungen")
    compiled: dict[str, Node] = {}
    for element in nodes:
        node = _node(element, budget)
        if node.id in compiled:
            refuse(f"{element.path}.id", "die Id ist doppelt vergeben", node.id)
        compiled[node.id] = node
    return Graph(tuple(compiled.values()), tuple(_edge(element, compiled) for element in connections))


def _elements(members: Mapping[str, Json], name: str, prefix: str) -> list[Element]:
    values = members.get(name, [])
    if not isinstance(values, list):
        refuse(f"{prefix}{name}", "muss eine Liste sein")
    elements = []
    for index, value in enumerate(values):
        path = f"{prefix}{name}[{index}]"
        if not isinstance(value, dict):
            refuse(path, "muss ein Objekt sein")
        elements.append(Element(value, path))
    return elements


def _node(element: Element, budget: _Budget) -> Node:
    node_id = element.text("id", MAX_ID_LENGTH)
    if node_id is None:
        element.fail("id", "fehlt")
    # From here on complaints name the node.
    element = Element(element.members, element.path, node_id)
    budget.paths.setdefault(node_id, element.path)
    type_ = element.text("type", MAX_ID_LENGTH)
    if type_ is None:
        element.fail("type", "fehlt")
    type_ = _ALIASES.get(type_, type_)
    if type_ in NODE_TYPES and NODE_TYPES[type_].internal:
        element.fail("type", "dieser Typ ist nicht für Workflows")
    config = element.child("config") or Element({}, f"{element.path}.config", node_id)
    return Node(
        id=node_id,
        type=type_,
        name=_name(element, config),
        config={name: v for name, v in config.members.items() if name not in _taken_from_config(type_)},
        retry=_retry(_having("retry", element, config)),
        timeout_seconds=_timeout(element, config),
        on_error=OnError(_having("on_error", element, config).choice("on_error", tuple(OnError)) or OnError.FAIL),
        at_most_once=_having("at_most_once", element, config).get("at_most_once", bool) or False,
        bodies={body.name: _graph(body.members, body.path, budget) for body in _bodies(type_, config)},
    )


def _name(element: Element, config: Element) -> str:
    """What a step is called: the node's name, else its config's; an editor's odd values name nothing."""
    for candidate in (element.members.get("name"), config.members.get("name")):
        if isinstance(candidate, str) and candidate.strip():
            return candidate[:MAX_NAME_LENGTH]
    return ""


def _taken_from_config(type_: str) -> frozenset[str]:
    """Members of `config` that are the engine's, and so not the node type's."""
    if type_ in _LOOPS:
        return _ENGINE_MEMBERS | {"body"}
    return _ENGINE_MEMBERS | {"branches"} if type_ == "fork" else _ENGINE_MEMBERS


def _having(name: str, element: Element, config: Element) -> Element:
    # The node's own wins even if it is null; without either, complaints name the node's.
    return config if name not in element.members and name in config.members else element


def _timeout(element: Element, config: Element) -> float | None:
    """A template in `config` is left to the node type, which renders it when the step runs."""
    holder = _having("timeout_seconds", element, config)
    if holder is config and isinstance(config.members.get("timeout_seconds"), str):
        return None
    return holder.number("timeout_seconds", MIN_TIMEOUT_SECONDS, MAX_TIMEOUT_SECONDS)


def _retry(holder: Element) -> RetryPolicy:
    retry = holder.child("retry")
    if retry is None:
        return RetryPolicy()
    default = RetryPolicy()
    attempts = retry.number("max_attempts", 1, MAX_ATTEMPTS)
    if attempts is not None and not attempts.is_integer():
        retry.fail("max_attempts", "muss eine ganze Zahl sein")
    delay = retry.number("delay_seconds", 0, MAX_DELAY_SECONDS)
    longest = retry.number("max_delay_seconds", 0, MAX_DELAY_SECONDS)
    jitter = retry.number("jitter", 0, 1)
    return RetryPolicy(
        max_attempts=default.max_attempts if attempts is None else int(attempts),
        backoff=Backoff(retry.choice("backoff", tuple(Backoff)) or default.backoff),
        delay_seconds=default.delay_seconds if delay is None else delay,
        max_delay_seconds=default.max_delay_seconds if longest is None else longest,
        jitter=default.jitter if jitter is None else jitter,
    )


def _bodies(type_: str, config: Element) -> Iterator[_Body]:
    if type_ in _LOOPS:
        body = config.child("body")
        if body is not None:
            yield _Body("body", body.members, f"{body.path}.")
    elif type_ == "fork" and "branches" in config.members:
        yield from _branches(config)


def _branches(config: Element) -> Iterator[_Body]:
    """By name, or as a list whose positions from 0 are the names."""
    branches = config.members["branches"]
    if isinstance(branches, list):
        named = [(str(index), branch, f"[{index}]") for index, branch in enumerate(branches)]
    elif isinstance(branches, dict):
        named = [(name, branch, f".{name}") for name, branch in branches.items()]
    else:
        config.fail("branches", "muss ein Objekt oder eine Liste sein")
    for name, branch, suffix in named:
        if not 0 < len(name) <= MAX_ID_LENGTH:
            config.fail("branches", f"Namen müssen 1 bis {MAX_ID_LENGTH} Zeichen haben")
        path = f"{config.path}.branches{suffix}"
        if not isinstance(branch, dict):
            refuse(path, "muss ein Objekt sein", config.node_id)
        yield _Body(name, branch, f"{path}.")


def _edge(element: Element, nodes: Mapping[str, Node]) -> Edge:
    return Edge(
        source=_end(element, "from", "source", nodes),
        target=_end(element, "to", "target", nodes),
        port=element.text("output", MAX_ID_LENGTH) or MAIN,
        condition=_condition(element),
    )


def _end(element: Element, name: str, alias: str, nodes: Mapping[str, Node]) -> str:
    """The node that a connection names; of both spellings, `from` and `to` win."""
    used = alias if name not in element.members and alias in element.members else name
    node_id = element.get(used, str)
    if node_id is None:
        element.fail(used, "fehlt")
    if node_id not in nodes:
        element.fail(used, f"kein Knoten mit der Id '{node_id[:MAX_ID_LENGTH]}'")
    return node_id


def _condition(element: Element) -> str | None:
    value = element.members.get("condition")
    if value is None or value == "":
        return None
    # Editors write a literal, which as a text is an expression of the same value.
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str) or len(value) > MAX_CONDITION_LENGTH:
        element.fail("condition", f"muss ein Ausdruck mit höchstens {MAX_CONDITION_LENGTH} Zeichen sein")
    return value


def _located(error: DefinitionError, paths: Mapping[str, str]) -> DefinitionError:
    """The rule's own error, with the path into the document in front of the field that it names."""
    node_id = error.facts.get("node_id")
    field = error.field or "nodes"
    if isinstance(node_id, str) and node_id in paths and not field.startswith("connections"):
        field = f"{paths[node_id]}.{field}"
    reason = error.facts.get("reason") or error.message
    return DefinitionError(error.message, field=field, node_id=node_id, reason=reason)

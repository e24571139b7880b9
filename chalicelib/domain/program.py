"""Graphs checked and made ready to run: templates compiled, edges by node, ports of containers resolved.

`Program.of` is where every definition, whatever its dialect, is refused or accepted. What it accepts has unique
node ids, edges between known nodes, no cycle outside a loop, and templates that parse and name known nodes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from chalicelib.domain.errors import DefinitionError, ExpressionError
from chalicelib.domain.expressions import Template, compile_expression, compile_template
from chalicelib.domain.graph import ERROR, Edge, Graph, Node, OnError
from chalicelib.domain.ids import unescape
from chalicelib.domain.json import Json
from chalicelib.domain.node_types import NODE_TYPES, Kind, NodeType, allows

MAX_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Exit:
    """An edge seen from its source."""

    target: str
    port: str
    condition: Template | None


@dataclass(frozen=True, slots=True)
class Step:
    """A node made ready: `type` is None where this installation does not know it, which fails the step."""

    node: Node
    type: NodeType | None
    order: int
    config: Template
    raw: Mapping[str, Json]
    expressions: Mapping[str, Template]
    exits: tuple[Exit, ...]
    entries: int
    bodies: Mapping[str, Program] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """A step of an unknown type fails whenever it is tried, so trying it has no effect."""
        return self.type.kind if self.type else Kind.PURE

    @property
    def is_effect(self) -> bool:
        """Whether carrying the step out does something outside this run."""
        return self.kind in {Kind.EFFECT, Kind.CHILD}

    def body_of(self, scope: str) -> Program | None:
        """The body that one of the step's scopes runs: a branch is known by its name, a round by its number."""
        return self.bodies.get("body" if self.node.type in {"loop", "map"} else scope)


@dataclass(frozen=True, slots=True)
class Program:
    """A graph made ready. `roots` are the nodes that no edge leads to, `triggers` those of them that are triggers,
    with their kind."""

    graph: Graph
    steps: Mapping[str, Step]
    roots: tuple[str, ...]
    triggers: Mapping[str, str]
    concurrency_key: Template | None = None

    def step_at(self, key: str) -> Step | None:
        """The step that a key (`loop.3/fork@2.name/x`) or a slot of a run of this program names, None if there is none.

        The whole key counts, because ids are unique within one graph only.
        """
        program: Program | None = self
        step: Step | None = None
        # Ids, names and numbers of rounds are escaped: what separates them here occurs in none of them.
        for part in key.split("/"):
            slot, _, inner = part.partition(".")
            step = program.steps.get(unescape(slot.partition("@")[0])) if program is not None else None
            program = step.body_of(unescape(inner)) if step is not None else None
        return step

    def starts_for(self, kind: str) -> frozenset[str]:
        """Where a run that was started in the way `kind` begins: at the triggers of that kind, else at every
        trigger, else, without one, at every root."""
        matching = frozenset(node_id for node_id, its_kind in self.triggers.items() if its_kind == kind)
        return matching or frozenset(self.triggers) or frozenset(self.roots)

    @staticmethod
    def of(graph: Graph) -> Program:
        """Raises DefinitionError with `node_id` and `field` where a node is to blame."""
        return _compile(graph, frozenset(), 0)


def check(graph: Graph) -> None:
    """Raises DefinitionError if the graph cannot be run."""
    Program.of(graph)


def _compile(graph: Graph, outer: frozenset[str], depth: int) -> Program:
    if depth > MAX_DEPTH:
        raise DefinitionError(f"bodies are nested more than {MAX_DEPTH} deep", field="nodes")
    _check_ids(graph)
    _check_edges(graph)
    order = _topological_order(graph)
    # A body may name nodes of the graphs around it: their outputs are in its reach.
    known = outer | order.keys()
    exits: dict[str, list[Exit]] = {node.id: [] for node in graph.nodes}
    for index, edge in enumerate(graph.edges):
        exits[edge.source].append(_exit(edge, index, known))
    # Edges and not their sources: two edges from one node are decided apart.
    entries = Counter(edge.target for edge in graph.edges)
    steps = {
        node.id: _step(node, order[node.id], tuple(exits[node.id]), entries[node.id], known, depth)
        for node in graph.nodes
    }
    roots = tuple(node.id for node in graph.nodes if not entries[node.id])
    triggers = {
        node_id: str(steps[node_id].node.config.get("kind", "manual"))
        for node_id in roots
        if steps[node_id].node.type == "trigger"
    }
    limit = graph.concurrency
    key = None if limit is None or limit.key is None else _expression(None, "concurrency.key", limit.key, known)
    return Program(graph, steps, roots, triggers, key)


def _check_ids(graph: Graph) -> None:
    for node_id, count in Counter(node.id for node in graph.nodes).items():
        if count > 1:
            raise DefinitionError(f"the id '{node_id}' is used by {count} nodes", node_id=node_id, field="id")


def _check_edges(graph: Graph) -> None:
    ids = {node.id for node in graph.nodes}
    for index, edge in enumerate(graph.edges):
        for end, node_id in (("from", edge.source), ("to", edge.target)):
            if node_id not in ids:
                raise DefinitionError(
                    f"connections[{index}].{end} names the unknown node '{node_id}'",
                    field=f"connections[{index}].{end}",
                )


def _topological_order(graph: Graph) -> dict[str, int]:
    entries = Counter(edge.target for edge in graph.edges)
    targets: dict[str, list[str]] = {}
    for edge in graph.edges:
        targets.setdefault(edge.source, []).append(edge.target)
    free = [node.id for node in graph.nodes if not entries[node.id]]
    order: dict[str, int] = {}
    # In the definition's order where edges leave a choice, so that the order never depends on chance.
    for node_id in free:  # grows while it is walked
        order[node_id] = len(order)
        for target in targets.get(node_id, ()):
            entries[target] -= 1
            if not entries[target]:
                free.append(target)
    # What was never freed stands on a cycle, or behind one.
    if len(order) < len(graph.nodes):
        stuck = [node.id for node in graph.nodes if node.id not in order]
        shown = ", ".join(f"'{node_id}'" for node_id in stuck[:5])
        raise DefinitionError(
            f"the connections form a cycle through {shown}; repeat steps with a loop node",
            node_id=stuck[0],
            field="connections",
        )
    return order


def _step(node: Node, order: int, exits: tuple[Exit, ...], entries: int, known: frozenset[str], depth: int) -> Step:
    type_ = NODE_TYPES.get(node.type)
    if node.on_error is OnError.PORT and all(exit_.port != ERROR for exit_ in exits):
        raise DefinitionError(
            "on_error is 'error', but no connection leaves the error output",
            node_id=node.id,
            field="on_error",
        )
    if type_ is not None:
        _check_members(node, type_)
    # A container's own expressions look into the body that has just run.
    inside = known.union(*({inner.id for inner in body.nodes} for body in node.bodies.values()))
    raw_names = type_.raw if type_ else frozenset[str]()
    expression_names = type_.expressions if type_ else frozenset[str]()
    templated = {name: v for name, v in node.config.items() if name not in raw_names | expression_names}
    return Step(
        node=node,
        type=type_,
        order=order,
        # Which members of an unknown type are templates nobody knows; its step fails without reading them.
        config=_template(node.id, "config", templated if type_ else {}, known),
        raw={name: v for name, v in node.config.items() if name in raw_names},
        expressions={
            name: _expression(node.id, f"config.{name}", node.config[name], inside)
            for name in expression_names
            if name in node.config
        },
        exits=exits,
        entries=entries,
        bodies={name: _body(node, name, body, known, depth) for name, body in node.bodies.items()},
    )


def _body(node: Node, name: str, body: Graph, known: frozenset[str], depth: int) -> Program:
    try:
        return _compile(body, known, depth + 1)
    except DefinitionError as error:
        inner = error.facts.get("node_id")
        raise DefinitionError(
            f"in the {name} of '{node.id}': {error.message}",
            node_id=inner or node.id,
            field=error.field,
        ) from error


def _exit(edge: Edge, index: int, known: frozenset[str]) -> Exit:
    condition = None
    if edge.condition is not None:
        condition = _expression(edge.source, f"connections[{index}].condition", edge.condition, known)
    return Exit(edge.target, edge.port, condition)


def _check_members(node: Node, type_: NodeType) -> None:
    for name in type_.required:
        if name not in node.config:
            raise DefinitionError(f"'{name}' is missing", node_id=node.id, field=f"config.{name}")
    if type_.one_of and not any(name in node.config for name in type_.one_of):
        names = " or ".join(f"'{name}'" for name in type_.one_of)
        raise DefinitionError(f"{names} is missing", node_id=node.id, field="config")
    for name in type_.bodies:
        if name not in node.bodies:
            raise DefinitionError(f"'{name}' is missing", node_id=node.id, field=f"config.{name}")
    for name, value in node.config.items():
        if name in type_.members and not allows(type_.members[name], value):
            raise DefinitionError(
                f"'{name}' cannot be of the type {_json_type(value)}", node_id=node.id, field=f"config.{name}"
            )


def _json_type(value: object) -> str:
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")


def _template(node_id: str | None, field_name: str, value: Json, known: frozenset[str]) -> Template:
    try:
        template = compile_template(value)
    except ExpressionError as error:
        path = error.facts.get("path")
        name = f"{field_name}.{path}" if path else field_name
        raise DefinitionError(error.message, node_id=node_id, field=name) from error
    return _known_references(template, node_id, field_name, known)


def _expression(node_id: str | None, field_name: str, value: Json, known: frozenset[str]) -> Template:
    if not isinstance(value, str):
        return _template(node_id, field_name, value, known)
    try:
        template = compile_expression(value)
    except ExpressionError as error:
        raise DefinitionError(error.message, node_id=node_id, field=field_name) from error
    return _known_references(template, node_id, field_name, known)


def _known_references(template: Template, node_id: str | None, field_name: str, known: frozenset[str]) -> Template:
    for name in sorted(template.node_references - known):
        raise DefinitionError(f"$node names the unknown node '{name}'", node_id=node_id, field=field_name)
    return template

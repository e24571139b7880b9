"""From a definition's document to a checked graph.

Branches and forks lie flat in one graph, so that every task can name every other; a task's node has the task's name as
its id. Nodes of our own, which no task names, stand between: what a loop's inputs are, the choice of a SWITCH.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from chalicelib.api.twinit import conditions
from chalicelib.api.twinit.expressions import Names, expression, from_run_or, output_of, template
from chalicelib.api.twinit.tasks import (
    AI_CONVERSE,
    BODY,
    DEFAULT_CASE,
    HAYSTACK,
    KNOWN_PARAMS,
    MQTT_PUBLISH,
    REST_CONNECTOR,
    SCRIPT_EXECUTION,
    TaskDef,
    read,
    refuse,
    walk,
)
from chalicelib.domain import program
from chalicelib.domain.errors import DefinitionError
from chalicelib.domain.graph import MAIN, Backoff, Edge, Graph, Node, OnError, RetryPolicy
from chalicelib.domain.json import Json

MAX_ITERATIONS = 1_000
MAX_TIMEOUT_SECONDS = 366 * 86_400
TIME_OUT, ALERT_ONLY = "TIME_OUT_WF", "ALERT_ONLY"
NOTIFICATIONS = "notifications"
"""The channel of the events that tell of a task that waits for somebody."""

_NODE_TYPES: Mapping[str, str] = {
    REST_CONNECTOR: "rest_connector",
    SCRIPT_EXECUTION: "script_execution",
    HAYSTACK: "haystack",
    MQTT_PUBLISH: "mqtt_publish",
    AI_CONVERSE: "ai_converse",
}
_BACKOFFS: Mapping[str, Backoff] = {
    "FIXED": Backoff.FIXED,
    "LINEAR_BACKOFF": Backoff.LINEAR,
    "EXPONENTIAL_BACKOFF": Backoff.EXPONENTIAL,
}
_DEFAULT_DELAY_SECONDS = 60.0  # as the documentation has it
_MAX_DELAY_SECONDS = 86_400.0
_MAX_RETRIES = 100
_DEFAULT_PORT = "default"
_CASE = "case:"
"""Before the name of a case: a port may not be called like one of the engine's own."""

_Exits: TypeAlias = "tuple[tuple[str, str], ...]"
"""Nodes with the ports that lead to what comes next."""


def compile_definition(source: Mapping[str, Json]) -> Graph:
    """Raises DefinitionError whose `field` is a path into the document."""
    tasks = read(source)
    names = Names.of(tasks)
    builder = _Builder(names, set(names.tasks))
    builder.sequence(tasks, ())
    graph = replace(builder.graph(), timeout_seconds=_timeout(source))
    try:
        program.check(graph)
    except DefinitionError as error:
        raise _located(error, names) from error
    return graph


def _timeout(source: Mapping[str, Json]) -> float | None:
    """None and 0 are no limit, nor is one that only alerts."""
    policy = source.get("_timeoutPolicy")
    if policy not in (None, TIME_OUT, ALERT_ONLY):
        refuse("_timeoutPolicy", f"must be {TIME_OUT} or {ALERT_ONLY}")
    seconds = source.get("_timeoutSeconds")
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 <= seconds <= MAX_TIMEOUT_SECONDS:
        refuse("_timeoutSeconds", f"must be a whole number from 0 to {MAX_TIMEOUT_SECONDS}")
    return None if seconds == 0 or policy == ALERT_ONLY else float(seconds)


@dataclass(slots=True)
class _Builder:
    """One graph being built: the definition's own, or a loop's body. `taken` are all ids in use."""

    names: Names
    taken: set[str]
    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)

    def graph(self) -> Graph:
        return Graph(tuple(self.nodes), tuple(self.edges))

    def sequence(self, tasks: tuple[TaskDef, ...], exits: _Exits) -> _Exits:
        """Adds the tasks one after the other behind `exits`; how to go on behind the last."""
        for task in tasks:
            match task.type:
                case "SWITCH":
                    exits = self._switch(task, exits)
                case "FORK_JOIN":
                    exits = self._fork(task, exits)
                case "DO_WHILE":
                    exits = self._loop(task, exits)
                case "USER_INPUT":
                    exits = self._user_input(task, exits)
                case _:
                    exits = self._leaf(task, exits)
        return exits

    def _add(self, node: Node, exits: _Exits) -> _Exits:
        self.nodes.append(node)
        self.edges += [Edge(source, node.id, port) for source, port in exits]
        return ((node.id, MAIN),)

    def _own(self, task: TaskDef, purpose: str) -> str:
        """An id for a node of our own."""
        id_ = f"{task.name}:{purpose}"
        # A task may be called so; an apostrophe more, and the name is nobody's.
        while id_ in self.taken:
            id_ += "'"
        self.taken.add(id_)
        return id_

    def _params(self, task: TaskDef) -> Json:
        return template(dict(task.params), self.names, f"{task.path}._inputParams")

    def _leaf(self, task: TaskDef, exits: _Exits) -> _Exits:
        config: dict[str, Json] = {"params": self._params(task), "overlay": _overlay(task)}
        node = Node(
            id=task.name,
            type=_NODE_TYPES[task.type],
            name=task.name,
            config=config,
            retry=_retry(task),
            timeout_seconds=_seconds(task, "_timeoutSeconds", MAX_TIMEOUT_SECONDS),
            on_error=_on_error(task),
        )
        return self._add(node, exits)

    def _user_input(self, task: TaskDef, exits: _Exits) -> _Exits:
        if task.members["_sendNotification"] == "yes":
            exits = self._add(self._notification(task), exits)
        config: dict[str, Json] = {"form": _form(task), "allowed_users": _allowed_users(task)}
        seconds = _seconds(task, "_timeoutSeconds", MAX_TIMEOUT_SECONDS)
        if seconds is not None:
            config["timeout_seconds"] = seconds
        node = Node(task.name, "user_input", name=task.name, config=config, on_error=_on_error(task))
        return self._add(node, exits)

    def _notification(self, task: TaskDef) -> Node:
        event: dict[str, Json] = {
            "_workflowId": "{{ $run.id }}",
            "_workflowDefId": "{{ $workflow.id }}",
            # A name is a literal: what looks like an expression in it is escaped.
            "_taskName": template(task.name.replace("${", "$${"), self.names, task.path),
            "_notificationId": template(task.members["_notificationId"], self.names, f"{task.path}._notificationId"),
        }
        config: dict[str, Json] = {"event": event, "channel": NOTIFICATIONS}
        # Nobody's answer is to wait for a notification that could not be sent.
        return Node(self._own(task, "notification"), "emit", config=config, on_error=OnError.CONTINUE)

    def _switch(self, task: TaskDef, exits: _Exits) -> _Exits:
        value = expression(task.params["_switchCaseValue"], self.names, f"{task.path}._inputParams._switchCaseValue")
        chosen = f"{{{{ {from_run_or('_switchCaseValue', value)} }}}}"
        values: dict[str, Json] = {"evaluationResult": [chosen], "selectedCase": chosen}
        exits = self._add(Node(task.name, "transform", name=task.name, config={"values": values}), exits)
        cases = self._own(task, "cases")
        config: dict[str, Json] = {
            # Cases are texts in the document, whatever type the value has.
            "value": f'{{{{ "{_CASE}" + toString({output_of(task)}.selectedCase) }}}}',
            # A case's name is a literal: what looks like an expression in it is escaped.
            "cases": [template(_CASE + name.replace("${", "$${"), self.names, task.path) for name in task.branches],
        }
        self._add(Node(cases, "switch", config=config), exits)
        after: list[tuple[str, str]] = []
        for name, branch in task.branches.items():
            after += self.sequence(branch, ((cases, _CASE + name),))
        if DEFAULT_CASE in task.branches:
            # The same tasks for a value that is none of the cases: they are there once, and two edges lead to them.
            first = self._first_of(cases, _CASE + DEFAULT_CASE)
            self.edges += [Edge(cases, target, _DEFAULT_PORT) for target in first]
            return tuple(after) if first else (*after, (cases, _DEFAULT_PORT))
        return (*after, (cases, _DEFAULT_PORT))

    def _first_of(self, source: str, port: str) -> list[str]:
        return [edge.target for edge in self.edges if (edge.source, edge.port) == (source, port)]

    def _fork(self, task: TaskDef, exits: _Exits) -> _Exits:
        # One node between: otherwise every branch would begin with an edge from each of the exits.
        if len(exits) > 1:
            exits = self._add(Node(self._own(task, "start"), "transform", config={"values": {}}), exits)
        ends: list[tuple[str, str]] = []
        for branch in task.branches.values():
            ends += self.sequence(branch, exits)
        values: dict[str, Json] = {
            inner.name: f"{{{{ {output_of(inner)} }}}}"
            for branch in task.branches.values()
            # A loop's tasks have an output for each round, which stand in the loop's own.
            for inner in walk(branch, into_loops=False)
        }
        join = Node(task.name, "transform", name=task.name, config={"values": values})
        # Branches without tasks end where the fork began: one edge stands for all of them.
        return self._add(join, tuple(dict.fromkeys(ends)))

    def _loop(self, task: TaskDef, exits: _Exits) -> _Exits:
        inputs = self._own(task, "input")
        config: dict[str, Json] = {"params": self._params(task), "overlay": _overlay(task)}
        exits = self._add(Node(inputs, "task_input", config=config), exits)
        # A graph of its own, but ids that are unique in all of the definition: expressions name tasks across graphs.
        body = _Builder(self.names.inside(task), self.taken)
        body.sequence(task.branches[BODY], ())
        collected: dict[str, Json] = {
            inner.name: f"{{{{ {output_of(inner)} }}}}" for inner in walk(task.branches[BODY])
        }
        loop = Node(
            id=task.name,
            type="loop",
            name=task.name,
            config={
                "while": conditions.translate(task, inputs),
                "collect": collected,
                "max_iterations": MAX_ITERATIONS,
            },
            on_error=_on_error(task),
            bodies={BODY: body.graph()},
        )
        return self._add(loop, exits)


def _overlay(task: TaskDef) -> list[Json]:
    """The inputs for which the run's own values win: those that the task declares, or that its type knows."""
    return [*dict.fromkeys((*task.params, *KNOWN_PARAMS.get(task.type, ())))]


def _form(task: TaskDef) -> Json:
    """What endpoint 6 takes, as a form: the answer with every field that was declared."""
    declared = task.params.get("_userInput")
    fields = declared if isinstance(declared, dict) else {}
    properties: dict[str, Json] = {name: _field(schema) for name, schema in fields.items()}
    answer: dict[str, Json] = {"type": "object", "properties": properties, "required": [*properties]}
    return {"type": "object", "properties": {"_userInput": answer}, "required": ["_userInput"]}


def _field(schema: Json) -> Json:
    assert isinstance(schema, dict)
    type_ = schema.get("type", schema.get("_type"))
    return {**schema, "type": type_.lower()} if isinstance(type_, str) else schema


def _allowed_users(task: TaskDef) -> list[Json]:
    permissions = task.members.get("_userInputPermissions")
    entries = permissions if isinstance(permissions, list) else []
    return [str(each.get("_id", "")).lower() for each in entries if isinstance(each, dict)]


def _on_error(task: TaskDef) -> OnError:
    optional = task.members.get("_optional")
    if optional is not None and not isinstance(optional, bool):
        task.fail("_optional", "must be true or false")
    return OnError.CONTINUE if optional else OnError.FAIL


def _retry(task: TaskDef) -> RetryPolicy:
    count = _seconds(task, "_retryCount", _MAX_RETRIES) or 0.0
    if not count.is_integer():
        task.fail("_retryCount", "must be a whole number")
    delay = _seconds(task, "_retryDelaySeconds", _MAX_DELAY_SECONDS)
    logic = task.members.get("_retryLogic", "FIXED")
    if not isinstance(logic, str) or logic not in _BACKOFFS:
        task.fail("_retryLogic", f"must be one of {', '.join(_BACKOFFS)}")
    return RetryPolicy(
        max_attempts=int(count) + 1,
        backoff=_BACKOFFS[logic],
        delay_seconds=_DEFAULT_DELAY_SECONDS if delay is None else delay,
        max_delay_seconds=_MAX_DELAY_SECONDS,
        jitter=0.0,
    )


def _seconds(task: TaskDef, name: str, most: float) -> float | None:
    """A number from 0 up; None if it is absent, null, or a limit of 0, which is none."""
    value = task.members.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        task.fail(name, f"must be a number from 0 to {most:g}")
    return float(value) or (None if name == "_timeoutSeconds" else 0.0)


def _located(error: DefinitionError, names: Names) -> DefinitionError:
    """The core's complaint about a node, with the path to the task that the node was made of."""
    node_id = str(error.facts.get("node_id") or "")
    task = names.tasks.get(node_id) or names.tasks.get(node_id.rpartition(":")[0])
    if task is None:
        return error
    field_ = (error.field or "").removeprefix("config.").replace("params", "_inputParams", 1)
    member = {"while": "_loopCondition", "values": "_inputParams"}.get(field_.partition(".")[0], field_)
    return DefinitionError(error.message, field=f"{task.path}.{member}")

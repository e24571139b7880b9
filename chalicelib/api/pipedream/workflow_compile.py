"""Workflows of this dialect as graphs: their triggers, then their steps in a row, each of them code.

What a step's props say of earlier steps (`{{steps.trigger.event.id}}`, `{{steps.fetch.$return_value.body}}`) becomes an
expression of ours; everything else is the code's to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from chalicelib.domain.graph import Edge, Graph, Node
from chalicelib.domain.json import Json
from chalicelib.domain.program import Program
from chalicelib.domain.schedule_triggers import check_triggers

STEP_SECONDS = 60.0
_EXPRESSION = re.compile(r"{{(.*?)}}", re.DOTALL)
_TRIGGER_EVENT = re.compile(r"\bsteps\.trigger\.event\b")
_STEP = re.compile(r"\bsteps\.(\w+)(\.\$return_value\b)?")


def compile_workflow(source: Mapping[str, Json]) -> Graph:
    """`source` is what `workflow_form` made of a request. Raises DefinitionError."""
    document: Any = source
    triggers = [_trigger(each, number) for number, each in enumerate(document["triggers"], 1)]
    # One may be started by hand alone: the row of steps has to begin somewhere.
    triggers = triggers or [Node("trigger_1", "trigger")]
    steps = [
        Node(
            each["namespace"],
            "code",
            config={"code": each["code"], "input": "{{ $input }}", "props": _translated(each["props"])},
            timeout_seconds=STEP_SECONDS,
        )
        for each in document["steps"]
    ]
    row = [step.id for step in steps]
    edges = [Edge(trigger.id, row[0]) for trigger in triggers if row]
    edges += [Edge(before, behind) for before, behind in pairwise(row)]
    graph = Graph((*triggers, *steps), tuple(edges))
    Program.of(graph)
    check_triggers(graph)
    return graph


def _trigger(trigger: Mapping[str, Any], number: int) -> Node:
    # `steps.trigger` is the event, not what a node of ours makes of it.
    id_ = f"trigger_{number}"
    if trigger["type"] != "timer":
        return Node(id_, "trigger", config={"kind": "webhook" if trigger["type"] == "http" else "event"})
    timing = {name: trigger[name] for name in ("cron", "interval_seconds", "timezone") if trigger[name] is not None}
    return Node(id_, "trigger", config={"kind": "schedule", **timing})


def _translated(value: Json) -> Json:
    if isinstance(value, str):
        return _EXPRESSION.sub(lambda found: "{{" + _expression(found[1]) + "}}", value)
    if isinstance(value, list):
        return [_translated(each) for each in value]
    if isinstance(value, dict):
        return {name: _translated(each) for name, each in value.items()}
    return value


def _expression(text: str) -> str:
    return _STEP.sub(r"$node.\1", _TRIGGER_EVENT.sub("$input", text))

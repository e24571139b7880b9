"""Runs that do a part of another run's map.

The child runs the very version its parent runs, but only the map, over the items it was given; what the map's body
may name of the run around it comes along in its input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from chalicelib.domain.errors import DefinitionError
from chalicelib.domain.expressions import compile_template
from chalicelib.domain.graph import Graph, OnError, RetryPolicy
from chalicelib.domain.json import Json
from chalicelib.domain.program import Program, Step
from chalicelib.domain.run import Part, Run
from chalicelib.domain.tasks import ItemRange, Scope, Task

_CONFIG = compile_template({"items": "{{ $items }}", "concurrency": "{{ $concurrency }}"})


def part_of(program: Program, task: Task) -> Part:
    """Where the task's map stands in its workflow."""
    path = _path_to(program, task.step)
    assert path is not None, "a task's step is part of its program"
    return Part(path)


def part_input(task: Task, range_: ItemRange) -> dict[str, Json]:
    """The input of the child run for a range of the map's items."""
    return {
        "items": range_.items,
        "offset": range_.offset,
        "concurrency": range_.concurrency,
        "input": task.run.input,
        "outputs": _visible_outputs(task.scope),
        "variables": _visible_variables(task.scope),
    }


def program_of(program: Program, run: Run) -> Program:
    """What the keys of the run's steps are looked up in, given its version's program: for a part, just the map.

    Raises DefinitionError if the map is not there.
    """
    return program if run.part is None else _alone(_step_at(program, run.part.path))


def root_of(program: Program, run: Run, resumed: bool) -> tuple[Run, Scope]:
    """The run as its steps see it, and its root scope: for a part, just the map."""
    began_at = run.began_at or run.created_at
    if run.part is None:
        return run, Scope(program, "", None, None, run.input, began_at, {}, resumed)
    given = run.input
    alone = program_of(program, run)
    assert isinstance(given, Mapping)
    variables = {
        **_object(given["variables"]),
        "$items": given["items"],
        "$offset": given["offset"],
        "$concurrency": given["concurrency"],
    }
    root = Scope(alone, "", None, None, None, began_at, variables, resumed)
    root.outputs.update(_object(given["outputs"]))
    return replace(run, input=given["input"]), root


def _alone(step: Step) -> Program:
    # Trying again and surviving a failure are the parent's, where the map stands with its own policy.
    node = replace(step.node, on_error=OnError.FAIL, retry=RetryPolicy())
    alone = replace(step, node=node, config=_CONFIG, exits=(), entries=0, order=0)
    return Program(Graph((node,)), {node.id: alone}, (node.id,), {})


def _path_to(program: Program, step: Step) -> tuple[str, ...] | None:
    for node_id, candidate in program.steps.items():
        if candidate is step:
            return (node_id,)
        for name, body in candidate.bodies.items():
            inner = _path_to(body, step)
            if inner is not None:
                return (node_id, name, *inner)
    return None


def _step_at(program: Program, path: tuple[str, ...]) -> Step:
    try:
        step = program.steps[path[0]]
        return step if len(path) == 1 else _step_at(step.bodies[path[1]], path[2:])
    except KeyError as error:
        raise DefinitionError("the map that this run is a part of is gone", node_id=path[0]) from error


def _visible_outputs(scope: Scope) -> dict[str, Json]:
    outputs: dict[str, Json] = {}
    around: Scope | None = scope
    while around is not None:
        outputs = {**around.outputs, **outputs}
        around = around.parent
    return outputs


def _visible_variables(scope: Scope) -> dict[str, Json]:
    variables: dict[str, Json] = {}
    around: Scope | None = scope
    while around is not None:
        variables = {**around.variables, **variables}
        around = around.parent
    return variables


def _object(value: Json) -> dict[str, Json]:
    assert isinstance(value, dict)
    return value

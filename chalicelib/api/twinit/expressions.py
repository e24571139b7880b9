"""Expressions `${…}` in the words of the one expression core.

A path names the run (`${workflow.input.url}`) or a task (`${fetch._output.rows[0]['a b']}`), in either spelling of
`_output` and `output`, `_inputParams` and `input`. What it leads to nowhere is null. `$${` is a literal `${`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from chalicelib.api.twinit.tasks import BODY, DO_WHILE, REST_CONNECTOR, TaskDef, refuse, walk
from chalicelib.domain.json import Json

Key: TypeAlias = "str | int"

_OPEN, _ESCAPED, _CLOSE = "${", "$${", "}"
_CORE_OPEN, _CORE_CLOSE = "{{", "}}"
_ROOT_END = re.compile(r"[.\[]|$")
_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]'"{}\s]+) | \[(?P<index>-?\d{1,9})\] | \['(?P<single>[^']*)'\] | \["(?P<double>[^"]*)"\]""",
    re.VERBOSE,
)
_ITERATION = re.compile(r"(?P<name>.+)__(?P<number>[1-9]\d{0,5})", re.DOTALL)
_OUTPUT = frozenset({"_output", "output"})
_INPUT = frozenset({"_inputParams", "input"})
_RUN_FACTS: Mapping[Key, str] = {
    "workflowId": "$run.id",
    "_id": "$run.id",
    "workflowType": "$workflow.name",
    "_name": "$workflow.name",
    "name": "$workflow.name",
    "_workflowDefId": "$workflow.id",
    "status": '"RUNNING"',
    "_status": '"RUNNING"',
}
_NOTHING = "null"
_ITERATION_SO_FAR = '{"iteration": $loop.index}'
"""What a loop gave, for the tasks of its body: which round they are in."""
_MOST_INLINED = 8
"""How far one task's input may be another's input, and so on; what goes round in circles is null."""
MAX_INLINED = 200_000
"""How many characters the inputs of other tasks may come to, written out, in one definition: each one that is named
twice doubles what it names itself, and so on."""


@dataclass(frozen=True, slots=True)
class _Path:
    root: str
    keys: tuple[Key, ...]


@dataclass(slots=True)
class _Room:
    """What is left of `MAX_INLINED`."""

    left: int = MAX_INLINED


@dataclass(frozen=True, slots=True)
class Names:
    """What names mean to a task: `loop` is the loop whose body it stands in. `room` is one for the whole definition."""

    tasks: Mapping[str, TaskDef]
    loops: Mapping[str, TaskDef]
    loop: TaskDef | None = None
    inlined: int = 0
    room: _Room = field(default_factory=_Room)

    @staticmethod
    def of(tasks: tuple[TaskDef, ...]) -> Names:
        """`loops` tells of each task in a loop's body which loop it is."""
        loops = {
            inner.name: task for task in walk(tasks) if task.type == DO_WHILE for inner in walk(task.branches[BODY])
        }
        return Names({task.name: task for task in walk(tasks)}, loops)

    def inside(self, loop: TaskDef) -> Names:
        return replace(self, loop=loop)


def template(value: Json, names: Names, path: str) -> Json:
    """A JSON value as a template of the core. Raises DefinitionError, `path` in front of its field."""
    if isinstance(value, str):
        return _as_template(_parts(value, names, path), names)
    if isinstance(value, list):
        return [template(each, names, f"{path}[{index}]") for index, each in enumerate(value)]
    if isinstance(value, dict):
        return {name: template(each, names, f"{path}.{name}") for name, each in value.items()}
    return value


def expression(value: Json, names: Names, path: str) -> str:
    """A JSON value as one expression of the core."""
    if isinstance(value, str):
        parts = _parts(value, names, path)
        if len(parts) == 1:
            return _literal(parts[0]) if isinstance(parts[0], str) else _core(parts[0], names)
        return "(" + " + ".join(_joined(part, names) for part in parts) + ")" if parts else '""'
    if isinstance(value, list):
        return "[" + ", ".join(expression(each, names, path) for each in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(k)}: {expression(v, names, path)}" for k, v in value.items()) + "}"
    return _literal(value)


def from_run_or(name: str, otherwise: str) -> str:
    """The run's own value of an input, or else what the task says."""
    return f"($input[{_literal(name)}] ?? {otherwise})"


def output_of(task: TaskDef) -> str:
    """What a task gave, in the scope that it stands in or one inside."""
    node = f"$node[{_literal(task.name)}]"
    return f"{node}.body" if task.type == REST_CONNECTOR else node


def access(base: str, keys: Iterable[Key]) -> str:
    return base + "".join(f"[{_literal(key)}]" for key in keys)


def _literal(value: Json) -> str:
    return json.dumps(value)


def _joined(part: str | _Path, names: Names) -> str:
    return _literal(part) if isinstance(part, str) else f"toString({_core(part, names)})"


def _parts(text: str, names: Names, path: str) -> list[str | _Path]:
    """Literal texts and the paths between them."""
    parts: list[str | _Path] = []
    literal, position = "", 0
    while (found := text.find(_OPEN, position)) >= 0:
        # `found > position`: a `$` before that belongs to what was read already.
        if found > position and text[found - 1] == "$":
            literal += text[position : found - 1] + _OPEN
            position = found + len(_OPEN)
            continue
        end = text.find(_CLOSE, found)
        if end < 0:
            break  # nothing is opened that nothing closes
        literal += text[position:found]
        parts += [literal] if literal else []
        parts.append(_path(text[found + len(_OPEN) : end], names, path))
        literal, position = "", end + len(_CLOSE)
    literal += text[position:]
    return [*parts, literal] if literal or not parts else parts


def _path(text: str, names: Names, path: str) -> _Path:
    text = text.strip()
    root = _root(text, names)
    keys: list[Key] = []
    position = len(root)
    while position < len(text):
        step = _STEP.match(text, position)
        if step is None:
            break
        quoted = step["single"] if step["single"] is not None else step["double"]
        keys.append(int(step["index"]) if step["index"] else step["name"] or quoted or "")
        position = step.end()
    if not root or position < len(text):
        refuse(path, f"'${{{text[:100]}}}' is no path; write '$${{' for a literal '${{'")
    return _Path(root, tuple(keys))


def _root(text: str, names: Names) -> str:
    """A name ends at the first dot or bracket, unless a task's name has one."""
    fitting = [name for name in names.tasks if text.startswith(name) and _ROOT_END.match(text, len(name))]
    if fitting:
        # The longest, where one task's name begins with another's and a dot.
        return max(fitting, key=len)
    end = _ROOT_END.search(text)
    return text[: end.start()] if end else text


def _core(path: _Path, names: Names) -> str:
    first, rest = (path.keys[0], path.keys[1:]) if path.keys else ("", ())
    if path.root == "workflow":
        if first in _INPUT:
            return access("$input", rest)
        return access(_RUN_FACTS.get(first, _NOTHING), rest)
    if first in _OUTPUT:
        return access(_output(path.root, names), rest)
    task = names.tasks.get(path.root)
    if first in _INPUT and task is not None:
        return _input(task, rest, names)
    return _NOTHING


def _output(root: str, names: Names) -> str:
    task = names.tasks.get(root)
    if task is None:
        return _of_iteration(root, names)
    if task is names.loop:
        return _ITERATION_SO_FAR
    loop = names.loops.get(root)
    if loop is None or loop is names.loop:
        return output_of(task)
    # Seen from outside, a loop's task is the one of its last round.
    whole = f"$node[{_literal(loop.name)}]"
    return f"{whole}[toString({whole}.iteration)][{_literal(root)}]"


def _of_iteration(root: str, names: Names) -> str:
    """`poll__2` is what `poll` gave in the second round of the loop that it stands in."""
    match = _ITERATION.fullmatch(root)
    loop = names.loops.get(match["name"]) if match else None
    if match is None or loop is None:
        return _NOTHING
    return f"$node[{_literal(loop.name)}][{_literal(match['number'])}][{_literal(match['name'])}]"


def _input(task: TaskDef, keys: tuple[Key, ...], names: Names) -> str:
    """What went into a task: its own expressions again, with the run's values where those win."""
    # Inputs may name each other in a circle, which has no value.
    if names.inlined >= _MOST_INLINED:
        return _NOTHING
    deeper = replace(names, inlined=names.inlined + 1)
    if not keys:
        return _charged(expression(dict(task.params), deeper, task.path), task, names)
    first, *rest = keys
    value = task.params.get(first) if isinstance(first, str) else None
    return _charged(access(from_run_or(str(first), expression(value, deeper, task.path)), rest), task, names)


def _charged(core: str, task: TaskDef, names: Names) -> str:
    # One room for all copies of `names`: it is the definition that is bounded, not one expression.
    names.room.left -= len(core)
    if names.room.left < 0:
        task.fail("_inputParams", "expressions name this input, and the inputs that it names, too often")
    return core


def _as_template(parts: list[str | _Path], names: Names) -> str:
    if len(parts) == 1 and isinstance(parts[0], _Path):
        return _marked(_core(parts[0], names))
    if not any(isinstance(part, _Path) for part in parts):
        text = "".join(part for part in parts if isinstance(part, str))
        return _escaped(text) if _CORE_OPEN in text else text
    return "".join(_before_expression(part) if isinstance(part, str) else _marked(_core(part, names)) for part in parts)


def _marked(core: str) -> str:
    return f"{_CORE_OPEN} {core} {_CORE_CLOSE}"


def _escaped(text: str) -> str:
    """A text in which the core's own delimiters mean nothing."""
    # Backslashes before the delimiter are doubled, or one of them would escape what is inserted here.
    return re.sub(r"(\\*)\{\{", lambda match: match[1] * 2 + "\\" + _CORE_OPEN, text)


def _before_expression(text: str) -> str:
    """A literal part of a text that has expressions: what stands right before one must not run into its delimiter."""
    # A brace would run into the delimiter and a backslash escape it: they become an expression of their own.
    kept = text.rstrip("{\\")
    tail = text[len(kept) :]
    return _escaped(kept) + (_marked(_literal(tail)) if tail else "")

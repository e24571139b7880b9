"""Task definitions: the members of a document read into a tree, in the order in which they run.

What is refused here is refused for good: whoever has a tree may rely on unique names, known types and the members that
each type must have.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from chalicelib.domain.errors import DefinitionError
from chalicelib.domain.json import Json

REST_CONNECTOR = "REST_CONNECTOR"
SCRIPT_EXECUTION = "SCRIPT_EXECUTION"
USER_INPUT = "USER_INPUT"
SWITCH = "SWITCH"
FORK_JOIN = "FORK_JOIN"
DO_WHILE = "DO_WHILE"
HAYSTACK = "HAYSTACK"
MQTT_PUBLISH = "MQTT_PUBLISH"
AI_CONVERSE = "AI_CONVERSE"
TYPES = (
    REST_CONNECTOR,
    SCRIPT_EXECUTION,
    USER_INPUT,
    SWITCH,
    FORK_JOIN,
    DO_WHILE,
    HAYSTACK,
    MQTT_PUBLISH,
    AI_CONVERSE,
)
KNOWN_PARAMS: Mapping[str, tuple[str, ...]] = {
    REST_CONNECTOR: ("_url", "_auth", "_args", "_to", "_method"),
    SCRIPT_EXECUTION: ("_userType", "_scriptName"),
    SWITCH: ("_switchCaseValue",),
    HAYSTACK: ("_project", "_url", "_uname", "_pwd", "_action", "_to", "_cmd", "_hisStartDate"),
    MQTT_PUBLISH: ("_mqtt_target", "_topic", "_messages"),
    AI_CONVERSE: ("_teamId", "_userPrompt", "_converse_id"),
}
"""Members of `_inputParams` that a type knows, and so takes from the run where the task leaves them out."""

DEFAULT_CASE = "defaultCase"
BODY = "body"
MAX_TASKS = 1_000
MAX_NAME_LENGTH = 255
MAX_CASES = 500
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_RESERVED = "workflow"


@dataclass(frozen=True, slots=True)
class TaskDef:
    """`branches` are the tasks inside: by case of a SWITCH, by position of a FORK_JOIN's branch, `body` of a DO_WHILE.
    `path` leads to it in the document."""

    id: str
    name: str
    type: str
    sequence: Json
    members: Mapping[str, Json]
    params: Mapping[str, Json]
    path: str
    branches: Mapping[str, tuple[TaskDef, ...]] = field(default_factory=dict)

    @property
    def children(self) -> Iterator[TaskDef]:
        """The tasks directly inside."""
        for branch in self.branches.values():
            yield from branch

    def fail(self, member: str, reason: str) -> NoReturn:
        refuse(f"{self.path}.{member}", reason)


def refuse(path: str, reason: str) -> NoReturn:
    raise DefinitionError(reason, field=path)


def walk(tasks: tuple[TaskDef, ...], *, into_loops: bool = True) -> Iterator[TaskDef]:
    """Every task of the tree, each before those inside it."""
    for task in tasks:
        yield task
        if into_loops or task.type != DO_WHILE:
            for branch in task.branches.values():
                yield from walk(branch, into_loops=into_loops)


def read(source: Mapping[str, Json]) -> tuple[TaskDef, ...]:
    """The tasks of a document. Raises DefinitionError whose `field` is a path into it."""
    tasks = _tasks(source.get("_taskDefs"), "_taskDefs", frozenset())
    seen: set[str] = set()
    for number, task in enumerate(walk(tasks)):
        if number >= MAX_TASKS:
            refuse("_taskDefs", f"there are more than {MAX_TASKS} tasks")
        if task.name in seen:
            task.fail("_name", f"the name '{task.name}' is used twice")
        seen.add(task.name)
    return tasks


def _tasks(value: Json, path: str, around: frozenset[str]) -> tuple[TaskDef, ...]:
    if not isinstance(value, list):
        refuse(path, "must be an array")
    if len(value) > MAX_TASKS:
        refuse(path, f"there are more than {MAX_TASKS} tasks")
    read_ = [_task(each, f"{path}[{index}]", index, around) for index, each in enumerate(value)]
    # By number, then by place in the document: two tasks may have the same number.
    order = sorted(enumerate(read_), key=lambda numbered: (_number(numbered[1].sequence), numbered[0]))
    return tuple(task for _, task in order)


def _number(value: Json) -> float:
    assert isinstance(value, int | float)
    return value


def _task(value: Json, path: str, index: int, around: frozenset[str]) -> TaskDef:
    if not isinstance(value, dict):
        refuse(path, "must be an object")
    type_ = value.get("_type")
    if not isinstance(type_, str) or type_ not in TYPES:
        refuse(f"{path}._type", f"must be one of {', '.join(TYPES)}")
    if type_ in around:
        refuse(path, f"a {type_} inside a {type_} is not supported")
    params = value.get("_inputParams")
    if params is not None and not isinstance(params, dict):
        refuse(f"{path}._inputParams", "must be an object")
    id_ = value.get("_id")
    task = TaskDef(
        id=id_ if isinstance(id_, str) else "",
        name=_name(value.get("_name"), type_, path),
        type=type_,
        sequence=_sequence(value.get("_sequenceno"), index, path),
        members=value,
        params=params or {},
        path=path,
    )
    branches = _branches(task, around)
    # Made a second time, as what is inside was read with the task at hand.
    return TaskDef(task.id, task.name, type_, task.sequence, value, task.params, path, branches)


def _name(value: Json, type_: str, path: str) -> str:
    if value is None:
        return type_
    if not isinstance(value, str) or not 0 < len(value.strip()) <= len(value) <= MAX_NAME_LENGTH:
        refuse(f"{path}._name", f"must be a text of 1 to {MAX_NAME_LENGTH} characters")
    if _CONTROL.search(value):
        refuse(f"{path}._name", "must not have control characters")
    if value == _RESERVED:
        refuse(f"{path}._name", f"'{_RESERVED}' means the run in expressions and cannot name a task")
    return value


def _sequence(value: Json, index: int, path: str) -> int | float:
    """Where the document has none, the position in it."""
    if value is None:
        return index + 1
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        refuse(f"{path}._sequenceno", "must be a number")
    return value


def _branches(task: TaskDef, around: frozenset[str]) -> Mapping[str, tuple[TaskDef, ...]]:
    match task.type:
        case "SWITCH":
            return _cases(task, around)
        case "FORK_JOIN":
            return _forks(task, around | {FORK_JOIN})
        case "DO_WHILE":
            return {BODY: _loop(task, around | {DO_WHILE})}
        case "USER_INPUT":
            _check_user_input(task)
    return {}


def _cases(task: TaskDef, around: frozenset[str]) -> Mapping[str, tuple[TaskDef, ...]]:
    if task.params.get("_switchCaseValue") is None:
        task.fail("_inputParams._switchCaseValue", "is missing")
    cases = task.members.get("_decisionCases")
    if not isinstance(cases, dict):
        task.fail("_decisionCases", "must be an object")
    if len(cases) > MAX_CASES:
        task.fail("_decisionCases", f"there are more than {MAX_CASES} cases")
    found = {name: _tasks(branch, f"{task.path}._decisionCases.{name}", around) for name, branch in cases.items()}
    default = task.members.get("_defaultCase")
    if default is not None and DEFAULT_CASE not in found:
        found[DEFAULT_CASE] = _tasks(default, f"{task.path}._defaultCase", around)
    return found


def _forks(task: TaskDef, around: frozenset[str]) -> Mapping[str, tuple[TaskDef, ...]]:
    branches = task.members.get("_forkTasks")
    if not isinstance(branches, list) or not branches:
        task.fail("_forkTasks", "must be an array of at least one branch")
    return {
        str(index): _tasks(branch, f"{task.path}._forkTasks[{index}]", around) for index, branch in enumerate(branches)
    }


def _loop(task: TaskDef, around: frozenset[str]) -> tuple[TaskDef, ...]:
    condition = task.members.get("_loopCondition")
    if not isinstance(condition, str) or not condition.strip():
        task.fail("_loopCondition", "must be an expression")
    body = _tasks(task.members.get("_loopOver"), f"{task.path}._loopOver", around)
    if not body:
        task.fail("_loopOver", "must have at least one task")
    return body


def _check_user_input(task: TaskDef) -> None:
    if task.members.get("_sendNotification") not in ("yes", "no"):
        task.fail("_sendNotification", "must be 'yes' or 'no'")
    if not isinstance(task.members.get("_notificationId"), str):
        task.fail("_notificationId", "must be a text")
    permissions = task.members.get("_userInputPermissions")
    if permissions is not None and not (
        isinstance(permissions, list) and all(isinstance(each, dict) for each in permissions)
    ):
        task.fail("_userInputPermissions", "must be an array of objects")
    fields = task.params.get("_userInput")
    if fields is not None and not (
        isinstance(fields, dict) and all(isinstance(each, dict) for each in fields.values())
    ):
        task.fail("_inputParams._userInput", "must describe each field by an object")

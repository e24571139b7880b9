"""Documents of definitions: from a body to what is stored, and back to what is shown.

Tasks get ids, which they keep through later updates. Secrets are shown masked, and a mask that comes back in an update
stands for the secret that is stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from chalicelib.api.common.parsing import text_member
from chalicelib.api.twinit.query import MAX_NAMESPACE_LENGTH, allow_namespaces
from chalicelib.api.twinit.times import with_microseconds
from chalicelib.domain.errors import DefinitionError
from chalicelib.domain.identity import Principal
from chalicelib.domain.ids import is_uuid, uuid_of
from chalicelib.domain.json import Json
from chalicelib.domain.masking import MASK, is_secret_name, unmask_json
from chalicelib.domain.workflow import Workflow

Members = dict[str, Json]

MAX_NAME_LENGTH = 255
MAX_DESCRIPTION_LENGTH = 10_000
MAX_NAMESPACES = 100
_SPACE = re.compile(r"\s")
_AUDIT = ("_id", "_createdAt", "_updatedAt", "_createdBy", "_updatedBy")
_OWN = ("_name", "_description", *_AUDIT)
"""Members that stand beside the document, not in it."""
_EXPRESSION = "${"


def name_of(body: Mapping[str, Json]) -> str | None:
    """None if it is absent. Raises InvalidError."""
    name = text_member(body, "_name", MAX_NAME_LENGTH)
    if name is not None and (not name or _SPACE.search(name)):
        raise DefinitionError("must be a text without whitespace", field="_name")
    return name


def description_of(body: Mapping[str, Json]) -> str | None:
    return None if body.get("_description") is None else text_member(body, "_description", MAX_DESCRIPTION_LENGTH)


def namespaces_of(body: Mapping[str, Json], principal: Principal) -> list[Json] | None:
    """None if they are absent. Raises InvalidError, and ForbiddenError for one that the caller may not use."""
    value = body.get("_namespaces")
    if value is None:
        return None
    if not isinstance(value, list) or not 0 < len(value) <= MAX_NAMESPACES:
        raise DefinitionError(f"must be an array of 1 to {MAX_NAMESPACES} texts", field="_namespaces")
    names = [name for name in value if isinstance(name, str) and 0 < len(name.strip()) <= MAX_NAMESPACE_LENGTH]
    if len(names) < len(value):
        raise DefinitionError(f"each must be a text of 1 to {MAX_NAMESPACE_LENGTH} characters", field="_namespaces")
    allow_namespaces(principal, names)
    return [*dict.fromkeys(names)]


def labels_of(document: Mapping[str, Json]) -> dict[str, Json]:
    """What lists need of a definition without its document."""
    user_type = document.get("_userType")
    if user_type is not None and not isinstance(user_type, str):
        raise DefinitionError("must be a text", field="_userType")
    return {"namespaces": document.get("_namespaces", []), "user_type": user_type}


def namespaces(workflow: Workflow) -> list[Json]:
    value = workflow.labels.get("namespaces")
    return value if isinstance(value, list) else []


def user_type(workflow: Workflow) -> Json:
    return workflow.labels.get("user_type")


def new_document(body: Mapping[str, Json], namespaces_: list[Json], new_id: Callable[[], str]) -> Members:
    document: Members = {name: value for name, value in body.items() if name not in _OWN}
    document["_namespaces"] = namespaces_
    document["_taskDefs"] = _with_ids(body.get("_taskDefs"), {}, new_id)
    return document


def changed_document(
    stored: Mapping[str, Json],
    body: Mapping[str, Json],
    namespaces_: list[Json] | None,
    new_id: Callable[[], str],
) -> Members:
    """The stored document with the body's members in place of its own; `_taskDefs` are replaced as a whole."""
    document: Members = {**stored, **{name: value for name, value in body.items() if name not in _OWN}}
    document["_namespaces"] = stored.get("_namespaces", []) if namespaces_ is None else namespaces_
    if "_taskDefs" in body:
        document["_taskDefs"] = _with_ids(body["_taskDefs"], _stored_tasks(stored), new_id)
    return document


def shown(workflow: Workflow, document: Mapping[str, Json]) -> Members:
    members: Members = {
        "_id": workflow.id,
        "_name": workflow.name,
        "_description": workflow.description,
        "_namespaces": namespaces(workflow),
        "_userType": user_type(workflow),
        "_taskDefs": masked(document.get("_taskDefs", [])),
        "_createdAt": with_microseconds(workflow.created_at),
        "_updatedAt": with_microseconds(workflow.updated_at),
        "_createdBy": user_id(workflow.created_by),
        "_updatedBy": user_id(workflow.updated_by),
        "_timeoutSeconds": document.get("_timeoutSeconds"),
    }
    rest = {name: value for name, value in document.items() if name not in members and value is not None}
    return members | {name: masked(value) for name, value in rest.items()}


def user_id(id_: str | None) -> str | None:
    """Users are UUIDs here."""
    return None if id_ is None else uuid_of(id_)


def masked(value: Json) -> Json:
    """`value` with every secret masked that is written out; an expression tells where one is, and not what."""
    if isinstance(value, dict):
        return {name: MASK if _is_secret(name, inner) else masked(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner) for inner in value]
    return value


def _is_secret(name: str, value: Json) -> bool:
    if value is None or value == "" or isinstance(value, dict | list) or not is_secret_name(name):
        return False
    return not (isinstance(value, str) and _EXPRESSION in value)


def unmasked_members(value: Mapping[str, Json], stored: Json) -> Members:
    """`value` with what is stored in place of each mask."""
    members = unmask_json(dict(value), stored)
    assert isinstance(members, dict)
    return members


def _with_ids(tasks: Json, stored: Mapping[str, Mapping[str, Json]], new_id: Callable[[], str]) -> Json:
    """Tasks with an id each, which comes first: that of the stored task of the same id, or else of the same name."""
    if not isinstance(tasks, list):
        return tasks
    return [_with_id(task, stored, new_id) if isinstance(task, dict) else task for task in tasks]


def _with_id(task: Mapping[str, Json], stored: Mapping[str, Mapping[str, Json]], new_id: Callable[[], str]) -> Members:
    name = task.get("_name", task.get("_type"))
    id_ = task.get("_id")
    # By id first: a task may have been renamed, and another one have taken its name.
    before = stored.get(f"id:{id_}") or stored.get(f"name:{name}")
    kept = str(before["_id"]) if before is not None else id_ if isinstance(id_, str) and is_uuid(id_) else new_id()
    unmasked = unmasked_members(_own_members(task), _own_members(before or {}))
    # Unmasked by the task it was, wherever it stands now: a mask has no meaning by its position.
    return {"_id": kept, "_name": name, **unmasked, **_inner_with_ids(task, stored, new_id)}


def _own_members(task: Mapping[str, Json]) -> Members:
    """A task without its id and the tasks inside it."""
    # Tasks inside are unmasked by themselves, against what they were.
    inside = ("_id", "_decisionCases", "_defaultCase", "_forkTasks", "_loopOver")
    return {name: value for name, value in task.items() if name not in inside}


def _inner_with_ids(
    task: Mapping[str, Json], stored: Mapping[str, Mapping[str, Json]], new_id: Callable[[], str]
) -> Members:
    found: Members = {}
    for name in ("_loopOver", "_defaultCase"):
        if name in task:
            found[name] = _with_ids(task[name], stored, new_id)
    cases = task.get("_decisionCases")
    if "_decisionCases" in task:
        found["_decisionCases"] = (
            {case: _with_ids(branch, stored, new_id) for case, branch in cases.items()}
            if isinstance(cases, dict)
            else cases
        )
    forks = task.get("_forkTasks")
    if "_forkTasks" in task:
        found["_forkTasks"] = (
            [_with_ids(branch, stored, new_id) for branch in forks] if isinstance(forks, list) else forks
        )
    return found


def _stored_tasks(document: Mapping[str, Json]) -> dict[str, Mapping[str, Json]]:
    """Stored tasks, by id and by name, however deep."""
    found: dict[str, Mapping[str, Json]] = {}
    for task in _every_task(document.get("_taskDefs")):
        found[f"id:{task.get('_id')}"] = task
        found[f"name:{task.get('_name')}"] = task
    return found


def _every_task(value: Json) -> Iterator[Mapping[str, Json]]:
    for task in value if isinstance(value, list) else ():
        if not isinstance(task, dict):
            continue
        yield task
        yield from _every_task(task.get("_loopOver"))
        yield from _every_task(task.get("_defaultCase"))
        cases, forks = task.get("_decisionCases"), task.get("_forkTasks")
        for branch in (
            *(cases.values() if isinstance(cases, dict) else ()),
            *(forks if isinstance(forks, list) else ()),
        ):
            yield from _every_task(branch)

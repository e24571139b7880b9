"""Definitions of tasks, as workflowsvc has them. Each lives in namespaces; the first of them is where it is asked for.

Tasks get ids from the server and keep them by their names; secrets come back masked, and stay what they are when a
mask is sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chalicelib.cli.client import Client, segment
from chalicelib.cli.definitions.kinds import FILE_MEMBERS, GIVE_UP, Document, Found, Kind
from chalicelib.cli.definitions.places import Path
from chalicelib.cli.exits import ApiError
from chalicelib.domain.json import Json
from chalicelib.domain.masking import MASK

_PATH = "/workflowsvc/api/v1/workflowdefs"
_SERVERS = frozenset({"_id", "_createdAt", "_updatedAt", "_createdBy", "_updatedBy"})
_INSIDE = ("_decisionCases", "_defaultCase", "_forkTasks", "_loopOver")
_PAGE = 500


class Twinit(Kind):
    name = "twinit"
    mask = MASK

    def fits(self, document: Document) -> bool:
        return "_taskDefs" in document

    def title(self, document: Document) -> str:
        name = document.get("_name")
        return name if isinstance(name, str) else ""

    def complaints(self, document: Document) -> Iterator[tuple[Path, str]]:
        name = document.get("_name")
        if not isinstance(name, str) or not name or len(name) > 255 or any(character.isspace() for character in name):
            yield ("_name",), "has to be a text of 1 to 255 characters without whitespace"
        namespaces = document.get("_namespaces")
        if not isinstance(namespaces, list) or not namespaces:
            yield ("_namespaces",), "has to be an array of at least one namespace"
        elif not all(isinstance(each, str) and each.strip() for each in namespaces):
            yield ("_namespaces",), "each has to be a text"
        if document.get("_description") is not None and not isinstance(document["_description"], str):
            yield ("_description",), "has to be a text"
        for member in document:
            if not member.startswith("_") and member not in FILE_MEMBERS:
                yield (member,), "there is no such member"

    def compile(self, document: Document) -> None:
        from chalicelib.api.twinit.compile import compile_definition

        compile_definition(document)

    def element(self, path: Path) -> Path | None:
        """A task, however deep; what lies in its inputs is not one."""
        end = next((index for index, part in enumerate(path) if part == "_inputParams"), len(path))
        while end and not isinstance(path[end - 1], int):
            end -= 1
        return path[:end] or None

    def neutral(self, element: Any) -> Any:
        if not isinstance(element, dict) or any(name in element for name in _INSIDE):
            return GIVE_UP
        kept = {name: element[name] for name in ("_name", "_sequenceno") if name in element}
        return {**kept, "_type": "SCRIPT_EXECUTION", "_inputParams": {}}

    def scope(self, document: Document) -> str:
        namespaces = document.get("_namespaces")
        return str(namespaces[0]) if isinstance(namespaces, list) and namespaces else ""

    def desired(self, document: Document) -> dict[str, Json]:
        return _normal({name: value for name, value in document.items() if name not in FILE_MEMBERS})

    def comparable(self, shown: Document) -> dict[str, Json]:
        return _normal(shown)

    def updated_at(self, shown: Document) -> str:
        return str(shown["_updatedAt"])

    def list(self, client: Client, scopes: tuple[str, ...]) -> list[Found]:
        found: dict[str, Found] = {}
        for scope in scopes:
            total, offset = 1, 0
            while offset < total:
                page = client.get(_PATH, {"nsfilter": scope, "_pageSize": _PAGE, "_offset": offset}).body
                for each in page["_list"]:
                    found.setdefault(each["_id"], Found(each["_id"], each["_name"], scope))
                total, offset = page["_total"], offset + _PAGE
        return [*found.values()]

    def get(self, client: Client, id_: str, scope: str) -> dict[str, Json] | None:
        try:
            shown: dict[str, Json] = client.get(f"{_PATH}/{segment(id_)}", {"nsfilter": scope}).body
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return shown

    def create(self, client: Client, desired: dict[str, Json], scope: str) -> str:
        return str(client.post(_PATH, desired, {"nsfilter": scope}).body["_id"])

    def update(self, client: Client, id_: str, desired: dict[str, Json], shown: Document, scope: str) -> None:
        """A member that is null counts as one that is not there."""
        gone = {name: None for name in self.comparable(shown) if name not in desired}
        if "_description" in gone:
            desired = {**desired, "_description": ""}
            del gone["_description"]
        client.put(f"{_PATH}/{segment(id_)}", {**desired, **gone}, {"nsfilter": scope})

    def delete(self, client: Client, id_: str, scope: str) -> None:
        client.delete(f"{_PATH}/{segment(id_)}", {"nsfilter": scope})


def _normal(document: Document) -> dict[str, Json]:
    """Without what the server adds, and without members that say nothing."""
    members: dict[str, Json] = {
        name: value
        for name, value in document.items()
        if name not in _SERVERS and value is not None and not (name == "_description" and value == "")
    }
    if "_taskDefs" in members:
        members["_taskDefs"] = _tasks(members["_taskDefs"])
    return members


def _tasks(value: Json) -> Json:
    """Tasks without their ids and with their names, which are their types unless they say otherwise."""
    if isinstance(value, dict):
        return {case: _tasks(branch) for case, branch in value.items()}
    if not isinstance(value, list):
        return value
    return [_task(each) if isinstance(each, dict) and "_type" in each else _tasks(each) for each in value]


def _task(task: dict[str, Json]) -> Json:
    members = {name: _tasks(value) if name in _INSIDE else value for name, value in task.items() if name != "_id"}
    return {"_name": task.get("_name", task["_type"]), **members}

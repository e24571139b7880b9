"""Graphs of nodes and connections, as the Exeoflow API has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chalicelib.cli.client import Client, segment
from chalicelib.cli.definitions.kinds import FILE_MEMBERS, Document, Found, Kind
from chalicelib.cli.definitions.places import Path
from chalicelib.cli.exits import ApiError
from chalicelib.domain.json import Json

_PATH = "/v1/workflows"
_ALWAYS: dict[str, Json] = {"description": "", "nodes": [], "connections": []}
_SOMETIMES = ("timeout_seconds", "concurrency", "mirror_to_pin")
_MEMBERS = ("name", *_ALWAYS, *_SOMETIMES)
_LONGEST_NAME = 255
_LONGEST_DESCRIPTION = 10_000
_REFERENCE = "@"


class Exeoflow(Kind):
    name = "exeoflow"
    has_status = True

    def fits(self, document: Document) -> bool:
        return "nodes" in document

    def title(self, document: Document) -> str:
        name = document.get("name")
        return name.strip() if isinstance(name, str) else ""

    def complaints(self, document: Document) -> Iterator[tuple[Path, str]]:
        name = document.get("name")
        if not isinstance(name, str) or not 0 < len(name.strip()) <= _LONGEST_NAME:
            yield ("name",), f"has to be a text of 1 to {_LONGEST_NAME} characters"
        description = document.get("description", "")
        if not isinstance(description, str) or len(description) > _LONGEST_DESCRIPTION:
            yield ("description",), f"has to be a text of at most {_LONGEST_DESCRIPTION} characters"
        for member in document:
            if member not in FILE_MEMBERS and member not in _MEMBERS:
                yield (member,), "there is no such member"

    def compile(self, document: Document) -> None:
        from chalicelib.api.exeoflow.compile import compile_definition

        compile_definition({name: document[name] for name in (*_ALWAYS, *_SOMETIMES) if name in document})

    def element(self, path: Path) -> Path | None:
        for end in range(len(path), 1, -1):
            if isinstance(path[end - 1], int) and path[end - 2] in {"nodes", "connections"}:
                return path[:end]
        return None

    def neutral(self, element: Any) -> Any:
        is_node = isinstance(element, dict) and "id" in element and "type" in element
        return {"id": element["id"], "type": "noop"} if is_node else None

    def references(self, document: Document) -> Iterator[tuple[Path, str]]:
        for path, named in self.named(document):
            if named.startswith(_REFERENCE):
                yield path, named.removeprefix(_REFERENCE)

    def named(self, document: Document) -> Iterator[tuple[Path, str]]:
        yield from _named(document.get("nodes"), ("nodes",))

    def desired(self, document: Document) -> dict[str, Json]:
        members = {name: document[name] for name in _SOMETIMES if document.get(name) is not None}
        always = {name: document.get(name, default) for name, default in _ALWAYS.items()}
        return {"name": self.title(document), **always, **members}

    def comparable(self, shown: Document) -> dict[str, Json]:
        return {name: shown[name] for name in _MEMBERS if shown.get(name) is not None}

    def updated_at(self, shown: Document) -> str:
        return str(shown["updated_at"])

    def list(self, client: Client, scopes: tuple[str, ...]) -> list[Found]:
        found: list[Found] = []
        page = 1
        while True:
            data = client.get(_PATH, {"page": page, "limit": 100}).data
            found += (Found(each["id"], each["name"]) for each in data["workflows"])
            page += 1
            if page > data["pagination"]["pages"]:
                return found

    def get(self, client: Client, id_: str, scope: str) -> dict[str, Json] | None:
        try:
            reply = client.get(f"{_PATH}/{segment(id_)}")
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        # A workflow of another dialect at the same address comes without the envelope.
        shown: dict[str, Json] = reply.body if isinstance(reply.body, dict) and "steps" in reply.body else reply.data
        return shown

    def create(self, client: Client, desired: dict[str, Json], scope: str) -> str:
        return str(client.post(_PATH, desired).data["id"])

    def update(self, client: Client, id_: str, desired: dict[str, Json], shown: Document, scope: str) -> None:
        gone = {name: None for name in _SOMETIMES if shown.get(name) is not None and name not in desired}
        client.put(f"{_PATH}/{segment(id_)}", {**desired, **gone})

    def delete(self, client: Client, id_: str, scope: str) -> None:
        client.delete(f"{_PATH}/{segment(id_)}")


def _named(nodes: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """By `sub_workflow` nodes, also those in bodies and branches."""
    for index, node in enumerate(nodes if isinstance(nodes, list) else ()):
        config = node.get("config") if isinstance(node, dict) else None
        if not isinstance(config, dict):
            continue
        inside = (*path, index, "config")
        named = config.get("workflow_id")
        if node.get("type") == "sub_workflow" and isinstance(named, str):
            yield (*inside, "workflow_id"), named
        for name, body in _bodies(config):
            if isinstance(body, dict):
                yield from _named(body.get("nodes"), (*inside, *name, "nodes"))


def _bodies(config: dict[str, Any]) -> Iterator[tuple[Path, Any]]:
    yield ("body",), config.get("body")
    branches = config.get("branches")
    if isinstance(branches, dict):
        yield from ((("branches", name), branch) for name, branch in branches.items())
    elif isinstance(branches, list):
        yield from ((("branches", index), branch) for index, branch in enumerate(branches))

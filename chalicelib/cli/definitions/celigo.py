"""Connections, integrations, scripts, exports, imports and flows, as the Celigo API has them: a file each, a kind each.

They name one another by id, which a file writes as another file's key: `"_connectionId": "@depot-connection"`. Secrets
come back masked; a file takes them from the environment (`variables`), and a mask in it leaves the secret as it is.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from chalicelib.cli.client import Client, segment
from chalicelib.cli.definitions.kinds import FILE_MEMBERS, Document, Found, Kind, Parted
from chalicelib.cli.definitions.places import Path, parse
from chalicelib.cli.exits import ApiError
from chalicelib.domain.flows.checks import problems_of
from chalicelib.domain.flows.defaults import OURS, completed
from chalicelib.domain.flows.flows import MASK, ResourceKind
from chalicelib.domain.flows.problems import problems_of_flow
from chalicelib.domain.flows.secrets import taken
from chalicelib.domain.json import Json
from chalicelib.domain.records.problems import Problem

CONNECTION, INTEGRATION, SCRIPT, EXPORT, IMPORT, FLOW = (
    f"celigo-{name}" for name in ("connection", "integration", "script", "export", "import", "flow")
)
TARGETS: Mapping[str, str] = {
    "_connectionId": CONNECTION,
    "_borrowConcurrencyFromConnectionId": CONNECTION,
    "_integrationId": INTEGRATION,
    "_scriptId": SCRIPT,
    "_exportId": EXPORT,
    "_importId": IMPORT,
    "_keepDeltaBehindFlowId": FLOW,
    "_keepDeltaBehindExportId": EXPORT,
    "_flowId": FLOW,
    "_runNextFlowIds": FLOW,
    "_runNextExportIds": EXPORT,
}
"""Members that name other definitions, and the kind of what they name."""
_REFERENCE = "@"
_SOME_ID = "0" * 24
_SERVERS = OURS | {"apiIdentifier", "asynchronous", "_sourceId", "_templateId", "sandbox"}
_PAGE = 1_000
_BLOCKS = ("http", "rest")


class Celigo(Kind):
    """What the kinds have in common. `collection` is their part of the address."""

    mask = MASK
    has_variables = True
    collection: ClassVar[str]

    @property
    def folder(self) -> str:
        return f"{self.collection}/"

    def title(self, document: Document) -> str:
        name = document.get("name")
        return name if isinstance(name, str) else ""

    def complaints(self, document: Document) -> Iterator[tuple[Path, str]]:
        judged = _judged(_members(document))
        for problem in self.problems(judged):
            yield parse(problem.field, judged), problem.message

    @abstractmethod
    def problems(self, document: dict[str, Json]) -> Sequence[Problem]: ...

    def compile(self, document: Document) -> None:
        """`complaints` tell everything at once."""

    def references(self, document: Document) -> Iterator[tuple[Path, str]]:
        for path, named in self.named(document):
            if named.startswith(_REFERENCE):
                yield path, named.removeprefix(_REFERENCE)

    def named(self, document: Document) -> Iterator[tuple[Path, str]]:
        yield from _named(dict(document), ())

    def may_name(self, path: Path, other: Kind) -> bool:
        return other.name == TARGETS[next(str(part) for part in reversed(path) if isinstance(part, str))]

    def desired(self, document: Document) -> dict[str, Json]:
        return self.completed({name: value for name, value in _members(document).items() if name not in _SERVERS})

    def completed(self, document: dict[str, Json]) -> dict[str, Json]:
        """With what the server adds to it."""
        return document

    def comparable(self, shown: Document) -> dict[str, Json]:
        return self.desired(shown)

    def updated_at(self, shown: Document) -> str:
        return str(shown["lastModified"])

    def list(self, client: Client, scopes: tuple[str, ...]) -> list[Found]:
        found: list[Found] = []
        while True:
            after = found[-1].id if found else None
            reply = client.get(self._path, {"include": "name", "limit": _PAGE, "after": after})
            found += (Found(each["_id"], each["name"]) for each in reply.body or ())
            if 'rel="next"' not in reply.headers.get("link", ""):
                return found

    def get(self, client: Client, id_: str, scope: str) -> dict[str, Json] | None:
        try:
            shown: dict[str, Json] = client.get(f"{self._path}/{segment(id_)}").body
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return shown

    def create(self, client: Client, desired: dict[str, Json], scope: str) -> str:
        return str(client.post(self._path, desired).body["_id"])

    def update(self, client: Client, id_: str, desired: dict[str, Json], shown: Document, scope: str) -> None:
        client.put(f"{self._path}/{segment(id_)}", desired)

    def delete(self, client: Client, id_: str, scope: str) -> None:
        client.delete(f"{self._path}/{segment(id_)}")

    @property
    def _path(self) -> str:
        return f"/v1/{self.collection}"


class _Resource(Celigo):
    is_workflow = False
    kind: ClassVar[ResourceKind]

    def problems(self, document: dict[str, Json]) -> Sequence[Problem]:
        return problems_of(self.kind, document)


class Connections(_Resource):
    name = CONNECTION
    collection = "connections"
    kind = ResourceKind.CONNECTION

    def fits(self, document: Document) -> bool:
        return any(isinstance(block := document.get(name), dict) and "baseURI" in block for name in _BLOCKS)

    def completed(self, document: dict[str, Json]) -> dict[str, Json]:
        http = document.get("http")
        if document.get("type") == "http" and isinstance(http, dict):
            document = {**document, "http": {"concurrencyLevel": 25, **http}}
        return {"offline": False, **document}

    def parted(self, desired: dict[str, Json]) -> Parted:
        return taken(desired)


class Integrations(_Resource):
    name = INTEGRATION
    collection = "integrations"
    kind = ResourceKind.INTEGRATION

    def fits(self, document: Document) -> bool:
        """Of an integration hardly more than the name is known, which every definition has."""
        return False


class Scripts(_Resource):
    name = SCRIPT
    collection = "scripts"
    kind = ResourceKind.SCRIPT

    def fits(self, document: Document) -> bool:
        return isinstance(document.get("content"), str)


class Exports(_Resource):
    name = EXPORT
    collection = "exports"
    kind = ResourceKind.EXPORT

    def fits(self, document: Document) -> bool:
        return str(document.get("adaptorType", "")).endswith("Export")

    def parted(self, desired: dict[str, Json]) -> Parted:
        if "webhook" not in desired:
            return desired, {}
        webhook, secrets = taken({"webhook": desired["webhook"]})
        return {**desired, **webhook}, secrets


class Imports(_Resource):
    name = IMPORT
    collection = "imports"
    kind = ResourceKind.IMPORT

    def fits(self, document: Document) -> bool:
        return str(document.get("adaptorType", "")).endswith("Import")


class Flows(Celigo):
    name = FLOW
    collection = "flows"

    def fits(self, document: Document) -> bool:
        is_simple = "_exportId" in document and "_importId" in document
        return is_simple or any(name in document for name in ("pageGenerators", "pageProcessors", "routers"))

    def problems(self, document: dict[str, Json]) -> Sequence[Problem]:
        return problems_of_flow(completed(document))

    def completed(self, document: dict[str, Json]) -> dict[str, Json]:
        return completed(document)


KINDS = (Connections(), Integrations(), Scripts(), Exports(), Imports(), Flows())


def _members(document: Document) -> dict[str, Json]:
    return {name: value for name, value in document.items() if name not in FILE_MEMBERS}


def _judged(document: dict[str, Json]) -> dict[str, Json]:
    """As it may be judged without a server: with an id in place of each key, and something in place of a mask that
    stands for a whole object."""
    members = {name: _with_ids(value, name) for name, value in document.items()}
    for name in _BLOCKS:
        block = members.get(name)
        if isinstance(block, dict) and block.get("encrypted") == MASK:
            members[name] = {**block, "encrypted": {}}
    return members


def _with_ids(value: Json, member: str) -> Json:
    if isinstance(value, dict):
        return {name: _with_ids(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_ids(each, member) for each in value]
    is_key = member in TARGETS and isinstance(value, str) and value.startswith(_REFERENCE)
    return _SOME_ID if is_key else value


def _named(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Ids and keys of other definitions, and where they stand."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(inner, (*path, name)) if name in TARGETS else _named(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _named(inner, (*path, index))


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """A text, or those in a list, whose objects have members of their own."""
    items = (
        [((*path, index), inner) for index, inner in enumerate(value)] if isinstance(value, list) else [(path, value)]
    )
    for at, inner in items:
        if isinstance(inner, str):
            yield at, inner
        else:
            yield from _named(inner, at)

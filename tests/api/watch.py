"""What handlers read of a call, noted while they do, and whether the API's document says the same as they.

The gateway of the tests asks after every call: whatever was read of query, headers and body has to be described for
the operation, and what was answered has to be a described status whose schema the body fits, member by member. So the
document cannot fall behind the handlers without some test of theirs failing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

import jsonschema_rs

import app as application
from chalicelib.api.common import call as calls
from chalicelib.api.common import mount
from chalicelib.api.common.call import Call
from chalicelib.api.document.build import openapi
from chalicelib.api.pipedream.params import Params
from chalicelib.api.twinit import query as twinit_query
from chalicelib.domain.json import Json

T = TypeVar("T")

# Of every call whoever makes it: what the gateway, admission and the browser's rules are about.
COMMON_HEADERS = frozenset(
    {
        "access-control-request-headers",
        "authorization",
        "x-forwarded-for",
        "content-type",
        "host",
        "x-forwarded-host",
        "x-forwarded-proto",
        "if-none-match",
        "accept-encoding",
    }
)


EVERYTHING = "*"


@dataclass(slots=True)
class Reads:
    """`body` are paths such as `metadata.title` and `nodes[].id`."""

    query: set[str] = field(default_factory=set)
    headers: set[str] = field(default_factory=set)
    body: set[str] = field(default_factory=set)


Note = Callable[[str], None]


class _Noted(dict[str, Any]):
    """A mapping that notes which names it is asked for, and whether somebody goes through all of them. Objects in it
    do the same as soon as somebody takes them out."""

    __slots__ = ("note", "path")
    note: Note
    path: str

    def __getitem__(self, name: str) -> Any:
        return self._taken(name, super().__getitem__(name))

    def get(self, name: str, default: Any = None) -> Any:
        return self._taken(name, super().get(name, default))

    def __contains__(self, name: object) -> bool:
        self._noted(str(name))
        return super().__contains__(name)

    def items(self) -> Any:
        self._noted(EVERYTHING)
        return super().items()

    def _taken(self, name: str, value: Any) -> Any:
        self._noted(name)
        if not isinstance(value, dict | list) or isinstance(value, _Noted) or not hasattr(self, "note"):
            return value
        watched = noted(value, self.note, f"{self.path}{name}")
        super().__setitem__(name, watched)
        return watched

    def _noted(self, name: str) -> None:
        # A copy that somebody made is nobody's to watch.
        if hasattr(self, "note"):
            self.note(f"{self.path}{name}")


def noted(value: Any, note: Note, path: str = "") -> Any:
    if isinstance(value, list):
        return [noted(inner, note, f"{path}[]") for inner in value]
    if not isinstance(value, dict):
        return value
    made = _Noted(value)
    made.note, made.path = note, f"{path}." if path else ""
    return made


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call with what was read of it; `target` is the path with the query, `params` are those of the path."""

    method: str
    resource: str
    params: Mapping[str, str]
    target: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    text: str
    reads: Reads


class _Watcher:
    """The reads of the call that is being answered; and the calls since somebody began to collect them."""

    def __init__(self) -> None:
        self.reads = Reads()
        self.collected: list[Exchange] | None = None


watcher = _Watcher()


def begin() -> Reads:
    """Before a call: what will be read of it."""
    watcher.reads = Reads()
    return watcher.reads


def check(exchange: Exchange, headers: Mapping[str, str]) -> None:
    """After it. An operation that is not described at all is for the tests of the document to miss."""
    if watcher.collected is not None:
        watcher.collected.append(exchange)
    method, resource = exchange.method, exchange.resource
    if is_described(method, resource):
        found = undescribed(method, resource, exchange.reads)
        found += misfits(method, resource, exchange.status, headers, exchange.text)
        assert not found, f"{method} {resource} is not as the document says: {found}"


class WatchedCall(Call):
    __slots__ = ()

    def json(self) -> Json:
        value: Json = noted(super().json(), watcher.reads.body.add)
        return value


def install() -> None:
    """Once per process: calls, and what two dialects make of their parameters, note what is read of them."""
    of_request, params_init, text = calls.of_request, Params.__init__, twinit_query.text

    def watched_request(request: Any) -> Call:
        call = of_request(request)
        values = {name: getattr(call, name) for name in Call.__dataclass_fields__}
        values["query"] = noted(call.query, watcher.reads.query.add)
        values["headers"] = noted(call.headers, watcher.reads.headers.add)
        return WatchedCall(**values)

    def watched_params(self: Params, call: Call, tail: str = "") -> None:
        params_init(self, call, tail)
        watcher.reads.body |= {"include", "exclude"}
        self._members = noted(self._members, watcher.reads.body.add)

    def watched_text(call: Call, *names: str) -> str | None:
        watcher.reads.query |= {*names}
        return text(call, *names)

    mount.of_request = watched_request  # type: ignore[attr-defined]
    Params.__init__ = watched_params  # type: ignore[method-assign]
    twinit_query.text = watched_text


install()


DOCUMENT = openapi(application.documents())


def document() -> dict[str, Any]:
    return DOCUMENT


def operation(method: str, resource: str) -> dict[str, Any]:
    found: dict[str, Any] = document()["paths"][resource.replace("+}", "}")][method.lower()]
    return found


def is_described(method: str, resource: str) -> bool:
    return method.lower() in document()["paths"].get(resource.replace("+}", "}"), {})


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in schema:
        return schema
    found: Any = document()
    for part in schema["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return resolved(found)


def variants(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The alternatives that a schema is made of."""
    schema = resolved(schema)
    several = [each for name in ("anyOf", "oneOf") for each in schema.get(name, ())]
    if not several:
        yield schema
    for each in several:
        yield from variants(each)


def describes(schema: Mapping[str, Any], path: str) -> bool:
    """Whether a schema of a body speaks of what stands at a path, or leaves it to its owner."""
    if path.startswith("[]"):
        items = (each["items"] for each in variants(schema) if "items" in each)
        return any(describes(each, path.removeprefix("[]").removeprefix(".")) for each in items)
    name, _, rest = path.partition(".")
    bare = name.removesuffix("[]")
    for variant in variants(schema):
        members = variant.get("properties")
        if members is None or (bare not in members and variant.get("additionalProperties")):
            if variant.get("type", "object") == "object":
                return True
            continue
        if bare not in members:
            continue
        inner = members[bare]
        for _ in range(name.count("[]")):
            inner = next((each["items"] for each in variants(inner) if "items" in each), {})
        if not rest or describes(inner, rest):
            return True
    return False


def undescribed(method: str, resource: str, reads: Reads) -> list[str]:
    """What was read and is not described."""
    described = operation(method, resource)
    if "*/*" in described.get("requestBody", {}).get("content", {}):
        # Whatever comes is handed on as it came, to somebody who knows what it means.
        return []
    parameters = [resolved(each) for each in described.get("parameters", ())]
    names = {
        where: {each["name"].lower() for each in parameters if each["in"] == where} for where in ("query", "header")
    }
    bodies = [content["schema"] for content in described.get("requestBody", {}).get("content", {}).values()]
    missing = [f"query {name}" for name in reads.query - {EVERYTHING} if name.lower() not in names["query"]]
    own_headers = reads.headers - COMMON_HEADERS - {EVERYTHING}
    missing += [f"header {name}" for name in own_headers if name not in names["header"]]
    for path in sorted(reads.body):
        if path.endswith(EVERYTHING):
            continue
        if not any(describes(body, path) for body in bodies) and path.lower() not in names["query"]:
            missing.append(f"body {path}")
    return sorted(missing)


def validator(schema: Mapping[str, Any], *, strict: bool = False) -> Any:
    """Of a schema with the components that it refers to and no others: a validator keeps a copy of each."""
    needed: dict[str, Any] = {}
    waiting = [schema]
    while waiting:
        for name in _references(waiting.pop()):
            if name not in needed:
                needed[name] = document()["components"]["schemas"][name]
                waiting.append(needed[name])
    whole = {**schema, "components": {"schemas": needed}}
    return jsonschema_rs.Draft202012Validator(_strict(whole) if strict else whole)


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for each in schema:
            yield from _references(each)
    elif isinstance(schema, dict):
        for name, value in schema.items():
            if name == "$ref":
                yield value.rpartition("/")[2]
            else:
                yield from _references(value)


def _strict(schema: Any) -> Any:
    """Objects have the members that are described and no others, unless the description says otherwise."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {name: _strict(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "type" in schema:
        strict.setdefault("additionalProperties", False)
    return strict


@cache
def _validator(method: str, resource: str, status: str, media_type: str) -> Any:
    described = resolved(operation(method, resource)["responses"][status])
    schema = described["content"][media_type]["schema"]
    return validator(schema, strict=True)


def misfits(method: str, resource: str, status: int, headers: Mapping[str, str], text: str) -> list[str]:
    """In what an answer is not what the document says."""
    responses = operation(method, resource)["responses"]
    key = str(status) if str(status) in responses else "default"
    if key not in responses:
        return [f"status {status} is not described: {text[:200]}"]
    content = resolved(responses[key]).get("content", {})
    if not text:
        may_be_empty = not content or "*/*" in content or method == "HEAD"
        return [] if may_be_empty else [f"status {status} has no body, and one is described"]
    media_type = headers.get("Content-Type", "").partition(";")[0]
    if media_type not in content:
        return [] if "*/*" in content else [f"{media_type} is not described for status {status}: {text[:200]}"]
    if media_type != "application/json":
        return []
    found = _validator(method, resource, key, media_type).iter_errors(json.loads(text))
    return [f"{status} {'.'.join(map(str, each.instance_path))}: {each.message[:300]}" for each in found][:3]

"""The OpenAPI 3.1 document of all doors, from what each says of its operations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from chalicelib.api.common.describe import Body, Content, DoorDocument, Operation, Parameter, Prefix, Schema
from chalicelib.api.document.schemas import Schemas
from chalicelib.api.document.sharing import Operation as Described
from chalicelib.api.document.sharing import shared
from chalicelib.api.document.texts import ABOUT, GATEWAY, HEADERS, IN_QUERY, SECURITY, STATUS_TEXTS, TOO_LONG

VERSION = "3.1.1"
_JSON = "application/json"
_VARIABLE = re.compile(r"{(\w+)(\+?)}")
_SENT_BY_CLIENTS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_REFUSED_EVERYWHERE = (413, 500)
_TYPES: Mapping[str, type] = {"string": str, "integer": int, "number": float, "boolean": bool}
"""Of members and parameters that may stand in a query."""


def openapi(doors: Iterable[DoorDocument]) -> dict[str, Any]:
    """Without `servers`, which depend on where the document is asked for."""
    made = [DoorPaths(door) for door in doors]
    refusals = {GATEWAY: TOO_LONG, **{name: reply for door in made for name, reply in door.refusals().items()}}
    paths: dict[str, dict[str, Described]] = {}
    for door in made:
        for path, method, operation in door.paths():
            verbs = paths.setdefault(path, {})
            verbs[method] = operation if method not in verbs else shared(verbs[method], operation, refusals)
    responses = _named("responses", refusals, paths)
    schemas = {name: schema for door in made for name, schema in door.components().items()}
    return {
        "openapi": VERSION,
        "info": {
            "title": "Penstock",
            "version": "1",
            "summary": "Workflow automation in your own AWS account.",
            "description": ABOUT,
        },
        "tags": [*{tag["name"]: tag for door in made for tag in door.tags()}.values()],
        "paths": paths,
        "components": {
            "schemas": _named("schemas", schemas, paths, responses, schemas),
            "responses": responses,
            "headers": HEADERS,
            "securitySchemes": SECURITY,
        },
    }


def _with_alternatives(name: str, schema: Schema) -> Iterator[tuple[str, Schema]]:
    """A schema, those that it is one of under names of their own."""
    alternatives = {f"{name}Form{n}": each for n, each in enumerate(schema.get("oneOf", ()), 1)}
    yield (
        name,
        {"oneOf": [{"$ref": f"#/components/schemas/{each}"} for each in alternatives]} if alternatives else schema,
    )
    yield from alternatives.items()


def _named(kind: str, components: Mapping[str, Any], *parts: Any) -> dict[str, Any]:
    """Those that some part refers to."""
    wanted = {reference for part in parts for reference in _references(part)}
    return {name: each for name, each in components.items() if f"#/components/{kind}/{name}" in wanted}


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        part = [*part.values()]
    if isinstance(part, list):
        for inner in part:
            yield from _references(inner)


class DoorPaths:
    def __init__(self, door: DoorDocument) -> None:
        self._door = door
        self.title = door.title
        self.schemas = Schemas(door.name, _types(door))
        self._examples = door.examples()

    def tags(self) -> list[dict[str, str]]:
        return [{"name": f"{self.title}: {name}", "description": text} for name, text in self._door.tags.items()]

    def components(self) -> dict[str, Any]:
        """Schemas by name, those of refusals too: what is named once is one class of a generated client."""
        refusals = {
            name: schema
            for status, whole in sorted(self._door.errors.items())
            for name, schema in _with_alternatives(self._refusal(status), whole)
        }
        return {**self.schemas.components, **refusals}

    def refusals(self) -> dict[str, Any]:
        return {
            f"{self._door.name}.{status}": {
                "description": STATUS_TEXTS[status],
                "headers": self._headers({"Retry-After": ""} if status == 429 else {}),
                "content": {_JSON: {"schema": {"$ref": f"#/components/schemas/{self._refusal(status)}"}}},
            }
            for status in sorted(self._door.errors)
        }

    def _refusal(self, status: int) -> str:
        return f"{self._door.name}.Refusal{status}"

    def paths(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for prefix in self._door.prefixes:
            for key, operation in self._door.operations.items():
                method, _, path = key.partition(" ")
                full = f"{prefix.path}{path}".rstrip("/")
                yield _VARIABLE.sub(r"{\1}", full), method.lower(), self._operation(prefix, method, full, operation)

    def _operation(self, prefix: Prefix, method: str, path: str, operation: Operation) -> dict[str, Any]:
        described: dict[str, Any] = {
            "operationId": f"{self._door.name.lower()}_{operation.id}{prefix.suffix}",
            "summary": f"{operation.summary} ({prefix.path})" if prefix.suffix else operation.summary,
            "tags": [f"{self.title}: {operation.tag}"],
        }
        texts = [operation.about, prefix.about]
        if any(texts):
            described["description"] = "\n\n".join(filter(None, texts))
        if operation.deprecated:
            described["deprecated"] = True
        # Said once: under a second prefix the same examples would double the document.
        example = {} if prefix.suffix else self._examples.get(operation.id, {})
        parameters = [*self._parameters(path, operation, example)]
        if parameters:
            described["parameters"] = parameters
        if operation.body is not None:
            described["requestBody"] = self._body(operation.body, example)
        described["responses"] = self._responses(method, path, operation, example)
        security = self._door.security if operation.security is None else operation.security
        described["security"] = [{name: []} if name else {} for name in security]
        return described

    def _parameters(self, path: str, operation: Operation, example: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        for name, greedy in _VARIABLE.findall(path):
            text = self._door.path_parameters[name] + (" It may have slashes." if greedy else "")
            made = {"name": name, "in": "path", "required": True, "description": text, "schema": {"type": "string"}}
            value = example.get("path", {}).get(name)
            yield made if value is None else {**made, "example": value}
        for parameter in (*operation.parameters, *self._in_query(operation)):
            value = example.get(parameter.where, {}).get(parameter.name)
            made = self._parameter(parameter)
            yield made if value is None else {**made, "example": _typed(value, made["schema"])}

    def _in_query(self, operation: Operation) -> Iterator[Parameter]:
        """The plain members of a body whose members may stand in the query as well."""
        if operation.body is None or not operation.body.in_query:
            return
        schema = self.schemas.resolved(self.schemas.of(operation.body.type))
        for name, member in schema["properties"].items():
            variants = [each for each in member.get("anyOf", [member]) if each.get("type") != "null"]
            if len(variants) == 1 and variants[0].get("type") in _TYPES:
                text = member.get("description") or variants[0].get("description", "")
                plain = {
                    key: value
                    for key, value in {**member, **variants[0]}.items()
                    if key not in ("anyOf", "description")
                }
                yield Parameter(name, text, plain)

    def _parameter(self, parameter: Parameter) -> dict[str, Any]:
        schema = self.schemas.of(parameter.type)
        if parameter.default is not None:
            schema = {**schema, "default": parameter.default}
        made = {"name": parameter.name, "in": parameter.where, "description": parameter.about, "schema": schema}
        return {**made, "required": True} if parameter.required else made

    def _body(self, body: Body, example: Mapping[str, Any]) -> dict[str, Any]:
        schema = self.schemas.of(body.type)
        content: dict[str, Any] = {media_type: {"schema": schema} for media_type in body.media_types}
        if "body" in example:
            content[_JSON] = {**content[_JSON], "example": example["body"]}
        made = {"required": body.required, "content": content}
        return {"description": IN_QUERY, **made} if body.in_query else made

    def _responses(self, method: str, path: str, operation: Operation, example: Mapping[str, Any]) -> dict[str, Any]:
        replies = {str(status): self._reply(status, content, example) for status, content in operation.replies.items()}
        refused = self._refused(method, path, operation) - {*operation.replies}
        references: dict[str, Any] = {
            str(status): {"$ref": f"#/components/responses/{self._door.name}.{status}"} for status in sorted(refused)
        }
        # The gateway's own answer, before any code of ours runs, and so in no door's envelope.
        references["431"] = {"$ref": f"#/components/responses/{GATEWAY}"}
        return dict(sorted({**replies, **references}.items()))

    def _refused(self, method: str, path: str, operation: Operation) -> set[int]:
        security = self._door.security if operation.security is None else operation.security
        refused = {*_REFUSED_EVERYWHERE, *operation.refuses}
        if security and "" not in security:
            refused |= {401, 403}
        if self._door.limited:
            refused.add(429)
        if "{" in path:
            refused.add(404)
        if operation.parameters or operation.body is not None:
            refused.add(400)
        if method in _SENT_BY_CLIENTS:
            refused.add(self._door.conflict)
        return refused & set(self._door.errors)

    def _reply(self, status: int | str, content: Content, example: Mapping[str, Any]) -> dict[str, Any]:
        reply: dict[str, Any] = {
            "description": content.about or STATUS_TEXTS[int(status)],
            "headers": self._headers(content.headers),
        }
        if content.type != {} or content.media_type != _JSON:
            schema = self.schemas.of(content.type)
            whole = (content.wrap or self._door.envelope)(schema)
            media: dict[str, Any] = {"schema": whole}
            if example.get("status") == status and "reply" in example:
                media["example"] = example["reply"]
            reply["content"] = {content.media_type: media}
        return reply

    def _headers(self, own: Mapping[str, str]) -> dict[str, Any]:
        names = ["X-Request-Id", *(name for name in HEADERS if name.startswith("X-RateLimit") and self._door.limited)]
        references = {name: {"$ref": f"#/components/headers/{name}"} for name in [*names, *own] if name in HEADERS}
        others = {
            name: {"description": text, "schema": {"type": "string"}}
            for name, text in own.items()
            if name not in HEADERS
        }
        return references | others


def _typed(value: str, schema: Mapping[str, Any]) -> Any:
    """What stood in an address, as the value that its schema speaks of."""
    return msgspec.convert(value, _TYPES.get(schema.get("type", ""), str), strict=False)


def _types(door: DoorDocument) -> Iterator[Any]:
    yield from door.also
    for operation in door.operations.values():
        yield from (parameter.type for parameter in operation.parameters)
        yield from (content.type for content in operation.replies.values())
        if operation.body is not None:
            yield operation.body.type

"""JSON Schemas of the types that a door's description names: components under the door's name, in its types' order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_type_hints, is_typeddict

import msgspec

from chalicelib.api.common.describe import OPEN, Schema, Type


class Schemas:
    def __init__(self, door: str, types: Iterable[Type]) -> None:
        """Raises TypeError for a type that has no JSON Schema."""
        described = {_key(each): each for each in types if not isinstance(each, dict)}
        template = f"#/components/schemas/{door}.{{name}}"
        schemas, components = msgspec.json.schema_components(described.values(), ref_template=template)
        self._of = dict(zip(described, map(_plain, schemas), strict=True))
        objects = _objects(described.values())
        self.components: dict[str, Schema] = {
            f"{door}.{name}": _tidy(_plain(schema), objects.get(name)) for name, schema in sorted(components.items())
        }

    def of(self, type_: Type) -> Schema:
        return type_ if isinstance(type_, dict) else self._of[_key(type_)]

    def resolved(self, schema: Schema) -> Schema:
        """The component that a schema refers to, or itself."""
        reference = schema.get("$ref")
        return schema if reference is None else self.components[reference.rpartition("/")[2]]


def _key(type_: Type) -> str:
    """Types are told apart by what they say: not all that describe one can be hashed."""
    return f"{type_.__module__}.{type_.__qualname__}" if isinstance(type_, type) else repr(type_)


def _objects(types: Iterable[Type]) -> dict[str, Any]:
    """The types of objects among those that are mentioned, by name."""
    found: dict[str, Any] = {}
    waiting = [*types]
    while waiting:
        type_ = waiting.pop()
        waiting += getattr(type_, "__args__", ())
        if is_typeddict(type_) and type_.__name__ not in found:
            found[type_.__name__] = type_
            waiting += get_type_hints(type_).values()
    return found


def _plain(schema: Any) -> Any:
    """As generators of clients can read it: with the type of every choice and the items of every list, and no
    `items: false` behind those of a tuple, of which `maxItems` says as much."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: _plain(value) for name, value in schema.items()}
    if plain.get("items") is False and plain.get("maxItems") == len(plain.get("prefixItems", ())):
        del plain["items"]
    if plain.get("type") == "array" and "prefixItems" not in plain:
        plain.setdefault("items", {})
    if "type" not in plain and "enum" in plain and all(isinstance(each, str) for each in plain["enum"]):
        plain["type"] = "string"
    return plain


def _tidy(schema: Schema, type_: Any) -> Schema:
    """Without the title, which repeats the name; with an object's members in the order of their declaration."""
    tidy: dict[str, Any] = {name: value for name, value in schema.items() if name != "title"}
    if type_ is None:
        return tidy
    # msgspec sorts members; readers expect the id first, as the API answers it.
    order = [*get_type_hints(type_)]
    tidy["properties"] = {name: tidy["properties"][name] for name in order}
    needed = tidy.pop("required", ())
    if needed:
        tidy["required"] = [name for name in order if name in needed]
    return {**tidy, "additionalProperties": True} if type_ in OPEN else tidy

"""What the document claims of an operation: the names of all that it takes, as paths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.api.watch import document, resolved, variants

Claims = tuple[str, str, dict[str, Any]]
SUFFIX = "_on_premises"


def operations() -> Iterator[Claims]:
    """Method, resource and description of each; a second address of all operations of a door counts once."""
    for path, verbs in document()["paths"].items():
        for method, described in verbs.items():
            if not described["operationId"].endswith(SUFFIX):
                yield method.upper(), path, described


def parameters(described: Mapping[str, Any], where: str) -> set[str]:
    return {each["name"] for each in map(resolved, described.get("parameters", ())) if each["in"] == where}


def members(described: Mapping[str, Any]) -> dict[str, str]:
    """Of the body, with those of the objects in it. What is said of an object that several bodies have is one claim:
    its name stands behind the path, and is the path itself for a member of the body."""
    contents = described.get("requestBody", {}).get("content", {})
    return {path: claim for content in contents.values() for path, claim in _paths(content["schema"], "", ())}


def _paths(schema: Mapping[str, Any], prefix: str, around: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for variant in variants(schema):
        if "items" in variant:
            yield from _paths(variant["items"], f"{prefix}[]", around)
        for name, member in variant.get("properties", {}).items():
            path = f"{prefix}.{name}" if prefix else name
            yield path, f"{around[-1]} {name}" if around else path
            for inner in _objects(member):
                if inner not in around:
                    yield from _paths(member, path, (*around, inner))


def _objects(schema: Mapping[str, Any]) -> Iterator[str]:
    """Names of the schemas that a member's own refers to."""
    if "$ref" in schema:
        yield schema["$ref"]
    for inner in (*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())):
        yield from _objects(inner)

"""What a flow's document says where its author did not: the members that every stored flow has."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.domain.json import Json

OURS = frozenset({"_id", "createdAt", "lastModified", "lastExecutedAt"})
"""Members that callers cannot set; what they send of them is ignored."""


def completed(given: Mapping[str, Json]) -> dict[str, Json]:
    """The document to be stored. A simple flow, of one export and one import, is not given lists."""
    document: dict[str, Json] = {name: value for name, value in given.items() if name not in OURS}
    document.setdefault("disabled", False)
    document.setdefault("skipRetries", False)
    for name in ("pageGenerators", "pageProcessors", "routers"):
        members = document.get(name)
        if isinstance(members, list):
            document[name] = [_member(name, member) for member in members]
    if not is_simple(document):
        document.setdefault("autoResolveMatchingTraceKeys", True)
    return document


def is_simple(document: Mapping[str, Json]) -> bool:
    return not any(document.get(name) for name in ("pageGenerators", "pageProcessors", "routers")) and any(
        document.get(name) for name in ("_exportId", "_importId")
    )


def _member(name: str, member: Json) -> Json:
    if not isinstance(member, dict):
        return member
    match name:
        case "pageGenerators":
            return {**member, "skipRetries": member.get("skipRetries", False)}
        case "pageProcessors":
            return {"responseMapping": _mapping(member.get("responseMapping"))} | {
                name: value for name, value in member.items() if name != "responseMapping"
            }
        case _:
            branches = member.get("branches")
            if not isinstance(branches, list):
                return member
            return {**member, "branches": [_branch(branch) for branch in branches]}


def _branch(branch: Json) -> Json:
    if not isinstance(branch, dict):
        return branch
    processors = branch.get("pageProcessors")
    if not isinstance(processors, list):
        return branch
    return {**branch, "pageProcessors": [_member("pageProcessors", each) for each in processors]}


def _mapping(given: Json) -> Json:
    if given is None:
        return {"fields": [], "lists": []}
    return {"fields": [], "lists": [], **given} if isinstance(given, dict) else given

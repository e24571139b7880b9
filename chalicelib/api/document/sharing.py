"""Operations of two dialects at one address, as one: either's body is taken, and either's reply may come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Operation = dict[str, Any]
"""An operation as OpenAPI has it."""


def shared(host: Operation, guest: Operation, refusals: Mapping[str, Any]) -> Operation:
    """One operation for two dialects, under the first one's id."""
    merged = {
        **host,
        "summary": "; or: ".join(dict.fromkeys((host["summary"], guest["summary"]))),
        "description": "\n\n".join(map(_told_apart, (host, guest))),
        "tags": [*host["tags"], *guest["tags"]],
        "responses": _either_replies(host["responses"], guest["responses"], refusals),
        "x-operation-ids": [host["operationId"], guest["operationId"]],
    }
    found = {(each["in"], each["name"]): each for each in (*guest.get("parameters", ()), *host.get("parameters", ()))}
    if found:
        merged["parameters"] = [*found.values()]
    bodies = [each["requestBody"] for each in (host, guest) if "requestBody" in each]
    if bodies:
        merged["requestBody"] = {
            **{name: text for body in bodies for name, text in body.items() if name == "description"},
            # One of the dialects may send none, and a document cannot say which of them a call is of.
            "required": False,
            "content": _either_content([body["content"] for body in bodies], "anyOf"),
        }
    return merged


def _told_apart(operation: Operation) -> str:
    return f"**{operation['tags'][0]}.** {operation['summary']}. {operation.get('description', '')}".strip()


def _either_replies(host: Operation, guest: Operation, refusals: Mapping[str, Any]) -> dict[str, Any]:
    merged = {}
    for status in sorted({*host, *guest}):
        said = _distinct([each[status] for each in (host, guest) if status in each])
        merged[status] = said[0] if len(said) == 1 else _either_reply([_resolved(each, refusals) for each in said])
    return merged


def _either_reply(replies: list[Mapping[str, Any]]) -> dict[str, Any]:
    made = {**replies[-1], **replies[0]}
    contents = [each["content"] for each in replies if "content" in each]
    if contents:
        made["content"] = _either_content(contents, "oneOf")
    return made


def _resolved(response: Mapping[str, Any], refusals: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = refusals[response["$ref"].rpartition("/")[2]] if "$ref" in response else response
    return found


def _either_content(contents: list[Mapping[str, Any]], how: str) -> dict[str, Any]:
    """By media type, the schemas that are for it; an example for each dialect that has one. A body may fit both, where
    the address tells the dialects apart."""
    merged: dict[str, Any] = {}
    for name in dict.fromkeys(name for content in contents for name in content):
        media = [content[name] for content in contents if name in content]
        schemas = _distinct([each["schema"] for each in media])
        made: dict[str, Any] = {"schema": schemas[0] if len(schemas) == 1 else {how: schemas}}
        examples = [each["example"] for each in media if "example" in each]
        if examples:
            made["examples"] = {f"dialect_{n}": {"value": value} for n, value in enumerate(examples, 1)}
        merged[name] = made
    return merged


def _distinct(schemas: list[Any]) -> list[Any]:
    """Nothing is one of two that are the same: a reply would fit both, or neither."""
    return [each for n, each in enumerate(schemas) if each not in schemas[:n]]

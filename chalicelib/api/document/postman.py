"""The document as a collection for Postman (format 2.1): a folder per tag, a request per operation, with examples."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_VARIABLE = re.compile(r"{(\w+)}")
_JSON = "application/json"
_TOKENS: Mapping[str, str] = {"bearer": "{{key}}", "apiKey": "{{key}}", "hookToken": "{{hookToken}}"}


def collection(document: Mapping[str, Any]) -> dict[str, Any]:
    """`baseUrl` and `key` are variables of the collection; parameters that are optional are there, and switched off."""
    servers = document.get("servers") or [{"url": "http://localhost:8000"}]
    return {
        "info": {
            "name": document["info"]["title"],
            "description": document["info"]["description"],
            "schema": SCHEMA,
        },
        "variable": [
            {"key": "baseUrl", "value": servers[0]["url"]},
            {"key": "key", "value": ""},
            {"key": "hookToken", "value": ""},
        ],
        "auth": _bearer("{{key}}"),
        "item": [folder for tag in document["tags"] if (folder := _folder(document, tag))["item"]],
    }


def _folder(document: Mapping[str, Any], tag: Mapping[str, str]) -> dict[str, Any]:
    items = [
        _item(document, path, method, operation)
        for path, verbs in document["paths"].items()
        for method, operation in verbs.items()
        if operation["tags"][0] == tag["name"]
    ]
    return {"name": tag["name"], "description": tag["description"], "item": items}


def _item(document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = {
        "method": method.upper(),
        "description": operation.get("description", ""),
        "url": _url(path, operation),
        "header": [*_headers(operation)],
        "auth": _auth(operation),
    }
    body = _body(operation)
    if body is not None:
        request["body"] = body
    replies = [_reply(status, reply, request) for status, reply in operation["responses"].items()]
    return {"name": operation["summary"], "request": request, "response": [each for each in replies if each]}


def _url(path: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    shown = _VARIABLE.sub(r":\1", path)
    parameters = operation.get("parameters", [])
    variables = [_value(each) for each in parameters if each["in"] == "path"]
    query = [
        {**_value(each), "disabled": not each.get("required", False)} for each in parameters if each["in"] == "query"
    ]
    asked = "&".join(f"{each['key']}={each['value']}" for each in query if not each["disabled"])
    return {
        "raw": f"{{{{baseUrl}}}}{shown}" + (f"?{asked}" if asked else ""),
        "host": ["{{baseUrl}}"],
        "path": urlsplit(shown).path.strip("/").split("/"),
        "query": query,
        "variable": variables,
    }


def _value(parameter: Mapping[str, Any]) -> dict[str, Any]:
    value = parameter.get("example", parameter["schema"].get("default", ""))
    text = value if isinstance(value, str) else json.dumps(value)
    return {"key": parameter["name"], "value": text, "description": parameter["description"]}


def _headers(operation: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if _body(operation) is not None:
        yield {"key": "Content-Type", "value": _JSON}
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "header":
            yield {**_value(parameter), "disabled": not parameter.get("required", False)}


def _auth(operation: Mapping[str, Any]) -> dict[str, Any]:
    """By the way that is named first."""
    token = next((_TOKENS[name] for needed in operation["security"][:1] for name in needed if name in _TOKENS), None)
    return {"type": "noauth"} if token is None else _bearer(token)


def _bearer(token: str) -> dict[str, Any]:
    return {"type": "bearer", "bearer": [{"key": "token", "value": token, "type": "string"}]}


def _body(operation: Mapping[str, Any]) -> dict[str, Any] | None:
    content = operation.get("requestBody", {}).get("content", {})
    if not content:
        return None
    value = _example(content.get(_JSON, {}))
    raw = "" if value is None else json.dumps(value, indent=2, ensure_ascii=False)
    return {"mode": "raw", "raw": raw, "options": {"raw": {"language": "json"}}}


def _example(media: Mapping[str, Any]) -> Any:
    several = [each["value"] for each in media.get("examples", {}).values()]
    return media.get("example", several[0] if several else None)


def _reply(status: str, reply: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any] | None:
    """None for a reply of which there is no example."""
    value = _example(reply.get("content", {}).get(_JSON, {}))
    if value is None:
        return None
    return {
        "name": reply["description"],
        "originalRequest": request,
        "code": int(status),
        "status": reply["description"],
        "header": [{"key": "Content-Type", "value": _JSON}],
        "body": json.dumps(value, indent=2, ensure_ascii=False),
        "_postman_previewlanguage": "json",
    }

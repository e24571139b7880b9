"""A stand-in for API Gateway: finds the route, builds the event that Lambda gets, and calls the app with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chalice.app import Chalice

from chalicelib.api.common import fallback
from chalicelib.api.common.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def data(self) -> Any:
        return self.json["data"]


def send(
    app: Chalice,
    pipeline: Pipeline,
    method: str,
    target: str,
    *,
    headers: Mapping[str, str],
    body: bytes,
    stage: str = "",
) -> Answer:
    url = urlsplit(target)
    pattern = _pattern(app, method, url.path)
    if pattern is None:
        refused = fallback.answer(pipeline, app.routes, method, url.path, headers)
        return Answer(refused.status, refused.headers, refused.body)
    query = parse_qs(url.query, keep_blank_values=True)
    event = {
        "requestContext": {
            "httpMethod": method,
            "resourcePath": pattern,
            "path": f"{stage}{url.path}",
            "requestId": "request-1",
        },
        "headers": dict(headers),
        "pathParameters": _parameters(pattern, url.path),
        "multiValueQueryStringParameters": query or None,
        "stageVariables": {},
        "body": body,
        "isBase64Encoded": False,
    }
    response = app(event, None)
    return Answer(response["statusCode"], response["headers"], response["body"])


def _pattern(app: Chalice, method: str, path: str) -> str | None:
    wanted = path.split("/")
    fitting = [
        pattern
        for pattern, verbs in app.routes.items()
        if method in verbs
        and len(pattern.split("/")) == len(wanted)
        and all(p == w or (p.startswith("{") and w) for p, w in zip(pattern.split("/"), wanted, strict=True))
    ]
    return min(fitting, key=lambda pattern: pattern.count("{"), default=None)


def _parameters(pattern: str, path: str) -> dict[str, str] | None:
    pairs = zip(pattern.split("/"), path.split("/"), strict=True)
    return {part[1:-1]: given for part, given in pairs if part.startswith("{")} or None

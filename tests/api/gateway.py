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
from chalicelib.local.routes import RouteTable
from tests.api import watch


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
    match = RouteTable(app.routes).match(url.path)
    if match is None or method not in app.routes[match.resource]:
        refused = fallback.answer(pipeline, app.routes, method, url.path, headers)
        return Answer(refused.status, refused.headers, refused.body)
    path = url.path.removesuffix("/")
    query = parse_qs(url.query, keep_blank_values=True)
    event = {
        "requestContext": {
            "httpMethod": method,
            "resourcePath": match.resource,
            "path": f"{stage}{path}",
            "requestId": "request-1",
        },
        "headers": dict(headers),
        "pathParameters": dict(match.params) or None,
        "multiValueQueryStringParameters": query or None,
        "stageVariables": {},
        "body": body,
        "isBase64Encoded": False,
    }
    reads = watch.begin()
    response = app(event, None)
    answer = Answer(response["statusCode"], response["headers"], response["body"])
    watch.check(
        watch.Exchange(method, match.resource, match.params, target, headers, body, answer.status, answer.text, reads),
        answer.headers,
    )
    return answer

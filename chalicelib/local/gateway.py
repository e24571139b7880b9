"""What API Gateway does between a client and the API function: routing, the proxy event, the answer.

The event is that of a REST API with Lambda proxy integration. One difference: a deployed gateway hands over
every body Base64-encoded; here only those arrive so that are not UTF-8.
"""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from chalicelib.local.http_server import json_response
from chalicelib.local.http_wire import Request, Response
from chalicelib.local.routes import RouteTable

Fallback = Callable[[str, str, Mapping[str, str]], tuple[int, Mapping[str, str], str | bytes]]

TIMEOUT_SECONDS = 29
STAGE = "api"
_MAX_ANSWER_BYTES = 6 * 1024 * 1024
_log = logging.getLogger(__name__)


class LocalContext:
    """The Lambda context, as far as a handler can rely on it."""

    memory_limit_in_mb = 1024
    function_version = "$LATEST"

    def __init__(self, function_name: str, timeout_seconds: float) -> None:
        self.function_name = function_name
        self.aws_request_id = str(uuid.uuid4())
        self.invoked_function_arn = f"arn:aws:lambda:us-east-1:123456789012:function:{function_name}"
        self.log_group_name = f"/aws/lambda/{function_name}"
        self.log_stream_name = "local"
        self._deadline = time.monotonic() + timeout_seconds

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def missing_authentication_token(
    _method: str, _path: str, _headers: Mapping[str, str]
) -> tuple[int, Mapping[str, str], str]:
    """What an API Gateway without gateway responses of its own says to what it does not know."""
    body = '{"message":"Missing Authentication Token"}'
    return 403, {"Content-Type": "application/json"}, body


def isolate_requests(app: Any) -> None:
    """Give each thread its own `current_request` and `lambda_context`; Lambda runs one at a time."""
    if getattr(type(app), "_isolates_requests", False):
        return
    current = threading.local()

    def per_thread(name: str) -> property:
        return property(lambda _app: getattr(current, name, None), lambda _app, value: setattr(current, name, value))

    # Properties of a class of its own, since Chalice assigns both to the application itself on each call.
    members = {"_isolates_requests": True, **{n: per_thread(n) for n in ("current_request", "lambda_context")}}
    app.__class__ = type("LocalChalice", (type(app),), members)


class Gateway:
    """Answers HTTP requests with a Chalice application. Safe for any number of threads."""

    def __init__(
        self,
        app: Any,
        fallback: Fallback = missing_authentication_token,
        around: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        isolate_requests(app)
        self._around = around
        self._app = app
        self._fallback = fallback
        self._routes = RouteTable(app.routes)
        self._preflights = dict(_preflights(app.routes))

    def __call__(self, request: Request) -> Response:
        match = self._routes.match(request.path)
        methods = {} if match is None else self._app.routes[match.resource]
        if match is not None and request.method in methods:
            event = proxy_event(request, match.resource, match.params)
            return self._invoke(event, LocalContext("api", TIMEOUT_SECONDS))
        if match is not None and request.method == "OPTIONS" and match.resource in self._preflights:
            return Response(200, self._preflights[match.resource])
        status, headers, body = self._fallback(request.method, request.path, dict(request.headers))
        return Response(status, list(headers.items()), body.encode() if isinstance(body, str) else body)

    def _invoke(self, event: dict[str, Any], context: LocalContext) -> Response:
        extra = {"action": "invoke", "resource": event["resource"]}
        try:
            with self._around():
                response = _response(self._app(event, context))
        except Exception:  # noqa: BLE001 - whatever a function raises, its gateway answers 502
            _log.exception("the API function failed", extra=extra)
            return json_response(502, {"message": "Internal server error"})
        if len(response.body) > _MAX_ANSWER_BYTES:
            _log.error("the API function answered more than Lambda's 6 MB", extra=extra)
            return json_response(502, {"message": "Internal server error"})
        response.headers.append(("x-amzn-RequestId", event["requestContext"]["requestId"]))
        return response


def _preflights(
    routes: Mapping[str, Mapping[str, Any]],
) -> Iterable[tuple[str, list[tuple[str, str]]]]:
    """The CORS answers that Chalice has API Gateway give by itself."""
    for resource, entries in routes.items():
        methods = [method for method, entry in entries.items() if entry.cors]
        if methods and "OPTIONS" not in entries:
            headers = dict(entries[methods[0]].cors.get_access_control_headers())
            headers["Access-Control-Allow-Methods"] = ",".join([*methods, "OPTIONS"])
            yield resource, list(headers.items())


def proxy_event(request: Request, resource: str, params: Mapping[str, str]) -> dict[str, Any]:
    headers: dict[str, list[str]] = {}
    for name, value in request.headers:
        headers.setdefault(name, []).append(value)
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(request.query, keep_blank_values=True):
        query.setdefault(name, []).append(value)
    body, is_base64 = _event_body(request.body)
    # The gateway ignores one slash at the end, here as in its routes.
    path = request.path[:-1] if request.path.endswith("/") and request.path != "/" else request.path
    return {
        "resource": resource,
        "path": path,
        "httpMethod": request.method,
        "headers": {name: values[-1] for name, values in headers.items()},  # the last of several, as the gateway does
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": dict(params) or None,
        "stageVariables": None,
        "requestContext": _request_context(request, resource, path),
        "body": body,
        "isBase64Encoded": is_base64,
    }


def _request_context(request: Request, resource: str, path: str) -> dict[str, Any]:
    now = time.time()
    return {
        "accountId": "123456789012",
        "apiId": "local",
        "domainName": request.header("host", "localhost"),
        "httpMethod": request.method,
        "identity": {"sourceIp": request.peer, "userAgent": request.header("user-agent") or None},
        "path": path,  # no stage in front: here the API stands at the root
        "protocol": request.version,
        "requestId": str(uuid.uuid4()),
        "requestTime": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "requestTimeEpoch": int(now * 1000),
        "resourceId": "local",
        "resourcePath": resource,
        "stage": STAGE,
    }


def _event_body(body: bytes) -> tuple[str | None, bool]:
    if not body:
        return None, False
    try:
        return body.decode("utf-8"), False
    except UnicodeDecodeError:
        return base64.b64encode(body).decode("ascii"), True


def _response(answer: Any) -> Response:
    """Raises for anything that API Gateway would call a malformed Lambda proxy response."""
    # Lambda sends the answer as JSON: what cannot be written as such fails there.
    json.dumps(answer)
    headers = {name: str(value) for name, value in (answer.get("headers") or {}).items()}
    pairs = [(name, str(value)) for name, values in (answer.get("multiValueHeaders") or {}).items() for value in values]
    repeated = {name.lower() for name, _ in pairs}
    # A header in both counts once, by its list.
    pairs += [(name, value) for name, value in headers.items() if name.lower() not in repeated]
    if "content-type" not in {name.lower() for name, _ in pairs}:
        pairs.append(("Content-Type", "application/json"))
    body = answer.get("body") or ""
    if not isinstance(body, str):
        raise TypeError("the body of a Lambda proxy response must be a string")
    encoded = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
    return Response(int(answer["statusCode"]), pairs, encoded)

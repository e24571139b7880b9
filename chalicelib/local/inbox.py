"""`/_local/…`: an inbox that takes any request and shows it, and a stub that answers at once.

For trying out webhooks without a receiver. Served beside the API on loopback only; never deployed.

    any      /_local/inbox/{name}[/anything]   recorded; ?status=500&delay=0.2 for this one answer
    GET      /_local/inboxes                   the names and how much they received
    GET      /_local/inboxes/{name}            newest first; ?limit=, ?wait_for=3&timeout=5
    DELETE   /_local/inboxes/{name}            forget the requests and the reply
    PUT      /_local/inboxes/{name}/reply      {"status", "headers", "body", "delay_seconds", "times"}
    any      /_local/stub?json={"a":1}         answers that JSON, or {"ok":true}; ?status=, ?delay=
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, unquote

from chalicelib.local import inbox_pages
from chalicelib.local.http_server import json_response
from chalicelib.local.http_wire import Request, Response
from chalicelib.local.inbox_store import MAX_REQUESTS, InboxStore, Reply

PREFIX = "/_local/"
MAX_DELAY_SECONDS = 60.0
_MAX_WAIT_SECONDS = 30.0
_MAX_NAME_LENGTH = 200
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class BadInputError(ValueError):
    """Something in a request to the inbox's management, or in its query, is not usable."""


class Inbox:
    """Answers every request whose path begins with PREFIX."""

    def __init__(self, store: InboxStore | None = None) -> None:
        self.store = store or InboxStore()

    def __call__(self, request: Request) -> Response:
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        segments = request.path.removeprefix(PREFIX).split("/")
        area, name = segments[0], unquote(segments[1]) if len(segments) > 1 else ""
        try:
            if len(name) > _MAX_NAME_LENGTH:
                raise BadInputError(f"a name has at most {_MAX_NAME_LENGTH} characters")
            if area == "inbox" and name:
                return self._receive(name, request, query)
            if area == "stub" and not name:
                return _stub(query)
            if area == "inboxes":
                return self._manage(name, segments[2:], request, query)
        except BadInputError as error:
            return json_response(400, {"message": str(error)})
        return json_response(404, {"message": "There is nothing here; see /_local/inboxes"})

    def _receive(self, name: str, request: Request, query: Mapping[str, str]) -> Response:
        override = _override(query)
        count, reply = self.store.record(name, request)
        reply = replace(reply, **override)
        _delay(reply.delay_seconds)
        if reply.body is None:
            answer = {"received": True, "name": name, "count": count}
            return json_response(reply.status, answer, list(reply.headers.items()))
        headers = {"Content-Type": "text/plain; charset=utf-8"} | reply.headers
        return Response(reply.status, list(headers.items()), reply.body.encode())

    def _manage(self, name: str, rest: list[str], request: Request, query: Mapping[str, str]) -> Response:
        action = (request.method, "/".join(rest))
        if request.method in ("GET", "HEAD") and not name:
            return self._list(request)
        if action in (("GET", ""), ("HEAD", "")):
            return self._show(name, request, query)
        if name and action == ("DELETE", ""):
            self.store.clear(name)
            return Response(204)
        if name and action == ("PUT", "reply"):
            self.store.set_reply(name, _parse_reply(request.body))
            return Response(204)
        return json_response(405, {"message": "This is not something that can be done with an inbox"})

    def _list(self, request: Request) -> Response:
        names = self.store.names()
        if _prefers_html(request.header("accept")):
            return _html(inbox_pages.index_page(names))
        return json_response(200, {"inboxes": [{"name": name, "count": count} for name, count in names]})

    def _show(self, name: str, request: Request, query: Mapping[str, str]) -> Response:
        limit = int(_number(query.get("limit", str(MAX_REQUESTS)), 0, MAX_REQUESTS, "limit"))
        if "wait_for" in query:
            timeout = _number(query.get("timeout", "5"), 0, _MAX_WAIT_SECONDS, "timeout")
            self.store.wait_for(name, int(_number(query["wait_for"], 0, 1e9, "wait_for")), timeout)
        requests = self.store.requests(name, limit)
        if _prefers_html(request.header("accept")):
            return _html(inbox_pages.inbox_page(name, requests))
        return json_response(200, {"name": name, "requests": requests})


def _stub(query: Mapping[str, str]) -> Response:
    text = query.get("json", '{"ok":true}')
    try:
        json.loads(text)
    # Deeply nested text is no ValueError.
    except (ValueError, RecursionError):
        raise BadInputError("json must be valid JSON") from None
    override = _override(query)
    _delay(override.get("delay_seconds", 0.0))
    return Response(override.get("status", 200), [("Content-Type", "application/json")], text.encode())


def _override(query: Mapping[str, str]) -> dict[str, Any]:
    override: dict[str, Any] = {}
    if "status" in query:
        override["status"] = int(_number(query["status"], 200, 599, "status"))
    if "delay" in query:
        override["delay_seconds"] = _number(query["delay"], 0, MAX_DELAY_SECONDS, "delay")
    return override


def _parse_reply(body: bytes) -> Reply:
    try:
        given = json.loads(body)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise BadInputError("the body must be a JSON object")
    if unknown := set(given) - {"status", "headers", "body", "delay_seconds", "times"}:
        raise BadInputError(f"unknown member: {min(unknown)}")
    text = given.get("body")
    times = given.get("times")
    return Reply(
        status=int(_number(given.get("status", 200), 200, 599, "status")),
        headers=_headers(given.get("headers", {})),
        body=text if text is None or isinstance(text, str) else json.dumps(text),
        delay_seconds=_number(given.get("delay_seconds", 0), 0, MAX_DELAY_SECONDS, "delay_seconds"),
        times=None if times is None else int(_number(times, 1, 1e9, "times")),
    )


def _headers(given: object) -> dict[str, str]:
    if not isinstance(given, dict) or not all(
        isinstance(value, str) and _HEADER_NAME.fullmatch(name) for name, value in given.items()
    ):
        raise BadInputError("headers must be an object of strings")
    return given


def _number(given: object, least: float, most: float, name: str) -> float:
    try:
        value = float(given) if isinstance(given, str | int | float) else least - 1
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise BadInputError(f"{name} must be a number from {least:g} to {most:g}")
    return value


def _delay(seconds: float) -> None:
    if seconds:
        time.sleep(seconds)


def _prefers_html(accept: str) -> bool:
    qualities: dict[str, float] = {}
    for part in accept.split(","):
        media, _, parameters = part.strip().partition(";")
        match = re.search(r"q=([0-9.]+)", parameters)
        qualities[media.strip().lower()] = float(match[1]) if match and _is_quality(match[1]) else 1.0
    html = qualities.get("text/html", 0.0)
    # More, not as much: clients that take anything get JSON, as curl's `*/*` does.
    return html > qualities.get("application/json", qualities.get("*/*", 0.0))


def _is_quality(text: str) -> bool:
    return re.fullmatch(r"[01](\.[0-9]{0,3})?", text) is not None


def _html(page: str) -> Response:
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
        ("Cache-Control", "no-store"),
    ]
    return Response(200, headers, page.encode())

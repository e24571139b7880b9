"""The API that the corpus talks to: lists, pages, cursors, hooks and whatever else is asked of one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chalicelib.domain.http import HttpRequest, HttpResponse

BASE = "https://api.acme.example"
SECRET = "hook-secret"
ITEMS = [{"id": n, "title": f"item {n}", "at": f"2026-01-0{n}T00:00:00Z"} for n in (3, 2, 1)]
FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>
<item><title>B</title><link>https://n.example/b</link>
<guid>b</guid><pubDate>Fri, 02 Jan 2026 00:00:00 GMT</pubDate></item>
<item><title>A</title><link>https://n.example/a</link>
<guid>a</guid><pubDate>Thu, 01 Jan 2026 00:00:00 GMT</pubDate></item>
</channel></rss>"""


@dataclass
class FakeApi:
    """`grown` counts the calls of a list that has one member more each time, newest first."""

    grown: int = 1
    flaky: int = 0
    hooks: dict[str, str] = field(default_factory=dict)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        url = urlsplit(request.url)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        first, *rest = url.path.strip("/").split("/")
        answer: Callable[..., HttpResponse] | None = getattr(self, f"_{first.replace('.', '_')}", None)
        return _json({"error": "nothing here"}, 404) if answer is None else answer(request, query, *rest)

    def _items(self, *_: Any) -> HttpResponse:
        return _json(ITEMS)

    def _growing(self, *_: Any) -> HttpResponse:
        self.grown += 1
        return _json([{"id": n} for n in range(self.grown, 0, -1)])

    def _cursor(self, _: HttpRequest, query: dict[str, str]) -> HttpResponse:
        after = int(query.get("after", 0))
        found = list(range(after + 1, 6))[:2]
        return _json({"items": found, "cursor": found[-1] if found else after})

    def _pages(self, _: HttpRequest, query: dict[str, str]) -> HttpResponse:
        page = int(query["page"])
        assert "empty" not in query
        return _json({"data": [{"id": 2 * page - 1}, {"id": 2 * page}], "next": page + 1 if page < 3 else None})

    def _link(self, _: HttpRequest, query: dict[str, str]) -> HttpResponse:
        page = int(query["page"])
        link = {"link": f'<{BASE}/link?page={page + 1}>; rel="next"'} if page < 3 else {}
        return _json([page], 200, **link)

    def _hooks(self, request: HttpRequest, _: Any, hook: str = "") -> HttpResponse:
        if request.method == "DELETE":
            del self.hooks[hook]
            return HttpResponse(204, {}, b"", request.url, 0.01)
        self.hooks["hook_1"] = json.loads(request.body or b"{}")["url"]
        return _json({"id": "hook_1", "secret": SECRET}, 201)

    def _private(self, request: HttpRequest, *_: Any) -> HttpResponse:
        is_known = request.headers.get("authorization") == "Bearer s3cret"
        return _json({"me": "acme"}) if is_known else _json({"error": "who are you"}, 401)

    def _echo(self, request: HttpRequest, *_: Any) -> HttpResponse:
        body = json.loads(request.body or b"null")
        return _json({"body": body, "authorization": request.headers.get("authorization")})

    def _flaky(self, *_: Any) -> HttpResponse:
        self.flaky += 1
        return _json({"calls": self.flaky}, 503 if self.flaky < 3 else 200)

    def _one(self, _: HttpRequest, __: Any, number: str) -> HttpResponse:
        return _json({"id": int(number)})

    def _bytes(self, request: HttpRequest, *_: Any) -> HttpResponse:
        return HttpResponse(200, {"content-type": "application/octet-stream"}, b"\x00\xff\x80", request.url, 0.01)

    def _feed_xml(self, request: HttpRequest, *_: Any) -> HttpResponse:
        return HttpResponse(200, {"content-type": "application/rss+xml"}, FEED.encode(), request.url, 0.01)


def _json(value: Any, status: int = 200, **headers: str) -> HttpResponse:
    about = {"content-type": "application/json", **headers}
    return HttpResponse(status, about, json.dumps(value).encode(), BASE, 0.01)

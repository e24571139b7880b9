"""A made-up API of a depot, for flows to work with: parcels to export, owners to look up, shipments to create.

It is a function from request to answer, so that flows in memory call it directly and those of a running stack over
loopback. It can be told to fail, to be slow or to be busy, and remembers everything that it was asked and told.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.times import parse_iso

HOST = "https://depot.example"


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any

    @property
    def key(self) -> str:
        return self.headers.get("idempotency-key", "")


@dataclass
class Trouble:
    """For calls whose method and path match: answers with the status instead, so many times."""

    pattern: re.Pattern[str]
    status: int
    times: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    matches: Callable[[Asked], bool] = lambda _: True


class Depot:
    """`parcels` are `{id, number, ownerId, changedAt}`; `size` is how many a page has. `/shipments` takes what it gets
    unless its `ref` is in `refused`, knows repetitions by their idempotency key, and gives ids in order."""

    def __init__(self, parcels: int = 0, size: int = 2, base: str = HOST) -> None:
        self.parcels: list[dict[str, Any]] = [a_parcel(n) for n in range(1, parcels + 1)]
        self.size = size
        self.base = base
        self.refused: set[str] = set()
        self.shipments: dict[str, dict[str, Any]] = {}
        self.asked: list[Asked] = []
        self.repeated = 0
        self.pause: Callable[[Asked], None] = lambda _: None
        self._troubles: list[Trouble] = []
        self._by_key: dict[str, str] = {}
        self._lock = threading.RLock()

    def trouble(self, pattern: str, status: int, times: int = 1, **more: Any) -> None:
        """`pattern` is searched for in `METHOD /path`."""
        self._troubles.append(Trouble(re.compile(pattern), status, times, **more))

    def calls(self, pattern: str) -> list[Asked]:
        return [each for each in self.asked if re.search(pattern, f"{each.method} {each.path}")]

    def refs(self) -> list[str]:
        return [str(shipment.get("ref")) for shipment in self.shipments.values()]

    def send(self, request: HttpRequest) -> HttpResponse:
        """As an `HttpSender`."""
        status, headers, body = self.answer(request.method, request.url, dict(request.headers), request.body or b"")
        return HttpResponse(status, headers, body, request.url, 0.001)

    def answer(
        self, method: str, url: str, headers: Mapping[str, str], raw: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(url)
        query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        lower = {name.lower(): value for name, value in headers.items()}
        asked = Asked(method, parts.path, query, lower, json.loads(raw) if raw else None)
        with self._lock:
            self.asked.append(asked)
        self.pause(asked)
        with self._lock:
            status, more, body = self._troubled(asked) or self._answered(asked)
        content = b"" if body is None else json.dumps(body).encode()
        return status, {"content-type": "application/json", **more}, content

    def _troubled(self, asked: Asked) -> tuple[int, dict[str, str], Any] | None:
        for trouble in self._troubles:
            if trouble.times and trouble.pattern.search(f"{asked.method} {asked.path}") and trouble.matches(asked):
                trouble.times -= 1
                return trouble.status, dict(trouble.headers), trouble.body or {"error": f"trouble {trouble.status}"}
        return None

    def _answered(self, asked: Asked) -> tuple[int, dict[str, str], Any]:
        name, _, rest = asked.path.lstrip("/").partition("/")
        known: Mapping[str, Callable[[Asked, str], tuple[int, dict[str, str], Any]]] = {
            "parcels": self._parcels,
            "linked": self._linked,
            "owners": self._owners,
            "shipments": self._shipments,
            "batches": self._batches,
            "me": lambda _asked, _rest: (200, {}, {"user": "depot"}),
            "marks": lambda _asked, _rest: (200, {}, {"ok": True}),
        }
        found = known.get(name)
        return found(asked, rest) if found else (404, {}, {"error": "no such address"})

    def _changed(self, asked: Asked) -> list[dict[str, Any]]:
        since = asked.query.get("since")
        if not since:
            return self.parcels
        at = parse_iso(since)
        return [each for each in self.parcels if parse_iso(each["changedAt"]) >= at]

    def _parcels(self, asked: Asked, _rest: str) -> tuple[int, dict[str, str], Any]:
        """By `page` (from 1), `offset`, `cursor`, or `last` (the number of the last one seen); `paged=strict` answers a
        page too far with 404."""
        found, query = self._changed(asked), {**asked.query, **(asked.body or {})}
        size = int(query.get("size", self.size))
        start = 0
        if "page" in query:
            start = (int(query["page"]) - 1) * size
        elif "offset" in query:
            start = int(query["offset"])
        elif query.get("cursor"):
            start = int(query["cursor"].removeprefix("c"))
        elif query.get("last"):
            start = next((n + 1 for n, each in enumerate(found) if each["number"] == query["last"]), len(found))
        if query.get("paged") == "strict" and start >= len(found) and start:
            return 404, {}, {"error": "no such page"}
        page, end = found[start : start + size], start + size
        more = end < len(found)
        meta = {
            "pages": max(-(-len(found) // size), 1),
            "total": len(found),
            "cursor": f"c{end}" if more else None,
            "next": f"{self.base}/parcels?offset={end}" if more else None,
            "more": more,
        }
        return 200, {"x-cursor": f"c{end}"} if more else {}, {"parcels": page, "meta": meta}

    def _linked(self, asked: Asked, _rest: str) -> tuple[int, dict[str, str], Any]:
        """A bare list, and the next page in a Link header."""
        start = int(asked.query.get("from", "0"))
        end = start + self.size
        headers = {"link": f'<{self.base}/linked?from={end}>; rel="next"'} if end < len(self.parcels) else {}
        return 200, headers, self.parcels[start:end]

    def _owners(self, _asked: Asked, rest: str) -> tuple[int, dict[str, str], Any]:
        return (
            (404, {}, {"error": "no such owner"}) if rest == "0" else (200, {}, {"id": rest, "name": f"Owner {rest}"})
        )

    def _shipments(self, asked: Asked, rest: str) -> tuple[int, dict[str, str], Any]:
        if asked.method == "GET":
            found = [each for each in self.shipments.values() if each.get("ref") == asked.query.get("ref")]
            return 200, {}, {"found": found}
        one = self._shipped(asked.body, rest, asked.key)
        if one is None:
            return 422, {}, {"error": "ref already used"}
        return (200 if rest else 201), {"x-id": one}, {"id": one, **self.shipments[one]}

    def _batches(self, asked: Asked, _rest: str) -> tuple[int, dict[str, str], Any]:
        """Many at once, with a result for each."""
        results = []
        for n, body in enumerate(asked.body):
            one = self._shipped(body, "", f"{asked.key}/{n}")
            results.append({"ok": False, "error": "ref already used"} if one is None else {"ok": True, "id": one})
        return 200, {}, {"results": results}

    def _shipped(self, body: Mapping[str, Any], id_: str, key: str) -> str | None:
        if body.get("ref") in self.refused:
            return None
        if key and key in self._by_key:
            self.repeated += 1
            return self._by_key[key]
        one = id_ or str(7000 + len(self.shipments))
        self.shipments[one] = dict(body)
        if key:
            self._by_key[key] = one
        return one


def a_parcel(n: int) -> dict[str, Any]:
    """Parcel n, changed n seconds after noon on the first of November."""
    minutes, seconds = divmod(n, 60)
    hours, minutes = divmod(minutes, 60)
    return {
        "id": n,
        "number": f"P-{n}",
        "ownerId": n % 7 + 1,
        "changedAt": f"2026-11-01T{12 + hours % 12:02}:{minutes:02}:{seconds:02}.000Z",
    }


@contextmanager
def serving(depot: Depot) -> Iterator[str]:
    """The depot on loopback; its address, which its own links name from then on."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __getattr__(self, name: str) -> Callable[[], None]:
            if name.startswith("do_"):
                return self._do
            raise AttributeError(name)

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except ConnectionError:
                self.close_connection = True

        def _do(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, headers, body = depot.answer(self.command, self.path, dict(self.headers), raw)
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    depot.base = f"http://127.0.0.1:{server.server_port}"
    try:
        yield depot.base
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

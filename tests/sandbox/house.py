"""What the sandbox's tests share: a host that remembers, and short ways to describe and run code."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.javascript import (
    Bundle,
    CodeResponse,
    Description,
    Emit,
    Invocation,
    Limits,
    LogLine,
    RunReport,
)
from chalicelib.domain.json import Json, encode
from chalicelib.sandbox.runner import ProcessRunner

LIMITS = Limits(cpu_seconds=5.0, wall_seconds=20.0)
QUICK = Limits(cpu_seconds=0.3, wall_seconds=5.0, memory_bytes=48 * 1024 * 1024)

Answer = Callable[[HttpRequest], HttpResponse]


def reply(value: Json = None, status: int = 200, **headers: str) -> HttpResponse:
    about = {"content-type": "application/json", **{name.replace("_", "-"): given for name, given in headers.items()}}
    body = value.encode() if isinstance(value, str) else b"" if value is None else encode(value)
    return HttpResponse(status, about, body, "", 0.01)


@dataclass
class Host:
    """Answers requests by a function, and keeps what the run said in order."""

    answer: Answer = lambda request: reply({"method": request.method})
    requests: list[HttpRequest] = field(default_factory=list)
    said: list[Any] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fetch(self, request: HttpRequest) -> HttpResponse:
        with self.lock:
            self.requests.append(request)
        found = self.answer(request)
        return HttpResponse(found.status, found.headers, found.body, found.url or request.url, found.elapsed_seconds)

    def respond(self, response: CodeResponse) -> None:
        self.said.append(response)

    def on_emit(self, emit: Emit) -> None:
        self.said.append(emit)

    def on_log(self, line: LogLine) -> None:
        self.said.append(line)

    def on_db(self, key: str, value: Json) -> None:
        self.said.append((key, value))


@dataclass
class House:
    """Code is one module's text, or files by path of which the first is the entry."""

    runner: ProcessRunner

    def describe(self, code: str | Mapping[str, str]) -> Description:
        return self.runner.describe(bundle(code))

    def run(
        self,
        code: str | Mapping[str, str],
        event: Json = None,
        *,
        host: Host | None = None,
        limits: Limits = LIMITS,
        **invocation: Any,
    ) -> RunReport:
        return self.runner.run(bundle(code), event, Invocation(**invocation), limits, host or Host())

    def step(
        self,
        code: str | Mapping[str, str],
        event: Json = None,
        *,
        host: Host | None = None,
        limits: Limits = LIMITS,
        **invocation: Any,
    ) -> RunReport:
        return self.runner.run_step(bundle(code), event, Invocation(**invocation), limits, host or Host())

    def value(self, body: str, *, host: Host | None = None) -> Json:
        """What the statements return; imports may stand before them, a line each."""
        lines = body.strip().split("\n")
        imports = [line for line in lines if line.startswith("import ")]
        rest = "\n".join(line for line in lines if not line.startswith("import "))
        report = self.step("\n".join([*imports, "export default async () => {", rest, "}"]), host=host)
        assert report.error is None, report.error
        return report.returned

    def hook(
        self, code: str | Mapping[str, str], name: str, *, host: Host | None = None, **invocation: Any
    ) -> RunReport:
        return self.runner.hook(bundle(code), name, Invocation(**invocation), LIMITS, host or Host())

    def options(
        self,
        code: str | Mapping[str, str],
        prop: str,
        query: Json = None,
        *,
        host: Host | None = None,
        **invocation: Any,
    ) -> RunReport:
        return self.runner.options(bundle(code), prop, query, Invocation(**invocation), LIMITS, host or Host())


def bundle(code: str | Mapping[str, str]) -> Bundle:
    if isinstance(code, str):
        return Bundle("component.js", {"component.js": code})
    return Bundle(next(iter(code)), code)

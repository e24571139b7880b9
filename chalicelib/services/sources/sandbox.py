"""The sandbox as the services see it: JavaScript in, a report out, and calls back to the host on the way.

The code runs at most once per call. What it sent before it ended, even if it was killed, is in the report and was
handed to the host as it came.
"""

from __future__ import annotations

from typing import Protocol

from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.javascript import (
    Bundle,
    CodeResponse,
    Description,
    Emit,
    Invocation,
    Limits,
    LogLine,
    MissingFile,
    RunReport,
)
from chalicelib.domain.json import Json


class SandboxHost(Protocol):
    """What a run may ask for while it runs. `fetch` is called from other threads, several at a time; the others from
    the thread that runs the code, in the order in which the code did it. What one of those raises ends the run and is
    raised to the caller."""

    def fetch(self, request: HttpRequest) -> HttpResponse:
        """Performs a request of the code. Raises OutboundError or InvalidError, which the code sees."""

    def respond(self, response: CodeResponse) -> None:
        """The answer to the HTTP request that started the run. At most one per run, before the code has ended."""

    def on_emit(self, emit: Emit) -> None: ...

    def on_log(self, line: LogLine) -> None: ...

    def on_db(self, key: str, value: Json) -> None:
        """A value was set; None clears the key."""


class JsRunner(Protocol):
    """Code that fails is no exception: its failure is in the report. Every method may raise UnavailableError when no
    sandbox could be started."""

    def describe(self, bundle: Bundle) -> Description:
        """Compiles and evaluates the bundle without calling anything in it. Raises CodeError."""

    def missing_files(self, bundle: Bundle) -> tuple[MissingFile, ...]:
        """The relative imports that the bundle does not answer, read from the code without running it; those of types
        alone are among them, and may stay missing. Raises CodeError for code that cannot be read."""

    def run(self, bundle: Bundle, event: Json, invocation: Invocation, limits: Limits, host: SandboxHost) -> RunReport:
        """The component's `run`; one without it emits the event. What it returns is kept if JSON can hold it."""

    def run_step(
        self, bundle: Bundle, event: Json, invocation: Invocation, limits: Limits, host: SandboxHost
    ) -> RunReport:
        """A code step: the exported function with `{input, nodes, run, $}`, or a component's `run({steps, $})`. A value
        that JSON cannot hold is a failure."""

    def hook(self, bundle: Bundle, name: str, invocation: Invocation, limits: Limits, host: SandboxHost) -> RunReport:
        """`deploy`, `activate` or `deactivate`; a missing hook does nothing."""

    def options(
        self, bundle: Bundle, prop: str, query: Json, invocation: Invocation, limits: Limits, host: SandboxHost
    ) -> RunReport:
        """`returned` is `{"options": […], "context": …}`. `query` may have page, prevContext, query."""

    def additional_props(self, bundle: Bundle, invocation: Invocation, limits: Limits, host: SandboxHost) -> RunReport:
        """`returned` is a list like `configurable_props`."""

"""The sandbox behind a function: the same calls give the same answers, but for what took place when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.javascript import Bundle, CodeError, Invocation, RunReport, RunStats
from chalicelib.domain.json import Json
from chalicelib.sandbox.remote import RemoteRunner, perform
from chalicelib.sandbox.runner import ProcessRunner
from chalicelib.services.sandbox_ports import JsRunner
from tests.sandbox.house import LIMITS, Host, bundle, reply
from tests.sandbox.test_describe import INTAKE, NEW_ITEM

ITEM: Json = {"id": 1, "title": "one", "at": "2026-01-01T00:00:00Z"}


@pytest.fixture
def far(runner: ProcessRunner) -> tuple[RemoteRunner, Host]:
    """The runner, and the host at the function's side that makes the requests."""
    there = Host(lambda request: reply([ITEM]))
    return RemoteRunner(lambda call: perform(call, runner, there.fetch)), there


def without_figures(report: RunReport) -> RunReport:
    logs = tuple(replace(line, ts=0) for line in report.logs)
    return replace(report, stats=RunStats(0.0), logs=logs)


def test_both_runners_fit_the_port(runner: ProcessRunner, far: tuple[RemoteRunner, Host]) -> None:
    fitting: list[JsRunner] = [runner, far[0]]

    assert fitting


def test_descriptions_are_the_same(runner: ProcessRunner, far: tuple[RemoteRunner, Host]) -> None:
    for code in (INTAKE, NEW_ITEM, "export default () => 1", "import x from 'vendor'; export default { name: 'é' }"):
        here, there = runner.describe(bundle(code)), far[0].describe(bundle(code))

        assert replace(there, stats=here.stats) == here


def test_runs_are_the_same_and_reach_the_host(runner: ProcessRunner, far: tuple[RemoteRunner, Host]) -> None:
    remote, there = far
    here, host = Host(lambda request: reply([ITEM])), Host()
    invocation = Invocation(accounts={"app": {"api_key": "k"}})
    event: Json = {"method": "GET", "path": "/", "body": None}

    expected = runner.run(bundle(NEW_ITEM), {}, invocation, LIMITS, here)
    found = remote.run(bundle(NEW_ITEM), {}, invocation, LIMITS, host)
    answered = remote.run(bundle(INTAKE), event, Invocation(), LIMITS, host)

    assert without_figures(found) == without_figures(expected)
    assert [request.headers["authorization"] for request in there.requests] == ["Bearer k"]
    assert host.requests == []
    assert answered.response is not None
    assert host.said == [*found.emits, ("seen", 1), answered.response, *answered.emits]


def test_hooks_options_and_steps_travel_too(far: tuple[RemoteRunner, Host]) -> None:
    remote, host = far[0], Host()
    code = bundle(
        """export default { props: { pick: { type: "string", options: async ({ page }) => [page] } },
        hooks: { activate() { throw new TypeError("no") } }, additionalProps: async () => ({ a: "string" }) }"""
    )

    failed = remote.hook(code, "activate", Invocation(), LIMITS, host)
    options = remote.options(code, "pick", {"page": 3}, Invocation(), LIMITS, host)
    additional = remote.additional_props(code, Invocation(), LIMITS, host)
    step = remote.run_step(bundle("export default ({ input }) => input * 2"), 4, Invocation(), LIMITS, host)

    assert failed.error is not None
    assert (failed.error.name, failed.error.line) == ("TypeError", 2)
    assert (options.returned, additional.returned, step.returned) == (
        {"options": [3]},
        [{"name": "a", "type": "string"}],
        8,
    )


def test_errors_of_the_code_keep_their_place(far: tuple[RemoteRunner, Host]) -> None:
    with pytest.raises(CodeError) as caught:
        far[0].describe(bundle("\nthrow new Error('x')"))

    assert (caught.value.message, caught.value.file, caught.value.line) == (
        "Error: x (component.js:2)",
        "component.js",
        2,
    )


def test_missing_files_are_found_there_too(far: tuple[RemoteRunner, Host]) -> None:
    (found,) = far[0].missing_files(Bundle("a.mjs", {"a.mjs": "import './b.mjs'"}))

    assert (found.importer, found.candidates) == ("a.mjs", ("b.mjs", "b.mts"))


def test_an_answer_that_is_none_is_unavailable() -> None:
    with pytest.raises(UnavailableError):
        RemoteRunner(lambda call: b'{"errorMessage": "timed out"}').describe(bundle(INTAKE))

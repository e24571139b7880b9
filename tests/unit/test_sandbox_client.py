"""The sandbox at a distance: everything that the sandbox says arrives, in order, and nothing runs twice."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from chalicelib.domain.errors import OutboundRefusedError, UnavailableError
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.javascript import Bundle, CodeError, CodeResponse, Emit, Invocation, Limits, LogLine, RunReport
from chalicelib.domain.json import Json
from chalicelib.sandbox_client import wire
from chalicelib.sandbox_client.client import OUTPUT_BYTES, LambdaJsRunner, invoking
from chalicelib.sandbox_client.server import answer
from tests.api.source_half import sandbox
from tests.sandbox.house import Host

LIMITS = Limits(cpu_seconds=5.0, wall_seconds=20.0)
BUSY = """
export default {
  name: "Busy", key: "busy", version: "2", dedupe: "unique",
  props: { db: "$.service.db", http: "$.interface.http", acme: { type: "app", app: "acme" },
    pick: { type: "string", async options({ page }) { return [`${page}-a`]; } } },
  hooks: { async deploy() { this.$emit("deployed"); } },
  async run(event) {
    console.log("one");
    this.$emit({ n: 1 }, { id: 1 });
    this.db.set("at", 1);
    this.http.respond({ status: 201, body: Buffer.from([0, 200]) });
    console.error("two");
    this.db.set("at", 2);
    const found = await fetch(event.url);
    this.$emit({ status: found.status, key: this.acme.$auth.api_key });
    if (event.fail) throw new RangeError("then this");
    return { done: true };
  },
};
"""


def bundle(code: str = BUSY) -> Bundle:
    return Bundle("busy.mjs", {"busy.mjs": code})


def reply(request: HttpRequest) -> HttpResponse:
    if "inside" in request.url:
        raise OutboundRefusedError
    return HttpResponse(203, {}, b"", request.url, 0.01)


def loopback(payload: bytes) -> tuple[bytes, bool]:
    """The function, as far as it can be told from outside: JSON in, JSON out."""
    return json.dumps(answer(json.loads(payload), sandbox(), reply)).encode(), False


@pytest.fixture
def js() -> LambdaJsRunner:
    return LambdaJsRunner(loopback)


def run(js: Any, host: Host, event: Json, code: str = BUSY, limits: Limits = LIMITS) -> RunReport:
    invocation = Invocation(accounts={"acme": {"api_key": "k"}}, endpoints={"http": "https://a.example/h/en1"})
    report: RunReport = js.run(js.describe(bundle(code)).compiled, event, invocation, limits, host)
    return report


def test_code_is_described_as_it_is_nearby(js: LambdaJsRunner) -> None:
    far, near = js.describe(bundle()), sandbox().describe(bundle())

    assert replace(far, stats=near.stats) == near
    assert js.missing_files(bundle("import './x.mjs';")) == sandbox().missing_files(bundle("import './x.mjs';"))


@pytest.mark.parametrize("fail", [False, True])
def test_a_host_hears_everything_in_its_order(js: LambdaJsRunner, fail: bool) -> None:
    far, near = Host(), Host(reply)
    event: Json = {"url": "https://a.example/x", "fail": fail}

    report, expected = run(js, far, event), run(sandbox(), near, event)

    assert [_without_time(each) for each in far.said] == [_without_time(each) for each in near.said]
    assert far.requests == []
    assert (report.error and report.error.name) == ("RangeError" if fail else None)
    assert (report.returned, report.db, report.response) == (expected.returned, expected.db, expected.response)
    assert [emit.event for emit in report.emits] == [{"n": 1}, {"status": 203, "key": "k"}]
    assert [line.text for line in report.logs] == ["one", "two"]
    assert report.stats.fetches == 1


def _without_time(said: Any) -> Any:
    return replace(said, ts=0) if isinstance(said, LogLine) else said


def test_hooks_options_and_steps_go_the_same_way(js: LambdaJsRunner) -> None:
    compiled, host = js.describe(bundle()).compiled, Host()

    js.hook(compiled, "deploy", Invocation(), LIMITS, host)
    options = js.options(compiled, "pick", {"page": 3}, Invocation(), LIMITS, host)
    step = js.describe(bundle("export default ({ input }) => input * 2")).compiled
    doubled = js.run_step(step, 21, Invocation(), LIMITS, host)

    assert [said.event for said in host.said if isinstance(said, Emit)] == ["deployed"]
    assert options.returned == {"options": ["3-a"]}
    assert doubled.returned == 42
    assert js.additional_props(compiled, Invocation(), LIMITS, host).returned == []


def test_what_the_guard_refuses_the_code_hears(js: LambdaJsRunner) -> None:
    report = run(js, Host(), {"url": "http://inside.example"})

    assert report.error is not None
    assert report.response == CodeResponse(201, report.response.headers if report.response else {}, bytes([0, 200]))


def test_what_a_host_throws_ends_the_replay(js: LambdaJsRunner) -> None:
    class Full(Host):
        def on_db(self, key: str, value: Json) -> None:
            raise MemoryError

    host = Full()

    with pytest.raises(MemoryError):
        run(js, host, {"url": "https://a.example"})
    assert [type(each) for each in host.said] == [LogLine, Emit]


def test_code_that_cannot_be_loaded_says_where(js: LambdaJsRunner) -> None:
    with pytest.raises(CodeError) as refused:
        js.describe(bundle("export default {\n  name: : }"))
    with pytest.raises(CodeError) as expected:
        sandbox().describe(bundle("export default {\n  name: : }"))

    assert (refused.value.message, refused.value.file, refused.value.line) == (
        expected.value.message,
        "busy.mjs",
        2,
    )
    assert refused.value.facts == expected.value.facts


def test_a_run_may_say_as_much_as_goes_back_in_one_piece(js: LambdaJsRunner) -> None:
    code = 'export default { name: "L", version: "1", run() { for (;;) this.$emit("x".repeat(400000)); } };'
    host = Host()

    report = run(js, host, None, code)

    assert report.error is not None
    assert report.error.name == "OutputLimitExceeded"
    assert 1 < len(host.said) <= OUTPUT_BYTES // 400_000 + 1


def test_large_code_is_compressed_and_code_that_is_larger_is_refused() -> None:
    sent: list[bytes] = []

    def invoke(payload: bytes) -> tuple[bytes, bool]:
        sent.append(payload)
        return loopback(payload)

    words = "\n".join(f"// line {number}" for number in range(90_000))
    noise = os.urandom(4_800_000).hex()

    assert LambdaJsRunner(invoke).describe(bundle(words + BUSY)).name == "Busy"
    assert len(sent[0]) < len(words) / 2
    with pytest.raises(wire.PayloadTooLargeError):
        LambdaJsRunner(invoke).describe(bundle("//" + noise))
    report = LambdaJsRunner(invoke).run(bundle("//" + noise), None, Invocation(), LIMITS, Host())
    assert report.error is not None
    assert report.error.name == "OutputLimitExceeded"
    assert len(sent) == 1


@pytest.mark.parametrize("type_", ["Runtime.ExitError", "Sandbox.Timedout"])
def test_a_function_that_was_killed_is_what_the_code_did(type_: str) -> None:
    js = LambdaJsRunner(lambda _: (json.dumps({"errorType": type_, "errorMessage": "signal: killed"}).encode(), True))

    report = js.run(bundle(), None, Invocation(), LIMITS, Host())

    assert report.error is not None
    assert report.error.name == "SandboxCrashed"
    with pytest.raises(UnavailableError):
        js.describe(bundle())


@pytest.mark.parametrize("answered", [{"errorType": "Runtime.ImportModuleError"}, {}, ["odd"]])
def test_a_function_that_fails_otherwise_may_be_asked_again(answered: Any) -> None:
    js = LambdaJsRunner(lambda _: (json.dumps(answered).encode(), True))

    with pytest.raises(UnavailableError):
        js.run(bundle(), None, Invocation(), LIMITS, Host())


def test_a_sandbox_that_does_not_start_is_unavailable_at_a_distance_too() -> None:
    class Broken:
        def describe(self, _: Bundle) -> None:
            raise UnavailableError("no room")

    def invoke(payload: bytes) -> tuple[bytes, bool]:
        return json.dumps(answer(json.loads(payload), Broken(), reply)).encode(), False  # type: ignore[arg-type]

    with pytest.raises(UnavailableError, match="no room"):
        LambdaJsRunner(invoke).describe(bundle())


class FakeLambda:
    def __init__(self, respond: Callable[[bytes], dict[str, Any]]) -> None:
        self._respond = respond
        self.calls: list[tuple[str, str]] = []

    def invoke(self, FunctionName: str, InvocationType: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        self.calls.append((FunctionName, InvocationType))
        return self._respond(Payload)


def test_an_invocation_waits_for_its_answer() -> None:
    client = FakeLambda(lambda payload: {"Payload": io.BytesIO(payload[::-1])})

    assert invoking(client, "penstock-dev-Sandbox")(b"abc") == (b"cba", False)
    assert client.calls == [("penstock-dev-Sandbox", "RequestResponse")]


def test_a_failed_function_is_told_from_an_answer() -> None:
    client = FakeLambda(lambda _: {"Payload": io.BytesIO(b"{}"), "FunctionError": "Unhandled"})

    assert invoking(client, "f")(b"") == (b"{}", True)


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke"),
        ReadTimeoutError(endpoint_url="https://lambda"),
    ],
)
def test_a_function_that_cannot_be_reached_is_unavailable(error: Exception) -> None:
    def respond(_: bytes) -> dict[str, Any]:
        raise error

    with pytest.raises(UnavailableError):
        invoking(FakeLambda(respond), "f")(b"")

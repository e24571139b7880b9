"""Components that run: `this`, the database, emitting, responding, hooks, options and additional props."""

# ruff: noqa: E501 - lines of JavaScript are as long as they are

from __future__ import annotations

import json

import pytest

from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.javascript import CodeResponse, Emit, Invocation, Limits
from chalicelib.domain.json import Json
from tests.sandbox.house import Host, House, bundle, reply
from tests.sandbox.test_describe import INTAKE, NEW_ITEM

ITEMS: Json = [
    {"id": 2, "title": "two", "at": "2026-01-02T00:00:00Z"},
    {"id": 1, "title": "one", "at": "2026-01-01T00:00:00Z"},
]


def test_an_http_component_responds_emits_and_keeps_its_count(js: House) -> None:
    host = Host()

    report = js.run(
        INTAKE,
        {"method": "POST", "path": "/x", "body": {"a": 1}},
        host=host,
        endpoints={"hook": "https://in.example/h"},
        db={"seen": 4},
    )

    assert report.error is None
    assert report.response == CodeResponse(
        202, {"x-count": "5", "content-type": "application/json; charset=utf-8"}, b'{"ok":true}'
    )
    assert report.db == {"seen": 5}
    (emit,) = report.emits
    assert (emit.event, emit.meta["summary"]) == ({"a": 1}, "POST /x")
    assert [type(one).__name__ for one in host.said] == ["tuple", "CodeResponse", "Emit"]


def test_a_polling_component_calls_its_app_with_the_accounts_credentials(js: House) -> None:
    host = Host(lambda request: reply(ITEMS))

    report = js.run(NEW_ITEM, {}, host=host, props={"feed": "daily"}, accounts={"app": {"api_key": "s3cret"}})

    assert report.error is None
    assert [(request.method, request.url) for request in host.requests] == [("GET", "https://api.acme.example/daily")]
    assert host.requests[0].headers["authorization"] == "Bearer s3cret"
    assert [emit.event for emit in report.emits] == ITEMS
    assert report.emits[0].meta == {"id": 2, "summary": "two", "ts": 1767312000000}


def test_a_props_default_applies_where_nothing_is_configured(js: House) -> None:
    host = Host(lambda request: reply([]))

    js.run(NEW_ITEM, {}, host=host)

    assert host.requests[0].url == "https://api.acme.example/news"


def test_hooks_run_with_the_same_this_as_run(js: House) -> None:
    host = Host(lambda request: reply(ITEMS))

    deployed = js.hook(NEW_ITEM, "deploy", host=host)
    activated = js.hook(NEW_ITEM, "activate")
    deactivated = js.hook(NEW_ITEM, "deactivate", db={"on": True})

    assert len(deployed.emits) == 2
    assert (activated.db, deactivated.db) == ({"on": True}, {"on": False})
    assert js.hook("export default {}", "deploy").error is None


def test_the_database_is_synchronous_and_copies_values(js: House) -> None:
    report = js.run(
        """export default { props: { db: "$.service.db", other: { type: "$.service.db" } }, run() {
          const kept = { list: [1] };
          this.db.set("kept", kept);
          kept.list.push(2);
          this.$emit([this.db.get("kept"), this.other.get("kept"), this.db.get("old"), typeof this.db.get("none"),
            this.db.get("date")]);
          this.db.set("old", null); this.db.set("gone", undefined); this.db.set("kept", { a: new Date(0) });
          this.$emit([typeof this.db.get("old"), this.db.get("kept")]);
        } }""",
        db={"old": {"a": 1}, "date": "x"},
    )

    assert report.emits[0].event == [{"list": [1]}, {"list": [1]}, {"a": 1}, "undefined", "x"]
    assert report.emits[1].event == ["undefined", {"a": "1970-01-01T00:00:00.000Z"}]
    assert report.db == {"old": None, "gone": None, "kept": {"a": "1970-01-01T00:00:00.000Z"}}
    assert list(report.db) == ["old", "gone", "kept"]


def test_an_emitted_event_is_a_copy_and_undefined_is_null(js: House) -> None:
    report = js.run(
        """export default { async run() {
          const event = { a: 1, gone: undefined, big: 12345678901234567890n };
          this.$emit(event, { id: 1, ts: new Date(5), name: "ch", delivery_ts: 9 });
          event.a = 2;
          await this.$emit(undefined);
        } }"""
    )

    assert report.emits == (
        Emit({"a": 1, "big": "12345678901234567890"}, {"id": 1, "ts": 5, "name": "ch", "delivery_ts": 9}),
        Emit(None, {}),
    )


def test_what_was_emitted_and_stored_before_an_error_counts(js: House) -> None:
    report = js.run(
        """export default { props: { db: "$.service.db" }, run() {
          this.$emit(1); this.db.set("a", 1); console.log("here");
          throw new RangeError("too far");
        } }"""
    )

    assert report.error is not None
    assert (report.error.name, report.error.message, report.error.file, report.error.line) == (
        "RangeError", "too far", "component.js", 3,
    )  # fmt: skip
    assert report.error.stack.startswith("RangeError: too far\n    at run (component.js:3:")
    assert (len(report.emits), report.db, report.logs[0].text) == (1, {"a": 1}, "here")


def test_methods_are_functions_with_a_dynamic_this(js: House) -> None:
    report = js.run(
        """const common = { methods: { name() { return this.own }, twice() { return this.name() + this.name() } },
          hooks: { activate() { return this.twice() } } };
        export default { ...common, props: { own: "string" }, methods: { ...common.methods, ours() {
            return common.methods.name.call(this) + common.hooks.activate.bind(this)() } },
          run() {
            const { ours, ...rest } = this;
            const { name } = this;
            this.$emit([this.ours(), ours(), name(), Object.keys(this), ["x"].map(this.name)]);
            this.own = "changed";
            this.$emit(this.twice());
          } }""",
        props={"own": "o"},
    )

    assert report.error is None
    assert report.emits[0].event == ["ooo", "ooo", "o", ["own"], ["o"]]
    assert report.emits[1].event == "changedchanged"


def test_an_app_method_sees_its_app_and_nothing_else_sees_the_credentials(js: House) -> None:
    report = js.run(
        """const acme = { type: "app", app: "acme", extra: { deep: 1 }, methods: {
            key() { return this.$auth.api_key + this._suffix() }, _suffix() { return "!" } } };
        export default { props: { acme, second: { type: "app", app: "other" } }, run() {
          this.$emit([this.acme.key(), this.$auth === undefined, this.acme.extra.deep, this.second.$auth.oauth_access_token,
            JSON.stringify(this.acme).includes("s3cret")]);
        } }""",
        accounts={"acme": {"api_key": "s3cret"}, "second": {"oauth_access_token": "tok"}},
    )

    assert report.emits[0].event == ["s3cret!", True, 1, "tok", False]


def test_timer_and_http_props_show_their_configuration(js: House) -> None:
    report = js.run(
        """export default { props: { every: { type: "$.interface.timer" }, web: "$.interface.http" }, run(event) {
          this.$emit([this.every, this.web.endpoint, event.timestamp]) } }""",
        {"timestamp": 5},
        props={"every": {"intervalSeconds": 60}},
        endpoints={"web": "https://in.example/k"},
    )

    assert report.emits[0].event == [{"type": "$.interface.timer", "intervalSeconds": 60}, "https://in.example/k", 5]


def test_a_component_without_run_emits_its_event(js: House) -> None:
    report = js.run("export default { props: { timer: '$.interface.timer' } }", {"timestamp": 1})

    assert report.emits == (Emit({"timestamp": 1}, {}),)


def test_only_the_first_response_counts(js: House) -> None:
    host = Host()

    report = js.run(
        """export default { props: { http: { type: "$.interface.http", customResponse: true } }, run() {
          this.http.respond({ statusCode: 201, body: Buffer.from([1, 2]), headers: { "X-A": ["1", 2], bad: undefined } });
          this.http.respond({ status: 500 });
        } }""",
        host=host,
    )

    assert report.response == CodeResponse(
        201, {"x-a": "1, 2", "content-type": "application/octet-stream"}, b"\x01\x02"
    )
    assert host.said == [report.response]


def test_a_response_is_heard_before_the_run_has_ended(js: House) -> None:
    heard: list[str] = []

    def answer(request: HttpRequest) -> HttpResponse:
        heard.append("fetch")
        return reply(1)

    host = Host(answer)
    host.respond = lambda response: heard.append("respond")  # type: ignore[method-assign]

    js.run(
        """export default { props: { http: "$.interface.http" }, async run() {
          this.http.respond({ status: 200, body: "early" });
          await fetch("https://slow.example/");
        } }""",
        host=host,
    )

    assert heard == ["respond", "fetch"]


def test_options_are_asked_of_the_component(js: House) -> None:
    code = """export default { props: { base: "string", pick: { type: "string", async options({ page, query, prevContext }) {
        return { options: [{ label: this.base, value: page }, query], context: { after: prevContext.at ?? 0 } } } } } }"""

    report = js.options(code, "pick", {"page": 2, "query": "q"}, props={"base": "b"})

    assert report.returned == {"options": [{"label": "b", "value": 2}, "q"], "context": {"after": 0}}


def test_options_are_asked_of_the_app_with_inputs_from_other_props(js: House) -> None:
    code = """import { axios } from "@pipedream/platform";
      const acme = { type: "app", app: "acme",
        methods: { list(team) { return axios(this, { url: "https://a.example/" + team, headers: { key: this.$auth.key } }) } },
        propDefinitions: { team: { type: "string" }, item: { type: "string", async options({ teamId, page }) {
          const found = await this.list(teamId + page); return found.map(({ name: label, id: value }) => ({ label, value })) } } } };
      export default { props: { acme, team: { propDefinition: [acme, "team"] },
        item: { propDefinition: [acme, "item", (c) => ({ teamId: c.team })] } } }"""
    host = Host(lambda request: reply([{"name": "N", "id": 7}]))

    report = js.options(code, "item", {}, host=host, props={"team": "t"}, accounts={"acme": {"key": "k"}})

    assert report.returned == {"options": [{"label": "N", "value": 7}]}
    assert (host.requests[0].url, host.requests[0].headers["key"]) == ("https://a.example/t0", "k")


def test_options_of_a_prop_that_has_none_are_an_error(js: House) -> None:
    report = js.options("export default { props: { a: 'string' } }", "a")

    assert report.error is not None
    assert report.error.message == "the prop a has no options"


def test_additional_props_are_described_like_others(js: House) -> None:
    code = """export default { props: { kind: { type: "string", reloadProps: true } },
      async additionalProps() { return { [this.kind]: { type: "string", options: async () => [] }, flag: "boolean" } },
      run() { this.$emit([this.kind, this.extra]) } }"""

    found = js.runner.additional_props(bundle(code), Invocation(props={"kind": "extra"}), Limits(), Host())
    report = js.run(code, props={"kind": "extra", "extra": "given"})

    assert found.returned == [
        {"name": "extra", "type": "string", "remoteOptions": True},
        {"name": "flag", "type": "boolean"},
    ]
    assert report.emits[0].event == ["extra", "given"]


def test_a_missing_module_is_an_error_at_first_use_that_names_it(js: House) -> None:
    code = """import { Client } from "vendor-sdk";
      export default { run(event) { if (event.use) new Client(); this.$emit("went well") } }"""

    unused = js.run(code, {})
    used = js.run(code, {"use": True})

    assert (unused.error, len(unused.emits), unused.missing_modules) == (None, 1, ("vendor-sdk",))
    assert used.error is not None
    assert used.error.name == "ModuleNotAvailableError"
    assert (
        used.error.message
        == "Cannot find module 'vendor-sdk': it is not available in this runtime (used as vendor-sdk.Client)"
    )
    assert used.error.line == 2


THROWN = {
    "null": ("null", "Error", "null"),
    "number": ("42", "Error", "42"),
    "object": ("({ code: 5 })", "Error", '{"code":5}'),
    "string": ("'plain'", "Error", "plain"),
    "undefined": ("undefined", "Error", "undefined"),
    "custom": ("Object.assign(new Error('m'), { name: 'Mine' })", "Mine", "m"),
    "symbol": ("Symbol('s')", "Error", "Symbol(s)"),
}


@pytest.mark.parametrize("case", sorted(THROWN))
def test_whatever_is_thrown_becomes_an_error(js: House, case: str) -> None:
    thrown, name, message = THROWN[case]

    for run in ("run()", "async run()"):
        report = js.run(f"export default {{ {run} {{ throw {thrown} }} }}")

        assert report.error is not None
        assert (report.error.name, report.error.message) == (name, message)


def test_logs_have_levels_and_show_values(js: House) -> None:
    report = js.run(
        """export default { run() {
          console.log("a %s %d", "b", 5, { deep: { er: [1, null] } }); console.warn(new Map([["k", 1n]]));
          console.error(new TypeError("bad")); console.debug(Buffer.from("hi"), undefined, () => 1, "x");
          const round = {}; round.self = round; console.info(round);
        } }"""
    )

    assert [(line.level, line.text) for line in report.logs[:2]] == [
        ("info", "a b 5 { deep: { er: [ 1, null ] } }"),
        ("warn", "Map(1) { 'k' => 1n }"),
    ]
    assert report.logs[2].text.startswith("TypeError: bad\n    at run (component.js:3:")
    assert report.logs[3].text == "<Buffer 68 69> undefined [Function: (anonymous)] x"
    assert report.logs[4].text == "{ self: [Circular] }"


def test_the_newest_lines_of_a_log_are_kept(js: House) -> None:
    report = js.run(
        "export default { run() { for (let i = 0; i < 50; i++) console.log(i); console.log('x'.repeat(99999)) } }",
        limits=Limits(log_lines=10),
    )

    assert (len(report.logs), report.dropped_logs, report.logs[0].text) == (10, 41, "41")
    assert len(report.logs[-1].text) == 16 * 1024 + 3


def test_a_code_step_gets_input_and_outputs_and_returns_a_value(js: House) -> None:
    report = js.step(
        """export default async ({ input, nodes, run, $ }) => {
          $.export("count", input.list.length);
          return { sum: input.list.reduce((a, b) => a + b), before: nodes.first.a, run: run.id };
        }""",
        {"list": [1, 2]},
        steps={"first": {"a": "x"}},
        run={"id": "exec_1"},
    )

    assert report.error is None
    assert (report.returned, report.exports) == ({"sum": 3, "before": "x", "run": "exec_1"}, {"count": 2})


def test_a_step_as_a_component_gets_steps_and_the_dollar_functions(js: House) -> None:
    report = js.step(
        """export default defineComponent({ props: { greeting: { type: "string", default: "hi" } },
          async run({ steps, $ }) {
            $.export("$summary", `${this.greeting} ${steps.trigger.event.name}`);
            $.send.emit({ raw_event: { a: 1 } }); $.send.emit({ b: 2 }, "channel");
            await $.respond({ status: 200, body: "x" });
            if (steps.trigger.event.stop) $.flow.exit("enough");
            return 5n;
          } })""",
        steps={"trigger": {"event": {"name": "you", "stop": True}}},
    )

    assert report.exports == {"$summary": "hi you"}
    assert report.emits == (Emit({"raw_event": {"a": 1}}, {}), Emit({"b": 2}, {"name": "channel"}))
    assert report.response is not None
    assert (report.error, report.exited) == (None, "enough")


def test_a_steps_value_must_be_json_and_a_sources_need_not(js: House) -> None:
    code = "export default %s => { const a = {}; a.a = a; return a }"

    step = js.step(code % "()")
    source = js.run("export default { run() { const a = {}; a.a = a; return a } }")

    assert step.error is not None
    assert step.error.message.startswith("the returned value cannot be written as JSON")
    assert (source.error, source.returned) == (None, None)


def test_lone_surrogates_are_replaced_wherever_they_appear(js: House) -> None:
    report = js.run(
        r"""export default { props: { db: "$.service.db" }, run() {
          this.$emit({ "k\ud800": "a\udc00b😀", c: "\\ud800" }); this.db.set("\ud83d", "\ud83d\ude00"); console.log("\udfff");
        } }"""
    )

    assert report.error is None
    assert report.emits[0].event == {"k\ufffd": "a\ufffdb😀", "c": "\\ud800"}
    assert report.db == {"\ufffd": "😀"}
    assert report.logs[0].text == "\ufffd"
    assert json.dumps(report.emits[0].event, ensure_ascii=False).encode()


def test_calls_that_nobody_awaited_are_let_through_and_timers_are_not(js: House) -> None:
    host = Host(lambda request: reply(1))

    report = js.run(
        """export default { run() {
          fetch("https://a.example/").then(() => this.$emit("fetched")); setTimeout(() => this.$emit("late"), 30);
        } }""",
        host=host,
    )

    assert [emit.event for emit in report.emits] == ["fetched"]


def test_a_promise_that_never_resolves_is_told_at_once(js: House) -> None:
    report = js.run("export default { run() { return new Promise(() => {}) } }")

    assert report.error is not None
    assert report.error.name == "DeadlockError"
    assert report.stats.wall_ms < 2000


def test_an_error_in_a_timer_ends_the_run_with_it(js: House) -> None:
    report = js.run(
        "export default { run() { return new Promise(() => setTimeout(() => { throw new Error('in timer') }, 1)) } }"
    )

    assert report.error is not None
    assert report.error.message == "in timer"


def test_runs_share_nothing_and_draw_different_random_numbers(js: House) -> None:
    code = """import { v4 } from "uuid"; import { nanoid } from "nanoid";
      export default { run() {
        globalThis.kept = (globalThis.kept ?? 0) + 1; Array.prototype.mine = 1;
        this.$emit([globalThis.kept, Math.random(), crypto.randomUUID(), v4(), nanoid(), [].mine]) } }"""

    first, second = (js.run(code).emits[0].event for _ in range(2))

    assert isinstance(first, list)
    assert isinstance(second, list)
    assert first[0] == second[0] == 1
    assert not set(map(str, first[1:5])) & set(map(str, second[1:5]))


def test_what_the_host_raises_reaches_the_caller(js: House) -> None:
    host = Host()

    def refuse(emit: Emit) -> None:
        raise ConnectionError("the store is away")

    host.on_emit = refuse  # type: ignore[method-assign]

    with pytest.raises(ConnectionError):
        js.run("export default { async run() { this.$emit(1); await null; while (true) {} } }", host=host)


def test_the_report_says_what_isolation_held(js: House) -> None:
    stats = js.run("export default { run() {} }").stats

    assert {"process", "rlimits", "no_new_privs", "seccomp"} <= set(stats.isolation)
    assert stats.cpu_ms > 0
    assert stats.memory_bytes > 1_000_000

"""Calling out: fetch, axios and the platform's axios, through the host that alone has a network."""

# ruff: noqa: E501 - lines of JavaScript are as long as they are

from __future__ import annotations

import threading

import pytest

from chalicelib.domain.errors import OutboundConnectError, OutboundRefusedError, OutboundTimeoutError
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.javascript import Limits
from tests.sandbox.house import Host, House, reply


def test_fetch_sends_and_reads_as_the_standard_says(js: House) -> None:
    host = Host(lambda request: reply({"ü": [1]}, 201, x_a="b"))

    found = js.value(
        """const r = await fetch("https://a.example/x?y=1", { method: "post", body: JSON.stringify({ a: "é" }), headers: { "X-K": "k" } });
        const copy = r.clone();
        return [r.ok, r.status, r.statusText, r.headers.get("X-A"), r.url, await r.json(), await copy.text(), r.bodyUsed];""",
        host=host,
    )

    assert found == [True, 201, "Created", "b", "https://a.example/x?y=1", {"ü": [1]}, '{"ü":[1]}', True]
    (request,) = host.requests
    assert (request.method, request.body) == ("POST", '{"a":"é"}'.encode())
    assert request.headers == {"accept": "*/*", "content-type": "text/plain;charset=UTF-8", "x-k": "k"}
    assert request.max_redirects == 10


def test_bytes_travel_unchanged_in_both_directions(js: House) -> None:
    data = bytes(range(256)) * 4000
    host = Host(lambda request: HttpResponse(200, {}, request.body or b"", "", 0.0))

    found = js.value(
        f"""const sent = new Uint8Array({len(data)}).map((_, at) => at % 256);
        const r = await fetch("https://a.example/", {{ method: "PUT", body: sent }});
        const back = new Uint8Array(await r.arrayBuffer());
        let parts = 0; for await (const chunk of (await fetch("https://a.example/", {{ method: "PUT", body: back }})).body) parts += chunk.length;
        return [back.length, back.every((byte, at) => byte === at % 256), parts];""",
        host=host,
    )

    assert found == [len(data), True, len(data)]
    assert host.requests[1].body == data


def test_calls_overlap_up_to_the_limit(js: House) -> None:
    barrier = threading.Barrier(8, timeout=10)

    def together(request: HttpRequest) -> HttpResponse:
        barrier.wait()
        return reply(1)

    found = js.value(
        "return (await Promise.all(Array.from({ length: 16 }, (_, i) => fetch(`https://a.example/${i}`)))).length",
        host=Host(together),
    )

    assert found == 16


FAILURES = {
    "EACCES": OutboundRefusedError(),
    "ECONNREFUSED": OutboundConnectError(),
    "ERR_NETWORK": RuntimeError("a secret of the host"),
    "ETIMEDOUT": OutboundTimeoutError(),
}


@pytest.mark.parametrize("code", sorted(FAILURES))
def test_what_goes_wrong_outside_is_an_error_with_a_code(js: House, code: str) -> None:
    def fail(request: HttpRequest) -> HttpResponse:
        raise FAILURES[code]

    found = js.value(
        """import axios from "axios";
        const shown = async (call) => { try { await call() } catch (e) { return [e.isAxiosError ?? e.name, e.code, e.message] } };
        return [await shown(() => fetch("https://a.example/")), await shown(() => axios.get("https://a.example/"))];""",
        host=Host(fail),
    )

    assert isinstance(found, list)
    assert found[0][:2] == ["TypeError", code]  # type: ignore[index]
    assert found[1][:2] == [True, code]  # type: ignore[index]
    assert "secret" not in str(found)


def test_a_request_that_is_aborted_is_no_longer_waited_for(js: House) -> None:
    release = threading.Event()
    host = Host(lambda request: (release.wait(10), reply(1))[1])

    found = js.value(
        """const c = new AbortController(); setTimeout(() => c.abort(), 2);
        try { await fetch("https://a.example/", { signal: c.signal }); return "answered" } catch (e) { return e.name }""",
        host=host,
    )
    release.set()

    assert found == "AbortError"


def test_redirects_may_be_followed_or_not(js: House) -> None:
    host = Host(lambda request: reply(None, 302, location="/b"))

    found = js.value(
        """const r = await fetch("https://a.example/a", { redirect: "manual" });
        let failed; try { await fetch("https://a.example/a", { redirect: "error" }) } catch (e) { failed = e.name }
        return [r.status, r.headers.get("location"), failed];""",
        host=host,
    )

    assert found == [302, "/b", "TypeError"]
    assert [request.max_redirects for request in host.requests] == [0, 0]


def test_axios_in_its_usual_forms(js: House) -> None:
    host = Host(lambda request: reply({"n": 1}, x_a="b"))

    found = js.value(
        """import axios from "axios";
        const api = axios.create({ baseURL: "https://api.example/v1", headers: { "X-K": "k" }, timeout: 1500 });
        const seen = []; api.interceptors.response.use((r) => (seen.push(r.status), r));
        const r = await api.get("/x", { params: { a: 1, b: undefined, c: "ü " } });
        await api.post("y", { k: "ü" }, { auth: { username: "u", password: "p" } });
        await api.put("form", new URLSearchParams({ a: "1 2" }));
        await api.delete("https://other.example/z");
        const raw = await api.get("/r", { responseType: "arraybuffer" });
        const text = await axios("https://a.example/t", { responseType: "text", transformResponse: (d) => d });
        return [r.status, r.data, r.headers["x-a"], r.headers.get("X-A"), seen.length, Buffer.isBuffer(raw.data), text.data];""",
        host=host,
    )

    assert found == [200, {"n": 1}, "b", "b", 5, True, '{"n":1}']
    get, post, put, delete, *_ = host.requests
    assert (get.url, get.headers["x-k"], get.timeout_seconds) == ("https://api.example/v1/x?a=1&c=%C3%BC+", "k", 1.5)
    assert (post.body, post.headers["content-type"], post.headers["authorization"]) == (
        '{"k":"ü"}'.encode(), "application/json", "Basic dTpw",
    )  # fmt: skip
    assert (put.body, put.headers["content-type"]) == (b"a=1+2", "application/x-www-form-urlencoded;charset=utf-8")
    assert delete.url == "https://other.example/z"


def test_an_error_of_axios_carries_the_answer(js: House) -> None:
    host = Host(lambda request: reply({"error": "nope"}, 404))

    found = js.value(
        """import axios from "axios";
        const lenient = await axios.get("https://a.example/", { validateStatus: () => true });
        try { await axios.get("https://a.example/") } catch (e) {
          return [lenient.status, e.isAxiosError, e.response.status, e.response.data, e.code, e.message] }""",
        host=host,
    )

    assert found == [404, True, 404, {"error": "nope"}, "ERR_BAD_REQUEST", "Request failed with status code 404"]


def test_forms_with_files_are_sent_as_multipart(js: House) -> None:
    host = Host()

    js.value(
        """import axios from "axios"; import NodeForm from "form-data";
        const web = new FormData(); web.append("f", new Blob(["hi"], { type: "text/x" }), "n.txt"); web.append("a", "b");
        await axios.post("https://a.example/", web); await fetch("https://a.example/", { method: "POST", body: web });
        const node = new NodeForm(); node.append("f", Buffer.from("hi"), { filename: "n.txt", contentType: "text/x" }); node.append("a", "b");
        await axios.post("https://a.example/", node, { headers: node.getHeaders() });""",
        host=host,
    )

    for request in host.requests:
        kind, _, mark = request.headers["content-type"].partition("; boundary=")
        assert kind == "multipart/form-data"
        assert request.body is not None
        parts = request.body.split(b"--" + mark.encode())
        assert b'name="f"; filename="n.txt"\r\nContent-Type: text/x\r\n\r\nhi\r\n' in parts[1]
        assert parts[2] == b'\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'
        assert parts[3] == b"--\r\n"


def test_the_platforms_axios_gives_the_data(js: House) -> None:
    host = Host(lambda request: reply({"a": 1}, 400 if "bad" in request.url else 200))

    found = js.value(
        """import { axios, ConfigurationError, DEFAULT_POLLING_SOURCE_TIMER_INTERVAL as every } from "@pipedream/platform";
        const config = { url: "https://a.example/", params: { a: 1, b: undefined }, headers: { "x-a": undefined, "x-b": "2" } };
        const shown = async (f) => { try { await f() } catch (e) { return [e instanceof ConfigurationError, e.response?.status ?? null, e.message] } };
        return [await axios(null, config), (await axios({ export() {} }, { ...config, returnFullResponse: true })).status,
          await shown(() => axios(null, { ...config, body: {} })), await shown(() => axios(null, { url: "https://a.example/bad" })), every];""",
        host=host,
    )

    assert found == [
        {"a": 1},
        200,
        [True, None, "unexpected body, use `data` instead of `body` for the request's content"],
        [False, 400, "Request failed with status code 400: { a: 1 }"],
        900,
    ]
    assert host.requests[0].url == "https://a.example/?a=1"
    assert "x-a" not in host.requests[0].headers


def test_requests_have_limits(js: House) -> None:
    report = js.run(
        "export default { async run() { for (let n = 0; n < 4; n++) { await fetch('https://a.example/'); this.$emit(n) } } }",
        limits=Limits(fetches=2),
    )

    assert report.error is not None
    assert report.error.name == "FetchLimitExceeded"
    assert len(report.emits) == 2
    assert report.stats.fetches == 2


def test_there_is_no_network_while_a_component_is_described(js: House) -> None:
    found = js.describe(
        "let said; fetch('https://a.example/').catch((e) => { said = e }); export default { name: 'N' }"
    )

    assert found.name == "N"

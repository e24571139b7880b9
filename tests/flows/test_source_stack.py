"""Components and sources on the local stack, seen only through HTTP, their code in the real sandbox."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.flows.test_local_stack import PATIENCE_SECONDS, Stack, eventually

COUNTER = """
module.exports = {
  key: "ping-counter", name: "Ping Counter", version: "0.2.0",
  props: { timer: { type: "$.interface.timer", default: { intervalSeconds: 60 } }, db: "$.service.db" },
  async run(event) {
    const n = (this.db.get("n") || 0) + 1;
    this.db.set("n", n);
    console.log("ping", n);
    this.$emit({ n, every: event.interval_seconds }, { id: n, summary: `ping ${n}`, ts: Date.now() });
  },
};
"""
FEED = """
import { axios } from "@pipedream/platform";
import crypto from "crypto";
export default {
  key: "acme-signed", name: "Signed", version: "1.0.0", type: "source", dedupe: "unique",
  props: { acme: { type: "app", app: "acme" }, http: { type: "$.interface.http", customResponse: true },
    forward: { type: "string" } },
  async run(event) {
    const expected = crypto.createHmac("sha256", this.acme.$auth.secret).update(event.bodyRaw).digest("hex");
    if (event.headers["x-signature"] !== expected) return this.http.respond({ status: 401, body: "who are you?" });
    await axios(this, { method: "POST", url: this.forward, data: { saw: event.path } });
    this.http.respond({ status: 201, headers: { "x-seen": event.path }, body: Buffer.from([0, 255, 128]) });
    this.$emit(event.body, { id: event.body.id, summary: `${event.method} ${event.path}` });
  },
};
"""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    running = Stack()
    yield running
    running.close()


def send(url: str, method: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE_SECONDS)
    try:
        connection.request(method, parts.path, body, headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def summaries(stack: Stack, source: str, stream: str = "") -> list[Any]:
    found: list[Any] = stack.call("GET", f"/v1/sources/{source}/{stream}event_summaries?expand=event").data
    return found


def test_a_component_on_a_timer_emits_from_its_creation_until_it_is_paused(stack: Stack) -> None:
    component = stack.call("POST", "/v1/components", {"component_code": COUNTER}).data
    source = stack.call("POST", "/v1/sources", {"component_id": component["id"], "name": "Pings"}).data

    (first,) = eventually(lambda: summaries(stack, source["id"]), bool)
    (line,) = eventually(lambda: summaries(stack, source["id"], "$logs/"), bool)
    paused = stack.call("PUT", f"/v1/sources/{source['id']}", {"active": False}).data
    resumed = stack.call("PUT", f"/v1/sources/{source['id']}", {"active": True}).data

    assert (first["event"], first["metadata"]["summary"]) == ({"n": 1, "every": 60}, "ping 1")
    assert line["event"]["m"] == "ping 1"
    assert (paused["active"], resumed["active"], source["name_slug"]) == (False, True, "pings")
    tried = stack.call("POST", f"/v1/sources/{source['id']}/test", {"event": {}}).data
    assert tried["db"] == {"n": len(summaries(stack, source["id"])) + 1}
    assert stack.call("DELETE", f"/v1/sources/{source['id']}").status == 204
    assert stack.call("GET", f"/v1/sources/{source['id']}").status == 404


def test_an_http_source_checks_signatures_calls_others_and_answers_with_bytes(stack: Stack) -> None:
    account = stack.call("POST", "/v1/accounts", {"app": "acme", "credentials": {"secret": "s3cret"}}).data
    configured = {"acme": {"authProvisionId": account["id"]}, "forward": f"{stack.base_url}/_local/inbox/forwarded"}
    source = stack.call("POST", "/v1/sources", {"component_code": FEED, "configured_props": configured}).data
    url = source["configured_props"]["http"]["endpoint_url"] + "/orders/7"
    body = json.dumps({"id": 7}).encode()
    headers = {"content-type": "application/json"}
    signature = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()

    refused = send(url, "POST", body, headers)
    accepted = [send(url, "POST", body, {**headers, "x-signature": signature}) for _ in range(2)]

    assert (refused[0], refused[2]) == (401, b"who are you?")
    for status, found, content in accepted:
        assert (status, found["x-seen"], content) == (201, "/orders/7", bytes([0, 255, 128]))
    assert [row["event"] for row in summaries(stack, source["id"])] == [{"id": 7}]
    assert [json.loads(each["body"]) for each in stack.received("forwarded", 2)] == [{"saw": "/orders/7"}] * 2
    assert stack.call("GET", source["configured_props"]["http"]["endpoint_url"].replace("/h/en", "/h/ex")).status == 404


def test_verbs_without_bodies_are_answered_as_http_wants_it(stack: Stack) -> None:
    code = 'export default { name: "In", version: "1", props: { in: "$.interface.http" }, run(e) { this.$emit(e); } };'
    source = stack.call("POST", "/v1/sources", {"component_code": code}).data
    url = source["configured_props"]["in"]["endpoint_url"]

    status, headers, body = send(url + "/x", "OPTIONS", b"", {"origin": "https://page.example"})
    asked = send(url + "/a/b", "HEAD", b"", {})
    binary = send(url, "POST", b"\xff\xfe", {"content-type": "application/octet-stream"})

    assert (status, body) == (200, b"")
    assert headers["access-control-allow-methods"] == "GET,HEAD,PUT,PATCH,POST,DELETE"
    assert (asked[0], asked[2], binary[0]) == (200, b"", 200)
    found = eventually(lambda: summaries(stack, source["id"]), lambda rows: len(rows) == 2)
    assert {(row["event"]["method"], row["event"]["path"]) for row in found} == {("HEAD", "/a/b"), ("POST", "/")}


def test_a_component_of_the_registry_is_deployed_by_its_key(stack: Stack) -> None:
    source = stack.call("POST", "/v1/sources", {"key": "http-new-requests"}).data

    sent = send(source["configured_props"]["httpInterface"]["endpoint_url"], "POST", b"{}", {})

    assert sent[0] == 200
    assert len(eventually(lambda: summaries(stack, source["id"]), bool)) == 1


def test_to_another_workspace_there_is_nothing(stack: Stack) -> None:
    component = stack.call("POST", "/v1/components", {"component_code": COUNTER}).data["id"]
    source = stack.call("POST", "/v1/sources", {"component_id": component}).data["id"]

    for method, path in (
        ("GET", f"/v1/components/{component}"),
        ("GET", f"/v1/sources/{source}"),
        ("PUT", f"/v1/sources/{source}"),
        ("DELETE", f"/v1/sources/{source}"),
        ("GET", f"/v1/sources/{source}/event_summaries"),
    ):
        assert stack.call(method, path, key="other-user-key").status == 404
    assert stack.call("POST", "/v1/sources", {"component_id": component}, key="other-user-key").status == 404

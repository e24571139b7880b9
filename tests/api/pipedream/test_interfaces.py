"""HTTP interfaces: whatever is sent arrives, whoever sends it, and what the code answers goes out as it is."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from chalicelib.api.common.mount import _RawResponse
from tests.api.gateway import Answer
from tests.api.world import World

ANSWERING = """
export default {
  name: "Intake", version: "1", props: { http: { type: "$.interface.http", customResponse: true }, db: "$.service.db" },
  async run(event) {
    const { answer, then } = event.body ?? {};
    if (answer) this.http.respond(answer);
    if (then === "respond again") this.http.respond({ status: 500, body: "too late" });
    if (then === "throw") throw new Error("afterwards");
    this.db.set("count", (this.db.get("count") ?? 0) + 1);
    this.$emit(event, { summary: `${event.method} ${event.path}` });
  },
};
"""
LISTENING = 'export default { name: "In", version: "1", props: { in: "$.interface.http" }, run(e) { this.$emit(e); } };'
PICTURE = bytes(range(256))


def deploy(world: World, code: str = ANSWERING, prop: str = "http") -> tuple[str, str]:
    """Id of the source, and path of its interface."""
    made = world.call("POST", "/v1/sources", {"component_code": code}).data
    url: str = made["configured_props"][prop]["endpoint_url"]
    assert url.startswith("https://flow.example.org/h/en")
    return made["id"], urlsplit(url).path


def events(world: World, source: str, stream: str = "") -> list[Any]:
    return [
        row["event"] for row in world.call("GET", f"/v1/sources/{source}/{stream}event_summaries?expand=event").data
    ]


def ask(world: World, path: str, body: Any, **members: Any) -> Answer:
    return world.call("POST", path, body, key=None, **members)


def test_an_interface_without_answer_of_its_own_says_ok_and_emits_later(world: World) -> None:
    source, path = deploy(world, LISTENING, "in")

    answer = world.call("PUT", f"{path}/orders/a%20b?tag=x&tag=y&n=1", {"n": 1}, key=None)
    assert (answer.status, answer.text, events(world, source)) == (200, "OK\n", [])
    world.work()

    (event,) = events(world, source)
    assert {name: event[name] for name in ("method", "path", "query", "body", "bodyRaw")} == {
        "method": "PUT",
        "path": "/orders/a%20b",
        "query": {"tag": ["x", "y"], "n": "1"},
        "body": {"n": 1},
        "bodyRaw": '{"n": 1}',
    }
    assert event["headers"]["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("type_", "raw", "body"),
    [
        ("application/json", b'{"a":1}', {"a": 1}),
        ("application/vnd.acme+json; charset=utf-8", b"[1]", [1]),
        ("application/x-www-form-urlencoded", b'{"a":1}', '{"a":1}'),
        ("application/json", b"{broken", "{broken"),
        ("text/plain", b"hello", "hello"),
        (
            "multipart/form-data; boundary=B",
            b'--B\r\nContent-Disposition: form-data; name="n"\r\n\r\n1\r\n--B--\r\n',
            {"n": "1"},
        ),
    ],
)
def test_bodies_are_read_as_their_type_says(world: World, type_: str, raw: bytes, body: Any) -> None:
    source, path = deploy(world, LISTENING, "in")

    world.call("POST", path, raw=raw, key=None, headers={"content-type": type_})
    world.work()

    (event,) = events(world, source)
    assert event["body"] == body
    assert event["bodyRaw"] == raw.decode()


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"])
def test_every_verb_arrives_with_and_without_a_path(world: World, method: str) -> None:
    source, path = deploy(world, LISTENING, "in")

    for suffix in ("", "/", "/deep/er/and/deeper/than/anybody/goes"):
        assert world.call(method, path + suffix, key=None).status == 200
        world.work()

    found = [(event["method"], event["path"]) for event in reversed(events(world, source))]
    assert found == [(method, "/"), (method, "/"), (method, "/deep/er/and/deeper/than/anybody/goes")]


@pytest.mark.parametrize(
    ("answer", "status", "type_", "text"),
    [
        ({"status": "202", "body": {"ok": True}}, 202, "application/json; charset=utf-8", '{"ok":true}'),
        ({"statusCode": 404, "body": "nothing"}, 404, None, "nothing"),
        ({"status": 200, "headers": {"Content-Type": "text/html"}, "body": "<p>ä</p>"}, 200, "text/html", "<p>ä</p>"),
        ({"status": 204}, 204, None, ""),
    ],
)
def test_the_code_answers_as_it_likes(world: World, answer: Any, status: int, type_: str | None, text: str) -> None:
    _, path = deploy(world)

    given = ask(world, path, {"answer": answer, "then": "respond again"})

    assert (given.status, given.text) == (status, text)
    assert type_ is None or given.headers["content-type"] == type_


def test_headers_of_the_code_take_the_place_of_ours(world: World) -> None:
    _, path = deploy(world)

    answer = {"status": 200, "headers": {"Cache-Control": "max-age=60", "X-Own": "1"}, "body": ""}
    given = ask(world, path, {"answer": answer})

    assert {name.lower(): value for name, value in given.headers.items() if "cache" in name.lower()} == {
        "cache-control": "max-age=60"
    }
    assert given.headers["x-own"] == "1"


@pytest.mark.parametrize("own", [None, "default-src 'self'"])
def test_pages_of_sources_are_kept_apart_from_those_of_the_host(world: World, own: str | None) -> None:
    _, path = deploy(world)
    headers = {"content-type": "text/html"} | ({} if own is None else {"Content-Security-Policy": own})

    given = ask(world, path, {"answer": {"status": 200, "headers": headers, "body": "<script>1</script>"}})

    *before, last = given.headers["content-security-policy"].split(", ")
    assert before == ([] if own is None else [own])
    assert last.split()[0] == "sandbox"
    assert "allow-same-origin" not in last


def test_bytes_go_out_encoded_for_the_gateway_to_decode() -> None:
    text = _RawResponse("ä".encode(), {"content-type": "image/png"}, 200).to_dict([])
    picture = _RawResponse(PICTURE, {"content-type": "text/html"}, 200).to_dict(["application/json"])

    assert (text["body"], "isBase64Encoded" in text) == ("ä", False)
    assert (base64.b64decode(picture["body"]), picture["isBase64Encoded"]) == (PICTURE, True)


def test_pictures_are_answered_byte_for_byte(world: World) -> None:
    code = ANSWERING.replace("respond(answer)", "respond({ ...answer, body: Buffer.from(answer.body, 'base64') })")
    _, path = deploy(world, code)
    body = {"answer": {"headers": {"content-type": "image/png"}, "body": base64.b64encode(PICTURE).decode()}}

    given = ask(world, path, body, headers={"accept": "text/html"})

    assert given.status == 200
    assert base64.b64decode(given.text) == PICTURE


def test_an_answer_that_does_not_come_is_an_error_that_says_so(world: World) -> None:
    source, path = deploy(world)

    silent = ask(world, path, {})
    failed = ask(world, path, {"then": "throw"})
    late = ask(world, path, {"answer": {"status": 201, "body": "made"}, "then": "throw"})

    assert (silent.status, "respond" in silent.text) == (400, True)
    assert (failed.status, json.loads(failed.text)) == (500, {"error": "internal server error"})
    assert (late.status, late.text) == (201, "made")
    assert [event["error"]["msg"] for event in events(world, source, "$errors/")] == ["afterwards", "afterwards"]


@pytest.mark.parametrize("path", ["/h/en00000000000000", "/h/en00000000000000/x/y", "/h/%24%24", "/h/ä/x"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_address_is_not_found(world: World, method: str, path: str) -> None:
    answer = world.call(method, path, key=None)

    assert (answer.status, answer.json) == (404, {"error": "record not found"})


def test_an_address_is_dead_while_its_source_rests_and_stays_the_same(world: World) -> None:
    source, path = deploy(world)
    before = world.call("GET", f"/v1/sources/{source}").data["configured_props"]

    world.call("PUT", f"/v1/sources/{source}", {"active": False})
    resting = ask(world, path, {"answer": {"body": "x"}})
    world.call(
        "PUT", f"/v1/sources/{source}", {"active": True, "component_code": ANSWERING.replace("Intake", "Renamed")}
    )
    awake = ask(world, path, {"answer": {"body": "x"}})
    world.call("DELETE", f"/v1/sources/{source}")

    assert (resting.status, awake.status, ask(world, path, {}).status) == (404, 200, 404)
    assert list(before) == ["http"]


@pytest.mark.parametrize("suffix", ["", "/", "/any/path"])
def test_preflights_are_answered_as_documented_and_start_nothing(world: World, suffix: str) -> None:
    source, path = deploy(world)

    answer = world.call(
        "OPTIONS", path + suffix, key=None, headers={"access-control-request-headers": "content-type, x-signature"}
    )

    assert (answer.status, answer.text) == (200, "")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == "GET,HEAD,PUT,PATCH,POST,DELETE"
    assert answer.headers["Access-Control-Allow-Headers"] == "content-type, x-signature"
    assert events(world, source) == []


def test_a_header_that_would_break_out_is_not_echoed(world: World) -> None:
    answer = world.call("OPTIONS", "/h/x", headers={"access-control-request-headers": "a\r\nset-cookie: b"})

    assert "Access-Control-Allow-Headers" not in answer.headers


def test_too_much_is_refused(world: World) -> None:
    _, path = deploy(world, LISTENING, "in")

    large = world.call("POST", path, raw=b"x" * (512 * 1024 + 1), key=None)
    answers = [world.call("GET", path, key=None) for _ in range(610)]

    assert (large.status, large.json) == (413, {"error": "payload too large"})
    assert (answers[-1].status, answers[-1].json) == (429, {"error": "rate limit exceeded"})
    assert int(answers[-1].headers["Retry-After"]) > 0

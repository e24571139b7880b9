"""Between client and application: routes as API Gateway matches them, events as it sends them."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from chalice.app import Chalice, CORSConfig, Response

from chalicelib.local.gateway import Gateway, LocalContext
from chalicelib.local.http_wire import Request
from chalicelib.local.routes import RouteTable


def ask(
    method: str,
    target: str,
    headers: list[tuple[str, str]] | None = None,
    body: bytes = b"",
) -> Request:
    path, _, query = target.partition("?")
    return Request(method, path, query, headers or [("Host", "localhost")], body, "127.0.0.1", True)


@pytest.mark.parametrize(
    ("path", "resource", "params"),
    [
        ("/", "/", {}),
        ("/a", "/a", {}),
        ("/a/", "/a", {}),
        ("/a//", None, {}),
        ("/a/b", "/a/b", {}),
        ("/a/c", "/a/{id}", {"id": "c"}),
        ("/a/%24x%2Fy", "/a/{id}", {"id": "%24x%2Fy"}),
        ("/a/b/deep", "/a/{id}/deep", {"id": "b"}),
        ("/a/b/other", None, {}),
        ("/files/x/y/z", "/files/{proxy+}", {"proxy": "x/y/z"}),
        ("/files/special", "/files/special", {}),
        ("/files/special/more", "/files/{proxy+}", {"proxy": "special/more"}),
        ("/files", None, {}),
        ("/A", None, {}),
    ],
)
def test_a_literal_beats_a_variable_beats_the_greedy_one(
    path: str, resource: str | None, params: Mapping[str, str]
) -> None:
    table = RouteTable(["/", "/a", "/a/b", "/a/{id}", "/a/{id}/deep", "/files/{proxy+}", "/files/special"])

    match = table.match(path)

    assert (match.resource if match else None) == resource
    assert dict(match.params if match else {}) == params


class Recorder:
    """In place of an application: keeps the event, answers what it is told."""

    def __init__(self, answer: Any = None) -> None:
        self.routes: dict[str, Any] = {"/x/{id}": {"POST": _Entry()}}
        self.answer = answer or {"statusCode": 201, "headers": {"Content-Type": "text/plain"}, "body": "done"}
        self.event: Any = None
        self.context: Any = None

    def __call__(self, event: Any, context: Any) -> Any:
        self.event, self.context = event, context
        return self.answer


class _Entry:
    cors = None


def test_the_event_is_that_of_a_proxy_integration() -> None:
    app = Recorder()
    headers = [("Host", "localhost:8000"), ("X-Tag", "1"), ("X-Tag", "2"), ("User-Agent", "test")]

    answer = Gateway(app)(ask("POST", "/x/a%20b/?q=1&q=%202&empty=", headers, b'{"a":1}'))

    event = app.event
    assert (answer.status, answer.body) == (201, b"done")
    assert event["resource"] == event["requestContext"]["resourcePath"] == "/x/{id}"
    assert event["path"] == "/x/a%20b"
    assert event["pathParameters"] == {"id": "a%20b"}
    assert event["headers"]["X-Tag"] == "2"
    assert event["multiValueHeaders"]["X-Tag"] == ["1", "2"]
    assert event["queryStringParameters"] == {"q": " 2", "empty": ""}
    assert event["multiValueQueryStringParameters"] == {"q": ["1", " 2"], "empty": [""]}
    assert (event["body"], event["isBase64Encoded"]) == ('{"a":1}', False)
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"
    assert event["requestContext"]["stage"] == "api"
    assert event["requestContext"]["requestId"] == dict(answer.headers)["x-amzn-RequestId"]
    assert 28_000 < app.context.get_remaining_time_in_millis() <= 29_000
    json.dumps(event)


def test_what_is_absent_is_null_in_the_event() -> None:
    app = Recorder()
    app.routes = {"/": {"GET": _Entry()}}

    Gateway(app)(ask("GET", "/"))

    for name in ("body", "queryStringParameters", "multiValueQueryStringParameters", "pathParameters"):
        assert app.event[name] is None


def test_a_body_that_is_not_text_arrives_whole() -> None:
    app = Recorder()

    Gateway(app)(ask("POST", "/x/1", body=b"\xff\x00"))

    assert app.event["isBase64Encoded"] is True
    assert base64.b64decode(app.event["body"]) == b"\xff\x00"


def test_repeated_and_binary_answers_are_sent_as_such() -> None:
    answer = {
        "statusCode": 200,
        "headers": {"Set-Cookie": "ignored", "X-One": "1"},
        "multiValueHeaders": {"Set-Cookie": ["a", "b"]},
        "body": base64.b64encode(b"\xff").decode(),
        "isBase64Encoded": True,
    }

    response = Gateway(Recorder(answer))(ask("POST", "/x/1"))

    assert response.body == b"\xff"
    assert [value for name, value in response.headers if name == "Set-Cookie"] == ["a", "b"]


@pytest.mark.parametrize(
    "answer",
    [
        {"headers": {}, "body": ""},
        {"statusCode": 200, "body": {"an": "object"}},
        {"statusCode": 200, "body": b"bytes"},
        {"statusCode": 200, "body": "x" * (6 * 1024 * 1024 + 1)},
        "nonsense",
    ],
)
def test_an_answer_that_a_gateway_would_not_pass_on_is_a_502(answer: Any) -> None:
    response = Gateway(Recorder(answer))(ask("POST", "/x/1"))

    assert (response.status, response.body) == (502, b'{"message":"Internal server error"}')


def test_an_unknown_path_or_method_goes_to_the_fallback() -> None:
    asked = []

    def fallback(method: str, path: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        asked.append((method, path, headers["X-Door"]))
        return 404, {"X-Shape": "mine"}, b"not here"

    gateway = Gateway(Recorder(), fallback)
    headers = [("X-Door", "blue")]

    for method, path in (("GET", "/nowhere"), ("DELETE", "/x/1"), ("OPTIONS", "/x/1")):
        response = gateway(ask(method, path, headers))
        assert (response.status, response.headers, response.body) == (404, [("X-Shape", "mine")], b"not here")
    assert asked == [
        ("GET", "/nowhere", "blue"),
        ("DELETE", "/x/1", "blue"),
        ("OPTIONS", "/x/1", "blue"),
    ]


def test_without_a_fallback_it_says_what_api_gateway_says() -> None:
    response = Gateway(Recorder())(ask("GET", "/nowhere"))

    assert (response.status, json.loads(response.body)) == (403, {"message": "Missing Authentication Token"})


@pytest.fixture
def app() -> Chalice:
    app = Chalice("tiny")
    both = threading.Barrier(2, timeout=5)

    @app.route("/who/{name}", cors=CORSConfig(allow_origin="https://a.example"))
    def who(name: str) -> dict[str, Any]:
        both.wait()  # both threads are inside a view before either looks
        given: Any = app.current_request
        query = given.query_params or {}
        remaining = app.lambda_context.get_remaining_time_in_millis()
        return {"name": name, "seen": query.get("me"), "in_time": remaining > 0}

    @app.route("/raw", methods=["POST"], content_types=["*/*"])
    def raw() -> Response:
        given: Any = app.current_request
        return Response(given.raw_body.hex(), headers={"Content-Type": "text/plain"})

    return app


def test_simultaneous_requests_each_see_their_own(app: Chalice) -> None:
    gateway = Gateway(app)
    answers: dict[str, Any] = {}

    def call(name: str) -> None:
        answers[name] = json.loads(gateway(ask("GET", f"/who/{name}?me={name}")).body)

    threads = [threading.Thread(target=call, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert answers == {name: {"name": name, "seen": name, "in_time": True} for name in ("a", "b")}


def test_a_preflight_is_answered_without_the_application(app: Chalice) -> None:
    response = Gateway(app)(ask("OPTIONS", "/who/a"))

    headers = dict(response.headers)
    assert response.status == 200
    assert headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert headers["Access-Control-Allow-Methods"] == "GET,OPTIONS"


def test_binary_reaches_a_view_unharmed(app: Chalice) -> None:
    response = Gateway(app)(ask("POST", "/raw", [("Content-Type", "image/png")], b"\xff\x00\x01"))

    assert response.body == b"ff0001"


def test_an_application_is_isolated_only_once(app: Chalice) -> None:
    Gateway(app)
    isolated = type(app)
    Gateway(app)

    assert type(app) is isolated


def test_remaining_time_never_goes_below_zero() -> None:
    assert LocalContext("f", -1.0).get_remaining_time_in_millis() == 0

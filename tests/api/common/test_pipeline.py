"""The way from a call to an answer, seen with doors of its own."""

from __future__ import annotations

from typing import Any

import pytest
from chalice.app import Chalice

from chalicelib.api.common import fallback
from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.doors import Door, Doors, Guest
from chalicelib.api.common.mount import Route, blueprint, middleware, share
from chalicelib.api.common.pipeline import MAX_ANSWER_BYTES, Pipeline
from chalicelib.domain.errors import ForbiddenError, PenstockError


def door(name: str, *prefixes: str, closed: bool = False) -> Door:
    def admit(_: Call) -> None:
        if closed:
            raise ForbiddenError

    def shape(error: PenstockError) -> Reply:
        return Reply(418, {"door": name, "error": type(error).__name__})

    return Door(prefixes, admit, shape)


def is_a_guests(call: Call) -> bool:
    return call.path.startswith("/v1/shared") and "mine" in call.query


DOORS = Doors(
    [door("wide", "/v1"), door("narrow", "/v1/flows"), door("closed", "/closed", closed=True)],
    otherwise=door("outside"),
    guests=[Guest(door("guest"), is_a_guests)],
)


def door_of(call: Call) -> str:
    shaped: Any = DOORS.of(call).shape(ForbiddenError()).body
    name: str = shaped["door"]
    return name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1", "wide"),
        ("/v1/", "wide"),
        ("/v1/workflows/x", "wide"),
        ("/v1/flows", "narrow"),
        ("/v1/flows/x/y", "narrow"),
        ("/v1/flowsabc", "wide"),
        ("/v10", "outside"),
        ("/", "outside"),
        ("", "outside"),
    ],
)
def test_the_longest_prefix_of_whole_segments_finds_the_door(path: str, name: str) -> None:
    assert door_of(Call("GET", path, "request-1")) == name


@pytest.mark.parametrize(
    ("path", "query", "name"),
    [
        ("/v1/shared", {"mine": ["1"]}, "guest"),
        ("/v1/shared", {}, "wide"),
        ("/v1/flows", {"mine": ["1"]}, "narrow"),
    ],
)
def test_a_guest_takes_its_own_calls_at_anothers_addresses(path: str, query: dict[str, list[str]], name: str) -> None:
    assert door_of(Call("GET", path, "request-1", query=query)) == name


class TestSharing:
    HOSTS = (
        Route("GET", "/shared", lambda _: Reply(200, "host")),
        Route("PUT", "/shared", lambda _: Reply(200, "put")),
    )
    GUESTS = (
        Route("GET", "/shared", lambda _: Reply(200, "guest")),
        Route("GET", "/alone", lambda _: Reply(200, "alone")),
    )

    def answer(self, method: str, path: str, query: dict[str, list[str]]) -> Any:
        shared = {(route.method, route.path): route.handler for route in share(self.HOSTS, self.GUESTS, is_a_guests)}
        return shared[method, path](Call(method, f"/v1{path}", "request-1", query=query)).body

    def test_at_an_address_of_both_the_guest_answers_what_it_takes(self) -> None:
        assert self.answer("GET", "/shared", {"mine": ["1"]}) == "guest"
        assert self.answer("GET", "/shared", {}) == "host"

    def test_at_an_address_of_one_that_one_answers(self) -> None:
        assert self.answer("PUT", "/shared", {"mine": ["1"]}) == "put"
        assert self.answer("GET", "/alone", {}) == "alone"

    def test_each_address_is_served_once(self) -> None:
        served = [(route.method, route.path) for route in share(self.HOSTS, self.GUESTS, is_a_guests)]

        assert served == [("GET", "/shared"), ("PUT", "/shared"), ("GET", "/alone")]


class App:
    def __init__(self, handler: Any) -> None:
        self.pipeline = Pipeline(DOORS)
        self.app = Chalice("test", configure_logs=False)
        for prefix in ("/v1", "/closed"):
            things = blueprint(self.pipeline, [Route("GET", "/things/{name}", handler)])
            self.app.register_blueprint(things, url_prefix=prefix)
        self.app.register_middleware(middleware(self.pipeline), "http")

    def get(self, resource: str, method: str = "GET", **params: str) -> Any:
        event = {
            "requestContext": {"httpMethod": method, "resourcePath": resource},
            "headers": {},
            "pathParameters": params,
            "multiValueQueryStringParameters": None,
            "stageVariables": None,
            "body": None,
        }
        return self.app(event, None)


def handle(call: Call) -> Reply:
    return Reply(200, {"name": call.params["name"], "path": call.path, "id": call.request_id})


@pytest.mark.parametrize(
    ("sent", "seen"),
    [("a", "a"), ("a%2Fb", "a/b"), ("%24errors", "$errors"), ("$errors", "$errors"), ("a+b", "a+b"), ("%2525", "%25")],
)
def test_path_variables_are_decoded_exactly_once(sent: str, seen: str) -> None:
    answer = App(handle).get("/v1/things/{name}", name=sent)

    assert f'"name":"{seen}"' in answer["body"]


def test_a_call_without_a_request_id_gets_one() -> None:
    answer = App(handle).get("/v1/things/{name}", name="a")

    assert len(answer["headers"]["X-Request-Id"]) == 36


@pytest.mark.parametrize("unserialisable", [object(), {"x": {1: object()}}, "\ud800"])
def test_a_reply_that_cannot_be_serialised_is_an_internal_error_of_the_door(unserialisable: Any) -> None:
    answer = App(lambda _: Reply(200, unserialisable)).get("/v1/things/{name}", name="a")

    assert (answer["statusCode"], answer["body"]) == (418, '{"door":"wide","error":"UnexpectedError"}')


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (Reply(200, "x" * (MAX_ANSWER_BYTES - 10)), 200),
        (Reply(200, "x" * MAX_ANSWER_BYTES), 418),
        (Reply(200, ["x"] * (MAX_ANSWER_BYTES // 5)), 418),
        (Reply(200, text='"' * (MAX_ANSWER_BYTES // 2)), 418),
    ],
    ids=["fits", "too-long", "too-many-quotes-once-quoted", "not-json"],
)
def test_an_answer_that_lambda_would_not_hand_on_is_refused_in_the_doors_words(reply: Reply, status: int) -> None:
    answer = App(lambda _: reply).get("/v1/things/{name}", name="a")

    assert answer["statusCode"] == status
    assert status == 200 or answer["body"] == '{"door":"wide","error":"TooLargeError"}'


def test_no_log_names_an_address_that_is_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Call) -> Reply:
        raise RuntimeError

    failing = App(fail)
    failing.pipeline._doors = Doors([], otherwise=Door((), lambda _: None, lambda _: Reply(500, {})))

    failing.get("/v1/things/{name}", name="7719secret")

    [record] = caplog.records
    assert record.__dict__["path"] == "/v1/things/***"
    assert "7719secret" not in caplog.text


def test_the_door_closes_before_the_handler_runs() -> None:
    def never(_: Call) -> Reply:
        raise AssertionError

    answer = App(never).get("/closed/things/{name}", name="a")

    assert answer["body"] == '{"door":"closed","error":"ForbiddenError"}'


def test_chalices_own_refusal_of_a_verb_takes_the_doors_shape() -> None:
    answer = App(handle).get("/v1/things/{name}", method="PUT", name="a")

    assert answer["body"] == '{"door":"wide","error":"MethodNotAllowedError"}'


def test_an_address_that_the_app_does_not_know_takes_the_doors_shape() -> None:
    answer = App(handle).get("/v1/flows/{flow_id}", flow_id="a")

    assert answer["body"] == '{"door":"narrow","error":"RouteNotFoundError"}'


def test_a_reply_without_body_says_nothing_of_its_type() -> None:
    answer = App(lambda _: Reply(204)).get("/v1/things/{name}", name="a")

    assert answer["body"] == ""
    assert "Content-Type" not in answer["headers"]


class TestFallback:
    ROUTES = {
        "/v1/things": {"GET": 1, "POST": 1},
        "/v1/things/{id}": {"DELETE": 1},
        "/v1/things/mine": {"PUT": 1},
    }

    def answer(self, method: str, path: str) -> Any:
        return fallback.answer(Pipeline(DOORS), self.ROUTES, method, path, {"X-Any": "thing"})

    @pytest.mark.parametrize(
        ("path", "pattern"),
        [
            ("/v1/things", "/v1/things"),
            ("/v1/things/x", "/v1/things/{id}"),
            ("/v1/things/mine", "/v1/things/mine"),
            ("/v1/things/", None),
            ("/v1/nothing", None),
        ],
    )
    def test_literal_segments_win_over_variables(self, path: str, pattern: str | None) -> None:
        assert fallback.pattern_at(self.ROUTES, path) == pattern

    @pytest.mark.parametrize(("path", "error"), [("/v1/i12", "MethodNotAllowedError"), ("/v1/other", "RouteNotFound")])
    def test_what_a_guest_does_not_take_at_its_own_address_is_nobodys(self, path: str, error: str) -> None:
        guest = Guest(door("guest"), lambda call: call.path == "/v1/i12", alone_at="/v1/{name}")
        pipeline = Pipeline(Doors([], otherwise=door("outside"), guests=[guest]))

        answer = fallback.answer(pipeline, {"/v1/{name}": {"POST": 1}}, "GET", path, {})

        assert error in answer.body

    def test_a_known_path_refuses_the_verb_and_an_unknown_one_the_route(self) -> None:
        assert "MethodNotAllowedError" in self.answer("PATCH", "/v1/things").body
        assert "RouteNotFoundError" in self.answer("PATCH", "/v1/nothing").body
        assert '"narrow"' in self.answer("GET", "/v1/flows/none").body

    def test_a_preflight_of_a_known_path_names_its_verbs(self) -> None:
        answer = self.answer("OPTIONS", "/v1/things")

        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]

    def test_a_preflight_of_an_unknown_path_is_refused(self) -> None:
        assert self.answer("OPTIONS", "/v1/nothing").status == 418

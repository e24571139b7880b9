"""The way from a call to an answer, seen with doors of its own."""

from __future__ import annotations

from typing import Any

import pytest
from chalice.app import Blueprint, Chalice

from chalicelib.api.common import fallback
from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.doors import Door, Doors
from chalicelib.api.common.mount import Route, middleware, mount
from chalicelib.api.common.pipeline import Pipeline
from chalicelib.domain.errors import ForbiddenError, PenstockError


def door(name: str, *prefixes: str, closed: bool = False) -> Door:
    def admit(_: Call) -> None:
        if closed:
            raise ForbiddenError

    def shape(error: PenstockError) -> Reply:
        return Reply(418, {"door": name, "error": type(error).__name__})

    return Door(prefixes, admit, shape)


DOORS = Doors(
    [door("wide", "/v1"), door("narrow", "/v1/flows"), door("closed", "/closed", closed=True)],
    otherwise=door("outside"),
)


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
    shaped: Any = DOORS.at(path).shape(ForbiddenError()).body

    assert shaped["door"] == name


class App:
    def __init__(self, handler: Any) -> None:
        self.pipeline = Pipeline(DOORS)
        self.app = Chalice("test", configure_logs=False)
        blueprint = Blueprint(__name__)
        mount(blueprint, self.pipeline, [Route("GET", "/things/{name}", handler), Route("POST", "/things", handler)])
        for prefix in ("/v1", "/closed"):
            again = Blueprint(__name__)
            mount(again, self.pipeline, [Route("GET", "/things/{name}", handler)])
            self.app.register_blueprint(again, url_prefix=prefix)
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
        ("path", "verbs"),
        [
            ("/v1/things", ["GET", "POST"]),
            ("/v1/things/x", ["DELETE"]),
            ("/v1/things/mine", ["PUT"]),
            ("/v1/things/", []),
            ("/v1/nothing", []),
        ],
    )
    def test_literal_segments_win_over_variables(self, path: str, verbs: list[str]) -> None:
        assert sorted(fallback.verbs_at(self.ROUTES, path)) == verbs

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

"""The `haystack` node against a server that checks its login."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from chalicelib.domain.json import Json, decode
from chalicelib.domain.run import Outcome, StepStatus
from chalicelib.nodes.haystack_client import base_of, challenges
from chalicelib.nodes.steps import StepFailure
from chalicelib.outbound import GuardedClient
from tests.file_fakes import MemoryFileStore
from tests.timing import assert_cheap
from tests.unit.driver import Receiver, status
from tests.unit.nodes.attempts import Attempt, shown
from tests.unit.nodes.haystack_server import HaystackServer
from tests.unit.outbound.servers import http_server

POINTS: dict[str, dict[str, Any]] = {
    "p:demo:r:1": {"dis": "Inlet", "point": {"_kind": "marker"}, "unit": "°C"},
    "p:demo:r:2": {"dis": "Fan", "point": {"_kind": "marker"}},
}
RECORDS: dict[str, list[dict[str, Any]]] = {
    "p:demo:r:1": [
        {
            "ts": {"_kind": "dateTime", "val": "2026-02-01T08:00:00+01:00", "tz": "Berlin"},
            "val": {"_kind": "number", "val": 21.5, "unit": "°C"},
        }
    ],
    "p:demo:r:2": [{"ts": {"_kind": "dateTime", "val": "2026-02-01T08:00:00+01:00", "tz": "Berlin"}, "val": True}],
}

Ask = Callable[..., Outcome]


@pytest.fixture
def server() -> HaystackServer:
    return HaystackServer({"gärtner": "5ecret,="}, POINTS, RECORDS)


@pytest.fixture
def files() -> MemoryFileStore:
    return MemoryFileStore()


@pytest.fixture
def ask(server: HaystackServer, files: MemoryFileStore) -> Iterator[Ask]:
    with ExitStack() as running:
        http = running.enter_context(http_server(server))
        client = GuardedClient(["127.0.0.0/8"])
        running.callback(client.close)

        def perform(**params: Json) -> Outcome:
            given: dict[str, Json] = {
                "_project": "demo",
                "_url": http.url,
                "_uname": "gärtner",
                "_pwd": "5ecret,=",
                "_action": "pointhistory",
            }
            return Attempt(client, files).perform("haystack", {"params": {**given, **params}})

        yield perform


class TestReading:
    def test_points_and_their_histories_are_the_output(self, ask: Ask, server: HaystackServer) -> None:
        outcome = ask(_hisStartDate="2026-02-01", _cmd='siteRef->dis == "HQ"')

        assert outcome.output == {
            "points": [
                {"id": "p:demo:r:1", "dis": "Inlet", "point": True, "unit": "°C"},
                {"id": "p:demo:r:2", "dis": "Fan", "point": True},
            ],
            "history": [
                {"id": "p:demo:r:1", "ts": "2026-02-01T08:00:00+01:00", "val": 21.5, "unit": "°C"},
                {"id": "p:demo:r:2", "ts": "2026-02-01T08:00:00+01:00", "val": True},
            ],
        }
        assert server.asked == [
            ("read", {"filter": '(siteRef->dis == "HQ") and point and his', "limit": "1001"}),
            ("hisRead", {"id": "@p:demo:r:1", "range": '"2026-02-01,2026-03-02"'}),
            ("hisRead", {"id": "@p:demo:r:2", "range": '"2026-02-01,2026-03-02"'}),
        ]

    def test_without_a_start_todays_records_of_all_points_are_read(self, ask: Ask, server: HaystackServer) -> None:
        ask()

        assert server.asked[0] == ("read", {"filter": "point and his", "limit": "1001"})
        assert server.asked[1][1]["range"] == '"today"'

    def test_a_file_takes_the_place_of_the_output(self, ask: Ask, files: MemoryFileStore) -> None:
        outcome = ask(_to="file")

        ((id_, stored),) = files.stored.items()
        assert outcome.output == {
            "_fileId": id_,
            "_size": len(stored.content),
            "_contentType": "application/json",
        }
        content = decode(stored.content)
        assert isinstance(content, dict)
        assert len(content["history"]) == 2  # type: ignore[arg-type]

    def test_a_point_without_history_fails_with_the_servers_words(self, ask: Ask, server: HaystackServer) -> None:
        server.records = {}
        outcome = ask()

        assert outcome.error is not None
        assert (outcome.error.type, outcome.error.retryable) == ("haystack", False)
        assert outcome.error.message == "the server refuses hisRead: Unknown history p:demo:r:1"

    def test_too_many_points_are_a_failure(self, ask: Ask, server: HaystackServer) -> None:
        server.points = {f"r{n}": {} for n in range(1001)}
        outcome = ask()

        assert outcome.error is not None
        assert outcome.error.type == "too_many_points"

    def test_all_answers_together_are_bounded(self, ask: Ask, server: HaystackServer) -> None:
        row = {"ts": {"_kind": "dateTime", "val": "2026-02-01T08:00:00Z"}, "val": "x" * 4_000_000}
        server.records = {id_: [row] for id_ in POINTS}

        outcome = ask()
        assert outcome.error is not None
        assert (outcome.error.type, outcome.error.retryable) == ("answer_too_large", False)

        assert ask(_to="file").status is StepStatus.SUCCEEDED


class TestLogin:
    def test_a_wrong_password_is_refused(self, ask: Ask, server: HaystackServer) -> None:
        outcome = ask(_pwd="5ecretly wrong")

        assert outcome.error is not None
        assert (outcome.error.type, outcome.error.retryable, server.asked) == ("auth", False, [])
        assert "5ecret" not in shown(outcome)

    def test_an_unknown_user_is_refused(self, ask: Ask) -> None:
        outcome = ask(_uname="nobody")

        assert outcome.error is not None
        assert outcome.error.message == "the server did not let the user in (403)"

    def test_a_server_that_cannot_prove_itself_is_not_asked_for_anything(
        self, ask: Ask, server: HaystackServer
    ) -> None:
        server.honest = False
        outcome = ask()

        assert outcome.error is not None
        assert (outcome.error.message, server.asked) == ("the server does not know the password", [])

    @pytest.mark.parametrize("scheme", ["basic", "none"])
    def test_basic_and_open_servers_are_known_too(self, scheme: str, ask: Ask, server: HaystackServer) -> None:
        server.scheme = scheme

        assert ask().status is StepStatus.SUCCEEDED

    def test_no_secret_is_shown(self, ask: Ask) -> None:
        outcome = ask()

        assert "5ecret" not in shown(outcome)
        assert isinstance(outcome.input, dict)
        assert (outcome.input["_uname"], outcome.input["_pwd"]) == ("gärtner", "***")

    @pytest.mark.parametrize(
        ("answer", "type_", "retryable"),
        [
            (status(503), "auth", True),
            (status(404), "auth", False),
            (status(401, www_authenticate="Negotiate"), "auth", False),
            (status(401, www_authenticate="SCRAM hash=MD5"), "auth", False),
            (status(401, www_authenticate="SCRAM hash=SHA-256, handshakeToken=x, data=!"), "auth", False),
            (status(200, b"<html>"), "haystack", False),
            (status(200, b"[]"), "haystack", False),
        ],
    )
    def test_servers_that_are_none(self, answer: Any, type_: str, retryable: bool) -> None:
        params: dict[str, Json] = {
            "_project": "demo",
            "_url": "http://h.example",
            "_uname": "u",
            "_pwd": "p",
            "_action": "pointhistory",
        }
        outcome = Attempt(Receiver(lambda request: answer)).perform("haystack", {"params": params})

        assert outcome.error is not None
        assert (outcome.error.type, outcome.error.retryable) == (type_, retryable)


class TestConfiguration:
    @pytest.mark.parametrize(
        ("params", "named"),
        [
            ({"_project": None}, "_project"),
            ({"_url": ""}, "_url"),
            ({"_uname": None}, "_uname"),
            ({"_pwd": None}, "_pwd"),
            ({"_action": "write"}, "_action"),
            ({"_to": "mail"}, "_to"),
            ({"_hisStartDate": "2026-02-30"}, "_hisStartDate"),
            ({"_hisStartDate": "01.02.2026"}, "_hisStartDate"),
            ({"_hisStartDate": "20260201"}, "_hisStartDate"),
        ],
    )
    def test_what_cannot_be_asked_is_a_failure_that_names_the_member(
        self, ask: Ask, params: dict[str, Json], named: str
    ) -> None:
        outcome = ask(**params)

        assert outcome.error is not None
        assert outcome.error.type == "invalid_config"
        assert named in outcome.error.message

    @pytest.mark.parametrize(
        ("url", "base"),
        [
            ("https://h.example", "https://h.example/api/demo/"),
            ("https://h.example/", "https://h.example/api/demo/"),
            ("https://h.example:8443/api", "https://h.example:8443/api/demo/"),
            ("https://h.example/api/demo/", "https://h.example/api/demo/"),
            ("https://h.example/haystack", "https://h.example/haystack/demo/"),
        ],
    )
    def test_where_a_projects_operations_are(self, url: str, base: str) -> None:
        assert base_of(url, "demo") == base

    @pytest.mark.parametrize("url", ["h.example", "https://h.example/?a=1", "https://[h/"])
    def test_an_address_that_is_none_is_refused(self, url: str) -> None:
        with pytest.raises(StepFailure):
            base_of(url, "demo")


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", {}),
        ("Basic", {"basic": {}}),
        (
            'SCRAM hash=SHA-256, handshakeToken=aa==, Basic realm="a, b"',
            {"scram": {"hash": "SHA-256", "handshaketoken": "aa=="}, "basic": {"realm": "a, b"}},
        ),
        ("scram handshakeToken=x,data=y", {"scram": {"handshaketoken": "x", "data": "y"}}),
    ],
)
def test_challenges_are_read_scheme_by_scheme(header: str, found: dict[str, dict[str, str]]) -> None:
    assert challenges(header) == found


@pytest.mark.parametrize("header", ['SCRAM a="' + '\\"' * 30_000, '"' * 60_001, 'a="' * 20_000])
def test_a_header_of_nothing_but_quotes_is_read_in_no_time(header: str) -> None:
    assert_cheap(1.0, lambda: challenges(header))

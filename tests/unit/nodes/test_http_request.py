"""The `http_request` node: what it sends, what it makes of the answer, and what it keeps out of the history."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.errors import (
    OutboundConnectError,
    OutboundRefusedError,
    OutboundTimeoutError,
    UnavailableError,
)
from chalicelib.domain.graph import Graph, Node
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.json import Json
from chalicelib.domain.retry import retry_after
from chalicelib.domain.run import Outcome, StepStatus
from chalicelib.nodes.http_request import accepts
from tests.file_fakes import MemoryFileStore
from tests.unit.driver import START, Driver, Receiver, a_run, status
from tests.unit.nodes.attempts import Attempt, shown

URL = "http://receiver.example/things"


def perform(
    config: dict[str, Json],
    answer: Callable[[HttpRequest], Json | HttpResponse] | None = None,
    input: Json = None,  # noqa: A002 - the run's word
) -> tuple[Outcome, list[HttpRequest]]:
    receiver = Receiver(answer)
    driver = Driver(
        Graph((Node("call", "http_request", config={"url": URL, **config}),)), a_run(input), receiver=receiver
    )
    driver.step()
    return driver.concluded[0], receiver.requests


class TestRequest:
    def test_a_json_body_is_sent_as_json_with_the_idempotency_key(self) -> None:
        _, (request,) = perform({"method": "post", "body": {"n": "{{ $input.n }}"}}, input={"n": 4})

        assert (request.method, request.body) == ("POST", b'{"n":4}')
        assert request.headers == {"Idempotency-Key": "exec_1/call", "Content-Type": "application/json"}

    def test_a_text_body_is_sent_as_it_is(self) -> None:
        _, (request,) = perform({"method": "PUT", "body": "Grüße"})

        assert request.body == "Grüße".encode()
        assert request.headers["Content-Type"] == "text/plain; charset=utf-8"

    def test_the_authors_headers_win_whatever_their_case(self) -> None:
        headers: Json = {"content-type": "application/x-ndjson", "idempotency-key": "mine", "X-N": 5}
        _, (request,) = perform({"method": "POST", "body": "x", "headers": headers})

        assert request.headers == {"content-type": "application/x-ndjson", "idempotency-key": "mine", "X-N": "5"}

    def test_query_members_are_added_to_those_of_the_url(self) -> None:
        _, (request,) = perform({"url": URL + "?a=1", "query": {"b": "x y", "c": [1, 2], "d": None}})

        assert request.url == URL + "?a=1&b=x+y&c=1&c=2"

    @pytest.mark.parametrize(
        ("auth", "headers", "query"),
        [
            ({"type": "none"}, {}, ""),
            (
                {"type": "basic", "username": "u", "password": "p"},
                {"Authorization": "Basic " + base64.b64encode(b"u:p").decode()},
                "",
            ),
            ({"type": "bearer", "token": "t"}, {"Authorization": "Bearer t"}, ""),
            ({"type": "api_key", "name": "X-Key", "value": "k"}, {"X-Key": "k"}, ""),
            ({"type": "api_key", "name": "key", "value": "k", "in": "query"}, {}, "?key=k"),
        ],
    )
    def test_credentials_are_added(self, auth: Json, headers: dict[str, str], query: str) -> None:
        _, (request,) = perform({"auth": auth})

        assert request.url == URL + query
        assert {name: value for name, value in request.headers.items() if name != "Idempotency-Key"} == headers

    def test_a_client_credentials_token_is_fetched_once_and_used(self) -> None:
        def answer(request: HttpRequest) -> Json:
            return {"access_token": "tok", "expires_in": 3600} if request.url.endswith("/token") else {}

        receiver = Receiver(answer)
        auth: Json = {
            "type": "oauth2_client_credentials",
            "token_url": "http://auth.example/token",
            "client_id": "id",
            "client_secret": "s&cret",
        }
        nodes = tuple(Node(f"call{n}", "http_request", config={"url": URL, "auth": auth}) for n in range(2))
        driver = Driver(Graph(nodes), receiver=receiver)

        driver.go()

        token_request, *calls = receiver.requests
        assert token_request.body == b"grant_type=client_credentials&client_id=id&client_secret=s%26cret"
        assert [call.headers["Authorization"] for call in calls] == ["Bearer tok", "Bearer tok"]

    @pytest.mark.parametrize(
        "config",
        [
            {"url": ""},
            {"url": "{{ $input.missing }}"},
            {"method": "BREW"},
            {"headers": "{{ 5 }}"},
            {"query": "{{ 5 }}"},
            {"timeout_seconds": "soon"},
            {"auth": {"type": "magic"}},
            {"auth": {"type": "bearer"}},
        ],
    )
    def test_what_cannot_be_sent_is_a_failure_and_not_sent(self, config: dict[str, Json]) -> None:
        outcome, requests = perform(config)

        assert requests == []
        assert outcome.status is StepStatus.FAILED
        assert outcome.error is not None
        assert (outcome.error.type, outcome.error.retryable) == ("invalid_config", False)

    def test_the_attempt_is_bounded_by_the_shorter_limit(self) -> None:
        _, (short,) = perform({"timeout_seconds": 3})
        _, (usual,) = perform({})

        assert (short.timeout_seconds, usual.timeout_seconds) == (3, 30)


class TestAnswer:
    @pytest.mark.parametrize(
        ("content_type", "body", "expected"),
        [
            ("application/json", b'{"a":[1,2.5,null]}', {"a": [1, 2.5, None]}),
            ("application/problem+json; charset=utf-8", b'{"a":1}', {"a": 1}),
            ("application/json", b"not json", "not json"),
            ("text/html", "Grüße".encode(), "Grüße"),
            ("text/plain; charset=ISO-8859-1", "Grüße".encode("latin-1"), "Grüße"),
            ("image/png", b"\x89PNG\xff", {"base64": base64.b64encode(b"\x89PNG\xff").decode()}),
            ("", b"plain", "plain"),
            ("application/json", b"", None),
        ],
    )
    def test_the_body_is_parsed_by_its_content_type(self, content_type: str, body: bytes, expected: Json) -> None:
        outcome, _ = perform({}, lambda _: status(200, body, content_type=content_type))

        assert outcome.output == {"status": 200, "headers": {"content-type": content_type}, "body": expected}

    def test_an_unwanted_status_fails_with_an_excerpt(self) -> None:
        outcome, _ = perform({}, lambda _: status(500, b"x" * 5000))

        assert outcome.error is not None
        assert (outcome.error.type, outcome.error.status, outcome.error.retryable) == ("http_status", 500, True)
        assert outcome.error.body == "x" * 1000

    @pytest.mark.parametrize(
        ("accepted", "code", "expected"),
        [
            (None, 204, True),
            (None, 302, False),
            (404, 404, True),
            ("404", 200, False),
            ("2xx", 299, True),
            ("200-204", 205, False),
            ([200, "4xx"], 418, True),
        ],
    )
    def test_accepted_statuses(self, accepted: Json, code: int, expected: bool) -> None:
        assert accepts(accepted, code) is expected

    @pytest.mark.parametrize(
        ("error", "type_", "retryable"),
        [
            (OutboundTimeoutError(), "timeout", True),
            (OutboundConnectError(), "connection", True),
            (OutboundRefusedError(), "refused_address", False),
        ],
    )
    def test_a_call_without_answer_says_why(self, error: Exception, type_: str, retryable: bool) -> None:
        def answer(_: HttpRequest) -> Json:
            raise error

        outcome, _ = perform({}, answer)

        assert outcome.error is not None
        assert (outcome.error.type, outcome.error.retryable) == (type_, retryable)

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("120", 120.0),
            ("Sun, 01 Mar 2026 12:01:00 GMT", 60.0),
            ("Sun, 01 Mar 2020 12:01:00 GMT", 0.0),
            ("-5", None),
            ("soon", None),
            ("99999999999999", 86_400.0),
            (None, None),
        ],
    )
    def test_retry_after(self, value: str | None, expected: float | None) -> None:
        assert retry_after(value, START) == expected

    def test_start_is_what_the_dates_above_assume(self) -> None:
        assert datetime(2026, 3, 1, 12, 1, tzinfo=UTC) - START == timedelta(minutes=1)


class TestHistory:
    @pytest.mark.parametrize("place", ["header", "query"])
    def test_a_key_is_masked_whatever_it_is_called(self, place: str) -> None:
        auth: Json = {"type": "api_key", "name": "code", "value": "s3cr3t-7719", "in": place}

        outcome, (request,) = perform({"url": URL + "?page=2", "auth": auth})

        assert "s3cr3t-7719" in f"{request.url} {request.headers}"
        assert "s3cr3t-7719" not in f"{outcome.input} {outcome.logs}"
        assert "page=2" in str(outcome.input)
        assert request.secret_headers == ({"code"} if place == "header" else set())

    def test_secrets_are_masked_in_what_is_kept_of_the_request(self) -> None:
        outcome, (request,) = perform(
            {
                "url": URL + "?api_key=k1&page=2",
                "method": "POST",
                "headers": {"X-Auth-Token": "t", "Accept": "text/plain"},
                "auth": {"type": "bearer", "token": "secret"},
                "body": {"user": "u", "password": "p", "deep": [{"client_secret": "s"}]},
            }
        )

        assert outcome.input == {
            "method": "POST",
            "url": URL + "?api_key=***&page=2",
            "headers": {
                "Idempotency-Key": "exec_1/call",
                "Content-Type": "application/json",
                "X-Auth-Token": "***",
                "Accept": "text/plain",
                "Authorization": "***",
            },
            "body": {"user": "u", "password": "***", "deep": [{"client_secret": "***"}]},
        }
        assert "k1" in request.url
        assert all("k1" not in line.message for line in outcome.logs)

    def test_the_log_says_what_was_asked_and_answered(self) -> None:
        outcome, _ = perform({}, lambda _: status(201))

        assert [line.message for line in outcome.logs] == [f"GET {URL} -> 201"]


class TestPasswordGrant:
    AUTH: dict[str, Json] = {
        "type": "oauth2_password",
        "token_url": "http://auth.example/token",
        "username": "u",
        "password": "5ecret",
    }

    def test_a_token_is_fetched_for_the_user(self) -> None:
        outcome, (token_request, call) = perform(
            {"auth": {**self.AUTH, "client_id": "app", "client_secret": "s", "scope": "read"}},
            lambda request: {"access_token": "t0ken"} if request.url.endswith("/token") else {},
        )

        assert token_request.body == (
            b"grant_type=password&username=u&password=5ecret&client_id=app&client_secret=s&scope=read"
        )
        assert call.headers["Authorization"] == "Bearer t0ken"
        assert not any(secret in shown(outcome) for secret in ("5ecret", "t0ken"))

    def test_a_public_client_names_no_secret(self) -> None:
        _, (token_request, _) = perform({"auth": self.AUTH}, lambda _: {"access_token": "t"})

        assert token_request.body == b"grant_type=password&username=u&password=5ecret"

    @pytest.mark.parametrize("lifetime", [10**30, 1e300, -(10**30), 2**63])
    def test_a_token_may_claim_to_live_for_any_time(self, lifetime: float) -> None:
        outcome, (_, call) = perform({"auth": self.AUTH}, lambda request: {"access_token": "t", "expires_in": lifetime})

        assert outcome.status is StepStatus.SUCCEEDED
        assert call.headers["Authorization"] == "Bearer t"

    def test_users_do_not_share_tokens(self) -> None:
        def answer(request: HttpRequest) -> Json:
            return {"access_token": request.body.decode() if request.body else "", "expires_in": 3600}

        receiver = Receiver(answer)
        auths: list[Json] = [{**self.AUTH, "username": name} for name in ("u1", "u2")]
        nodes = tuple(
            Node(f"call{n}", "http_request", config={"url": URL, "auth": auth}) for n, auth in enumerate(auths)
        )
        Driver(Graph(nodes), receiver=receiver).go()

        calls = [request for request in receiver.requests if request.url == URL]
        assert len({call.headers["Authorization"] for call in calls}) == 2

    def test_a_refusal_names_no_secret(self) -> None:
        outcome, _ = perform({"auth": self.AUTH}, lambda _: status(400, b'{"error":"invalid_grant"}'))

        assert outcome.error is not None
        assert (outcome.error.type, outcome.error.status, outcome.error.retryable) == ("auth", 400, False)
        assert "5ecret" not in shown(outcome)


class TestFile:
    def test_the_body_is_stored_and_the_output_refers_to_it(self) -> None:
        attempt = Attempt(Receiver(lambda _: status(200, b"%PDF", content_type="application/pdf")))
        outcome = attempt.perform("http_request", {"url": URL, "save_as_file": True})

        ((id_, stored),) = attempt.files.stored.items()
        assert id_.startswith("exec_1.")
        assert (stored.content, stored.content_type) == (b"%PDF", "application/pdf")
        assert outcome.output == {
            "status": 200,
            "headers": {"content-type": "application/pdf"},
            "body": {"_fileId": id_, "_size": 4, "_contentType": "application/pdf"},
        }

    def test_a_file_may_be_larger_than_an_output(self) -> None:
        receiver = Receiver(lambda _: status(200, b"x"))
        for config in ({"save_as_file": True}, {}):
            Attempt(receiver).perform("http_request", {"url": URL, **config})

        limits = [request.max_response_bytes for request in receiver.requests]
        assert limits == [32 * 1024 * 1024, 6 * 1024 * 1024]

    def test_a_failure_is_not_stored(self) -> None:
        attempt = Attempt(Receiver(lambda _: status(404, b"no")))
        outcome = attempt.perform("http_request", {"url": URL, "save_as_file": True})

        assert (outcome.status, attempt.files.stored) == (StepStatus.FAILED, {})

    def test_a_store_that_does_not_answer_is_a_failure_that_may_pass(self) -> None:
        class Unavailable(MemoryFileStore):
            def put(self, run_id: str, content: bytes, content_type: str) -> str:
                raise UnavailableError

        outcome = Attempt(files=Unavailable()).perform("http_request", {"url": URL, "save_as_file": True})

        assert outcome.error is not None
        assert (outcome.error.type, outcome.error.retryable) == ("file_store", True)

"""Calls of flows: how they are built, how they prove themselves, and what their answers come to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import quote

import pytest

from chalicelib.domain.aws_signatures import Credentials, Signable, query_signature
from chalicelib.domain.errors import OutboundConnectError, OutboundRefusedError, OutboundTooLargeError
from chalicelib.domain.flows.http import (
    Answer,
    Connection,
    FlowHttpError,
    RequestSpec,
    ResponseRules,
    connection_of,
    response_rules,
)
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.json import Json, decode
from chalicelib.services.flows.http import FlowHttp
from chalicelib.services.flows.templates import Templates
from tests.fakes import FixedClock, SeededEntropy
from tests.timing import assert_cheap
from tests.unit.driver import Receiver, status

Answers = Callable[[HttpRequest], "Json | HttpResponse"]


def connection(auth: dict[str, Any] | None = None, **http: Any) -> Connection:
    members = {"baseURI": "https://depot.example/api/", "mediaType": "json", **http}
    if auth is not None:
        members["auth"] = auth
    return connection_of("c1", "ws_1", 1, {"name": "Depot", "type": "http", "http": members})


def calls(answer: Answers | None = None) -> tuple[FlowHttp, list[HttpRequest]]:
    receiver, clock, entropy = Receiver(answer), FixedClock(), SeededEntropy()
    return FlowHttp(receiver, Templates(clock, entropy), clock, entropy), receiver.requests


def ask(
    spec: RequestSpec,
    through: Connection | None = None,
    answer: Answers | None = None,
    context: dict[str, Json] | None = None,
    key: str | None = None,
) -> tuple[Answer, list[HttpRequest]]:
    http, requests = calls(answer)
    return http.request(through or connection(), spec, context or {}, idempotency_key=key), requests


def refused(spec: RequestSpec, answer: Answers, through: Connection | None = None) -> FlowHttpError:
    with pytest.raises(FlowHttpError) as caught:
        ask(spec, through, answer)
    return caught.value


def logging_in(kind: str) -> Connection:
    """A connection whose proof is granted by a login."""
    auth = {"oauth": {"tokenURI": "https://login.example/t"}, "cookie": {"uri": "/login"}}
    return connection({"type": kind, kind: auth[kind]})


def granted(kind: str, proof: str) -> Json | HttpResponse:
    """What its login answers."""
    return {"access_token": proof} if kind == "oauth" else status(302, set_cookie=f"sid={proof}")


class TestRequest:
    @pytest.mark.parametrize(
        ("base", "relative", "url"),
        [
            ("https://a/api", "/x", "https://a/api/x"),
            ("https://a/api/", "/x", "https://a/api/x"),
            ("https://a/api", "x", "https://a/api/x"),
            ("https://a/api", "?q=1", "https://a/api?q=1"),
            ("https://a/api", "", "https://a/api"),
        ],
    )
    def test_base_and_relative_uri_meet_at_one_slash(self, base: str, relative: str, url: str) -> None:
        _, (request,) = ask(RequestSpec(relative_uri=relative), connection(baseURI=base))

        assert request.url == url

    def test_double_braces_are_encoded_in_the_address_and_triple_ones_are_not(self) -> None:
        spec = RequestSpec(relative_uri="/x?since={{at}}&raw={{{at}}}")

        _, (request,) = ask(spec, context={"at": "2024-08-01T00:00:00.000Z"})

        assert request.url.endswith("/x?since=2024-08-01T00%3A00%3A00.000Z&raw=2024-08-01T00:00:00.000Z")

    def test_a_body_template_is_rendered_as_text(self) -> None:
        spec = RequestSpec("POST", "/x", body='{"name": "{{record.name}}"}')

        _, (request,) = ask(spec, context={"record": {"name": "Größe & Maß"}})

        assert decode(request.body or b"") == {"name": "Größe & Maß"}
        assert request.headers["Content-Type"] == "application/json"

    def test_a_payload_is_sent_as_json_or_as_a_form(self) -> None:
        spec = RequestSpec("POST", "/x", payload={"a": 1, "b": "c d"}, has_payload=True)

        _, (as_json,) = ask(spec)
        _, (as_form,) = ask(replace(spec, media_type="urlencoded"))
        _, (as_parts,) = ask(replace(spec, media_type="form-data"))

        assert as_json.body == b'{"a":1,"b":"c d"}'
        assert as_form.body == b"a=1&b=c+d"
        assert as_form.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert b'name="b"\r\n\r\nc d\r\n' in (as_parts.body or b"")
        assert "boundary=" in as_parts.headers["Content-Type"]

    def test_a_template_may_look_a_key_up_in_a_table(self) -> None:
        spec = RequestSpec(
            relative_uri='/x/{{lookup "zones" record.zone}}',
            lookups=lambda name, key: {("zones", "N"): "north"}[name, str(key)],
        )

        _, (request,) = ask(spec, context={"record": {"zone": "N"}})

        assert request.url.endswith("/x/north")

    def test_headers_of_the_call_count_more_than_those_of_the_connection(self) -> None:
        through = connection(
            headers=[
                {"name": "X-Tenant", "value": "{{connection.http.unencrypted.t}}"},
                {"name": "Accept", "value": "text/csv"},
            ],
            unencrypted={"t": "north"},
        )

        _, (request,) = ask(RequestSpec(headers=(("accept", "a/b"),)), through, key="job/s1/0")

        assert request.headers["X-Tenant"] == "north"
        assert request.headers["Idempotency-Key"] == "job/s1/0"
        assert [value for name, value in request.headers.items() if name.lower() == "accept"] == ["a/b"]

    def test_a_body_that_is_to_be_json_and_is_none_is_not_sent(self) -> None:
        http, requests = calls()

        with pytest.raises(FlowHttpError) as caught:
            http.request(connection(), RequestSpec("POST", "/x", body='{"a": }'), {})

        assert (caught.value.source, caught.value.code, requests) == ("resource", "invalid_body", [])

    def test_a_broken_template_and_an_unknown_method_are_the_resources_fault(self) -> None:
        assert refused(RequestSpec(relative_uri="/{{#if}"), lambda _: {}).source == "resource"
        assert refused(RequestSpec(method="BREW"), lambda _: {}).code == "invalid_method"


class TestAnswer:
    def test_an_answer_is_read_by_its_type_and_by_its_looks(self) -> None:
        def texts(_: HttpRequest) -> HttpResponse:
            return status(200, b'[{"id": 1}]', content_type="text/plain")

        assert ask(RequestSpec())[0].body == {"ok": True}
        assert ask(RequestSpec(), answer=texts)[0].body == [{"id": 1}]
        assert ask(RequestSpec(), answer=lambda _: status(204))[0].body is None
        assert ask(RequestSpec(), answer=lambda _: status(200, b"hello", content_type="text/plain"))[0].body == "hello"

    def test_json_that_is_broken_is_a_failure_of_the_application(self) -> None:
        error = refused(RequestSpec(), lambda _: status(200, b"{oops", content_type="application/json"))

        assert (error.source, error.code, error.is_passing) == ("application", "invalid_response", False)

    @pytest.mark.parametrize(
        ("code", "passing"),
        [(400, False), (401, False), (404, False), (408, True), (429, True), (500, True), (503, True)],
    )
    def test_statuses_of_failure_say_whether_another_try_may_help(self, code: int, passing: bool) -> None:
        error = refused(RequestSpec(), lambda _: status(code, b'{"error":"no"}', content_type="application/json"))

        assert (error.source, error.code, error.is_passing) == ("application", str(code), passing)
        assert error.message == '{"error":"no"}'
        assert error.answer is not None
        assert error.answer.body == {"error": "no"}

    def test_the_message_of_a_failure_is_where_the_request_says(self) -> None:
        def refuse(_: HttpRequest) -> HttpResponse:
            return status(422, b'{"error": {"text": "ref already used"}}', content_type="application/json")

        assert refused(RequestSpec(error_path="error.text"), refuse).message == "ref already used"
        assert refused(RequestSpec(error_path="other"), refuse).message == '{"error": {"text": "ref already used"}}'

    def test_the_receiver_says_when_to_come_back_in_the_header_that_the_connection_names(self) -> None:
        def busy(_: HttpRequest) -> HttpResponse:
            return status(429, retry_after="7", x_wait="3")

        assert refused(RequestSpec(), busy).retry_after_seconds == 7
        assert refused(RequestSpec(), busy, connection(retryHeader="X-Wait")).retry_after_seconds == 3

    @pytest.mark.parametrize(
        ("error", "passing"), [(OutboundConnectError("no way"), True), (OutboundRefusedError("not there"), False)]
    )
    def test_a_receiver_out_of_reach_is_a_failure_of_the_connection(self, error: Exception, passing: bool) -> None:
        def fail(_: HttpRequest) -> HttpResponse:
            raise error

        found = refused(RequestSpec(), fail)

        assert (found.source, found.code, found.is_passing) == ("connection", "connection_failed", passing)

    def test_an_answer_that_is_too_large_is_not_the_connection_s_fault(self) -> None:
        def fail(_: HttpRequest) -> HttpResponse:
            raise OutboundTooLargeError("too large", limit=5)

        found = refused(RequestSpec(), fail)

        assert (found.source, found.code, found.is_passing) == ("application", "response_too_large", False)

    def test_no_message_shows_a_secret_of_the_connection(self) -> None:
        through = connection({"type": "token", "token": {"token": "dp-7719-secret"}})

        error = refused(RequestSpec(), lambda _: status(403, b"dp-7719-secret may not"), through)

        assert error.message == "****** may not"
        assert "dp-7719-secret" not in repr(through)

        http, _ = calls()
        answer = Answer(200, {}, {"ok": False}, "GET", "https://a", b"dp-7719-secret may not")
        with pytest.raises(FlowHttpError) as caught:
            http.judge(answer, ResponseRules(success_path="ok"), through)
        assert caught.value.message == "****** may not"

    @pytest.mark.parametrize("sent", ["dp 7719/secret", "dp%207719%2Fsecret", "ZGVwb3Q6ZHAgNzcxOS9zZWNyZXQ="])
    def test_no_message_shows_a_secret_in_the_form_that_it_was_sent_in(self, sent: str) -> None:
        through = connection({"type": "basic", "basic": {"username": "depot", "password": "dp 7719/secret"}})

        error = refused(RequestSpec(), lambda _: status(403, f"not {sent}!".encode()), through)

        assert error.message == "not ******!"

    def test_no_message_shows_a_token_that_was_granted_meanwhile(self) -> None:
        auth = {"type": "oauth", "oauth": {"tokenURI": "https://login.example/t", "clientSecret": "long-secret"}}

        def answer(request: HttpRequest) -> Any:
            if request.url.startswith("https://login"):
                return {"access_token": "granted-71"}
            return status(403, f"{request.headers['Authorization']} may not".encode())

        assert refused(RequestSpec(), answer, connection(auth)).message == "Bearer ****** may not"


class TestRules:
    @pytest.mark.parametrize(
        ("rules", "body", "is_failure"),
        [
            ({"successPath": "ok"}, {"ok": True}, False),
            ({"successPath": "ok"}, {"ok": False}, True),
            ({"successPath": "ok"}, {}, True),
            ({"successPath": "status", "successValues": ["done"]}, {"status": "done"}, False),
            ({"successPath": "status", "successValues": ["1"]}, {"status": 1}, False),
            ({"successPath": "status", "successValues": ["done"]}, {"status": "failed"}, True),
            ({"failPath": "error"}, {"error": "bad"}, True),
            ({"failPath": "error"}, {}, False),
            ({"failPath": "error", "failValues": ["true"]}, {"error": True}, True),
            ({"failPath": "error", "failValues": ["true"]}, {"error": False}, False),
            ({}, {"error": "bad"}, False),
        ],
    )
    def test_the_content_may_make_a_failure_of_a_success(self, rules: Any, body: Any, is_failure: bool) -> None:
        http, _ = calls()
        found = Answer(200, {}, body, "GET", "https://a", b"{}")

        if not is_failure:
            http.judge(found, response_rules(rules))
            return
        with pytest.raises(FlowHttpError) as caught:
            http.judge(found, response_rules(rules))
        assert caught.value.code == "response_failure"

    def test_the_message_is_where_the_rules_say(self) -> None:
        http, _ = calls()
        found = Answer(200, {}, {"ok": False, "why": {"text": "closed"}}, "GET", "https://a", b"{}")

        with pytest.raises(FlowHttpError) as caught:
            http.judge(found, ResponseRules(success_path="ok", error_path="why.text"))

        assert caught.value.message == "closed"

    def test_an_imports_rules_stand_in_lists_by_request(self) -> None:
        rules: Any = {
            "successPath": ["a", "b"],
            "successValues": [["1"], ["2", "3"]],
            "failPath": [None],
            "errorPath": "e",
        }

        assert response_rules(rules, 1) == ResponseRules("b", ("2", "3"), "", (), "e")
        assert response_rules(rules, 5) == ResponseRules(error_path="e")


class TestAuth:
    def test_basic(self) -> None:
        _, (request,) = ask(RequestSpec(), connection({"type": "basic", "basic": {"username": "u", "password": "p"}}))

        assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"u:p").decode()

    @pytest.mark.parametrize(
        ("token", "header"),
        [
            ({"token": "t"}, ("Authorization", "Bearer t")),
            (
                {"token": "t", "location": "header", "headerName": "Authorization", "scheme": "Token"},
                ("Authorization", "Token t"),
            ),
            ({"token": "t", "headerName": "X-Key"}, ("X-Key", "t")),
            ({"token": "t", "headerName": "X-Key", "scheme": " "}, ("X-Key", "t")),
        ],
    )
    def test_a_token_in_a_header(self, token: Any, header: tuple[str, str]) -> None:
        _, (request,) = ask(RequestSpec(), connection({"type": "token", "token": token}))

        assert request.headers[header[0]] == header[1]

    def test_a_token_in_the_query(self) -> None:
        through = connection({"type": "token", "token": {"token": "t&1", "location": "url", "paramName": "key"}})

        _, (request,) = ask(RequestSpec(relative_uri="/x?a=1"), through)

        assert request.url == "https://depot.example/api/x?a=1&key=t%261"

    def test_a_token_in_the_body_is_where_the_template_puts_it(self) -> None:
        through = connection({"type": "token", "token": {"token": "t1", "location": "body"}})
        spec = RequestSpec("POST", "/x", body='{"key": "{{connection.http.auth.token.token}}"}')

        _, (request,) = ask(spec, through)

        assert request.body == b'{"key": "t1"}'
        assert "Authorization" not in request.headers

    def test_a_refused_token_is_renewed_once_and_then_kept(self) -> None:
        def answer(request: HttpRequest) -> Json | HttpResponse:
            if request.url.endswith("/renew"):
                return {"data": {"token": "fresh"}}
            return {"ok": True} if request.headers.get("Authorization") == "Bearer fresh" else status(401)

        token = {
            "token": "stale-token",
            "refreshRelativeURI": "/renew",
            "refreshBody": '{"r": "{{connection.http.encrypted.refresh}}"}',
            "refreshTokenPath": "data.token",
        }
        http, requests = calls(answer)
        through = connection({"type": "token", "token": token}, encrypted={"refresh": "r-secret"})

        for _ in range(2):
            assert http.request(through, RequestSpec(relative_uri="/x"), {}).status == 200

        assert [request.url.rpartition("/")[2] for request in requests] == ["x", "renew", "x", "x"]
        assert requests[1].body == b'{"r": "r-secret"}'

    def test_a_refusal_may_be_told_by_the_content(self) -> None:
        auth = {"type": "token", "failStatusCode": 200, "failPath": "code", "failValues": ["expired"],
                "token": {"token": "stale", "refreshRelativeURI": "/renew"}}  # fmt: skip

        def answer(request: HttpRequest) -> Json:
            if request.url.endswith("/renew"):
                return {"access_token": "fresh"}
            return {"code": "ok" if request.headers["Authorization"] == "Bearer fresh" else "expired"}

        assert ask(RequestSpec(), connection(auth), answer)[0].body == {"code": "ok"}

    def test_oauth_fetches_a_token_keeps_it_and_fetches_another_when_it_is_refused(self) -> None:
        made: list[str] = []

        def answer(request: HttpRequest) -> Json | HttpResponse:
            if request.url == "https://login.example/token":
                made.append((request.body or b"").decode())
                return {"access_token": f"t{len(made)}"}
            return {"ok": True} if request.headers["Authorization"] in ("Bearer t1", "Bearer t3") else status(401)

        oauth = {"tokenURI": "https://login.example/token", "clientId": "c", "clientSecret": "s s", "scope": ["a", "b"]}
        http, requests = calls(answer)
        through = connection({"type": "oauth", "oauth": oauth})

        http.request(through, RequestSpec(), {})
        http.request(through, RequestSpec(), {})

        assert made == ["grant_type=client_credentials&client_id=c&client_secret=s+s&scope=a+b"]
        assert len(requests) == 3

    @pytest.mark.parametrize("kind", ["cookie", "oauth"])
    def test_a_request_whose_proof_another_one_renews_meanwhile_is_made_again_with_the_newer(self, kind: str) -> None:
        logins: list[str] = []

        def answer(request: HttpRequest) -> Any:
            if "login" in request.url:
                logins.append(f"n{len(logins)}")
                return granted(kind, logins[-1])
            return {"ok": True} if "n1" in proof_of(request) else refuse(request)

        def refuse(request: HttpRequest) -> Any:
            if not request.url.endswith("/slow"):
                return status(401)
            # While this one is on its way another one is refused, too, and is the first to renew the proof.
            http.request(through, RequestSpec(relative_uri="/quick"), {}, seconds=5)
            return status(401)

        def proof_of(request: HttpRequest) -> str:
            return request.headers.get("Authorization", "") + request.headers.get("Cookie", "")

        through = logging_in(kind)
        http, _ = calls(answer)

        made = http.request(through, RequestSpec(relative_uri="/slow"), {}, seconds=5)

        assert (made.status, logins) == (200, ["n0", "n1"])

    @pytest.mark.parametrize("kind", ["cookie", "oauth"])
    def test_a_request_whose_proof_another_one_has_dropped_logs_in_itself(self, kind: str) -> None:
        logins: list[str] = []

        def answer(request: HttpRequest) -> Any:
            if "login" in request.url:
                logins.append(f"n{len(logins)}")
                # The login of the one that dropped the proof fails.
                return status(503) if len(logins) == 2 else granted(kind, "t")
            if len(logins) > 2:
                return {"ok": True}
            if request.url.endswith("/slow"):
                with pytest.raises(FlowHttpError):
                    http.request(through, RequestSpec(relative_uri="/quick"), {}, seconds=5)
            return status(401)

        through = logging_in(kind)
        http, _ = calls(answer)

        made = http.request(through, RequestSpec(relative_uri="/slow"), {}, seconds=5)

        assert (made.status, len(logins)) == (200, 3)

    def test_oauth_with_a_given_token(self) -> None:
        _, (request,) = ask(RequestSpec(), connection({"type": "oauth", "oauth": {"accessToken": "given"}}))

        assert request.headers["Authorization"] == "Bearer given"

    def test_digest_answers_the_challenge_of_the_specification(self) -> None:
        challenge = (
            'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7ypf", opaque="FQhe"'
        )

        def answer(request: HttpRequest) -> Json | HttpResponse:
            return {"ok": True} if "Authorization" in request.headers else status(401, www_authenticate=challenge)

        auth = {"type": "digest", "digest": {"username": "Mufasa", "password": "Circle of Life"}}
        _, requests = ask(
            RequestSpec(relative_uri="/dir/index.html"), connection(auth, baseURI="http://www.example.org"), answer
        )

        facts = dict(re.findall(r'(\w+)="?([^",]+)', requests[1].headers["Authorization"]))

        def made(text: str) -> str:
            return hashlib.sha256(text.encode()).hexdigest()

        one, two = made("Mufasa:http-auth@example.org:Circle of Life"), made("GET:/dir/index.html")
        assert facts["response"] == made(f"{one}:7ypf:00000001:{facts['cnonce']}:auth:{two}")
        assert (facts["opaque"], facts["uri"], facts["qop"]) == ("FQhe", "/dir/index.html", "auth")

    def test_a_cookie_is_fetched_by_a_login_and_kept(self) -> None:
        def answer(request: HttpRequest) -> Json | HttpResponse:
            if request.url.endswith("/login"):
                return status(302, set_cookie="sid=1; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT, lang=de; HttpOnly")
            return {"cookie": request.headers["Cookie"]}

        http, requests = calls(answer)
        through = connection({"type": "cookie", "cookie": {"uri": "/login", "method": "POST", "body": '{"u": 1}'}})

        bodies = [http.request(through, RequestSpec(relative_uri="/x"), {}).body for _ in range(2)]

        assert bodies == [{"cookie": "sid=1; lang=de"}] * 2
        assert len(requests) == 3

    def test_wsse_proves_the_password_without_showing_it(self) -> None:
        auth = {"type": "wsse", "wsse": {"username": "u", "password": "pass-word"}}

        _, (request,) = ask(RequestSpec(), connection(auth))

        facts = dict(re.findall(r'(\w+)="([^"]*)"', request.headers["X-WSSE"]))
        raw = base64.b64decode(facts["Nonce"]) + facts["Created"].encode() + b"pass-word"
        assert facts["PasswordDigest"] == base64.b64encode(hashlib.sha1(raw, usedforsecurity=False).digest()).decode()

    def test_oauth1_signs_the_method_the_address_and_the_query(self) -> None:
        oauth1 = {
            "consumerKey": "ck",
            "consumerSecret": "cs",
            "accessToken": "at",
            "tokenSecret": "ts",
            "signatureMethod": "hmac-sha256",
        }

        _, (request,) = ask(RequestSpec(relative_uri="/x?b=2&a=1 1"), connection({"type": "oauth1", "oauth1": oauth1}))

        facts = dict(re.findall(r'(\w+)="([^"]*)"', request.headers["Authorization"]))
        own = {name: value for name, value in facts.items() if name != "oauth_signature"}
        given = sorted([*(f"{k}={v}" for k, v in own.items()), "a=1%201", "b=2"])
        base = "&".join(quote(t, safe="-._~") for t in ("GET", "https://depot.example/api/x", "&".join(given)))
        signature = base64.b64encode(hmac.new(b"cs&ts", base.encode(), "sha256").digest()).decode()
        assert facts["oauth_signature"] == quote(signature, safe="-._~")

    def test_a_signed_token_of_a_shared_secret(self) -> None:
        auth = {"type": "jwtbearer", "jwtbearer": {"secret": "s3", "payload": {"iss": "me"}, "algorithm": "HS256"}}

        _, (request,) = ask(RequestSpec(), connection(auth))

        head, payload, signature = request.headers["Authorization"].removeprefix("Bearer ").split(".")
        expected = hmac.new(b"s3", f"{head}.{payload}".encode(), "sha256").digest()
        assert base64.urlsafe_b64decode(signature + "=") == expected
        assert decode(base64.urlsafe_b64decode(payload + "=="))["iss"] == "me"  # type: ignore[index, call-overload]

    def test_a_challenge_that_is_one_long_word_is_read_in_no_time(self) -> None:
        through = connection({"type": "digest", "digest": {"username": "u", "password": "p"}})
        answer = status(401, www_authenticate="Digest " + "a" * 60_000)

        assert_cheap(0.5, lambda: refused(RequestSpec(), lambda _: answer, through))

    def test_credentials_do_not_follow_to_another_host(self) -> None:
        through = connection({"type": "token", "token": {"token": "t"}}, headers=[{"name": "X-Key", "value": "k"}])

        _, (own,) = ask(RequestSpec(url="https://depot.example/api/x?p=2"), through)
        _, (other,) = ask(RequestSpec(url="https://evil.example/x"), through)

        assert own.headers["Authorization"] == "Bearer t"
        assert not {"Authorization", "X-Key"} & set(other.headers)

    def test_nothing_that_proves_the_connection_is_written_into_a_request_to_another_host(self) -> None:
        through = connection(
            {"type": "token", "token": {"token": "t-secret", "location": "body"}}, encrypted={"pin": "p-secret"}
        )
        spec = RequestSpec(
            method="POST",
            url="https://evil.example/x",
            body='{"t": "{{connection.http.auth.token.token}}", "p": "{{connection.http.encrypted.pin}}", "n": 1}',
            headers=(("X-Pin", "{{connection.http.encrypted.pin}}"), ("X-Api-Key", "k-secret"), ("X-Page", "2")),
        )

        _, (own,) = ask(replace(spec, url="https://depot.example/api/x"), through)
        _, (other,) = ask(spec, through)

        assert b"t-secret" in (own.body or b"")
        assert (own.headers["X-Pin"], own.headers["X-Api-Key"]) == ("p-secret", "k-secret")
        assert "secret" not in f"{other.body!r} {other.headers}"
        assert other.headers["X-Page"] == "2"

    def test_a_user_before_the_host_makes_no_host_one_s_own(self) -> None:
        through = connection({"type": "token", "token": {"token": "t"}})

        for url in ("https://depot.example@evil.example/x", "https://depot.example:pw@evil.example/x"):
            _, (other,) = ask(RequestSpec(url=url), through)
            assert "Authorization" not in other.headers


class TestPing:
    def test_a_ping_that_is_answered_is_200(self) -> None:
        http, requests = calls()

        assert http.ping(connection(ping={"relativeURI": "/me"})) == (200, None)
        assert requests[0].url == "https://depot.example/api/me"

    def test_a_ping_that_fails_tells_why(self) -> None:
        http, _ = calls(lambda _: status(401, b"token expired"))

        assert http.ping(connection()) == (401, "token expired")

    def test_a_ping_is_judged_by_its_content(self) -> None:
        http, _ = calls(lambda _: {"ok": False, "why": "closed"})

        assert http.ping(connection(ping={"successPath": "ok", "errorPath": "why"})) == (400, "closed")


class TestSigning:
    """Requests whose headers or addresses are signed by their templates."""

    SIGNED = '{{{aws4 connection.http.encrypted.id connection.http.encrypted.key null "us-east-1" "service"}}}'
    KEYS: ClassVar[dict[str, Json]] = {
        "id": "AKIDEXAMPLE",
        "key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        "token": "session-77-19",
    }

    def through(self, *headers: tuple[str, str], **http: Any) -> Connection:
        named: Json = [{"name": name, "value": value} for name, value in headers]
        return connection(baseURI="https://example.amazonaws.com", headers=named, encrypted=dict(self.KEYS), **http)

    def test_a_header_signs_the_request_with_the_time_that_another_header_says(self) -> None:
        through = self.through(("Authorization", self.SIGNED), ("X-Amz-Date", "20150830T123600Z"))
        spec = RequestSpec("GET", "/?Param2=value2&Param1=value1")

        _, (request,) = ask(spec, through)

        assert request.headers["Authorization"] == (
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=host;x-amz-date, "
            "Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
        )

    def test_the_time_and_the_token_of_the_session_are_added_where_they_lack(self) -> None:
        signed = self.SIGNED.replace("null", "connection.http.encrypted.token")

        _, (request,) = ask(RequestSpec("POST", "/", body="{}"), self.through(("Authorization", signed)))

        assert re.fullmatch(r"\d{8}T\d{6}Z", request.headers["X-Amz-Date"])
        assert request.headers["X-Amz-Security-Token"] == "session-77-19"
        assert "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token," in request.headers["Authorization"]

    def test_what_was_signed_for_a_host_goes_to_no_other(self) -> None:
        signed = self.SIGNED.replace("null", "connection.http.encrypted.token")

        _, (request,) = ask(RequestSpec(url="https://elsewhere.example/2"), self.through(("Authorization", signed)))

        assert "AKIDEXAMPLE" not in str(request.headers)
        assert "session-77-19" not in str(request.headers)

    def test_an_address_carries_its_own_signature(self) -> None:
        credential = "AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fservice%2Faws4_request"
        uri = f"/x?X-Amz-Credential={credential}&X-Amz-Date=20150830T123600Z&X-Amz-Signature={self.SIGNED}"

        _, (request,) = ask(RequestSpec("GET", uri), self.through())

        plain, _, signature = request.url.partition("&X-Amz-Signature=")
        who = Credentials(str(self.KEYS["id"]), str(self.KEYS["key"]))
        assert signature == query_signature(Signable("GET", plain, {}), who, "us-east-1", "service", FixedClock().now())

    def test_a_request_can_be_hashed_and_signed_by_its_parts(self) -> None:
        through = self.through(
            ("X-Hash", '{{{hash "sha256" "hex" hashOptions.URI}}}'),
            ("X-Hmac", '{{{hmac "sha256" hmacOptions.http.encrypted.key "hex" hmacOptions.body}}}'),
            ("X-Parts", "{{hmacOptions.method}} {{hmacOptions.orderedQueryParams}} {{hashOptions.urlParametersMap.b}}"),
        )

        _, (request,) = ask(RequestSpec("POST", "/x?b=2&sign=no&a=1", body='{"n": 1}'), through)

        assert request.headers["X-Hash"] == hashlib.sha256(request.url.encode()).hexdigest()
        key = str(self.KEYS["key"]).encode()
        assert request.headers["X-Hmac"] == hmac.new(key, b'{"n": 1}', "sha256").hexdigest()
        assert request.headers["X-Parts"] == "POST a=1&b=2 2"

    def test_a_header_of_the_call_counts_more_than_a_signing_one_of_the_connection(self) -> None:
        spec = RequestSpec(headers=(("authorization", "mine"),))

        _, (request,) = ask(spec, self.through(("Authorization", self.SIGNED)))

        assert {name.lower(): value for name, value in request.headers.items()}["authorization"] == "mine"

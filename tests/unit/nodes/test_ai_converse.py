"""The `ai_converse` node and the seat of `script_execution`."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import OutboundTimeoutError
from chalicelib.domain.http import HttpRequest
from chalicelib.domain.json import Json, decode
from chalicelib.nodes.integrations import AiService
from chalicelib.nodes.steps import Result
from tests.unit.driver import Receiver, status
from tests.unit.nodes.attempts import Attempt, shown

SERVICE = AiService("https://ai.example/converse", "t0ken")
QUESTION: dict[str, Json] = {"_teamId": "team-1", "_userPrompt": "How warm is {{ $input.room }}?"}


def test_the_question_is_sent_and_the_answer_is_the_output() -> None:
    receiver = Receiver(lambda request: {"_message": "Quite."})
    outcome = Attempt(receiver, ai_service=SERVICE).perform("ai_converse", {"params": QUESTION}, {"room": "it"})

    (request,) = receiver.requests
    assert (request.method, request.url, request.timeout_seconds) == ("POST", SERVICE.url, 30.0)
    assert decode(request.body or b"") == {"_teamId": "team-1", "_input": {"message": "How warm is it?"}}
    assert request.headers["Authorization"] == "Bearer t0ken"
    assert request.headers["Idempotency-Key"] == "exec_1/step"
    assert outcome.output == {"_message": "Quite."}
    assert "t0ken" not in shown(outcome)


def test_a_conversation_goes_on_by_its_id_and_a_service_may_want_no_token() -> None:
    receiver = Receiver()
    attempt = Attempt(receiver, ai_service=AiService("https://ai.example"))
    attempt.perform("ai_converse", {"params": {**QUESTION, "_userPrompt": "?", "_converse_id": "c-9"}})

    (request,) = receiver.requests
    assert decode(request.body or b"") == {"_teamId": "team-1", "_input": {"message": "?"}, "_converse_id": "c-9"}
    assert "Authorization" not in request.headers


@pytest.mark.parametrize("missing", ["_teamId", "_userPrompt"])
def test_a_missing_member_is_named(missing: str) -> None:
    params = {name: value for name, value in QUESTION.items() if name != missing}
    outcome = Attempt(ai_service=SERVICE).perform("ai_converse", {"params": params})

    assert outcome.error is not None
    assert outcome.error.type == "invalid_config"
    assert missing in outcome.error.message


def test_without_a_service_the_step_fails_and_says_so() -> None:
    outcome = Attempt().perform("ai_converse", {"params": {**QUESTION, "_userPrompt": "?"}})

    assert outcome.error is not None
    assert (outcome.error.type, outcome.error.message) == ("ai_service_missing", "no AI service is configured")


@pytest.mark.parametrize(("code", "retryable"), [(503, True), (429, True), (403, False), (302, False)])
def test_a_refusal_of_the_service_is_a_failure_with_its_status(code: int, retryable: bool) -> None:
    attempt = Attempt(Receiver(lambda request: status(code, b"no")), ai_service=SERVICE)
    outcome = attempt.perform("ai_converse", {"params": {**QUESTION, "_userPrompt": "?"}})

    assert outcome.error is not None
    assert (outcome.error.type, outcome.error.status, outcome.error.retryable) == ("http_status", code, retryable)


def test_a_service_that_does_not_answer_is_a_failure_that_may_pass() -> None:
    def answer(_: HttpRequest) -> Json:
        raise OutboundTimeoutError

    outcome = Attempt(Receiver(answer), ai_service=SERVICE).perform(
        "ai_converse", {"params": {**QUESTION, "_userPrompt": "?"}}
    )

    assert outcome.error is not None
    assert (outcome.error.type, outcome.error.retryable) == ("timeout", True)


def test_without_a_script_engine_a_script_fails_and_says_so() -> None:
    outcome = Attempt().perform("script_execution", {"params": {"_userType": "u", "_scriptName": "s"}})

    assert outcome.error is not None
    assert (outcome.error.type, outcome.error.message, outcome.error.retryable) == (
        "script_engine_missing",
        "no script engine is installed",
        False,
    )


def test_an_engine_that_is_installed_runs_the_script() -> None:
    attempt = Attempt(script_engine=lambda context: Result(context.task.config()["params"]))

    assert attempt.perform("script_execution", {"params": {"_scriptName": "s"}}).output == {"_scriptName": "s"}

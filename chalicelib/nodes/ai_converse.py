"""`ai_converse`: a question to a team of the AI service that this installation is configured with."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.domain.errors import InvalidError, OutboundError
from chalicelib.domain.http import HttpRequest
from chalicelib.domain.json import Json, encode
from chalicelib.domain.masking import mask_json
from chalicelib.domain.run import StepError
from chalicelib.nodes.http_request import outbound_step_error, parsed, status_error
from chalicelib.nodes.integrations import AiService
from chalicelib.nodes.params import optional_text, params_of, text
from chalicelib.nodes.steps import Result, StepContext, StepFailure
from chalicelib.services.ports import HttpSender


class AiConverseNode:
    """The handler of `ai_converse`. Output: the service's answer, parsed by its content type."""

    def __init__(self, http: HttpSender, service: AiService | None) -> None:
        self._http = http
        self._service = service

    def __call__(self, context: StepContext) -> Result:
        params = params_of(context)
        body, shown = _body(params), mask_json(dict(params))
        if self._service is None:
            raise StepFailure(StepError("ai_service_missing", "no AI service is configured"), shown)
        try:
            answer = self._http.send(self._request(self._service, body, context))
        except (OutboundError, InvalidError) as error:
            raise StepFailure(outbound_step_error(error), shown) from error
        context.log("info", f"the AI service answered {answer.status}")
        if not 200 <= answer.status < 300:
            raise StepFailure(status_error(answer, context.now()), shown)
        return Result(parsed(answer), input=shown)

    def _request(self, service: AiService, body: Json, context: StepContext) -> HttpRequest:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Idempotency-Key": context.task.idempotency_key,
        }
        if service.token:
            headers["Authorization"] = f"Bearer {service.token}"
        return HttpRequest("POST", service.url, headers, encode(body), timeout_seconds=context.seconds_left)


def _body(params: Mapping[str, Json]) -> Json:
    body: dict[str, Json] = {
        "_teamId": text(params, "_teamId"),
        "_input": {"message": text(params, "_userPrompt")},
    }
    conversation = optional_text(params, "_converse_id")
    return body if conversation is None else {**body, "_converse_id": conversation}

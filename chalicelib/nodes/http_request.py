"""`http_request`: one outbound call through the guarded client.

Every call carries the step's idempotency key, the same on each attempt, so that a receiver can recognise an
effect that is repeated because its outcome was lost.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote_plus, urlencode, urlsplit, urlunsplit

from chalicelib.domain.errors import (
    InvalidError,
    OutboundDeniedError,
    OutboundError,
    OutboundRefusedError,
    OutboundTimeoutError,
    OutboundTooLargeError,
    UnavailableError,
)
from chalicelib.domain.files import MAX_FILE_BYTES, file_output
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.json import Json, decode, encode
from chalicelib.domain.masking import mask_headers, mask_json, mask_url
from chalicelib.domain.retry import retry_after
from chalicelib.domain.run import StepError
from chalicelib.nodes.http_auth import Authenticator
from chalicelib.nodes.steps import Result, StepContext, StepFailure
from chalicelib.services.ports import Clock, FileStore, HttpSender

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
DEFAULT_TIMEOUT_SECONDS = 30.0
MAX_REDIRECTS = 5
EXCERPT_CHARACTERS = 1000
# What may be answered otherwise a little later; 425 is Too Early (RFC 8470).
_RETRYABLE_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})


class HttpRequestNode:
    """The handler of `http_request`. Output: `{status, headers, body}`, the body parsed by its content type."""

    def __init__(self, http: HttpSender, clock: Clock, files: Callable[[], FileStore] | None = None) -> None:
        self._http = http
        self._clock = clock
        self._files = files
        self._authenticator = Authenticator(http, clock)

    def __call__(self, context: StepContext) -> Result:
        return self.carry_out(context, context.task.config())

    def carry_out(self, context: StepContext, config: Mapping[str, Json]) -> Result:
        """The call that `config` describes, as this step's. Raises StepFailure."""
        began_at, as_file = context.now(), self._wants_file(config)
        headers, query = self._authenticate(config.get("auth"), context.seconds_left)
        # Fetching a token may have taken its part of the time.
        seconds_left = max(context.seconds_left - (context.now() - began_at).total_seconds(), 0.1)
        request = build_request(config, headers, query, context.task.idempotency_key, seconds_left)
        if as_file:
            request = replace(request, max_response_bytes=MAX_FILE_BYTES)
        # As names stand in a query.
        hidden = {quote_plus(name) for name in query}
        shown, url = show_request(config, request, hidden), mask_url(request.url, hidden)
        try:
            response = self._http.send(request)
        except (OutboundError, InvalidError) as error:
            context.log("error", f"{request.method} {url} -> {error.message}")
            raise StepFailure(outbound_step_error(error), shown) from error
        context.log("info", f"{request.method} {url} -> {response.status}")
        # It may have been revoked before its time; another attempt, if there is one, is to fetch a new one.
        if response.status == 401:
            self._authenticator.forget(config.get("auth"))
        if not accepts(config.get("accept_status"), response.status):
            raise StepFailure(status_error(response, self._clock.now()), shown)
        if as_file and self._files is not None:
            content_type = response.headers.get("content-type") or "application/octet-stream"
            reference = store_file(self._files(), context, response.body, content_type, shown)
            return Result(_show(response, reference), input=shown)
        return Result(show_response(response), input=shown)

    def _authenticate(self, auth: Json, seconds_left: float) -> tuple[dict[str, str], dict[str, str]]:
        try:
            return self._authenticator.credentials(auth, seconds_left)
        except (OutboundError, InvalidError) as error:
            raise StepFailure(outbound_step_error(error)) from error

    def _wants_file(self, config: Mapping[str, Json]) -> bool:
        wanted = config.get("save_as_file") is True
        if wanted and self._files is None:
            raise _invalid("this installation stores no files")
        return wanted


def status_error(response: HttpResponse, now: datetime) -> StepError:
    """What a status that is no success means for the step."""
    return StepError(
        "http_status",
        f"the receiver answered {response.status}",
        retryable=response.status in _RETRYABLE_STATUSES,
        status=response.status,
        # In UTF-8 no character has more than four bytes.
        body=response.body[: EXCERPT_CHARACTERS * 4].decode("utf-8", "replace")[:EXCERPT_CHARACTERS],
        retry_after_seconds=retry_after(response.headers.get("retry-after"), now),
    )


def store_file(files: FileStore, context: StepContext, content: bytes, content_type: str, shown: Json) -> Json:
    """The reference to a new file of the step's run, which becomes output in the content's place."""
    try:
        id_ = files.put(context.task.run.id, content, content_type)
    except UnavailableError as error:
        raise StepFailure(StepError("file_store", error.message, retryable=True), shown) from error
    context.log("info", f"{len(content)} bytes stored as file {id_}")
    return file_output(id_, len(content), content_type)


@dataclass(frozen=True, slots=True)
class _Body:
    content: bytes | None
    content_type: str | None


def build_request(
    config: Mapping[str, Json],
    auth_headers: Mapping[str, str],
    auth_query: Mapping[str, str],
    idempotency_key: str,
    seconds_left: float,
) -> HttpRequest:
    """The call that a rendered configuration asks for. Raises StepFailure where a member cannot be used."""
    method = str(config.get("method", "GET")).upper()
    if method not in METHODS:
        raise _invalid(f"the method '{method[:20]}' is not supported")
    body = _body(config.get("body"))
    headers = {"Idempotency-Key": idempotency_key}
    if body.content_type:
        headers["Content-Type"] = body.content_type
    given = {**_texts(config.get("headers"), "headers"), **auth_headers}
    # Names of headers have no case: `content-type` replaces our Content-Type instead of standing beside it.
    overridden = {name.lower() for name in given}
    headers = {name: value for name, value in headers.items() if name.lower() not in overridden} | given
    return HttpRequest(
        method=method,
        url=_with_query(_url(config.get("url")), {**_query(config.get("query")), **auth_query}),
        headers=headers,
        body=body.content,
        timeout_seconds=min(_timeout(config.get("timeout_seconds")), seconds_left),
        max_redirects=MAX_REDIRECTS,
        secret_headers=frozenset(name.lower() for name in auth_headers),
    )


def _url(url: Json) -> str:
    if not isinstance(url, str) or not url.strip():
        raise _invalid("'url' is empty or not a string")
    return url.strip()


def _texts(value: Json, member: str) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _invalid(f"'{member}' must be an object")
    return {name: as_text(inner) for name, inner in value.items() if inner is not None}


def _query(value: Json) -> dict[str, str | list[str]]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _invalid("'query' must be an object")
    return {
        name: [as_text(item) for item in inner] if isinstance(inner, list) else as_text(inner)
        for name, inner in value.items()
        if inner is not None
    }


def as_text(value: Json) -> str:
    """A JSON value as it stands in a header or a query: texts as they are, anything else as JSON."""
    return value if isinstance(value, str) else encode(value).decode()


def _with_query(url: str, query: Mapping[str, str | list[str]]) -> str:
    if not query:
        return url
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise _invalid("'url' cannot be parsed") from error
    added = urlencode(query, doseq=True)
    return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))


def _body(body: Json) -> _Body:
    if body is None:
        return _Body(None, None)
    if isinstance(body, str):
        return _Body(body.encode("utf-8", "surrogatepass"), "text/plain; charset=utf-8")
    return _Body(encode(body), "application/json")


def _timeout(value: Json) -> float:
    if value is None:
        return DEFAULT_TIMEOUT_SECONDS
    try:
        seconds = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0 < seconds <= 86_400:
        raise _invalid("'timeout_seconds' must be a positive number")
    return seconds


def accepts(accepted: Json, status: int) -> bool:
    """Whether `accept_status` (a status, a text such as `2xx` or `200-299`, or a list of these) covers `status`."""
    if accepted is None:
        return 200 <= status < 300
    wanted = accepted if isinstance(accepted, list) else [accepted]
    return any(_covers(item, status) for item in wanted)


def _covers(item: Json, status: int) -> bool:
    text = str(item).strip().lower()
    if len(text) == 3 and text.endswith("xx"):
        return text[0] == str(status)[0]
    low, dash, high = text.partition("-")
    try:
        return int(low) <= status <= int(high) if dash else int(low) == status
    except ValueError as error:
        raise _invalid(f"'accept_status' cannot be {text[:20]!r}") from error


def show_request(config: Mapping[str, Json], request: HttpRequest, hidden: Collection[str] = ()) -> Json:
    """The request as the history shows it, without secrets; `hidden` are parameters of the query that are secret,
    whatever they are called."""
    shown: dict[str, Json] = {
        "method": request.method,
        "url": mask_url(request.url, hidden),
        "headers": mask_headers(request.headers, request.secret_headers),
    }
    if config.get("body") is not None:
        shown["body"] = mask_json(config["body"])
    return shown


def show_response(response: HttpResponse) -> Json:
    """`{status, headers, body}`: JSON decoded, other text as text, anything else as `{"base64": …}`."""
    return _show(response, parsed(response))


def _show(response: HttpResponse, body: Json) -> Json:
    return {"status": response.status, "headers": dict(response.headers), "body": body}


def parsed(response: HttpResponse) -> Json:
    """The body by its content type."""
    if not response.body:
        return None
    media_type, _, parameters = response.headers.get("content-type", "").partition(";")
    media_type = media_type.strip().lower()
    if media_type == "application/json" or media_type.endswith("+json"):
        try:
            return decode(response.body)
        except InvalidError:
            pass  # a receiver that mislabels its answer still answered: its text is the output
    charset = "utf-8"
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip(' "').lower() in (
            "iso-8859-1",
            "latin1",
            "latin-1",
        ):
            charset = "latin-1"
    try:
        return response.body.decode(charset)
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(response.body).decode()}


def outbound_step_error(error: OutboundError | InvalidError) -> StepError:
    """A transport failure as a step's error."""
    match error:
        case OutboundRefusedError():
            type_ = "refused_address"
        case OutboundDeniedError():
            type_ = "denied"
        case OutboundTimeoutError():
            type_ = "timeout"
        case OutboundTooLargeError():
            type_ = "answer_too_large"
        case InvalidError():
            type_ = "invalid_request"
        case _:
            type_ = "connection"
    return StepError(type_, error.message, retryable=error.retryable)


def _invalid(message: str) -> StepFailure:
    return StepFailure(StepError("invalid_config", message))

"""Calls of flows: rendered, proven, sent through the guarded client, and judged.

Secrets of the connection never come out again, whatever the receiver says: they are cut out of every message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from chalicelib.domain.errors import (
    InvalidError,
    MalformedJsonError,
    OutboundError,
    OutboundTooLargeError,
    TemplateError,
    TooLargeError,
)
from chalicelib.domain.flows.bodies import MAX_ANSWER_BYTES, content_type, of_payload, of_text, parsed
from chalicelib.domain.flows.flows import MASK
from chalicelib.domain.flows.http import (
    Answer,
    Connection,
    FlowHttpError,
    RequestSpec,
    ResponseRules,
    as_text,
    is_passing_status,
    shown,
    texts,
)
from chalicelib.domain.handlebars import Escape
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.json import Json, decode, encode
from chalicelib.domain.records.paths import MISSING, extract
from chalicelib.domain.retry import retry_after
from chalicelib.services.flows.auth import FlowAuth, joined
from chalicelib.services.flows.templates import Templates
from chalicelib.services.ports import Clock, Entropy, HttpSender

MAX_MESSAGE = 2_000
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
Context = Mapping[str, Json]


@dataclass(slots=True)
class FlowHttp:
    """Thread-safe."""

    http: HttpSender
    templates: Templates
    clock: Clock
    entropy: Entropy
    auth: FlowAuth = field(init=False)

    def __post_init__(self) -> None:
        self.auth = FlowAuth(self.http, self.clock, self.entropy)

    def request(
        self,
        connection: Connection,
        spec: RequestSpec,
        context: Context,
        *,
        idempotency_key: str | None = None,
        seconds: float = 30.0,
    ) -> Answer:
        """One call. Raises FlowHttpError for whatever does not answer with a status of success."""
        seen = {**context, "connection": connection.template_members}
        request = self.built(connection, spec, seen, idempotency_key, seconds)
        try:
            response = self._proven(connection, request, seen, seconds)
        except OutboundTooLargeError as error:
            raise FlowHttpError("application", "response_too_large", error.message) from error
        except (OutboundError, InvalidError) as error:
            passing = isinstance(error, OutboundError) and error.retryable
            text = _without(connection, error.message)
            raise FlowHttpError("connection", "connection_failed", text, is_passing=passing) from error
        except FlowHttpError as error:
            error.message = _without(connection, error.message)
            raise
        return self._answer(connection, spec, request, response)

    def built(
        self, connection: Connection, spec: RequestSpec, seen: Context, idempotency_key: str | None, seconds: float
    ) -> HttpRequest:
        """The request without its proof. Raises FlowHttpError for a template that fails, a method that is none and an
        address that cannot be one."""
        method = (spec.method or "GET").upper()
        if method not in METHODS:
            raise FlowHttpError("resource", "invalid_method", f"The method '{method[:20]}' is not supported.")
        url = spec.url or self._url(connection, spec, seen)
        media = spec.media_type or connection.media_type
        body = self._body(spec, seen, media)
        headers: dict[str, str] = {"Accept": "application/json, */*;q=0.5"}
        if body is not None:
            headers["Content-Type"] = content_type(media)
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        for name, value in (*connection.headers, *spec.headers):
            headers = {key: each for key, each in headers.items() if key.lower() != name.lower()}
            headers[name] = self._text(value, seen, spec)
        return HttpRequest(
            method, url, headers, body, timeout_seconds=max(seconds, 0.1), max_response_bytes=MAX_ANSWER_BYTES
        )

    def judge(self, answer: Answer, rules: ResponseRules, connection: Connection | None = None) -> None:
        """Raises FlowHttpError for an answer of success that its content tells to be a failure, whose message shows no
        secret of the connection that it came through."""
        found = extract(answer.body, rules.success_path) if rules.success_path else None
        if rules.success_path and not _matches(found, rules.success_values):
            raise _failed(answer, rules, connection)
        if rules.fail_path:
            found = extract(answer.body, rules.fail_path)
            if found is not MISSING and _matches(found, rules.fail_values):
                raise _failed(answer, rules, connection)

    def ping(self, connection: Connection, seconds: float = 20.0) -> tuple[int, str | None]:
        """The status that the connection's ping came to, and what is wrong with it, None if nothing is."""
        ping = connection.ping
        body = ping.get("body")
        spec = RequestSpec(
            method=as_text(ping.get("method")) or "GET",
            relative_uri=as_text(ping.get("relativeURI")),
            body=body if isinstance(body, str) and body else None,
            error_path=as_text(ping.get("errorPath")),
        )
        rules = ResponseRules(
            as_text(ping.get("successPath")),
            texts(ping.get("successValues")),
            as_text(ping.get("failPath")),
            texts(ping.get("failValues")),
            as_text(ping.get("errorPath")),
        )
        try:
            answer = self.request(connection, spec, {}, seconds=seconds)
            self.judge(answer, rules, connection)
        except FlowHttpError as error:
            status = error.answer.status if error.answer else 0
            return (status if status >= 300 else 400), error.message
        return 200, None

    def _proven(self, connection: Connection, request: HttpRequest, seen: Context, seconds: float) -> HttpResponse:
        """Credentials go to the connection's own host alone: an address that an answer named may be anywhere."""

        def render(text: str) -> str:
            return self._text(text, seen, RequestSpec())

        if _origin(request.url) != _origin(render(connection.base_uri)):
            return self.http.send(replace(request, headers=_anonymous(request.headers, connection)))
        began = self.clock.now()
        response = self.http.send(self.auth.apply(connection, request, render, seconds))
        if not _is_refused(connection, response):
            return response
        left = max(seconds - (self.clock.now() - began).total_seconds(), 0.5)
        again = self.auth.renewed(connection, request, response, render, left)
        return response if again is None else self.http.send(again)

    def _answer(
        self, connection: Connection, spec: RequestSpec, request: HttpRequest, response: HttpResponse
    ) -> Answer:
        is_success = 200 <= response.status < 300
        media = (spec.success_media_type or connection.success_media_type) if is_success else ""
        media = media or (spec.error_media_type or connection.error_media_type if not is_success else "")
        answer = Answer(
            response.status,
            response.headers,
            None,
            request.method,
            request.url,
            response.body,
            request.body,
        )
        try:
            answer = replace(answer, body=parsed(response, media))
        except (MalformedJsonError, TooLargeError) as error:
            if is_success:
                raise FlowHttpError("application", "invalid_response", error.message, answer=answer) from error
        if is_success:
            return answer
        raise FlowHttpError(
            "application",
            str(response.status),
            _without(connection, error_text(answer, spec.error_path)),
            is_passing=is_passing_status(response.status),
            retry_after_seconds=retry_after(response.headers.get(connection.retry_header.lower()), self.clock.now()),
            answer=answer,
        )

    def _url(self, connection: Connection, spec: RequestSpec, seen: Context) -> str:
        """An API names its own pages from the base or, with the base's path in front, from the host."""
        base = self._text(connection.base_uri, seen, spec)
        if not spec.has_plain_uri:
            return joined(base, self._text(spec.relative_uri, seen, spec, Escape.URI))
        host, path = _split(base)
        is_from_host = bool(path) and spec.relative_uri.startswith(f"{path}/")
        return joined(host if is_from_host else base, spec.relative_uri)

    def _body(self, spec: RequestSpec, seen: Context, media: str) -> bytes | None:
        if spec.body is not None:
            return of_text(spec.body if spec.has_plain_body else self._text(spec.body, seen, spec), media)
        return of_payload(spec.payload, media) if spec.has_payload else None

    def _text(self, template: str, seen: Context, spec: RequestSpec, escape: Escape = Escape.NONE) -> str:
        try:
            return self.templates.render(template, seen, escape=escape, is_strict=spec.is_strict, lookups=spec.lookups)
        except TemplateError as error:
            raise FlowHttpError("resource", "invalid_template", error.message) from error


def _failed(answer: Answer, rules: ResponseRules, connection: Connection | None) -> FlowHttpError:
    text = error_text(answer, rules.error_path)
    text = text if connection is None else _without(connection, text)
    return FlowHttpError("application", "response_failure", text, answer=answer)


def error_text(answer: Answer, path: str) -> str:
    """The message at the path, else what the answer says."""
    found = extract(answer.body, path) if path else MISSING
    if found is not MISSING and found not in (None, ""):
        return found[:MAX_MESSAGE] if isinstance(found, str) else encode(found).decode()[:MAX_MESSAGE]
    return _excerpt(answer)


def _matches(found: object, values: tuple[str, ...]) -> bool:
    """Without values any value that is there, and is neither empty nor false, matches."""
    if found is MISSING:
        return False
    value: Json = found  # type: ignore[assignment]
    if not values:
        return value not in (None, "", False)
    return shown(value) in values


def _is_refused(connection: Connection, response: HttpResponse) -> bool:
    if response.status != connection.refused_status:
        return False
    if not connection.refused_path:
        return True
    try:
        body = decode(response.body, max_bytes=MAX_ANSWER_BYTES)
    except (MalformedJsonError, TooLargeError):
        return False
    return _matches(extract(body, connection.refused_path), connection.refused_values)


def _origin(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
        return parts.scheme.lower(), parts.netloc.lower().rpartition("@")[2]
    except ValueError as error:
        raise FlowHttpError("resource", "invalid_url", "The address of the request cannot be read.") from error


def _split(base: str) -> tuple[str, str]:
    """What stands before the path, and the path without the slash at its end."""
    scheme, _, rest = base.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host}", f"{slash}{path}".rstrip("/")


def _anonymous(headers: Mapping[str, str], connection: Connection) -> dict[str, str]:
    """Without the connection's own headers, which may prove it as well as its auth does."""
    own = {name.lower() for name, _ in connection.headers}
    return {name: value for name, value in headers.items() if name.lower() not in own}


def _without(connection: Connection, text: str) -> str:
    for secret in connection.secrets:
        text = text.replace(secret, MASK)
    return text


def _excerpt(answer: Answer) -> str:
    text = answer.raw[: MAX_MESSAGE * 4].decode("utf-8", "replace").strip()
    return text[:MAX_MESSAGE] or f"The receiver answered {answer.status}."

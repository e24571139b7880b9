"""Calls of flows: rendered, proven, sent through the guarded client, and judged.

Secrets of the connection never come out again, whatever the receiver says: they are cut out of every message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from urllib.parse import urlsplit

from chalicelib.domain.aws_signatures import Signable
from chalicelib.domain.errors import (
    InvalidError,
    OutboundError,
    OutboundTooLargeError,
    TemplateError,
)
from chalicelib.domain.flows.bodies import MAX_ANSWER_BYTES, accepted, content_type, of_payload, of_text, parsed
from chalicelib.domain.flows.flows import MASK
from chalicelib.domain.flows.http import (
    Answer,
    Connection,
    FlowHttpError,
    Pairs,
    RequestSpec,
    ResponseRules,
    as_text,
    is_passing_status,
    shown,
    texts,
)
from chalicelib.domain.flows.signing import is_signing, options
from chalicelib.domain.handlebars import Escape
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.json import Json, encode
from chalicelib.domain.masking import is_secret_name
from chalicelib.domain.records.paths import MISSING
from chalicelib.domain.retry import retry_after
from chalicelib.services.flows.auth import FlowAuth, joined
from chalicelib.services.flows.call_logs import CallLogs
from chalicelib.services.flows.templates import Templates
from chalicelib.services.ports import Clock, Entropy, HttpSender

MAX_MESSAGE = 2_000
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
Context = Mapping[str, Json]
About = tuple[str, str]
_NOBODY: About = ("", "")
_Send = Callable[[HttpRequest], HttpResponse]


@dataclass(slots=True)
class FlowHttp:
    """Thread-safe."""

    http: HttpSender
    templates: Templates
    clock: Clock
    entropy: Entropy
    calls: CallLogs | None = None
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
        about: About = _NOBODY,
    ) -> Answer:
        """One call; `about` is the kind and the id of what makes it. Raises FlowHttpError for whatever does not answer
        with a status of success."""
        seen = {**context, "connection": connection.template_members}
        used = connection
        if spec.url is not None and not self._is_own(connection, spec.url, seen):
            # An address that an answer or a caller named may be anywhere, and credentials stay with their host.
            used, spec = connection.for_strangers(), replace(spec, headers=_harmless(spec.headers))
            seen = {**context, "connection": used.template_members}
        request = self.built(used, spec, seen, idempotency_key, seconds)
        try:
            response = self._proven(used, request, seen, seconds, partial(self._sent, connection, about))
        except OutboundTooLargeError as error:
            raise FlowHttpError("application", "response_too_large", error.message) from error
        except (OutboundError, InvalidError) as error:
            passing = isinstance(error, OutboundError) and error.retryable
            text = self.masked(connection, error.message)
            raise FlowHttpError("connection", "connection_failed", text, is_passing=passing) from error
        except FlowHttpError as error:
            # Logins fail with messages of their own, which nobody has masked yet.
            error.message = self.masked(connection, error.message)
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
        media = spec.media_type or connection.media_type
        body = self._body(spec, seen, media)
        wanted = spec.success_media_type or connection.success_media_type or spec.usual_media_type
        headers: dict[str, str] = {"Accept": accepted(wanted)}
        if body is not None:
            headers["Content-Type"] = content_type(media)
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        request = Signable(method, "", headers, body or b"")
        url = request.url = spec.url or self._url(connection, spec, seen, request)
        given = {header[0].lower(): header for header in (*connection.headers, *spec.headers)}
        # What signs comes last: it sees the other headers, whichever way round they were written.
        for name, value in sorted(given.values(), key=lambda header: is_signing(header[1])):
            # Names of headers have no case: what is given replaces ours, however it is written.
            for known in [known for known in headers if known.lower() == name.lower()]:
                del headers[known]
            headers[name] = self._signing_text(connection, value, seen, spec, request)
        return HttpRequest(
            method, url, headers, body, timeout_seconds=max(seconds, 0.1), max_response_bytes=MAX_ANSWER_BYTES
        )

    def judge(self, answer: Answer, rules: ResponseRules, connection: Connection | None = None) -> None:
        """Raises FlowHttpError for an answer of success that its content tells to be a failure, whose message shows no
        secret of the connection that it came through."""
        found = answer.found(rules.success_path) if rules.success_path else None
        if rules.success_path and not _matches(found, rules.success_values):
            raise self._failed(answer, rules, connection)
        if rules.fail_path:
            found = answer.found(rules.fail_path)
            if found is not MISSING and _matches(found, rules.fail_values):
                raise self._failed(answer, rules, connection)

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
            answer = self.request(connection, spec, {}, seconds=seconds, about=("connection", connection.id))
            self.judge(answer, rules, connection)
        except FlowHttpError as error:
            status = error.answer.status if error.answer else 0
            # A failure that only the content tells came with a status of success, which would say that all is well.
            return (status if status >= 300 else 400), error.message
        return 200, None

    def masked(self, connection: Connection, text: str) -> str:
        """Without secrets of the connection, those that were granted meanwhile included."""
        for secret in (*self.auth.granted(connection), *connection.secrets):
            text = text.replace(secret, MASK)
        return text

    def _is_own(self, connection: Connection, url: str, seen: Context) -> bool:
        """Whether the address is at the connection's own host."""
        return _origin(url) == _origin(self._text(connection.base_uri, seen, RequestSpec()))

    def _proven(
        self, connection: Connection, request: HttpRequest, seen: Context, seconds: float, send: _Send
    ) -> HttpResponse:
        def render(text: str) -> str:
            return self._text(text, seen, RequestSpec())

        began = self.clock.now()
        proven = self.auth.apply(connection, request, render, seconds)
        response = send(proven)
        if not _is_refused(connection, response):
            return response
        # Some time for the renewal even where the refusal came late.
        left = max(seconds - (self.clock.now() - began).total_seconds(), 0.5)
        again = self.auth.renewed(connection, request, proven, response, render, left)
        return response if again is None else send(again)

    def _sent(self, connection: Connection, about: About, request: HttpRequest) -> HttpResponse:
        """What came back, noted where the connection is being debugged."""
        if self.calls is None or connection.debugged_until is None or self.clock.now() >= connection.debugged_until:
            return self.http.send(request)
        began = self.clock.now()
        # Stands for every failure that is not expected here: the call is noted all the same.
        outcome: HttpResponse | str = "The call did not come to an end."
        try:
            response = outcome = self.http.send(request)
            return response
        except (OutboundError, InvalidError) as error:
            outcome = error.message
            raise
        finally:
            granted = self.auth.granted(connection)
            self.calls.note(connection, about, granted, request, outcome, (began, self.clock.now()))

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
            read = parsed(response, media, spec.usual_media_type if is_success else "", spec.xml, spec.csv)
            answer = replace(answer, body=read.body, root=read.root)
        except InvalidError as error:
            # What is said of a failure may be of any form: its text is told as it is.
            if is_success:
                raise FlowHttpError("application", "invalid_response", error.message, answer=answer) from error
        if is_success:
            return answer
        raise FlowHttpError(
            "application",
            str(response.status),
            self.masked(connection, error_text(answer, spec.error_path)),
            is_passing=is_passing_status(response.status),
            retry_after_seconds=retry_after(response.headers.get(connection.retry_header.lower()), self.clock.now()),
            answer=answer,
        )

    def _url(self, connection: Connection, spec: RequestSpec, seen: Context, request: Signable) -> str:
        """An API names its own pages from the base or, with the base's path in front, from the host."""
        base = self._text(connection.base_uri, seen, spec)
        if not spec.has_plain_uri and is_signing(spec.relative_uri):
            # A signature is of the address around it: that is rendered without one first.
            request.is_query = True
            for _ in range(2):
                text = self._signing_text(connection, spec.relative_uri, seen, spec, request, Escape.URI)
                request.url = joined(base, text)
            request.is_query = False
            return request.url
        if not spec.has_plain_uri:
            return joined(base, self._text(spec.relative_uri, seen, spec, Escape.URI))
        host, path = _split(base)
        is_from_host = bool(path) and spec.relative_uri.startswith(f"{path}/")
        return joined(host if is_from_host else base, spec.relative_uri)

    def _body(self, spec: RequestSpec, seen: Context, media: str) -> bytes | None:
        if spec.body is not None:
            # As a URI has its own, so has XML: what stands in two braces is text in it, whatever marks it holds.
            escape = Escape.XML if media == "xml" else Escape.NONE
            return of_text(spec.body if spec.has_plain_body else self._text(spec.body, seen, spec, escape), media)
        return of_payload(spec.payload, media) if spec.has_payload else None

    def _failed(self, answer: Answer, rules: ResponseRules, connection: Connection | None) -> FlowHttpError:
        text = error_text(answer, rules.error_path)
        text = text if connection is None else self.masked(connection, text)
        return FlowHttpError("application", "response_failure", text, answer=answer)

    def _signing_text(
        self,
        connection: Connection,
        template: str,
        seen: Context,
        spec: RequestSpec,
        request: Signable,
        escape: Escape = Escape.NONE,
    ) -> str:
        if not is_signing(template):
            return self._text(template, seen, spec, escape)
        try:
            known = options(request, connection)
        except ValueError as error:
            raise FlowHttpError("resource", "invalid_url", "The address of the request cannot be read.") from error
        return self._text(template, {**seen, **known}, spec, escape, request)

    def _text(
        self,
        template: str,
        seen: Context,
        spec: RequestSpec,
        escape: Escape = Escape.NONE,
        request: Signable | None = None,
    ) -> str:
        try:
            return self.templates.render(
                template, seen, escape=escape, is_strict=spec.is_strict, lookups=spec.lookups, request=request
            )
        except TemplateError as error:
            raise FlowHttpError("resource", "invalid_template", error.message) from error


def error_text(answer: Answer, path: str) -> str:
    """The message at the path, else what the answer says."""
    found = answer.found(path) if path else MISSING
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
        read = parsed(response, connection.error_media_type)
    except InvalidError:
        return False
    answer = Answer(response.status, response.headers, read.body, "", "", root=read.root)
    return _matches(answer.found(connection.refused_path), connection.refused_values)


def _origin(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
        # Credentials in front of a host are no part of it.
        return parts.scheme.lower(), parts.netloc.lower().rpartition("@")[2]
    except ValueError as error:
        raise FlowHttpError("resource", "invalid_url", "The address of the request cannot be read.") from error


def _split(base: str) -> tuple[str, str]:
    """What stands before the path, and the path without the slash at its end."""
    scheme, _, rest = base.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host}", f"{slash}{path}".rstrip("/")


def _harmless(headers: Pairs) -> Pairs:
    return tuple((name, value) for name, value in headers if not is_secret_name(name))


def _excerpt(answer: Answer) -> str:
    text = answer.raw[: MAX_MESSAGE * 4].decode("utf-8", "replace").strip()
    return text[:MAX_MESSAGE] or f"The receiver answered {answer.status}."

"""Where the dialects' routes meet Chalice: views, the one HTTP middleware, and the form of its route tables.

Chalice words its own refusals (an unknown verb, a broken view) in a shape of its own; the middleware turns them
into the door's. Its content type check and body parsing are not used.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from chalice.app import Blueprint, CORSConfig, Request, Response

from chalicelib.api.common.call import Call, Reply, of_request
from chalicelib.api.common.doors import Takes
from chalicelib.api.common.pipeline import (
    CORS_ALLOWED_HEADERS,
    CORS_EXPOSED_HEADERS,
    Answer,
    Handler,
    Pipeline,
    UnexpectedError,
)
from chalicelib.domain.errors import MethodNotAllowedError, PenstockError, RouteNotFoundError

_METHOD_NOT_ALLOWED = 405

# Paths are shared between doors, and Chalice wants one setting per path.
CORS = CORSConfig(
    allow_origin="*", allow_headers=CORS_ALLOWED_HEADERS, expose_headers=CORS_EXPOSED_HEADERS, max_age=600
)


@dataclass(frozen=True, slots=True)
class Route:
    """A verb at a path, which starts with `/` below the prefix that its blueprint is registered under. Without
    `cors` the gateway answers no preflights in its place; routes of one path agree on that."""

    method: str
    path: str
    handler: Handler
    cors: bool = True


def share(hosts: Iterable[Route], guests: Iterable[Route], takes: Takes) -> Iterator[Route]:
    """The routes of two dialects. Where both have one, the guest is given the calls that it takes."""
    unclaimed = {(route.method, route.path): route for route in guests}
    for host in hosts:
        guest = unclaimed.pop((host.method, host.path), None)
        yield host if guest is None else Route(host.method, host.path, _either(host.handler, guest.handler, takes))
    yield from unclaimed.values()


def _either(host: Handler, guest: Handler, takes: Takes) -> Handler:
    def handler(call: Call) -> Reply:
        return guest(call) if takes(call) else host(call)

    return handler


def blueprint(pipeline: Pipeline, routes: Iterable[Route]) -> Blueprint:
    """Good for one registration: Chalice empties a blueprint's route settings when it is registered."""
    made = Blueprint(__name__)
    mount(made, pipeline, routes)
    return made


def mount(blueprint: Blueprint, pipeline: Pipeline, routes: Iterable[Route]) -> None:
    for route in routes:
        # Any type: many clients send JSON under another one, which Chalice would refuse with 415.
        register = blueprint.route(
            route.path, methods=[route.method], content_types=["*/*"], cors=CORS if route.cors else None
        )
        register(_view(blueprint, pipeline, route.handler))


def _view(blueprint: Blueprint, pipeline: Pipeline, handler: Handler) -> Callable[..., Response]:
    def view(**_: str) -> Response:
        return _response(pipeline.run(of_request(blueprint.current_request), handler))

    # Chalice names a view by its function; all of these would be called `view`.
    view.__name__ = handler.__name__
    return view


def middleware(pipeline: Pipeline) -> Callable[[Request | None, Callable[[Any], Response]], Response]:
    """For `app.register_middleware(…, "http")`."""

    def reshape(request: Request | None, get_response: Callable[[Any], Response]) -> Response:
        response = get_response(request)
        error = _own_error(response)
        if request is None or error is None:
            return response
        return _response(pipeline.refuse(of_request(request), error))

    return reshape


def _own_error(response: Response) -> PenstockError | None:
    """What Chalice meant by a response that no view of ours made; None for a view's."""
    # Views answer with texts and bytes alone, so that a dictionary can only be Chalice's own.
    if not isinstance(response.body, dict):
        return None
    if response.status_code == _METHOD_NOT_ALLOWED:
        allow = response.headers.get("Allow")
        return MethodNotAllowedError(allow=allow) if allow else RouteNotFoundError()
    return UnexpectedError(str(response.body.get("Message", "")))


def _response(answer: Answer) -> Response:
    if answer.raw is not None:
        return _RawResponse(answer.raw, dict(answer.headers), answer.status)
    return Response(body=answer.body, status_code=answer.status, headers=dict(answer.headers))


class _RawResponse(Response):
    """Bytes of whatever type its headers say; what is no text goes out encoded, and the gateway decodes it.

    Chalice would judge by lists of types what is binary, on both sides of the call.
    """

    def to_dict(self, binary_types: list[str] | None = None) -> dict[str, Any]:
        # Out of its sight while it makes the rest.
        raw, self.body = self.body, ""
        answer = super().to_dict(None)
        try:
            return {**answer, "body": raw.decode()}
        except UnicodeDecodeError:
            return {**answer, "body": base64.b64encode(raw).decode(), "isBase64Encoded": True}

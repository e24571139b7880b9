"""Answers where there is no route: an unknown address, a known one with another verb, a browser's preflight.

The gateway never calls the functions for these; whoever stands in for it asks here, so that each door refuses in
its own words.
"""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.api.common.call import Call
from chalicelib.api.common.mount import CORS
from chalicelib.api.common.pipeline import Answer, Pipeline
from chalicelib.domain.errors import MethodNotAllowedError, PenstockError, RouteNotFoundError

RouteTable = Mapping[str, Mapping[str, object]]


def answer(pipeline: Pipeline, routes: RouteTable, method: str, path: str, headers: Mapping[str, str]) -> Answer:
    """`routes` is Chalice's table: verbs by path pattern. `path` is as received, without the query."""
    pattern = pattern_at(routes, path)
    lower = {name.lower(): value for name, value in headers.items()}
    verbs = [
        verb
        for verb in sorted(routes[pattern] if pattern else ())
        if not pipeline.is_nobodys(pattern or "", Call(method=verb, path=path, request_id="", headers=lower))
    ]
    # Without admission: browsers send no credentials with a preflight.
    if verbs and method == "OPTIONS":
        allow = ", ".join([*verbs, "OPTIONS"])
        return Answer(200, {**CORS.get_access_control_headers(), "Access-Control-Allow-Methods": allow}, "")
    error: PenstockError = MethodNotAllowedError(allow=", ".join(verbs)) if verbs else RouteNotFoundError()
    return pipeline.refuse(Call(method=method, path=path, request_id="", headers=lower), error)


def pattern_at(routes: RouteTable, path: str) -> str | None:
    """The pattern that fits best: of two, the one whose first differing segment is literal. None if none fits."""
    wanted = path.split("/")
    fitting = [pattern for pattern in routes if _fits(pattern.split("/"), wanted)]
    # False sorts before True, so a literal segment wins over a variable one, from left to right.
    return min(fitting, key=lambda pattern: [part.startswith("{") for part in pattern.split("/")], default=None)


def _fits(pattern: list[str], wanted: list[str]) -> bool:
    if pattern[-1].endswith("+}"):
        # The rest of the address, however many segments it has.
        wanted = [*wanted[: len(pattern) - 1], "/".join(wanted[len(pattern) - 1 :])]
    return len(pattern) == len(wanted) and all(
        part == given or (part.startswith("{") and given != "") for part, given in zip(pattern, wanted, strict=True)
    )

"""The console: an application in the browser that speaks to the API as any other client does.

Nothing of a workspace is in what is served here. The script asks for a key and keeps it in its tab; the policy that
goes with the document lets it reach this very host and nothing else, and run only what comes with the package.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.doors import Door
from chalicelib.api.common.mount import Route
from chalicelib.api.common.static import StaticFiles, revalidated
from chalicelib.domain.errors import MethodNotAllowedError, NotFoundError, PenstockError

PREFIX = "/console"
_DOCUMENT = "index.html"
_STAGE = re.compile(r"[A-Za-z0-9/._~-]*")
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self' data:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    # What would make markup of a text throws where browsers know this.
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
_DOCUMENT_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-cache",
}
FILES = StaticFiles(Path(__file__).parent / "static", hidden=frozenset({_DOCUMENT}))


def door() -> Door:
    """Whoever comes gets the application, which shows nothing without a key."""
    return Door((PREFIX,), lambda _: None, _shape)


def routes() -> tuple[Route, ...]:
    """Below `PREFIX`. Scripts find each other, and the API, by addresses relative to their own."""
    return (
        Route("GET", "/", document),
        Route("GET", "/{version}/{name}", file),
        Route("GET", "/{version}/{name}/{file}", file),
    )


def document(call: Call) -> Reply:
    """The gateway serves it with a slash at its end, too, so that what it needs is not addressed relative to it, but
    from the root on: with the stage or base path before it that the gateway was called with."""
    stage = urlsplit(call.base_url).path
    # It goes into attributes as it stands; anything but a plain path would be markup.
    return revalidated(call, _document(stage if _STAGE.fullmatch(stage) else ""), _DOCUMENT_HEADERS)


def file(call: Call) -> Reply:
    params = call.params
    name = f"{params['name']}/{params['file']}" if "file" in params else params["name"]
    return FILES.reply(call, name, params["version"])


# Bounded: what stands before the console's path is the caller's to choose where a proxy hands it on.
@lru_cache(maxsize=8)
def _document(stage: str) -> bytes:
    return FILES.text(_DOCUMENT).replace("{{root}}", f"{stage}{PREFIX}/{FILES.version}").encode()


def _shape(error: PenstockError) -> Reply:
    if isinstance(error, MethodNotAllowedError):
        return _plain(405, {"Allow": str(error.facts.get("allow") or "GET")})
    return _plain(404 if isinstance(error, NotFoundError) else 500, {})


def _plain(status: int, headers: dict[str, str]) -> Reply:
    text = {404: "There is nothing here.\n", 405: "Only GET is answered here.\n"}.get(status, "Something went wrong.\n")
    return Reply(status, text=text, headers={**headers, "Content-Type": "text/plain; charset=utf-8"})

"""The API's own document: `/openapi.json`, and `/docs` for people. Both hold nothing of anybody and are open to all.

Whatever makes the document is loaded with the first call of it: most of the API's processes never see any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.mount import Route
from chalicelib.api.common.services import Services
from chalicelib.api.common.static import StaticFiles, revalidated

if TYPE_CHECKING:
    from chalicelib.api.common.describe import DoorDocument

PATH = "/openapi.json"
PAGE_PATH = "/docs"

Doors = Callable[[], Iterable["DoorDocument"]]

_PAGE = "docs.html"
_FILES = StaticFiles(Path(__file__).parent / "static", hidden=frozenset({_PAGE}))
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "img-src": "data:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    # What would make markup of a text throws where browsers know this.
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
_PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-cache",
}


class DocumentCalls:
    def __init__(self, services: Callable[[], Services], doors: Doors) -> None:
        self._services = services
        self._doors = doors

    def document(self, call: Call) -> Reply:
        from chalicelib.api.document.serving import served

        return served(call, self._services().public_base_url or call.base_url, self._doors)

    def page(self, call: Call) -> Reply:
        return revalidated(call, _page(), _PAGE_HEADERS)

    def file(self, call: Call) -> Reply:
        return _FILES.reply(call, call.params["name"], call.params["version"])


def routes(services: Callable[[], Services], doors: Doors) -> tuple[Route, ...]:
    """Below no prefix. The page's addresses are relative, whatever the gateway puts before them."""
    calls = DocumentCalls(services, doors)
    return (
        Route("GET", PATH, calls.document),
        Route("GET", PAGE_PATH, calls.page),
        Route("GET", f"{PAGE_PATH}/{{version}}/{{name}}", calls.file),
    )


@cache
def _page() -> bytes:
    return _FILES.text(_PAGE).replace("{{version}}", _FILES.version).encode()

"""The page that shows a pin: one document for every pin, without anything of the pin in it.

Style and script stand in the document, and the policy that goes with it allows those two by their hashes, calls of
this very host, and nothing else. What the script shows it gets from the API, and puts into the document as text.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from chalicelib.api.common.call import Reply

_STATIC = Path(__file__).parent / "static"


@cache
def page() -> Reply:
    style, script = _static("page.css"), _static("page.js")
    text = _static("page.html").replace("{{style}}", style).replace("{{script}}", script)
    policy = {
        "default-src": "'none'",
        # No 'unsafe-inline': text that gets into the document as markup does not run.
        "script-src": _hash(script),
        "style-src": _hash(style),
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        # A pin's address is all that one needs to see a public one: it is not told to others.
        "Referrer-Policy": "no-referrer",
        # For browsers that do not know `frame-ancestors`.
        "X-Frame-Options": "DENY",
        "Cache-Control": "no-cache",
    }
    return Reply(200, text=text, headers=headers)


def _static(name: str) -> str:
    """Neither of the texts may end the element that it stands in."""
    text = (_STATIC / name).read_text(encoding="utf-8").strip()
    assert "</s" not in text or name.endswith(".html"), name
    return text


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

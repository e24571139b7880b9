"""What an endpoint may be told to be: its URL's form, headers, filter and pace. Everything refused is an InvalidError
that names the field, with a sentence for whoever registers it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from chalicelib.domain.errors import InvalidError

LONGEST_URL = 2_048
LONGEST_NAME = 255
LONGEST_DESCRIPTION = 1_024
MOST_HEADERS = 20
LONGEST_HEADER = 1_024
MOST_EVENT_TYPES = 50
LONGEST_EVENT_TYPE = 128
FASTEST = 1_000

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}")
# No blanks at the ends, which HTTP strips, and no line ends, behind which another header would begin.
_PRINTABLE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?|")
_OURS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "idempotency-key",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)
_OUR_PREFIXES = ("webhook-", "x-pd-", "x-pindown-")


def check_url(url: str) -> str:
    """The spelling alone; whether the address may be called is another question."""
    if len(url) > LONGEST_URL:
        raise InvalidError(f"url has more than {LONGEST_URL} characters", field="url")
    try:
        parts = urlsplit(url)
        complete = parts.scheme.lower() in {"http", "https"} and bool(parts.hostname)
    # urlsplit refuses some texts outright, such as those with unbalanced brackets.
    except ValueError:
        complete = False
    if not complete:
        raise InvalidError("url must be an http(s) URL", field="url")
    return url


def check_name(name: str) -> str:
    return _short(name, "name", LONGEST_NAME)


def check_description(description: str) -> str:
    return _short(description, "description", LONGEST_DESCRIPTION)


def check_headers(headers: Mapping[str, object]) -> dict[str, str]:
    if len(headers) > MOST_HEADERS:
        raise InvalidError(f"headers has more than {MOST_HEADERS} members", field="headers")
    seen: set[str] = set()
    checked = {}
    for name, value in headers.items():
        lower = name.lower()
        if _TOKEN.fullmatch(name) is None:
            raise InvalidError(f"headers: {name[:40]!r} is not the name of a header", field="headers")
        if lower in _OURS or lower.startswith(_OUR_PREFIXES):
            raise InvalidError(f"headers: {name} is set by the delivery itself", field="headers")
        if lower in seen:
            raise InvalidError(f"headers: {name} is there twice", field="headers")
        if not isinstance(value, str) or len(value) > LONGEST_HEADER or _PRINTABLE.fullmatch(value) is None:
            raise InvalidError(
                f"headers: {name} must be a text of up to {LONGEST_HEADER} printable characters", field="headers"
            )
        seen.add(lower)
        checked[name] = value
    return checked


def check_event_types(types: Iterable[object]) -> frozenset[str]:
    checked = list(types)
    if len(checked) > MOST_EVENT_TYPES:
        raise InvalidError(f"event_types has more than {MOST_EVENT_TYPES} items", field="event_types")
    texts = [each for each in checked if isinstance(each, str) and 0 < len(each) <= LONGEST_EVENT_TYPE]
    if len(texts) != len(checked):
        raise InvalidError(
            f"event_types must be a list of texts of 1 to {LONGEST_EVENT_TYPE} characters", field="event_types"
        )
    return frozenset(texts)


def check_rate_limit(rate: int) -> int:
    if not 1 <= rate <= FASTEST:
        raise InvalidError(f"rate_limit must be a whole number from 1 to {FASTEST}, or null", field="rate_limit")
    return rate


def check_event_type(type_: str) -> str:
    if not 0 < len(type_) <= LONGEST_EVENT_TYPE:
        raise InvalidError(f"type must have 1 to {LONGEST_EVENT_TYPE} characters", field="type")
    return type_


def _short(text: str, name: str, longest: int) -> str:
    if len(text) > longest:
        raise InvalidError(f"{name} has more than {longest} characters", field=name)
    return text

"""The log of a connection's calls while it is being debugged: what was sent and what came back, without secrets.

A secret is known by the connection that it is of, wherever it stands, and else by the name of what holds it.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.flows.flows import MASK
from chalicelib.domain.flows.http import Connection, as_text
from chalicelib.domain.json import Json, encode_text
from chalicelib.domain.masking import is_secret_name
from chalicelib.domain.times import iso_ms, parse_iso

LONGEST = timedelta(hours=1)
"""How long a connection is debugged after its last change, at most."""
KEPT = timedelta(hours=24)
LONGEST_BODY = 16 * 1024
LONGEST_VALUE = 500
LONGEST_URL = 8 * 1024
MOST_HEADERS = 40

# The quote at the end may be missing, because bodies are cut before they are masked.
_MEMBER = re.compile(r'"(?P<name>[^"\\]{1,100})"\s*:\s*(?P<value>"(?:[^"\\]|\\.)*"?|[^\s,\]}{\[]+)')
_PAIR = re.compile(r"(?P<before>^|[?&;])(?P<name>[^=&?;#\s<>\"]{1,100})=(?P<value>[^&;#\s<>\"]*)")
_ELEMENT = re.compile(r"<(?P<name>[\w.:-]{1,100})(?P<attributes>[^<>]*)>(?P<value>[^<]+)")
_ATTRIBUTE = re.compile(r"(?P<name>[\w.:-]{1,100})=(?P<quote>[\"'])(?P<value>[^\"'<>]*)")
_USER = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]{0,20}://)[^/?#\s@\"]{1,300}@", re.IGNORECASE)
# WSSE proves itself in a header whose name tells nothing of secrets.
_OWN_NAMES = frozenset({"x-wsse"})


@dataclass(frozen=True, slots=True)
class CallRecord:
    """`kind` and `resource_id` are of what made the call. `request` and `response` are as they are shown."""

    id: str
    kind: str
    resource_id: str
    began_at: datetime
    ended_at: datetime
    request: Mapping[str, Json]
    response: Mapping[str, Json]

    @property
    def text(self) -> str:
        """Two entries: time, id, and what made the call, above what was sent and above what came back."""
        of = f"{self.id} {self.kind} {self.resource_id}"
        asked, answered = encode_text(dict(self.request)), encode_text(dict(self.response))
        return f"{iso_ms(self.began_at)} {of}\n{asked}\n{iso_ms(self.ended_at)} {of}\n{answered}\n"


def debugged_until(debug_date: Json, updated_at: datetime) -> datetime | None:
    """Until when the calls of a connection are noted, whose document says so; None for never."""
    text = as_text(debug_date)
    if not text:
        return None
    try:
        # Whatever date was written: debugging that nobody remembers ends by itself.
        return min(parse_iso(text), updated_at + LONGEST)
    except InvalidError:
        return None


class Masking:
    """What must not be shown of the calls of a connection; `granted` are secrets that it was given meanwhile."""

    def __init__(self, connection: Connection, granted: Iterable[str] = ()) -> None:
        auth = connection.auth
        names = (as_text(auth.get(name)).lower() for name in ("headerName", "paramName"))
        self._names = _OWN_NAMES | {name for name in names if name}
        forms = {form for secret in (*connection.secrets, *granted) for form in _forms(secret)}
        # The longest first, so that none is left of which another is a part.
        self._secrets = sorted(forms, key=len, reverse=True)

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> dict[str, Json]:
        # Twice what is shown is masked, so that a secret which the shown end cuts through is still known whole.
        address = self._text(url[: LONGEST_URL * 2])[:LONGEST_URL]
        shown: dict[str, Json] = {"url": address, "method": method, "headers": self._headers(headers)}
        return shown if body is None else {**shown, "body": self._body(body)}

    def response(self, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Json]:
        return {"statusCode": status, "headers": self._headers(headers), "body": self._body(body)}

    def failure(self, message: str) -> dict[str, Json]:
        return {"error": self._text(message[:LONGEST_VALUE])}

    def _headers(self, headers: Mapping[str, str]) -> dict[str, Json]:
        kept = list(headers.items())[:MOST_HEADERS]
        return {name: MASK if self._hides(name) else self._text(value)[:LONGEST_VALUE] for name, value in kept}

    def _body(self, body: bytes) -> str:
        # Masked first and cut after it, so that no secret is spared because its end is cut off.
        text = self._text(body[: LONGEST_BODY * 2].decode("utf-8", "replace"))
        if len(body) > LONGEST_BODY * 2:
            # What the first cut left of a secret is not known as one, so as much of the end goes as a secret may take.
            text = text[: -max(map(len, self._secrets), default=1)]
        is_whole = len(body) <= LONGEST_BODY * 2 and len(text) <= LONGEST_BODY
        return text if is_whole else f"{text[:LONGEST_BODY]}…"

    def _text(self, text: str) -> str:
        # Known secrets first: the patterns below end at quotes and ampersands, which a secret may hold.
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        text = _USER.sub(rf"\g<scheme>{MASK}@", text)
        text = _MEMBER.sub(lambda found: self._named(found, f'"{MASK}"'), text)
        text = _ELEMENT.sub(lambda found: self._named(found, MASK), text)
        text = _ATTRIBUTE.sub(lambda found: self._named(found, MASK), text)
        return _PAIR.sub(lambda found: self._named(found, MASK), text)

    def _named(self, found: re.Match[str], mask: str) -> str:
        """With its value masked, if the name is that of a secret."""
        if not found["value"] or not self._hides(found["name"].rpartition(":")[2]):
            return found[0]
        start = found.start("value") - found.start()
        return f"{found[0][:start]}{mask}{found[0][start + len(found['value']) :]}"

    def _hides(self, name: str) -> bool:
        return name.lower() in self._names or is_secret_name(name)


def _forms(secret: str) -> set[str]:
    """As it may stand in an address, in JSON, in XML, and in what is encoded whole."""
    raw = secret.encode("utf-8", "replace")
    escaped = secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {
        *(secret, quote(secret, safe=""), quote(secret), quote(secret, safe="").replace("%20", "+")),
        *(encode_text(secret)[1:-1], escaped, b64encode(raw).decode()),
    }

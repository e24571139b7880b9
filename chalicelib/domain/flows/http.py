"""Calls of flows over HTTP, as values: the connection that they go through, what is asked, and what came back.

A connection's document is read once, with its secrets in place, into a `Connection`, which is never stored or shown.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import quote

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.flows.csv import CsvRules
from chalicelib.domain.flows.xml import Element, XmlRules, element_json
from chalicelib.domain.json import Json
from chalicelib.domain.records.paths import MISSING, Missing, extract

USUAL_XML = XmlRules()
USUAL_CSV = CsvRules()
DEFAULT_CONCURRENCY = 25
MAX_CONCURRENCY = 50
DEFAULT_RETRY_HEADER = "Retry-After"
_PASSING_STATUSES = frozenset({408, 425, 429})

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, repr=False)
class Connection:
    """`auth` is the block of its `auth_type`; `refused_*` say which answers mean that the credentials are no good.
    Texts of `base_uri` and `headers` are templates."""

    id: str
    workspace_id: str
    revision: int
    name: str
    base_uri: str
    offline: bool = False
    media_type: str = "json"
    success_media_type: str = ""
    error_media_type: str = ""
    headers: Pairs = ()
    auth_type: str = ""
    auth: Mapping[str, Json] = field(default_factory=dict)
    refused_status: int = 401
    refused_path: str = ""
    refused_values: tuple[str, ...] = ()
    ping: Mapping[str, Json] = field(default_factory=dict)
    concurrency: int = DEFAULT_CONCURRENCY
    slots_of: str = ""
    """The connection whose concurrency it shares: its own id, or that of another."""
    retry_header: str = DEFAULT_RETRY_HEADER
    encrypted: Mapping[str, Json] = field(default_factory=dict)
    unencrypted: Mapping[str, Json] = field(default_factory=dict)
    settings: Mapping[str, Json] = field(default_factory=dict)
    debugged_until: datetime | None = None
    """Its calls are noted until then."""

    @property
    def template_members(self) -> dict[str, Json]:
        """What templates may name as `connection`."""
        http: dict[str, Json] = {"encrypted": dict(self.encrypted), "unencrypted": dict(self.unencrypted)}
        http["auth"] = {self.auth_type: dict(self.auth)} if self.auth_type else {}
        return {"name": self.name, "settings": dict(self.settings), "http": {**http, "baseURI": self.base_uri}}

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that must not stand in an error, in the forms that they are sent in. The longest come first: cut out
        before it, a shorter one would leave the rest of the one that begins with it."""
        found = [*_texts(dict(self.auth)), *_texts(dict(self.encrypted))]
        pair = f"{as_text(self.auth.get('username'))}:{as_text(self.auth.get('password'))}"
        # As Basic carries them.
        found += [b64encode(pair.encode()).decode(), *(quote(text, safe="") for text in found)]
        return tuple(sorted({text for text in found if len(text) >= SHORTEST_SECRET}, key=len, reverse=True))

    def for_strangers(self) -> Connection:
        """What is left of it for a request to another host: nothing that proves it, neither to be added nor to be named
        by a template."""
        return replace(self, headers=(), auth_type="", auth={}, encrypted={})


# Cutting shorter ones out would leave holes in every message, which tell what they are.
SHORTEST_SECRET = 6


@dataclass(frozen=True, slots=True)
class RequestSpec:
    """One call. `relative_uri`, `body` and the values of `headers` are templates; an absolute `url`, such as an answer
    named as the next page, is none and takes the place of base and relative URI. `payload`, if `has_payload`, is sent
    where there is no `body`, in the form of the media type. Media types are short names such as `json`; "" is the
    connection's. What an answer led to is plain text, whatever braces it holds, and no template."""

    method: str = "GET"
    relative_uri: str = ""
    body: str | None = None
    headers: Pairs = ()
    url: str | None = None
    payload: Json = None
    has_payload: bool = False
    media_type: str = ""
    success_media_type: str = ""
    error_media_type: str = ""
    usual_media_type: str = ""
    """Of answers of success that say of none themselves, and are to have none."""
    xml: XmlRules = USUAL_XML
    csv: CsvRules = USUAL_CSV
    is_strict: bool = False
    has_plain_uri: bool = False
    has_plain_body: bool = False
    error_path: str = ""
    """Where an answer with a status of failure has its message."""
    lookups: Callable[[str, Json], Json] | None = None
    """The value for a table's name and a key, for `{{lookup "table" key}}`."""


@dataclass(frozen=True, slots=True)
class ResponseRules:
    """Which of the answers with a status of success are failures all the same, and where their message is."""

    success_path: str = ""
    success_values: tuple[str, ...] = ()
    fail_path: str = ""
    fail_values: tuple[str, ...] = ()
    error_path: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is parsed by its media type; `headers` have lower-case names. `url` is what was asked, `request_body` what
    was sent, `root` is there for XML."""

    status: int
    headers: Mapping[str, str]
    body: Json
    method: str
    url: str
    raw: bytes = b""
    request_body: bytes | None = None
    root: Element | None = None

    def found(self, path: str) -> Json | Missing:
        """The value at a path, which for XML may be one of elements: its text, or texts if there are several."""
        # A path may be one of members, of the JSON that the XML became, or of elements: members come first.
        plain = MISSING if path.startswith("/") else extract(self.body, path)
        if self.root is None or plain is not MISSING:
            return extract(self.body, path) if self.root is None else plain
        texts_ = [each if isinstance(each, str) else each.whole_text.strip() for each in _selected(self.root, path)]
        return MISSING if not texts_ else texts_[0] if len(texts_) == 1 else list[Json](texts_)

    def records(self, path: str, xml: XmlRules = USUAL_XML) -> list[Json]:
        """What lies at the path: the elements of a list, or one record. Without a path the whole; a path that leads
        nowhere gives no records."""
        if self.root is not None and path:
            selected = _selected(self.root, path)
            return [each if isinstance(each, str) else element_json(each, xml) for each in selected]
        return records_of(self.body, path)


def records_of(body: Json, path: str) -> list[Json]:
    """Of an answer that is no XML."""
    found = extract(body, path) if path else body
    if found is MISSING or found is None or found == "":
        return []
    return list(found) if isinstance(found, list) else [found]


def _selected(root: Element, path: str) -> list[Element | str]:
    """A path that cannot be read leads nowhere, as one in JSON does."""
    # Loaded with the first XML: few flows speak it, and all of them start cold.
    from chalicelib.domain.flows.xpath import select

    try:
        return select(root, path)
    except InvalidError:
        return []


class FlowHttpError(Exception):
    """A call that failed. `source` and `code` are those of an error of a flow; `is_passing` says that another try may
    help. `answer` is there if one came."""

    def __init__(
        self,
        source: str,
        code: str,
        message: str,
        *,
        is_passing: bool = False,
        retry_after_seconds: float | None = None,
        answer: Answer | None = None,
    ) -> None:
        super().__init__(message)
        self.source = source
        self.code = code
        self.message = message
        self.is_passing = is_passing
        self.retry_after_seconds = retry_after_seconds
        self.answer = answer


def is_passing_status(status: int) -> bool:
    return status in _PASSING_STATUSES or status >= 500


def connection_of(id_: str, workspace_id: str, revision: int, document: Mapping[str, Json]) -> Connection:
    """A connection of type http from its document, secrets in place."""
    http = as_object(document.get("http"))
    auth = as_object(http.get("auth"))
    auth_type = as_text(auth.get("type"))
    token = as_object(auth.get("token"))
    borrowed = as_text(document.get("_borrowConcurrencyFromConnectionId"))
    return Connection(
        id=id_,
        workspace_id=workspace_id,
        revision=revision,
        name=as_text(document.get("name")),
        base_uri=as_text(http.get("baseURI")),
        offline=document.get("offline") is True,
        media_type=as_text(http.get("mediaType")) or "json",
        success_media_type=as_text(http.get("successMediaType")),
        error_media_type=as_text(http.get("errorMediaType")),
        headers=pairs(http.get("headers")),
        auth_type=auth_type,
        auth=as_object(auth.get(auth_type)) if auth_type != "token" else token,
        refused_status=_whole(auth.get("failStatusCode"), 401, 1, 599),
        refused_path=as_text(auth.get("failPath")),
        refused_values=texts(auth.get("failValues")),
        ping=as_object(http.get("ping")),
        concurrency=_whole(http.get("concurrencyLevel"), DEFAULT_CONCURRENCY, 1, MAX_CONCURRENCY),
        slots_of=borrowed or id_,
        retry_header=as_text(http.get("retryHeader")) or DEFAULT_RETRY_HEADER,
        encrypted=as_object(http.get("encrypted")),
        unencrypted=as_object(http.get("unencrypted")),
        settings=as_object(document.get("settings")),
    )


def response_rules(response: Json, index: int | None = None) -> ResponseRules:
    """Of an export's `http.response`; of an import's, whose members are lists by request, with its `index`."""
    rules = as_object(response)

    def at(name: str) -> Json:
        value = rules.get(name)
        if index is None or not isinstance(value, list):
            return value
        return value[index] if index < len(value) else None

    return ResponseRules(
        as_text(at("successPath")),
        texts(at("successValues")),
        as_text(at("failPath")),
        texts(at("failValues")),
        as_text(rules.get("errorPath")) or as_text(at("errorPath")),
    )


def pairs(value: Json) -> Pairs:
    """A list of `{name, value}`; what has no name is left out."""
    found = value if isinstance(value, list) else []
    members = (each for each in found if isinstance(each, dict))
    return tuple((as_text(each.get("name")), as_text(each.get("value"))) for each in members if each.get("name"))


def texts(value: Json) -> tuple[str, ...]:
    """The members of a list as texts; one text alone is a list of one."""
    if isinstance(value, str):
        return (value,)
    found: Sequence[Json] = value if isinstance(value, list) else []
    return tuple(each if isinstance(each, str) else shown(each) for each in found)


def shown(value: Json) -> str:
    """A value of an answer as the text that rules compare it with."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        # Whole floats are exact up to 2^53, and 1.0 is 1 to whoever wrote the rule.
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case _:
            return str(value)


def as_object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def as_text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: Json, default: int, least: int, most: int) -> int:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return min(max(int(value), least), most) if is_number else default  # type: ignore[arg-type]


def _texts(value: Json) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            return [text for each in value.values() for text in _texts(each)]
        case list():
            return [text for each in value for text in _texts(each)]
        case _:
            return []

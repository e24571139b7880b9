"""What is wrong with the document of a connection."""

from __future__ import annotations

import re
from collections.abc import Mapping

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.flows.checks.fields import MEDIA_TYPES, METHODS, Fields
from chalicelib.domain.flows.documents import http_of
from chalicelib.domain.flows.http import MAX_CONCURRENCY
from chalicelib.domain.json import Json
from chalicelib.domain.records.problems import Problems
from chalicelib.domain.times import parse_iso

TYPES = ("http", "rest")
AUTH_TYPES = ("basic", "token", "oauth", "oauth1", "custom", "cookie", "digest", "wsse", "jwtbearer")
LOCATIONS = ("url", "header", "body")

# What a template brings nobody knows yet: the scheme, perhaps.
_BASE_URI = re.compile(r"https?://\S+|[^{]*\{\{.*", re.IGNORECASE | re.DOTALL)


def check_connection(document: Mapping[str, Json], problems: Problems) -> None:
    fields = Fields(document, problems)
    fields.named()
    fields.flag("offline")
    fields.reference("_borrowConcurrencyFromConnectionId")
    fields.reference("_integrationId")
    fields.inner("settings")
    _check_debugging(fields)
    type_ = fields.text("type", required=True)
    if type_ is not None and type_ not in TYPES:
        fields.invalid("type", f"Connections of type `{type_[:100]}` are not supported; supported are http and rest.")
    elif type_ is not None and fields.inner(type_, required=True) is not None:
        _check_http(Fields(http_of(document), problems, type_))


def _check_debugging(fields: Fields) -> None:
    until = fields.text("debugDate")
    if until:
        try:
            parse_iso(until)
        except InvalidError:
            fields.invalid("debugDate", f"Path `{fields.path('debugDate')}` is not an ISO 8601 date.")


def _check_http(http: Fields) -> None:
    base = http.text("baseURI", required=True)
    if base is not None and _BASE_URI.fullmatch(base.strip()) is None:
        http.invalid("baseURI", f"Path `{http.path('baseURI')}` has to begin with http:// or https://.")
    http.choice("mediaType", MEDIA_TYPES, required=True)
    for name in ("successMediaType", "errorMediaType"):
        http.choice(name, MEDIA_TYPES)
    http.headers()
    http.whole("concurrencyLevel", 1, MAX_CONCURRENCY)
    http.text("retryHeader")
    http.flag("disableStrictSSL")
    http.inner("unencrypted")
    encrypted = http.members.get("encrypted")
    if encrypted is not None and not isinstance(encrypted, dict):
        http.invalid("encrypted", f"Path `{http.path('encrypted')}` must be an object.")
    _check_auth(http)
    _check_ping(http)


def _check_auth(http: Fields) -> None:
    auth = http.inner("auth")
    if auth is None:
        return
    type_ = auth.choice("type", AUTH_TYPES, required=bool(auth.members))
    auth.whole("failStatusCode", 100, 599)
    auth.text("failPath")
    auth.items("failValues")
    block = None if type_ in (None, "custom") else auth.inner(str(type_), required=type_ in ("basic", "token"))
    if block is None:
        return
    if type_ == "basic":
        block.text("username", required=True)
        block.text("password")
    elif type_ == "token":
        block.text("token")
        location = block.choice("location", LOCATIONS)
        for name in ("headerName", "scheme", "paramName", "refreshRelativeURI"):
            block.text(name)
        block.choice("refreshMethod", METHODS)
        if location == "url":
            block.text("paramName", required=True)


def _check_ping(http: Fields) -> None:
    ping = http.inner("ping")
    if ping is None:
        return
    ping.choice("method", METHODS)
    for name in ("relativeURI", "body", "successPath", "failPath", "errorPath"):
        ping.text(name)
    for name in ("successValues", "failValues"):
        ping.items(name)

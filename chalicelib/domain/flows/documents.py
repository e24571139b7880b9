"""The documents of exports, imports and connections as the engine reads them, whatever form they were written in.

Old clients write a `rest` block where new ones write `http`. What was written is stored and shown as it came; whoever
acts on a document reads it through `http_of` and never meets the old form.
"""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.domain.flows.http import as_object, as_text
from chalicelib.domain.json import Json

HTTP_EXPORT, REST_EXPORT = "HTTPExport", "RESTExport"
WEBHOOK_EXPORT, SIMPLE_EXPORT = "WebhookExport", "SimpleExport"
HTTP_IMPORT, REST_IMPORT = "HTTPImport", "RESTImport"

_LISTS = ("method", "relativeURI", "body", "requestType")
"""Members of an import's `http` that are lists by request."""
_PAGING = {
    "nextPagePath": "path",
    "nextPageRelativeURI": "relativeURI",
    "linkHeaderRelation": "linkHeaderRelation",
    "maxPagePath": "maxPagePath",
    "maxCountPath": "maxCountPath",
    "lastPageStatusCode": "lastPageStatusCode",
    "lastPagePath": "lastPagePath",
    "lastPageValues": "lastPageValues",
    "pagingPostBody": "body",
}
_PAGING_METHODS = {"nextpageurl": "url", "pageargument": "page", "skipargument": "skip", "postbody": "body"}
_ARGUMENTS = {"page": "pageArgument", "skip": "skipArgument"}
_RESPONSE = {
    "resourcePath": "resourcePath",
    "successPath": "successPath",
    "successValues": "successValues",
    "failPath": "failPath",
    "failValues": "failValues",
    "errorPath": "errorPath",
    "responseIdPath": "resourceIdPath",
}
_PLAIN = (
    "method",
    "relativeURI",
    "body",
    "headers",
    "once",
    "requestType",
    "ignoreExtract",
    "ignoreLookupName",
    "existingExtract",
    "existingLookupName",
    "lookups",
)


def http_of(document: Mapping[str, Json]) -> dict[str, Json]:
    """The `http` block of a document, made of its `rest` block where it has that instead; empty for neither."""
    http, rest = document.get("http"), document.get("rest")
    if isinstance(http, dict):
        return with_lists(http) if is_import(document) else http
    if not isinstance(rest, dict):
        return {}
    # Connections have no adaptor to tell them by, and nothing else has a base.
    if "baseURI" in rest or document.get("type") == "rest":
        return _connection(rest)
    made = _step(rest)
    return with_lists(made) if is_import(document) else made


def with_http(document: Mapping[str, Json]) -> dict[str, Json]:
    """The document in the new form: what it would be had its `rest` block been written as `http`."""
    if not isinstance(document.get("rest"), dict) or isinstance(document.get("http"), dict):
        return dict(document)
    renewed = {name: value for name, value in document.items() if name != "rest"}
    if renewed.get("type") == "rest":
        renewed["type"] = "http"
    return {**renewed, "http": http_of(document)}


def is_import(document: Mapping[str, Json]) -> bool:
    return as_text(document.get("adaptorType")).endswith("Import")


def with_lists(http: Mapping[str, Json]) -> dict[str, Json]:
    """An import's `http` whose members are lists by request; one value alone is that of the only request."""
    return {
        name: [value] if name in _LISTS and value is not None and not isinstance(value, list) else value
        for name, value in http.items()
    }


def _step(rest: Mapping[str, Json]) -> dict[str, Json]:
    http: dict[str, Json] = {name: rest[name] for name in _PLAIN if name in rest}
    if "postBody" in rest:
        http["body"] = rest["postBody"]
    response = {new: rest[old] for old, new in _RESPONSE.items() if old in rest}
    if response:
        http["response"] = response
    paging = _paging(rest)
    argument = as_text(rest.get(_ARGUMENTS.get(as_text(paging.get("method")), "")))
    if argument:
        given = as_text(http.get("relativeURI"))
        mark = "&" if "?" in given else "?"
        # Old exports only name the argument; written out, it is a template of the new form.
        http["relativeURI"] = f"{given}{mark}{argument}={{{{export.http.paging.{paging['method']}}}}}"
    return {**http, "paging": paging} if paging else http


def _paging(rest: Mapping[str, Json]) -> dict[str, Json]:
    method = as_text(rest.get("pagingMethod")).lower()
    if not method:
        return {}
    paging: dict[str, Json] = {"method": _PAGING_METHODS.get(method, method)}
    return paging | {new: rest[old] for old, new in _PAGING.items() if old in rest}


def _connection(rest: Mapping[str, Json]) -> dict[str, Json]:
    same = ("baseURI", "mediaType", "headers", "encrypted", "unencrypted", "concurrencyLevel", "retryHeader")
    http: dict[str, Json] = {name: rest[name] for name in same if name in rest}
    auth = _auth(rest)
    if auth:
        http["auth"] = auth
    ping = {
        new: rest[old]
        for old, new in (
            ("pingRelativeURI", "relativeURI"),
            ("pingMethod", "method"),
            ("pingBody", "body"),
            ("pingSuccessPath", "successPath"),
            ("pingSuccessValues", "successValues"),
            ("pingFailPath", "failPath"),
            ("pingFailValues", "failValues"),
        )
        if old in rest
    }
    return {**http, "ping": ping} if ping else http


def _auth(rest: Mapping[str, Json]) -> dict[str, Json]:
    """Without an `authType` the members that are there tell it."""
    basic = as_object(rest.get("basicAuth"))
    type_ = as_text(rest.get("authType")) or ("basic" if basic else "token" if rest.get("bearerToken") else "")
    match type_:
        case "":
            return {}
        case "basic":
            return {"type": type_, "basic": basic}
        case "token":
            return {"type": type_, "token": _token(rest)}
        case "oauth":
            # The token that a grant has left behind: it proves the calls where no address for new ones is given.
            return {"type": type_, "oauth": {**_oauth(rest), "accessToken": rest.get("bearerToken")}}
        case _:
            return {"type": type_, type_: as_object(rest.get(type_))}


def _token(rest: Mapping[str, Json]) -> dict[str, Json]:
    names = (
        ("bearerToken", "token"),
        ("tokenLocation", "location"),
        ("tokenParam", "paramName"),
        ("authHeader", "headerName"),
        ("authScheme", "scheme"),
        ("refreshToken", "refreshToken"),
        ("refreshTokenMethod", "refreshMethod"),
        ("refreshTokenURI", "refreshRelativeURI"),
        ("refreshTokenBody", "refreshBody"),
        ("refreshTokenPath", "refreshTokenPath"),
        ("refreshTokenMediaType", "refreshMediaType"),
        ("refreshTokenHeaders", "refreshHeaders"),
    )
    return {new: rest[old] for old, new in names if old in rest}


def _oauth(rest: Mapping[str, Json]) -> dict[str, Json]:
    names = (("oauthTokenURI", "tokenURI"), ("refreshToken", "refreshToken"), ("scope", "scope"))
    return {new: rest[old] for old, new in names if old in rest}

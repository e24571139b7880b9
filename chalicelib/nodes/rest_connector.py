"""`rest_connector`: an outbound call that is described in Twinit's words.

Any member may come from the run, so they are put into ours when the step runs. Keys are taken with and without the
leading underscore. Output: that of `http_request`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from chalicelib.domain.json import Json
from chalicelib.domain.masking import mask_json, mask_url
from chalicelib.domain.run import StepError
from chalicelib.nodes.http_request import HttpRequestNode
from chalicelib.nodes.params import invalid, params_of, text
from chalicelib.nodes.steps import Result, StepContext, StepFailure

ACCEPTED = "100-399"
_AUTH_TYPES: Mapping[str, str] = {
    "": "none",
    "none": "none",
    "noauth": "none",
    "basic": "basic",
    "basicauth": "basic",
    "bearer": "bearer",
    "bearertoken": "bearer",
    "oauth2": "oauth2_client_credentials",
    "oauth2clientcredentials": "oauth2_client_credentials",
    "oauth2password": "oauth2_password",
    "oauth2passwordgrant": "oauth2_password",
    "oauth2passwordcredentials": "oauth2_password",
}
_AUTH_MEMBERS: Mapping[str, str] = {
    "username": "username",
    "uname": "username",
    "user": "username",
    "password": "password",
    "pwd": "password",
    "token": "token",
    "tokenurl": "token_url",
    "clientid": "client_id",
    "clientsecret": "client_secret",
    "scope": "scope",
}
_NOT_A_LETTER = re.compile(r"[^a-z0-9]")


class RestConnectorNode:
    """The handler of `rest_connector`. An answer of 400 or above fails the attempt."""

    def __init__(self, http: HttpRequestNode) -> None:
        self._http = http

    def __call__(self, context: StepContext) -> Result:
        params = params_of(context)
        shown = mask_json({**params, "_url": mask_url(str(params["_url"]))} if params.get("_url") else dict(params))
        try:
            result = self._http.carry_out(context, request_config(params))
        except StepFailure as failure:
            raise StepFailure(_repeatable(failure.error), shown) from failure
        return replace(result, input=shown)


def _repeatable(error: StepError) -> StepError:
    """A task that was given retries is tried again whatever the answer was; without them this changes nothing."""
    return replace(error, retryable=True) if error.type == "http_status" else error


def request_config(params: Mapping[str, Json]) -> dict[str, Json]:
    """The same call as a configuration of `http_request`. Raises StepFailure."""
    args = _object(params.get("_args"), "_args")
    given = {_plain(name): value for name, value in args.items()}
    config: dict[str, Json] = {
        "url": text(params, "_url"),
        "method": given.get("method") or params.get("_method") or "GET",
        "headers": given.get("headers"),
        "query": given.get("params") or given.get("query"),
        "body": given.get("body"),
        "auth": _auth(params.get("_auth")),
        "accept_status": ACCEPTED,
    }
    if params.get("_to") == "file":
        config["save_as_file"] = True
    return config


def _auth(value: Json) -> Json:
    if value is None:
        return None
    auth = {_plain(name): inner for name, inner in _object(value, "_auth").items()}
    name = str(auth.get("type") or "")
    type_ = _AUTH_TYPES.get(_plain(name))
    if type_ is None:
        raise invalid(f"the authentication '{name[:50]}' is not known")
    members = {
        _AUTH_MEMBERS[_plain(key)]: inner
        for key, inner in _object(auth.get("params"), "_params").items()
        if _plain(key) in _AUTH_MEMBERS and inner is not None
    }
    return {"type": type_, **members}


def _object(value: Json, name: str) -> Mapping[str, Json]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise invalid(f"'{name}' must be an object")
    return value


def _plain(name: str) -> str:
    """`_tokenUrl`, `token_url` and `tokenUrl` alike."""
    return _NOT_A_LETTER.sub("", name.lower())

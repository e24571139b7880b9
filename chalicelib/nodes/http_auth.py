"""Authentication of outbound calls: none, basic, bearer, api_key, and two grants of OAuth2."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlencode

from chalicelib.domain.errors import MalformedJsonError, TooLargeError
from chalicelib.domain.http import HttpRequest
from chalicelib.domain.json import Json, decode
from chalicelib.domain.run import StepError
from chalicelib.nodes.steps import StepFailure
from chalicelib.services.ports import Clock, HttpSender

# For the time that the call takes, and for clocks that differ.
_EXPIRY_MARGIN = timedelta(seconds=30)
_FETCH_SECONDS = 30.0
_MAX_TOKENS = 1000
_DEFAULT_LIFETIME_SECONDS = 300
# The endpoint may name any number, and no timedelta holds every one.
_LONGEST_LIFETIME_SECONDS = 86_400
_TOKEN_MEMBERS = ("type", "token_url", "client_id", "client_secret", "scope", "username", "password")


class Authenticator:
    """Adds credentials to a request. OAuth2 tokens are kept in memory until shortly before they expire."""

    def __init__(self, http: HttpSender, clock: Clock) -> None:
        self._http = http
        self._clock = clock
        self._tokens: dict[str, tuple[str, datetime]] = {}
        self._lock = threading.Lock()

    def credentials(self, auth: Json, seconds_left: float = 30.0) -> tuple[dict[str, str], dict[str, str]]:
        """(headers, query parameters) for the `auth` member; fetching a token takes `seconds_left` at most.

        Raises StepFailure where it makes no sense, OutboundError where a token cannot be fetched.
        """
        if auth is None:
            return {}, {}
        if not isinstance(auth, Mapping):
            raise _invalid("'auth' must be an object")
        match auth.get("type", "none"):
            case "none":
                return {}, {}
            case "basic":
                pair = f"{_text(auth, 'username')}:{_text(auth, 'password')}"
                return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}, {}
            case "bearer":
                return {"Authorization": "Bearer " + _text(auth, "token")}, {}
            case "api_key":
                pair_of_key = {_text(auth, "name", "X-API-Key"): _text(auth, "value")}
                return ({}, pair_of_key) if auth.get("in") == "query" else (pair_of_key, {})
            case "oauth2" | "oauth2_client_credentials":
                form = _client_credentials(auth)
                return {"Authorization": "Bearer " + self._token(auth, form, seconds_left)}, {}
            case "oauth2_password":
                form = _password_grant(auth)
                return {"Authorization": "Bearer " + self._token(auth, form, seconds_left)}, {}
            case other:
                raise _invalid(f"'auth.type' {other!r} is not known")

    def forget(self, auth: Json) -> None:
        """Drops a token that a receiver refused, so that the next attempt fetches a new one."""
        if isinstance(auth, Mapping):
            with self._lock:
                self._tokens.pop(_token_name(auth), None)

    def _token(self, auth: Mapping[str, Json], form: Mapping[str, str], seconds_left: float) -> str:
        name = _token_name(auth)
        with self._lock:
            token, expires_at = self._tokens.get(name, ("", self._clock.now()))
        if token and self._clock.now() < expires_at:
            return token
        # Without the lock: two threads may both fetch, but nobody waits for another's token endpoint.
        token, lifetime = self._fetch(_text(auth, "token_url"), form, seconds_left)
        with self._lock:
            if len(self._tokens) >= _MAX_TOKENS:
                self._tokens.clear()
            self._tokens[name] = (token, self._clock.now() + lifetime - _EXPIRY_MARGIN)
        return token

    def _fetch(self, url: str, form: Mapping[str, str], seconds_left: float) -> tuple[str, timedelta]:
        answer = self._http.send(
            HttpRequest(
                "POST",
                url,
                {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
                urlencode(form).encode(),
                timeout_seconds=min(_FETCH_SECONDS, seconds_left),
                max_response_bytes=64 * 1024,
            )
        )
        if answer.status != 200:
            retryable = answer.status >= 500 or answer.status == 429
            message = f"the token endpoint answered {answer.status}"
            raise StepFailure(StepError("auth", message, retryable, status=answer.status))
        try:
            grant = decode(answer.body)
        except (MalformedJsonError, TooLargeError) as error:
            raise StepFailure(StepError("auth", "the token endpoint's answer is not JSON")) from error
        token = grant.get("access_token") if isinstance(grant, Mapping) else None
        if not isinstance(token, str) or not isinstance(grant, Mapping):
            raise StepFailure(StepError("auth", "the token endpoint's answer has no access_token"))
        lifetime = grant.get("expires_in")
        seconds = lifetime if isinstance(lifetime, (int, float)) else _DEFAULT_LIFETIME_SECONDS
        return token, timedelta(seconds=min(max(seconds, 0), _LONGEST_LIFETIME_SECONDS))


def _client_credentials(auth: Mapping[str, Json]) -> dict[str, str]:
    """The form of RFC 6749 section 4.4."""
    form = {
        "grant_type": "client_credentials",
        "client_id": _text(auth, "client_id"),
        "client_secret": _text(auth, "client_secret"),
    }
    return form | _given(auth, "scope")


def _password_grant(auth: Mapping[str, Json]) -> dict[str, str]:
    """The form of RFC 6749 section 4.3; a client that is public has no secret, and may have no id."""
    form = {"grant_type": "password", "username": _text(auth, "username"), "password": _text(auth, "password")}
    return form | _given(auth, "client_id", "client_secret", "scope")


def _given(auth: Mapping[str, Json], *names: str) -> dict[str, str]:
    return {name: _text(auth, name) for name in names if auth.get(name)}


def _token_name(auth: Mapping[str, Json]) -> str:
    # Whatever decides whose token it is: workspaces share this cache, and must not share tokens.
    parts = (str(auth.get(name, "")) for name in _TOKEN_MEMBERS)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _text(auth: Mapping[str, Json], name: str, default: str | None = None) -> str:
    value = auth.get(name, default)
    if not isinstance(value, str):
        raise _invalid(f"'auth.{name}' must be a string")
    return value


def _invalid(message: str) -> StepFailure:
    return StepFailure(StepError("invalid_config", message))

"""A session with a Project Haystack server: logging in and asking for grids, within one budget of time and bytes.

A login is the server's choice: SCRAM, in which the password is proven and never sent, or Basic where it offers
nothing better.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode, urlsplit

from chalicelib.domain.errors import InvalidError, OutboundError
from chalicelib.domain.haystack import Grid, NotAGridError, grid
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.json import decode
from chalicelib.domain.run import StepError
from chalicelib.domain.scram import HASHES, ScramClient, ScramError, check_server
from chalicelib.nodes.http_request import outbound_step_error, status_error
from chalicelib.nodes.params import invalid
from chalicelib.nodes.steps import StepContext, StepFailure
from chalicelib.services.ports import Entropy, HttpSender

_NONCE_BYTES = 18
# A quote that is never closed goes to the end: looked for again from each later one, it would take quadratic time.
_PART = re.compile(r'((?:[^,"]|"(?:[^"\\]|\\.)*+\\?"?)+)')


@dataclass(frozen=True, slots=True)
class Account:
    username: str
    password: str = field(repr=False)


class HaystackSession:
    """One login. `most_bytes` bounds all answers together."""

    def __init__(self, http: HttpSender, entropy: Entropy, base: str, context: StepContext, most_bytes: int) -> None:
        self._http = http
        self._entropy = entropy
        self._base = base
        self._context = context
        self._ends_after = context.seconds_left
        self._began_at = context.now()
        self._bytes_left = most_bytes
        self._authorization: str | None = None

    def log_in(self, account: Account) -> None:
        """Raises StepFailure."""
        answer = self._send("about", f"HELLO username={_base64url(account.username.encode())}")
        if 200 <= answer.status < 300:
            return  # it serves everybody
        offered = challenges(answer.headers.get("www-authenticate", "")) if answer.status == 401 else {}
        if "scram" in offered:
            self._authorization = self._scram(account, offered["scram"])
        elif "basic" in offered:
            pair = f"{account.username}:{account.password}".encode()
            self._authorization = "Basic " + b64encode(pair).decode()
        else:
            raise _login_failure(answer)

    def read(self, op: str, **arguments: str) -> Grid:
        """The grid that an operation answers. Raises StepFailure, also for the server's error grids."""
        answer = self._send(f"{op}?{urlencode(arguments, quote_via=quote)}", self._authorization)
        if answer.status in (401, 403):
            raise _login_failure(answer)
        if not 200 <= answer.status < 300:
            raise StepFailure(status_error(answer, self._context.now()))
        try:
            # The session bounds it already, and histories for a file may be larger than `decode` takes by itself.
            found = grid(decode(answer.body, max_bytes=len(answer.body)))
        except (InvalidError, NotAGridError) as error:
            raise StepFailure(StepError("haystack", f"the answer to {op} is not a grid in JSON")) from error
        if found.problem is not None:
            raise StepFailure(StepError("haystack", f"the server refuses {op}: {found.problem[:500]}"))
        return found

    def _scram(self, account: Account, offered: Mapping[str, str]) -> str:
        hash_name = offered.get("hash", "SHA-256").upper()
        if hash_name not in HASHES:
            raise _refused(f"the server wants {hash_name[:20]}, which is not supported")
        nonce = _base64url(self._entropy.bytes(_NONCE_BYTES))
        client = ScramClient(account.username, account.password, nonce, hash_name)
        answer = self._send("about", _scram_header(client.first(), offered))
        if answer.status != 401:
            raise _login_failure(answer)
        again = challenges(answer.headers.get("www-authenticate", "")).get("scram", {})
        try:
            final, expected = client.final(_text(again.get("data", "")))
            # Each answer may bring a new handshake token, in place of the one before.
            answer = self._send("about", _scram_header(final, {**offered, **again}))
            if answer.status != 200:
                raise _login_failure(answer)
            granted = parameters(answer.headers.get("authentication-info", ""))
            check_server(_text(granted.get("data", "")), expected)
        except ScramError as error:
            raise _refused(str(error)) from error
        if not granted.get("authtoken"):
            raise _refused("the server grants no token")
        return f"BEARER authToken={granted['authtoken']}"

    def _send(self, path: str, authorization: str | None) -> HttpResponse:
        left = self._ends_after - (self._context.now() - self._began_at).total_seconds()
        if left <= 0:
            raise StepFailure(StepError("timeout", "there was no time left to ask the server", retryable=True))
        headers = {"Accept": "application/json"}
        if authorization is not None:
            headers["Authorization"] = authorization
        request = HttpRequest(
            "GET",
            self._base + path,
            headers,
            timeout_seconds=left,
            max_response_bytes=max(self._bytes_left, 1),
        )
        try:
            answer = self._http.send(request)
        except (OutboundError, InvalidError) as error:
            raise StepFailure(outbound_step_error(error)) from error
        self._bytes_left -= len(answer.body)
        return answer


def base_of(url: str, project: str) -> str:
    """Where the project's operations are: `<url>/api/<project>/`, or below a path that the URL names itself."""
    try:
        parts = urlsplit(url.strip())
    except ValueError as error:
        raise invalid("'_url' cannot be parsed") from error
    path = parts.path.rstrip("/")
    if path.rpartition("/")[2] != project:
        path = f"{path or '/api'}/{quote(project, safe='')}"
    if not parts.netloc or parts.query or parts.fragment:
        raise invalid("'_url' must be the address of a server, without a query")
    return f"{parts.scheme}://{parts.netloc}{path}/"


def challenges(header: str) -> dict[str, dict[str, str]]:
    """A WWW-Authenticate header's parameters by scheme, both in lower case."""
    found: dict[str, dict[str, str]] = {}
    scheme = ""
    for part in (match.strip() for match in _PART.findall(header)):
        words = part.split(None, 1)
        if words and "=" not in words[0]:
            scheme = words[0].lower()
            found.setdefault(scheme, {})
            part = words[1] if len(words) > 1 else ""
        if scheme:
            found[scheme] |= parameters(part)
    return found


def parameters(header: str) -> dict[str, str]:
    """`name=value` pairs with commas between, their names in lower case."""
    pairs = (part.strip().partition("=") for part in _PART.findall(header))
    return {name.strip().lower(): value.strip().strip('"') for name, equals, value in pairs if equals}


def _scram_header(message: str, offered: Mapping[str, str]) -> str:
    handshake = offered.get("handshaketoken")
    token = f"handshakeToken={handshake}, " if handshake else ""
    return f"SCRAM {token}data={_base64url(message.encode())}"


def _base64url(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")


def _text(encoded: str) -> str:
    # Servers differ: some send standard base64, some leave the padding out.
    bare = encoded.rstrip("=").replace("+", "-").replace("/", "_")
    try:
        return urlsafe_b64decode(bare + "=" * (-len(bare) % 4)).decode()
    except (binascii.Error, ValueError) as error:
        raise ScramError("the server sends what is not base64") from error


def _login_failure(answer: HttpResponse) -> StepFailure:
    if answer.status == 429 or answer.status >= 500:
        message = f"the server answered {answer.status} to the login"
        return StepFailure(StepError("auth", message, retryable=True, status=answer.status))
    return _refused(f"the server did not let the user in ({answer.status})", answer.status)


def _refused(message: str, status: int | None = None) -> StepFailure:
    return StepFailure(StepError("auth", message, status=status))

"""How calls of flows prove themselves: the auth kinds of connections.

A kind adds headers or a query to a request, and may know how to renew what a receiver refused. What was renewed is kept
in this process, by the connection's revision, and never stored.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from chalicelib.domain.errors import MalformedJsonError, OutboundError, TooLargeError
from chalicelib.domain.flows.http import SHORTEST_SECRET, Connection, FlowHttpError, as_object, as_text
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.json import Json, decode, encode
from chalicelib.domain.records.paths import MISSING, extract
from chalicelib.domain.times import iso_z
from chalicelib.services.ports import Clock, Entropy, HttpSender

AUTH_TYPES = frozenset({"basic", "token", "oauth", "oauth1", "custom", "cookie", "digest", "wsse", "jwtbearer"})
_MOST_KEPT = 1_000
# Names are bounded, because a long word without a value would be tried from each of its letters.
_CHALLENGE = re.compile(r'(\w{1,40})\s{0,8}=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')
_DIGESTS: Mapping[str, Callable[[bytes], str]] = {
    "MD5": lambda raw: hashlib.md5(raw, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda raw: hashlib.sha256(raw).hexdigest(),
}
_JWT_HASHES = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}

Render = Callable[[str], str]
"""Renders a template of the connection, as a URI or as it is."""


@dataclass(slots=True)
class FlowAuth:
    """Thread-safe."""

    http: HttpSender
    clock: Clock
    entropy: Entropy
    _kept: dict[tuple[str, str, int], str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def apply(self, connection: Connection, request: HttpRequest, render: Render, seconds: float) -> HttpRequest:
        """The request with what proves it. Raises FlowHttpError."""
        auth = connection.auth
        match connection.auth_type:
            case "basic":
                return _with_header(request, "Authorization", f"Basic {_basic(auth)}")
            case "token":
                token = self._kept_of(connection) or as_text(auth.get("token"))
                return _placed(request, auth, token)
            case "oauth":
                return _with_header(request, "Authorization", f"Bearer {self._oauth_token(connection, seconds)}")
            case "oauth1":
                return _with_header(request, "Authorization", self._oauth1(auth, request))
            case "cookie":
                return _with_header(request, "Cookie", self._cookie(connection, render, seconds))
            case "wsse":
                return _with_header(request, "X-WSSE", self._wsse(auth))
            case "jwtbearer":
                return _with_header(request, "Authorization", f"Bearer {self._jwt(auth)}")
            case _:
                return request

    def renewed(
        self,
        connection: Connection,
        request: HttpRequest,
        refused: HttpRequest,
        answer: HttpResponse,
        render: Render,
        seconds: float,
    ) -> HttpRequest | None:
        """`request`, which is without proof, proven anew after `refused`, as which it was sent, had this answer; None
        where nothing can be renewed."""
        match connection.auth_type:
            case "digest":
                header = _digest(connection.auth, request, answer, self.entropy.bytes(8).hex())
                return None if header is None else _with_header(request, "Authorization", header)
            case "token" if as_text(connection.auth.get("refreshRelativeURI")):
                self._keep(connection, self._refreshed(connection, render, seconds))
            case "oauth" if not as_text(connection.auth.get("tokenURI")):
                # A token that stands in the document would be sent again as it is.
                return None
            case "oauth" | "cookie":
                self._forget(connection, refused)
            case _:
                return None
        return self.apply(connection, request, render, seconds)

    def granted(self, connection: Connection) -> tuple[str, ...]:
        """What was renewed for the connection, and proves it now: a token, or the cookies with their values."""
        kept = self._kept_of(connection)
        values = [pair.partition("=")[2] for pair in kept.split("; ")] if connection.auth_type == "cookie" else []
        return tuple(text for text in (kept, *values) if len(text) >= SHORTEST_SECRET)

    def _oauth_token(self, connection: Connection, seconds: float) -> str:
        """The token that was granted, or a new one of the client's credentials or the refresh token (RFC 6749)."""
        kept = self._kept_of(connection)
        if kept:
            return kept
        auth = connection.auth
        uri = as_text(auth.get("tokenURI"))
        if not uri:
            return as_text(auth.get("accessToken")) or as_text(auth.get("token"))
        form = {
            "grant_type": "refresh_token" if auth.get("refreshToken") else "client_credentials",
            "client_id": as_text(auth.get("clientId")),
            "client_secret": as_text(auth.get("clientSecret")),
            "refresh_token": as_text(auth.get("refreshToken")),
            "scope": _scope(auth.get("scope")),
        }
        given = {name: value for name, value in form.items() if value}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        answer = self._send(HttpRequest("POST", uri, headers, urlencode(given).encode(), timeout_seconds=seconds))
        return self._keep(connection, _text_in(answer, "access_token"))

    def _refreshed(self, connection: Connection, render: Render, seconds: float) -> str:
        auth = connection.auth
        url = joined(render(connection.base_uri), render(as_text(auth.get("refreshRelativeURI"))))
        body = as_text(auth.get("refreshBody"))
        media = as_text(auth.get("refreshMediaType")) or connection.media_type
        headers = dict(_rendered(auth.get("refreshHeaders"), render))
        raw = render(body).encode() if body else None
        if raw is not None:
            headers.setdefault("Content-Type", _FORM if media == "urlencoded" else "application/json")
        method = as_text(auth.get("refreshMethod")).upper() or "POST"
        answer = self._send(HttpRequest(method, url, headers, raw, timeout_seconds=seconds))
        return _text_in(answer, as_text(auth.get("refreshTokenPath")) or "access_token")

    def _cookie(self, connection: Connection, render: Render, seconds: float) -> str:
        kept = self._kept_of(connection)
        if kept:
            return kept
        auth = connection.auth
        method = as_text(auth.get("method")).upper() or "POST"
        body = as_text(auth.get("body"))
        headers = {"Content-Type": "application/json"} if body else {}
        url = joined(render(connection.base_uri), render(as_text(auth.get("uri"))))
        raw = render(body).encode() if body else None
        answer = self._send(HttpRequest(method, url, headers, raw, timeout_seconds=seconds))
        cookies = [part.split(";", 1)[0].strip() for part in _cookies(answer.headers.get("set-cookie", ""))]
        if not cookies:
            raise FlowHttpError("connection", "connection_failed", "The login set no cookie.")
        return self._keep(connection, "; ".join(cookies))

    def _oauth1(self, auth: Mapping[str, Json], request: HttpRequest) -> str:
        """The header of RFC 5849 for the request."""
        method = as_text(auth.get("signatureMethod")).lower() or "hmac-sha1"
        algorithm = "sha256" if "256" in method else "sha1"
        own = {
            "oauth_consumer_key": as_text(auth.get("consumerKey")),
            "oauth_nonce": self.entropy.bytes(12).hex(),
            "oauth_signature_method": f"HMAC-{algorithm.upper()}",
            "oauth_timestamp": str(int(self.clock.now().timestamp())),
            "oauth_token": as_text(auth.get("accessToken")),
            "oauth_version": "1.0",
        }
        own = {name: value for name, value in own.items() if value}
        key = f"{_encoded(as_text(auth.get('consumerSecret')))}&{_encoded(as_text(auth.get('tokenSecret')))}"
        base = _signature_base(request, own)
        signature = base64.b64encode(hmac.new(key.encode(), base.encode(), algorithm).digest()).decode()
        realm = as_text(auth.get("realm"))
        shown = ([("realm", realm)] if realm else []) + [*own.items(), ("oauth_signature", signature)]
        return "OAuth " + ", ".join(f'{name}="{_encoded(value)}"' for name, value in shown)

    def _wsse(self, auth: Mapping[str, Json]) -> str:
        nonce, created = self.entropy.bytes(16), iso_z(self.clock.now())
        secret = as_text(auth.get("password"))
        digest = hashlib.sha1(nonce + created.encode() + secret.encode(), usedforsecurity=False).digest()
        texts = {
            "Username": as_text(auth.get("username")),
            "PasswordDigest": base64.b64encode(digest).decode(),
            "Nonce": base64.b64encode(nonce).decode(),
            "Created": created,
        }
        return "UsernameToken " + ", ".join(f'{name}="{value}"' for name, value in texts.items())

    def _jwt(self, auth: Mapping[str, Json]) -> str:
        """A token signed with a shared secret (RFC 7515, 7519), good for ten minutes unless its payload says else."""
        algorithm = (as_text(auth.get("algorithm")) or as_text(auth.get("signatureMethod")) or "HS256").upper()
        if algorithm not in _JWT_HASHES:
            raise FlowHttpError("connection", "connection_failed", f"The algorithm {algorithm[:20]} is not supported.")
        now = int(self.clock.now().timestamp())
        payload = {"iat": now, "exp": now + 600, **_payload(auth.get("payload") or auth.get("payloadTemplate"))}
        # `alg` last, so that no header of the document names another one than the signature is made with.
        header = {"typ": "JWT", **as_object(auth.get("headers")), "alg": algorithm}
        signed = f"{_base64url(encode(header))}.{_base64url(encode(payload))}"
        key = as_text(auth.get("secret")) or as_text(auth.get("privateKey"))
        signature = hmac.new(key.encode(), signed.encode(), _JWT_HASHES[algorithm]).digest()
        return f"{signed}.{_base64url(signature)}"

    def _send(self, request: HttpRequest) -> HttpResponse:
        try:
            answer = self.http.send(replace(request, max_response_bytes=256 * 1024))
        except OutboundError as error:
            raise FlowHttpError("connection", "connection_failed", error.message, is_passing=error.retryable) from error
        # A login may well answer with a redirect: its cookie is all that is wanted of it.
        if not 200 <= answer.status < 400:
            message = f"The login answered {answer.status}."
            passing = answer.status >= 500 or answer.status == 429
            raise FlowHttpError("connection", str(answer.status), message, is_passing=passing)
        return answer

    def _kept_of(self, connection: Connection) -> str:
        with self._lock:
            return self._kept.get(_name(connection), "")

    def _keep(self, connection: Connection, value: str) -> str:
        with self._lock:
            if len(self._kept) >= _MOST_KEPT:
                # All of them: what is needed still is made again with one login each.
                self._kept.clear()
            self._kept[_name(connection)] = value
        return value

    def _forget(self, connection: Connection, refused: HttpRequest) -> None:
        """Drops the proof with which the request was sent."""
        name = _name(connection)
        sent = refused.headers.get("Cookie" if connection.auth_type == "cookie" else "Authorization")
        with self._lock:
            kept = self._kept.get(name)
            # Requests overlap: another one that was refused may have renewed the proof meanwhile, and this one goes
            # with the newer, which is nobody's to drop.
            if kept is not None and sent in (kept, f"Bearer {kept}"):
                del self._kept[name]


_FORM = "application/x-www-form-urlencoded"


def joined(base: str, relative: str) -> str:
    """Base and relative URI with exactly one slash between; a query or nothing follows the base as it is."""
    if not relative:
        return base
    if relative.startswith("?"):
        return base + relative
    return f"{base.rstrip('/')}/{relative.lstrip('/')}"


def _name(connection: Connection) -> tuple[str, str, int]:
    # With the revision, so that changed credentials have to prove themselves at once.
    return connection.workspace_id, connection.id, connection.revision


def _with_header(request: HttpRequest, name: str, value: str) -> HttpRequest:
    kept = {key: each for key, each in request.headers.items() if key.lower() != name.lower()}
    return replace(request, headers={**kept, name: value})


def _placed(request: HttpRequest, auth: Mapping[str, Json], token: str) -> HttpRequest:
    """A token in a header, in the query, or nowhere: in the body a template puts it."""
    match as_text(auth.get("location")).lower() or "header":
        case "url":
            parts = urlsplit(request.url)
            added = urlencode({as_text(auth.get("paramName")) or "access_token": token})
            query = f"{parts.query}&{added}" if parts.query else added
            return replace(request, url=urlunsplit(parts._replace(query=query)))
        case "body":
            return request
        case _:
            name = as_text(auth.get("headerName")) or "Authorization"
            scheme = auth.get("scheme")
            shown = as_text(scheme) if scheme is not None else ("Bearer" if name.lower() == "authorization" else "")
            return _with_header(request, name, f"{'' if shown == ' ' else shown} {token}".strip())


def _basic(auth: Mapping[str, Json]) -> str:
    pair = f"{as_text(auth.get('username'))}:{as_text(auth.get('password'))}"
    return base64.b64encode(pair.encode()).decode()


def _digest(auth: Mapping[str, Json], request: HttpRequest, answer: HttpResponse, cnonce: str) -> str | None:
    """The answer to a challenge of RFC 7616, None if there is none that we know."""
    header = answer.headers.get("www-authenticate", "")
    start = header.lower().find("digest ")
    if start < 0:
        return None
    facts = {m[1].lower(): m[2] if m[2] is not None else m[3] for m in _CHALLENGE.finditer(header[start + 7 : 8_192])}
    algorithm = facts.get("algorithm", "MD5").upper()
    made = _DIGESTS.get(algorithm.removesuffix("-SESS"))
    if made is None or "nonce" not in facts:
        return None
    user, realm, nonce = as_text(auth.get("username")), facts.get("realm", ""), facts["nonce"]
    parts = urlsplit(request.url)
    uri = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    one = made(f"{user}:{realm}:{as_text(auth.get('password'))}".encode())
    if algorithm.endswith("-SESS"):
        one = made(f"{one}:{nonce}:{cnonce}".encode())
    two = made(f"{request.method}:{uri}".encode())
    has_quality = "auth" in [each.strip() for each in facts.get("qop", "").split(",")]
    # Each challenge is answered once, so the count of answers stays at 1.
    middle = f"{nonce}:00000001:{cnonce}:auth" if has_quality else nonce
    response = made(f"{one}:{middle}:{two}".encode())
    shown = f'username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{response}"'
    shown += f", algorithm={algorithm}" if "algorithm" in facts else ""
    shown += f', opaque="{facts["opaque"]}"' if "opaque" in facts else ""
    return f'Digest {shown}, qop=auth, nc=00000001, cnonce="{cnonce}"' if has_quality else f"Digest {shown}"


def _signature_base(request: HttpRequest, own: Mapping[str, str]) -> str:
    parts = urlsplit(request.url)
    given = [*parse_qsl(parts.query, keep_blank_values=True), *own.items()]
    # Forms are signed with the query; other bodies are no part of the signature (RFC 5849, 3.4.1.3).
    if request.body and request.headers.get("Content-Type", "").startswith(_FORM):
        given += parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    normal = "&".join(sorted(f"{_encoded(name)}={_encoded(value)}" for name, value in given))
    url = urlunsplit((parts.scheme.lower(), parts.netloc.lower(), parts.path or "/", "", ""))
    return "&".join(_encoded(text) for text in (request.method.upper(), url, normal))


def _encoded(text: str) -> str:
    # Without this `quote` would leave slashes as they are.
    return quote(text, safe="-._~")


def _cookies(header: str) -> list[str]:
    """Repeated headers come joined by commas, which dates have, too."""
    return [part for part in re.split(r",\s*(?=[^\s;,=]+=)", header) if part]


def _rendered(value: Json, render: Render) -> list[tuple[str, str]]:
    found = value if isinstance(value, list) else []
    members = [each for each in found if isinstance(each, dict) and each.get("name")]
    return [(as_text(each.get("name")), render(as_text(each.get("value")))) for each in members]


def _scope(value: Json) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else as_text(value)


def _payload(value: Json) -> dict[str, Json]:
    if isinstance(value, str):
        try:
            return as_object(decode(value.encode()))
        except (MalformedJsonError, TooLargeError):
            return {}
    return as_object(value)


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _text_in(answer: HttpResponse, path: str) -> str:
    try:
        found = extract(decode(answer.body), path)
    except (MalformedJsonError, TooLargeError):
        found = MISSING
    if not isinstance(found, str) or not found:
        raise FlowHttpError("connection", "connection_failed", f"The login's answer has no text at '{path[:100]}'.")
    return found

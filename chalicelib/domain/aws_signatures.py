"""AWS Signature Version 4 of an HTTP request, in a header or in the address.

Signed are the host, the content type and what begins with `x-amz-`: other headers may still change on their way out.
"""

from __future__ import annotations

import hashlib
import hmac
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, unquote, urlsplit

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
_STAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-[0-9]")
_AMAZON = (".amazonaws.com.cn", ".amazonaws.com")
_USUAL_REGION = "us-east-1"
_SIGNATURE = "X-Amz-Signature"
_SIGNED = frozenset({"host", "content-type", "date"})


@dataclass(slots=True)
class Signable:
    """A request that is being made. `headers` may get what AWS wants to see beside a signature; of an `is_query` the
    signature is part of the address."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes = b""
    is_query: bool = False


@dataclass(frozen=True, slots=True)
class Credentials:
    access_key: str
    secret_key: str
    session_token: str = ""


def authorization(request: Signable, who: Credentials, region: str, service: str, now: datetime) -> str:
    """The value of the header `Authorization`. Adds the time, the token of the session and, for S3, the hash of the
    body to the headers, unless they are there."""
    region, service = _place(request.url, region, service)
    held = {name.lower(): name for name in request.headers}
    if "x-amz-date" not in held:
        request.headers["X-Amz-Date"] = _stamp(now)
    if who.session_token and "x-amz-security-token" not in held:
        request.headers["X-Amz-Security-Token"] = who.session_token
    digest = hashlib.sha256(request.body).hexdigest()
    if service == "s3" and "x-amz-content-sha256" not in held:
        request.headers["X-Amz-Content-Sha256"] = digest
    given = {name.lower(): value for name, value in request.headers.items()}
    # User and password of the address are not part of the header Host.
    signed = {"host": urlsplit(request.url).netloc.rpartition("@")[2]}
    signed |= {name: value for name, value in given.items() if name in _SIGNED or name.startswith("x-amz-")}
    payload = given.get("x-amz-content-sha256", digest)
    stamp = given["x-amz-date"]
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    canonical = _canonical(request, service, signed, payload, "")
    signature = _signature(canonical, who.secret_key, stamp, region, service)
    names = ";".join(sorted(signed))
    return f"{ALGORITHM} Credential={who.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"


def query_signature(request: Signable, who: Credentials, region: str, service: str, now: datetime) -> str:
    """The value of `X-Amz-Signature`, for an address that has the other parameters of a signature already."""
    region, service = _place(request.url, region, service)
    query = dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True))
    names = [name for name in query.get("X-Amz-SignedHeaders", "host").lower().split(";") if name]
    given = {name.lower(): value for name, value in request.headers.items()}
    signed = {name: given.get(name, "") for name in names}
    signed["host"] = urlsplit(request.url).netloc.rpartition("@")[2]
    stamp = query.get("X-Amz-Date", "")
    stamp = stamp if _STAMP.fullmatch(stamp) else _stamp(now)
    payload = UNSIGNED if service == "s3" else hashlib.sha256(request.body).hexdigest()
    canonical = _canonical(request, service, signed, payload, _SIGNATURE)
    return _signature(canonical, who.secret_key, stamp, region, service)


def _stamp(now: datetime) -> str:
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _place(url: str, region: str, service: str) -> tuple[str, str]:
    """What is not given, the host says: `<service>.<region>.amazonaws.com`."""
    host = (urlsplit(url).hostname or "").lower()
    for ending in _AMAZON:
        host = host.removesuffix(ending)
    parts = host.split(".")
    has_region = _REGION.fullmatch(parts[-1]) is not None
    rest = parts[:-1] if has_region else parts
    return region or (parts[-1] if has_region else _USUAL_REGION), service or (rest[-1] if rest else "")


def _canonical(request: Signable, service: str, signed: Mapping[str, str], payload: str, without: str) -> str:
    parts = urlsplit(request.url)
    lines = [f"{name}:{' '.join(signed[name].split())}" for name in sorted(signed)]
    path, query = _path(parts.path, service), _query(parts.query, without)
    return "\n".join([request.method.upper(), path, query, *lines, "", ";".join(sorted(signed)), payload])


def _path(path: str, service: str) -> str:
    """S3 has names of its objects in paths, and takes them as they are; all others see paths made plain, and encoded
    once more."""
    if service == "s3":
        return quote(unquote(path or "/"), safe="/-._~")
    # Slashes first: POSIX, and so normpath, keeps two of them at the beginning.
    plain = posixpath.normpath(re.sub("/+", "/", path or "/"))
    plain += "/" if path.endswith(("/", "/.", "/..")) and plain != "/" else ""
    return quote(plain, safe="/-._~")


def _query(query: str, without: str) -> str:
    # Not parse_qsl, which turns + into a blank and drops names without a value: both are part of what is signed.
    pairs = [part.partition("=")[::2] for part in query.split("&") if part]
    encoded = ((quote(unquote(name), safe="-._~"), quote(unquote(value), safe="-._~")) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in sorted(encoded) if name != without)


def _signature(canonical: str, secret_key: str, stamp: str, region: str, service: str) -> str:
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    signed = "\n".join([ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret_key}".encode()
    # The first four links make the key of the day and place, the last one signs with it.
    for part in (stamp[:8], region, service, "aws4_request", signed):
        key = hmac.new(key, part.encode(), "sha256").digest()
    return key.hex()

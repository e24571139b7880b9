"""URLs in the one form that is judged, connected to, put into `Host` and checked against the certificate.

The invariant: nothing outside this module reads the text of a URL. A spelling that two parsers could
understand differently (user information, backslashes, IPv4 in octal, percent-encoded or non-ASCII
hosts) is refused instead of interpreted, so a check and a connection cannot disagree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote, urljoin

from chalicelib.domain.errors import OutboundRefusedError

Address = IPv4Address | IPv6Address
Origin = tuple[str, str, int]

HTTP = ("http", "https")
MQTT = ("mqtt", "mqtts", "tcp", "ssl", "tls")
SECURED = frozenset({"https", "mqtts", "ssl", "tls"})

_DEFAULT_PORTS = {"http": 80, "https": 443, "mqtt": 1883, "tcp": 1883, "mqtts": 8883, "ssl": 8883, "tls": 8883}
_MAX_LENGTH = 16_384
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
# The backslash too, which browsers take for a slash: what is behind it is then refused as a path.
_AUTHORITY_END = re.compile(r"[/?#\\]")
_BRACKETED = re.compile(r"\[([^\[\]]*)\](:.*)?")
# Underscores are in no host name by the standard, but in some that resolve.
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_\-]{0,61}[a-z0-9_])?")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
# What RFC 3986 lets stand in a path or query, and the square brackets that many query styles use.
# `%` is among them: what the caller has escaped is not escaped once more.
_TARGET_SAFE = "!$%&'()*+,-./:;=?@_~[]"
_ASCII_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))


@dataclass(frozen=True, slots=True)
class Url:
    """A checked spelling. `host` is lower-case, without brackets or final dot; literals have `address`."""

    scheme: str
    host: str
    port: int
    target: str
    address: Address | None

    @property
    def origin(self) -> Origin:
        return (self.scheme, self.host, self.port)

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def malformed(why: str) -> OutboundRefusedError:
    return OutboundRefusedError(f"The URL cannot be called: {why}.", reason="malformed")


def parse_url(text: str, schemes: Sequence[str] = HTTP) -> Url:
    """The URL in its one form, without its fragment. Raises OutboundRefusedError naming what is wrong."""
    _check_characters(text)
    scheme, rest = _split_scheme(text, schemes)
    end = _AUTHORITY_END.search(rest)
    authority, tail = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    host, address, port = _parse_authority(authority)
    return Url(scheme, host, port or _DEFAULT_PORTS[scheme], _parse_target(tail), address)


def follow(base: Url, location: str) -> Url:
    """The URL that a `Location` header points to, seen from `base`. Raises OutboundRefusedError."""
    _check_characters(location)
    if location.startswith("///"):
        # A path to some parsers, a host to others.
        raise malformed("the redirect's target is not a URL")
    # Header text is Latin-1 by decoding only: its bytes are sent back as they came, percent-encoded.
    encoded = quote(location.encode("latin-1", "replace"), safe=_ASCII_PRINTABLE)
    try:
        joined = urljoin(str(base), encoded)
    except ValueError as error:
        raise malformed("the redirect's target is not a URL") from error
    return parse_url(joined)


def _check_characters(text: str) -> None:
    if len(text) > _MAX_LENGTH:
        raise malformed(f"it is longer than {_MAX_LENGTH} characters")
    if _CONTROL.search(text):
        raise malformed("it contains a control character")
    if text != text.strip():
        raise malformed("it begins or ends with white space")


def _split_scheme(text: str, schemes: Sequence[str]) -> tuple[str, str]:
    match = _SCHEME.match(text)
    if match is None:
        raise malformed(f"it must begin with {schemes[0]}:// or {schemes[1]}://")
    scheme = match.group(1).lower()
    if scheme not in schemes:
        raise malformed(f"only {', '.join(schemes[:-1])} and {schemes[-1]} are called")
    rest = text[match.end() :]
    if not rest.startswith("//"):
        raise malformed(f"{scheme}: must be followed by //")
    return scheme, rest[2:]


def _parse_authority(authority: str) -> tuple[str, Address | None, int | None]:
    if "@" in authority:
        raise malformed("a user name or password before the host is not accepted; use a header")
    if authority.startswith("["):
        match = _BRACKETED.fullmatch(authority)
        if match is None:
            raise malformed("its IPv6 address is not closed by one ]")
        address = _parse_ipv6(match.group(1))
        return str(address), address, _parse_port(match.group(2) or "")
    name, colon, port = authority.partition(":")
    host = _parse_host(name)
    return host, _parse_ipv4(host), _parse_port(colon + port)


def _parse_port(text: str) -> int | None:
    if not text:
        return None
    digits = text[1:]
    if not re.fullmatch("[0-9]{1,5}", digits) or not 0 < int(digits) < 65_536:
        raise malformed("its port is not a number from 1 to 65535")
    return int(digits)


def _parse_ipv6(text: str) -> IPv6Address:
    if "%" in text:
        raise malformed("an IPv6 zone is not accepted")
    try:
        return IPv6Address(text)
    except ValueError as error:
        raise malformed("what stands in [ ] is not an IPv6 address") from error


def _parse_host(name: str) -> str:
    # The final dot names the same host, but is in no certificate.
    host = name.lower().removesuffix(".")
    if not host:
        raise malformed("it has no host")
    if not host.isascii():
        raise malformed("its host is not ASCII; write an international name in its xn-- form")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise malformed("its host is not a host name")
    return host


def _parse_ipv4(host: str) -> IPv4Address | None:
    """The address if `host` is one. Names that any resolver could read as a number are refused."""
    if not _NUMERIC_LABEL.fullmatch(host.rpartition(".")[2]):
        return None
    try:
        return IPv4Address(host)
    except ValueError as error:
        raise malformed("write an IPv4 address as four decimal numbers without leading zeros") from error


def _parse_target(tail: str) -> str:
    tail = tail.partition("#")[0]
    path, mark, query = tail.partition("?")
    if "\\" in path:
        raise malformed("its path contains a backslash")
    try:
        return quote((path or "/") + mark + query, safe=_TARGET_SAFE)
    except UnicodeEncodeError as error:
        raise malformed("it contains half of a surrogate pair") from error

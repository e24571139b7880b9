"""Which addresses may be called: global unicast ones, and what the operator allows on top.

The invariant: an address passes only if it and every IPv4 address that it carries inside pass. The
tables are written out because `ipaddress.is_global` calls several translated and reserved forms global
and changes its mind between Python releases.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

from chalicelib.domain.errors import OutboundRefusedError
from chalicelib.outbound.urls import Address, Url, parse_url

_LOOPBACK_NAMES = ("localhost", ".localhost")
LOOPBACK: tuple[Address, ...] = (IPv4Address("127.0.0.1"), IPv6Address("::1"))

# Addresses that hand out credentials or steer the machine. No allow entry opens them.
_NEVER = frozenset[Address](
    {
        IPv4Address("169.254.169.254"),  # EC2, and most other clouds
        IPv4Address("169.254.170.2"),  # ECS
        IPv4Address("169.254.170.23"),  # EKS
        IPv4Address("168.63.129.16"),  # Azure's platform
        IPv4Address("100.100.100.200"),  # Alibaba Cloud
        IPv4Address("192.0.0.192"),  # Oracle Cloud
        IPv6Address("fd00:ec2::254"),  # EC2
        IPv6Address("fd00:ec2::23"),  # EKS
        IPv6Address("fd20:ce::254"),  # Google Cloud
    }
)

_REFUSED_V4 = tuple(
    (IPv4Network(network), kind)
    for network, kind in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "reserved"),
        ("192.52.193.0/24", "reserved"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "reserved"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("240.0.0.0/4", "reserved"),
    )
)

# Named first so that the message names the kind; what is left outside 2000::/3 is not global unicast.
_REFUSED_V6 = tuple(
    (IPv6Network(network), kind)
    for network, kind in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::/96", "IPv4-compatible"),
        ("64:ff9b:1::/48", "local NAT64"),
        ("100::/64", "discard-only"),
        ("2001:db8::/32", "documentation"),
        ("2001::/32", "Teredo"),
        ("2001::/23", "reserved"),
        ("2002::/16", "6to4"),
        ("2620:4f:8000::/48", "reserved"),
        ("3ffe::/16", "reserved"),
        ("3fff::/20", "documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),
        ("ff00::/8", "multicast"),
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
_GLOBAL_V6 = IPv6Network("2000::/3")
# Networks whose last 32 bits are an IPv4 address.
_TRAILING_V4 = (_NAT64, IPv6Network("64:ff9b:1::/48"), IPv6Network("::/96"))
_ISATAP = (0x00005EFE, 0x02005EFE)  # before a private and before a global IPv4 address (RFC 5214)


def canonical(address: Address) -> Address:
    """The address that the operating system really connects to: IPv4-mapped ones are IPv4."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def kind_refused(address: Address) -> str | None:
    """Why a single address, taken by itself, is not global unicast; None if it is."""
    if isinstance(address, IPv4Address):
        return next((kind for network, kind in _REFUSED_V4 if address in network), None)
    for network, kind in _REFUSED_V6:
        if address in network:
            return kind
    return None if address in _GLOBAL_V6 or address in _NAT64 else "not global unicast"


def carried(address: Address) -> list[IPv4Address]:
    """The IPv4 addresses that an IPv6 address carries by any translation or tunnel convention."""
    if isinstance(address, IPv4Address):
        return []
    found = [IPv4Address(int(address) & 0xFFFFFFFF)] if _ends_in_ipv4(address) else []
    if address.sixtofour is not None:
        found.append(address.sixtofour)
    if address.teredo is not None:
        found.extend(address.teredo)
    return found


def _ends_in_ipv4(address: IPv6Address) -> bool:
    interface = (int(address) >> 32) & 0xFFFFFFFF
    return interface in _ISATAP or any(address in network for network in _TRAILING_V4)


def is_loopback_name(host: str) -> bool:
    return host == _LOOPBACK_NAMES[0] or host.endswith(_LOOPBACK_NAMES[1])


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """A host of ours that is never to be called, on one port or (None) on all."""

    host: str
    address: Address | None
    port: int | None

    def covers(self, address: Address, port: int) -> bool:
        if self.port not in (None, port):
            return False
        if is_loopback_name(self.host) or (self.address is not None and self.address.is_loopback):
            # A server on one loopback address mostly listens on all of them.
            return address.is_loopback or address.is_unspecified
        return address == self.address


def _endpoint(text: str) -> _Endpoint:
    url = parse_url(f"http://{text}")
    # A URL without a port has the default one, which nobody named here.
    named = url.port if text.endswith(f":{url.port}") else None
    return _Endpoint(url.host, None if url.address is None else canonical(url.address), named)


class AddressPolicy:
    """`allow`: CIDRs opened beyond global unicast. `refuse_hosts`: `host[:port]` closed despite them."""

    def __init__(self, allow: Sequence[str] = (), refuse_hosts: Sequence[str] = ()) -> None:
        self._allow = tuple(ip_network(network) for network in allow)
        self._refuse = tuple(_endpoint(text) for text in refuse_hosts)

    def check_spelling(self, url: Url) -> None:
        """Judges what needs no lookup: literals and well-known names. Raises OutboundRefusedError."""
        if any(url.host == one.host and one.port in (None, url.port) for one in self._refuse):
            raise _refused(url, "reserved for this product")
        if url.address is not None:
            self.check([url.address], url)
        elif is_loopback_name(url.host):
            self.check(LOOPBACK[:1], url)

    def check(self, addresses: Iterable[Address], url: Url) -> list[Address]:
        """All of a host's addresses, canonical, each one judged. Raises OutboundRefusedError if one fails."""
        # All, not only the first: to which of them the connection is made is decided by who answers.
        judged = [canonical(address) for address in addresses]
        for address in judged:
            kind = self._kind_refused(address, url.port)
            if kind is not None:
                raise _refused(url, kind)
        return judged

    def _kind_refused(self, address: Address, port: int) -> str | None:
        if isinstance(address, IPv6Address) and address.scope_id is not None:
            return "scoped"
        # In this order: what is never open, and what is ours, no allow entry opens.
        views = [address, *carried(address)]
        if any(view in _NEVER for view in views):
            return "metadata"
        if any(one.covers(view, port) for one in self._refuse for view in views):
            return "reserved for this product"
        if any(address.version == network.version and address in network for network in self._allow):
            return None
        return next((kind for kind in map(kind_refused, views) if kind is not None), None)


def _refused(url: Url, kind: str) -> OutboundRefusedError:
    # The kind, never the address: a name's answer from an internal resolver is not the caller's to see.
    return OutboundRefusedError(
        f"{url.host} is not a public address ({kind}) and is not called.", reason=kind, host=url.host
    )

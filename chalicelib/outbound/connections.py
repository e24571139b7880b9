"""Opening connections to judged addresses only, and keeping idle ones for reuse.

The invariant: a name is resolved once per connection, every answer is judged, and the socket is
connected to one of exactly those answers as a literal, so a name that changes its answer afterwards
changes nothing. An idle connection stays with the origin it was opened for; its address was judged
under the same policy, so reusing it needs no new lookup. Proxies from the environment are not known here.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from threading import BoundedSemaphore, Lock, Thread
from time import monotonic

from chalicelib.domain.errors import OutboundConnectError, OutboundError
from chalicelib.outbound.addresses import LOOPBACK, AddressPolicy, is_loopback_name
from chalicelib.outbound.deadline import Deadline
from chalicelib.outbound.urls import SECURED, Address, Origin, Url, malformed

# (host, port) → addresses as text; raises OSError.
Resolver = Callable[[str, int], Sequence[str]]
# (address, port, timeout in seconds) → a connected socket; raises OSError.
Connector = Callable[[Address, int, float], socket.socket]

_MAX_ADDRESSES_TRIED = 4
_MAX_LOOKUPS = 64


def system_resolver(host: str, port: int) -> Sequence[str]:
    # As bytes, or Python would load its IDNA tables to encode what is ASCII already.
    found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def open_socket(address: Address, port: int, timeout: float) -> socket.socket:
    sock = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect((str(address), port))
    except BaseException:
        sock.close()
        raise
    return sock


class Lookup:
    """Name resolution that can be given up: the system's own has no timeout, so it runs in a thread."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._slots = BoundedSemaphore(_MAX_LOOKUPS)

    def addresses(self, url: Url, deadline: Deadline) -> list[Address]:
        """What the host stands for, before any judgement. Raises OutboundError."""
        if url.address is not None:
            return [url.address]
        if is_loopback_name(url.host):
            return list(LOOPBACK)
        found = self._ask(url, deadline)
        if isinstance(found, OSError) or not found:
            raise OutboundConnectError(f"The host name {url.host} cannot be resolved.", host=url.host)
        try:
            return [ip_address(text) for text in found]
        except ValueError as error:
            raise malformed(f"{url.host} does not resolve to addresses") from error

    def _ask(self, url: Url, deadline: Deadline) -> Sequence[str] | OSError:
        if not self._slots.acquire(timeout=deadline.remaining()):
            raise deadline.expired()
        answer: SimpleQueue[Sequence[str] | OSError] = SimpleQueue()
        try:
            # It frees the slot itself, however late: a lookup that was given up still holds a thread.
            Thread(target=self._resolve, args=(url, answer), daemon=True).start()
        except BaseException:
            self._slots.release()
            raise
        try:
            return answer.get(timeout=deadline.remaining())
        except Empty:
            raise deadline.expired() from None

    def _resolve(self, url: Url, answer: SimpleQueue[Sequence[str] | OSError]) -> None:
        try:
            answer.put(self._resolver(url.host, url.port))
        except OSError as error:
            answer.put(error)
        finally:
            self._slots.release()


@dataclass(slots=True)
class Connection:
    """An open socket to a judged address. `reused` once it has carried an exchange."""

    origin: Origin
    sock: socket.socket
    reused: bool = False
    idle_since: float = 0.0

    def close(self) -> None:
        self.sock.close()

    def is_quiet(self) -> bool:
        """Whether an idle peer has neither hung up nor sent anything; either makes it unfit for reuse."""
        # What TLS has decrypted already no longer shows at the descriptor.
        if isinstance(self.sock, ssl.SSLSocket) and self.sock.pending():
            return False
        # Not `select.select`, which fails for descriptors from 1024 on.
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return not poll.poll(0)


class Dialer:
    def __init__(
        self, policy: AddressPolicy, lookup: Lookup, connector: Connector, context: ssl.SSLContext | None
    ) -> None:
        self._policy = policy
        self._lookup = lookup
        self._connector = connector
        self._context = context
        self._context_lock = Lock()

    def judged_addresses(self, url: Url, deadline: Deadline) -> list[Address]:
        """Where the URL may be connected to. Raises OutboundError."""
        self._policy.check_spelling(url)
        return self._policy.check(self._lookup.addresses(url, deadline), url)

    def open(self, url: Url, deadline: Deadline) -> Connection:
        """A fresh connection, with TLS done and the certificate checked. Raises OutboundError."""
        sock = self._connect(url, self.judged_addresses(url, deadline), deadline)
        if url.scheme in SECURED:
            sock = self._secure(sock, url, deadline)
        return Connection(url.origin, sock)

    def _connect(self, url: Url, addresses: Sequence[Address], deadline: Deadline) -> socket.socket:
        tried = addresses[:_MAX_ADDRESSES_TRIED]
        for index, address in enumerate(tried):
            # A dead first address may not use up the time of a living second one.
            patience = deadline.remaining() / (len(tried) - index)
            try:
                return self._connector(address, url.port, patience)
            except OSError as error:
                failure = error  # `error` itself is gone behind its clause
        if isinstance(failure, TimeoutError):
            raise deadline.expired() from failure
        why = failure.strerror or "no route"
        raise OutboundConnectError(f"{url.authority} cannot be connected to: {why}.", host=url.host) from failure

    def _secure(self, sock: socket.socket, url: Url, deadline: Deadline) -> socket.socket:
        try:
            sock.settimeout(deadline.remaining())
            return self._tls().wrap_socket(sock, server_hostname=url.host)
        except OSError as error:
            sock.close()
            raise _tls_failure(error, url, deadline) from error
        except BaseException:
            sock.close()
            raise

    def _tls(self) -> ssl.SSLContext:
        # Loading the authorities takes tens of milliseconds, which plain http never pays.
        with self._context_lock:
            if self._context is None:
                self._context = ssl.create_default_context()
                self._context.set_alpn_protocols(["http/1.1"])
            return self._context


def _tls_failure(error: OSError, url: Url, deadline: Deadline) -> OutboundError:
    if isinstance(error, TimeoutError):
        return deadline.expired()
    if isinstance(error, ssl.SSLCertVerificationError):
        why = f"its certificate is not accepted ({error.verify_message})"
    elif isinstance(error, ssl.SSLError):
        why = f"the TLS handshake failed ({error.reason or 'no reason given'})"
    else:
        why = "the connection broke during the TLS handshake"
    return OutboundConnectError(f"{url.authority} cannot be connected to: {why}.", host=url.host)


class Pool:
    """Idle connections by origin, newest out first. A connection is inside or in use, never both."""

    def __init__(self, per_origin: int, in_all: int, idle_seconds: float) -> None:
        self._per_origin = per_origin
        self._in_all = in_all
        self._idle_seconds = idle_seconds
        self._idle: OrderedDict[Origin, list[Connection]] = OrderedDict()
        self._count = 0
        self._closed = False
        self._lock = Lock()

    def take(self, origin: Origin) -> Connection | None:
        """A connection that is fit for reuse, or None."""
        while (connection := self._pop(origin)) is not None:
            if self._is_fresh(connection) and connection.is_quiet():
                return connection
            connection.close()
        return None

    def put(self, connection: Connection) -> None:
        """Keeps a connection whose exchange ended cleanly. Too many are closed, the oldest first."""
        connection.reused = True
        connection.idle_since = monotonic()
        with self._lock:
            surplus = self._store(connection)
        # Outside the lock, which every call takes.
        for one in surplus:
            one.close()

    def close(self) -> None:
        """Closes what is idle; connections in use close when they come back."""
        with self._lock:
            self._closed = True
            idle = [connection for kept in self._idle.values() for connection in kept]
            self._idle.clear()
            self._count = 0
        for connection in idle:
            connection.close()

    def _is_fresh(self, connection: Connection) -> bool:
        return monotonic() - connection.idle_since < self._idle_seconds

    def _pop(self, origin: Origin) -> Connection | None:
        with self._lock:
            kept = self._idle.get(origin)
            if kept is None:
                return None
            connection = kept.pop()
            self._forget(origin, kept)
            return connection

    def _store(self, connection: Connection) -> list[Connection]:
        kept = self._idle.get(connection.origin, [])
        if self._closed or len(kept) >= self._per_origin:
            return [connection]
        kept.append(connection)
        self._idle[connection.origin] = kept
        self._idle.move_to_end(connection.origin)
        self._count += 1
        return self._evict()

    def _evict(self) -> list[Connection]:
        """Takes out the oldest of the origin used longest ago, while there are too many or it is stale."""
        surplus = []
        while self._count > 0:
            # Looking at the first origin alone keeps this cheap. What is stale of busier ones goes when it is taken.
            origin, kept = next(iter(self._idle.items()))
            if self._count <= self._in_all and self._is_fresh(kept[0]):
                break
            surplus.append(kept.pop(0))
            self._forget(origin, kept)
        return surplus

    def _forget(self, origin: Origin, kept: list[Connection]) -> None:
        self._count -= 1
        if not kept:
            del self._idle[origin]

"""The one client for every URL that a user can influence.

The invariant: no hop of any call, redirects included, opens a socket to an address that the policy
refuses. Everything below takes part in it: `urls` reads a URL once, `addresses` judges, `connections`
connects to what was judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from ssl import SSLContext
from time import monotonic

from chalicelib.domain.errors import OutboundError
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.outbound.addresses import AddressPolicy
from chalicelib.outbound.connections import (
    Connection,
    Connector,
    Dialer,
    Lookup,
    Pool,
    Resolver,
    open_socket,
    system_resolver,
)
from chalicelib.outbound.deadline import Deadline
from chalicelib.outbound.exchange import Answer, StaleConnectionError, exchange
from chalicelib.outbound.messages import REDIRECTS, check_request, redirected
from chalicelib.outbound.urls import Url, follow, parse_url

_LOOKUP_SECONDS = 5.0


class GuardedClient:
    """Calls public addresses only. Thread-safe; one instance per process keeps its connections for reuse.

    `allow` are CIDRs opened on top of global unicast. `refuse_hosts` are `host[:port]` that stay closed
    even then, such as Lambda's runtime API. `resolver`, `connector` and `ssl_context` are for tests.
    """

    def __init__(
        self,
        allow: Sequence[str] = (),
        *,
        refuse_hosts: Sequence[str] = (),
        resolver: Resolver = system_resolver,
        connector: Connector = open_socket,
        ssl_context: SSLContext | None = None,
        max_idle_per_origin: int = 64,
        max_idle: int = 256,
        idle_seconds: float = 30.0,
    ) -> None:
        self._policy = AddressPolicy(allow, refuse_hosts)
        self._dialer = Dialer(self._policy, Lookup(resolver), connector, ssl_context)
        self._pool = Pool(max_idle_per_origin, max_idle, idle_seconds)

    def check_url(self, url: str, *, resolve: bool = False) -> str:
        """The URL in its normal form, if it may be called, for use when one is registered.

        Without `resolve` nothing is looked up and a name passes on its spelling alone; calls judge its
        addresses anyway. Raises OutboundRefusedError, and with `resolve` also OutboundConnectError or
        OutboundTimeoutError when the name has no answer.
        """
        parsed = parse_url(url)
        self._policy.check_spelling(parsed)
        if resolve:
            self._dialer.judged_addresses(parsed, Deadline(_LOOKUP_SECONDS, "The host name was not resolved"))
        return str(parsed)

    def send(self, request: HttpRequest) -> HttpResponse:
        """The answer, whatever its status. Raises InvalidError (method, headers) or OutboundError.

        A request may reach the receiver twice (see `_exchange`), as every delivery here is at-least-once.
        """
        started = monotonic()
        deadline = Deadline(request.timeout_seconds, "The receiver did not answer")
        hop, url = check_request(request), parse_url(request.url)
        for _ in range(request.max_redirects + 1):
            answer = self._exchange(hop, url, deadline)
            location = answer.headers.get("location") if answer.status in REDIRECTS else None
            # Who wants no redirects wants to see them, so they are answers.
            if location is None or request.max_redirects == 0:
                return HttpResponse(answer.status, answer.headers, answer.body, str(url), monotonic() - started)
            target = follow(url, location)
            hop = redirected(hop, answer.status, same_origin=target.origin == url.origin)
            url = target
        raise OutboundError(f"The receiver redirects more than {request.max_redirects} times.")

    def close(self) -> None:
        """Closes idle connections; calls in progress end undisturbed."""
        self._pool.close()

    def _exchange(self, hop: HttpRequest, url: Url, deadline: Deadline) -> Answer:
        """One hop, on an idle connection if there is one.

        A receiver closes idle connections when it likes, and the news may cross our request. When a
        reused connection ends without one byte of an answer, the request is sent once more on a fresh
        one. The receiver may have acted on the first in theory; that is no new burden, since steps and
        deliveries are at-least-once and carry an idempotency key or a stable delivery id.
        """
        #     idle connection ──► ended without a byte ──► fresh connection ──► whatever comes of it
        # Once: a fresh one that ends like that was not closed for idling.
        idle = self._pool.take(url.origin)
        if idle is not None:
            try:
                return self._exchange_on(idle, hop, url, deadline)
            except StaleConnectionError:
                pass
        patience = deadline.within(hop.connect_timeout_seconds)
        fresh = self._dialer.open(url, Deadline(patience, "No connection to the receiver was made"))
        return self._exchange_on(fresh, hop, url, deadline)

    def _exchange_on(self, connection: Connection, hop: HttpRequest, url: Url, deadline: Deadline) -> Answer:
        try:
            answer = exchange(connection, hop, url, deadline)
        # Half an answer may be on it, which the next request would take for its own.
        except BaseException:
            connection.close()
            raise
        if answer.reusable:
            self._pool.put(connection)
        else:
            connection.close()
        return answer

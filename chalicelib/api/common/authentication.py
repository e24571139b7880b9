"""Admission with an API key: who calls, and whether they have calls left in this minute."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.api.common.call import Call
from chalicelib.api.common.services import Services
from chalicelib.domain.errors import ForbiddenError, RateLimitedError, UnauthenticatedError
from chalicelib.domain.identity import Principal
from chalicelib.services.limits import Allowance


def bearer_token(headers: Mapping[str, str]) -> str | None:
    """The token of `Authorization: Bearer <token>`; None if there is no such header, or another scheme's."""
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def admit_with_key(call: Call, services: Services, *, knows_namespaces: bool = False) -> None:
    """Raises UnauthenticatedError, RateLimitedError, and ForbiddenError for a key that is restricted to namespaces at a
    door that would not ask for them. Even a refused call is told its limit."""
    call.allowance = services.limits.unspent_for_key()
    token = bearer_token(call.headers)
    if token is None:
        raise UnauthenticatedError
    call.caller = services.identity.authenticate(token)
    spend(call, services.limits.spend_for_key(call.caller.key_id))
    if not knows_namespaces:
        refuse_restricted(call.caller)


def refuse_restricted(caller: Principal) -> None:
    """Raises ForbiddenError for a key that is restricted to namespaces, at a door that knows none: there it would
    reach the whole workspace, and make itself keys that may."""
    if caller.namespaces is not None:
        raise ForbiddenError("This key is restricted to namespaces, which are unknown here.")


def spend(call: Call, allowance: Allowance) -> None:
    """Notes what is left on the call. Raises RateLimitedError if this call was one too many."""
    call.allowance = allowance
    if not allowance.granted:
        raise RateLimitedError(retry_after_seconds=allowance.retry_after_seconds)

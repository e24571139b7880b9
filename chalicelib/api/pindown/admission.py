"""Who calls: by a key under `Bearer` or `ApiKey`, or in the body of a call that has no such header."""

from __future__ import annotations

from chalicelib.api.common.authentication import refuse_restricted, spend
from chalicelib.api.common.call import Call
from chalicelib.api.common.services import Services
from chalicelib.domain.errors import ForbiddenError, InvalidError, UnauthenticatedError
from chalicelib.services.limits import Allowance

_SCHEMES = frozenset({"bearer", "apikey"})
_WITH_BODY = frozenset({"POST", "PUT"})


def admit(call: Call, services: Services) -> None:
    """Raises UnauthenticatedError, whose fact `given` says whether there was a key at all, and ForbiddenError for a
    key that is restricted to namespaces."""
    secret = _secret(call)
    if secret is None:
        raise UnauthenticatedError
    try:
        call.caller = services.identity.authenticate(secret)
    except UnauthenticatedError as error:
        raise UnauthenticatedError(given=True) from error
    # Before a restricted key is refused: it was used, whatever came of it.
    services.pin_keys.note_use(call.caller)
    refuse_restricted(call.caller)


def admit_counted(call: Call, services: Services) -> None:
    """As `admit`; the call is one of the user's within the hour. Raises RateLimitedError."""
    admit(call, services)
    spend_if_counted(call, services.pin_limits.spend_for_user(call.principal))


def admit_anybody(call: Call, services: Services) -> None:
    """Who does not say who they are, or not in a way that proves it, is nobody in particular."""
    try:
        admit(call, services)
    except (UnauthenticatedError, ForbiddenError):
        call.caller = None


def spend_if_counted(call: Call, allowance: Allowance | None) -> None:
    """Raises RateLimitedError."""
    if allowance is not None:
        spend(call, allowance)


def _secret(call: Call) -> str | None:
    header = call.headers.get("authorization")
    if header is not None:
        scheme, _, secret = header.strip().partition(" ")
        # The header decides, whatever its scheme: the body is looked into where there is none.
        return secret.strip() or None if scheme.lower() in _SCHEMES else None
    return _secret_in_body(call) if call.method in _WITH_BODY else None


def _secret_in_body(call: Call) -> str | None:
    try:
        body = call.json()
    # No key can be found in it, so the call has none: strangers are not told what is wrong with a body.
    except InvalidError:
        return None
    secret = body.get("api_key") if isinstance(body, dict) else None
    return secret if isinstance(secret, str) else None

"""Who calls: users, workspaces, API keys and what a key may do."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.events import base62

_SHORT_DIGITS = 7

ALL_SCOPES = "*"
SCOPES = frozenset(
    {
        "workflows:read",
        "workflows:write",
        "executions:read",
        "executions:write",
        "webhooks:read",
        "webhooks:write",
        "events:read",
        "events:write",
        "schedules:read",
        "schedules:write",
        "sources:read",
        "sources:write",
        "accounts:read",
        "accounts:write",
        "pins:read",
        "pins:write",
        "pins:delete",
        "workflow_data:read",
        "workflow_data:write",
        "installation:read",
    }
)


NAMESPACE_SCOPE = "namespace:"
"""What a scope begins with that allows nothing, but restricts its key to the namespace that it names."""
_NAMESPACE_SCOPE = re.compile(r"namespace:\S{1,255}")


def is_scope(text: str) -> bool:
    """Whether a key may be given this scope."""
    return text == ALL_SCOPES or text in SCOPES or _NAMESPACE_SCOPE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as stored: only the hash of its secret. `scopes` may be `("*",)`."""

    id: str
    secret_hash: str
    user_id: str
    workspace_id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """The proven caller."""

    user_id: str
    workspace_id: str
    key_id: str
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        return scope in self.scopes or ALL_SCOPES in self.scopes

    @property
    def namespaces(self) -> frozenset[str] | None:
        """The only namespaces that the key may be used in; None if all."""
        named = frozenset(
            scope.removeprefix(NAMESPACE_SCOPE) for scope in self.scopes if scope.startswith(NAMESPACE_SCOPE)
        )
        return named or None


def secret_hash(secret: str) -> str:
    """SHA-256 (hex) of a key or token. These are long and random, so a slow hash would add nothing."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def short_user_id(user_id: str) -> str:
    """`u_…`, as the events API and its events show a user; it follows from the id, and nothing is found by it."""
    return f"u_{_short(user_id)}"


def short_workspace_id(workspace_id: str) -> str:
    """`o_…`, as `short_user_id`."""
    return f"o_{_short(workspace_id)}"


def _short(id_: str) -> str:
    return base62(int.from_bytes(hashlib.sha256(id_.encode()).digest()[:16], "big"), _SHORT_DIGITS)

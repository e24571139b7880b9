"""Accounts: credentials for other systems' APIs, which components use by way of their app props."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.events import base62

ID_PREFIX = "apn_"
ID_ENTROPY_BYTES = 9
_ID_DIGITS = 7


@dataclass(frozen=True, slots=True)
class Account:
    """`app` is the app's slug. `sealed` are the credentials as only the vault can read them; `fields` are the names of
    its members, which is all that is ever shown."""

    id: str
    workspace_id: str
    user_id: str
    name: str
    app: str
    created_at: datetime
    updated_at: datetime
    fields: tuple[str, ...] = ()
    sealed: str = field(default="", repr=False)
    revision: int = 1


def account_id(entropy: bytes) -> str:
    """`apn_` and seven characters, from `ID_ENTROPY_BYTES` random bytes."""
    return ID_PREFIX + base62(int.from_bytes(entropy, "big"), _ID_DIGITS)

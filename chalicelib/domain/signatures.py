"""Signatures of deliveries, as Standard Webhooks 1.0 has them, and as PinDown has."""

from __future__ import annotations

import base64
import hashlib
import hmac

from chalicelib.domain.endpoints import SECRET_PREFIX


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the base64 of the HMAC-SHA256 of id, timestamp (Unix seconds) and body, with dots in between."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    content = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def pindown_signature(secret: str, body: bytes) -> str:
    """`sha256=` and the HMAC-SHA256 (hex) of the body, with the secret's text as the key."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()

"""The guarded HTTP client: requests to URLs that users choose, and only to public addresses."""

from __future__ import annotations

from chalicelib.outbound.client import GuardedClient

__all__ = ["GuardedClient"]

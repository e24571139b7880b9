"""(policy, attempt, seed) → how long to wait before the next attempt, or never; and what a receiver wishes."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from chalicelib.domain.graph import Backoff, RetryPolicy


def fraction(seed: str) -> float:
    """A number in [0, 1) that depends on `seed` alone, so that a replay computes the same delay."""
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:7], "big") / float(1 << 56)


def delay_seconds(policy: RetryPolicy, attempt: int, seed: str) -> float:
    """The pause after the failure of `attempt` (from 1), jittered by ± half of `policy.jitter`."""
    match policy.backoff:
        case Backoff.FIXED:
            base = policy.delay_seconds
        case Backoff.LINEAR:
            base = policy.delay_seconds * attempt
        case Backoff.EXPONENTIAL:
            # Bounded, because 2.0 ** 1024 is an OverflowError; the cap below cuts long before.
            base = policy.delay_seconds * 2.0 ** min(attempt - 1, 40)
    base = min(base, policy.max_delay_seconds)
    # Jitter goes on top of the cap, or all that have reached it would come at the same time.
    return base * (1 + policy.jitter * (fraction(f"{seed}:{attempt}") - 0.5))


def next_attempt_at(
    policy: RetryPolicy,
    attempt: int,
    failed_at: datetime,
    seed: str,
    retry_after_seconds: float | None = None,
) -> datetime:
    """When the attempt after `attempt` is due; a receiver's Retry-After lengthens the pause, up to the cap."""
    pause = delay_seconds(policy, attempt, seed)
    if retry_after_seconds is not None:
        pause = max(pause, min(retry_after_seconds, policy.max_delay_seconds))
    # Whole milliseconds are what the stores keep: from the record a replay computes the very same time.
    return failed_at + timedelta(milliseconds=round(pause * 1000))


def retry_after(value: str | None, now: datetime) -> float | None:
    """Retry-After (RFC 9110 section 10.2.3), seconds or an HTTP date, as seconds from `now`; None if unusable."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        # Nine digits are beyond the cap, and int() refuses texts of some thousands.
        return float(min(int(text[:9]), 86_400))
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    # -0000 is how RFC 5322 says that the zone is unknown.
    if at.tzinfo is None:
        return None
    return min(max((at - now).total_seconds(), 0.0), 86_400.0)

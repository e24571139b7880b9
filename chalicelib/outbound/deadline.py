"""A point in monotonic time that bounds one call, whatever it waits for."""

from __future__ import annotations

from time import monotonic

from chalicelib.domain.errors import OutboundTimeoutError


class Deadline:
    """Every wait takes its timeout from here, so that many short waits cannot add up to a long one."""

    __slots__ = ("_at", "_complaint")

    def __init__(self, seconds: float, complaint: str) -> None:
        self._at = monotonic() + seconds
        self._complaint = f"{complaint} within {seconds:.3g} s."

    def remaining(self) -> float:
        """Seconds left, more than 0. Raises OutboundTimeoutError."""
        left = self._at - monotonic()
        if left <= 0:
            raise self.expired()
        return left

    def within(self, seconds: float | None) -> float:
        """The remaining seconds, or fewer. Raises OutboundTimeoutError."""
        left = self.remaining()
        return left if seconds is None else min(left, seconds)

    def expired(self) -> OutboundTimeoutError:
        return OutboundTimeoutError(self._complaint)

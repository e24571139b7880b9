"""What a workspace uses in a day."""

from __future__ import annotations

from dataclasses import dataclass

CREDIT_MS = 30_000
"""One credit pays for each begun half minute of a run's compute time."""


@dataclass(frozen=True, slots=True)
class Usage:
    """`invocations` counts runs that ended, `compute_ms` the time that workers held them."""

    invocations: int = 0
    compute_ms: int = 0
    credits: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.invocations + other.invocations, self.compute_ms + other.compute_ms, self.credits + other.credits
        )


def credits_for(compute_ms: int) -> int:
    """At least one: a run that needs no time at all is an invocation, too."""
    return max(-(-compute_ms // CREDIT_MS), 1)


def used_in_hold(compute_ms: int, *, ends_run: bool) -> Usage:
    """What a worker's hold on a run counts. One that does not end it pays for its whole half minutes."""
    if ends_run:
        return Usage(1, compute_ms, credits_for(compute_ms))
    return Usage(0, compute_ms, compute_ms // CREDIT_MS)

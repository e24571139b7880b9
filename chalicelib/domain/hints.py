"""Hints: messages that say where to look, sent once what they are about is stored.

A hint may be lost, repeated or late. So what it is about stays in the due index as well, to come up there a little
after the hint should have been followed; then the tick sends it again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

RESEND_SECONDS = 60
MOST_DELAY_SECONDS = 900
"""How long a queue holds a message back at most (SQS); what is due later than that is left to the due index."""
CLOCK_SKEW_SECONDS = 5
"""So far apart, and seldom further, are the clocks of two functions."""


def resend_at(sent_at: datetime) -> datetime:
    """When the tick is to repeat a hint that brought nothing."""
    return sent_at + timedelta(seconds=RESEND_SECONDS)


def is_due(due_at: datetime, now: datetime) -> bool:
    """Whether it is time, by a clock that may be a little behind the one that set the time."""
    return due_at <= now + timedelta(seconds=CLOCK_SKEW_SECONDS)


def whole_delay(seconds: float) -> int:
    """The delay of a hint, rounded up: one that comes early finds nothing due, and is used up."""
    return -int(-seconds // 1)

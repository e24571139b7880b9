"""Subscriptions: which listener hears which channel of which emitters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.events import ERRORS, EmitterKind, Event

EVERY_WORKFLOW = "p_*"
EVERY_SOURCE = "dc_*"
EVERYTHING = "*"
"""As stored; callers name their workspace instead."""

GLOB_OF = {EmitterKind.WORKFLOW: EVERY_WORKFLOW, EmitterKind.SOURCE: EVERY_SOURCE}


class ListenerKind(StrEnum):
    WORKFLOW = "workflow"
    SOURCE = "source"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Subscription:
    """`emitter` is an emitter's id or one of the globs. Of one triple (emitter, channel, listener) there is only one
    in a workspace."""

    id: str
    workspace_id: str
    user_id: str
    emitter: str
    channel: str
    listener_id: str
    listener_kind: ListenerKind
    created_at: datetime

    @property
    def is_glob(self) -> bool:
        return self.emitter in {EVERY_WORKFLOW, EVERY_SOURCE, EVERYTHING}


@dataclass(frozen=True, slots=True)
class AutoSubscription:
    """Subscribes the listener to each workflow and source that is created from now on."""

    id: str
    workspace_id: str
    user_id: str
    channel: str
    listener_id: str
    listener_kind: ListenerKind
    created_at: datetime


def patterns_for(kind: EmitterKind, emitter_id: str) -> tuple[str, ...]:
    """What a subscription's `emitter` may be to match this emitter."""
    return (emitter_id, GLOB_OF[kind], EVERYTHING)


def hears(subscription: Subscription, event: Event) -> bool:
    """Whether an event that the subscription matches is for its listener.

    By a glob nobody hears itself, and nobody hears of its own failure to cope with an error: either would never end.
    """
    emission = event.emission
    if subscription.listener_id != emission.emitter.id:
        return True
    follows_from_error = emission.cause is not None and emission.cause.channel == ERRORS
    return not subscription.is_glob and not (emission.channel == ERRORS and follows_from_error)

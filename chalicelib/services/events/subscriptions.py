"""Subscriptions: who listens to whom, and what is kept in step with the things they name.

Everything that a subscription names is the caller's workspace's own when it is made. What is deleted takes its
subscriptions with it; a crash in between leaves some that name nothing, and nobody is told anything by those.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.domain.endpoints import ID_PREFIX as ENDPOINT_PREFIX
from chalicelib.domain.errors import (
    EndpointNotFoundError,
    InvalidError,
    SourceNotFoundError,
    SubscriptionNotFoundError,
    WorkflowNotFoundError,
)
from chalicelib.domain.events import DEFAULT_CHANNEL, ERRORS, LOGS, EmitterKind, base62, check_channel
from chalicelib.domain.identity import Principal
from chalicelib.domain.subscriptions import (
    EVERY_SOURCE,
    EVERY_WORKFLOW,
    EVERYTHING,
    AutoSubscription,
    ListenerKind,
    Subscription,
)
from chalicelib.services.access import Access, Scope, is_id, require
from chalicelib.services.events.ports import EndpointStore, SubscriptionStore
from chalicelib.services.ports import Clock, Entropy

if TYPE_CHECKING:
    from chalicelib.domain.graph import Graph
    from chalicelib.domain.workflow import Workflow

ID_PREFIX = "sub_"
_ID_DIGITS = 7
_SOURCE_PREFIX = "dc_"
_GLOBS = frozenset({EVERY_WORKFLOW, EVERY_SOURCE})
_OWN_CHANNELS = frozenset({ERRORS, LOGS})

SourceCheck = Callable[[str, str], None]
"""(workspace id, source id): raises SourceNotFoundError unless the workspace has the source."""


def no_sources(_workspace_id: str, source_id: str) -> None:
    """The `SourceCheck` of an installation that has no sources."""
    raise SourceNotFoundError(source_id=source_id)


class Subscriptions:
    """Also a `services.workflows.Watcher`."""

    def __init__(
        self,
        store: SubscriptionStore,
        endpoints: EndpointStore,
        access: Access,
        clock: Clock,
        entropy: Entropy,
        check_source: SourceCheck = no_sources,
    ) -> None:
        self._store = store
        self._endpoints = endpoints
        self._access = access
        self._clock = clock
        self._entropy = entropy
        self._check_source = check_source

    def create(self, principal: Principal, emitter: str, channel: str, listener_id: str) -> Subscription:
        """The subscription of this triple, a new one if there is none.

        `emitter` is an emitter's id, `p_*`, `dc_*`, or the id of the caller's workspace for everything in it. Raises
        ForbiddenError, NotFoundError for an emitter or listener that the workspace does not have, InvalidError.
        """
        require(principal, Scope.WRITE_EVENTS)
        _check_channel(channel)
        stored_emitter = self._emitter(principal, emitter)
        kind = self._listener(principal, listener_id)
        return self._store.create(
            Subscription(
                id=self._new_id(),
                workspace_id=principal.workspace_id,
                user_id=principal.user_id,
                emitter=stored_emitter,
                channel=channel,
                listener_id=listener_id,
                listener_kind=kind,
                created_at=self._clock.now(),
            )
        )

    def delete(self, principal: Principal, emitter: str, channel: str, listener_id: str) -> None:
        """Raises ForbiddenError, SubscriptionNotFoundError."""
        require(principal, Scope.WRITE_EVENTS)
        stored = EVERYTHING if emitter == principal.workspace_id else emitter
        # By their form alone: what they name may be gone, and the subscription is to be deleted all the same.
        known = (emitter in _GLOBS or is_id(emitter)) and is_id(listener_id)
        if not known or not self._store.delete(principal.workspace_id, stored, channel, listener_id):
            raise SubscriptionNotFoundError(emitter=emitter, channel=channel, listener_id=listener_id)

    def list(self, principal: Principal) -> tuple[Subscription, ...]:
        """Newest first. Raises ForbiddenError."""
        require(principal, Scope.READ_EVENTS)
        return self._store.list(principal.workspace_id)

    def create_auto(self, principal: Principal, channel: str, listener_id: str) -> AutoSubscription:
        """Subscribes the listener to what is created from now on. Raises as `create` does; there is none for the
        default channel."""
        require(principal, Scope.WRITE_EVENTS)
        if channel == DEFAULT_CHANNEL:
            raise InvalidError("event_name is required", field="event_name")
        _check_channel(channel)
        kind = self._listener(principal, listener_id)
        return self._store.create_auto(
            AutoSubscription(
                id=self._new_id(),
                workspace_id=principal.workspace_id,
                user_id=principal.user_id,
                channel=channel,
                listener_id=listener_id,
                listener_kind=kind,
                created_at=self._clock.now(),
            )
        )

    def delete_auto(self, principal: Principal, channel: str, listener_id: str) -> None:
        """Raises ForbiddenError, SubscriptionNotFoundError. What it has subscribed stays subscribed."""
        require(principal, Scope.WRITE_EVENTS)
        if not is_id(listener_id) or not self._store.delete_auto(principal.workspace_id, channel, listener_id):
            raise SubscriptionNotFoundError(channel=channel, listener_id=listener_id)

    def list_auto(self, principal: Principal) -> tuple[AutoSubscription, ...]:
        """Raises ForbiddenError."""
        require(principal, Scope.READ_EVENTS)
        return self._store.list_auto(principal.workspace_id)

    def changing(self, workflow: Workflow, graph: Graph) -> None:
        # Before it is stored, so that its first event finds its listeners; a crash leaves some that name nothing.
        if workflow.revision == 1:
            self.created(workflow.workspace_id, workflow.id)

    def deleting(self, workflow: Workflow) -> None:
        self.removed(workflow.workspace_id, workflow.id)

    def created(self, workspace_id: str, emitter_id: str) -> None:
        """Applies the auto-subscriptions to an emitter that is about to be stored. May be repeated."""
        for auto in self._store.list_auto(workspace_id):
            self._store.create(
                Subscription(
                    id=self._new_id(),
                    workspace_id=workspace_id,
                    user_id=auto.user_id,
                    emitter=emitter_id,
                    channel=auto.channel,
                    listener_id=auto.listener_id,
                    listener_kind=auto.listener_kind,
                    created_at=self._clock.now(),
                )
            )

    def removed(self, workspace_id: str, resource_id: str) -> None:
        """Takes away whatever names an emitter or listener that is going. May be repeated."""
        self._store.delete_of(workspace_id, resource_id)

    def _emitter(self, principal: Principal, emitter: str) -> str:
        """As it is stored."""
        if emitter == principal.workspace_id:
            return EVERYTHING
        if emitter in _GLOBS:
            return emitter
        if "*" in emitter:
            raise InvalidError("emitter_id may be p_* or dc_*, but no other pattern", field="emitter_id")
        self._workflow_or_source(principal, emitter)
        return emitter

    def _listener(self, principal: Principal, listener_id: str) -> ListenerKind:
        if listener_id.startswith(ENDPOINT_PREFIX):
            if not is_id(listener_id):
                raise EndpointNotFoundError(endpoint_id=listener_id)
            self._endpoints.get(principal.workspace_id, listener_id)
            return ListenerKind.WEBHOOK
        # The two kinds that can hear as well as emit have the same names in both enumerations.
        return ListenerKind(self._workflow_or_source(principal, listener_id).value)

    def _workflow_or_source(self, principal: Principal, id_: str) -> EmitterKind:
        """What the workspace has of this id; the id's form does not say, as workflows come in several."""
        if not id_.startswith(_SOURCE_PREFIX):
            try:
                self._access.workflow(principal, id_, Scope.WRITE_EVENTS)
            except WorkflowNotFoundError:
                pass
            else:
                return EmitterKind.WORKFLOW
        if not is_id(id_):
            raise SourceNotFoundError(source_id=id_)
        self._check_source(principal.workspace_id, id_)
        return EmitterKind.SOURCE

    def _new_id(self) -> str:
        return ID_PREFIX + base62(int.from_bytes(self._entropy.bytes(9), "big"), _ID_DIGITS)


def _check_channel(channel: str) -> None:
    """Raises InvalidError, for a channel too that nothing can be emitted on."""
    try:
        check_channel(channel)
    except InvalidError as error:
        raise InvalidError("event_name cannot be the name of a channel", field="event_name") from error
    if channel.startswith("$") and channel not in _OWN_CHANNELS:
        raise InvalidError("event_name may be $errors or $logs, but no other name with $", field="event_name")

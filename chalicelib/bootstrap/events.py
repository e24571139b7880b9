"""The services of events: what is emitted, who listens, and what is delivered to whom."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.bootstrap.foundation import Foundation
from chalicelib.domain.events import EmitterKind
from chalicelib.domain.subscriptions import ListenerKind
from chalicelib.system import ThreadSpawner

if TYPE_CHECKING:
    from chalicelib.services.events.attempts import Deliverer
    from chalicelib.services.events.deliveries import Deliveries
    from chalicelib.services.events.endpoints import Endpoints
    from chalicelib.services.events.events import Events
    from chalicelib.services.events.fanout import Fanout
    from chalicelib.services.events.subscriptions import Subscriptions

TELLING_THREADS = 16


class EventServices(Foundation):
    @cached_property
    def events(self) -> Events:
        from chalicelib.services.events.events import Events

        return Events(
            store=self.stores.events,
            subscriptions=self.stores.subscriptions,
            queue=self.delivery_queue,
            emitters={
                EmitterKind.WORKFLOW: self.access.workflow,
                EmitterKind.SOURCE: lambda principal, id_, scope: self.sources.get(principal, id_, scope),
            },
            # Late, because chores are made of events: asked for here, each would be built for the other without end.
            chores=lambda: self.chores,
            clock=self.clock,
        )

    @cached_property
    def subscriptions(self) -> Subscriptions:
        from chalicelib.services.events.subscriptions import Subscriptions

        stores = self.stores
        return Subscriptions(
            stores.subscriptions,
            stores.endpoints,
            self.access,
            self.clock,
            self.entropy,
            lambda workspace_id, id_: self.sources.check(workspace_id, id_),
        )

    @cached_property
    def endpoints(self) -> Endpoints:
        from chalicelib.services.events.endpoints import Endpoints

        return Endpoints(
            store=self.stores.endpoints,
            subscriptions=self.stores.subscriptions,
            deliveries=self.deliveries,
            marks=self.stores.marks,
            clock=self.clock,
            entropy=self.entropy,
            check_url=self.http.check_url,
        )

    @cached_property
    def deliveries(self) -> Deliveries:
        from chalicelib.services.events.deliveries import Deliveries

        return Deliveries(
            store=self.stores.deliveries,
            endpoints=self.stores.endpoints,
            queue=self.delivery_queue,
            chores=lambda: self.chores,
            clock=self.clock,
            entropy=self.entropy,
        )

    @cached_property
    def fanout(self) -> Fanout:
        from chalicelib.services.events.fanout import Fanout

        return Fanout(
            events=self.stores.events,
            subscriptions=self.stores.subscriptions,
            endpoints=self.stores.endpoints,
            deliveries=self.stores.deliveries,
            queue=self.delivery_queue,
            workflows=self.stores.workflows,
            runs=self.runs,
            emitting=self.events,
            clock=self.clock,
            spawner=ThreadSpawner(TELLING_THREADS, "telling"),
            others={ListenerKind.SOURCE: lambda event, listener: self.sources.tell(event, listener)},
        )

    @cached_property
    def deliverer(self) -> Deliverer:
        from chalicelib.services.events.attempts import Deliverer

        return Deliverer(
            deliveries=self.stores.deliveries,
            endpoints=self.stores.endpoints,
            queue=self.delivery_queue,
            counters=self.stores.counters,
            sender=self.http,
            emitting=self.events,
            clock=self.clock,
            timeout_seconds=self.settings.delivery_timeout_seconds,
        )

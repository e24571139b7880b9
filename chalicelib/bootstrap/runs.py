"""The services of workflows and of their runs: what starts, steers, repeats and lists them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.bootstrap.pins import PinServices
from chalicelib.system import ThreadSpawner

if TYPE_CHECKING:
    from chalicelib.domain.run import Outcome
    from chalicelib.domain.tasks import Task
    from chalicelib.services.files import Files
    from chalicelib.services.hooks import Hooks
    from chalicelib.services.overview import DueIndex, Overview
    from chalicelib.services.ports import Performer
    from chalicelib.services.runs.bulk import BulkRetries
    from chalicelib.services.runs.children import Children
    from chalicelib.services.runs.chores import Chores
    from chalicelib.services.runs.concurrency import Limiter
    from chalicelib.services.runs.control import Control
    from chalicelib.services.runs.lifecycle import Lifecycle
    from chalicelib.services.runs.mirror import Mirror, MirroringAnnouncer
    from chalicelib.services.runs.programs import Programs
    from chalicelib.services.runs.runs import Runs
    from chalicelib.services.schedules.schedules import Schedules
    from chalicelib.services.schedules.triggers import TriggerSchedules
    from chalicelib.services.workflows import Workflows

LISTING_THREADS = 32


class _Later:
    """A performer that is made, and loaded with all node types, for the first step: most calls of the API perform
    none."""

    def __init__(self, made: Callable[[], Performer]) -> None:
        self._made = made

    def perform(self, task: Task, seconds_left: float) -> Outcome:
        return self._made().perform(task, seconds_left)


class RunServices(PinServices):
    @cached_property
    def programs(self) -> Programs:
        from chalicelib.services.runs.programs import Programs

        return Programs(self.stores.workflows)

    @cached_property
    def runs(self) -> Runs:
        from chalicelib.services.runs.runs import Runs

        return Runs(
            store=self.stores.runs,
            queue=self.queue,
            access=self.access,
            programs=self.programs,
            performer=_Later(lambda: self.performer),
            marks=self.stores.marks,
            clock=self.clock,
            entropy=self.entropy,
            spawner=ThreadSpawner(LISTING_THREADS, "listing"),
            # Few calls tell of an end; the others load nothing of events.
            announcer=lambda: self.announcer,
        )

    @cached_property
    def children(self) -> Children:
        from chalicelib.services.runs.children import Children

        return Children(self.stores.runs, self.stores.workflows, self.queue, self.clock, self.announcer)

    @cached_property
    def announcer(self) -> MirroringAnnouncer:
        from chalicelib.services.runs.mirror import MirroringAnnouncer

        return MirroringAnnouncer(self.lifecycle, self.mirror)

    @cached_property
    def mirror(self) -> Mirror:
        from chalicelib.services.runs.mirror import Mirror

        return Mirror(self.stores.runs, self.programs, lambda: self.pin_access, lambda: self.pin_data)

    @cached_property
    def lifecycle(self) -> Lifecycle:
        from chalicelib.services.runs.lifecycle import Lifecycle

        return Lifecycle(self.events, self.programs.of)

    @cached_property
    def chores(self) -> Chores:
        from chalicelib.services.events.events import DELETE_EVENTS
        from chalicelib.services.runs.chores import Chores

        return Chores(
            workflows=self.stores.workflows,
            runs=self.runs,
            clock=self.clock,
            kinds={DELETE_EVENTS: self.events.delete_slice, **self.deliveries.slices, **self.pin_chores.slices},
        )

    @cached_property
    def limiter(self) -> Limiter:
        from chalicelib.services.runs.concurrency import Limiter

        return Limiter(self.stores.runs, self.stores.slots, self.children, self.queue, self.clock)

    @cached_property
    def control(self) -> Control:
        from chalicelib.services.runs.control import Control

        return Control(
            store=self.stores.runs, queue=self.queue, runs=self.runs, programs=self.programs, clock=self.clock
        )

    @cached_property
    def bulk(self) -> BulkRetries:
        from chalicelib.services.runs.bulk import BulkRetries

        return BulkRetries(
            store=self.stores.runs,
            workflows=self.stores.workflows,
            access=self.access,
            runs=self.runs,
            control=self.control,
            marks=self.stores.marks,
            clock=self.clock,
        )

    @cached_property
    def workflows(self) -> Workflows:
        from chalicelib.services.workflows import Workflows

        return Workflows(
            workflows=self.stores.workflows,
            hooks=self.stores.hooks,
            runs=self.runs,
            access=self.access,
            clock=self.clock,
            entropy=self.entropy,
            watchers=(self.subscriptions, self.trigger_schedules),
        )

    @cached_property
    def hooks(self) -> Hooks:
        from chalicelib.services.hooks import Hooks

        return Hooks(
            hooks=self.stores.hooks,
            workflows=self.stores.workflows,
            access=self.access,
            runs=self.runs,
            clock=self.clock,
            entropy=self.entropy,
        )

    @cached_property
    def schedules(self) -> Schedules:
        from chalicelib.services.schedules.schedules import Schedules

        return Schedules(self.stores.schedules, self.queue, self.access, self.clock, self.entropy)

    @cached_property
    def trigger_schedules(self) -> TriggerSchedules:
        from chalicelib.services.schedules.triggers import TriggerSchedules

        return TriggerSchedules(self.stores.schedules, self.queue, self.stores.workflows, self.clock)

    @cached_property
    def files(self) -> Files:
        from chalicelib.services.files import Files

        return Files(self.stores.files, self.runs)

    @cached_property
    def overview(self) -> Overview:
        from chalicelib.queues.depths import SqsQueueDepths
        from chalicelib.services.overview import Overview

        urls = {"runs": lambda: self.queue.url, "deliveries": lambda: self.delivery_queue.url}
        dues: Mapping[str, DueIndex] = {"runs": self.stores.runs, "deliveries": self.stores.deliveries}
        return Overview(self.stores.runs, dues, SqsQueueDepths(self.clients.sqs, urls), self.clock)

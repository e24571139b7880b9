"""One seed: a world with faults, then one without in which everything comes to its end, then the accounts."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any, cast

from chalicelib.domain import containers
from chalicelib.domain.engine import Execution
from chalicelib.domain.run import History, Run, RunStatus
from chalicelib.domain.tasks import Task
from chalicelib.nodes.registry import NodeRegistry
from chalicelib.services.access import Access
from chalicelib.services.children import Children
from chalicelib.services.concurrency import Limiter
from chalicelib.services.control import Control
from chalicelib.services.ports import DUE_SHARDS, MarkStore, RunQueue, RunStore, SlotStore, WorkflowStore
from chalicelib.services.runs import Runs
from chalicelib.services.tick import Tick
from chalicelib.services.worker import Programs, Worker, WorkerSettings
from tests.fakes import (
    FixedClock,
    MemoryHookStore,
    MemoryMarkStore,
    MemoryRunStore,
    MemorySlotStore,
    MemoryWorkflowStore,
    SeededEntropy,
)
from tests.simulator import oracle, workload
from tests.simulator.callers import Callers
from tests.simulator.faults import Faults
from tests.simulator.functions import TickFunction, WorkerFunction
from tests.simulator.invariants import Watch
from tests.simulator.ports import (
    ActorSpawner,
    ObservedPerformer,
    Port,
    SimulatedQueue,
    SkewedClock,
    StaleRunStore,
)
from tests.simulator.receiver import Receiver
from tests.simulator.world import ViolationError, World

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
PATIENCE_MS = 90 * DAY_MS
"""How long a world without faults may take to come to rest: longer than anything in it can wait."""

LATEST_MS = 6 * HOUR_MS
"""How long after its due time a run may be found at the latest in a world without faults."""

MOST_ANSWERS = 300

Sabotage = Callable[[Any], Any]


class Simulation:
    """`sabotage_store` and `sabotage_worker` put something broken in the place of the real thing: the proof that the
    checks notice."""

    def __init__(
        self,
        seed: int,
        sabotage_store: Sabotage = lambda store: store,
        sabotage_worker: Sabotage = lambda worker: worker,
    ) -> None:
        self.seed = seed
        self.world = World(seed)
        rng = self.world.random
        self.faults = Faults(self.world)
        self.store = MemoryRunStore(cast(Any, SkewedClock(self.world)))
        definitions = MemoryWorkflowStore()
        made = workload.workflows(rng)
        for workflow, body in made:
            definitions.create(workflow, body)
        self._plain_programs = Programs(definitions)
        self.watch = Watch(self.world, self.store, self._plain_programs.of, lambda due_at: self.ticks.consider(due_at))
        self.receiver = Receiver(self.world, self.faults, self.watch.requested)
        self.watch.effects = self.receiver.effects.__getitem__
        self._wire(definitions, sabotage_store, sabotage_worker)
        self.callers = Callers(
            self.world, self.faults, self.watch, self.runs, self.control, [workflow for workflow, _ in made]
        )

    def _wire(self, definitions: MemoryWorkflowStore, sabotage_store: Sabotage, sabotage_worker: Sabotage) -> None:
        world, faults, rng = self.world, self.faults, self.world.random
        clock = SkewedClock(world)
        fixed = cast(FixedClock, clock)
        self._plain_performer = NodeRegistry(FixedClock(), self.receiver)
        stale = StaleRunStore(world, faults, sabotage_store(self.store), DUE_SHARDS)
        store = cast(RunStore, Port(world, faults, "runs", stale, self.watch))
        workflows = cast(WorkflowStore, Port(world, faults, "workflows", definitions, None))
        visibility_ms = rng.choice((60_000, 1_800_000))
        sender = SimulatedQueue(world, faults, lambda run_id: self.function.deliver(run_id))
        queue = cast(RunQueue, Port(world, faults, "queue", sender, None))
        programs = Programs(workflows)
        performer = ObservedPerformer(world, NodeRegistry(clock, self.receiver), self.watch.begins)
        access = Access(workflows, MemoryHookStore())
        self.runs = Runs(
            store=store,
            queue=queue,
            access=access,
            programs=programs,
            performer=performer,
            marks=cast(MarkStore, Port(world, faults, "marks", MemoryMarkStore(fixed), None)),
            clock=clock,
            entropy=SeededEntropy(self.seed),
        )
        self.control = Control(store=store, queue=queue, runs=self.runs, programs=programs, clock=clock)
        children = Children(store, workflows, queue, clock)
        slots = cast(SlotStore, Port(world, faults, "slots", MemorySlotStore(fixed), None))
        limiter = Limiter(store, slots, children, queue, clock)
        settings = WorkerSettings(
            lease=rng.choice((60.0, 20.0)),
            slice=rng.choice((120.0, 10.0)),
            slice_steps=rng.choice((1000, 3, 1)),
            max_parallel_steps=rng.choice((16, 2, 1)),
            max_stalls=rng.choice((8, 100_000)),
            slot_wait=60.0,
            longest_slot_wait=7200.0,
        )
        worker = Worker(store, queue, programs, performer, clock, ActorSpawner(world), children, limiter, settings)
        self.function = WorkerFunction(world, faults, sabotage_worker(worker), visibility_ms)
        self.ticks = TickFunction(world, faults, Tick(store, queue, clock), self._earliest_due)

    # -- the course ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Raises ViolationError."""
        logging.disable(logging.CRITICAL)
        usual = containers.MOST_ITEMS_INLINE, containers.ITEMS_PER_CHILD
        containers.MOST_ITEMS_INLINE, containers.ITEMS_PER_CHILD = self.world.random.choice((usual, (2, 1), (2, 2)))
        try:
            self._course()
        finally:
            self.world.close()
            containers.MOST_ITEMS_INLINE, containers.ITEMS_PER_CHILD = usual
            logging.disable(logging.NOTSET)

    def _course(self) -> None:
        rng = self.world.random
        lasts_ms = rng.choice((120_000, 900_000, 2 * HOUR_MS, 3 * DAY_MS))
        self.callers.plan(rng.randint(1, 8), rng.choice((0, 4, 12)), lasts_ms)
        self.world.run(lasts_ms)
        self.faults.cease()
        self.world.trace.add(self.world.now_ms, "world", "faults cease")
        ends_ms = self.world.now_ms + PATIENCE_MS
        self._come_to_rest(ends_ms)
        for _ in range(MOST_ANSWERS):
            if all(run.status.is_final for run in self._all()):
                break
            self._wake_up()
            self._come_to_rest(ends_ms)
        else:
            raise ViolationError("there are runs that no answer brings to their end")
        self._close_accounts()

    def _come_to_rest(self, ends_ms: int) -> None:
        """Lets time go on until every run has ended, is paused, or waits for an answer without limit."""
        step_ms = 60_000
        began_ms = self.world.now_ms
        while not all(self._rests(run) for run in self._all()):
            if self.world.now_ms >= ends_ms:
                restless = ", ".join(f"{run.id} ({run.status})" for run in self._all() if not self._rests(run))
                raise ViolationError(f"these runs never come to rest: {restless}")
            latest = self.world.time(-LATEST_MS)
            forgotten = [run.id for run in self._all() if run.due_at is not None and run.due_at < latest]
            if forgotten and self.world.now_ms > began_ms + 2 * LATEST_MS:
                raise ViolationError(f"these runs have long been due, and nobody looks: {', '.join(forgotten)}")
            self.ticks.schedule()
            self.world.run(self.world.now_ms + step_ms)
            step_ms = min(step_ms * 2, 6 * HOUR_MS)

    def _rests(self, run: Run) -> bool:
        if run.status.is_final:
            return run.due_at is None
        if run.status is RunStatus.PAUSED:
            return True
        if run.status is RunStatus.QUEUED:
            return self._waits_for_a_slot(run)
        return run.status is RunStatus.WAITING and self._waits_for_somebody(run)

    def _waits_for_a_slot(self, run: Run) -> bool:
        """Whether a concurrency limit keeps it from beginning, and those before it rest."""
        if run.part is not None or self.watch.program(run).graph.concurrency is None:
            return False
        before_it = {RunStatus.WAITING, RunStatus.PAUSED}
        others = [other for other in self._all() if other.workflow_id == run.workflow_id and other.status in before_it]
        return any(run.id not in other.children and self._rests(other) for other in others)

    def _waits_for_somebody(self, run: Run) -> bool:
        """Whether nothing but an answer, or the end of a child that rests itself, brings the run on."""
        tasks = self._waiting(run)
        if run.deadline_at is not None or not all(map(self._is_timeless, tasks)):
            return False
        children = [child for child_id in run.children if (child := self.watch.run(child_id))]
        asks = any(task.step.node.type == "user_input" and task.slot not in run.answers for task in tasks)
        return asks or any(not child.status.is_final and self._rests(child) for child in children)

    @staticmethod
    def _is_timeless(task: Task) -> bool:
        if task.step.node.type == "user_input":
            return "timeout_seconds" not in task.step.node.config
        return task.part is not None or task.step.node.type == "sub_workflow"

    def _waiting(self, run: Run) -> list[Task]:
        """The steps that wait, children included, as the next holder will find them."""
        execution = Execution(self.watch.program(run), run, self.store.history(run.id) if run.fence else History())
        found: list[Task] = []
        while True:
            while (lookup := execution.next_lookup()) is not None:
                newest_only = lookup.step.node.type == "loop"
                records = self.store.round_history(run.id, lookup.slot, lookup.scope.round, newest_only=newest_only)
                execution.supply(lookup, *records)
            execution.advance(self.world.time())
            task = execution.next_task()
            if task is None:
                return [*found, *execution.waiting()]
            if task.is_effect:
                found.append(task)
            else:
                execution.conclude(task, self._plain_performer.perform(task, 1.0))

    def _wake_up(self) -> None:
        """Resumes what is paused and answers what asks."""
        for run in self._all():
            if run.status is RunStatus.PAUSED:
                self.callers.now(lambda run_id=run.id: self.callers.resume(run_id))  # type: ignore[misc]
            elif run.status is RunStatus.WAITING:
                self.callers.now(lambda run_id=run.id: self.callers.answer(run_id))  # type: ignore[misc]
        self.world.run(self.world.now_ms + 1000)

    def _close_accounts(self) -> None:
        for run_id in self.watch.accepted:
            if self.watch.run(run_id) is None:
                raise ViolationError(f"the accepted run {run_id} does not exist")
        for run in self._all():
            self.watch.check_records(run.id)
            oracle.check(run, self.watch)

    def ends(self) -> Counter[str]:
        """How the runs ended, with the kind of failure where there was one."""
        return Counter(f"{run.status}{f' ({run.failure.type})' if run.failure else ''}" for run in self._all())

    def _all(self) -> list[Run]:
        return [run for run_id in self.watch.known if (run := self.watch.run(run_id))]

    def _earliest_due(self) -> Any:
        return min((run.due_at for run in self._all() if run.due_at is not None), default=None)

"""Runs: random graphs, started, steered and worked off under every fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any, cast

from chalicelib.domain import containers
from chalicelib.domain.engine import Execution
from chalicelib.domain.events import ERRORS, Emitter, EmitterKind, EventQuery, emit_id
from chalicelib.domain.run import History, Run, RunStatus
from chalicelib.domain.tasks import Task
from chalicelib.nodes.registry import NodeRegistry
from chalicelib.services.runs.programs import Programs
from tests.fakes import FixedClock
from tests.simulator import oracle, workload
from tests.simulator.callers import Callers
from tests.simulator.course import DAY_MS, HOUR_MS, NO_SABOTAGE, Course, Limit
from tests.simulator.deployment import Deployment, Sabotage, Stores
from tests.simulator.faults import RUN_KINDS
from tests.simulator.invariants import Watch
from tests.simulator.ports import SkewedClock
from tests.simulator.receiver import Receiver
from tests.simulator.world import ViolationError

MOST_ANSWERS = 300


class Simulation(Course):
    KINDS = RUN_KINDS

    def __init__(self, seed: int, sabotage: Sabotage = NO_SABOTAGE) -> None:
        super().__init__(seed, sabotage)
        world = self.world
        stores = Stores(cast(Any, SkewedClock(world)))
        self.store, self.events = stores.runs, stores.events
        made = workload.workflows(world.random)
        for workflow, body in made:
            stores.workflows.create(workflow, body)
        self._plain_programs = Programs(stores.workflows)
        self.watch = Watch(
            world, self.store, self._plain_programs.of, lambda due_at: self.deployment.ticks.consider(due_at)
        )
        self.receiver = Receiver(world, self.faults, self.watch.requested)
        self.watch.effects = self.receiver.effects.__getitem__
        self._plain_performer = NodeRegistry(FixedClock(), self.receiver)
        self.deployment = Deployment(
            world,
            self.faults,
            stores,
            seed=seed,
            senders=(self.receiver, self.receiver),
            begins=self.watch.begins,
            observers={"runs": self.watch},
            sabotage=sabotage,
            passes=(),
            earliest_due=self.earliest_due,
        )
        self.callers = Callers(
            world,
            self.faults,
            self.watch,
            self.deployment.runs,
            self.deployment.control,
            [workflow for workflow, _ in made],
        )

    # -- the course ---------------------------------------------------------------------------------------------------

    def limits(self) -> Iterable[Limit]:
        usual = containers.MOST_ITEMS_INLINE, containers.ITEMS_PER_CHILD
        inline, per_child = self.world.random.choice((usual, (2, 1), (2, 2)))
        return (containers, "MOST_ITEMS_INLINE", inline), (containers, "ITEMS_PER_CHILD", per_child)

    def faulty(self) -> None:
        rng = self.world.random
        lasts_ms = rng.choice((120_000, 900_000, 2 * HOUR_MS, 3 * DAY_MS))
        self.callers.plan(rng.randint(1, 8), rng.choice((0, 4, 12)), lasts_ms)
        self.world.run(lasts_ms)

    def faultless(self, ends_ms: int) -> None:
        self.come_to_rest(ends_ms)
        for _ in range(MOST_ANSWERS):
            if all(run.status.is_final for run in self._all()):
                return
            self._wake_up()
            self.come_to_rest(ends_ms)
        raise ViolationError("there are runs that no answer brings to their end")

    def restless(self) -> list[str]:
        return [f"{run.id} ({run.status})" for run in self._all() if not self._rests(run)]

    def due(self) -> list[tuple[str, datetime]]:
        return [(run.id, run.due_at) for run in self._all() if run.due_at is not None]

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
                newest_only = containers.needs_newest_only(lookup)
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

    def close_accounts(self) -> None:
        for run_id in self.watch.accepted:
            if self.watch.run(run_id) is None:
                raise ViolationError(f"the accepted run {run_id} does not exist")
        for run in self._all():
            self.watch.check_records(run.id)
            oracle.check(run, self.watch)
            self._check_announced(run)

    def _check_announced(self, run: Run) -> None:
        """Its end was an event, whoever died in the course of it."""
        if run.part is not None or run.finished_at is None:
            return
        told = emit_id(run.finished_at, f"{run.id}/end/{run.fence}")
        emitter = Emitter(run.workspace_id, EmitterKind.WORKFLOW, run.workflow_id)
        streams = (self.events.page(emitter, stream, EventQuery(limit=100_000)).items for stream in ("", ERRORS))
        if not any(event.emission.emit_id == told for stream in streams for event in stream):
            raise ViolationError(f"nobody was told that {run.id} ended {run.status}")

    def ends(self) -> Counter[str]:
        """How the runs ended, with the kind of failure where there was one."""
        return Counter(
            f"runs ended {run.status}{f' ({run.failure.type})' if run.failure else ''}" for run in self._all()
        )

    def _all(self) -> list[Run]:
        return [run for run_id in self.watch.known if (run := self.watch.run(run_id))]

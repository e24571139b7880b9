"""Schedules: of every kind and policy, changed while they go, under every fault."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, cast

from chalicelib.domain.run import Run
from chalicelib.domain.tasks import Task
from chalicelib.domain.workflow import Workflow, WorkflowBody, WorkflowStatus
from chalicelib.services.runs.programs import Programs
from tests.fakes import START
from tests.simulator.course import DAY_MS, HOUR_MS, NO_SABOTAGE, Course
from tests.simulator.deployment import Deployment, Sabotage, Stores
from tests.simulator.faults import SCHEDULE_KINDS
from tests.simulator.firing import FiringWatch
from tests.simulator.invariants import Watch
from tests.simulator.planners import Planners, plain
from tests.simulator.ports import Observers, SkewedClock
from tests.simulator.receiver import Receiver
from tests.simulator.workload import WORKSPACE
from tests.simulator.world import ViolationError

_LATE_MS = 8 * 60_000
"""How late a schedule may be in a world without faults."""

_SPANS = (
    (15 * 60_000, (60, 300)),
    (3 * HOUR_MS, (300, 3600)),
    (3 * DAY_MS, (3600, 86_400)),
)
"""How long worlds last, and after how many seconds their schedules come round."""


class ScheduleSimulation(Course):
    KINDS = SCHEDULE_KINDS

    def __init__(self, seed: int, sabotage: Sabotage = NO_SABOTAGE) -> None:
        super().__init__(seed, sabotage)
        world, rng = self.world, self.world.random
        # A message of a run that waits for its turn makes another one; each of them repeated, there is no end of them.
        self.faults.odds.repeated = min(self.faults.odds.repeated, 0.1)
        self._stores = stores = Stores(cast(Any, SkewedClock(world)))
        self._lasts_ms, self._bounds = rng.choice(_SPANS)
        made = self._workflows()
        self.watch = Watch(world, stores.runs, Programs(stores.workflows).of, self._due_changed)
        self.firing = FiringWatch(world, stores, self.watch, self._due_changed)
        receiver = Receiver(world, self.faults, self.watch.requested)
        self.deployment = Deployment(
            world,
            self.faults,
            stores,
            seed=seed,
            senders=(receiver, receiver),
            begins=self._begins,
            observers={
                "runs": Observers(self.watch, self.firing),
                "schedules": self.firing,
                "workflows": self.firing,
            },
            sabotage=sabotage,
            passes=("schedules",),
            earliest_due=self.earliest_due,
        )
        self.planners = Planners(world, self.faults, self.watch, self.deployment, made, self._bounds)

    def _workflows(self) -> list[Workflow]:
        """One that is done at once, and one that takes as long as a while or several."""
        made = []
        for number, seconds in enumerate((0.2, self._bounds[0] * self.world.random.choice((0.5, 1.5, 4)))):
            id_, status = f"wf_{number}", WorkflowStatus.ACTIVE
            workflow = Workflow(id_, WORKSPACE, f"Workflow {number}", "", status, 1, "1", START, START)
            graph = plain(seconds)
            self._stores.workflows.create(workflow, WorkflowBody("1", id_, 1, {}, graph))
            made.append(workflow)
        return made

    def _begins(self, task: Task) -> None:
        self.watch.begins(task)
        self.firing.begins(task)

    def _due_changed(self, due_at: datetime) -> None:
        self.deployment.ticks.consider(due_at)

    # -- the course ---------------------------------------------------------------------------------------------------

    def faulty(self) -> None:
        self.planners.plan(self.world.random.choice((0, 3, 8)), self._lasts_ms)
        self.world.run(self._lasts_ms, self.has_seen_enough)

    def faultless(self, ends_ms: int) -> None:
        """Goes on for a while, as it should, until everything is stopped."""
        self.world.run(self.world.now_ms + self._bounds[0] * 1000 + 2 * _LATE_MS)
        late = self.firing.late(self.world.time(-_LATE_MS))
        if late:
            raise ViolationError(f"these should have fired long ago: {', '.join(late)}")
        self.planners.leave()
        self.world.run(self.world.now_ms + _LATE_MS)  # calls that are under way may yet make a schedule
        there = self._stores.workflows.page(WORKSPACE, status=None, offset=0, limit=1000).items
        self.planners.stop_all([each.id for each in self._stores.schedules], [each.id for each in there])
        self.come_to_rest(ends_ms)

    def restless(self) -> list[str]:
        runs = [f"{run.id} ({run.status})" for run in self._all() if not run.status.is_final or run.due_at]
        return [*runs, *(schedule_id for schedule_id, _ in self.firing.due())]

    def due(self) -> list[tuple[str, datetime]]:
        return [*((run.id, run.due_at) for run in self._all() if run.due_at is not None), *self.firing.due()]

    def close_accounts(self) -> None:
        for (schedule_id, at), run_id in self.firing.started.items():
            if self.watch.run(run_id) is None:
                raise ViolationError(f"{schedule_id} was to start {run_id} at {at}, and it is not there")
        for run in self._all():
            self.watch.check_records(run.id)

    def ends(self) -> Counter[str]:
        counted = Counter(f"runs ended {run.status}" for run in self._all())
        counted["due times started"] = len(self.firing.started)
        counted["due times passed over"] = self.firing.passed
        return counted

    def _all(self) -> list[Run]:
        return [run for run_id in self.watch.known if (run := self.watch.run(run_id))]

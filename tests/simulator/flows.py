"""Flows: several that share connections, with records that fail and receivers that are busy, under every fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any, cast

from chalicelib.domain.run import Run
from chalicelib.domain.tasks import Task
from chalicelib.domain.workflow import Workflow
from chalicelib.nodes.flows import export, parts
from chalicelib.services.runs.programs import Programs
from tests.simulator.course import HOUR_MS, NO_SABOTAGE, Course, Limit
from tests.simulator.deployment import Deployment, Sabotage, Stores
from tests.simulator.faults import FLOW_KINDS
from tests.simulator.flow_makers import FlowMaker
from tests.simulator.flow_users import FlowUsers
from tests.simulator.flowing import FlowWatch
from tests.simulator.invariants import Watch
from tests.simulator.ports import Observers, SkewedClock
from tests.simulator.warehouse import Warehouse
from tests.simulator.world import ViolationError

_MOST_RETRIES = 12
"""How often everything is tried again in a world without faults until nothing is left: as records have stages."""
_ENOUGH = 3_000
_SKEW_MS = 1_000
"""How far clocks are off at most: slots of connections end by time, and have little to spare."""


class FlowSimulation(Course):
    KINDS = FLOW_KINDS

    def __init__(self, seed: int, sabotage: Sabotage = NO_SABOTAGE) -> None:
        super().__init__(seed, sabotage)
        world, rng = self.world, self.world.random
        odds = self.faults.odds
        # A message of a run that waits for its turn makes another one; each of them repeated, there is no end of them.
        odds.repeated = min(odds.repeated, 0.1)
        odds.skew_ms = min(odds.skew_ms, _SKEW_MS)
        self._stores = stores = Stores(cast(Any, SkewedClock(world)))
        self._lasts_ms = rng.choice((900_000, HOUR_MS, 6 * HOUR_MS))
        self.warehouse = Warehouse(world, self.faults)
        made = self._made()
        self.watch = Watch(world, stores.runs, Programs(stores.workflows).of, self._due_changed)
        self.flowing = FlowWatch(world, stores, self.watch, self.warehouse)
        self.warehouse.may_repeat = self.flowing.may_repeat
        self.warehouse.run_of = self.watch.run
        for flow, document in made:
            self.flowing.flows[flow.id] = document
        self.deployment = Deployment(
            world,
            self.faults,
            stores,
            seed=seed,
            senders=(self.warehouse, self.warehouse),
            begins=self._begins,
            observers={
                "runs": Observers(self.watch, self.flowing),
                "jobs": self.flowing,
                "flow_marks": self.flowing,
            },
            sabotage=sabotage,
            passes=("schedules",),
            earliest_due=self.earliest_due,
            to_connections=self.warehouse,
        )
        self._flows = [flow for flow, _ in made]
        self.users = FlowUsers(
            world, self.faults, self.watch, self.deployment, self._flows, self.flowing, self.warehouse
        )

    def _made(self) -> list[tuple[Workflow, Any]]:
        rng = self.world.random
        maker = FlowMaker(rng, self._stores, self.warehouse, self._lasts_ms)
        for _ in range(rng.randint(1, 2)):
            maker.connection()
        made: list[tuple[Workflow, Any]] = []
        for _ in range(rng.randint(1, 3)):
            document = maker.document([flow.id for flow, _ in made])
            made.append((maker.flow(document), document))
        return made

    def _begins(self, task: Task) -> None:
        self.watch.begins(task)
        self.flowing.begins(task)

    def _due_changed(self, due_at: datetime) -> None:
        self.deployment.ticks.consider(due_at)

    def has_seen_enough(self) -> bool:
        """What comes then, the time without faults has to bring to its end as well."""
        return len(self.world.trace.entries) > _ENOUGH

    # -- the course ---------------------------------------------------------------------------------------------------

    def limits(self) -> Iterable[Limit]:
        rng = self.world.random
        return (
            (export, "FILE_BYTES", rng.choice((export.FILE_BYTES, 1))),
            (parts, "MAX_WIDTH", rng.choice((parts.MAX_WIDTH, 2))),
        )

    def faulty(self) -> None:
        rng = self.world.random
        for flow in self._flows:
            if rng.random() < 0.4:
                self.users.schedule(flow, rng.choice(("? */5 * ? * *", "? 0 * ? * *")))
        self.users.plan(rng.choice((0, 5, 15)), self._lasts_ms)
        self.world.run(self._lasts_ms, self.has_seen_enough)

    def faultless(self, ends_ms: int) -> None:
        """Schedules end; everything that was due is done, and what failed is tried again until nothing is left."""
        for flow in self._flows:
            self.users.now(lambda flow=flow: self.users.unschedule(flow))  # type: ignore[misc]
        self.world.run(self.world.now_ms + 60_000)
        self.come_to_rest(ends_ms)
        self.users.accept()
        for flow in self._flows:
            self.users.now(lambda flow=flow: self.users.run(flow))  # type: ignore[misc]
        self.world.run(self.world.now_ms + 60_000)
        self.come_to_rest(ends_ms)
        for _ in range(_MOST_RETRIES):
            if not self._retried(ends_ms):
                return
        raise ViolationError("there are errors that no retry brings to an end")

    def _retried(self, ends_ms: int) -> bool:
        """Tries everything again that is open; False if there is nothing."""
        found = [(flow, step, ids) for flow in self._flows for step, ids in self.flowing.open_errors(flow.id).items()]
        for flow, step, ids in found:
            self.users.now(lambda flow=flow, step=step, ids=ids: self.users.retry(flow, step, ids))  # type: ignore[misc]
        self.world.run(self.world.now_ms + 60_000)
        self.come_to_rest(ends_ms)
        return bool(found)

    def restless(self) -> list[str]:
        runs = [f"{run.id} ({run.status})" for run in self._all() if not run.status.is_final or run.due_at]
        return [*runs, *(each.id for each in self._stores.schedules if each.due_at is not None)]

    def due(self) -> list[tuple[str, datetime]]:
        runs = [(run.id, run.due_at) for run in self._all() if run.due_at is not None]
        return [*runs, *((each.id, each.due_at) for each in self._stores.schedules if each.due_at is not None)]

    def close_accounts(self) -> None:
        for run_id in self.watch.accepted:
            if self.watch.run(run_id) is None:
                raise ViolationError(f"the accepted run {run_id} does not exist")
        for run in self._all():
            self.watch.check_records(run.id)
        self.flowing.close()

    def ends(self) -> Counter[str]:
        counted = Counter(f"runs ended {run.status}" for run in self._all())
        counted.update(f"failed: {run.failure.type}" for run in self._all() if run.failure is not None)
        counted["errors"] = self.flowing.errors_met
        counted["errors resolved"] = self.flowing.resolved_met
        counted["retries"] = self.flowing.retries
        counted["runs of schedules"] = sum(run.trigger == "schedule" for run in self._all())
        counted["runs after others"] = sum(run.trigger == "flow" for run in self._all())
        full = [limit for name, limit in self.warehouse.limits.items() if self.warehouse.most_under_way[name] == limit]
        counted["connections full"] = len(full)
        return counted

    def _all(self) -> list[Run]:
        return [run for run_id in self.watch.known if (run := self.watch.run(run_id))]

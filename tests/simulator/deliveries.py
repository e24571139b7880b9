"""Deliveries: workflows that speak, those who listen to them, and receivers that are well or not, under every fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any, cast

from chalicelib.domain.deliveries import DeliveryStatus
from chalicelib.domain.run import Run, RunStatus
from chalicelib.domain.tasks import Task
from chalicelib.domain.workflow import INTERNAL_IDS
from chalicelib.services.events import deliveries, events, fanout
from chalicelib.services.runs.programs import Programs
from tests.simulator import emitters
from tests.simulator.course import DAY_MS, HOUR_MS, LATEST_MS, NO_SABOTAGE, Course, Limit
from tests.simulator.delivering import Delivering
from tests.simulator.deployment import Deployment, Sabotage, Stores
from tests.simulator.faults import DELIVERY_KINDS
from tests.simulator.invariants import Watch
from tests.simulator.listeners import Listeners
from tests.simulator.ports import Observers, SkewedClock
from tests.simulator.receivers import Receivers
from tests.simulator.telling import RunEnd, Telling
from tests.simulator.world import ViolationError, World


class _Runs:
    """Sees runs begin and end."""

    def __init__(self, world: World, telling: Telling, watch: Watch) -> None:
        self._telling = telling
        self._watch = watch
        self._world = world

    def before(self, call: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        return

    def after(self, call: str, arguments: tuple[Any, ...], named: dict[str, Any], result: Any) -> None:
        if isinstance(result, Exception):
            return
        if call == "runs.create":
            self._telling.run_made(arguments[0])
        if call in {"runs.finish", "runs.end"}:
            run = self._watch.run(arguments[0])
            assert run is not None, "it has just ended"
            by = self._world.acting().invocation
            self._telling.ended[run.id, run.fence] = RunEnd(run.status, by, self._world.now_ms)


class DeliverySimulation(Course):
    KINDS = DELIVERY_KINDS

    def __init__(self, seed: int, sabotage: Sabotage = NO_SABOTAGE) -> None:
        super().__init__(seed, sabotage)
        world, rng = self.world, self.world.random
        # What is repeated here makes events, and runs of those.
        self.faults.odds.repeated = min(self.faults.odds.repeated, 0.1)
        self._stores = stores = Stores(cast(Any, SkewedClock(world)))
        made = emitters.workflows(rng)
        self._programs = Programs(stores.workflows)
        self.watch = Watch(world, stores.runs, self._programs.of, self._due_changed)
        self.telling = Telling(world, stores, self._due_changed)
        self.telling.most_hops = rng.choice((10, 3, 2))
        for workflow, body in made:
            stores.workflows.create(workflow, body)
            self.telling.defined(workflow.id)
        self.delivering = Delivering(world, stores, self.telling, self._due_changed)
        self.receivers = Receivers(world, self.faults, self.delivering.requested, self.delivering.answered)
        self.delivering.taken = self.receivers.taken
        self.deployment = Deployment(
            world,
            self.faults,
            stores,
            seed=seed,
            senders=(self.receivers, self.receivers),
            begins=self._begins,
            observers={
                "runs": Observers(self.watch, _Runs(world, self.telling, self.watch)),
                "events": self.telling,
                "subscriptions": self.telling,
                "workflows": self.telling,
                "endpoints": Observers(self.telling, self.delivering),
                "deliveries": self.delivering,
            },
            sabotage=sabotage,
            passes=("events", "deliveries"),
            earliest_due=self.earliest_due,
        )
        said = {workflow.id: emitters.says(body.graph) for workflow, body in made}
        workflows = {workflow.id: workflow for workflow, _ in made}
        self.listeners = Listeners(
            world, self.faults, self.watch, self.deployment, workflows, said, self.telling.most_hops
        )

    def _begins(self, task: Task) -> None:
        self.watch.begins(task)
        self.telling.begins(task)

    def _due_changed(self, due_at: datetime) -> None:
        self.deployment.ticks.consider(due_at)

    # -- the course ---------------------------------------------------------------------------------------------------

    def limits(self) -> Iterable[Limit]:
        rng = self.world.random
        return (
            (fanout, "MAX_HOPS", self.telling.most_hops),
            (fanout, "SLICE", rng.choice((fanout.SLICE, 2))),
            (fanout, "FEW", rng.choice((fanout.FEW, 1))),
            (deliveries, "AT_ONCE", rng.choice((deliveries.AT_ONCE, 2))),
            (events, "DELETED_AT_ONCE", rng.choice((events.DELETED_AT_ONCE, 2))),
        )

    def faulty(self) -> None:
        rng = self.world.random
        lasts_ms = rng.choice((900_000, 2 * HOUR_MS, 2 * DAY_MS, 8 * DAY_MS))
        self.listeners.plan(rng.randint(1, 6), rng.choice((0, 4, 10, 16)), lasts_ms)
        self.world.run(lasts_ms, self.has_seen_enough)

    def faultless(self, ends_ms: int) -> None:
        self.come_to_rest(ends_ms)
        if self.world.random.random() < 0.7:
            self.listeners.resume_all()
            self.world.run(self.world.now_ms + 1000)
            self.come_to_rest(ends_ms)

    def restless(self) -> list[str]:
        runs = [f"{run.id} ({run.status})" for run in self._all() if not run.status.is_final or run.due_at]
        untold = [f"{place.emitter.id} {place.id}" for place in self._stores.events._due]
        return [*runs, *untold, *self.delivering.restless()]

    def nobody_is_forgotten(self) -> None:
        super().nobody_is_forgotten()
        latest = self.world.time(-LATEST_MS)
        untold = [
            str(place.id) for place in self._stores.events._due if self.telling.said[place].event.stored_at < latest
        ]
        if untold:
            raise ViolationError(f"these are told again and again: {', '.join(untold)}")

    def due(self) -> list[tuple[str, datetime]]:
        runs = [(run.id, run.due_at) for run in self._all() if run.due_at is not None]
        untold = [(str(place.id), at) for place, at in self._stores.events._due.items()]
        pending = [(each.id, each.due_at) for each in self._stores.deliveries._deliveries.values() if each.due_at]
        return [*runs, *untold, *pending]

    def close_accounts(self) -> None:
        for run_id in self.watch.accepted:
            if self.watch.run(run_id) is None:
                raise ViolationError(f"the accepted run {run_id} does not exist")
        for run in self._all():
            self.watch.check_records(run.id)
            self._check_told(run)
        self.delivering.close()

    def _check_told(self, run: Run) -> None:
        """Each end of a run was an event, and one only; unless its workflow speaks for itself."""
        statuses = [each.status for (run_id, _), each in self.telling.ended.items() if run_id == run.id]
        errors = sum(status in {RunStatus.FAILED, RunStatus.TIMED_OUT} for status in statuses)
        ends = len(statuses) - errors
        if run.workflow_id in INTERNAL_IDS or run.part is not None:
            ends = errors = 0
        elif emitters.emits(self.watch.program(run).graph):
            ends = 0
        if self.telling.told_by(run) != (ends, errors):
            raise ViolationError(
                f"{run.id} ended {', '.join(statuses)}, and its events are {self.telling.told_by(run)}"
            )

    def ends(self) -> Counter[str]:
        counted = Counter(f"runs ended {run.status}" for run in self._all())
        counted.update(f"deliveries {each.status}" for each in self._stores.deliveries._deliveries.values())
        counted["events"] = len(self.telling.said)
        counted["attempts"] = self.delivering.attempts
        counted["chores"] = sum(run.workflow_id in INTERNAL_IDS for run in self._all())
        counted["disabled endpoints"] = sum(
            each.status.value == "disabled" for each in self._stores.endpoints.list("ws_1")
        )
        counted["held in the end"] = counted[f"deliveries {DeliveryStatus.HELD}"]
        return counted

    def _all(self) -> list[Run]:
        return [run for run_id in self.watch.known if (run := self.watch.run(run_id))]

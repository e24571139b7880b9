"""Sources: of every dedupe strategy, with timers, requests and events, changed while they go, under every fault."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, cast

from chalicelib.domain.dedupe import Strategy
from chalicelib.domain.run import Run
from chalicelib.domain.tasks import Task
from chalicelib.services.runs.programs import Programs
from tests.fakes import FixedClock, SeededEntropy
from tests.simulator.callers import PRINCIPAL
from tests.simulator.course import DAY_MS, HOUR_MS, NO_SABOTAGE, Course
from tests.simulator.deployment import Deployment, Sabotage, Stores
from tests.simulator.faults import SOURCE_KINDS
from tests.simulator.gadgets import install
from tests.simulator.invariants import Watch
from tests.simulator.ports import Observers, SkewedClock
from tests.simulator.receiver import Receiver
from tests.simulator.source_wiring import components_of
from tests.simulator.sourcing import WORKSPACE, SourceWatch, TimerWatch
from tests.simulator.tinkerers import Tinkerers
from tests.simulator.world import ViolationError

_LATE_MS = 8 * 60_000
"""How late a timer may be in a world without faults."""

_SPANS = ((15 * 60_000, (60, 300)), (3 * HOUR_MS, (300, 3600)), (2 * DAY_MS, (3600, 86_400)))
"""How long worlds last, and after how many seconds their timers come round."""

_ENOUGH = 3_000
_SKEW_MS = 1_000
"""How far clocks are off at most: what is prepared for a source is believed for a minute, and calls take half of it."""


class SourceSimulation(Course):
    KINDS = SOURCE_KINDS

    def __init__(self, seed: int, sabotage: Sabotage = NO_SABOTAGE) -> None:
        super().__init__(seed, sabotage)
        world, odds = self.world, self.faults.odds
        # A message of a run that waits for its turn makes another one; each of them repeated, there is no end of them.
        odds.repeated = min(odds.repeated, 0.1)
        odds.skew_ms = min(odds.skew_ms, _SKEW_MS)
        self._stores = stores = Stores(cast(Any, SkewedClock(world)))
        self._lasts_ms, self._bounds = world.random.choice(_SPANS)
        strategies = self._components(seed)
        self.watch = Watch(world, stores.runs, Programs(stores.workflows).of, self._due_changed)
        self.sourcing = SourceWatch(world, stores, strategies, self._due_changed)
        self.timers = TimerWatch(world, stores, self.watch, self._due_changed)
        receiver = Receiver(world, self.faults, self.watch.requested)
        self.deployment = Deployment(
            world,
            self.faults,
            stores,
            seed=seed,
            senders=(receiver, receiver),
            begins=self._begins,
            observers={
                "runs": Observers(self.watch, self.sourcing, self.timers),
                "schedules": self.timers,
                "sources": self.sourcing,
                "source_states": self.sourcing,
                "events": self.sourcing,
                "subscriptions": self.sourcing,
            },
            sabotage=sabotage,
            passes=("events", "schedules"),
            earliest_due=self.earliest_due,
        )
        self.tinkerers = Tinkerers(world, self.faults, self.watch, self.deployment, sorted(strategies), self._bounds)

    def _components(self, seed: int) -> dict[str, Strategy]:
        """Those that there are from the beginning, with their strategies."""
        stores = self._stores.of_sources
        components = components_of(stores, lambda: stores.runner, cast(Any, FixedClock()), SeededEntropy(seed + 3))
        return {components.create(PRINCIPAL, code=text).id: strategy for text, strategy in install(stores.runner)}

    def _begins(self, task: Task) -> None:
        self.watch.begins(task)
        self.timers.begins(task)

    def _due_changed(self, due_at: datetime) -> None:
        self.deployment.ticks.consider(due_at)

    def has_seen_enough(self) -> bool:
        return len(self.world.trace.entries) > _ENOUGH

    # -- the course ---------------------------------------------------------------------------------------------------

    def faulty(self) -> None:
        self.tinkerers.plan(self.world.random.choice((0, 6, 15)), self._lasts_ms)
        self.world.run(self._lasts_ms, self.has_seen_enough)

    def faultless(self, ends_ms: int) -> None:
        """Goes on for a while, as it should, until everything is stopped."""
        self.world.run(self.world.now_ms + self._bounds[0] * 1000 + 2 * _LATE_MS)
        late = self.timers.late(self.world.time(-_LATE_MS))
        if late:
            raise ViolationError(f"these should have fired long ago: {', '.join(late)}")
        self.tinkerers.leave()
        self.world.run(self.world.now_ms + _LATE_MS)  # calls that are under way may yet make a source
        if idle := self.timers.idle():
            raise ViolationError(f"the timers of these rest, and they do not: {', '.join(idle)}")
        for _ in range(3):
            self.tinkerers.stop_all()
            self.world.run(self.world.now_ms + 60_000)
        self.come_to_rest(ends_ms)

    def restless(self) -> list[str]:
        runs = [f"{run.id} ({run.status})" for run in self._all() if not run.status.is_final or run.due_at]
        untold = [f"{place.emitter.id} {place.id}" for place in self._stores.events._due]
        return [*runs, *untold, *(schedule_id for schedule_id, _ in self.timers.due())]

    def due(self) -> list[tuple[str, datetime]]:
        runs = [(run.id, run.due_at) for run in self._all() if run.due_at is not None]
        untold = [(str(place.id), at) for place, at in self._stores.events._due.items()]
        return [*runs, *untold, *self.timers.due()]

    def close_accounts(self) -> None:
        for (schedule_id, at), run_id in self.timers.started.items():
            if self.watch.run(run_id) is None:
                raise ViolationError(f"{schedule_id} was to start {run_id} at {at}, and it is not there")
        for run in self._all():
            self.watch.check_records(run.id)
        self.sourcing.close()

    def ends(self) -> Counter[str]:
        counted = Counter(f"runs ended {run.status}" for run in self._all())
        counted.update(self.sourcing.counted)
        counted["due times passed over"] = self.timers.passed
        counted["sources in the end"] = len(self._stores.of_sources.sources.list(WORKSPACE))
        return counted

    def _all(self) -> list[Run]:
        return [run for run_id in self.watch.known if (run := self.watch.run(run_id))]

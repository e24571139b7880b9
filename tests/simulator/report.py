"""Running many seeds, and telling what came of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.simulator.course import Course
from tests.simulator.deliveries import DeliverySimulation
from tests.simulator.flows import FlowSimulation
from tests.simulator.schedules import ScheduleSimulation
from tests.simulator.simulation import Simulation
from tests.simulator.sources import SourceSimulation
from tests.simulator.world import ViolationError

KINDS: Mapping[str, type[Course]] = {
    "runs": Simulation,
    "deliveries": DeliverySimulation,
    "schedules": ScheduleSimulation,
    "flows": FlowSimulation,
    "sources": SourceSimulation,
}


@dataclass(slots=True)
class Totals:
    kind: str = "runs"
    seeds: int = 0
    runs: int = 0
    steps: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    failures: dict[int, str] = field(default_factory=dict)
    """What was violated, by seed."""

    def add(self, simulation: Course) -> None:
        self.seeds += 1
        self.runs += len(simulation.watch.known)
        self.steps += simulation.watch.steps
        self.faults.update(simulation.world.faults)
        self.ends.update(simulation.ends())

    def missed(self) -> list[str]:
        """The kinds of fault that no seed met."""
        return sorted(KINDS[self.kind].KINDS - self.faults.keys())


def run_seeds(seeds: Iterable[int], totals: Totals) -> Iterator[int]:
    """Runs each seed and adds it up; yields those that failed."""
    for seed in seeds:
        simulation = KINDS[totals.kind](seed)
        try:
            simulation.run()
        except ViolationError as violation:
            totals.failures[seed] = str(violation)
            yield seed
        totals.add(simulation)


def story(kind: str, seed: int, about: str = "", lines: int | None = None) -> tuple[str, bool]:
    """The trace of a seed, or its last lines, with what was violated in the end; and whether all was well."""
    simulation = KINDS[kind](seed)
    violation: ViolationError | None = None
    try:
        simulation.run()
    except ViolationError as raised:
        violation = raised
    trace = list(simulation.world.trace.lines(about))
    shown = trace if lines is None else trace[-lines:]
    if violation is not None:
        shown += ["", f"VIOLATED: {violation}", f"Again: {command(kind, seed)}"]
    return "\n".join(shown), violation is None


def command(kind: str, seed: int) -> str:
    return f"python -m tests.simulator --kind {kind} --seed {seed}"

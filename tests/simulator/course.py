"""The course of a seed, whatever is simulated: a world with faults, then one without, in which everything comes to
rest, then the accounts."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from types import MappingProxyType, ModuleType
from typing import Any, ClassVar

from tests.simulator.deployment import Deployment, Sabotage
from tests.simulator.faults import Faults
from tests.simulator.invariants import Watch
from tests.simulator.world import ViolationError, World

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
PATIENCE_MS = 90 * DAY_MS
"""How long a world without faults may take to come to rest: longer than anything in it can wait."""

LATEST_MS = 6 * HOUR_MS
"""How long after its due time something may be found at the latest in a world without faults."""

ENOUGH = 8_000
"""After so many calls in a world with faults, it has seen what it can; some would go on for minutes."""

NO_SABOTAGE: Sabotage = MappingProxyType({})

Limit = tuple[ModuleType, str, Any]
"""A constant of the product's, by module and name, and what it is in this world."""


class Course(ABC):
    """`KINDS` are the kinds of faults that enough seeds meet all of. `sabotage` puts something broken in the place of
    the real thing: the proof that the checks notice."""

    KINDS: ClassVar[frozenset[str]]

    def __init__(self, seed: int, sabotage: Sabotage = NO_SABOTAGE) -> None:
        self.seed = seed
        self.sabotage = sabotage
        self.world = World(seed)
        self.faults = Faults(self.world)
        self.deployment: Deployment
        self.watch: Watch

    def run(self) -> None:
        """Raises ViolationError."""
        logging.disable(logging.CRITICAL)
        limits = list(self.limits())
        usual = [(module, name, getattr(module, name)) for module, name, _ in limits]
        try:
            _set(limits)
            self.faulty()
            self.faults.cease()
            self.world.trace.add(self.world.now_ms, "world", "faults cease")
            self.deployment.ticks.recover()
            self.faultless(self.world.now_ms + PATIENCE_MS)
            self.close_accounts()
        finally:
            self.world.close()
            _set(usual)
            logging.disable(logging.NOTSET)

    def limits(self) -> Iterable[Limit]:
        """What is smaller in this world than it usually is, so that it is reached."""
        return ()

    @abstractmethod
    def faulty(self) -> None:
        """The time with faults."""

    @abstractmethod
    def faultless(self, ends_ms: int) -> None:
        """The time without, until everything is at rest."""

    @abstractmethod
    def close_accounts(self) -> None: ...

    @abstractmethod
    def ends(self) -> Counter[str]:
        """What became of everything, for a report."""

    @abstractmethod
    def restless(self) -> list[str]:
        """Whatever is not at rest yet."""

    @abstractmethod
    def due(self) -> list[tuple[str, datetime]]:
        """Whatever is in a due index, and since when."""

    def has_seen_enough(self) -> bool:
        return len(self.world.trace.entries) > ENOUGH

    def earliest_due(self) -> datetime | None:
        return min((at for _, at in self.due()), default=None)

    def come_to_rest(self, ends_ms: int, is_enough: Callable[[], bool] = lambda: False) -> None:
        """Lets time go on until nothing is left that goes on by itself."""
        step_ms = 60_000
        began_ms = self.world.now_ms
        while (restless := self.restless()) and not is_enough():
            if self.world.now_ms >= ends_ms:
                raise ViolationError(f"these never come to rest: {', '.join(restless)}")
            if self.world.now_ms > began_ms + 2 * LATEST_MS:
                self.nobody_is_forgotten()
            self.deployment.ticks.schedule()
            self.world.run(self.world.now_ms + step_ms)
            step_ms = min(step_ms * 2, 6 * HOUR_MS)

    def nobody_is_forgotten(self) -> None:
        latest = self.world.time(-LATEST_MS)
        forgotten = [name for name, at in self.due() if at < latest]
        if forgotten:
            raise ViolationError(f"these have long been due, and nobody looks: {', '.join(forgotten)}")


def _set(limits: Iterable[Limit]) -> None:
    for module, name, value in limits:
        setattr(module, name, value)

"""What may go wrong in a world, and how often: drawn once for each seed, so that calm worlds exist and wild ones.

Everything that goes wrong is counted by its kind, which is how a range of seeds proves that it met every kind.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, fields

from tests.simulator.world import World

_KINDS = frozenset(
    {
        "message lost",
        "message repeated",
        "message late",
        "message redelivered",
        "message dead-lettered",
        "killed before a call",
        "killed after a call",
        "function timed out",
        "caller died",
        "unavailable, not applied",
        "unavailable, applied",
        "slow call",
        "lease taken over",
        "clock ahead",
        "clock behind",
        "stale index",
        "ticks at once",
        "tick late",
        "ticks missing",
    }
)
RUN_KINDS = _KINDS | {
    "receiver hangs",
    "receiver hangs, applied",
    "receiver refuses for a while",
    "connection dropped",
    "connection dropped, applied",
}
SCHEDULE_KINDS = _KINDS
SOURCE_KINDS = _KINDS - {"message dead-lettered"}
FLOW_KINDS = RUN_KINDS | {"receiver asks for a pause"}
DELIVERY_KINDS = _KINDS | {
    "messages half sent",
    "receiver hangs",
    "receiver hangs, applied",
    "connection dropped",
    "connection dropped, applied",
    "receiver refuses",
    "receiver redirects",
    "receiver asks for a pause",
    "receiver is gone",
    "receiver not allowed",
}


@dataclass(slots=True)
class Odds:
    """Probabilities, and magnitudes in milliseconds. All zero is a world without faults."""

    lost: float = 0.0
    repeated: float = 0.0
    late: float = 0.0
    killed: float = 0.0
    unavailable: float = 0.0
    slow: float = 0.0
    slow_ms: int = 0
    skew_ms: int = 0
    stale: float = 0.0
    tick_repeated: float = 0.0
    tick_late: float = 0.0
    tick_missing: float = 0.0
    receiver: float = 0.0
    short_function: float = 0.0

    @staticmethod
    def draw(rng: random.Random) -> Odds:
        """Each kind of fault is absent from about a third of the worlds."""

        def some(*odds: float) -> float:
            return rng.choice(odds) if rng.random() < 0.65 else 0.0

        return Odds(
            lost=some(0.05, 0.3, 0.9),
            repeated=some(0.1, 0.5),
            late=some(0.05, 0.3),
            killed=some(0.002, 0.01, 0.03),
            unavailable=some(0.01, 0.05, 0.3),
            slow=some(0.002, 0.02),
            slow_ms=rng.choice((5_000, 90_000, 600_000)),
            skew_ms=rng.choice((1_000, 30_000, 300_000)) if rng.random() < 0.65 else 0,
            stale=some(0.2, 0.7),
            tick_repeated=some(0.2),
            tick_late=some(0.2),
            tick_missing=some(0.01, 0.1),
            receiver=some(0.05, 0.2, 0.5),
            short_function=some(0.1, 0.5),
        )


class Faults:
    """Decides, call by call, what goes wrong now."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._random = world.random
        self.odds = Odds.draw(world.random)

    def cease(self) -> None:
        self.odds = Odds()

    def happens(self, odds: float, kind: str = "") -> bool:
        if odds and self._random.random() < odds:
            if kind:
                self._world.faults[kind] += 1
            return True
        return False

    def latency_ms(self) -> int:
        """How long a call of a port takes on its way: nearly nothing, or so long that leases and functions end."""
        if self.happens(self.odds.slow, "slow call"):
            return self._random.randrange(1_000, self.odds.slow_ms + 1)
        return int(self._random.random() * 12)

    def skew_ms(self) -> int:
        """How far an invocation's clock is off."""
        if not self.odds.skew_ms:
            return 0
        skew_ms = self._random.randint(-self.odds.skew_ms, self.odds.skew_ms)
        self._world.faults["clock ahead" if skew_ms > 0 else "clock behind"] += 1
        return skew_ms

    def function_ms(self) -> int:
        """How long a function may take before it is ended."""
        return self._random.choice((8_000, 15_000, 40_000)) if self.happens(self.odds.short_function) else 300_000

    def describe(self) -> str:
        return ", ".join(
            f"{each.name}={getattr(self.odds, each.name)}" for each in fields(Odds) if getattr(self.odds, each.name)
        )

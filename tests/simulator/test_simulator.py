"""The engine under every fault: many seeds, the same story for the same seed, and checks that can fail."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.delivery_sabotage import DELIVERIES
from tests.simulator.flow_sabotage import FLOWS
from tests.simulator.report import KINDS, Totals, run_seeds, story
from tests.simulator.sabotage import RUNS
from tests.simulator.schedule_sabotage import SCHEDULES
from tests.simulator.source_sabotage import SOURCES
from tests.simulator.world import ViolationError

CHUNK = 100
CHUNKS = [
    *(("runs", chunk) for chunk in range(20)),
    *(("deliveries", chunk) for chunk in range(3)),
    *(("schedules", chunk) for chunk in range(2)),
    *(("flows", chunk) for chunk in range(2)),
    ("sources", 0),
]
FOUND = [
    ("deliveries", 20599),
    ("flows", 80286),
    *(("schedules", seed) for seed in (5001, 5080, 5145, 9358)),
    *(("sources", seed) for seed in (162, 204, 283, 560, 1528)),
]
"""Seeds beyond the chunks that failed once."""
BROKEN = [("runs", *broken) for broken in RUNS]
BROKEN += [("deliveries", *broken) for broken in DELIVERIES]
BROKEN += [("schedules", *broken) for broken in SCHEDULES]
BROKEN += [("flows", *broken) for broken in FLOWS]
BROKEN += [("sources", *broken) for broken in SOURCES]
ENOUGH_TO_NOTICE = 150
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("kind", "chunk"), CHUNKS)
def test_the_product_survives_every_fault(kind: str, chunk: int) -> None:
    totals = Totals(kind)

    failed = next(run_seeds(range(chunk * CHUNK, (chunk + 1) * CHUNK), totals), None)

    assert failed is None, story(kind, failed, lines=80)[0]
    assert totals.missed() == []


@pytest.mark.parametrize(("kind", "seed"), FOUND)
def test_what_failed_once_does_not_fail_again(kind: str, seed: int) -> None:
    failed = next(run_seeds(range(seed, seed + 1), Totals(kind)), None)

    assert failed is None, story(kind, failed, lines=80)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_tells_the_same_story_every_time(kind: str) -> None:
    stories = {_digest(kind, 17) for _ in range(3)}

    assert len(stories) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_different_seeds_tell_different_stories(kind: str) -> None:
    assert len({_digest(kind, seed) for seed in range(20)}) == 20


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_tells_the_same_story_in_another_process(kind: str) -> None:
    program = f"from tests.simulator.test_simulator import _digest; print(_digest('{kind}', 23))"
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }

    assert told == {_digest(kind, 23) + "\n"}


@pytest.mark.parametrize(
    ("kind", "part", "breaks"), BROKEN, ids=[f"{kind}-{breaks.__name__}" for kind, _, breaks in BROKEN]
)
def test_a_broken_part_is_noticed(kind: str, part: str, breaks: Callable[[Any], Any]) -> None:
    assert any(_is_noticed(kind, seed, {part: breaks}) for seed in range(ENOUGH_TO_NOTICE))


def _is_noticed(kind: str, seed: int, sabotage: dict[str, Callable[[Any], Any]]) -> bool:
    try:
        KINDS[kind](seed, sabotage).run()
    except ViolationError:
        return True
    return False


def _digest(kind: str, seed: int) -> str:
    simulation = KINDS[kind](seed)
    simulation.run()
    return simulation.world.trace.digest()

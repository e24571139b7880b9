"""The engine under every fault: many seeds, the same story for the same seed, and checks that can fail."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.report import Totals, run_seeds, story
from tests.simulator.sabotage import STORES, WORKERS
from tests.simulator.simulation import Simulation
from tests.simulator.world import ViolationError

CHUNK = 100
CHUNKS = 20
ENOUGH_TO_NOTICE = 150
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_the_engine_survives_every_fault(chunk: int) -> None:
    totals = Totals()

    failed = next(run_seeds(range(chunk * CHUNK, (chunk + 1) * CHUNK), totals), None)

    assert failed is None, story(failed, lines=80)[0]
    assert totals.missed() == []


def test_a_seed_tells_the_same_story_every_time() -> None:
    stories = {_digest(17) for _ in range(3)}

    assert len(stories) == 1


def test_different_seeds_tell_different_stories() -> None:
    assert len({_digest(seed) for seed in range(20)}) == 20


def test_a_seed_tells_the_same_story_in_another_process() -> None:
    program = "from tests.simulator.test_simulator import _digest; print(_digest(23))"
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

    assert told == {_digest(23) + "\n"}


@pytest.mark.parametrize("store", STORES, ids=lambda store: store.__name__)
def test_a_broken_store_is_noticed(store: Callable[[Any], Any]) -> None:
    assert _is_noticed(lambda seed: Simulation(seed, sabotage_store=store))


@pytest.mark.parametrize("worker", WORKERS, ids=lambda worker: worker.__name__)
def test_a_broken_worker_is_noticed(worker: Callable[[Any], Any]) -> None:
    assert _is_noticed(lambda seed: Simulation(seed, sabotage_worker=worker))


def _is_noticed(simulation: Callable[[int], Simulation]) -> bool:
    for seed in range(ENOUGH_TO_NOTICE):
        try:
            simulation(seed).run()
        except ViolationError:
            return True
    return False


def _digest(seed: int) -> str:
    simulation = Simulation(seed)
    simulation.run()
    return simulation.world.trace.digest()

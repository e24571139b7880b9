"""Many records: they stream through, page by page, and what a run takes does not grow with them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.flows.flow_volume import peak_of, streamed

ROOT = Path(__file__).parents[2]
MOST_GROWTH = 1.5
SPARE_KB = 1024
"""What a process's memory is off by, whatever it does."""


def in_a_process_of_its_own(records: int) -> Any:
    command = [sys.executable, "-m", "tests.flows.flow_volume", *map(str, (records, 1000, 1000, 100))]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(told.stdout)


def test_a_hundred_thousand_records_arrive_in_the_memory_of_ten_thousand() -> None:
    few, many = in_a_process_of_its_own(10_000), in_a_process_of_its_own(100_000)

    assert many["counts"] == {"g0": [100_000, 0, 0, 100], "s0": [100_000, 0, 0, 100], "": [200_000, 0, 0, 200]}
    assert (many["arrived"], many["sum"]) == (100_000, sum(range(100_000)))
    assert many["grown"] <= few["grown"] * MOST_GROWTH + SPARE_KB


def test_ten_thousand_records_in_small_pages_are_each_counted_once() -> None:
    house, run = streamed(10_000, 20, 20, 1)

    assert house.counts(run) == {"g0": (10_000, 0, 0, 500), "s0": (10_000, 0, 0, 500), "": (20_000, 0, 0, 1000)}
    assert (house.stream.arrived, house.stream.sum_of_ids) == (10_000, sum(range(10_000)))
    assert house.stream.calls == 500 + 10_000


@pytest.mark.parametrize(
    ("answer", "page", "few", "many"),
    [(1000, 1000, 2_000, 10_000), (20, 20, 1_000, 8_000), (1000, 20, 2_000, 8_000)],
    ids=["large pages", "small pages", "answers cut into small pages"],
)
def test_what_a_worker_takes_at_most_is_what_a_page_takes(answer: int, page: int, few: int, many: int) -> None:
    batch = min(page, 100)
    peak_of(few, answer, page, batch)  # what is loaded and compiled once

    assert peak_of(many, answer, page, batch) <= MOST_GROWTH * peak_of(few, answer, page, batch)

"""Calls per minute: exact for low limits, cheap for high ones, never too many."""

from __future__ import annotations

import threading
from datetime import datetime

import pytest

from chalicelib.services.limits import Allowance, Limits
from tests.fakes import FixedClock, MemoryCounterStore


class CountedStore(MemoryCounterStore):
    """Counts calls, and adds under a lock, as the real one does."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.expiries: list[datetime] = []
        self._lock = threading.Lock()

    def add(self, name: str, amount: int, expires_at: datetime) -> int:
        with self._lock:
            self.calls += 1
            self.expiries.append(expires_at)
            return super().add(name, amount, expires_at)


def granted(limits: Limits, times: int, key: str = "key_1") -> int:
    return sum(limits.spend_for_key(key).granted for _ in range(times))


@pytest.mark.parametrize("limit", [1, 2, 99, 100, 101, 250, 1000, 12_345])
def test_one_process_grants_exactly_the_limit(limit: int) -> None:
    limits = Limits(MemoryCounterStore(), FixedClock(), per_key=limit, per_hook=1)

    assert granted(limits, limit + 150) == limit


@pytest.mark.parametrize("limit", [1, 100, 250, 1000, 12_345])
def test_two_processes_together_never_grant_more(limit: int) -> None:
    store = MemoryCounterStore()
    processes = [Limits(store, FixedClock(), per_key=limit, per_hook=1) for _ in range(2)]

    total = sum(granted(processes[turn % 2], 1) for turn in range(2 * limit + 300))

    assert total == limit


def test_what_one_process_reserves_and_does_not_use_is_not_granted_to_the_other() -> None:
    store, clock = MemoryCounterStore(), FixedClock()
    idle, busy = (Limits(store, clock, per_key=1000, per_hook=1) for _ in range(2))
    granted(idle, 1)

    assert granted(busy, 2000) == 990


def test_threads_of_two_processes_never_grant_more() -> None:
    store = CountedStore()
    processes = [Limits(store, FixedClock(), per_key=500, per_hook=1) for _ in range(2)]
    totals: list[int] = []

    def work(limits: Limits) -> None:
        totals.append(granted(limits, 200))

    threads = [threading.Thread(target=work, args=(processes[n % 2],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(totals) == 500


def test_a_low_limit_is_counted_call_by_call_and_a_high_one_rarely() -> None:
    low, high = CountedStore(), CountedStore()

    granted(Limits(low, FixedClock(), per_key=100, per_hook=1), 50)
    granted(Limits(high, FixedClock(), per_key=1_000_000, per_hook=1), 10_000)

    assert (low.calls, high.calls) == (50, 1)


def test_once_used_up_the_counter_is_left_alone() -> None:
    store = CountedStore()
    limits = Limits(store, FixedClock(), per_key=10, per_hook=1)

    granted(limits, 500)

    assert store.calls == 10


def test_what_is_left_counts_down_to_nothing() -> None:
    limits = Limits(MemoryCounterStore(), FixedClock(), per_key=3, per_hook=1)

    assert [limits.spend_for_key("k").remaining for _ in range(5)] == [2, 1, 0, 0, 0]


def test_each_key_and_each_hook_has_its_own_calls() -> None:
    limits = Limits(MemoryCounterStore(), FixedClock(), per_key=1, per_hook=2)

    assert granted(limits, 2, "key_1") == granted(limits, 2, "key_2") == 1
    assert sum(limits.spend_for_hook("key_1").granted for _ in range(3)) == 2


def test_a_new_minute_begins_anew_at_the_announced_second() -> None:
    clock = FixedClock()
    limits = Limits(MemoryCounterStore(), clock, per_key=1, per_hook=1)
    clock.advance(59.2)

    spent = [limits.spend_for_key("k") for _ in range(2)]
    clock.advance(0.8)

    assert [each.granted for each in spent] == [True, False]
    assert spent[1].retry_after_seconds == 1
    assert spent[1].resets_at == clock.now().timestamp()
    assert limits.spend_for_key("k").granted


def test_a_counter_outlives_its_minute() -> None:
    store, clock = CountedStore(), FixedClock()

    Limits(store, clock, per_key=1, per_hook=1).spend_for_key("k")

    assert (store.expiries[0] - clock.now()).total_seconds() == 120


def test_windows_of_past_minutes_are_forgotten() -> None:
    clock = FixedClock()
    limits = Limits(MemoryCounterStore(), clock, per_key=1, per_hook=1)
    for n in range(5000):
        limits.spend_for_key(f"key_{n}")
        clock.advance(0.1)

    assert len(limits._windows) <= 4096


def test_a_key_that_has_not_called_is_told_its_whole_limit() -> None:
    clock = FixedClock()
    limits = Limits(MemoryCounterStore(), clock, per_key=100, per_hook=1)

    assert limits.unspent_for_key() == Allowance(
        limit=100,
        remaining=100,
        resets_at=int(clock.now().timestamp()) + 60,
        granted=True,
        retry_after_seconds=60,
    )

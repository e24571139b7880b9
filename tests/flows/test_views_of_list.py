"""Reading the runs of a page with their steps: side by side, in the page's order, and not far ahead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.graph import Node
from chalicelib.services.runs import runs
from chalicelib.services.runs.runs import READ_TOGETHER, Runs
from chalicelib.system import ThreadSpawner
from tests.fakes import InlineSpawner, InlineTaskGroup, MemoryMarkStore, SeededEntropy
from tests.flows.house import OWNER, House, call, chain


class CountingGroup(InlineTaskGroup):
    started = 0

    def start(self, task: Callable[[], object]) -> None:
        self.started += 1
        super().start(task)


class CountingSpawner(InlineSpawner):
    def __init__(self) -> None:
        self.groups: list[CountingGroup] = []

    def group(self) -> CountingGroup:
        self.groups.append(CountingGroup())
        return self.groups[-1]


class CountedStore:
    """Counts the calls of the store by their names."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.calls.append(name)
        return getattr(self._store, name)


@pytest.fixture
def house() -> House:
    return House()


def service(house: House, spawner: Any, store: Any = None) -> Runs:
    return Runs(
        store=store or house.runs,
        queue=house.queue,
        access=house.access,
        programs=house.programs,
        performer=house.performer,
        marks=MemoryMarkStore(house.clock),
        clock=house.clock,
        entropy=SeededEntropy(),
        spawner=spawner,
        announcer=lambda: house.lifecycle,
    )


def started(house: House, count: int) -> list[str]:
    workflow = house.save(chain(call("a"), Node("w", "wait", config={"seconds": 60})))
    ids = [house.service.start(workflow, {"n": number}).id for number in range(count)]
    house.work()
    return ids


def test_they_come_in_the_order_of_the_list_with_nothing_in_place_of_one_that_is_gone(house: House) -> None:
    first, second = started(house, 2)

    views = [*service(house, InlineSpawner()).views_of_list(OWNER, [second, "exec_gone", first])]

    assert [view and view.run.id for view in views] == [second, None, first]
    assert [[step.key for step in view.steps] for view in views if view] == [["a", "w"], ["a", "w"]]


def test_real_threads_bring_the_same(house: House) -> None:
    ids = started(house, 40)
    spawner = ThreadSpawner(4, "test")

    views = [*service(house, spawner).views_of_list(OWNER, ids)]
    spawner.close()

    assert [view and view.run.id for view in views] == ids


def test_each_run_takes_two_reads(house: House) -> None:
    ids = started(house, 3)
    store = CountedStore(house.runs)

    list(service(house, InlineSpawner(), store).views_of_list(OWNER, ids))

    assert sorted(store.calls) == ["get"] * 3 + ["history"] * 3


def test_no_more_are_read_ahead_than_side_by_side(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "READ_TOGETHER", 2)
    ids = started(house, 5)
    spawner = CountingSpawner()
    views = service(house, spawner).views_of_list(OWNER, ids)

    next(views)
    after_one = [group.started for group in spawner.groups]
    list(views)

    assert after_one == [2]
    assert [group.started for group in spawner.groups] == [2, 2, 1]
    assert READ_TOGETHER > 2

"""A process dies at every call to AWS that it makes, before it and after it; what was accepted is done all the same."""

from __future__ import annotations

import itertools
import logging
from collections import deque
from collections.abc import Iterator

import pytest

from chalicelib.domain import containers
from chalicelib.local.embedded import EmbeddedAws
from chalicelib.store import values
from chalicelib.store.aws import AwsClients
from tests.crash.scenarios import SCENARIOS, Scenario
from tests.crash.sites import Crash, Moment, Script
from tests.crash.world import Stage, World

_TRIES = 8


@pytest.fixture(scope="module")
def clients() -> Iterator[AwsClients]:
    with EmbeddedAws():
        yield AwsClients(region="eu-central-1")


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps are spread from the fourth item on, over runs of two; large values are fetched one after the other, so that
    every world makes its calls in the same order."""
    monkeypatch.setattr(containers, "MOST_ITEMS_INLINE", 3)
    monkeypatch.setattr(containers, "ITEMS_PER_CHILD", 2)
    monkeypatch.setattr(values, "_PARALLEL_CALLS", 1)


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """A thousand worlds have much to tell, and formatting it takes a tenth of the time."""
    logging.disable(logging.INFO)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("moment", Moment, ids=lambda moment: moment.value)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_death_at_any_call_changes_nothing(clients: AwsClients, scenario: Scenario, moment: Moment) -> None:
    stages = (Stage.new(clients, f"c{SCENARIOS.index(scenario)}{moment.value}{n}") for n in itertools.count())
    stage = next(stages)
    whole = World(stage, Script())
    scenario.play(whole)
    assert {name: end[0] for name, end in whole.ends().items()} == scenario.ends
    scripts: deque[tuple[Crash, ...]] = deque((crash,) for crash in crashes(whole.script, moment))
    known = set(whole.script.reached)
    problems: list[str] = []

    while scripts:
        crashed = scripts.popleft()
        try:
            world = world_with(stage, scenario, crashed)
            check(world, scenario, whole)
        except AssertionError as error:
            problems.append(f"{', then '.join(map(str, crashed))}:\n    {error}")
            stage = next(stages)
            continue
        # Calls that are made only to go on after a death: there, too, a process may die.
        for site in world.script.reached.keys() - known:
            known.add(site)
            scripts.append((*crashed, Crash(site, 1, moment)))

    assert not problems, "\n".join(problems)


def crashes(script: Script, moment: Moment) -> Iterator[Crash]:
    """One at the first call of every site, and one at the last of those with several."""
    for site, count in script.reached.items():
        for occurrence in sorted({1, count}):
            yield Crash(site, occurrence, moment)


def world_with(stage: Stage, scenario: Scenario, crashed: tuple[Crash, ...]) -> World:
    """The scenario with these crashes in it. Ids are new in every world, and with them the order in which a tick finds
    the runs: what follows a first crash may come about only now and then."""
    for _ in range(_TRIES):
        world = World(stage, Script(crashed))
        scenario.play(world)
        if world.script.is_over:
            return world
    raise AssertionError("a call was not reached")


def check(world: World, scenario: Scenario, whole: World) -> None:
    """The world has come to what the one came to in which nobody died."""
    ends, expected = world.ends(), whole.ends()
    in_doubt = {name for name in scenario.or_unknown if ends[name][2] is not None and ends[name][2][0] == "unknown"}
    assert {**expected, **{name: ends[name] for name in in_doubt}} == ends
    assert world.told() == whole.told()
    if not in_doubt:
        assert sorted(world.effects()) == sorted(whole.effects())
        assert world.delivered() == whole.delivered()
    items = world.items()
    changed = [place for place, item in world.recorded.items() if items.get(place) != item]
    assert not changed, f"records were changed: {changed}"
    world.read_everything()

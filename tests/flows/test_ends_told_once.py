"""The end of a run stands once in its workflow's stream, however many are hinted at it while it is being told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.graph import Node
from chalicelib.domain.run import RunStatus
from tests.flows.house import OWNER, House, call, chain


@pytest.fixture
def house() -> House:
    return House()


def interrupted(method: Callable[..., Any], *, before: bool, by: Callable[[], object]) -> Callable[..., Any]:
    """The method, in whose first call something happens meanwhile."""
    happened: list[bool] = []

    def called(*arguments: Any, **named: Any) -> Any:
        is_first = not happened
        happened.append(True)
        if is_first and before:
            by()
        result = method(*arguments, **named)
        if is_first and not before:
            by()
        return result

    return called


def advance(house: House, run_id: str) -> None:
    house.worker.advance(run_id, house.clock.now() + timedelta(minutes=5))


def test_a_hint_that_comes_twice_finds_the_end_being_told(house: House) -> None:
    run_id = house.start(chain(call("a")))
    house.runs.finish = interrupted(house.runs.finish, before=False, by=lambda: advance(house, run_id))  # type: ignore[method-assign]

    house.work()

    assert house.run(run_id).status is RunStatus.SUCCEEDED
    assert len(house.events_of()) == 1


def test_of_two_who_are_hinted_at_a_cancelled_run_one_tells(house: House) -> None:
    run_id = house.start(chain(Node("w", "wait", config={"seconds": 3600})))
    house.work()
    house.service.cancel(OWNER, run_id)
    emissions: list[str] = []
    append = interrupted(house.event_store.append, before=True, by=lambda: advance(house, run_id))

    def counted(emission: Any, **named: Any) -> Any:
        emissions.append(emission.emit_id)
        return append(emission, **named)

    house.event_store.append = counted  # type: ignore[method-assign]

    house.work()

    assert house.run(run_id).status is RunStatus.CANCELLED
    assert len(emissions) == 1


def test_whoever_stood_still_while_others_told_does_not_tell_again(house: House) -> None:
    run_id = house.start(chain(call("a")))

    def others_tell() -> None:
        house.pass_time(180)
        assert len(house.events_of()) == 1

    house.runs.finish = interrupted(house.runs.finish, before=False, by=others_tell)  # type: ignore[method-assign]

    house.work()

    assert len(house.events_of()) == 1
    assert house.run(run_id).due_at is None


def test_an_end_whose_teller_died_is_told_by_the_next_pass_after_its_time(house: House) -> None:
    run_id = house.start(chain(call("a")))
    told: list[str] = []

    def die(*_: Any, **named: Any) -> None:
        told.append("died")
        raise KeyboardInterrupt

    announcer = house.worker.children.announcer
    object.__setattr__(house.worker.children, "announcer", type("Dead", (), {"ended": die})())
    with pytest.raises(KeyboardInterrupt):
        house.work()
    object.__setattr__(house.worker.children, "announcer", announcer)

    house.pass_time(50)
    too_early = house.events_of()
    house.pass_time(60)

    assert (told, too_early) == (["died"], [])
    assert len(house.events_of()) == 1
    assert house.run(run_id).due_at is None


@pytest.mark.parametrize("again", ["retry", "rerun"])
def test_an_end_that_nobody_told_yet_is_told_before_the_run_is_taken_up_again(house: House, again: str) -> None:
    run_id = house.start(chain(call("a")))
    house.service.cancel(OWNER, run_id)

    if again == "retry":
        house.control.retry(OWNER, run_id)
    else:
        house.control.rerun(OWNER, run_id, "a")
    house.work()

    told = [event.emission.payload for event in house.events_of()]
    assert [each["type"] for each in told if isinstance(each, dict)] == ["run.cancelled", "run.succeeded"]


def test_a_run_is_not_taken_up_again_while_its_end_cannot_be_told(house: House) -> None:
    run_id = house.start(chain(call("a")))
    house.service.cancel(OWNER, run_id)
    append = house.event_store.append

    def unavailable(*_: Any, **__: Any) -> Any:
        raise UnavailableError("not now")

    house.event_store.append = unavailable  # type: ignore[method-assign]

    with pytest.raises(UnavailableError):
        house.control.retry(OWNER, run_id)

    house.event_store.append = append  # type: ignore[method-assign]
    assert house.run(run_id).status is RunStatus.CANCELLED
    house.pass_time(120)
    assert len(house.events_of()) == 1

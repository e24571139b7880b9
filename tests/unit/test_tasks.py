"""What a step sees of its run, and how it is shown while nobody performs it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import cast

import pytest

from chalicelib.domain.graph import Node
from chalicelib.domain.json import Json
from chalicelib.domain.retry import retry_after
from chalicelib.domain.tasks import Task
from chalicelib.domain.waits import wake_at
from tests.unit.driver import START, Driver, a_run, graph


def first_task(driver: Driver) -> Task:
    task = driver.execution.next_task()
    assert task is not None
    return task


class TestOverlay:
    def params(self, overlay: Json, given: Json) -> Json:
        config: dict[str, Json] = {"params": {"a": 1, "b": 2}, "overlay": overlay}
        return first_task(Driver(graph([Node("n", "noop", config=config)]), a_run(given))).config()["params"]

    def test_what_the_run_was_given_lies_over_what_the_definition_says(self) -> None:
        assert self.params(["b", "c"], {"a": 9, "b": 8, "c": 7}) == {"a": 1, "b": 8, "c": 7}

    def test_a_null_lays_nothing_over(self) -> None:
        assert self.params(["a", "c"], {"a": None}) == {"a": 1, "b": 2}

    def test_a_false_and_an_empty_text_do(self) -> None:
        assert self.params(["a", "b"], {"a": False, "b": ""}) == {"a": False, "b": ""}

    @pytest.mark.parametrize("given", [["a"], "a", 5])
    def test_an_input_that_is_no_object_lays_nothing_over(self, given: Json) -> None:
        assert self.params(["a"], given) == {"a": 1, "b": 2}

    def test_names_that_are_none_are_passed_over(self) -> None:
        assert self.params([["a"], 1, None, "b"], {"b": 3}) == {"a": 1, "b": 3}

    @pytest.mark.parametrize("overlay", [None, "a", {"a": 1}])
    def test_without_a_list_of_names_nothing_changes(self, overlay: Json) -> None:
        assert self.params(overlay, {"a": 9}) == {"a": 1, "b": 2}


def test_the_outputs_seen_as_a_whole_are_those_of_the_steps_around() -> None:
    nodes = [Node(name, "transform", config={"values": {"of": name}}) for name in ("one", "two")]
    driver = Driver(graph([*nodes, Node("end", "noop")], ("one", "two"), ("two", "end")))
    for _ in nodes:
        task = first_task(driver)
        driver.execution.conclude(task, driver.registry.perform(task, 1.0))

    seen = cast("Mapping[str, Json]", first_task(driver).lookup("$node"))

    assert dict(seen) == {"one": {"of": "one"}, "two": {"of": "two"}}
    assert len(seen) == 2


def test_a_step_that_waits_is_shown_from_when_the_step_before_it_ended_by_the_clock() -> None:
    nodes = [Node("v", "transform", config={"values": {}}), Node("w", "wait", config={"seconds": 60})]
    driver = Driver(graph(nodes, ("v", "w")))
    driver.clock.at = START + timedelta(seconds=3)

    driver.go()

    (waiting,) = driver.execution.waiting()
    assert (waiting.at, waiting.shown_from) == (START, START + timedelta(seconds=3))


def test_a_step_that_waits_at_the_start_is_shown_from_there() -> None:
    driver = Driver(graph([Node("w", "wait", config={"seconds": 60})]))

    (waiting,) = driver.execution.waiting()

    assert waiting.shown_from == START


@pytest.mark.parametrize("seconds", [0, 0.5, "0"])
def test_a_wait_may_be_as_short_as_one_likes(seconds: Json) -> None:
    assert wake_at({"seconds": seconds}, START) == START + timedelta(seconds=float(str(seconds)))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("²", None),
        (" 0 ", 0.0),
        ("120", 120.0),
        ("86401", 86_400.0),
        ("9" * 5000, 86_400.0),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 12:00:00 GMT", 0.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Mon, 02 Mar 2026 12:00:00 GMT", 86_400.0),
        ("Mon, 02 Mar 2026 12:00:01 GMT", 86_400.0),
        ("Sun, 01 Mar 2026 12:00:30 -0000", None),
    ],
)
def test_a_receivers_wish_is_seconds_or_a_date_and_at_most_a_day(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, START) == seconds

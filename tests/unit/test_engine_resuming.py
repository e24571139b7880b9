"""What a resumed run is told of its containers, and what is carried along until it is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

import pytest

from chalicelib.domain.graph import Graph, Node, OnError, RetryPolicy
from chalicelib.domain.json import Json
from chalicelib.domain.recorded import MAX_UNRECORDED_IN_ROUNDS, Recorded
from chalicelib.domain.run import Answer, Failure, History, Outcome, Round, StepError, StepStatus
from chalicelib.domain.tasks import Task
from tests.unit.driver import START, Driver, a_run, graph


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def values(node_id: str, **of: Json) -> Node:
    return Node(node_id, "transform", config={"values": of})


def wait(node_id: str, seconds: Json = 50) -> Node:
    return Node(node_id, "wait", config={"seconds": seconds})


def loop(body: Graph, node_id: str = "l", config: Mapping[str, Json] = MappingProxyType({})) -> Node:
    return Node(node_id, "loop", config={"while": "$loop.index < 9", **config}, bodies={"body": body})


def fork(*nodes: Node, on_error: OnError = OnError.FAIL) -> Node:
    """A branch for each node, named like it."""
    return Node("f", "fork", on_error=on_error, bodies={node.id: graph([node]) for node in nodes})


def lookups(driver: Driver) -> list[Task]:
    return list(iter(driver.execution.next_lookup, None))


LOOP = Graph((loop(graph([wait("w")])),))


class TestPositions:
    @pytest.mark.parametrize(
        ("parked", "recorded", "index"),
        [
            (None, None, 1),
            (2, None, 2),
            (None, 3, 3),
            (2, 3, 3),
            (3, 2, 3),
        ],
    )
    def test_a_loop_goes_on_in_the_newest_round_that_anybody_knows_of(
        self, parked: int | None, recorded: int | None, index: int
    ) -> None:
        rounds = () if parked is None else (Round("l", parked, begun_at=at(parked)),)
        driver = Driver(LOOP, a_run(rounds=rounds))
        driver.restart()
        (task,) = lookups(driver)

        newest = None if recorded is None else Round("l", recorded, begun_at=at(recorded))
        driver.execution.supply(task, History(), newest)

        assert [position.index for position in driver.execution.rounds()] == [index]

    def test_what_the_run_was_parked_with_counts_for_the_round_it_names(self) -> None:
        driver = Driver(LOOP, a_run(rounds=(Round("l", 2, "parked", at(2)),)))
        driver.restart()
        (task,) = lookups(driver)

        driver.execution.supply(task, History(), Round("l", 2, "recorded", at(2)))

        assert [position.carry for position in driver.execution.rounds()] == ["parked"]

    def test_a_loop_that_has_ended_is_under_way_no_more(self) -> None:
        over = loop(graph([values("v", n=1)]), config={"while": "false"})
        driver = Driver(graph([over, wait("w")], ("l", "w")))

        driver.go()

        assert driver.execution.rounds() == ()

    @pytest.mark.parametrize("broken", [{"while": "$prev.n.n.n > 1"}, {"while": "true", "collect": "$prev.n > 'x'"}])
    def test_a_loop_whose_condition_fails_is_under_way_no_more(self, broken: dict[str, Json]) -> None:
        failing = replace(loop(graph([values("v", n=1)]), config=broken), on_error=OnError.CONTINUE)
        driver = Driver(graph([failing, values("said", of="{{ $prev.error.type }}"), wait("w")], ("l", "said")))

        driver.go()

        assert driver.execution.rounds() == ()
        assert driver.ran() == ["l.1/v", "said"]
        assert driver.concluded[-1].output == {"of": "expression"}

    def test_a_loop_at_its_limit_is_under_way_no_more(self) -> None:
        endless = replace(loop(graph([values("v", n=1)]), config={"max_iterations": 2}), on_error=OnError.CONTINUE)
        driver = Driver(graph([endless, wait("w")], ("l", "w")))

        driver.go()

        assert driver.execution.rounds() == ()

    def test_a_loop_in_a_branch_that_no_longer_counts_is_under_way_no_more(self) -> None:
        both = fork(loop(graph([wait("long", 900)])), Node("no", "fail"), on_error=OnError.CONTINUE)
        driver = Driver(graph([both, wait("w")], ("f", "w")))

        driver.go()

        assert driver.execution.rounds() == ()
        assert driver.execution.wake_at() == at(50)


class TestLookups:
    def test_a_run_that_was_never_held_before_looks_nothing_up(self) -> None:
        driver = Driver(LOOP)

        assert lookups(driver) == []

    def test_a_fork_has_no_records_of_its_own_to_look_up(self) -> None:
        driver = Driver(graph([fork(wait("w"))]))

        driver.restart()

        assert lookups(driver) == []
        assert [task.key for task in driver.execution.waiting()] == ["f.w/w"]

    def test_what_was_supplied_can_be_performed_at_once(self) -> None:
        driver = Driver(Graph((loop(graph([values("v", n=1)])),)))
        driver.restart()
        (task,) = lookups(driver)

        driver.execution.supply(task, History(), None)

        assert (ready := driver.execution.next_task()) is not None
        assert ready.key == "l.1/v"

    def test_rounds_that_nobody_recorded_anything_of_are_not_looked_up(self) -> None:
        inner = loop(graph([wait("w", 1)]), "inner")
        driver = Driver(Graph((loop(graph([inner])),)))
        driver.restart()
        (outer,) = lookups(driver)
        driver.execution.supply(outer, History(), None)
        assert [task.key for task in lookups(driver)] == ["l.1/inner"]

        fresh = Driver(Graph((loop(graph([inner])),)))

        assert lookups(fresh) == []
        assert [position.container for position in fresh.execution.rounds()] == ["l", "l.1/inner"]

    @pytest.mark.parametrize("kind", ["loop", "map"])
    def test_nothing_is_looked_up_for_a_run_that_has_failed(self, kind: str) -> None:
        config: dict[str, Json] = {"while": "true", "items": [1]}
        container = Node("c", kind, config={k: v for k, v in config.items() if (k == "items") is (kind == "map")})
        container = replace(container, bodies={"body": graph([wait("w")])})
        driver = Driver(graph([Node("no", "fail"), wait("soon", 5), container], ("soon", "c")))
        driver.restart()
        (task,) = iter(driver.execution.next_task, None)
        driver.execution.advance(at(5))
        driver.execution.conclude(task, driver.registry.perform(task, 1.0))

        assert lookups(driver) == []


class TestUnrecorded:
    def outcome(self, key: str, index: int | None = None) -> Outcome:
        around = None if index is None else Round("l", index)
        return Outcome(key, key, StepStatus.SUCCEEDED, 1, START, START, round=around)

    def test_of_rounds_only_the_newest_outcomes_are_kept(self) -> None:
        driver = Driver(graph([]))
        driver.execution.keep(self.outcome("static"))
        for index in range(MAX_UNRECORDED_IN_ROUNDS + 2):
            driver.execution.keep(self.outcome(f"l.{index}/v", index))

        kept = [outcome.key for outcome in driver.execution.take_unrecorded()]

        assert kept == ["static", *(f"l.{index}/v" for index in range(3, MAX_UNRECORDED_IN_ROUNDS + 2))]

    def test_up_to_the_limit_nothing_is_let_go_of(self) -> None:
        driver = Driver(graph([]))
        for index in range(MAX_UNRECORDED_IN_ROUNDS):
            driver.execution.keep(self.outcome(f"l.{index}/v", index))

        assert len(driver.execution.take_unrecorded()) == MAX_UNRECORDED_IN_ROUNDS

    def test_steps_outside_of_rounds_are_all_kept(self) -> None:
        driver = Driver(graph([]))
        for number in range(MAX_UNRECORDED_IN_ROUNDS + 20):
            driver.execution.keep(self.outcome(f"v{number}"))

        assert len(driver.execution.take_unrecorded()) == MAX_UNRECORDED_IN_ROUNDS + 20

    def test_a_failure_that_the_engine_itself_made_is_carried_along(self) -> None:
        bad = replace(wait("w", "never"), on_error=OnError.CONTINUE)
        driver = Driver(graph([bad, wait("on")], ("w", "on")))

        driver.go()

        (kept,) = driver.execution.take_unrecorded()
        assert (kept.key, kept.status) == ("w", StepStatus.FAILED)
        assert kept.error is not None
        assert kept.error.type == "expression"

    def test_what_was_unrecorded_when_the_run_was_parked_is_still_carried_along(self) -> None:
        driver = Driver(graph([values("v", n=1), wait("w")], ("v", "w")))
        driver.go()

        driver.resume()

        assert [outcome.key for outcome in driver.execution.take_unrecorded()] == ["v"]

    def test_what_the_run_was_parked_with_is_not_performed_again(self) -> None:
        driver = Driver(graph([values("v", n=1), wait("w")], ("v", "w")))
        driver.go()

        driver.resume()
        driver.go_through_waits()

        assert driver.ran() == ["v"]

    @pytest.mark.parametrize("numbers", [(1, 2, 3), (3, 2, 1), (2, 3, 1)])
    def test_of_several_attempts_the_last_counts_in_whatever_order(self, numbers: tuple[int, ...]) -> None:
        known = Recorded(())
        tried = [Outcome("a", "a", StepStatus.FAILED, number, START, START) for number in numbers]

        known.load(History(attempts=tuple(tried)))

        assert (last := known.take_attempt("a", 0)) is not None
        assert last.attempt == 3
        assert known.take_attempt("a", 0) is None


class TestLateAnswers:
    def test_an_answer_lets_its_step_go_on_at_once(self) -> None:
        driver = Driver(graph([Node("ask", "user_input"), values("v", n="{{ $prev }}")], ("ask", "v")))
        driver.go()

        driver.execution.answer("ask", Answer(at(5), 7))

        assert (ready := driver.execution.next_task()) is not None
        assert ready.key == "v"

    def test_an_answer_for_a_branch_that_no_longer_counts_leaves_no_outcome(self) -> None:
        both = fork(Node("ask", "user_input"), Node("no", "fail"), on_error=OnError.CONTINUE)
        driver = Driver(graph([both, wait("w")], ("f", "w")))
        driver.go()
        driver.execution.take_unrecorded()

        driver.execution.answer("f.ask/ask", Answer(at(5), "late"))

        assert driver.execution.take_unrecorded() == ()

    def test_the_limit_of_a_step_that_was_answered_asks_for_nothing(self) -> None:
        ask = Node("ask", "user_input", config={"timeout_seconds": 10})
        driver = Driver(graph([ask, wait("w")]))
        driver.go()
        driver.execution.answer("ask", Answer(at(5), "in time"))

        driver.execution.advance(at(11))

        assert driver.execution.next_overdue() is None

    def test_a_child_run_has_no_limit_of_its_step(self) -> None:
        child = Node("s", "sub_workflow", config={"workflow_id": "wf_2", "timeout_seconds": 5})
        driver = Driver(graph([child]))
        task = driver.execution.next_task()
        assert task is not None
        begun = Outcome("s", "s", StepStatus.WAITING, 1, START, START)

        driver.execution.conclude(task, begun)

        assert driver.execution.wake_at() is None
        assert driver.execution.waiting() == (task,)

    def test_a_child_that_had_ended_before_is_not_started_again(self) -> None:
        child = Node("s", "sub_workflow", config={"workflow_id": "wf_2"})
        driver = Driver(graph([child]), a_run(answers={"s": Answer(at(3), {"n": 1})}))

        verdict = driver.go()

        assert verdict is not None
        assert verdict.output == {"n": 1}
        assert driver.concluded == []


class TestPartsThatFail:
    def parts(self, on_error: OnError) -> Driver:
        items: Json = list(range(250))
        node = Node("m", "map", config={"items": items, "concurrency": 100}, bodies={"body": graph([wait("w")])})
        driver = Driver(graph([replace(node, on_error=on_error)]))
        for task in list(iter(driver.execution.next_task, None)):
            waiting = Outcome(task.key, "m", StepStatus.WAITING, 1, START, START)
            driver.execution.conclude(task, waiting)
        return driver

    def test_of_several_failed_parts_the_first_decides_alone(self) -> None:
        driver = self.parts(OnError.CONTINUE)

        for index in range(2):
            driver.execution.answer(f"m.{index}", Answer(at(index), error=StepError("sub_workflow", f"no {index}")))

        (task,) = iter(driver.execution.next_task, None)
        assert task.decided is not None
        assert task.decided.error == StepError("sub_workflow", "no 0")

    def test_a_failed_part_fails_a_run_that_does_not_survive_it(self) -> None:
        driver = self.parts(OnError.FAIL)

        driver.execution.answer("m.1", Answer(at(1), error=StepError("sub_workflow", "no 1")))

        verdict = driver.go()
        assert verdict is not None
        assert verdict.failure is not None
        assert (verdict.failure.type, verdict.failure.node_id) == ("sub_workflow", "m")


class TestFailures:
    def conclude(self, driver: Driver, *outcomes: Outcome) -> None:
        for task, outcome in zip(list(iter(driver.execution.next_task, None)), outcomes, strict=True):
            driver.execution.conclude(task, outcome)

    def failed(self, key: str, error: StepError | None, status: StepStatus = StepStatus.FAILED) -> Outcome:
        return Outcome(key, key, status, 1, START, START, error=error)

    def test_of_several_failures_the_first_is_the_runs(self) -> None:
        driver = Driver(graph([Node("a", "fail"), Node("b", "fail")]))

        self.conclude(driver, *(self.failed(key, StepError("fail", key)) for key in "ab"))

        verdict = driver.execution.advance(START)
        assert verdict is not None
        assert verdict.failure is not None
        assert verdict.failure.node_id == "a"

    def test_a_run_that_fails_inside_of_containers_names_the_step_itself(self) -> None:
        inner = replace(fork(Node("no", "fail")), id="inner")
        driver = Driver(graph([loop(graph([inner]))]))

        verdict = driver.go()

        assert verdict is not None
        assert verdict.failure is not None
        assert verdict.failure.node_id == "no"

    def test_a_failure_without_a_reason_is_one_all_the_same(self) -> None:
        driver = Driver(graph([Node("a", "fail")]))

        self.conclude(driver, self.failed("a", None))

        verdict = driver.execution.advance(START)
        assert verdict is not None
        assert verdict.failure == Failure("error", "", "a")

    def test_a_step_that_nobody_knows_the_end_of_fails_the_run_with_that_word_whatever_the_reason(self) -> None:
        driver = Driver(graph([Node("a", "fail")]))

        self.conclude(driver, self.failed("a", StepError("lost", "no record"), StepStatus.UNKNOWN))

        verdict = driver.execution.advance(START)
        assert verdict is not None
        assert verdict.failure == Failure("unknown", "no record", "a")

    def test_a_container_that_survives_a_failure_is_not_tried_again_for_it(self) -> None:
        policy = RetryPolicy(max_attempts=3)
        both = replace(fork(Node("a", "fail")), on_error=OnError.CONTINUE, retry=policy)
        driver = Driver(graph([both, values("v", of="{{ $prev.error.message }}")], ("f", "v")))
        self.conclude(driver, self.failed("f.a/a", StepError("busy", "try again", retryable=True)))

        verdict = driver.go()

        assert verdict is not None
        assert verdict.output == {"of": "try again"}
        assert driver.execution.wake_at() is None

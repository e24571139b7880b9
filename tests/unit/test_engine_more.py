"""Limits and corners of the engine: what one more, one less, or the other way round would break."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chalicelib.domain.errors import DefinitionError, ExpressionError
from chalicelib.domain.graph import Backoff, Graph, Node, OnError, RetryPolicy
from chalicelib.domain.json import Json
from chalicelib.domain.parts import part_input, part_of, program_of, root_of
from chalicelib.domain.program import MAX_DEPTH, Program, check
from chalicelib.domain.retry import delay_seconds, fraction, next_attempt_at
from chalicelib.domain.run import Answer, Failure, Outcome, Part, Reset, Run, RunStatus, StepError, StepStatus
from chalicelib.domain.tasks import Task
from chalicelib.domain.waits import timeout_at, wake_at
from tests.unit.driver import START, Driver, Receiver, a_run, graph, status


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def values(node_id: str, **of: Json) -> Node:
    return Node(node_id, "transform", config={"values": of})


def call(node_id: str, **members: object) -> Node:
    return Node(node_id, "http_request", config={"url": f"http://receiver.example/{node_id}"}, **members)  # type: ignore[arg-type]


def wait(node_id: str, seconds: Json) -> Node:
    return Node(node_id, "wait", config={"seconds": seconds})


def each(items: Json, *nodes: Node, **config: Json) -> Node:
    return Node("m", "map", config={"items": items, **config}, bodies={"body": graph([*nodes])})


def output(driver: Driver) -> Json:
    verdict = driver.go_through_waits()
    assert verdict.status is RunStatus.SUCCEEDED, verdict.failure
    return verdict.output


def failure(driver: Driver) -> Failure:
    verdict = driver.go_through_waits()
    assert verdict.failure is not None
    return verdict.failure


def handed_out(driver: Driver) -> list[Task]:
    """Every task that can be had at this moment."""
    driver.supply()
    return list(iter(driver.execution.next_task, None))


class TestRetryPauses:
    POLICY = RetryPolicy(max_attempts=9, delay_seconds=10.0, max_delay_seconds=70.0, jitter=0.0)

    @pytest.mark.parametrize(
        ("backoff", "pauses"),
        [
            (Backoff.FIXED, [10, 10, 10, 10]),
            (Backoff.LINEAR, [10, 20, 30, 40]),
            (Backoff.EXPONENTIAL, [10, 20, 40, 70]),
        ],
    )
    def test_pauses_grow_as_the_policy_says_up_to_its_limit(self, backoff: Backoff, pauses: list[float]) -> None:
        policy = RetryPolicy(9, backoff, 10.0, 70.0, 0.0)

        assert [delay_seconds(policy, attempt, "s") for attempt in range(1, 5)] == pauses

    def test_a_thousandth_attempt_has_a_pause_too(self) -> None:
        assert delay_seconds(self.POLICY, 1000, "s") == 70.0

    def test_jitter_is_half_a_share_up_and_down(self) -> None:
        policy = RetryPolicy(9, Backoff.FIXED, 100.0, 300.0, 0.2)

        pauses = [delay_seconds(policy, 1, f"exec_{number}/a") for number in range(500)]

        assert 90 <= min(pauses) < 91
        assert 109 < max(pauses) < 110
        assert delay_seconds(policy, 2, "exec_1/a") == pytest.approx(100 * (1 + 0.2 * (fraction("exec_1/a:2") - 0.5)))

    def test_fractions_are_spread_over_the_whole_range(self) -> None:
        found = sorted(fraction(str(number)) for number in range(1000))

        assert 0 <= found[0] < 0.01
        assert 0.99 < found[-1] < 1

    @pytest.mark.parametrize(("asked", "pause"), [(None, 10), (5.0, 10), (25.0, 25), (500.0, 70)])
    def test_a_receiver_may_lengthen_a_pause_up_to_its_limit(self, asked: float | None, pause: float) -> None:
        assert next_attempt_at(self.POLICY, 1, START, "s", asked) == at(pause)

    def test_after_a_reset_the_pauses_begin_anew(self) -> None:
        policy = RetryPolicy(3, Backoff.LINEAR, 10.0, 300.0, 0.0)
        driver = Driver(
            graph([call("a", retry=policy)]),
            a_run(resets={"a": Reset(1, attempts=3)}),
            Receiver(lambda request: status(503)),
        )

        driver.go()

        assert driver.execution.wake_at() == at(10)
        assert failure(driver).type == "http_status"
        assert [attempt.attempt for attempt in (*driver.attempts, *driver.outcomes)] == [4, 5, 6]


class TestLimitsOfWaits:
    def test_a_wait_may_last_a_leap_year_and_no_longer(self) -> None:
        year = 366 * 86_400

        assert wake_at({"seconds": year}, START) == at(year)
        with pytest.raises(ExpressionError):
            wake_at({"seconds": year + 1}, START)
        with pytest.raises(ExpressionError, match="366 days"):
            wake_at({"until": "2031-01-01T00:00:00Z"}, START)

    @pytest.mark.parametrize("seconds", [None, True, [1], {"a": 1}, "soon", -1, "1e999"])
    def test_anything_but_a_number_of_seconds_is_refused(self, seconds: Json) -> None:
        with pytest.raises(ExpressionError, match="'seconds' must be a number from 0"):
            wake_at({"seconds": seconds}, START)

    def test_until_has_to_be_a_time(self) -> None:
        for until in (5, "tomorrow"):
            with pytest.raises(ExpressionError, match="'until'"):
                wake_at({"until": until}, START)

    def test_a_time_limit_counts_from_the_beginning_of_the_step(self) -> None:
        assert timeout_at({}, START) is None
        assert timeout_at({"timeout_seconds": "1.5"}, START) == at(1.5)

    def test_waits_that_end_together_let_their_steps_go_on_in_their_order(self) -> None:
        nodes = [wait("w1", 5), wait("w2", 5), wait("w3", 5), call("a"), call("b"), call("c")]
        driver = Driver(graph(nodes, ("w1", "a"), ("w2", "b"), ("w3", "c")))
        driver.go()
        driver.clock.sleep(5)
        driver.execution.advance(driver.clock.now())

        assert [task.key for task in handed_out(driver)] == ["a", "b", "c"]


class TestWaiting:
    ASK = Node("ask", "user_input", config={"timeout_seconds": 60})

    def test_what_waits_is_shown_until_it_is_answered(self) -> None:
        driver = Driver(graph([self.ASK, wait("w", 600)]))
        driver.go()
        before = {task.key for task in driver.execution.waiting()}

        driver.execution.answer("ask", Answer(START, 1))
        driver.go()

        assert before == {"ask", "w"}
        assert {task.key for task in driver.execution.waiting()} == {"w"}

    def test_the_limit_of_an_answered_step_passes_without_a_trace(self) -> None:
        driver = Driver(graph([self.ASK, wait("w", 600)]))
        driver.go()
        driver.execution.answer("ask", Answer(START, 1))

        driver.clock.sleep(100)

        assert driver.go() is None
        assert driver.go_through_waits().status is RunStatus.SUCCEEDED

    def test_an_answer_after_the_limit_changes_nothing(self) -> None:
        ask = Node("ask", "user_input", config={"timeout_seconds": 60}, on_error=OnError.CONTINUE)
        late = values("late", said="{{ $node.ask.error.type }}")
        driver = Driver(graph([ask, wait("w", 100), late], ("ask", "w"), ("w", "late")))
        driver.go()
        driver.clock.sleep(60)
        driver.go()

        driver.execution.answer("ask", Answer(START, 1))

        assert output(driver) == {"said": "timeout"}

    def test_what_follows_a_missed_limit_happens_at_the_limit(self) -> None:
        ask = Node("ask", "user_input", config={"timeout_seconds": 60}, on_error=OnError.CONTINUE)
        driver = Driver(graph([ask, values("after", at="{{ now() }}")], ("ask", "after")))

        assert output(driver) == {"at": "2026-03-01T12:01:00.000Z"}

    def test_answers_for_a_branch_that_no_longer_counts_are_ignored(self) -> None:
        branches = {"ask": graph([self.ASK]), "bad": graph([wait("w", 5), Node("no", "fail")], ("w", "no"))}
        fork = Node("f", "fork", on_error=OnError.CONTINUE, bodies=branches)
        driver = Driver(graph([fork, wait("rest", 600)], ("f", "rest")))
        driver.go()
        driver.clock.sleep(5)
        driver.go()

        driver.execution.answer("f.ask/ask", Answer(START, 1))

        assert driver.go() is None
        assert driver.execution.wake_at() == at(605)

    def test_of_two_answers_the_first_counts_even_if_the_step_comes_later(self) -> None:
        driver = Driver(graph([wait("w", 5), Node("ask", "user_input")], ("w", "ask")))
        driver.go()
        driver.execution.answer("ask", Answer(START, "first"))
        driver.execution.answer("ask", Answer(START, "second"))

        assert output(driver) == "first"


class TestContainersMore:
    def test_a_fork_without_branches_gives_an_empty_object(self) -> None:
        assert output(Driver(graph([Node("f", "fork")]))) == {}

    def test_a_loop_may_have_exactly_as_many_rounds_as_its_limit(self) -> None:
        for most, ends in ((3, True), (2, False)):
            config: dict[str, Json] = {"while": "$loop.index < 3", "max_iterations": most}
            loop = Node("l", "loop", config=config, bodies={"body": graph([call("a")])})
            driver = Driver(graph([loop]))

            verdict = driver.go()

            assert verdict is not None
            assert (verdict.status is RunStatus.SUCCEEDED) is ends
            assert len(driver.receiver.requests) == most

    def test_a_parked_loop_says_which_round_it_is_in(self) -> None:
        loop = Node("l", "loop", config={"while": "$loop.index < 9"}, bodies={"body": graph([wait("w", 5)])})
        driver = Driver(graph([loop]))
        for _ in range(3):
            driver.go()
            driver.clock.sleep(5)
        driver.go()

        (position,) = driver.execution.rounds()
        assert (position.container, position.index, position.begun_at) == ("l", 4, at(15))

    def test_a_loop_that_was_left_is_under_way_no_more(self) -> None:
        loop = Node("l", "loop", config={"while": False}, bodies={"body": graph([Node("x", "noop")])})
        driver = Driver(graph([loop, wait("w", 5)], ("l", "w")))
        driver.go()

        assert driver.execution.rounds() == ()

    @pytest.mark.parametrize("wrong", [True, 0, -1, 101, "many", [1], 2**200])
    def test_a_concurrency_that_is_none_fails_the_map(self, wrong: Json) -> None:
        node = each([1], Node("x", "noop"), concurrency="{{ $input.wrong }}")

        found = failure(Driver(graph([node]), a_run({"wrong": wrong})))

        assert found == Failure("expression", "'concurrency' must be a whole number from 1 to 100", "m")

    @pytest.mark.parametrize("right", [1, "2", 100])
    def test_a_concurrency_within_its_limits_is_taken(self, right: Json) -> None:
        node = each([1, 2], Node("x", "noop"), concurrency="{{ $input.right }}")

        assert output(Driver(graph([node]), a_run({"right": right}))) == [1, 2]

    def test_a_body_without_steps_gives_what_it_was_given(self) -> None:
        loop = Node("l", "loop", config={"while": "$loop.index < 3"}, bodies={"body": Graph()})

        assert output(Driver(graph([each([1, 2])]))) == [1, 2]
        assert output(Driver(graph([values("v", n=1), loop], ("v", "l")))) == {"n": 1}

    def test_ten_thousand_items_are_the_most(self) -> None:
        found = failure(Driver(graph([each(list(range(10_001)))])))

        assert found.message == "'items' has 10001 members; at most 10000 are allowed"

    def test_exactly_ten_thousand_items_are_done(self) -> None:
        driver = Driver(graph([each(list(range(10_000)), concurrency=100)]))

        parts = [task.part for task in handed_out(driver)]

        assert [len(part.items) for part in parts if part] == [100] * 10

    def test_a_branch_without_steps_gives_nothing(self) -> None:
        both = Node("f", "fork", bodies={"empty": graph([]), "full": graph([values("v", n=1)])})

        assert output(Driver(graph([both]))) == {"empty": None, "full": {"n": 1}}

    def test_an_index_counts_from_zero(self) -> None:
        assert output(Driver(graph([each(["a", "b"], values("v", i="{{ $index }}"))]))) == [{"i": 0}, {"i": 1}]

    def test_inner_bodies_see_the_variables_around_them(self) -> None:
        inner = each([7], values("v", of="{{ [$loop.index, $item, $index] }}"))
        loop = Node("l", "loop", config={"while": "$loop.index < 2"}, bodies={"body": graph([inner])})

        assert output(Driver(graph([loop]))) == [{"of": [2, 7, 0]}]

    def test_a_step_knows_its_workflow_and_run(self) -> None:
        driver = Driver(graph([values("v", w="{{ $workflow }}", r="{{ $run.trigger }}")]))

        assert output(driver) == {"w": {"id": "wf_1", "name": "Test", "version": 1}, "r": "manual"}

    def test_a_variable_of_no_container_fails_the_step(self) -> None:
        assert failure(Driver(graph([values("v", i="{{ $item }}")]))).type == "expression"

    def test_the_pause_of_a_step_that_counts_no_more_wakes_nobody(self) -> None:
        branches = {"slow": graph([wait("w", 5)]), "bad": graph([Node("no", "fail")])}
        driver = Driver(
            graph([Node("f", "fork", on_error=OnError.CONTINUE, bodies=branches), wait("r", 60)], ("f", "r"))
        )
        driver.go()

        assert driver.execution.wake_at() == at(60)


class TestSpreadMaps:
    def driver(self, count: int, **config: Json) -> Driver:
        return Driver(graph([each(list(range(count)), Node("x", "noop"), **config)]))

    def test_a_map_is_spread_over_children_from_two_hundred_and_one_items_on(self) -> None:
        inline, spread = self.driver(200), self.driver(201)

        assert len(output(inline)) == 200  # type: ignore[arg-type]
        assert [task.part is not None for task in handed_out(spread)] == [True]

    @pytest.mark.parametrize(("concurrency", "together"), [(1, 1), (10, 1), (19, 1), (20, 2), (30, 3), (100, 7)])
    def test_as_many_children_run_together_as_the_concurrency_allows(self, concurrency: int, together: int) -> None:
        driver = self.driver(700, concurrency=concurrency)

        tasks = handed_out(driver)

        assert len(tasks) == together
        assert {task.part.concurrency for task in tasks if task.part} == {min(concurrency, 10)}

    def test_a_child_that_has_ended_makes_room_for_the_next_until_all_are_gathered(self) -> None:
        driver = self.driver(250)
        offsets = []
        for index in range(3):
            (task,) = handed_out(driver)
            assert task.part is not None
            offsets.append((task.part.offset, len(task.part.items)))
            driver.execution.answer(f"m.{index}", Answer(START))
            driver.execution.conclude(task, _waiting(driver, task))
        driver.execution.advance(START)

        (gathering,) = handed_out(driver)
        assert offsets == [(0, 100), (100, 100), (200, 50)]
        assert (gathering.gathers, gathering.part) == (3, None)

    def test_a_child_that_ended_during_an_earlier_hold_is_not_started_again(self) -> None:
        run = a_run(answers={"m.0": Answer(START), "m.1": Answer(START)})
        driver = Driver(graph([each(list(range(250)), Node("x", "noop"))]), run)

        (task,) = handed_out(driver)

        assert task.slot == "m.2"

    def test_the_failure_of_a_child_is_the_maps(self) -> None:
        driver = self.driver(201)
        (task,) = handed_out(driver)
        driver.execution.conclude(task, _waiting(driver, task))
        driver.execution.answer("m.0", Answer(START, error=StepError("sub_workflow", "it failed")))

        assert failure(driver) == Failure("sub_workflow", "it failed", "m")


def _waiting(driver: Driver, task: Task) -> Outcome:
    """What a worker concludes once it has started the child."""
    return replace(driver.registry.perform(task, 1.0), status=StepStatus.WAITING, error=None)


class TestParts:
    """Children that do a part of a map which stands deep inside its workflow."""

    MAP = each("{{ $input.items }}", values("v", of="{{ [$item, $index, $loop.index, $node.before.n] }}"))
    LOOP = Node("l", "loop", config={"while": False}, bodies={"body": graph([MAP])})
    FORK = Node("f", "fork", bodies={"left": graph([Node("x", "noop")]), "right": graph([LOOP])})
    PROGRAM = Program.of(graph([values("before", n=5), FORK], ("before", "f")))

    def part(self) -> Run:
        given: dict[str, Json] = {
            "items": ["a", "b"],
            "offset": 40,
            "concurrency": 1,
            "input": {"items": []},
            "outputs": {"before": {"n": 5}},
            "variables": {"$loop": {"index": 3}},
        }
        return a_run(given, part=Part(("f", "right", "l", "body", "m")), began_at=START)

    def test_a_part_is_found_by_its_path_and_does_its_items(self) -> None:
        driver = Driver(graph([values("before", n=5), self.FORK], ("before", "f")), self.part())

        assert output(driver) == [{"of": ["a", 40, 3, 5]}, {"of": ["b", 41, 3, 5]}]

    def test_a_part_of_a_version_without_its_map_cannot_be_run(self) -> None:
        for path in (("gone",), ("f", "gone", "l"), ("f", "right", "gone")):
            with pytest.raises(DefinitionError, match="is gone"):
                root_of(self.PROGRAM, a_run(self.part().input, part=Part(path)), False)

    def test_keys_of_a_part_begin_at_its_map(self) -> None:
        program = program_of(self.PROGRAM, self.part())

        assert (found := program.step_at("m.1")) is not None
        assert found.node.type == "map"
        assert program_of(self.PROGRAM, a_run()) is self.PROGRAM

    def test_the_parent_tells_where_the_map_stands_and_what_is_seen_there(self) -> None:
        driver = Driver(graph([values("before", n=5), self.FORK], ("before", "f")), a_run({"items": list(range(201))}))
        task = _first_part(driver)

        assert part_of(driver.program, task) == Part(("f", "right", "l", "body", "m"))
        assert task.part is not None
        given = part_input(task, task.part)
        assert given["variables"] == {"$loop": {"index": 1}}
        assert given["outputs"] == {"before": {"n": 5}}
        assert (given["offset"], given["concurrency"]) == (0, 10)


def _first_part(driver: Driver) -> Task:
    for _ in range(10):
        for task in handed_out(driver):
            if task.part is not None:
                return task
            outcome = driver.registry.perform(task, 1.0)
            driver.execution.keep(outcome)
            driver.execution.conclude(task, outcome)
    raise AssertionError("no part was handed out")


class TestPrograms:
    def nested(self, depth: int) -> Graph:
        inner = graph([Node("x", "noop")])
        for _ in range(depth):
            inner = Graph((Node("l", "loop", config={"while": False}, bodies={"body": inner}),))
        return inner

    def test_bodies_may_be_nested_eight_deep_and_no_deeper(self) -> None:
        check(self.nested(MAX_DEPTH))

        with pytest.raises(DefinitionError, match="more than 8 deep"):
            check(self.nested(MAX_DEPTH + 1))

    @pytest.mark.parametrize(
        ("key", "name"),
        [
            ("x", "at the root"),
            ("l.3/x", "in the loop"),
            ("l@2.3/x", "in the loop"),
            ("l.1/f%2E1@12.a%2Eb/x", "in a branch"),
            ("l.1/f%2E1.3/x@4", "in branch 3"),
            ("l.1/f%2E1", "the fork"),
            ("l.7", "the loop"),
            ("l@1.7@2", "the loop"),
            ("y", None),
            ("x.1/x", None),
            ("l.1/f%2E1.gone/x", None),
            ("l.1/gone.1/x", None),
            ("", None),
        ],
    )
    def test_a_step_is_found_by_its_key_whatever_else_has_its_id(self, key: str, name: str | None) -> None:
        branches = {"a.b": graph([Node("x", "noop", "in a branch")]), "3": graph([Node("x", "noop", "in branch 3")])}
        body = graph([Node("x", "noop", "in the loop"), Node("f.1", "fork", "the fork", bodies=branches)])
        loop = Node("l", "loop", "the loop", config={"while": False}, bodies={"body": body})
        program = Program.of(graph([loop, Node("x", "noop", "at the root")]))

        found = program.step_at(key)

        assert (found and found.node.name) == name

    def test_an_error_of_a_body_that_names_no_node_is_its_containers(self) -> None:
        bad = graph([Node("a", "noop")], ("a", "b"))
        with pytest.raises(DefinitionError) as refused:
            check(Graph((Node("l", "loop", config={"while": False}, bodies={"body": bad}),)))

        assert refused.value.facts["node_id"] == "l"
        assert refused.value.field == "connections[0].to"

    def test_a_node_that_several_edges_lead_to_starts_once_all_of_them_are_decided(self) -> None:
        nodes = [call("a"), wait("w", 5), values("end", of="{{ 1 }}")]
        driver = Driver(graph(nodes, ("a", "end"), ("w", "end")))
        driver.go()

        assert "end" not in driver.ran()
        assert output(driver) == {"of": 1}


def test_an_older_failed_attempt_does_not_hide_a_newer_one() -> None:
    policy = RetryPolicy(5, Backoff.LINEAR, 10.0, 300.0, 0.0)
    driver = Driver(graph([call("a", retry=policy)]), receiver=Receiver(lambda request: status(503)))
    for _ in range(3):
        driver.go()
        driver.clock.at = driver.execution.wake_at() or START
    driver.attempts.reverse()

    driver.restart()
    driver.go()

    assert [attempt.attempt for attempt in driver.attempts] == [3, 2, 1, 4]


def test_a_deadline_that_is_reached_ends_the_run_at_that_very_moment() -> None:
    driver = Driver(graph([wait("w", 50)]), a_run(deadline_at=at(20)))
    driver.go()
    driver.clock.at = at(20) - timedelta(milliseconds=1)
    before = driver.go()
    driver.clock.at = at(20)
    verdict = driver.go()

    assert before is None
    assert verdict is not None
    assert verdict.status is RunStatus.TIMED_OUT


def test_a_failure_is_not_overtaken_by_the_deadline() -> None:
    driver = Driver(graph([Node("no", "fail")]), a_run(deadline_at=at(20)))
    (task,) = handed_out(driver)
    driver.execution.conclude(task, driver.registry.perform(task, 1.0))

    verdict = driver.execution.advance(START + timedelta(seconds=30))

    assert verdict is not None
    assert verdict.status is RunStatus.FAILED


def test_nothing_is_handed_out_after_a_verdict() -> None:
    driver = Driver(graph([call("a"), call("b")]), a_run(deadline_at=at(20)))

    verdict = driver.execution.advance(START + timedelta(seconds=20))

    assert verdict is not None
    assert handed_out(driver) == []


def test_nothing_is_handed_out_after_a_failure() -> None:
    driver = Driver(graph([Node("no", "fail"), call("b")]))
    task = driver.execution.next_task()
    assert task is not None
    driver.execution.conclude(task, driver.registry.perform(task, 1.0))

    assert handed_out(driver) == []
    assert driver.receiver.requests == []


def test_what_was_taken_to_be_recorded_is_not_taken_again() -> None:
    driver = Driver(graph([values("a", n=1), wait("w", 5)], ("a", "w")))
    driver.go()

    assert [outcome.key for outcome in driver.execution.take_unrecorded()] == ["a"]
    assert driver.execution.take_unrecorded() == ()


def test_ids_made_in_expressions_differ_between_steps_and_stay_the_same_on_replay() -> None:
    nodes = [Node(name, "transform", config={"values": {"id": "{{ uuid() }}"}}) for name in ("a", "b")]

    def made() -> list[Json]:
        driver = Driver(graph(nodes, ("a", "b")))
        driver.go()
        return [outcome.output for outcome in driver.concluded]

    first, second = made(), made()

    assert first == second
    assert first[0] != first[1]


def test_a_node_may_have_no_other_exit_than_that_for_errors() -> None:
    Program.of(graph([Node("a", "noop", on_error=OnError.PORT), Node("b", "noop")], ("a", "b", "error")))

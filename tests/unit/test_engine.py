"""What the engine decides, driven in memory with the real node types."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.domain.graph import Backoff, Edge, Graph, Node, OnError, RetryPolicy
from chalicelib.domain.run import Answer, Failure, History, Outcome, Reset, RunStatus, StepError, StepStatus
from tests.unit.driver import START, Driver, Receiver, a_run, graph, status


def trigger(node_id: str = "start", **config: object) -> Node:
    return Node(node_id, "trigger", config=config)  # type: ignore[arg-type]


def values(node_id: str, **of: object) -> Node:
    return Node(node_id, "transform", config={"values": of})  # type: ignore[dict-item]


def call(node_id: str, **members: object) -> Node:
    config = {"url": f"http://receiver.example/{node_id}", **members.pop("config", {})}  # type: ignore[dict-item]
    return Node(node_id, "http_request", config=config, **members)  # type: ignore[arg-type]


class TestOrder:
    def test_a_run_without_nodes_succeeds_at_once(self) -> None:
        verdict = Driver(Graph()).go()

        assert verdict is not None
        assert (verdict.status, verdict.output) == (RunStatus.SUCCEEDED, None)

    def test_a_chain_runs_in_the_order_of_its_edges(self) -> None:
        driver = Driver(graph([values("b", n=2), trigger(), values("a", n=1)], ("start", "a"), ("a", "b")))

        verdict = driver.go()

        assert driver.ran() == ["start", "a", "b"]
        assert verdict is not None
        assert verdict.output == {"n": 2}

    def test_a_trigger_alone_produces_nothing(self) -> None:
        verdict = Driver(graph([trigger()]), a_run({"n": 1})).go()

        assert verdict is not None
        assert verdict.output is None

    def test_a_join_runs_once_after_all_taken_predecessors(self) -> None:
        nodes = [trigger(), call("a"), call("b"), values("join", a="{{ $node.a.status }}", b="{{ $node.b.status }}")]
        for seed in range(10):
            driver = Driver(graph(nodes, ("start", "a"), ("start", "b"), ("a", "join"), ("b", "join")), seed=seed)

            verdict = driver.go()

            assert driver.ran()[-1] == "join"
            assert driver.ran().count("join") == 1
            assert verdict is not None
            assert verdict.output == {"a": 200, "b": 200}

    def test_a_join_waits_only_for_branches_that_are_taken(self) -> None:
        nodes = [
            trigger(),
            Node("if", "condition", config={"condition": "$input.n > 3"}),
            call("big"),
            call("small"),
            values("after", done=True),
        ]
        edges = [("start", "if"), ("if", "big", "true"), ("if", "small", "false"), ("big", "after"), ("small", "after")]

        assert Driver(graph(nodes, *edges), a_run({"n": 5})).go() is not None
        big = Driver(graph(nodes, *edges), a_run({"n": 5}))
        big.go()
        small = Driver(graph(nodes, *edges), a_run({"n": 1}))
        small.go()

        assert big.ran() == ["start", "if", "big", "after"]
        assert small.ran() == ["start", "if", "small", "after"]

    def test_a_branch_that_is_not_taken_is_passed_over_to_its_end(self) -> None:
        nodes = [
            trigger(),
            Node("if", "condition", config={"condition": "false"}),
            values("x"),
            values("y"),
            values("z"),
        ]
        driver = Driver(graph(nodes, ("start", "if"), ("if", "x", "true"), ("x", "y"), ("y", "z"), ("start", "z")))

        driver.go()

        assert driver.ran() == ["start", "if", "z"]

    def test_a_switch_leaves_through_its_case_or_the_default(self) -> None:
        nodes = [
            trigger(),
            Node("kind", "switch", config={"value": "{{ $input.kind }}", "cases": ["a", 2]}),
            values("is_a"),
            values("is_2"),
            values("other"),
        ]
        edges = [("start", "kind"), ("kind", "is_a", "a"), ("kind", "is_2", "2"), ("kind", "other", "default")]

        def last(kind: object) -> str:
            driver = Driver(graph(nodes, *edges), a_run({"kind": kind}))  # type: ignore[dict-item]
            driver.go()
            return driver.ran()[-1]

        assert [last("a"), last(2), last("2"), last("b"), last(None)] == ["is_a", "is_2", "is_2", "other", "other"]

    def test_a_condition_on_an_edge_decides_whether_it_is_taken(self) -> None:
        edges = (Edge("start", "a", condition="$prev.n == 1"), Edge("start", "b", condition="{{ $input.n != 1 }}"))
        driver = Driver(Graph((trigger(), values("a"), values("b")), edges), a_run({"n": 1}))

        driver.go()

        assert driver.ran() == ["start", "a"]

    def test_a_bad_condition_on_an_edge_fails_the_run_and_names_the_connection(self) -> None:
        edges = (Edge("start", "a", condition="$input.n > 'x'"),)
        verdict = Driver(Graph((trigger(), values("a")), edges), a_run({"n": 1})).go()

        assert verdict is not None
        assert verdict.failure is not None
        assert verdict.failure.node_id == "start"
        assert "connection to 'a'" in verdict.failure.message

    def test_only_the_trigger_that_fired_starts_the_run(self) -> None:
        nodes = [trigger("by_hand"), trigger("by_hook", kind="webhook"), values("a"), values("b")]
        driver = Driver(graph(nodes, ("by_hand", "a"), ("by_hook", "b")), a_run(trigger="webhook"))

        driver.go()

        assert driver.ran() == ["by_hook", "b"]

    def test_every_trigger_starts_a_run_that_none_of_them_is_meant_for(self) -> None:
        nodes = [trigger("one", kind="webhook"), trigger("two", kind="schedule")]
        driver = Driver(graph(nodes), a_run(trigger="manual"))

        driver.go()

        assert sorted(driver.ran()) == ["one", "two"]


class TestFailure:
    def test_a_failed_step_fails_the_run_and_nothing_follows(self) -> None:
        failing = Node("no", "fail", config={"message": "n is {{ $input.n }}"})
        driver = Driver(graph([trigger(), failing, values("after")], ("start", "no"), ("no", "after")), a_run({"n": 7}))

        verdict = driver.go()

        assert verdict is not None
        assert (verdict.status, verdict.failure) == (RunStatus.FAILED, Failure("fail", "n is 7", "no"))
        assert driver.ran() == ["start"]

    def test_an_unknown_node_type_fails_its_step_with_a_clear_message(self) -> None:
        verdict = Driver(graph([Node("x", "teleport")])).go()

        assert verdict is not None
        assert verdict.failure == Failure("unknown_node_type", "this installation has no node type 'teleport'", "x")

    def test_on_error_continue_goes_on_with_the_error_as_output(self) -> None:
        nodes = [call("a", on_error=OnError.CONTINUE), values("b", why="{{ $node.a.error.type }}")]
        verdict = Driver(graph(nodes, ("a", "b")), receiver=Receiver(lambda _: status(404))).go()

        assert verdict is not None
        assert verdict.output == {"why": "http_status"}

    def test_on_error_port_takes_the_error_exit_alone(self) -> None:
        nodes = [call("a", on_error=OnError.PORT), values("fine"), values("repair", status="{{ $prev.error.status }}")]
        driver = Driver(graph(nodes, ("a", "fine"), ("a", "repair", "error")), receiver=Receiver(lambda _: status(404)))

        verdict = driver.go()

        assert driver.ran() == ["repair"]
        assert verdict is not None
        assert verdict.output == {"status": 404}

    def test_a_verdict_waits_for_tasks_that_are_still_performed(self) -> None:
        driver = Driver(graph([call("a"), Node("no", "fail")]))
        slow, failing = driver.execution.next_task(), driver.execution.next_task()
        assert slow is not None
        assert failing is not None

        driver.execution.conclude(failing, driver.registry.perform(failing, 1.0))
        before = driver.execution.advance(START)
        driver.execution.conclude(slow, driver.registry.perform(slow, 1.0))
        after = driver.execution.advance(START)

        assert before is None
        assert after is not None
        assert after.status is RunStatus.FAILED


class TestRetry:
    def test_a_retryable_failure_is_tried_again_after_the_backoff(self) -> None:
        answers = iter([status(503), status(500), status(200, b'"done"', content_type="application/json")])
        policy = RetryPolicy(max_attempts=3, backoff=Backoff.EXPONENTIAL, delay_seconds=10, jitter=0)
        driver = Driver(graph([call("a", retry=policy)]), receiver=Receiver(lambda _: next(answers)))

        verdict = driver.go_through_waits()

        assert verdict.status is RunStatus.SUCCEEDED
        assert driver.clock.now() == START + timedelta(seconds=30)
        assert [outcome.attempt for outcome in driver.concluded] == [1, 2, 3]
        assert len({request.headers["Idempotency-Key"] for request in driver.receiver.requests}) == 1

    def test_attempts_end_with_the_policy(self) -> None:
        policy = RetryPolicy(max_attempts=2, delay_seconds=1)
        driver = Driver(graph([call("a", retry=policy)]), receiver=Receiver(lambda _: status(503)))

        verdict = driver.go_through_waits()

        assert len(driver.receiver.requests) == 2
        assert verdict.failure == Failure("http_status", "the receiver answered 503", "a")

    @pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 410, 422])
    def test_an_answer_that_will_not_change_is_not_asked_for_again(self, code: int) -> None:
        driver = Driver(
            graph([call("a", retry=RetryPolicy(max_attempts=5))]), receiver=Receiver(lambda _: status(code))
        )

        driver.go_through_waits()

        assert len(driver.receiver.requests) == 1

    def test_retry_after_lengthens_the_pause(self) -> None:
        answers = iter([status(429, retry_after="60"), status(200)])
        policy = RetryPolicy(max_attempts=2, delay_seconds=1, jitter=0)
        driver = Driver(graph([call("a", retry=policy)]), receiver=Receiver(lambda _: next(answers)))

        driver.go_through_waits()

        assert driver.clock.now() == START + timedelta(seconds=60)

    def test_an_at_most_once_step_is_never_tried_twice(self) -> None:
        node = call("a", retry=RetryPolicy(max_attempts=5), at_most_once=True)
        driver = Driver(graph([node]), receiver=Receiver(lambda _: status(503)))

        verdict = driver.go_through_waits()

        assert len(driver.receiver.requests) == 1
        assert verdict.status is RunStatus.FAILED


class TestTime:
    def test_a_wait_of_seconds_ends_exactly_then(self) -> None:
        driver = Driver(graph([Node("w", "wait", config={"seconds": 90}), values("t", at="{{ now() }}")], ("w", "t")))

        early = driver.go()
        driver.clock.at = START + timedelta(seconds=89.999)
        still = driver.go()
        driver.clock.at = START + timedelta(seconds=90)
        verdict = driver.go()

        assert (early, still) == (None, None)
        assert verdict is not None
        assert verdict.output == {"at": "2026-03-01T12:01:30.000Z"}

    def test_a_wait_until_a_time_in_the_past_is_over_at_once(self) -> None:
        verdict = Driver(graph([Node("w", "wait", config={"until": "2020-01-01T00:00:00Z"})])).go()

        assert verdict is not None
        assert verdict.status is RunStatus.SUCCEEDED

    @pytest.mark.parametrize(
        "config", [{"seconds": -1}, {"seconds": "soon"}, {"until": "2030-13-01"}, {"seconds": 1e12}]
    )
    def test_a_wait_that_cannot_be_is_a_failure(self, config: dict[str, object]) -> None:
        verdict = Driver(graph([Node("w", "wait", config=config)])).go()  # type: ignore[arg-type]

        assert verdict is not None
        assert verdict.failure is not None
        assert verdict.failure.type == "expression"

    def test_the_runs_deadline_ends_it(self) -> None:
        run = a_run(deadline_at=START + timedelta(seconds=10))
        driver = Driver(graph([Node("w", "wait", config={"seconds": 60})]), run)
        driver.go()
        driver.clock.at = START + timedelta(seconds=10)

        verdict = driver.go()

        assert verdict is not None
        assert verdict.status is RunStatus.TIMED_OUT

    def test_now_is_the_same_when_a_step_is_computed_again(self) -> None:
        nodes = [
            call("a"),
            values("t", at="{{ now() }}", id="{{ uuid() }}"),
            call("b", config={"body": "{{ $node.t }}"}),
        ]
        driver = Driver(graph(nodes, ("a", "t"), ("t", "b")))
        driver.step()
        driver.clock.at += timedelta(minutes=5)
        driver.step()
        first = driver.concluded[-1]
        driver.restart()

        driver.clock.at += timedelta(minutes=5)
        driver.step()

        assert driver.concluded[-1].output == first.output


class TestResume:
    def test_recorded_steps_are_not_performed_again(self) -> None:
        nodes = [trigger(), call("a"), call("b"), call("c")]
        driver = Driver(graph(nodes, ("start", "a"), ("a", "b"), ("b", "c")))
        for _ in range(3):
            driver.step()

        driver.restart()
        verdict = driver.go()

        assert [request.url.rsplit("/", 1)[1] for request in driver.receiver.requests] == ["a", "b", "c"]
        assert verdict is not None
        assert verdict.status is RunStatus.SUCCEEDED

    def test_a_wait_goes_on_where_it_was_after_a_crash(self) -> None:
        driver = Driver(graph([values("v", n=1), Node("w", "wait", config={"seconds": 60})], ("v", "w")))
        driver.go()
        driver.clock.at = START + timedelta(seconds=40)

        driver.restart()
        driver.go()

        assert driver.execution.wake_at() == START + timedelta(seconds=60)

    def test_a_retry_pause_goes_on_where_it_was_after_a_crash(self) -> None:
        policy = RetryPolicy(max_attempts=3, delay_seconds=60, jitter=0)
        driver = Driver(graph([call("a", retry=policy)]), receiver=Receiver(lambda _: status(503)))
        driver.go()
        driver.clock.at = START + timedelta(seconds=40)

        driver.restart()
        driver.go()

        assert driver.execution.wake_at() == START + timedelta(seconds=60)
        assert len(driver.receiver.requests) == 1

    def test_an_at_most_once_step_that_was_begun_is_handed_out_as_abandoned(self) -> None:
        driver = Driver(graph([call("a", at_most_once=True)]))
        from chalicelib.domain.engine import Execution

        execution = Execution(driver.program, driver.run, History(intents=frozenset({"a#0"})))
        task = execution.next_task()

        assert task is not None
        assert task.abandoned

    def test_an_unknown_outcome_fails_the_run_with_that_word(self) -> None:
        driver = Driver(graph([call("a", at_most_once=True)]))
        task = driver.execution.next_task()
        assert task is not None
        outcome = Outcome("a", "a", StepStatus.UNKNOWN, 1, START, START, error=StepError("unknown", "never recorded"))

        driver.execution.conclude(task, outcome)
        verdict = driver.execution.advance(START)

        assert verdict is not None
        assert verdict.failure == Failure("unknown", "never recorded", "a")

    def test_a_reset_step_is_performed_again_with_the_same_key_and_further_attempts(self) -> None:
        driver = Driver(graph([call("a")]), a_run(resets={"a": Reset(1, attempts=2)}))
        driver.outcomes = [Outcome("a", "a", StepStatus.FAILED, 2, START, START, error=StepError("x", "y"))]
        driver.restart()

        verdict = driver.go()

        assert verdict is not None
        assert verdict.status is RunStatus.SUCCEEDED
        assert driver.concluded[-1].attempt == 3
        assert driver.receiver.requests[0].headers["Idempotency-Key"] == "exec_1/a"

    def test_a_rerun_step_has_a_key_of_its_own(self) -> None:
        driver = Driver(graph([call("a")]), a_run(resets={"a": Reset(5, effect=2)}))

        driver.go()

        assert driver.receiver.requests[0].headers["Idempotency-Key"] == "exec_1/a/r2"


def body(*nodes: Node, edges: tuple[tuple[str, ...], ...] = ()) -> dict[str, Graph]:
    return {"body": graph(list(nodes), *edges)}


class TestContainers:
    def test_a_loop_repeats_its_body_while_the_condition_holds(self) -> None:
        loop = Node(
            "l",
            "loop",
            config={"while": "$loop.index < 5"},
            bodies=body(values("n", n="{{ ($prev.n ?? 0) + $loop.index }}")),
        )
        driver = Driver(graph([trigger(), loop, values("after", sum="{{ $prev.n }}")], ("start", "l"), ("l", "after")))

        verdict = driver.go()

        assert verdict is not None
        assert verdict.output == {"sum": 15}

    def test_a_loop_that_does_not_end_fails_at_its_limit(self) -> None:
        loop = Node("l", "loop", config={"while": True, "max_iterations": 7}, bodies=body(Node("x", "noop")))
        driver = Driver(graph([loop]))

        verdict = driver.go()

        assert verdict is not None
        assert verdict.failure == Failure("max_iterations", "the loop did not end within 7 iterations", "l")

    def test_a_loop_resumes_in_its_newest_round_after_a_crash(self) -> None:
        loop = Node(
            "l",
            "loop",
            config={"while": "$loop.index < 4"},
            bodies=body(call("a", config={"query": {"i": "{{ $loop.index }}"}})),
        )
        driver = Driver(graph([trigger(), loop], ("start", "l")))
        for _ in range(4):
            driver.step()

        driver.restart()
        verdict = driver.go()

        assert [request.url[-1] for request in driver.receiver.requests] == ["1", "2", "3", "4"]
        assert [request.headers["Idempotency-Key"] for request in driver.receiver.requests][2] == "exec_1/l.3/a"
        assert verdict is not None
        assert verdict.status is RunStatus.SUCCEEDED

    def test_a_loop_with_waits_resumes_where_it_was_parked(self) -> None:
        loop = Node(
            "l", "loop", config={"while": "$loop.index < 50"}, bodies=body(Node("w", "wait", config={"seconds": 60}))
        )
        driver = Driver(graph([loop]))
        for _ in range(49):
            assert driver.go() is None
            driver.clock.at = driver.execution.wake_at() or START
            driver.resume()
        driver.go()

        assert driver.execution.wake_at() == START + timedelta(minutes=50)
        assert len(driver.execution.take_unrecorded()) <= 50

    def test_a_map_keeps_the_order_of_its_items(self) -> None:
        node = Node(
            "m",
            "map",
            config={"items": "{{ $input.list }}", "concurrency": 3},
            bodies=body(call("a", config={"query": {"q": "{{ $item }}"}}), values("v", v="{{ $item * 2 + $index }}"),
                        edges=(("a", "v"),)),
        )  # fmt: skip
        for seed in range(5):
            driver = Driver(graph([node]), a_run({"list": list(range(20))}), seed=seed)

            verdict = driver.go()

            assert verdict is not None
            assert verdict.output == [{"v": n * 3} for n in range(20)]

    def test_a_map_never_runs_more_items_at_once_than_allowed(self) -> None:
        node = Node("m", "map", config={"items": [1, 2, 3, 4, 5, 6, 7], "concurrency": 2}, bodies=body(call("a")))
        driver = Driver(graph([node]))

        tasks = []
        while (task := driver.execution.next_task()) is not None:
            tasks.append(task)

        assert [task.key for task in tasks] == ["m.0/a", "m.1/a"]

    def test_a_map_resumes_with_the_items_that_are_missing(self) -> None:
        node = Node("m", "map", config={"items": [1, 2, 3, 4], "concurrency": 1}, bodies=body(call("a")))
        driver = Driver(graph([node]))
        driver.step()
        driver.step()

        driver.restart()
        verdict = driver.go()

        assert len(driver.receiver.requests) == 4
        assert verdict is not None
        assert isinstance(verdict.output, list)
        assert len(verdict.output) == 4

    @pytest.mark.parametrize("items", [{"a": 1}, "text", 5, None])
    def test_a_map_over_anything_but_a_list_fails(self, items: object) -> None:
        node = Node("m", "map", config={"items": "{{ $input.list }}"}, bodies=body(Node("x", "noop")))
        verdict = Driver(graph([node]), a_run({"list": items})).go()  # type: ignore[dict-item]

        assert verdict is not None
        assert verdict.failure is not None
        assert "not a list" in verdict.failure.message

    def test_an_empty_map_gives_an_empty_list(self) -> None:
        node = Node("m", "map", config={"items": []}, bodies=body(Node("x", "noop")))
        verdict = Driver(graph([node])).go()

        assert verdict is not None
        assert verdict.output == []

    def test_a_fork_runs_its_branches_together_and_joins_them(self) -> None:
        branches = {"left": graph([call("a")]), "right": graph([call("b"), values("v", v=1)], ("b", "v"))}
        node = Node("f", "fork", bodies=branches)
        driver = Driver(graph([node, values("after", r="{{ $node.f.right.v }}")], ("f", "after")))
        first = {task.key for task in iter(driver.execution.next_task, None)}
        again = Driver(graph([node, values("after", r="{{ $node.f.right.v }}")], ("f", "after")))

        verdict = again.go()

        assert first == {"f.left/a", "f.right/b"}
        assert verdict is not None
        assert verdict.output == {"r": 1}

    def test_a_failure_inside_a_container_that_survives_it_is_the_containers(self) -> None:
        node = Node("m", "map", config={"items": [1, 2, 3]}, on_error=OnError.CONTINUE, bodies=body(Node("x", "fail")))
        driver = Driver(graph([node, values("after", why="{{ $node.m.error.type }}")], ("m", "after")))

        verdict = driver.go()

        assert verdict is not None
        assert verdict.output == {"why": "fail"}

    def test_containers_nest(self) -> None:
        inner = Node("i", "loop", config={"while": "$loop.index < 2"}, bodies=body(call("c")))
        outer = Node("o", "loop", config={"while": "$loop.index < 3"}, bodies=body(inner))
        for crash_after in range(8):
            driver = Driver(graph([outer]))
            for _ in range(crash_after):
                driver.step()
            driver.restart()

            verdict = driver.go()

            keys = [request.headers["Idempotency-Key"] for request in driver.receiver.requests]
            assert keys == [f"exec_1/o.{o}/i.{i}/c" for o in (1, 2, 3) for i in (1, 2)]
            assert verdict is not None
            assert verdict.status is RunStatus.SUCCEEDED

    def test_a_hundred_thousand_rounds_keep_nothing_of_those_behind_them(self) -> None:
        loop = Node(
            "l",
            "loop",
            config={"while": "$loop.index < 100000", "max_iterations": 100000},
            bodies=body(values("n", n="{{ ($prev.n ?? 0) + 1 }}")),
        )
        driver = Driver(graph([loop]))
        driver.concluded = _Last()

        verdict = driver.go()

        assert verdict is not None
        assert verdict.output == {"n": 100000}
        assert len(driver.execution.take_unrecorded()) <= 52


class _Last(list[Outcome]):
    def append(self, outcome: Outcome) -> None:
        self[:] = [outcome]


class TestAnswers:
    def test_a_user_input_waits_for_its_answer(self) -> None:
        nodes = [Node("ask", "user_input"), values("after", said="{{ $node.ask.word }}")]
        driver = Driver(graph(nodes, ("ask", "after")))
        before = driver.go()

        driver.execution.answer("ask", Answer(START + timedelta(seconds=5), {"word": "yes"}))
        verdict = driver.go()

        assert before is None
        assert driver.execution.wake_at() is None
        assert verdict is not None
        assert verdict.output == {"said": "yes"}

    def test_the_first_answer_counts(self) -> None:
        driver = Driver(graph([Node("ask", "user_input")]))
        driver.execution.answer("ask", Answer(START, 1))
        driver.execution.answer("ask", Answer(START, 2))

        verdict = driver.go()

        assert verdict is not None
        assert verdict.output == 1

    def test_an_answer_that_came_before_the_step_was_reached_is_found(self) -> None:
        run = a_run(answers={"ask": Answer(START, {"word": "early"})})
        verdict = Driver(graph([call("a"), Node("ask", "user_input")], ("a", "ask")), run).go()

        assert verdict is not None
        assert verdict.output == {"word": "early"}

    def test_a_user_input_times_out(self) -> None:
        driver = Driver(graph([Node("ask", "user_input", config={"timeout_seconds": 60})]))

        verdict = driver.go_through_waits()

        assert driver.clock.now() == START + timedelta(seconds=60)
        assert verdict.failure == Failure("timeout", "nobody answered in time", "ask")

    def test_a_time_limit_does_not_wake_a_run_that_was_answered(self) -> None:
        nodes = [Node("ask", "user_input", config={"timeout_seconds": 60}), Node("w", "wait", config={"seconds": 600})]
        driver = Driver(graph(nodes, ("ask", "w")))
        driver.go()
        driver.execution.answer("ask", Answer(START + timedelta(seconds=5), "x"))

        driver.go()

        assert driver.execution.wake_at() == START + timedelta(seconds=605)


class TestSurvivingContainers:
    def test_the_other_branches_of_a_fork_that_survived_a_failure_count_no_more(self) -> None:
        branches = {"bad": graph([Node("no", "fail")]), "slow": graph([call("a"), call("b")], ("a", "b"))}
        fork = Node("f", "fork", on_error=OnError.CONTINUE, bodies=branches)
        driver = Driver(graph([fork, values("after", why="{{ $node.f.error.type }}")], ("f", "after")))
        tasks = {task.key: task for task in iter(driver.execution.next_task, None)}

        for key in ("f.bad/no", "f.slow/a"):
            driver.execution.conclude(tasks[key], driver.registry.perform(tasks[key], 30.0))
        verdict = driver.go()

        assert verdict is not None
        assert verdict.output == {"why": "fail"}
        assert [request.url[-1] for request in driver.receiver.requests] == ["a"]

    def test_the_other_items_of_a_map_that_survived_a_failure_count_no_more(self) -> None:
        body = {"body": graph([call("a"), Node("no", "fail")], ("a", "no"))}
        node = Node("m", "map", config={"items": [1, 2, 3]}, on_error=OnError.CONTINUE, bodies=body)
        for seed in range(5):
            driver = Driver(graph([node, values("after", why="{{ $prev.error.type }}")], ("m", "after")), seed=seed)

            verdict = driver.go()

            assert verdict is not None
            assert verdict.output == {"why": "fail"}

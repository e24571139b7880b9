"""Control of runs: pause, resume, cancel, retry, rerun, replay, answers."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime

import pytest

from chalicelib.domain.errors import IllegalTransitionError, InvalidError, RunEndedError, TooLargeError
from chalicelib.domain.graph import Edge, Graph, Node, OnError
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.json import Json
from chalicelib.domain.run import Answer, RunStatus, StepStatus, Touch
from tests.flows.house import OWNER, House, call, chain, ok


def failing_once(house: House, *names: str) -> None:
    """Each named receiver refuses its first call."""
    refused: set[str] = set()

    def respond(request: HttpRequest) -> HttpResponse:
        name = request.url.rsplit("/", 1)[1]
        if name in names and name not in refused:
            refused.add(name)
            return replace(ok(request), status=404)
        return ok(request)

    house.answers(respond)


def called(house: House) -> list[str]:
    return [request.url.rsplit("/", 1)[1] for request in house.sender.requests]


def loop_of(node_id: str, inner: str, **config: Json) -> Node:
    config = {"while": "$loop.index < 2", **config}
    return Node(node_id, "loop", config=config, bodies={"body": Graph((call(inner),))})


class TestPause:
    def test_a_paused_run_starts_nothing_until_it_is_resumed(self) -> None:
        house = House()
        run_id = house.start(chain(call("a"), call("b")))

        house.control.pause(OWNER, run_id)
        house.pass_time(600)
        while_paused = called(house)
        house.control.resume(OWNER, run_id)
        house.work()

        assert while_paused == []
        assert house.run(run_id).status is RunStatus.SUCCEEDED

    def test_a_step_under_way_when_the_run_is_paused_finishes_and_is_kept(self) -> None:
        house = House()
        run_id = house.start(chain(call("a"), call("b")))

        def pause_meanwhile(request: HttpRequest) -> HttpResponse:
            if request.url.endswith("/a"):
                house.control.pause(OWNER, run_id)
                house.clock.advance(3)
            return ok(request)

        house.answers(pause_meanwhile)
        house.work()
        paused = house.run(run_id)
        house.answers(ok)
        house.control.resume(OWNER, run_id)
        house.work()

        assert paused.status is RunStatus.PAUSED
        assert called(house) == ["a", "b"]
        assert house.run(run_id).status is RunStatus.SUCCEEDED

    def test_pausing_twice_is_pausing_once(self) -> None:
        house = House()
        run_id = house.start(chain(call("a")))

        first = house.control.pause(OWNER, run_id)
        second = house.control.pause(OWNER, run_id)

        assert (first.status, second.status) == (RunStatus.PAUSED, RunStatus.PAUSED)

    def test_only_a_paused_run_can_be_resumed(self) -> None:
        house = House()
        run_id = house.start(chain(call("a")))

        with pytest.raises(IllegalTransitionError):
            house.control.resume(OWNER, run_id)
        house.work()
        with pytest.raises(RunEndedError):
            house.control.resume(OWNER, run_id)

    def test_a_paused_run_can_be_cancelled(self) -> None:
        house = House()
        run_id = house.start(chain(call("a")))
        house.control.pause(OWNER, run_id)

        house.service.cancel(OWNER, run_id)

        assert house.run(run_id).status is RunStatus.CANCELLED


class TestRetry:
    def test_a_retry_goes_on_from_the_failed_step_under_the_same_id_and_key(self) -> None:
        house = House()
        failing_once(house, "b")
        run_id = house.start(chain(call("a"), call("b"), call("c")))
        house.work()
        failed = house.run(run_id)

        house.control.retry(OWNER, run_id)
        house.work()

        run = house.run(run_id)
        keys = [request.headers["Idempotency-Key"] for request in house.sender.requests]
        assert failed.status is RunStatus.FAILED
        assert called(house) == ["a", "b", "b", "c"]
        assert keys[1] == keys[2]
        assert (run.status, run.failure) == (RunStatus.SUCCEEDED, None)
        (again,) = [o for o in house.runs.history(run_id).outcomes if o.key == "b" and o.generation == 1]
        assert again.attempt == 2

    def test_every_failed_branch_is_retried(self) -> None:
        house = House()
        failing_once(house, "a", "b")
        run_id = house.start(Graph((call("a"), call("b"))))
        house.work()

        house.control.retry(OWNER, run_id)
        house.work()

        assert Counter(called(house)) == {"a": 2, "b": 2}
        assert house.run(run_id).status is RunStatus.SUCCEEDED

    def test_a_failed_step_that_did_not_fail_its_run_is_left_alone(self) -> None:
        house = House()
        failing_once(house, "a", "b")
        run_id = house.start(chain(call("a", on_error=OnError.CONTINUE), call("b")))
        house.work()

        house.control.retry(OWNER, run_id)
        house.work()

        assert called(house) == ["a", "b", "b"]

    def test_a_cancelled_run_can_be_taken_up_again(self) -> None:
        house = House()
        run_id = house.start(chain(call("a"), Node("w", "wait", config={"seconds": 60}), call("b")))
        house.work()
        house.service.cancel(OWNER, run_id)

        house.control.retry(OWNER, run_id)
        house.pass_time(120)

        assert called(house) == ["a", "b"]
        assert house.run(run_id).status is RunStatus.SUCCEEDED

    def test_a_run_that_timed_out_gets_its_time_again(self) -> None:
        house = House()
        graph = replace(chain(Node("w", "wait", config={"seconds": 90}), call("b")), timeout_seconds=60)
        run_id = house.start(graph)
        house.work()
        house.pass_time(61)
        timed_out = house.run(run_id)

        house.control.retry(OWNER, run_id)
        house.pass_time(60)

        assert timed_out.status is RunStatus.TIMED_OUT
        assert house.run(run_id).status is RunStatus.SUCCEEDED

    def test_a_failed_step_in_a_container_that_survived_it_is_left_alone(self) -> None:
        house = House()
        failing_once(house, "a", "b")
        fork = Node("f", "fork", on_error=OnError.CONTINUE, bodies={"one": Graph((call("a"),))})
        run_id = house.start(chain(fork, call("b")))
        house.work()

        house.control.retry(OWNER, run_id)
        house.work()

        assert called(house) == ["a", "b", "b"]
        assert set(house.run(run_id).resets) == {"b"}

    @pytest.mark.parametrize("first", ["lenient", "strict"])
    def test_a_step_is_judged_by_the_body_it_stands_in_and_not_by_another_of_its_id(self, first: str) -> None:
        house = House()
        failing_once(house, "x")
        lenient = Node("l", "fork", bodies={"one": Graph((Node("x", "noop", on_error=OnError.CONTINUE),))})
        strict = Node("s", "fork", bodies={"a.b": Graph((call("x"),))})
        run_id = house.start(chain(*((lenient, strict) if first == "lenient" else (strict, lenient))))
        house.work()

        house.control.retry(OWNER, run_id)
        house.work()

        assert called(house) == ["x", "x"]
        assert house.run(run_id).status is RunStatus.SUCCEEDED

    def test_a_loop_that_only_shares_its_id_with_one_that_collects_keeps_its_rounds(self) -> None:
        house = House()
        collecting = {"while": "$loop.index < 2", "collect": "$loop.index"}
        outer = Node("f", "fork", bodies={"one": Graph((loop_of("l", "y", **collecting),))})
        run_id = house.start(chain(outer, Node("g", "fork", bodies={"two": Graph((loop_of("l", "a"),))})))
        seen: list[str] = []

        def respond(request: HttpRequest) -> HttpResponse:
            seen.append(request.headers["Idempotency-Key"].split("/", 1)[1])
            return replace(ok(request), status=404) if seen.count("g.two/l.2/a") == 1 else ok(request)

        house.answers(respond)
        house.work()
        house.control.retry(OWNER, run_id)
        house.work()

        assert [key for key in seen if key.startswith("g")] == ["g.two/l.1/a", "g.two/l.2/a", "g.two/l.2/a"]
        assert house.run(run_id).status is RunStatus.SUCCEEDED

    def test_a_failed_round_of_a_loop_is_retried_and_those_before_are_kept(self) -> None:
        house = House()
        seen: list[str] = []

        def respond(request: HttpRequest) -> HttpResponse:
            seen.append(request.headers["Idempotency-Key"].split("/", 1)[1])
            return replace(ok(request), status=404) if seen == ["l.1/a", "l.2/a", "l.3/a"] else ok(request)

        house.answers(respond)
        loop = Node("l", "loop", config={"while": "$loop.index < 4"}, bodies={"body": Graph((call("a"),))})
        run_id = house.start(Graph((loop,)))
        house.work()

        house.control.retry(OWNER, run_id)
        house.work()

        assert seen == ["l.1/a", "l.2/a", "l.3/a", "l.3/a", "l.4/a"]
        assert house.run(run_id).status is RunStatus.SUCCEEDED

    @pytest.mark.parametrize("when", ["queued", "paused", "succeeded"])
    def test_a_run_that_is_live_or_succeeded_cannot_be_retried(self, when: str) -> None:
        house = House()
        run_id = house.start(chain(call("a")))
        if when == "paused":
            house.control.pause(OWNER, run_id)
        if when == "succeeded":
            house.work()

        with pytest.raises(IllegalTransitionError):
            house.control.retry(OWNER, run_id)


class TestRerun:
    def test_a_rerun_does_the_node_and_what_follows_again_with_new_keys(self) -> None:
        house = House()
        run_id = house.start(chain(call("a"), call("b"), call("c")))
        house.work()

        house.control.rerun(OWNER, run_id, "b")
        house.work()

        keys = [request.headers["Idempotency-Key"] for request in house.sender.requests]
        assert called(house) == ["a", "b", "c", "b", "c"]
        assert keys[3:] == [f"{run_id}/b/r1", f"{run_id}/c/r1"]
        assert house.run(run_id).status is RunStatus.SUCCEEDED

    def test_a_branch_beside_the_node_is_kept(self) -> None:
        house = House()
        edges = (Edge("s", "a"), Edge("s", "b"), Edge("a", "j"), Edge("b", "j"))
        run_id = house.start(Graph((Node("s", "trigger"), call("a"), call("b"), call("j")), edges))
        house.work()

        house.control.rerun(OWNER, run_id, "a")
        house.work()

        assert Counter(called(house)) == {"a": 2, "b": 1, "j": 2}

    def test_a_retry_after_a_rerun_repeats_the_reruns_key(self) -> None:
        house = House()
        run_id = house.start(chain(call("a"), call("b")))
        house.work()
        failing_once(house, "b")
        house.control.rerun(OWNER, run_id, "b")
        house.work()

        house.control.retry(OWNER, run_id)
        house.work()

        keys = [request.headers["Idempotency-Key"] for request in house.sender.requests]
        assert keys[2:] == [f"{run_id}/b/r1", f"{run_id}/b/r1"]
        assert house.run(run_id).status is RunStatus.SUCCEEDED

    def test_an_unknown_node_and_a_live_run_are_refused(self) -> None:
        house = House()
        run_id = house.start(chain(call("a")))

        with pytest.raises(IllegalTransitionError):
            house.control.rerun(OWNER, run_id, "a")
        house.work()
        with pytest.raises(InvalidError):
            house.control.rerun(OWNER, run_id, "zzz")


class TestReplay:
    def test_a_replay_is_a_new_run_with_the_same_input(self) -> None:
        house = House()
        run_id = house.start(chain(call("a")), {"n": 1})
        house.work()

        again = house.control.replay(OWNER, run_id)
        house.work()

        assert again.id != run_id
        assert house.run(again.id).input == {"n": 1}
        assert house.run(again.id).status is RunStatus.SUCCEEDED


class TestAnswers:
    ASK = Node("ask", "user_input", config={"form": {"type": "object", "required": ["ok"]}})

    def test_an_answer_lets_the_run_go_on(self) -> None:
        house = House()
        run_id = house.start(chain(self.ASK, Node("v", "transform", config={"values": {"said": "{{ $prev.ok }}"}})))
        house.work()
        waiting = house.run(run_id)

        house.control.answer(OWNER, run_id, "ask", {"ok": True})
        house.work()

        assert waiting.status is RunStatus.WAITING
        assert house.run(run_id).output == {"said": True}

    def test_an_answer_that_the_form_refuses_changes_nothing(self) -> None:
        house = House()
        run_id = house.start(chain(self.ASK))
        house.work()

        with pytest.raises(InvalidError):
            house.control.answer(OWNER, run_id, "ask", {})

        assert house.run(run_id).status is RunStatus.WAITING

    def test_a_second_answer_is_refused(self) -> None:
        house = House()
        run_id = house.start(chain(self.ASK))
        house.work()
        house.control.answer(OWNER, run_id, "ask", {"ok": 1})

        with pytest.raises(IllegalTransitionError):
            house.control.answer(OWNER, run_id, "ask", {"ok": 2})
        house.work()

        assert house.run(run_id).output == {"ok": 1}

    def test_an_answer_whose_hint_is_lost_is_found_by_the_tick(self) -> None:
        house = House()
        run_id = house.start(chain(self.ASK))
        house.work()
        house.control.answer(OWNER, run_id, "ask", {"ok": 1})
        house.queue.hints.clear()

        house.pass_time(90)

        assert house.run(run_id).status is RunStatus.SUCCEEDED

    def test_an_answer_that_comes_while_a_worker_holds_the_run_is_not_overlooked(self) -> None:
        house = House()
        run_id = house.start(Graph((self.ASK, call("slow"))))

        def answer_meanwhile(request: HttpRequest) -> HttpResponse:
            house.control.answer(OWNER, run_id, "ask", {"ok": 1})
            house.queue.hints.clear()
            return ok(request)

        house.answers(answer_meanwhile)
        house.work()

        assert house.run(run_id).status is RunStatus.SUCCEEDED

    def test_what_does_not_wait_cannot_be_answered(self) -> None:
        house = House()
        run_id = house.start(chain(call("a"), self.ASK))

        with pytest.raises(IllegalTransitionError):
            house.control.answer(OWNER, run_id, "a", {"ok": 1})
        house.service.cancel(OWNER, run_id)
        with pytest.raises(RunEndedError):
            house.control.answer(OWNER, run_id, "ask", {"ok": 1})

    def test_that_nobody_answered_in_time_is_stored_before_anything_follows(self) -> None:
        house = House()
        ask = Node("ask", "user_input", config={"timeout_seconds": 60}, on_error=OnError.CONTINUE)
        run_id = house.start(chain(ask, call("after")))
        house.work()
        house.clock.advance(61)
        known: list[bool] = []

        def respond(request: HttpRequest) -> HttpResponse:
            known.append("ask" in house.run(run_id).answers)
            return ok(request)

        house.answers(respond)
        house.work()

        assert known == [True]
        assert house.run(run_id).status is RunStatus.SUCCEEDED

    def test_a_run_with_no_room_for_one_more_answer_ends_instead_of_failing_in_every_hold(self) -> None:
        house = House()
        run_id = house.start(chain(Node("ask", "user_input", config={"timeout_seconds": 60}), call("after")))
        house.work()
        house.clock.advance(61)

        def refuse(run_id: str, slot: str, answer: Answer, due_at: datetime, touch: Touch | None = None) -> bool:
            raise TooLargeError("The run has too many answers.", run_id=run_id)

        house.runs.signal = refuse  # type: ignore[method-assign]
        house.work()

        run = house.run(run_id)
        assert (run.status, run.failure and run.failure.type) == (RunStatus.FAILED, "too_large")
        assert called(house) == []

    def test_an_answer_that_came_before_the_limit_was_noticed_counts(self) -> None:
        house = House()
        run_id = house.start(chain(Node("ask", "user_input", config={"timeout_seconds": 60})))
        house.work()
        house.clock.advance(61)
        house.control.answer(OWNER, run_id, "ask", {"late": True})
        house.work()

        assert house.run(run_id).output == {"late": True}

    def test_a_waiting_step_is_shown(self) -> None:
        house = House()
        run_id = house.start(chain(call("a"), self.ASK))
        house.work()

        view = house.service.get(OWNER, run_id)

        assert [(step.node_id, step.status) for step in view.steps] == [
            ("a", StepStatus.SUCCEEDED),
            ("ask", StepStatus.WAITING),
        ]

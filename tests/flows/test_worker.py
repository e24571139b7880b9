"""A worker over in-memory stores: what it writes, when it lets go, and what a second worker finds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.graph import Edge, Graph, Node, RetryPolicy
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.json import Json
from chalicelib.domain.run import Outcome, RunStatus, StepStatus
from chalicelib.services.runs.worker import WorkerSettings
from tests.fakes import START
from tests.flows.house import OWNER, House, ok


def calls(count: int, **members: object) -> Graph:
    nodes = [Node("start", "trigger")]
    for number in range(count):
        config: Json = {"url": f"http://receiver.example/{number}"}
        nodes.append(Node(f"call{number}", "http_request", config=config, **members))  # type: ignore[arg-type]
    edges = tuple(Edge(one.id, other.id) for one, other in pairwise(nodes))
    return Graph(tuple(nodes), edges)


def test_a_run_is_finished_in_one_hold() -> None:
    house = House()
    run_id = house.start(calls(3))

    hints = house.work()

    run = house.run(run_id)
    assert hints == 1
    assert run.status is RunStatus.SUCCEEDED
    assert run.due_at is None
    assert run.lease_expires_at is None
    assert len(house.sender.requests) == 3


def test_a_second_hint_changes_nothing() -> None:
    house = House()
    run_id = house.start(calls(1))
    house.work()
    ended = house.run(run_id)

    house.worker.advance(run_id, house.clock.now() + timedelta(seconds=300))

    assert house.run(run_id) == ended
    assert len(house.sender.requests) == 1


def test_a_hint_for_a_run_that_does_not_exist_is_no_error() -> None:
    House().worker.advance("exec_none", START)


def test_a_wait_parks_the_run_and_a_delayed_hint_wakes_it() -> None:
    house = House()
    graph = Graph((Node("w", "wait", config={"seconds": 300}), Node("end", "noop")), (Edge("w", "end"),))
    run_id = house.start(graph)

    house.work()
    parked = house.run(run_id)
    house.clock.advance(299)
    early = house.work()
    house.clock.advance(1)
    house.work()

    assert parked.status is RunStatus.WAITING
    assert parked.lease_expires_at is None
    assert early == 0
    assert house.run(run_id).status is RunStatus.SUCCEEDED


def test_a_long_wait_is_found_by_the_tick_and_ends_to_the_second() -> None:
    house = House()
    run_id = house.start(Graph((Node("w", "wait", config={"seconds": 3600}),)))
    house.work()
    house.queue.hints.clear()

    house.clock.advance(3570)
    house.tick.run()
    (hint,) = house.queue.hints
    house.clock.advance(30)
    house.work()

    assert hint.delay_seconds == 30
    assert house.run(run_id).status is RunStatus.SUCCEEDED


def test_a_lost_first_hint_is_found_by_the_tick() -> None:
    house = House()
    run_id = house.start(calls(1))
    house.queue.hints.clear()

    house.clock.advance(61)
    house.tick.run()
    house.work()

    assert house.run(run_id).status is RunStatus.SUCCEEDED


def test_the_tick_leaves_a_run_alone_whose_lease_lasts() -> None:
    house = House()
    run_id = house.start(calls(1))
    house.queue.hints.clear()
    house.runs.claim(run_id, now=house.clock.now(), lease_expires_at=house.clock.now() + timedelta(seconds=60))

    house.clock.advance(30)
    house.tick.run()

    assert house.queue.hints == []


def test_the_run_of_a_dead_worker_is_taken_over_when_its_lease_ends() -> None:
    house = House()
    run_id = house.start(calls(2))
    house.queue.hints.clear()
    house.runs.claim(run_id, now=house.clock.now(), lease_expires_at=house.clock.now() + timedelta(seconds=60))

    house.clock.advance(61)
    house.tick.run()
    house.work()

    assert house.run(run_id).status is RunStatus.SUCCEEDED
    assert house.run(run_id).fence == 2


def test_near_the_end_of_its_function_a_run_is_handed_over() -> None:
    house = House()
    run_id = house.start(calls(4))

    def slow(request: HttpRequest) -> HttpResponse:
        house.clock.advance(10)
        return ok(request)

    house.sender.respond = slow
    holds = house.work(seconds=25)

    run = house.run(run_id)
    assert run.status is RunStatus.SUCCEEDED
    assert holds == 2
    assert run.hops == 2
    assert len(house.sender.requests) == 4


def test_a_run_that_had_its_share_lets_others_go_first() -> None:
    house = House(WorkerSettings(slice_steps=2))
    run_id = house.start(calls(5))

    holds = house.work()

    assert holds == 3
    assert house.run(run_id).status is RunStatus.SUCCEEDED


def test_a_run_that_is_handed_over_too_often_fails_with_a_clear_reason() -> None:
    house = House(WorkerSettings(slice_steps=1, max_hops=3))
    run_id = house.start(calls(10))

    house.work()

    failure = house.run(run_id).failure
    assert failure is not None
    assert failure.type == "hop_budget"


def test_a_run_that_is_refused_keeps_what_it_had_done() -> None:
    house = House(WorkerSettings(max_hops=1))
    run_id = house.start(
        Graph((Node("start", "trigger"), Node("w", "wait", config={"seconds": 60})), (Edge("start", "w"),))
    )
    house.work()
    house.clock.advance(60)

    house.work()

    assert house.run(run_id).status is RunStatus.FAILED
    assert [step.node_id for step in house.service.get(OWNER, run_id).steps] == ["start"]


def test_a_run_that_kills_its_workers_fails_with_a_clear_reason() -> None:
    house = House()
    run_id = house.start(calls(1))
    for _ in range(house.settings.max_stalls):
        now = house.clock.now()
        house.runs.claim(run_id, now=now, lease_expires_at=now + timedelta(seconds=1))
        house.clock.advance(2)

    house.work()

    failure = house.run(run_id).failure
    assert failure is not None
    assert failure.type == "stalled"


def test_a_cancelled_run_stops_before_its_next_effect_and_keeps_the_step_under_way() -> None:
    house = House()
    run_id = house.start(calls(3))

    def cancel_meanwhile(request: HttpRequest) -> HttpResponse:
        if request.url.endswith("/0"):
            house.runs.end(run_id, status=RunStatus.CANCELLED, at=house.clock.now())
            house.clock.advance(3)
        return ok(request)

    house.sender.respond = cancel_meanwhile
    house.work()

    assert house.run(run_id).status is RunStatus.CANCELLED
    assert [request.url[-1] for request in house.sender.requests] == ["0"]
    assert [outcome.key for outcome in house.runs.history(run_id).outcomes] == ["start", "call0"]


def test_a_run_past_its_limit_times_out() -> None:
    house = House()
    run_id = house.start(Graph((Node("w", "wait", config={"seconds": 600}),), timeout_seconds=60))
    house.work()

    house.clock.advance(60)
    house.work()

    assert house.run(run_id).status is RunStatus.TIMED_OUT


def test_a_record_that_does_not_go_through_is_tried_again_and_the_effect_is_not() -> None:
    house = House()
    run_id = house.start(calls(1))
    record, failures = house.runs.record, iter([UnavailableError(), UnavailableError()])

    def flaky(*arguments: object) -> object:
        for failure in failures:
            raise failure
        return record(*arguments)  # type: ignore[arg-type]

    house.runs.record = flaky  # type: ignore[assignment,method-assign]
    house.work()

    assert house.run(run_id).status is RunStatus.SUCCEEDED
    assert len(house.sender.requests) == 1


def test_an_outcome_recorded_by_somebody_else_first_is_the_one_that_counts() -> None:
    house = House()
    graph = Graph(
        (
            Node("call", "http_request", config={"url": "http://receiver.example/"}),
            Node("say", "transform", config={"values": {"ok": "{{ $node.call.body }}"}}),
        ),
        (Edge("call", "say"),),
    )
    run_id = house.start(graph)

    def overtaken(request: HttpRequest) -> HttpResponse:
        task = replace(ours(house, run_id), output={"status": 200, "headers": {}, "body": "theirs"})
        house.runs.record(run_id, task)
        return ok(request)

    house.sender.respond = overtaken
    house.work()

    assert house.run(run_id).output == {"ok": "theirs"}


def ours(house: House, run_id: str) -> Outcome:
    now = house.clock.now()
    return Outcome("call", "call", StepStatus.SUCCEEDED, 1, now, now)


def test_an_at_most_once_step_whose_outcome_was_lost_ends_unknown() -> None:
    house = House()
    run_id = house.start(calls(1, at_most_once=True))
    house.runs.record_intent(run_id, "call0", 0)
    house.runs.claim(run_id, now=house.clock.now(), lease_expires_at=house.clock.now())

    house.work()

    run = house.run(run_id)
    assert house.sender.requests == []
    assert run.status is RunStatus.FAILED
    assert run.failure is not None
    assert run.failure.type == "unknown"
    assert house.runs.history(run_id).outcomes[0].status is StepStatus.UNKNOWN


def test_a_long_retry_pause_parks_the_run() -> None:
    house = House()
    answers = iter([503, 200])
    house.sender.respond = lambda request: replace(ok(request), status=next(answers))
    run_id = house.start(calls(1, retry=RetryPolicy(max_attempts=2, delay_seconds=60, jitter=0)))

    house.work()
    parked = house.run(run_id)
    house.clock.advance(60)
    house.work()

    assert parked.status is RunStatus.WAITING
    assert house.run(run_id).status is RunStatus.SUCCEEDED
    assert [attempt.attempt for attempt in house.runs.history(run_id).attempts] == [1]


def test_a_short_retry_pause_is_waited_for() -> None:
    house = House()
    answers = iter([503, 200])
    house.sender.respond = lambda request: replace(ok(request), status=next(answers))
    run_id = house.start(calls(1, retry=RetryPolicy(max_attempts=2, delay_seconds=0.5, jitter=0)))

    house.work()

    assert house.run(run_id).hops == 1
    assert house.run(run_id).status is RunStatus.SUCCEEDED


def test_parallel_branches_are_recorded_each_by_itself_and_joined() -> None:
    house = House()
    nodes = (
        Node("start", "trigger"),
        *(Node(f"b{n}", "http_request", config={"url": f"http://receiver.example/{n}"}) for n in range(5)),
        Node("join", "transform", config={"values": {"n": "{{ length($prev) }}"}}),
    )
    edges = tuple(edge for n in range(5) for edge in (Edge("start", f"b{n}"), Edge(f"b{n}", "join")))
    run_id = house.start(Graph(nodes, edges))

    house.work()

    assert house.run(run_id).output == {"n": 5}


def test_a_lost_definition_fails_the_run_and_says_so() -> None:
    house = House()
    run_id = house.start(calls(1))
    house.workflows._bodies.clear()

    house.work()

    failure = house.run(run_id).failure
    assert failure is not None
    assert failure.type == "definition"


def test_while_a_step_takes_long_the_lease_is_kept_alive() -> None:
    house = House()
    graph = calls(1, timeout_seconds=200)
    run_id = house.start(graph)
    leases: list[datetime | None] = []

    def slow(request: HttpRequest) -> HttpResponse:
        leases.append(house.run(run_id).lease_expires_at)
        return ok(request)

    house.sender.respond = slow
    house.work()

    assert house.run(run_id).status is RunStatus.SUCCEEDED
    assert leases[0] is not None


@pytest.mark.parametrize("effects", [0, 1, 2, 5])
def test_the_history_shows_every_step_in_order(effects: int) -> None:
    house = House()
    run_id = house.start(calls(effects))
    house.work()

    view = house.service.get(OWNER, run_id)

    assert [step.node_id for step in view.steps] == ["start", *(f"call{n}" for n in range(effects))]
    assert all(step.status is StepStatus.SUCCEEDED for step in view.steps)

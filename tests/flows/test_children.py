"""Runs that wait for runs: sub-workflows, and maps that are spread over child runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from chalicelib.domain.graph import Edge, Graph, Node, OnError
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.json import Json
from chalicelib.domain.listing import RunFilter
from chalicelib.domain.run import RunStatus, Start
from chalicelib.domain.times import iso_ms
from tests.flows.house import OWNER, WORKSPACE, House, call, chain, ok


def sub(workflow_id: str = "wf_child", **config: object) -> Node:
    return Node("sub", "sub_workflow", config={"workflow_id": workflow_id, **config})  # type: ignore[dict-item]


class TestSubWorkflow:
    def test_the_parent_waits_for_the_child_and_gets_its_output(self) -> None:
        house = House()
        child = Graph((Node("v", "transform", config={"values": {"double": "{{ $input.n * 2 }}"}}),))
        house.save(child, "wf_child")
        run_id = house.start(chain(sub(input={"n": "{{ $input.n }}"}), call("after")), {"n": 21})

        house.work()

        steps = {step.node_id: step for step in house.service.get(OWNER, run_id).steps}
        assert house.run(run_id).status is RunStatus.SUCCEEDED
        assert steps["sub"].output == {"double": 42}

    def test_a_failing_child_fails_its_parents_step(self) -> None:
        house = House()
        house.save(chain(Node("no", "fail", config={"message": "because"})), "wf_child")
        run_id = house.start(chain(sub()))

        house.work()

        failure = house.run(run_id).failure
        assert failure is not None
        assert (failure.type, failure.node_id) == ("sub_workflow", "sub")
        assert "because" in failure.message

    def test_a_child_of_a_workflow_that_does_not_exist_is_a_clear_failure(self) -> None:
        house = House()
        run_id = house.start(chain(sub("wf_gone")))

        house.work()

        failure = house.run(run_id).failure
        assert failure is not None
        assert failure.type == "workflow_not_found"

    def test_cancelling_the_parent_cancels_the_child_and_its_child(self) -> None:
        house = House()
        house.save(chain(Node("w", "wait", config={"seconds": 3600})), "wf_grandchild")
        house.save(chain(sub("wf_grandchild")), "wf_child")
        run_id = house.start(chain(sub()))
        house.work()

        house.service.cancel(OWNER, run_id)
        house.pass_time(180)

        runs = house.runs.page(WORKSPACE, RunFilter(), offset=0, limit=10)
        assert runs.total == 3
        assert {summary.status for summary in runs.items} == {RunStatus.CANCELLED}

    def test_runs_that_call_themselves_end_at_the_depth_limit(self) -> None:
        house = House()
        run_id = house.start(chain(sub("wf_1")))

        house.work()

        failure = house.run(run_id).failure
        assert failure is not None
        assert "deep" in failure.message

    def test_news_that_were_not_told_because_of_a_crash_are_told_later(self) -> None:
        house = House()
        house.save(chain(call("a")), "wf_child")
        run_id = house.start(chain(sub()))
        signal = house.runs.signal
        deaths = iter([True])

        def die_once(*arguments: object) -> bool:
            if next(deaths, False):
                raise KeyboardInterrupt
            return signal(*arguments)  # type: ignore[arg-type]

        house.runs.signal = die_once  # type: ignore[assignment, method-assign]
        try:
            house.work()
        except KeyboardInterrupt:
            house.queue.hints.clear()
        house.pass_time(300)

        assert house.run(run_id).status is RunStatus.SUCCEEDED

    def test_a_retry_starts_the_child_anew_with_the_keys_of_the_first(self) -> None:
        house = House()
        house.save(chain(call("a"), call("b")), "wf_child")
        run_id = house.start(chain(sub()))
        house.answers(lambda request: replace(ok(request), status=404 if request.url.endswith("b") else 200))
        house.work()
        house.answers(ok)

        house.control.retry(OWNER, run_id)
        house.work()

        keys = [request.headers["Idempotency-Key"] for request in house.sender.requests]
        assert house.run(run_id).status is RunStatus.SUCCEEDED
        assert keys == [f"{run_id}/sub/a", f"{run_id}/sub/b", f"{run_id}/sub/a", f"{run_id}/sub/b"]


class TestTakingUp:
    def test_a_child_that_was_cancelled_with_its_parent_goes_on_when_the_parent_is_retried(self) -> None:
        house = House()
        child = chain(call("a"), Node("w", "wait", config={"seconds": 3600}), call("b"))
        house.save(child, "wf_child")
        run_id = house.start(chain(sub()))
        house.work()
        house.service.cancel(OWNER, run_id)
        house.pass_time(120)

        house.control.retry(OWNER, run_id)
        house.pass_time(3700)

        assert house.run(run_id).status is RunStatus.SUCCEEDED
        assert [request.url[-1] for request in house.sender.requests] == ["a", "b"]

    def test_a_child_that_is_taken_up_before_its_cancelling_was_told_tells_both_ends(self) -> None:
        house = House()
        house.save(chain(call("a")), "wf_child")
        run_id = house.start(chain(sub()))
        until = house.clock.now() + timedelta(seconds=300)
        house.worker.advance(run_id, until)
        house.service.cancel(OWNER, run_id)
        house.worker.advance(run_id, until)
        house.control.retry(OWNER, run_id)

        house.worker.advance(run_id, until)
        house.pass_time(120)

        told = [event.emission.payload for event in house.events_of("wf_child")]
        assert house.run(run_id).status is RunStatus.SUCCEEDED
        assert [each["type"] for each in told if isinstance(each, dict)] == ["run.cancelled", "run.succeeded"]

    def test_a_child_that_ended_while_its_parent_was_not_live_is_heard_after_a_retry(self) -> None:
        house = House()
        house.save(chain(call("a")), "wf_child")
        run_id = house.start(chain(sub()))
        hint = house.queue.receive()
        assert hint is not None
        house.worker.advance(run_id, house.clock.now() + timedelta(seconds=300))
        house.runs.end(run_id, status=RunStatus.CANCELLED, at=house.clock.now())
        house.work()

        house.control.retry(OWNER, run_id)
        house.work()

        assert house.run(run_id).status is RunStatus.SUCCEEDED


def spread(body: Graph) -> Graph:
    config: dict[str, Json] = {"items": "{{ range(0, $input.count) }}", "concurrency": 50}
    node = Node("m", "map", config=config, bodies={"body": body})
    after = Node("after", "transform", config={"values": {"n": "{{ length($node.m) }}", "last": "{{ last($node.m) }}"}})
    outer = Node("outer", "transform", config={"values": {"ten": 10}})
    return Graph((outer, node, after), (Edge("outer", "m"), Edge("m", "after")))


BODY = Graph(
    (
        call("a"),
        Node("v", "transform", config={"values": {"v": "{{ $index * $node.outer.ten + $item + $input.count }}"}}),
    ),
    (Edge("a", "v"),),
)


class TestSpreadMap:
    def test_many_items_are_done_by_child_runs_and_come_back_in_order(self) -> None:
        house = House()
        run_id = house.start(spread(BODY), {"count": 450})

        house.work()
        house.pass_time(120)

        run = house.run(run_id)
        assert run.status is RunStatus.SUCCEEDED
        assert run.output == {"n": 450, "last": {"v": 449 * 11 + 450}}
        assert len(house.sender.requests) == 450
        assert len(run.children) == 5
        (gathered,) = [o for o in house.runs.history(run_id).outcomes if o.key == "m"]
        assert gathered.output == [{"v": n * 11 + 450} for n in range(450)]

    def test_a_failed_part_is_retried_and_the_others_are_kept(self) -> None:
        house = House()
        run_id = house.start(spread(BODY), {"count": 250})
        seen: list[str] = []

        def refuse_one(request: HttpRequest) -> HttpResponse:
            seen.append(request.headers["Idempotency-Key"])
            return replace(ok(request), status=404) if len(seen) == 120 else ok(request)

        house.answers(refuse_one)
        house.work()
        house.pass_time(120)
        failed = house.run(run_id)
        house.answers(ok)
        before = len(house.sender.requests)
        house.control.retry(OWNER, run_id)
        house.work()
        house.pass_time(300)

        run = house.run(run_id)
        again = [request.headers["Idempotency-Key"] for request in house.sender.requests[before:]]
        assert failed.status is RunStatus.FAILED
        assert run.status is RunStatus.SUCCEEDED
        assert run.output == {"n": 250, "last": {"v": 249 * 11 + 250}}
        assert set(again) & set(seen), "repeated effects carry the keys of the first"
        assert len({*again, *seen}) == 250

    def test_a_part_that_fails_in_a_map_that_survives_failures_is_the_maps_error(self) -> None:
        house = House()
        body = {"body": Graph((Node("no", "fail"),))}
        node = Node("m", "map", config={"items": "{{ range(0, 250) }}"}, on_error=OnError.CONTINUE, bodies=body)
        run_id = house.start(
            chain(node, Node("after", "transform", config={"values": {"e": "{{ $prev.error.type }}"}}))
        )

        house.work()
        house.pass_time(120)

        assert house.run(run_id).output == {"e": "sub_workflow"}

    def test_what_was_gathered_is_no_older_than_its_parts_by_whichever_clock(self) -> None:
        """A replay finds the gathered outputs alone, and has to come to the same time by them."""
        house = House()
        begun_at = house.clock.now()
        run_id = house.start(spread(Graph((Node("n", "noop"),))), {"count": 250})

        while (hint := house.queue.receive()) is not None:
            is_behind = hint.run_id == run_id
            house.clock.at = begun_at if is_behind else begun_at + timedelta(minutes=5)
            house.worker.advance(hint.run_id, house.clock.now() + timedelta(minutes=5))
            house.clock.at = begun_at + timedelta(minutes=5)

        (gathered,) = [o for o in house.runs.history(run_id).outcomes if o.key == "m"]
        assert house.run(run_id).status is RunStatus.SUCCEEDED
        assert gathered.finished_at == max(answer.at for answer in house.run(run_id).answers.values())

    def test_parts_of_a_run_that_goes_on_alone_do_not_wait_for_it(self) -> None:
        house = House()
        workflow = house.save(spread(Graph((Node("n", "noop"),))))
        run_id = house.service.start(workflow, {"count": 250}, start=Start(exclusive="sch_1")).id

        house.work()
        house.pass_time(120)

        assert house.run(run_id).status is RunStatus.SUCCEEDED

    def test_items_of_a_part_begin_when_the_map_does(self) -> None:
        house = House()
        config: dict[str, Json] = {"items": "{{ range(0, 250) }}"}
        body = Graph((Node("v", "transform", config={"values": {"at": "{{ now() }}"}}),))
        nodes = Node("w", "wait", config={"seconds": 50}), Node("m", "map", config=config, bodies={"body": body})
        began_at = house.clock.now()
        run_id = house.start(chain(*nodes))

        house.work()
        house.pass_time(180)

        run = house.run(run_id)
        assert run.status is RunStatus.SUCCEEDED
        assert isinstance(run.output, list)
        assert {each["at"] for each in run.output if isinstance(each, dict)} == {
            iso_ms(began_at + timedelta(seconds=50))
        }

    def test_cancelling_the_run_cancels_its_parts(self) -> None:
        house = House()
        body = Graph((Node("w", "wait", config={"seconds": 3600}),))
        run_id = house.start(spread(body), {"count": 250})
        house.work()

        house.service.cancel(OWNER, run_id)
        house.pass_time(180)

        assert {house.run(child).status for child in house.run(run_id).children} == {RunStatus.CANCELLED}

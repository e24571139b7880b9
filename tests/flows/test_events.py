"""Events: what workflows emit, what they say of themselves when a run ends, and who hears of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.deliveries import Delivery, DeliveryStatus
from chalicelib.domain.endpoints import EndpointStatus
from chalicelib.domain.errors import ForbiddenError, NotFoundError, UnavailableError, WorkflowNotFoundError
from chalicelib.domain.events import ERRORS, MAX_HOPS, Cause, EmitterKind, Event, EventId, EventQuery
from chalicelib.domain.graph import Edge, Graph, Node, RetryPolicy
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.identity import Principal, short_user_id, short_workspace_id
from chalicelib.domain.json import Json
from chalicelib.domain.run import RunStatus, Start
from chalicelib.domain.subscriptions import EVERY_WORKFLOW, ListenerKind, Subscription
from chalicelib.domain.workflow import WorkflowStatus
from chalicelib.services.events.error_events import LARGEST_VALUE_BYTES
from chalicelib.services.events.fanout import listener_run_id
from tests.fakes import START
from tests.flows.house import OWNER, WORKSPACE, House, call, chain, ok

WORKFLOW = ListenerKind.WORKFLOW


@pytest.fixture
def house() -> House:
    return House()


def emit_node(node_id: str = "say", **config: Json) -> Node:
    return Node(node_id, "emit", config={"event": {"n": "{{ $input.n }}"}, **config})


def payloads(events: list[Event]) -> list[Json]:
    return [event.emission.payload for event in events]


def refuse(request: HttpRequest) -> HttpResponse:
    return HttpResponse(400, {}, b"no", request.url, 0.01)


# -- the emit node ----------------------------------------------------------------------------------------------------


def test_a_step_emits_its_event_as_it_is_and_gives_its_id(house: House) -> None:
    run_id = house.start(chain(emit_node(channel="orders", id=7, summary="order {{ $input.n }}")), {"n": 3})

    house.work()

    (event,) = house.events_of()
    assert (event.emission.channel, event.emission.payload) == ("orders", {"n": 3})
    assert (event.emission.key, event.emission.summary) == (7, "order 3")
    assert house.run(run_id).output == str(event.id)
    assert len(event.emission.emit_id) == 27


@pytest.mark.parametrize("payload", [None, "text", [1, {"a": None}], {"deep": [[{}]]}, 12345678901234567890])
def test_an_event_may_be_any_json(house: House, payload: Json) -> None:
    house.start(chain(emit_node(event="{{ $input.it }}")), {"it": payload})

    house.work()

    assert payloads(house.events_of()) == [payload]


@pytest.mark.parametrize("channel", ["$errors", "$logs", "$mine", "two words", "x" * 129, 5])
def test_a_channel_that_is_no_users_fails_the_step(house: House, channel: Json) -> None:
    run_id = house.start(chain(emit_node(channel="{{ $input.channel }}")), {"n": 1, "channel": channel})

    house.work()

    failure = house.run(run_id).failure
    assert failure is not None
    assert failure.type == "invalid_config"
    assert house.events_of() == []


def test_an_event_that_is_too_large_fails_the_step(house: House) -> None:
    run_id = house.start(chain(emit_node(event=["{{ $input.a }}"] * 8)), {"a": "x" * 1_000_000})

    house.work()

    failure = house.run(run_id).failure
    assert failure is not None
    assert failure.type == "invalid_event"


def test_each_round_of_a_loop_and_each_item_of_a_map_emits_its_own_event(house: House) -> None:
    body = Graph((Node("say", "emit", config={"event": "{{ $item }}"}),))
    again = Graph((Node("count", "emit", config={"event": "{{ $loop.index }}"}),))
    nodes = (
        Node("each", "map", config={"items": ["a", "b"]}, bodies={"body": body}),
        Node("again", "loop", config={"while": "$loop.index < 3"}, bodies={"body": again}),
    )
    house.start(Graph(nodes, (Edge("each", "again"),)))

    house.work()

    events = house.events_of()
    assert sorted(map(str, payloads(events))) == ["1", "2", "3", "a", "b"]
    assert len({event.emission.emit_id for event in events}) == 5


def test_a_retried_run_does_not_emit_again_what_it_had_emitted(house: House) -> None:
    house.answers(refuse)
    run_id = house.start(chain(emit_node(), call("b")), {"n": 1})
    house.work()
    house.answers(ok)

    house.control.retry_run(house.run(run_id))
    house.work()

    assert house.run(run_id).status is RunStatus.SUCCEEDED
    assert payloads(house.events_of()) == [{"n": 1}]


def test_an_emission_whose_record_was_lost_is_recognised(house: House) -> None:
    """The worker died after the event was stored and before the step's outcome was."""
    run_id = house.start(chain(emit_node()), {"n": 1})
    record = house.runs.record
    house.runs.record = _raising(UnavailableError())  # type: ignore[method-assign]
    with pytest.raises(UnavailableError):
        house.work()
    house.runs.record = record  # type: ignore[method-assign]

    house.pass_time(180)

    assert house.run(run_id).status is RunStatus.SUCCEEDED
    (event,) = house.events_of()
    assert house.run(run_id).output == str(event.id)


def test_a_step_outlasts_a_store_that_does_not_answer_for_a_moment(house: House) -> None:
    append, refusals = house.event_store.append, [UnavailableError(), UnavailableError()]

    def flaky(*arguments: Any, **named: Any) -> Any:
        if refusals:
            raise refusals.pop()
        return append(*arguments, **named)

    house.event_store.append = flaky  # type: ignore[method-assign]
    run_id = house.start(chain(emit_node()), {"n": 1})

    house.work()

    assert house.run(run_id).status is RunStatus.SUCCEEDED
    assert len(house.events_of()) == 1


def test_a_step_whose_store_does_not_answer_is_retried_as_its_node_says(house: House) -> None:
    append = house.event_store.append
    house.event_store.append = _raising(UnavailableError())  # type: ignore[method-assign]
    retry = RetryPolicy(max_attempts=3, delay_seconds=30)
    run_id = house.start(chain(replace(emit_node(), retry=retry)), {"n": 1})
    house.work()
    house.event_store.append = append  # type: ignore[method-assign]

    house.pass_time(120)

    assert house.run(run_id).status is RunStatus.SUCCEEDED
    assert len(house.events_of()) == 1


# -- what workflows say of themselves ---------------------------------------------------------------------------------


def test_a_run_that_succeeds_is_an_event_of_its_workflow(house: House) -> None:
    house.answers(lambda request: (house.clock.advance(2.5), ok(request))[1])
    run_id = house.start(chain(call("a"), Node("say", "transform", config={"values": {"x": 1}})), {"n": 1})

    house.work()

    (event,) = house.events_of()
    assert event.emission.channel == ""
    assert event.emission.payload == {
        "type": "run.succeeded",
        "timestamp": "2026-11-02T09:30:02.500Z",
        "data": {
            "run_id": run_id,
            "workflow_id": "wf_1",
            "workflow_name": "Test",
            "version": 1,
            "trigger": "manual",
            "status": "succeeded",
            "created_at": "2026-11-02T09:30:00.000Z",
            "finished_at": "2026-11-02T09:30:02.500Z",
            "duration_ms": 2500,
            "output": {"x": 1},
        },
    }


def test_a_run_that_fails_is_an_event_of_the_errors_of_its_workflow(house: House) -> None:
    house.answers(refuse)
    workflow = house.save(chain(call("a")))
    run = house.service.start(workflow, {"order": 8842}, "schedule")

    house.work()

    assert house.events_of() == []
    (event,) = house.events_of(stream=ERRORS)
    told = event.emission.payload
    assert isinstance(told, dict)
    context, error = told["original_context"], told["error"]
    assert isinstance(context, dict)
    assert isinstance(error, dict)
    assert told["original_event"] == {"order": 8842}
    assert (told["run_id"], told["status"]) == (run.id, "failed")
    assert set(context) == {
        "id",
        "ts",
        "workflow_id",
        "deployment_id",
        "source_type",
        "verified",
        "owner_id",
        "platform_version",
    }
    assert len(str(context["id"])) == 27
    assert (context["ts"], context["workflow_id"]) == ("2026-11-02T09:30:00.000Z", "wf_1")
    assert (context["source_type"], context["verified"]) == ("TIMER", False)
    assert context["owner_id"] == short_workspace_id(WORKSPACE)
    assert str(context["deployment_id"]).startswith("d_")
    assert (error["code"], error["node_id"], error["ts"]) == ("http_status", "a", "2026-11-02T09:30:00.000Z")
    assert str(error["cellId"]).startswith("c_")
    assert error["msg"]
    assert "a in Test (version 1)" in str(error["stack"])


def test_an_error_names_who_started_the_run(house: House) -> None:
    house.answers(refuse)
    house.service.start(house.save(chain(call("a"))), {}, start=Start("user_7"))

    house.work()

    (event,) = house.events_of(stream=ERRORS)
    assert isinstance(event.emission.payload, dict)
    context = event.emission.payload["original_context"]
    assert isinstance(context, dict)
    assert context["owner_id"] == short_user_id("user_7")


def test_a_run_that_times_out_is_an_error_without_a_node(house: House) -> None:
    graph = chain(Node("w", "wait", config={"seconds": 600}), timeout_seconds=60)
    house.start(graph)

    house.pass_time(180)

    (event,) = house.events_of(stream=ERRORS)
    told = event.emission.payload
    assert isinstance(told, dict)
    assert isinstance(told["error"], dict)
    assert (told["status"], told["error"]["cellId"]) == ("timed_out", None)


def test_a_cancelled_run_is_an_event_of_its_workflow(house: House) -> None:
    run_id = house.start(chain(Node("w", "wait", config={"seconds": 600})))
    house.work()

    house.service.cancel(OWNER, run_id)
    house.work()

    (event,) = house.events_of()
    assert isinstance(event.emission.payload, dict)
    assert event.emission.payload["type"] == "run.cancelled"
    assert house.run(run_id).due_at is None


def test_a_workflow_that_emits_speaks_for_itself(house: House) -> None:
    """Also where the node stands in a body and was not reached."""
    inner = Graph((emit_node(),))
    house.start(chain(Node("none", "map", config={"items": []}, bodies={"body": inner})), {"n": 1})

    house.work()

    assert house.events_of() == []


def test_a_workflow_that_emits_still_tells_of_its_errors(house: House) -> None:
    house.start(chain(emit_node(), Node("f", "fail", config={"message": "no"})), {"n": 1})

    house.work()

    assert len(house.events_of(stream=ERRORS)) == 1


def test_a_run_that_ends_twice_is_two_events(house: House) -> None:
    house.answers(refuse)
    run_id = house.start(chain(call("a")))
    house.work()

    house.control.retry_run(house.run(run_id))
    house.work()

    first, second = house.events_of(stream=ERRORS)
    assert first.emission.emit_id != second.emission.emit_id


def test_a_child_run_is_an_event_of_its_own_workflow(house: House) -> None:
    house.save(Graph((Node("n", "noop"),)), "wf_child")
    house.start(chain(Node("sub", "sub_workflow", config={"workflow_id": "wf_child"})))

    house.work()

    assert len(house.events_of("wf_child")) == 1
    assert len(house.events_of("wf_1")) == 1


def test_the_parts_of_a_map_are_no_events(house: House) -> None:
    body = Graph((call("a"),))
    graph = chain(Node("each", "map", config={"items": list(range(201))}, bodies={"body": body}))
    run_id = house.start(graph)

    house.work()

    assert house.run(run_id).status is RunStatus.SUCCEEDED
    assert len(house.events_of()) == 1


@pytest.mark.parametrize("size", [LARGEST_VALUE_BYTES + 1, 3_000_000])
def test_a_large_output_does_not_go_along(house: House, size: int) -> None:
    house.start(chain(Node("n", "noop")), {"a": "x" * size})

    house.work()

    (event,) = house.events_of()
    told = event.emission.payload
    assert isinstance(told, dict)
    assert isinstance(told["data"], dict)
    output = told["data"]["output"]
    assert isinstance(output, dict)
    assert output["output_too_large"] is True


def test_an_output_that_is_nested_as_deep_as_may_be_does_not_keep_its_run_from_ending(house: House) -> None:
    deep: Json = "x"
    for _ in range(63):
        deep = [deep]
    run_id = house.start(chain(Node("n", "noop")), deep)

    house.work()

    assert house.run(run_id).status is RunStatus.SUCCEEDED
    assert len(house.events_of()) == 1


def test_an_end_is_told_once_the_store_answers_again(house: House) -> None:
    append = house.event_store.append
    house.event_store.append = _raising(UnavailableError())  # type: ignore[method-assign]
    run_id = house.start(chain(Node("n", "noop")))
    with pytest.raises(UnavailableError):
        house.work()
    assert house.run(run_id).status is RunStatus.SUCCEEDED
    house.event_store.append = append  # type: ignore[method-assign]

    house.pass_time(120)

    assert len(house.events_of()) == 1
    assert house.run(run_id).due_at is None


def test_an_end_that_was_told_but_not_noted_is_not_told_again(house: House) -> None:
    told = house.runs.told
    house.runs.told = _raising(UnavailableError())  # type: ignore[method-assign]
    run_id = house.start(chain(Node("n", "noop")))
    with pytest.raises(UnavailableError):
        house.work()
    house.runs.told = told  # type: ignore[method-assign]

    house.pass_time(120)

    assert len(house.events_of()) == 1
    assert house.run(run_id).due_at is None


# -- who hears of it --------------------------------------------------------------------------------------------------


def test_an_event_that_nobody_hears_is_stored_and_not_told(house: House) -> None:
    house.emit({"n": 1})

    assert house.delivery_queue.hints == []
    assert len(house.events_of()) == 1


def test_a_webhook_that_listens_gets_a_delivery(house: House) -> None:
    house.endpoint()
    house.subscribe()
    event = house.emit({"type": "order.paid", "n": 1})

    house.deliver()

    (delivery,) = house.deliveries_to()
    assert (delivery.type, delivery.payload) == ("order.paid", {"type": "order.paid", "n": 1})
    assert (delivery.origin.event_id, delivery.origin.emit_id) == (str(event.id), "emit_1")
    assert delivery.status is DeliveryStatus.SUCCEEDED
    assert house.event_store.due(0, START + timedelta(days=1), 10) == ()


def test_a_channel_is_heard_by_those_alone_who_name_it(house: House) -> None:
    for number, channel in enumerate(("", "orders")):
        house.endpoint(f"wh_{number}")
        house.subscribe(f"wh_{number}", channel=channel)

    house.emit(1, channel="orders")
    house.deliver()

    assert (len(house.deliveries_to("wh_0")), len(house.deliveries_to("wh_1"))) == (0, 1)


def test_who_listens_by_id_and_by_glob_hears_once(house: House) -> None:
    house.endpoint()
    house.subscribe()
    house.subscribe(emitter=EVERY_WORKFLOW)

    house.emit(1)
    house.deliver()

    assert len(house.receivers.requests) == 1


def test_a_type_that_the_endpoint_does_not_want_is_not_delivered(house: House) -> None:
    house.endpoint(event_types=frozenset({"order.paid"}))
    house.subscribe()

    house.emit({"type": "order.sent"}, "emit_1")
    house.emit({"type": "order.paid"}, "emit_2")
    house.deliver()

    assert [delivery.type for delivery in house.deliveries_to()] == ["order.paid"]


def test_what_a_paused_endpoint_would_get_is_held(house: House) -> None:
    house.endpoint(status=EndpointStatus.PAUSED)
    house.subscribe()

    house.emit(1)
    house.deliver()

    (delivery,) = house.deliveries_to()
    assert (delivery.status, delivery.next_attempt_at, delivery.due_at) == (DeliveryStatus.HELD, None, None)
    assert house.receivers.requests == []


def test_an_endpoint_that_is_resumed_while_a_delivery_is_being_held_gets_it(house: House) -> None:
    paused = house.endpoint(status=EndpointStatus.PAUSED)
    house.subscribe()
    create = house.deliveries.create

    def create_and_resume(delivery: object) -> bool:
        made = create(delivery)  # type: ignore[arg-type]
        house.endpoints.replace(replace(paused, status=EndpointStatus.ACTIVE, revision=2))
        return made

    house.deliveries.create = create_and_resume  # type: ignore[method-assign]

    house.emit(1)
    house.deliver()

    assert [delivery.status for delivery in house.deliveries_to()] == [DeliveryStatus.SUCCEEDED]


def test_what_a_disabled_endpoint_would_get_is_a_dead_letter_at_once(house: House) -> None:
    house.endpoint(status=EndpointStatus.DISABLED, status_reason="the receiver answered 410 Gone")
    house.subscribe()

    house.emit(1)
    house.deliver()

    (delivery,) = house.deliveries_to()
    assert (delivery.status, delivery.reason) == (DeliveryStatus.DEAD, "the receiver answered 410 Gone")
    assert delivery.finished_at == START


def test_an_endpoint_that_is_gone_is_passed_over(house: House) -> None:
    house.subscribe()

    house.emit(1)
    house.deliver()

    assert house.deliveries_to() == []


def test_a_workflow_that_listens_runs_with_the_event(house: House) -> None:
    house.save(Graph((Node("n", "noop"),)), "wf_2")
    house.subscribe("wf_2", WORKFLOW)

    event = house.emit({"n": 1})
    house.deliver()

    run = house.run(listener_run_id("emit_1", "wf_2"))
    assert (run.workflow_id, run.trigger, run.input, run.created_by) == ("wf_2", "event", {"n": 1}, "user_1")
    assert run.cause == Cause("wf_1", "", str(event.id), 1)


@pytest.mark.parametrize("status", [WorkflowStatus.INACTIVE, WorkflowStatus.DELETING])
def test_a_workflow_that_is_not_active_is_not_told(house: House, status: WorkflowStatus) -> None:
    workflow = house.save(Graph((Node("n", "noop"),)), "wf_2")
    house.workflows.replace(replace(workflow, status=status, revision=2))
    house.subscribe("wf_2", WORKFLOW)
    house.subscribe("wf_gone", WORKFLOW)

    house.emit(1)
    house.deliver()

    assert house.queue.hints == []


def test_what_follows_from_an_event_says_so_down_to_its_children(house: House) -> None:
    house.save(Graph((Node("n", "noop"),)), "wf_3")
    house.save(chain(Node("sub", "sub_workflow", config={"workflow_id": "wf_3"})), "wf_2")
    house.subscribe("wf_2", WORKFLOW)

    event = house.emit({"n": 1})
    house.deliver()
    house.work()

    cause = Cause("wf_1", "", str(event.id), 1)
    assert [each.emission.cause for each in house.events_of("wf_2") + house.events_of("wf_3")] == [cause, cause]


def test_workflows_that_tell_each_other_stop_after_the_most_hops(house: House) -> None:
    for one, other in (("wf_1", "wf_2"), ("wf_2", "wf_1")):
        house.save(Graph((Node("n", "noop"),)), one)
        house.subscribe(one, WORKFLOW, emitter=other)

    house.emit(1)
    while house.deliver() + house.work():
        pass

    told = house.events_of("wf_1", ERRORS) + house.events_of("wf_2", ERRORS)
    (error,) = payloads(told)
    assert isinstance(error, dict)
    assert isinstance(error["error"], dict)
    assert error["error"]["code"] == "HopLimitError"
    ends = house.events_of("wf_1")[1:] + house.events_of("wf_2")
    assert len(ends) == MAX_HOPS


def test_beyond_the_most_hops_webhooks_still_hear(house: House) -> None:
    house.endpoint()
    house.subscribe()
    house.subscribe("wf_2", WORKFLOW)
    house.save(Graph((Node("n", "noop"),)), "wf_2")

    house.emit(1, cause=Cause("wf_9", "", "1-0", MAX_HOPS))
    house.deliver()

    assert len(house.deliveries_to()) == 1
    assert house.queue.hints == []


def test_an_error_beyond_the_most_hops_ends_in_silence(house: House) -> None:
    house.save(Graph((Node("n", "noop"),)), "wf_2")
    house.subscribe("wf_2", WORKFLOW, channel=ERRORS)

    house.emit(1, channel=ERRORS, cause=Cause("wf_9", "", "1-0", MAX_HOPS))
    house.deliver()

    assert len(house.events_of(stream=ERRORS)) == 1
    assert house.queue.hints == []


def test_a_workflow_that_copes_with_errors_does_not_hear_of_its_own_in_doing_so(house: House) -> None:
    house.answers(refuse)
    house.save(chain(call("a")), "wf_errors")
    house.subscribe("wf_errors", WORKFLOW, emitter=EVERY_WORKFLOW, channel=ERRORS)
    house.start(chain(call("a")))

    while house.work() + house.deliver():
        pass

    assert len(house.events_of("wf_1", ERRORS)) == 1
    assert len(house.events_of("wf_errors", ERRORS)) == 1


def test_other_kinds_of_listeners_are_told_by_whoever_knows_them(house: House) -> None:
    heard: list[tuple[Event, Subscription]] = []
    tell = {ListenerKind.SOURCE: lambda event, subscription: heard.append((event, subscription))}
    subscription = house.subscribe("dc_1", ListenerKind.SOURCE)
    event = house.emit(1)

    replace(house.fanout, others=tell).tell(event.place, START + timedelta(minutes=5))

    assert heard == [(event, subscription)]


def test_a_kind_of_listener_that_nobody_knows_is_passed_over(house: House) -> None:
    house.subscribe("dc_1", ListenerKind.SOURCE)
    house.emit(1)

    assert house.deliver() == 1


def test_one_listener_that_fails_keeps_no_other_from_hearing(house: House) -> None:
    house.endpoint()
    house.subscribe()
    house.subscribe("dc_1", ListenerKind.SOURCE)
    event = house.emit(1)
    broken = replace(house.fanout, others={ListenerKind.SOURCE: _raising(UnavailableError())})

    with pytest.raises(UnavailableError):
        broken.tell(event.place, START + timedelta(minutes=5))

    assert len(house.deliveries_to()) == 1
    assert any(house.event_store.due(shard, START + timedelta(minutes=5), 10) for shard in range(64))


def test_a_thousand_listeners_are_all_told(house: House) -> None:
    for number in range(1000):
        house.endpoint(f"wh_{number}")
        house.subscribe(f"wh_{number}")

    house.emit(1)
    house.deliver()

    assert len(house.receivers.requests) == 1000
    assert {request.url for request in house.receivers.requests} == {f"https://wh-{n}.example/in" for n in range(1000)}


def test_telling_goes_on_in_another_invocation_when_the_time_is_over(house: House) -> None:
    for number in range(250):
        house.endpoint(f"wh_{number}")
        house.subscribe(f"wh_{number}")
    create = house.deliveries.create
    house.deliveries.create = lambda delivery: (house.clock.advance(0.1), create(delivery))[1]  # type: ignore[method-assign]
    event = house.emit(1)

    house.fanout.tell(event.place, house.clock.now() + timedelta(seconds=8))
    told_at_first = sum(len(house.deliveries_to(f"wh_{number}")) for number in range(250))
    house.pass_time(60)
    house.deliver()

    assert told_at_first == 100
    assert len(house.receivers.requests) == 250


def test_telling_very_many_begins_where_it_ended_and_waits_for_no_tick(house: House) -> None:
    for number in range(350):
        house.endpoint(f"wh_{number}")
        house.subscribe(f"wh_{number}")
    create, created = house.deliveries.create, list[str]()

    def slow(delivery: Delivery) -> bool:
        house.clock.advance(0.1)
        created.append(delivery.endpoint_id)
        return create(delivery)

    house.deliveries.create = slow  # type: ignore[method-assign]
    event = house.emit(1)
    house.delivery_queue.hints.clear()
    invocations = 0
    hinted = [event.place]
    while hinted:
        invocations += 1
        house.fanout.tell(hinted.pop(), house.clock.now() + timedelta(seconds=8))
        hinted += [hint.event for hint in house.delivery_queue.hints if hint.event is not None]
        house.delivery_queue.hints.clear()

    assert invocations == 4
    assert sorted(created) == sorted(f"wh_{number}" for number in range(350))
    assert not any(house.event_store.due(shard, START + timedelta(days=1), 10) for shard in range(64))


def test_a_listener_that_failed_is_told_though_telling_went_on(house: House) -> None:
    for number in range(150):
        house.endpoint(f"wh_{number}")
        house.subscribe(f"wh_{number}")
    create, refused = house.deliveries.create, {"wh_0"}

    def slow(delivery: Delivery) -> bool:
        house.clock.advance(0.1)
        if delivery.endpoint_id in refused:
            raise UnavailableError
        return create(delivery)

    house.deliveries.create = slow  # type: ignore[method-assign]
    event = house.emit(1)

    house.fanout.tell(event.place, house.clock.now() + timedelta(seconds=8))
    refused.clear()
    house.pass_time(60)
    house.deliver()

    assert len(house.receivers.requests) == 150


def test_a_hint_that_was_lost_is_made_up_for_by_the_tick(house: House) -> None:
    house.endpoint()
    house.subscribe()
    house.emit(1)
    house.delivery_queue.hints.clear()

    house.pass_time(60)
    house.deliver()

    assert len(house.receivers.requests) == 1


def test_a_queue_that_takes_no_hint_does_not_fail_the_emitter(house: House) -> None:
    house.endpoint()
    house.subscribe()
    send = house.delivery_queue.send_event
    house.delivery_queue.send_event = _raising(UnavailableError())  # type: ignore[method-assign]

    house.emit(1)
    house.delivery_queue.send_event = send  # type: ignore[method-assign]
    house.pass_time(60)
    house.deliver()

    assert len(house.receivers.requests) == 1


def test_an_event_that_is_gone_is_told_to_nobody(house: House) -> None:
    house.endpoint()
    house.subscribe()
    event = house.emit(1)
    house.event_store.delete(event.emission.emitter, "", None, None, 10)

    house.deliver()

    assert house.deliveries_to() == []


# -- reading and deleting ---------------------------------------------------------------------------------------------


def test_a_callers_page_is_of_an_emitter_of_their_workspace(house: House) -> None:
    house.save(Graph((Node("n", "noop"),)))
    house.emit(1)

    assert house.events.page(OWNER, EmitterKind.WORKFLOW, "wf_1", "", EventQuery()).total == 1
    stranger = replace(OWNER, workspace_id="ws_2")
    with pytest.raises(WorkflowNotFoundError):
        house.events.page(stranger, EmitterKind.WORKFLOW, "wf_1", "", EventQuery())
    with pytest.raises(NotFoundError):
        house.events.page(OWNER, EmitterKind.SOURCE, "dc_1", "", EventQuery())


def test_events_are_read_and_deleted_by_those_who_may(house: House) -> None:
    house.save(Graph((Node("n", "noop"),)))
    reader = Principal("user_1", WORKSPACE, "key_1", frozenset({"events:read"}))

    house.events.page(reader, EmitterKind.WORKFLOW, "wf_1", "", EventQuery())
    with pytest.raises(ForbiddenError):
        house.events.delete(reader, EmitterKind.WORKFLOW, "wf_1")


def test_a_range_of_events_is_deleted_at_once(house: House) -> None:
    house.save(Graph((Node("n", "noop"),)))
    events = [house.emit(number, f"emit_{number}") for number in range(12)]

    house.events.delete(OWNER, EmitterKind.WORKFLOW, "wf_1", events[2].id, events[10].id)

    assert payloads(house.events_of()) == [0, 1, 11]


def test_a_range_that_ends_before_it_starts_is_empty(house: House) -> None:
    house.save(Graph((Node("n", "noop"),)))
    event = house.emit(1)

    house.events.delete(OWNER, EmitterKind.WORKFLOW, "wf_1", EventId(event.id.ms + 1, 0), event.id)

    assert len(house.events_of()) == 1


def test_a_large_range_is_deleted_in_the_background_and_what_comes_after_is_kept(house: House) -> None:
    house.save(Graph((Node("n", "noop"),)))
    for number in range(350):
        house.emit(number, f"emit_{number}")

    house.events.delete(OWNER, EmitterKind.WORKFLOW, "wf_1")
    house.clock.advance(1)
    house.emit("kept", "emit_kept")
    house.work()

    assert payloads(house.events_of()) == ["kept"]


def _raising(error: Exception) -> Callable[..., Any]:
    def raising(*_: object, **__: object) -> Any:
        raise error

    return raising

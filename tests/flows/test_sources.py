"""Sources over the one engine: what an invocation leaves, whatever happens around it."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.dedupe import Memory
from chalicelib.domain.errors import (
    AccountNotFoundError,
    InvalidError,
    RateLimitedError,
    SourceNotFoundError,
    TooLargeError,
    UnavailableError,
)
from chalicelib.domain.events import ERRORS, LOGS
from chalicelib.domain.identity import short_user_id
from chalicelib.domain.listing import RunFilter
from chalicelib.domain.run import RunStatus, Start
from chalicelib.domain.sources import run_workflow
from chalicelib.domain.subscriptions import ListenerKind
from chalicelib.services.events.events import Events
from chalicelib.services.sources.components import Choice
from chalicelib.services.sources.runs import Trigger
from chalicelib.services.sources.sources import Draft, Sources
from tests.fakes import START
from tests.flows.house import OWNER, WORKSPACE
from tests.flows.source_house import BASE_URL, SourceHouse
from tests.source_fakes import Call

HTTP = {"http": "$.interface.http", "db": "$.service.db"}
ANSWERING = {"http": {"type": "$.interface.http", "customResponse": True}}


@pytest.fixture
def house() -> SourceHouse:
    return SourceHouse()


def count(call: Call) -> None:
    """Emits as many events as were ever emitted and one more, of which one is new."""
    seen: Any = call.db.get("n") or 0
    for number in range(seen + 1):
        call.emit({"n": number}, id=number, summary=f"number {number}")
    call.set("n", seen + 1)


def statuses(house: SourceHouse) -> list[RunStatus]:
    page = house.runs.page(WORKSPACE, RunFilter(), offset=0, limit=100)
    return [run.status for run in reversed(page.items)]


# -- timers -----------------------------------------------------------------------------------------------------------


def test_an_interval_fires_right_after_creation_and_then_again_and_again(house: SourceHouse) -> None:
    source = house.deploy(count, dedupe="unique", configured={"timer": {"intervalSeconds": 60}})

    house.work()
    assert house.payloads(source) == [{"n": 0}]
    house.minutes(3)

    assert house.payloads(source) == [{"n": 0}, {"n": 1}, {"n": 2}, {"n": 3}]
    assert house.state(source).db == {"n": 4}
    seconds = int(START.timestamp())
    events = [event for name, event in house.js.calls if name == "run"]
    assert events == [{"timestamp": seconds + 60 * at, "interval_seconds": 60} for at in range(4)]


def test_cron_waits_for_its_time(house: SourceHouse) -> None:
    source = house.deploy(lambda call: call.emit(call.event), configured={"timer": {"cron": "45 9 * * *"}})

    house.work()
    assert house.payloads(source) == []
    house.minutes(16)

    assert house.payloads(source) == [{"timestamp": int(START.timestamp()) + 900, "cron": "45 9 * * *"}]


def test_a_tick_in_triplicate_starts_one_run(house: SourceHouse) -> None:
    source = house.deploy(count, configured={"timer": {"intervalSeconds": 60}})
    (schedule,) = house.schedule_store

    for _ in range(3):
        house.firing.fire(schedule.id, WORKSPACE, house.until())
        house.work()

    assert (house.payloads(source), statuses(house)) == ([{"n": 0}], [RunStatus.SUCCEEDED])


def test_a_fire_is_passed_over_while_the_run_before_is_under_way(house: SourceHouse) -> None:
    source = house.deploy(count, configured={"timer": {"intervalSeconds": 60}})
    house.fire()

    for _ in range(3):
        house.clock.advance(60)
        house.tick.run()
        house.fire()

    assert (len(statuses(house)), house.payloads(source)) == (1, [])


def test_a_source_without_a_run_function_emits_its_event(house: SourceHouse) -> None:
    source = house.deploy(None, configured={"timer": {"intervalSeconds": 60}})

    house.work()

    assert house.payloads(source) == [{"timestamp": int(START.timestamp()), "interval_seconds": 60}]


# -- one invocation ---------------------------------------------------------------------------------------------------


def test_events_carry_what_their_source_said_of_them(house: SourceHouse) -> None:
    def run(call: Call) -> None:
        call.emit({"b": 1}, id="b", summary="second", ts=2000, name="news")
        call.emit({"a": 1}, id="a", summary="first", ts=1000)

    source = house.deploy(run)
    house.work()

    first, second = (event.emission for event in house.emitted(source))
    assert (first.payload, first.channel, first.summary, first.key, first.ts) == ({"a": 1}, "", "first", "a", 1000)
    assert (second.payload, second.channel, second.summary, second.ts) == ({"b": 1}, "news", "second", 2000)


def test_what_was_emitted_before_an_error_counts_and_the_error_is_told_each_time(house: SourceHouse) -> None:
    def run(call: Call) -> None:
        call.emit({"kept": True})
        call.set("at", 1)
        call.log("on my way")
        call.throw("no more", "TypeError")

    source = house.deploy(run, configured={"timer": {"intervalSeconds": 60}})
    house.work()
    house.minutes(1)

    assert house.payloads(source) == [{"kept": True}, {"kept": True}]
    assert house.state(source).db == {"at": 1}
    errors: list[Any] = house.payloads(source, ERRORS)
    assert [(each["error"]["code"], each["error"]["msg"]) for each in errors] == [("TypeError", "no more")] * 2
    assert errors[0]["original_event"] == {"timestamp": int(START.timestamp()), "interval_seconds": 60}
    context = errors[0]["original_context"]
    assert (context["workflow_id"], context["source_type"], context["owner_id"]) == (
        source.id,
        "TIMER",
        short_user_id("user_1"),
    )
    assert statuses(house) == [RunStatus.FAILED, RunStatus.FAILED]


def test_an_error_of_any_length_can_be_told(house: SourceHouse) -> None:
    source = house.deploy(lambda call: call.throw("x" * 7_000_000))

    house.work()

    errors: list[Any] = house.payloads(source, ERRORS)
    assert (len(errors[0]["error"]["msg"]), house.state(source).outbox) == (16_384, None)


def test_logs_go_to_their_stream_and_the_newest_hundred_are_kept(house: SourceHouse) -> None:
    def run(call: Call) -> None:
        for number in range(150):
            call.log(f"line {number}", "error" if number == 149 else "info")

    source = house.deploy(run)
    house.work()

    lines: list[Any] = house.payloads(source, LOGS)
    assert (len(lines), lines[0]["m"], lines[-1]) == (
        100,
        "line 50",
        {"k": "stderr", "m": "line 149", "ts": 1_700_000_000_000},
    )


def test_an_event_without_the_id_that_deduplication_wants_is_a_warning_in_the_log(house: SourceHouse) -> None:
    source = house.deploy(lambda call: call.emit(1), dedupe="unique")

    house.work()

    lines: list[Any] = house.payloads(source, LOGS)
    assert (house.payloads(source), "without an id" in lines[0]["m"]) == ([], True)


def test_a_database_that_grows_too_large_is_an_error_and_stays_as_it_was(house: SourceHouse) -> None:
    def run(call: Call) -> None:
        call.set("small", 1)
        call.emit("before")
        call.set("large", "x" * 61_440)
        call.emit("after")

    source = house.deploy(run)
    house.work()

    assert (house.payloads(source), house.state(source).db) == ([], {})
    errors: list[Any] = house.payloads(source, ERRORS)
    assert errors[0]["error"]["code"] == "DatabaseFullError"


def test_a_channel_that_is_ours_cannot_be_emitted_on(house: SourceHouse) -> None:
    def run(call: Call) -> None:
        call.emit("forged", name="$errors")
        call.emit("renamed", name="my channel")

    source = house.deploy(run)
    house.work()

    assert [(each.emission.channel, each.emission.payload) for each in house.emitted(source)] == [
        ("my-channel", "renamed")
    ]
    assert (house.payloads(source, ERRORS), len(house.payloads(source, LOGS))) == ([], 2)


def test_a_run_that_leaves_nothing_writes_nothing(house: SourceHouse) -> None:
    source = house.deploy(lambda call: None)
    version = house.state(source).version

    house.work()

    assert house.state(source).version == version


def test_the_code_gets_its_account_and_the_error_says_so_if_it_is_gone(house: SourceHouse) -> None:
    props = {"app": {"type": "app", "app": "acme"}, "timer": "$.interface.timer"}
    house.secrets["apn_1234567"] = ("acme", {"api_key": "k"})
    source = house.deploy(
        lambda call: call.emit(dict(call.invocation.accounts["app"])),
        props=props,
        configured={"app": {"authProvisionId": "apn_1234567"}, "timer": {"intervalSeconds": 60}},
    )
    house.work()
    del house.secrets["apn_1234567"]
    house.minutes(1)

    errors: list[Any] = house.payloads(source, ERRORS)
    assert (house.payloads(source), [each["error"]["code"] for each in errors]) == (
        [{"api_key": "k"}],
        ["AccountNotFoundError"],
    )


def test_a_manual_test_shows_everything_and_leaves_nothing(house: SourceHouse) -> None:
    def run(call: Call) -> None:
        count(call)
        call.log("tried")
        call.throw("at the end")

    source = house.deploy(run, dedupe="unique", props=HTTP)
    before = (house.state(source), len(house.event_store._streams), statuses(house))

    tried = house.sources.test(OWNER, source.id, {"a": 1})

    assert [each.event for each in tried.emits] == [{"n": 0}]
    assert (dict(tried.db), [line.text for line in tried.logs]) == ({"n": 1}, ["tried"])
    assert tried.failure is not None
    assert tried.failure.message == "at the end"
    assert (house.state(source), len(house.event_store._streams), statuses(house)) == before


# -- crashes and races ------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone."""


class Mortal:
    """A store whose caller dies before or after its nth call; `left` is shared by several."""

    def __init__(self, store: Any, left: list[int], *, after: bool) -> None:
        self._store, self._left, self._after = store, left, after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            self._left[0] -= 1
            if self._left[0] == 0 and not self._after:
                raise Killed
            answer = found(*arguments, **named)
            if self._left[0] == 0:
                raise Killed
            return answer

        return call


def grow(call: Call) -> None:
    """Three new events with each invocation, remembered by a cursor alone."""
    begin: Any = call.db.get("cursor") or 0
    call.set("cursor", begin + 3)
    for number in range(begin, begin + 3):
        call.emit(number, id=number)
    call.log(f"from {begin}")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_wherever_the_worker_dies_every_event_is_there_once_and_the_cursor_fits(after: bool) -> None:
    for calls in range(1, 200):
        house = SourceHouse()
        source = house.deploy(grow, configured={"timer": {"intervalSeconds": 600}})
        left = [calls]
        stores = {name: getattr(house, name) for name in ("states", "source_store")}
        for name, store in stores.items():
            setattr(house, name, Mortal(store, left, after=after))
        mortal_events = Mortal(house.event_store, left, after=after)
        mortal_runs = Mortal(house.runs, left, after=after)
        house.events._store = mortal_events
        house._build()
        house.worker = replace(house.worker, runs=mortal_runs)
        died = False
        try:
            house.work()
        except Killed:
            died = True
        house.events._store = house.event_store
        for name, store in stores.items():
            setattr(house, name, store)
        house._build()
        house.worker = replace(house.worker, runs=house.runs)
        house.minutes(5)

        assert house.payloads(source) == [0, 1, 2]
        assert house.state(source).db == {"cursor": 3}
        assert house.state(source).outbox is None
        assert [line["m"] for line in house.payloads(source, LOGS)] == ["from 0"]  # type: ignore[index,call-overload]
        ids = [event.id for event in house.emitted(source)]
        assert ids == sorted(ids)
        if not died:
            assert calls > 8
            return
    raise AssertionError("the run makes more calls than were tried")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_wherever_the_caller_dies_there_is_a_whole_source_or_none(after: bool) -> None:
    names = ("states", "source_store", "schedule_store", "component_store", "subscriptions", "event_store", "runs")
    for calls in range(1, 200):
        house = SourceHouse()
        left = [calls]
        component = house.component(
            grow,
            hooks={"deploy": lambda call: call.emit("deployed")},
            props={"timer": "$.interface.timer", "db": "$.service.db"},
        )
        sources = mortal_sources(house, names, left, after=after)
        draft = Draft(Choice(component_id=component.id), BASE_URL, props={"timer": {"intervalSeconds": 600}})
        died = False
        try:
            sources.create(OWNER, draft)
        except Killed:
            died = True
        house.minutes(5)

        found = house.source_store.list(WORKSPACE)
        assert all(status.is_final for status in statuses(house))
        if not found:
            assert (list(house.schedule_store), house.event_store._streams, len(house.states)) == ([], {}, 0)
            continue
        assert house.payloads(found[0]) == ["deployed", 0, 1, 2]
        assert house.state(found[0]).outbox is None
        assert len(list(house.schedule_store)) == 1
        if not died:
            assert calls > 8
            return
    raise AssertionError("creating makes more calls than were tried")


def mortal_sources(house: SourceHouse, names: tuple[str, ...], left: list[int], *, after: bool) -> Sources:
    """The service over stores whose caller dies; the house's own are as they were."""
    whole = {name: getattr(house, name) for name in names}
    events, service, sources = house.events, house.service, house.sources
    for name, store in whole.items():
        setattr(house, name, Mortal(store, left, after=after))
    house.events = Events(
        store=house.event_store,
        subscriptions=house.subscriptions,
        queue=house.delivery_queue,
        emitters=house.emitters,
        chores=lambda: house.chores,
        clock=house.clock,
    )
    house.service = copy(service)
    house.service._store = house.runs
    house._build()
    mortal = house.sources
    for name, store in whole.items():
        setattr(house, name, store)
    house.events, house.service, house.sources = events, service, sources
    house._build()
    return mortal


@pytest.mark.parametrize("dedupe", ["unique", None])
def test_of_two_invocations_at_once_one_leaves_something(house: SourceHouse, dedupe: str | None) -> None:
    key, trigger = "exec_1@0", Trigger({}, "TIMER", "context")
    rounds = [0]

    def run(call: Call) -> None:
        rounds[0] += 1
        if rounds[0] == 1:  # meanwhile another worker takes the same run
            house.source_runs.perform(WORKSPACE, source.id, key, trigger, 60, 57)
        grow(call)

    source = house.deploy(run, dedupe=dedupe, props={"db": "$.service.db"})
    with pytest.raises(Exception, match="changed"):
        house.source_runs.perform(WORKSPACE, source.id, key, trigger, 60, 57)
    ran = house.source_runs.perform(WORKSPACE, source.id, key, trigger, 60, 57)

    assert (house.payloads(source), house.state(source).db, ran.emitted) == ([0, 1, 2], {"cursor": 3}, 3)


def test_two_who_send_the_same_outbox_send_it_once(house: SourceHouse) -> None:
    source = house.deploy(grow, props={"db": "$.service.db"})
    sent: list[bool] = []

    class Meanwhile:
        """Before each event is stored, somebody else sends the whole outbox, a moment later."""

        def __getattr__(self, name: str) -> Any:
            if name == "put" and not sent:
                sent.append(True)
                house.clock.advance(0.5)
                house.source_runs.send(house.state(source))
            return getattr(house.event_store, name)

    house.events._store = Meanwhile()

    house.source_runs.perform(WORKSPACE, source.id, "exec_1@0", Trigger({}, "TIMER", "context"), 60, 57)

    assert house.payloads(source) == [0, 1, 2]
    assert house.state(source).outbox is None


def test_runs_of_a_source_go_one_after_the_other(house: SourceHouse) -> None:
    source = house.deploy(lambda call: call.emit(call.event["body"]), props=HTTP)  # type: ignore[index,call-overload]
    for number in range(3):
        house.request(source, body=str(number).encode())
    runs = [hint.run_id for hint in house.queue.hints]
    first = house.runs.claim(runs[0], now=house.clock.now(), lease_expires_at=house.until(60))
    house.limiter.admit(first, house.programs.of(first))

    house.work()
    assert house.payloads(source) == []
    house.minutes(3)

    assert house.payloads(source) == ["0", "1", "2"]


def test_without_a_sandbox_the_run_waits_and_goes_on_when_there_is_one(house: SourceHouse) -> None:
    source = house.deploy(grow, configured={"timer": {"intervalSeconds": 3600}})
    working = house.js.run

    def broken(*_: Any) -> Any:
        raise UnavailableError

    house.js.run = broken
    house.work()
    house.js.run = working
    house.minutes(2)

    assert (house.payloads(source), house.payloads(source, ERRORS)) == ([0, 1, 2], [])


def test_a_run_that_cannot_be_carried_out_is_an_error_of_its_source(house: SourceHouse) -> None:
    source = house.deploy(grow, configured={"timer": {"intervalSeconds": 36000}})

    def broken(*_: Any) -> Any:
        raise UnavailableError

    house.js.run = broken
    house.work()
    house.minutes(20)

    errors: list[Any] = house.payloads(source, ERRORS)
    assert [each["error"]["code"] for each in errors] == ["source"]


# -- from outside -----------------------------------------------------------------------------------------------------


def test_an_event_of_a_subscription_is_the_sources_input(house: SourceHouse) -> None:
    source = house.deploy(lambda call: call.emit({"heard": call.event}), props={"db": "$.service.db"})
    house.subscribe(source.id, ListenerKind.SOURCE, emitter="wf_1")
    house.emit({"a": 1})

    for _ in range(2):
        house.deliver()
        house.work()

    (event,) = house.emitted(source)
    assert event.emission.payload == {"heard": {"a": 1}}
    assert event.emission.cause is not None
    assert event.emission.cause.hops == 1


def test_a_request_is_answered_at_once_and_run_later(house: SourceHouse) -> None:
    source = house.deploy(lambda call: call.emit(call.event), props=HTTP)

    answer = house.request(
        source,
        method="put",
        path="/a/b",
        query={"q": ["1"], "r": ["2", "3"]},
        headers={"Content-Type": "application/json", "X-Test": "Ü"},
        body=b'{"x": 1}',
    )
    assert (answer.status, house.payloads(source)) == (200, [])
    house.work()

    assert house.payloads(source) == [
        {
            "method": "PUT",
            "path": "/a/b",
            "query": {"q": "1", "r": ["2", "3"]},
            "headers": {"content-type": "application/json", "x-test": "Ü"},
            "bodyRaw": '{"x": 1}',
            "body": {"x": 1},
        }
    ]


def test_the_code_answers_where_it_wants_to(house: SourceHouse) -> None:
    def run(call: Call) -> None:
        call.respond(202, b"first", **{"x-a": "1"})
        call.respond(500, b"second")
        call.emit("done")
        call.throw("too late to matter")

    source = house.deploy(run, props=ANSWERING)

    answer = house.request(source)

    assert (answer.status, answer.body, answer.headers) == (202, b"first", {"x-a": "1"})
    assert (house.payloads(source), len(house.payloads(source, ERRORS))) == (["done"], 1)
    house.minutes(2)
    assert house.payloads(source) == ["done"]


def test_code_that_does_not_answer_or_fails_before_is_told_apart(house: SourceHouse) -> None:
    silent = house.deploy(lambda call: None, props=ANSWERING, code="silent")
    failing = house.deploy(lambda call: call.throw("x"), props=ANSWERING, code="failing")

    assert house.request(silent).status == 400
    assert b"respond" in house.request(silent).body
    assert house.request(failing).status == 500


def test_an_answer_waits_for_its_turn(house: SourceHouse) -> None:
    source = house.deploy(lambda call: call.respond(200, b"mine"), props=ANSWERING)
    first = house.service.start(run_workflow(source), {}, "http", start=Start(exclusive=source.id))
    claimed = house.runs.claim(first.id, now=house.clock.now(), lease_expires_at=house.until(2))
    house.limiter.admit(claimed, house.programs.of(claimed))
    house.clock.advance(1)
    turns = []

    def advance(run_id: str, until: datetime) -> None:
        turns.append(run_id)
        if len(turns) == 5:
            house.clock.advance(2)
            house.worker.advance(first.id, until)
        house.worker.advance(run_id, until)

    house.requests._advance = advance

    assert (house.request(source).body, len(turns) >= 5) == (b"mine", True)


def test_requests_that_are_too_large_or_too_many_are_refused(house: SourceHouse) -> None:
    source = house.deploy(lambda call: None, props=HTTP)

    with pytest.raises(TooLargeError):
        house.request(source, body=b"x" * 524_289)
    for _ in range(599):
        house.request(source)
    with pytest.raises(RateLimitedError):
        house.request(source)


def test_an_inactive_source_has_no_address_and_its_queued_runs_do_nothing(house: SourceHouse) -> None:
    source = house.deploy(lambda call: call.emit("x"), props=HTTP)
    house.request(source)
    house.amend(source, active=False)

    with pytest.raises(SourceNotFoundError):
        house.request(source)
    house.work()

    assert (house.payloads(source), statuses(house)) == ([], [RunStatus.SUCCEEDED])


def test_a_source_that_is_deleted_while_a_run_of_it_begins_leaves_nothing(house: SourceHouse) -> None:
    source = house.deploy(lambda call: call.emit("x"), props=HTTP)
    get = house.states.get

    def late(workspace_id: str, source_id: str) -> Any:
        house.states.get = get  # type: ignore[method-assign]
        house.sources.delete(OWNER, source.id)
        return get(workspace_id, source_id)

    house.request(source)
    house.states.get = late  # type: ignore[method-assign]
    house.work()

    assert (len(house.states), house.payloads(source)) == (0, [])


def test_what_was_said_goes_out_though_the_source_came_to_rest_before_it_did(house: SourceHouse) -> None:
    source = house.deploy(lambda call: call.emit("x"), props=HTTP)
    house.request(source)
    house.events._store = Mortal(house.event_store, [1], after=False)
    with pytest.raises(Killed):
        house.work()
    house.events._store = house.event_store
    stored = house.source_store.get(WORKSPACE, source.id)
    house.source_store.replace(replace(stored, active=False, revision=stored.revision + 1))

    house.minutes(10)

    assert (house.payloads(source), house.state(source).outbox) == (["x"], None)
    page = house.runs.page(WORKSPACE, RunFilter(), offset=0, limit=10)
    assert [house.run(run.id).output for run in page.items] == [{"emitted": 1}]


# -- deploying --------------------------------------------------------------------------------------------------------


def test_hooks_run_in_order_and_what_they_emit_counts(house: SourceHouse) -> None:
    def deploy(call: Call) -> None:
        call.emit("deployed", id=1)
        call.set("deployed", True)

    def activate(call: Call) -> None:
        assert call.db == {"deployed": True}
        call.emit("activated", id=2)
        call.set("active", True)

    source = house.deploy(grow, hooks={"deploy": deploy, "activate": activate}, dedupe="unique", props=HTTP)

    assert house.payloads(source) == ["deployed", "activated"]
    assert house.state(source).db == {"deployed": True, "active": True}
    assert house.state(source).memory == Memory(recent=("1", "2"))


def test_what_a_hook_emitted_goes_out_though_the_caller_dies(house: SourceHouse) -> None:
    left = [1]
    house.events._store = Mortal(house.event_store, left, after=False)
    with pytest.raises(Killed):
        house.deploy(None, hooks={"deploy": lambda call: call.emit("first")}, props=HTTP)
    house.events._store = house.event_store
    (source,) = house.sources.list(OWNER, of_workspace=False)

    house.minutes(2)

    assert (house.payloads(source), house.state(source).outbox) == (["first"], None)


@pytest.mark.parametrize("hook", ["deploy", "activate"])
def test_a_hook_that_throws_undoes_everything(house: SourceHouse, hook: str) -> None:
    with pytest.raises(InvalidError, match=f"{hook}: no such feed"):
        house.deploy(grow, hooks={"deploy": lambda call: call.emit(1), hook: lambda call: call.throw("no such feed")})

    house.minutes(5)
    assert house.source_store.list(WORKSPACE) == ()
    assert (list(house.schedule_store), len(house.states), statuses(house)) == ([], 0, [])
    assert house.event_store._streams == {}


def test_what_cannot_be_stored_is_deactivated_again(house: SourceHouse) -> None:
    def full(_: Any) -> None:
        raise UnavailableError

    house.source_store.create = full  # type: ignore[method-assign,assignment]
    with pytest.raises(UnavailableError):
        house.deploy(grow, hooks={"activate": lambda call: None, "deactivate": lambda call: None})

    assert [name for name, _ in house.js.calls] == ["activate", "deactivate"]
    assert (list(house.schedule_store), len(house.states)) == ([], 0)


@pytest.mark.parametrize("is_reachable", [True, False])
def test_a_source_whose_write_was_answered_by_nobody_is_gone_or_whole(house: SourceHouse, is_reachable: bool) -> None:
    store, create, get = house.source_store, house.source_store.create, house.source_store.get

    def unreachable(*_: Any) -> Any:
        raise UnavailableError

    def unanswered(source: Any) -> None:
        create(source)
        if not is_reachable:
            store.get = unreachable  # type: ignore[method-assign,assignment]
        raise UnavailableError("Applied, but the answer was lost.")

    store.create = unanswered  # type: ignore[method-assign]
    with pytest.raises(UnavailableError):
        house.deploy(count, name="feed", configured={"timer": {"intervalSeconds": 60}})
    store.get = get  # type: ignore[method-assign]
    house.minutes(5)

    found = store.list(WORKSPACE)
    timers = [each.enabled for each in house.schedule_store]
    assert (len(found), timers) == ((0, []) if is_reachable else (1, [True]))
    assert len(house.states) == len(found)


def test_a_source_that_was_stored_by_the_first_of_two_writes_is_deployed(house: SourceHouse) -> None:
    create = house.source_store.create

    def repeated(source: Any) -> None:
        create(source)
        create(source)

    house.source_store.create = repeated  # type: ignore[method-assign]
    source = house.deploy(count, configured={"timer": {"intervalSeconds": 60}})
    house.minutes(3)

    assert house.source_store.list(WORKSPACE) == (source,)
    assert house.payloads(source)


def test_names_become_slugs_that_no_other_of_the_owner_has(house: SourceHouse) -> None:
    slugs = [
        house.deploy(grow, name=name, code=str(at)).name_slug for at, name in enumerate(["Über uns!", "über UNS", "?"])
    ]
    default = house.deploy(grow, code="9", name=None)

    assert slugs == ["uber-uns", "uber-uns-1", "source"]
    assert (default.name, default.name_slug) == ("scripted", "scripted")


def test_pausing_stops_the_timer_and_resuming_does_not_deploy_again(house: SourceHouse) -> None:
    hooks = {name: lambda call: None for name in ("deploy", "activate", "deactivate")}
    source = house.deploy(grow, hooks=hooks, configured={"timer": {"intervalSeconds": 60}})
    house.work()

    source = house.amend(source, active=False)
    house.minutes(10)
    assert len(house.payloads(source)) == 3
    source = house.amend(source, active=True)
    house.minutes(2)

    assert len(house.payloads(source)) == 9
    names = [name for name, _ in house.js.calls]
    assert [name for name in names if name != "run"] == ["deploy", "activate", "deactivate", "activate"]


def test_a_rename_runs_no_hooks_and_changes_the_slug(house: SourceHouse) -> None:
    source = house.deploy(grow, hooks={"deactivate": lambda call: None}, name="Old", props=HTTP)

    renamed = house.amend(source, name="Newer one")

    assert (renamed.name_slug, house.js.calls, renamed.active) == ("newer-one", [], True)
    assert house.deploy(grow, name="Old", code="other").name_slug == "old"


def test_an_activation_that_fails_leaves_the_source_as_it_was(house: SourceHouse) -> None:
    def activate(call: Call) -> None:
        if call.invocation.props["feed"] == "bad":
            call.emit("never")
            call.throw("no such feed")
        call.set("feed", call.invocation.props["feed"])

    props = {"feed": "string", "timer": "$.interface.timer", "db": "$.service.db"}
    hooks = {"activate": activate, "deactivate": lambda call: call.set("feed", None)}
    source = house.deploy(grow, hooks=hooks, props=props, configured={"feed": "good"})

    with pytest.raises(InvalidError, match="activate: no such feed"):
        house.amend(source, props={"feed": "bad"})

    assert house.source_store.get(WORKSPACE, source.id) == source
    assert (house.state(source).db, house.payloads(source)) == ({"feed": "good"}, [])
    house.minutes(1)
    assert house.payloads(source) == [0, 1, 2]


def test_a_new_component_takes_over_database_address_and_events(house: SourceHouse) -> None:
    source = house.deploy(grow, props=HTTP)
    house.request(source)
    house.work()
    other = house.component(lambda call: call.emit(call.db["cursor"]), props=HTTP, code="other")

    changed = house.amend(source, choice=Choice(component_id=other.id))
    house.request(changed)
    house.work()

    assert (changed.id, changed.endpoints, changed.component_id) == (source.id, source.endpoints, other.id)
    assert house.payloads(source) == [0, 1, 2, 3]


def test_deleting_takes_everything_away_though_deactivation_fails(house: SourceHouse) -> None:
    source = house.deploy(grow, hooks={"deactivate": lambda call: call.throw("x")})
    house.work()
    house.subscribe("wh_1", emitter=source.id)

    house.sources.delete(OWNER, source.id)
    house.minutes(2)

    assert house.source_store.list(WORKSPACE) == ()
    assert (list(house.schedule_store), len(house.states), house.payloads(source)) == ([], 0, [])
    assert house.subscriptions.list(WORKSPACE) == ()
    with pytest.raises(SourceNotFoundError):
        house.sources.get(OWNER, source.id)


def test_a_half_done_deletion_is_finished_by_repeating_it(house: SourceHouse) -> None:
    source = house.deploy(grow)

    def broken(*_: Any) -> None:
        raise UnavailableError

    delete, house.states.delete = house.states.delete, broken  # type: ignore[method-assign,assignment]
    with pytest.raises(UnavailableError):
        house.sources.delete(OWNER, source.id)
    with pytest.raises(SourceNotFoundError):
        house.sources.get(OWNER, source.id)
    house.states.delete = delete  # type: ignore[method-assign]
    house.sources.delete(OWNER, source.id)

    assert (house.source_store.list(WORKSPACE), len(house.states)) == ((), 0)


def test_accounts_are_checked_when_they_are_named(house: SourceHouse) -> None:
    props = {"app": {"type": "app", "app": "acme"}}
    house.secrets["apn_7654321"] = ("other", {})

    with pytest.raises(AccountNotFoundError):
        house.deploy(grow, props=props, configured={"app": {"authProvisionId": "apn_1234567"}})
    with pytest.raises(InvalidError, match="an account of acme"):
        house.deploy(grow, props=props, configured={"app": {"authProvisionId": "apn_7654321"}}, code="b")


def test_another_workspaces_source_does_not_exist(house: SourceHouse) -> None:
    source = house.deploy(grow)
    stranger = replace(OWNER, workspace_id="ws_2")

    for call in (
        lambda: house.sources.get(stranger, source.id),
        lambda: house.sources.delete(stranger, source.id),
        lambda: house.sources.test(stranger, source.id, {}),
        lambda: house.access.workflow(OWNER, source.id, "workflows:read"),  # type: ignore[arg-type]
    ):
        with pytest.raises(Exception, match="does not exist"):
            call()


def test_a_schedule_whose_source_says_otherwise_is_corrected(house: SourceHouse) -> None:
    source = house.deploy(grow, configured={"timer": {"intervalSeconds": 600}})
    house.work()
    stored = house.source_store.get(WORKSPACE, source.id)
    timer: dict[str, Any] = {"cron": None, "interval_seconds": 60}
    house.source_store.replace(replace(stored, props={"timer": timer}, revision=stored.revision + 1))

    house.clock.advance(61)
    house.minutes(13)

    (schedule,) = house.schedule_store
    assert schedule.timing.interval_seconds == 60
    assert schedule.next_fire_at is not None
    assert schedule.next_fire_at <= house.clock.now() + timedelta(seconds=60)


def test_runs_of_sources_are_seen_by_their_id(house: SourceHouse) -> None:
    source = house.deploy(grow)
    house.work()

    (run,) = house.service.page(OWNER, RunFilter(workflow_id=source.id), 0, 10).items

    assert (run.workflow_name, run.status) == (source.name, RunStatus.SUCCEEDED)
    view = house.service.get(OWNER, run.id)
    assert [(step.node_type, step.output) for step in view.steps] == [("source", {"emitted": 3})]

"""Deliveries: what a receiver gets, when it gets it again, and what becomes of what it does not take."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from chalicelib.domain.deliveries import (
    EXCERPT_BYTES,
    JITTER,
    MAX_ATTEMPTS,
    SCHEDULE_SECONDS,
    Delivery,
    DeliveryPlace,
    DeliveryStatus,
    Origin,
)
from chalicelib.domain.endpoints import Disabling, EndpointStatus, Secret
from chalicelib.domain.errors import (
    OutboundConnectError,
    OutboundRefusedError,
    OutboundTimeoutError,
    UnavailableError,
)
from chalicelib.domain.events import ERRORS, EmitterKind
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.times import iso_ms
from chalicelib.services.events.attempts import TURN_LOOKS, TURN_SECONDS
from chalicelib.services.events.endpoint_gate import MOST_AT_ONCE, EndpointGate
from tests.fakes import START
from tests.flows.house import WORKSPACE, House, ok

PENDING, HELD, SUCCEEDED, DEAD = DeliveryStatus


@pytest.fixture
def house() -> House:
    made = House()
    made.endpoint()
    made.subscribe()
    return made


def answers(house: House, *statuses: int, headers: dict[str, str] | None = None, body: bytes = b"no") -> None:
    """One after the other; the last one from then on."""
    left = list(statuses)

    def respond(request: HttpRequest) -> HttpResponse:
        status = left.pop(0) if len(left) > 1 else left[0]
        return HttpResponse(status, headers or {}, body, request.url, 0.01)

    house.receivers.respond = respond


def raises(house: House, error: Exception, seconds: float = 0.0) -> None:
    def respond(_: HttpRequest) -> HttpResponse:
        house.clock.advance(seconds)
        raise error

    house.receivers.respond = respond


def the_delivery(house: House, endpoint_id: str = "wh_1") -> Delivery:
    (delivery,) = house.deliveries_to(endpoint_id)
    return delivery


def errors_of(house: House) -> list[Any]:
    return [event.emission.payload for event in house.events_of(stream=ERRORS)]


def fail_daily(house: House, days: int) -> None:
    """An event at this moment and at the same time of each day after, none of which is attempted again."""
    begin = house.clock.now()
    for day in range(days + 1):
        house.clock.at = begin + timedelta(days=day)
        event = house.emit(day, f"emit_{house.clock.at}")
        house.take(event.place)
        house.take(house.deliveries_to()[-1].place)
        house.delivery_queue.hints.clear()


def on_time(house: House, delivery: Delivery) -> Delivery:
    """Lets the time of the next attempt come, which a hint brings."""
    assert delivery.next_attempt_at is not None
    house.clock.at = delivery.next_attempt_at
    house.take(delivery.place)
    return house.deliveries.get(WORKSPACE, delivery.endpoint_id, delivery.id)


# -- what a receiver gets ---------------------------------------------------------------------------------------------


def test_the_body_is_the_event_alone(house: House) -> None:
    house.emit({"raw_event": {"order": 8841, "städte": ["Köln"]}})

    house.deliver()

    (request,) = house.receivers.requests
    assert (request.method, request.url) == ("POST", "https://wh-1.example/in")
    assert request.body == '{"raw_event":{"order":8841,"städte":["Köln"]}}'.encode()
    assert (request.max_redirects, request.timeout_seconds) == (0, 15.0)


def test_the_headers_say_what_it_is_and_where_it_comes_from(house: House) -> None:
    event = house.emit({"n": 1}, "2hNtW0u8LrQx5cVbKpYzDfHgJsE", "")

    house.deliver()

    (request,) = house.receivers.requests
    headers = dict(request.headers)
    assert headers.pop("webhook-signature").startswith("v1,")
    assert headers == {
        "Content-Type": "application/json",
        "User-Agent": "Penstock/0.1.0",
        "Accept-Encoding": "identity",
        "webhook-id": the_delivery(house).id,
        "webhook-timestamp": str(int(START.timestamp())),
        "x-pd-emitter-id": "wf_1",
        "x-pd-event-id": str(event.id),
        "x-pd-emit-id": "2hNtW0u8LrQx5cVbKpYzDfHgJsE",
        "x-pd-event-name": "",
    }


def test_the_endpoints_own_headers_go_along_and_never_replace_ours() -> None:
    house = House()
    house.endpoint(headers={"X-Tenant": "seven", "Webhook-Id": "forged", "content-type": "text/plain"})
    house.subscribe()

    house.emit(1)
    house.deliver()

    (request,) = house.receivers.requests
    assert request.headers["X-Tenant"] == "seven"
    lower = [name.lower() for name in request.headers]
    assert len(lower) == len(set(lower))
    assert request.headers["webhook-id"].startswith("msg_")
    assert request.headers["Content-Type"] == "application/json"


def test_the_id_and_the_body_stay_while_the_timestamp_is_that_of_the_attempt(house: House) -> None:
    answers(house, 500, 200)
    house.emit({"b": 1, "a": [1.5, None, "ü"]})

    house.deliver()
    on_time(house, the_delivery(house))

    first, second = house.receivers.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert int(second.headers["webhook-timestamp"]) > int(first.headers["webhook-timestamp"])
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


def test_while_a_secret_is_rotated_both_sign() -> None:
    house = House()
    old = "whsec_" + base64.b64encode(b"o" * 24).decode()
    new = "whsec_" + base64.b64encode(b"n" * 24).decode()
    house.endpoint(secrets=(Secret(new), Secret(old, START + timedelta(hours=24))))
    house.subscribe()

    house.emit(1, "emit_1")
    house.deliver()
    house.clock.advance(24 * 3600)
    house.emit(2, "emit_2")
    house.deliver()

    counts = [len(request.headers["webhook-signature"].split(" ")) for request in house.receivers.requests]
    assert counts == [2, 1]


def test_what_is_kept_of_an_attempt(house: House) -> None:
    def respond(request: HttpRequest) -> HttpResponse:
        house.clock.advance(0.25)
        return HttpResponse(500, {}, b"\xff" + b"x" * 5000, request.url, 0.25)

    house.receivers.respond = respond
    house.emit(1)

    house.deliver()

    (attempt,) = house.deliveries.attempts(the_delivery(house).place)
    assert (attempt.number, attempt.at, attempt.latency_ms, attempt.status) == (1, START, 250, 500)
    assert attempt.excerpt == "\ufffd" + "x" * (EXCERPT_BYTES - 1)
    assert attempt.error is None


# -- when it gets it again --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_is_success(house: House, status: int) -> None:
    answers(house, status)
    house.emit(1)

    house.deliver()

    delivery = the_delivery(house)
    assert (delivery.status, delivery.next_attempt_at, delivery.due_at) == (SUCCEEDED, None, None)
    assert delivery.finished_at == START


@pytest.mark.parametrize("status", [301, 302, 304, 307, 400, 401, 404, 408, 422, 429, 500, 502, 503])
def test_everything_else_is_tried_again(house: House, status: int) -> None:
    answers(house, status, headers={"location": "https://elsewhere.example/"})
    house.emit(1)

    house.deliver()

    delivery = the_delivery(house)
    assert delivery.status is PENDING
    assert [request.url for request in house.receivers.requests] == ["https://wh-1.example/in"]
    assert delivery.last is not None
    assert delivery.last.status == status


@pytest.mark.parametrize("error", [OutboundConnectError(), OutboundTimeoutError()])
def test_so_is_a_receiver_that_cannot_be_reached(house: House, error: Exception) -> None:
    raises(house, error)
    house.emit(1)

    house.deliver()

    delivery = the_delivery(house)
    assert delivery.status is PENDING
    assert delivery.last is not None
    assert (delivery.last.status, delivery.last.error) == (None, str(error))


def test_the_schedule_is_kept_to_the_second_but_for_its_jitter(house: House) -> None:
    answers(house, 500)
    house.emit(1)
    house.deliver()

    made_at = [START]
    while (delivery := the_delivery(house)).status is PENDING:
        on_time(house, delivery)
        made_at.append(house.clock.now())

    pauses = [(later - sooner).total_seconds() for sooner, later in itertools.pairwise(made_at)]
    assert len(made_at) == MAX_ATTEMPTS
    for pause, planned in zip(pauses, SCHEDULE_SECONDS[1:], strict=True):
        assert planned * (1 - JITTER) <= pause <= planned * (1 + JITTER)
    assert len({round(pause / planned, 3) for pause, planned in zip(pauses, SCHEDULE_SECONDS[1:], strict=True)}) > 5


def test_hints_and_ticks_alone_keep_the_schedule(house: House) -> None:
    """Nothing but the queue and a tick each minute: no attempt is early, and none is more than a second late."""
    answers(house, 500)
    times: list[datetime] = []
    due: list[datetime] = []
    house.emit(1)
    house.deliver()
    delivery = the_delivery(house)

    end = START + timedelta(hours=80)
    while (delivery := the_delivery(house)).status is PENDING and house.clock.now() < end:
        assert delivery.next_attempt_at is not None
        due.append(delivery.next_attempt_at)
        while len(house.receivers.requests) == delivery.attempts:
            _to_the_next_moment(house)
        times.append(house.clock.now())

    assert len(times) == MAX_ATTEMPTS - 1
    late = [(time - planned).total_seconds() for time, planned in zip(times, due, strict=True)]
    assert all(0 <= seconds <= 1 for seconds in late)


def _to_the_next_moment(house: House) -> None:
    """To the next hint or tick, whichever is first."""
    minute = house.clock.now().replace(second=0, microsecond=0) + timedelta(minutes=1)
    house.clock.at = min([minute, *(hint.visible_at for hint in house.delivery_queue.hints)])
    if house.clock.at == minute:
        house.tick.run()
    house.deliver()


@pytest.mark.parametrize("status", [429, 503])
def test_a_receiver_may_ask_for_a_longer_pause(house: House, status: int) -> None:
    answers(house, status, headers={"retry-after": "3600"})
    house.emit(1)

    house.deliver()

    assert the_delivery(house).next_attempt_at == START + timedelta(hours=1)


def test_the_pause_may_be_asked_for_as_a_date(house: House) -> None:
    at = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
    answers(house, 503, headers={"retry-after": format_datetime(at, usegmt=True)})
    house.emit(1)

    house.deliver()

    assert the_delivery(house).next_attempt_at == at


@pytest.mark.parametrize("wish", ["1", "soon", "-5"])
def test_a_shorter_or_an_unclear_wish_changes_nothing(house: House, wish: str) -> None:
    answers(house, 503, headers={"retry-after": wish})
    house.emit(1)

    house.deliver()

    at = the_delivery(house).next_attempt_at
    assert at is not None
    assert 4 <= (at - START).total_seconds() <= 6


def test_a_wish_is_met_up_to_a_day(house: House) -> None:
    answers(house, 429, headers={"retry-after": "999999"})
    house.emit(1)

    house.deliver()

    assert the_delivery(house).next_attempt_at == START + timedelta(days=1)


def test_other_statuses_ask_for_nothing(house: House) -> None:
    answers(house, 500, headers={"retry-after": "3600"})
    house.emit(1)

    house.deliver()

    at = the_delivery(house).next_attempt_at
    assert at is not None
    assert at < START + timedelta(seconds=7)


# -- what is not taken ------------------------------------------------------------------------------------------------


def test_after_the_last_attempt_it_is_a_dead_letter_and_an_error_of_its_emitter(house: House) -> None:
    answers(house, 500)
    event = house.emit({"n": 1})
    house.deliver()

    while (delivery := the_delivery(house)).status is PENDING:
        assert errors_of(house) == []
        on_time(house, delivery)

    assert (delivery.status, delivery.attempts, delivery.due_at) == (DEAD, MAX_ATTEMPTS, None)
    (told,) = errors_of(house)
    assert told["original_event"] == {"n": 1}
    assert told["error"]["code"] == "DeliveryExhausted"
    assert (told["endpoint_id"], told["url"]) == ("wh_1", "https://wh-1.example/in")
    assert (told["attempts"], told["last_status"]) == (MAX_ATTEMPTS, 500)
    assert (told["event_id"], told["delivery_id"]) == (str(event.id), delivery.id)


def test_an_address_that_may_not_be_called_is_not_tried_again(house: House) -> None:
    raises(house, OutboundRefusedError("The address is not one that this product may call."))
    house.emit(1)

    house.deliver()

    delivery = the_delivery(house)
    assert (delivery.status, delivery.reason) == (DEAD, "The address is not one that this product may call.")
    assert len(errors_of(house)) == 1


def test_credentials_in_a_url_are_not_told() -> None:
    house = House()
    house.endpoint(url="https://user:secret@wh.example:8443/in?token=abc&x=1")
    house.subscribe()
    raises(house, OutboundRefusedError())
    house.emit(1)

    house.deliver()

    (told,) = errors_of(house)
    assert told["url"].startswith("https://wh.example:8443/in?token=")
    assert "abc" not in told["url"]
    assert "secret" not in json.dumps(told)


def test_a_receiver_that_says_gone_gets_nothing_more(house: House) -> None:
    answers(house, 410)
    house.emit(1, "emit_1")
    house.emit(2, "emit_2")

    house.deliver()

    endpoint = house.endpoints.get(WORKSPACE, "wh_1")
    assert (endpoint.status, endpoint.status_reason) == (EndpointStatus.DISABLED, "the receiver answered 410 Gone")
    assert {delivery.status for delivery in house.deliveries_to()} == {DEAD}
    assert len(house.receivers.requests) == 1


def test_a_receiver_that_is_gone_does_not_disable_the_one_that_took_its_place(house: House) -> None:
    def move(request: HttpRequest) -> HttpResponse:
        stored = house.endpoints.get(WORKSPACE, "wh_1")
        moved = replace(stored, url="https://new.example/in", revision=stored.revision + 1)
        house.endpoints.replace(moved)
        return HttpResponse(410, {}, b"", request.url, 0.01)

    house.receivers.respond = move
    house.emit(1)
    house.deliver()

    (delivery,) = house.deliveries_to()
    assert delivery.status is DEAD
    assert house.endpoints.get(WORKSPACE, "wh_1").status is EndpointStatus.ACTIVE


def test_five_days_of_nothing_but_failures_disable_an_endpoint(house: House) -> None:
    answers(house, 500)
    fail_daily(house, 4)
    house.clock.at = START + timedelta(days=5) - timedelta(seconds=1)
    house.emit(1, "emit_last")
    house.deliver()
    before = house.endpoints.get(WORKSPACE, "wh_1").status

    house.clock.at = START + timedelta(days=5)
    house.emit(2, "emit_after_all")
    house.deliver()

    assert before is EndpointStatus.ACTIVE
    endpoint = house.endpoints.get(WORKSPACE, "wh_1")
    assert (endpoint.status, endpoint.failing_since) == (EndpointStatus.DISABLED, START)
    assert endpoint.status_reason == "no delivery has succeeded for 5 days"


@pytest.mark.parametrize("days", [3, 6, 30])
def test_two_failures_long_after_one_another_do_not_disable_an_endpoint(house: House, days: int) -> None:
    answers(house, 500)
    fail_daily(house, 3)

    house.clock.at = START + timedelta(days=3 + days)
    house.emit(1, "emit_late")
    house.deliver()

    endpoint = house.endpoints.get(WORKSPACE, "wh_1")
    assert (endpoint.status, endpoint.failing_since) == (EndpointStatus.ACTIVE, house.clock.now())


def test_a_receiver_that_fails_on_after_a_silence_has_five_days(house: House) -> None:
    answers(house, 500)
    fail_daily(house, 2)
    house.clock.at = later = START + timedelta(days=6)

    fail_daily(house, 5)

    endpoint = house.endpoints.get(WORKSPACE, "wh_1")
    assert (endpoint.status, endpoint.failing_since) == (EndpointStatus.DISABLED, later)


def test_a_disabling_is_told_to_the_errors_of_the_emitter(house: House) -> None:
    answers(house, 500)

    fail_daily(house, 6)

    (told,) = errors_of(house)
    assert told["error"]["code"] == "EndpointDisabled"
    assert told["error"]["msg"] == "the webhook wh_1 was disabled: no delivery has succeeded for 5 days"
    assert told["original_event"] is None
    assert (told["endpoint_id"], told["url"]) == ("wh_1", "https://wh-1.example/in")
    assert (told["failing_since"], told["last_status"], told["last_error"]) == (iso_ms(START), 500, None)


def test_each_disabling_is_told_once(house: House) -> None:
    answers(house, 410)
    for number in range(3):
        house.emit(number, f"emit_{number}")
        house.deliver()
    enabled = house.endpoints.get(WORKSPACE, "wh_1")
    house.endpoints.replace(replace(enabled, status=EndpointStatus.ACTIVE, revision=enabled.revision + 1))
    house.clock.advance(60)
    house.emit(3, "emit_3")
    house.deliver()

    codes = [told["error"]["code"] for told in errors_of(house)]
    assert codes == ["DeliveryExhausted", "EndpointDisabled"] * 2
    assert house.endpoints.get(WORKSPACE, "wh_1").untold is None


def test_an_endpoint_that_hears_only_of_errors_is_not_disabled_in_silence(house: House) -> None:
    house.endpoint("wh_errors")
    house.subscribe("wh_errors", channel=ERRORS)
    answers(house, 410)
    house.emit({"error": "no"}, channel=ERRORS)

    while house.deliver():
        pass

    (told,) = errors_of(house)[1:]
    assert (told["error"]["code"], told["endpoint_id"]) == ("EndpointDisabled", "wh_errors")


def test_the_next_event_brings_the_news_that_nobody_else_can_tell(house: House) -> None:
    news = Disabling(
        START,
        "the receiver answered 410 Gone",
        "https://wh-1.example/in",
        START,
        Origin(EmitterKind.WORKFLOW, "wf_1", "", "1-0", "emit_0"),
        START,
        410,
        None,
    )
    house.endpoints.disable(WORKSPACE, "wh_1", news.reason, START, news)

    for number in range(2):
        house.emit(number, f"emit_{number}")
        house.deliver()

    (told,) = errors_of(house)
    assert (told["error"]["code"], told["last_status"]) == ("EndpointDisabled", 410)


@pytest.mark.parametrize("status", [410, 500])
def test_no_crash_keeps_a_disabling_from_being_told_once(status: int) -> None:
    """A process dies at each call in turn, while an endpoint is disabled by the last attempt of its only delivery."""

    def lived(dies_at: int) -> tuple[int, House]:
        house = House()
        house.endpoint("wh_1", failing_since=START - timedelta(days=6), failed_at=START - timedelta(hours=1))
        house.subscribe("wh_1")
        answers(house, status)
        event = house.emit({"n": 1})
        house.take(event.place)
        delivery = the_delivery(house)
        key = (WORKSPACE, "wh_1", delivery.id)
        house.deliveries._deliveries[key] = replace(delivery, tried=MAX_ATTEMPTS - 1)
        return _live_through(house, dies_at, 8), house

    points, _ = lived(0)
    for dies_at in range(1, points + 1):
        _, house = lived(dies_at)
        codes = sorted(told["error"]["code"] for told in errors_of(house))
        assert the_delivery(house).status is DEAD
        assert codes.count("EndpointDisabled") == 1, dies_at
        assert house.endpoints.get(WORKSPACE, "wh_1").untold is None, dies_at


def test_what_was_pending_when_its_endpoint_was_disabled_is_told_of(house: House) -> None:
    answers(house, 500, 410)
    event = house.emit({"n": 1}, "emit_1")
    house.deliver()
    house.clock.advance(1)
    house.emit({"n": 2}, "emit_2")
    house.deliver()
    first, _ = house.deliveries_to()

    dead = on_time(house, first)

    assert dead.status is DEAD
    told = errors_of(house)[-1]
    assert (told["error"]["code"], told["delivery_id"]) == ("DeliveryExhausted", first.id)
    assert (told["event_id"], told["original_event"]) == (str(event.id), {"n": 1})
    assert (told["attempts"], told["last_status"]) == (1, 500)
    assert "410 Gone" in told["error"]["msg"]


def test_one_success_in_between_begins_the_five_days_anew(house: House) -> None:
    answers(house, 500, 200, 500)
    house.emit(0, "emit_0")
    house.deliver()
    house.clock.at = START + timedelta(days=4)
    on_time(house, the_delivery(house))
    assert house.endpoints.get(WORKSPACE, "wh_1").failing_since is None

    house.clock.at = START + timedelta(days=5)
    house.emit(1, "emit_1")
    house.deliver()

    endpoint = house.endpoints.get(WORKSPACE, "wh_1")
    assert (endpoint.status, endpoint.failing_since) == (EndpointStatus.ACTIVE, START + timedelta(days=5))


def test_no_crash_leaves_an_endpoint_failing_that_took_everything() -> None:
    """A process dies at each call in turn, while a receiver fails once and then takes the event."""

    def lived(dies_at: int) -> tuple[int, House]:
        house = House()
        house.endpoint("wh_1")
        house.subscribe("wh_1")
        answers(house, 500, 200)
        house.emit({"n": 1})
        return _live_through(house, dies_at, 8), house

    points, _ = lived(0)
    for dies_at in range(1, points + 1):
        _, house = lived(dies_at)
        assert the_delivery(house).status is SUCCEEDED
        assert house.endpoints.get(WORKSPACE, "wh_1").failing_since is None, dies_at


def test_a_success_after_a_success_writes_nothing_on_the_endpoint(house: House) -> None:
    house.endpoints.note_success = _unexpected  # type: ignore[assignment, method-assign]
    house.emit(1)

    house.deliver()

    assert the_delivery(house).status is SUCCEEDED


def test_an_endpoint_hears_of_every_dead_letter_but_its_own(house: House) -> None:
    for endpoint_id in ("wh_errors", "wh_1"):
        house.subscribe(endpoint_id, channel=ERRORS)
    house.endpoint("wh_errors")
    house.receivers.respond = lambda request: _refuse(request) if "wh-1" in request.url else ok(request)
    house.emit(1)

    while house.deliver():
        pass

    assert len(house.deliveries_to("wh_1")) == 1
    assert [delivery.status for delivery in house.deliveries_to("wh_errors")] == [SUCCEEDED]


def test_two_endpoints_that_take_nothing_do_not_tell_of_each_other_for_ever(house: House) -> None:
    house.endpoint("wh_2")
    for endpoint_id in ("wh_1", "wh_2"):
        house.subscribe(endpoint_id, channel=ERRORS)
    raises(house, OutboundRefusedError())
    house.emit(1)

    while house.deliver():
        pass

    assert len(errors_of(house)) == 1
    assert [delivery.status for delivery in house.deliveries_to("wh_2")] == [DEAD]


def test_a_test_event_has_no_emitter_that_could_hear_of_it(house: House) -> None:
    origin = Origin(None, "", "", "", "emit_test")
    delivery = Delivery(
        "msg_1", WORKSPACE, "wh_1", "webhook.test", {}, origin, START, next_attempt_at=START, due_at=START
    )
    house.deliveries.create(delivery)
    answers(house, 410)

    house.take(delivery.place)

    assert the_delivery(house).status is DEAD
    assert errors_of(house) == []


# -- endpoints that change meanwhile ----------------------------------------------------------------------------------


def test_a_delivery_is_held_while_its_endpoint_is_paused(house: House) -> None:
    answers(house, 500, 200)
    house.emit(1)
    house.deliver()
    endpoint = house.endpoints.get(WORKSPACE, "wh_1")
    house.endpoints.replace(replace(endpoint, status=EndpointStatus.PAUSED, revision=2))

    held = on_time(house, the_delivery(house))

    assert (held.status, held.due_at, held.attempts) == (HELD, None, 1)
    assert len(house.receivers.requests) == 1


def test_an_endpoint_that_is_resumed_at_the_moment_of_holding_gets_its_delivery(house: House) -> None:
    answers(house, 500, 200)
    house.emit(1)
    house.deliver()
    endpoint = house.endpoints.get(WORKSPACE, "wh_1")
    paused = replace(endpoint, status=EndpointStatus.PAUSED, revision=2)
    house.endpoints.replace(paused)
    put_off = house.deliveries.put_off

    def put_off_and_resume(*arguments: Any, **named: Any) -> None:
        put_off(*arguments, **named)
        house.endpoints.replace(replace(paused, status=EndpointStatus.ACTIVE, revision=3))

    house.deliveries.put_off = put_off_and_resume  # type: ignore[method-assign]

    on_time(house, the_delivery(house))
    house.deliver()

    assert the_delivery(house).status is SUCCEEDED


@pytest.mark.parametrize("gone", [True, False])
def test_what_an_endpoint_will_never_get_is_dead(house: House, gone: bool) -> None:
    answers(house, 500)
    house.emit(1)
    house.deliver()
    if gone:
        house.endpoints.delete(WORKSPACE, "wh_1")
    else:
        house.endpoints.disable(WORKSPACE, "wh_1", "as somebody wished", START)

    dead = on_time(house, the_delivery(house))

    assert dead.status is DEAD
    assert dead.reason == ("the webhook was deleted" if gone else "as somebody wished")
    assert len(house.receivers.requests) == 1


# -- how much a receiver gets at once ---------------------------------------------------------------------------------


def test_a_rate_limit_is_kept_and_costs_no_attempt() -> None:
    house = House()
    house.endpoint(rate_limit=3)
    house.subscribe()
    for number in range(10):
        house.emit(number, f"emit_{number}")

    house.deliver()
    at_once = len(house.receivers.requests)
    per_second: dict[int, int] = {}
    for _ in range(60):
        before = len(house.receivers.requests)
        house.clock.advance(1)
        house.deliver()
        per_second[int(house.clock.now().timestamp())] = len(house.receivers.requests) - before

    assert at_once == 3
    assert max(per_second.values()) <= 3
    assert {delivery.status for delivery in house.deliveries_to()} == {SUCCEEDED}
    assert {delivery.attempts for delivery in house.deliveries_to()} == {1}


def test_a_receiver_is_called_four_times_at_once_and_no_more(house: House) -> None:
    for number in range(10):
        house.emit(number, f"emit_{number}")
    nested: list[int] = []

    def respond(request: HttpRequest) -> HttpResponse:
        """While this one is under way, others are taken from the queue."""
        nested.append(1)
        most.append(len(nested))
        if len(most) < 10:
            house.deliver()
        nested.pop()
        return ok(request)

    most: list[int] = []
    house.receivers.respond = respond

    house.deliver()
    house.pass_time(60, step=1)
    house.deliver()

    assert max(most) == MOST_AT_ONCE
    while house.delivery_queue.hints:
        house.clock.advance(1)
        house.deliver()
    assert {delivery.status for delivery in house.deliveries_to()} == {SUCCEEDED}
    assert {delivery.attempts for delivery in house.deliveries_to()} == {1}


def test_a_receiver_that_hung_is_called_once_at_a_time() -> None:
    gate = EndpointGate()
    assert gate.enter("wh_1", is_failing=False)
    gate.leave("wh_1", timed_out=True)

    first, second = (gate.enter("wh_1", is_failing=False) for _ in range(2))
    other = gate.enter("wh_2", is_failing=False)
    gate.leave("wh_1", timed_out=False)
    again = [gate.enter("wh_1", is_failing=True) for _ in range(5)]

    assert (first, second, other) == (True, False, True)
    assert again == [True, True, True, True, False]


def test_of_an_endpoint_that_this_process_does_not_know_its_failures_count() -> None:
    gate = EndpointGate()

    assert [gate.enter("wh_1", is_failing=True) for _ in range(2)] == [True, False]


def test_where_attempts_are_quick_a_delivery_waits_for_its_turn(house: House) -> None:
    gate, clock = house.deliverer.gate, house.clock
    fill(gate)
    house.emit(1)
    sleep = clock.sleep

    def another_leaves(seconds: float) -> None:
        sleep(seconds)
        gate.leave("wh_1", timed_out=False, seconds=seconds)

    clock.sleep = another_leaves  # type: ignore[method-assign]

    house.deliver()

    delivery = the_delivery(house)
    assert (delivery.status, delivery.attempts, delivery.fence) == (SUCCEEDED, 1, 1)
    assert clock.slept_seconds == TURN_SECONDS


def test_nobody_waits_where_the_last_attempt_was_slow(house: House) -> None:
    gate = house.deliverer.gate
    gate.enter("wh_1", is_failing=False)
    gate.leave("wh_1", timed_out=False, seconds=1.0)
    fill(gate)
    house.emit(1)

    house.deliver()

    assert the_delivery(house).status is PENDING
    assert house.clock.slept_seconds == 0


def test_one_that_waits_in_vain_is_the_last_to_wait(house: House) -> None:
    fill(house.deliverer.gate)
    for number in range(3):
        house.emit(number, f"emit_{number}")

    house.deliver()

    assert {delivery.status for delivery in house.deliveries_to()} == {PENDING}
    assert house.clock.slept_seconds == pytest.approx(TURN_SECONDS * TURN_LOOKS)


def fill(gate: EndpointGate) -> None:
    for _ in range(MOST_AT_ONCE):
        assert gate.enter("wh_1", is_failing=False)


def test_what_waits_for_its_turn_is_not_attempted_and_does_not_stay(house: House) -> None:
    house.deliverer.gate.enter("wh_1", is_failing=True)
    house.deliverer.gate.leave("wh_1", timed_out=True)
    house.deliverer.gate.enter("wh_1", is_failing=True)
    house.emit(1)

    house.deliver()

    delivery = the_delivery(house)
    assert (delivery.status, delivery.attempts, delivery.lease_expires_at) == (PENDING, 0, None)
    assert delivery.next_attempt_at is not None
    assert 7 <= (delivery.next_attempt_at - START).total_seconds() <= 23
    (hint,) = house.delivery_queue.hints
    assert hint.visible_at >= delivery.next_attempt_at


def test_a_function_that_is_nearly_over_begins_no_attempt(house: House) -> None:
    house.emit(1)
    hint = house.delivery_queue.receive()
    assert hint is not None
    house.take(hint.event)
    (delivery_hint,) = house.delivery_queue.hints

    house.take(delivery_hint.deliveries[0], seconds=3.5)

    assert house.receivers.requests == []
    assert len(house.delivery_queue.hints) == 2


def test_an_attempt_is_bounded_by_the_function_it_is_made_in(house: House) -> None:
    house.emit(1)
    hint = house.delivery_queue.receive()
    assert hint is not None
    house.take(hint.event)
    (delivery_hint,) = house.delivery_queue.hints

    house.take(delivery_hint.deliveries[0], seconds=10)

    assert house.receivers.requests[0].timeout_seconds == 7.0


# -- crashes ----------------------------------------------------------------------------------------------------------


class Crash(BaseException):
    """The process dies at this very point."""


class Dying:
    """A port whose n-th call kills the process, before or after it took effect."""

    def __init__(self, target: object, script: Script) -> None:
        self._target = target
        self._script = script

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._target, name)

        def through(*arguments: Any, **named: Any) -> Any:
            self._script.reach()
            result = method(*arguments, **named)
            self._script.reach()
            return result

        return through


class Script:
    def __init__(self, dies_at: int) -> None:
        self.dies_at = dies_at
        self.reached = 0

    def reach(self) -> None:
        self.reached += 1
        if self.reached == self.dies_at:
            raise Crash


def _mortal(house: House, script: Script) -> None:
    """From here on, whoever tells and attempts may die at each call."""
    stores = {
        "endpoints": Dying(house.endpoints, script),
        "deliveries": Dying(house.deliveries, script),
        "queue": Dying(house.delivery_queue, script),
    }
    house.fanout = replace(
        house.fanout,
        events=Dying(house.event_store, script),
        subscriptions=Dying(house.subscriptions, script),
        **stores,  # type: ignore[arg-type]
    )
    house.deliverer = replace(
        house.deliverer,
        sender=Dying(house.receivers, script),
        emitting=Dying(house.events, script),  # type: ignore[arg-type]
        gate=EndpointGate(),
        **stores,  # type: ignore[arg-type]
    )


def _live_through(house: House, dies_at: int, minutes: float) -> int:
    """Everything that there is to do, with one death; how many points it could have been at."""
    script = Script(dies_at)
    _mortal(house, script)
    end = house.clock.now() + timedelta(minutes=minutes)
    while house.clock.now() < end:
        try:
            _to_the_next_moment(house)
        except Crash:
            house.deliverer = replace(house.deliverer, gate=EndpointGate())
    return script.reached


@pytest.mark.parametrize("status", [200, 500, 410])
def test_no_crash_loses_a_delivery_or_makes_two_of_one(status: int) -> None:
    """A process dies at each call in turn: while it tells, and while it attempts."""

    def lived(dies_at: int) -> tuple[int, House]:
        house = House()
        for number in range(2):
            house.endpoint(f"wh_{number}")
            house.subscribe(f"wh_{number}")
        answers(house, status, 200)
        house.emit({"n": 1})
        return _live_through(house, dies_at, 8), house

    points, undisturbed = lived(0)
    expected = _ends(undisturbed)
    for dies_at in range(1, points + 1):
        _, house = lived(dies_at)
        ends = _ends(house)
        assert ends.keys() == expected.keys()
        assert all(end in {SUCCEEDED, DEAD} for end in ends.values()), (dies_at, ends)
        assert len({request.headers["webhook-id"] for request in house.receivers.requests}) <= 2
        assert not any(house.event_store.due(shard, START + timedelta(days=9), 9) for shard in range(64))
        if status == 200:
            assert ends == expected
            assert len(house.receivers.requests) <= 3


def _ends(house: House) -> dict[str, DeliveryStatus]:
    endpoints = house.endpoints.list(WORKSPACE)
    deliveries = [delivery for endpoint in endpoints for delivery in house.deliveries_to(endpoint.id)]
    return {delivery.id: delivery.status for delivery in deliveries}


@pytest.mark.parametrize("dies_at", range(1, 12))
def test_no_crash_keeps_a_dead_letter_from_being_told_once(dies_at: int) -> None:
    house = House()
    house.endpoint()
    house.subscribe()
    raises(house, OutboundRefusedError())
    house.emit(1)

    _live_through(house, dies_at, 5)

    assert the_delivery(house).status is DEAD
    assert len(errors_of(house)) == 1


def test_an_attempt_whose_record_was_lost_is_made_again_with_the_same_id(house: House) -> None:
    house.emit(1)
    attempted = house.deliveries.attempted
    house.deliveries.attempted = _unavailable  # type: ignore[method-assign]
    with pytest.raises(UnavailableError):
        house.deliver()
    house.deliveries.attempted = attempted  # type: ignore[method-assign]

    house.pass_time(120)
    house.deliver()

    first, second = house.receivers.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert the_delivery(house).status is SUCCEEDED


def test_a_delivery_that_comes_twice_is_attempted_once(house: House) -> None:
    house.emit(1)
    house.deliver()
    place = the_delivery(house).place

    house.take(place)
    house.take(DeliveryPlace(WORKSPACE, "wh_1", START, "msg_unknown"))

    assert len(house.receivers.requests) == 1


def test_who_was_overtaken_changes_nothing(house: House) -> None:
    """The first attempt outlasts its lease, the second one is faster, and what the first one brings is too late."""
    house.emit(1)

    def respond(request: HttpRequest) -> HttpResponse:
        if len(house.receivers.requests) == 1:
            house.clock.advance(60)
            house.take(the_delivery(house).place)
            return HttpResponse(500, {}, b"", request.url, 60.0)
        return ok(request)

    house.receivers.respond = respond

    house.deliver()

    delivery = the_delivery(house)
    assert (delivery.status, delivery.attempts) == (SUCCEEDED, 1)


def _refuse(request: HttpRequest) -> HttpResponse:
    raise OutboundRefusedError(url=request.url)


def _unexpected(*_: object) -> Any:
    raise AssertionError("nothing is to be written")


def _unavailable(*_: object, **__: object) -> Any:
    raise UnavailableError

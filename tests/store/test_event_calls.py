"""How many calls to AWS the event half's stores make: a ratchet, because each is money and milliseconds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.domain.deliveries import DeliveryFilter
from chalicelib.domain.endpoints import EndpointStatus
from chalicelib.domain.errors import LeaseLostError, StaleWriteError
from chalicelib.domain.events import EventPlace, EventQuery
from chalicelib.domain.profiles import UserProfile
from chalicelib.domain.subscriptions import EVERYTHING
from chalicelib.domain.usage import Usage
from tests.fakes import START
from tests.store.backends import Calls, Stores
from tests.store.event_samples import (
    DEAD,
    EMITTER,
    ENDED,
    PENDING,
    SUCCEEDED,
    WORKFLOW,
    append,
    attempted,
    auto,
    claim,
    delivery,
    due_events,
    endpoint,
    put_off,
    subscription,
)
from tests.store.samples import after
from tests.store.test_endpoints import NEWS

GET, PUT, UPDATE, DELETE, QUERY = "GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query"
GET_MANY, DELETE_MANY = "BatchGetItem", "BatchWriteItem"
LARGE = "x" * 100_000
PLACE = delivery().place
LATER = delivery(id="msg_2", created_at=after(1))
DONE = delivery(id="msg_3", status=SUCCEEDED, **ENDED)


@pytest.fixture
def populated(on_aws: Stores, calls: Calls) -> Stores:
    append(on_aws, "known", due=1)
    append(on_aws, "large", payload=LARGE)
    append(on_aws, "newest", channel="orders")
    for number in range(3):
        on_aws.subscriptions.create(subscription(id=f"sub_{number}", listener_id=f"wh_{number}"))
    on_aws.subscriptions.create(subscription(emitter=EVERYTHING, channel="$errors"))
    on_aws.subscriptions.create_auto(auto())
    on_aws.endpoints.create(endpoint())
    on_aws.endpoints.create(endpoint(id="wh_2", status=EndpointStatus.DISABLED))
    on_aws.deliveries.create(delivery())
    claim(on_aws)
    on_aws.deliveries.create(LATER)
    on_aws.deliveries.create(DONE)
    on_aws.deliveries.create(delivery(id="msg_large", payload=LARGE))
    calls.take()
    return on_aws


def place(stores: Stores) -> EventPlace:
    return stores.events.page(EMITTER, "", EventQuery(limit=9)).items[-1].place


def page(stores: Stores, limit: int = 9, **where: object) -> None:
    stores.deliveries.page("ws_a", "wh_1", DeliveryFilter(**where), after=None, limit=limit)  # type: ignore[arg-type]


def any_for(stores: Stores, emitter_id: str = "p_1", channel: str = "") -> None:
    stores.subscriptions.any_for("ws_a", WORKFLOW, emitter_id, channel)


EVENTS: dict[str, tuple[Callable[[Stores], object], list[str]]] = {
    "append": (lambda s: append(s), [QUERY, PUT]),
    "append large": (lambda s: append(s, payload=LARGE), [QUERY, "PutObject", PUT]),
    "append what may be known": (lambda s: append(s, may_repeat=True), [QUERY, PUT]),
    "append what is known": (lambda s: append(s, "known", may_repeat=True), [QUERY]),
    "short page": (lambda s: s.events.page(EMITTER, "$errors", EventQuery()), [QUERY]),
    "full page": (lambda s: s.events.page(EMITTER, "", EventQuery(limit=1)), [QUERY, QUERY]),
    "page with large": (lambda s: s.events.page(EMITTER, "", EventQuery()), [QUERY, "GetObject"]),
    "page of a channel": (lambda s: s.events.page(EMITTER, "", EventQuery(limit=1, channel="orders")), [QUERY]),
    "delete": (lambda s: s.events.delete(EMITTER, "", None, None, 25), [QUERY, DELETE_MANY]),
    "delete nothing": (lambda s: s.events.delete(EMITTER, "$logs", None, None, 25), [QUERY]),
    "due": (lambda s: s.events.due(0, after(9), 10), [QUERY]),
}
SUBSCRIPTIONS: dict[str, tuple[Callable[[Stores], object], list[str]]] = {
    "create": (lambda s: s.subscriptions.create(subscription(emitter="p_2")), [GET, PUT, PUT]),
    "create again": (lambda s: s.subscriptions.create(subscription(listener_id="wh_0")), [GET]),
    "delete": (lambda s: s.subscriptions.delete("ws_a", "p_1", "", "wh_1"), [DELETE, DELETE]),
    "delete what is not there": (lambda s: s.subscriptions.delete("ws_a", "p_2", "", "wh_1"), [DELETE]),
    "list": (lambda s: s.subscriptions.list("ws_a"), [QUERY]),
    "any for": (any_for, [QUERY, QUERY]),
    "any for what globs match": (lambda s: any_for(s, "p_2", "$errors"), [QUERY]),
    "any for nobody": (lambda s: any_for(s, "p_2"), [QUERY, QUERY]),
    "matching": (lambda s: s.subscriptions.matching("ws_a", WORKFLOW, "p_1", ""), [QUERY, QUERY]),
    "delete of": (lambda s: s.subscriptions.delete_of("ws_a", "wh_2"), [QUERY, QUERY, DELETE, DELETE, QUERY]),
    "delete of nobody": (lambda s: s.subscriptions.delete_of("ws_a", "wh_9"), [QUERY, QUERY, QUERY]),
    "create auto": (lambda s: s.subscriptions.create_auto(auto(channel="$logs")), [PUT]),
    "list auto": (lambda s: s.subscriptions.list_auto("ws_a"), [QUERY]),
    "delete auto": (lambda s: s.subscriptions.delete_auto("ws_a", "$errors", "wh_1"), [DELETE]),
}
ENDPOINTS: dict[str, tuple[Callable[[Stores], object], list[str]]] = {
    "create": (lambda s: s.endpoints.create(endpoint(id="new")), [PUT]),
    "get": (lambda s: s.endpoints.get("ws_a", "wh_1"), [GET]),
    "replace": (lambda s: s.endpoints.replace(endpoint(revision=2)), [UPDATE]),
    "delete": (lambda s: s.endpoints.delete("ws_a", "wh_1"), [DELETE]),
    "list": (lambda s: s.endpoints.list("ws_a"), [QUERY]),
    "find": (lambda s: s.endpoints.find("ws_a", ["wh_1", "wh_2", "wh_9"]), ["BatchGetItem"]),
    "note failure": (lambda s: s.endpoints.note_failure("ws_a", "wh_1", START), [UPDATE]),
    "note success": (lambda s: s.endpoints.note_success("ws_a", "wh_1"), [UPDATE]),
    "disable": (lambda s: s.endpoints.disable("ws_a", "wh_1", "gone", START), [UPDATE]),
    "disable again": (lambda s: s.endpoints.disable("ws_a", "wh_2", "gone", START), [UPDATE]),
    "note told": (lambda s: s.endpoints.note_told("ws_a", "wh_1", NEWS), [UPDATE]),
}
DELIVERIES: dict[str, tuple[Callable[[Stores], object], list[str]]] = {
    "create": (lambda s: s.deliveries.create(delivery(id="new")), [PUT, PUT]),
    "create large": (lambda s: s.deliveries.create(delivery(id="new", payload=LARGE)), ["PutObject", PUT, PUT]),
    "create again": (lambda s: s.deliveries.create(delivery()), [PUT, PUT]),
    "claim": (lambda s: claim(s, of=LATER), [UPDATE]),
    "claim large": (lambda s: claim(s, of=delivery(id="msg_large")), [UPDATE, "GetObject"]),
    "claim what is held": (claim, [UPDATE]),
    "attempted": (attempted, [PUT, UPDATE]),
    "put off": (put_off, [UPDATE]),
    "revive": (lambda s: s.deliveries.revive(DONE.place, frozenset({SUCCEEDED}), after(9), START), [UPDATE]),
    "revive not": (lambda s: s.deliveries.revive(PLACE, frozenset({DEAD}), after(9), START), [UPDATE]),
    "get": (lambda s: s.deliveries.get("ws_a", "wh_1", "msg_1"), [GET, GET]),
    "get large": (lambda s: s.deliveries.get("ws_a", "wh_1", "msg_large"), [GET, GET, "GetObject"]),
    "attempts": (lambda s: s.deliveries.attempts(PLACE), [GET, QUERY]),
    "page": (page, [QUERY]),
    "page of what has succeeded": (lambda s: page(s, statuses=frozenset({SUCCEEDED})), [QUERY]),
    "page of what has not": (lambda s: page(s, statuses=frozenset({PENDING, DEAD})), [QUERY, GET_MANY]),
    "page of dead letters": (lambda s: page(s, statuses=frozenset({DEAD})), [QUERY]),
    "due": (lambda s: s.deliveries.due(0, after(99), 10), [QUERY]),
    "rearm": (lambda s: s.deliveries.rearm(LATER.place, after(60), after(99)), [UPDATE]),
    "delete of": (lambda s: s.deliveries.delete_of("ws_a", "wh_1", 25), [QUERY, DELETE_MANY, QUERY, DELETE_MANY]),
}
REST: dict[str, tuple[Callable[[Stores], object], list[str]]] = {
    "usage add": (lambda s: s.usage.add("ws_a", "2026-11-02", Usage(1, 2, 3)), [UPDATE]),
    "usage of": (lambda s: s.usage.of("ws_a", "2026-11-02"), [GET_MANY]),
    "profile put": (lambda s: s.profiles.put_user(UserProfile("u", "n", "e")), [PUT]),
    "profile get": (lambda s: s.profiles.user("u"), [GET]),
}
GROUPS = {
    "events": EVENTS,
    "subscriptions": SUBSCRIPTIONS,
    "endpoints": ENDPOINTS,
    "deliveries": DELIVERIES,
    "rest": REST,
}


@pytest.mark.parametrize(
    ("act", "expected"),
    [case for group in GROUPS.values() for case in group.values()],
    ids=[f"{name} {case}" for name, group in GROUPS.items() for case in group],
)
def test_a_method_makes_no_more_calls_than_it_must(
    populated: Stores, calls: Calls, act: Callable[[Stores], object], expected: list[str]
) -> None:
    act(populated)

    assert calls.take() == expected


def test_what_is_done_to_a_known_event_is_one_call(populated: Stores, calls: Calls) -> None:
    known = place(populated)
    calls.take()

    for act in (
        lambda: populated.events.get(known),
        lambda: populated.events.rearm(known, after(1), after(2)),
        lambda: populated.events.settle(known),
    ):
        act()
    assert calls.take() == [GET, UPDATE, UPDATE]
    assert due_events(populated, 9) == []


def test_a_refusal_needs_no_read_to_say_why(populated: Stores, calls: Calls) -> None:
    with pytest.raises(StaleWriteError):
        populated.endpoints.replace(endpoint(revision=9))
    with pytest.raises(LeaseLostError):
        put_off(populated, 9)

    assert calls.take() == [UPDATE, UPDATE]


def test_whether_there_are_listeners_is_read_from_one_item_of_many(on_aws: Stores, calls: Calls) -> None:
    for number in range(20):
        on_aws.subscriptions.create(subscription(listener_id=f"wh_{number}"))
        on_aws.subscriptions.create(subscription(listener_id=f"wh_{number}", emitter=EVERYTHING, channel="x"))
    calls.take()

    any_for(on_aws)
    calls.take()
    assert calls.items == 1
    any_for(on_aws, channel="x")
    calls.take()
    assert calls.items == 1


def test_dead_letters_are_found_without_reading_through_successes(on_aws: Stores, calls: Calls) -> None:
    for number in range(20):
        on_aws.deliveries.create(delivery(id=f"msg_{number}", status=SUCCEEDED, **ENDED))
    on_aws.deliveries.create(delivery(id="msg_dead", status=DEAD, **ENDED))
    calls.take()

    page(on_aws, statuses=frozenset({DEAD}))

    calls.take()
    assert calls.items == 1


def test_an_append_reads_one_key(on_aws: Stores, calls: Calls) -> None:
    for number in range(20):
        append(on_aws, f"e{number}")
    calls.take()

    append(on_aws)

    calls.take()
    assert calls.items == 1

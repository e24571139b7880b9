"""Deliveries: claims under a fence, what releases them, attempts, lists, what is due and what expires."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.deliveries import Delivery, DeliveryFilter, DeliveryPlace, DeliveryStatus, DueDelivery, Origin
from chalicelib.domain.errors import DeliveryNotFoundError, InvalidError, LeaseLostError, TooLargeError
from chalicelib.domain.events import MAX_PAYLOAD_BYTES
from tests.fakes import START
from tests.store.backends import Stores
from tests.store.event_samples import (
    DEAD,
    ENDED,
    HELD,
    PENDING,
    SUCCEEDED,
    attempt,
    attempted,
    claim,
    delivery,
    due_deliveries,
    put_off,
)
from tests.store.samples import after

PLACE = delivery().place
FULL = delivery(
    payload=[1, 1.0, "ü"],
    origin=Origin(None, "", "$errors", "", "e2"),
    status=DEAD,
    attempts=11,
    tried=10,
    next_attempt_at=None,
    due_at=None,
    fence=12,
    finished_at=after(9),
    last=attempt(11, status=None, error="timeout", excerpt=None),
    reason="endpoint_disabled",
)


def get(stores: Stores, id_: str = "msg_1") -> Delivery:
    return stores.deliveries.get("ws_a", "wh_1", id_)


def listed(stores: Stores, limit: int = 99, **where: Any) -> list[str]:
    page = stores.deliveries.page("ws_a", "wh_1", DeliveryFilter(**where), after=None, limit=limit)
    return [each.id for each in page.items]


@pytest.mark.parametrize("wanted", [delivery(), delivery(payload="x" * 100_000), FULL], ids=["new", "large", "full"])
def test_a_delivery_is_read_as_it_was_created(stores: Stores, wanted: Delivery) -> None:
    assert stores.deliveries.create(wanted) is True

    assert get(stores) == wanted
    page = stores.deliveries.page("ws_a", "wh_1", DeliveryFilter(), after=None, limit=9)
    assert page.items == (replace(wanted, payload=None),)


def test_a_delivery_is_created_once(stores: Stores) -> None:
    stores.deliveries.create(delivery())

    assert stores.deliveries.create(delivery(payload=2)) is False
    assert get(stores) == delivery()


def test_a_delivery_created_at_another_time_is_the_same(stores: Stores) -> None:
    stores.deliveries.create(delivery())

    assert stores.deliveries.create(delivery(created_at=after(5))) is False
    assert listed(stores) == ["msg_1"]


def test_a_payload_above_the_limit_is_refused(stores: Stores) -> None:
    with pytest.raises(TooLargeError):
        stores.deliveries.create(delivery(payload="x" * MAX_PAYLOAD_BYTES))
    assert listed(stores) == []


@pytest.mark.parametrize(
    ("workspace_id", "endpoint_id", "delivery_id"),
    [("ws_b", "wh_1", "msg_1"), ("ws_a", "wh_2", "msg_1"), ("ws_a", "wh_1", "msg_2"), ("ws_a", "wh_1", "x" * 2000)],
)
def test_what_is_not_there_is_not_found(stores: Stores, workspace_id: str, endpoint_id: str, delivery_id: str) -> None:
    stores.deliveries.create(delivery())

    with pytest.raises(DeliveryNotFoundError):
        stores.deliveries.get(workspace_id, endpoint_id, delivery_id)
    place = DeliveryPlace(workspace_id, endpoint_id, START, delivery_id)
    assert stores.deliveries.attempts(place) == ()
    assert stores.deliveries.claim(place, now=START, lease_expires_at=after(9)) is None
    assert stores.deliveries.rearm(place, after(60), after(70)) is False
    assert stores.deliveries.revive(place, frozenset(DeliveryStatus), after(60), START) is False
    with pytest.raises(LeaseLostError):
        stores.deliveries.put_off(place, 1, status=HELD, next_attempt_at=None, due_at=None)


def test_a_claim_returns_the_delivery_with_its_payload_under_a_new_fence(stores: Stores) -> None:
    stores.deliveries.create(delivery(payload="x" * 100_000))

    claimed = claim(stores, 1)

    assert claimed == delivery(payload="x" * 100_000, fence=1, lease_expires_at=after(61), due_at=after(61))
    assert get(stores) == claimed


def test_a_claim_is_refused_while_another_lasts(stores: Stores) -> None:
    stores.deliveries.create(delivery())
    claim(stores)

    assert claim(stores, 59.999) is None
    retaken = claim(stores, 60)
    assert retaken is not None
    assert retaken.fence == 2


def test_a_claim_is_refused_before_the_next_attempt_is_due(stores: Stores) -> None:
    stores.deliveries.create(delivery(next_attempt_at=after(5)))

    assert claim(stores, 4.999) is None
    assert claim(stores, 5) is not None


@pytest.mark.parametrize("status", [HELD, SUCCEEDED, DEAD])
def test_only_a_pending_delivery_is_claimed(stores: Stores, status: DeliveryStatus) -> None:
    stores.deliveries.create(delivery(status=status, due_at=None))

    assert claim(stores, 99) is None


def test_a_pending_delivery_without_a_next_attempt_is_not_claimed(stores: Stores) -> None:
    stores.deliveries.create(delivery(next_attempt_at=None))

    assert claim(stores, 99) is None


def test_a_failed_attempt_is_counted_and_kept(stores: Stores) -> None:
    stores.deliveries.create(delivery())
    claim(stores)

    attempted(stores)

    kept = delivery(fence=1, attempts=1, tried=1, last=attempt(), next_attempt_at=after(300), due_at=after(360))
    assert get(stores) == kept
    assert stores.deliveries.attempts(PLACE) == (attempt(),)
    assert claim(stores, 299) is None
    assert claim(stores, 300) is not None


def test_a_success_ends_the_delivery(stores: Stores) -> None:
    stores.deliveries.create(delivery())
    claim(stores)
    stores.clock.advance(4)

    attempted(stores, tried=attempt(status=200), status=SUCCEEDED, **ENDED)

    found = get(stores)
    assert (found.status, found.finished_at, found.due_at) == (SUCCEEDED, after(4), None)
    assert due_deliveries(stores, 9999) == []


def test_a_last_attempt_makes_a_dead_letter(stores: Stores) -> None:
    stores.deliveries.create(delivery())
    claim(stores)

    attempted(stores, status=DEAD, reason="gone", **ENDED)

    found = get(stores)
    assert (found.status, found.finished_at, found.reason, found.attempts) == (DEAD, START, "gone", 1)


@pytest.mark.parametrize("status", [PENDING, HELD, DEAD])
def test_what_is_put_off_counts_no_attempt(stores: Stores, status: DeliveryStatus) -> None:
    stores.deliveries.create(delivery())
    claim(stores)

    put_off(stores, status=status, reason="paused", **({} if status is PENDING else ENDED))

    found = get(stores)
    assert (found.status, found.attempts, found.tried, found.last, found.reason) == (status, 0, 0, None, "paused")
    assert (found.lease_expires_at, found.finished_at) == (None, START if status is DEAD else None)
    assert stores.deliveries.attempts(PLACE) == ()


def test_a_reason_goes_with_the_next_release(stores: Stores) -> None:
    stores.deliveries.create(delivery())
    claim(stores)
    put_off(stores, reason="busy", next_attempt_at=after(1))
    claim(stores, 1)

    put_off(stores, 2)

    assert get(stores).reason is None


def test_what_is_written_under_a_lost_claim_is_refused(stores: Stores) -> None:
    stores.deliveries.create(delivery())
    claim(stores)
    claim(stores, 60)

    with pytest.raises(LeaseLostError):
        attempted(stores, 1)
    with pytest.raises(LeaseLostError):
        put_off(stores, 1)

    assert stores.deliveries.attempts(PLACE) == ()
    assert get(stores).attempts == 0
    attempted(stores, 2, attempt(status=200), status=SUCCEEDED, **ENDED)
    assert stores.deliveries.attempts(PLACE) == (attempt(status=200),)


def test_a_claim_is_given_back_once(stores: Stores) -> None:
    stores.deliveries.create(delivery())
    claim(stores)
    attempted(stores)

    with pytest.raises(LeaseLostError):
        attempted(stores)
    with pytest.raises(LeaseLostError):
        put_off(stores)
    assert get(stores).attempts == 1


def test_a_claim_that_ran_out_counts_until_somebody_else_takes_it(stores: Stores) -> None:
    stores.deliveries.create(delivery())
    claim(stores)
    stores.clock.advance(99)

    attempted(stores)

    assert get(stores).attempts == 1


def test_attempts_are_listed_oldest_first_through_redeliveries(stores: Stores) -> None:
    stores.deliveries.create(delivery())
    for number in range(1, 24):
        assert claim(stores, number)
        attempted(stores, number, attempt(number), next_attempt_at=after(number))

    assert stores.deliveries.attempts(PLACE) == tuple(attempt(number) for number in range(1, 24))


@pytest.mark.parametrize("status", [SUCCEEDED, DEAD])
def test_a_revived_delivery_begins_a_new_series(stores: Stores, status: DeliveryStatus) -> None:
    stores.deliveries.create(delivery())
    claim(stores)
    attempted(stores, status=status, reason="why", **ENDED)

    assert stores.deliveries.revive(PLACE, frozenset({status}), after(70), after(10)) is True

    revived = delivery(fence=2, attempts=1, last=attempt(), next_attempt_at=after(10), due_at=after(70))
    assert get(stores) == revived
    assert [entry.due_at for entry in due_deliveries(stores, 70)] == [after(70)]
    assert claim(stores, 10) is not None
    assert stores.deliveries.attempts(PLACE) == (attempt(),)


def test_a_delivery_in_another_status_is_not_revived(stores: Stores) -> None:
    stores.deliveries.create(delivery())

    assert stores.deliveries.revive(PLACE, frozenset({DEAD, SUCCEEDED}), after(70), START) is False
    assert stores.deliveries.revive(PLACE, frozenset(), after(70), START) is False
    assert get(stores) == delivery()


def test_reviving_takes_a_pending_delivery_from_whoever_holds_it(stores: Stores) -> None:
    stores.deliveries.create(delivery())
    claim(stores)

    assert stores.deliveries.revive(PLACE, frozenset({PENDING}), after(70), after(1)) is True

    with pytest.raises(LeaseLostError):
        attempted(stores)
    assert claim(stores, 1) is not None


def test_a_delivery_is_due_until_it_ends_or_is_held(stores: Stores) -> None:
    stores.deliveries.create(delivery())
    stores.deliveries.create(delivery(id="msg_2", due_at=after(50), next_attempt_at=after(40)))
    stores.deliveries.create(delivery(id="msg_3", status=HELD, **ENDED))

    second = DeliveryPlace("ws_a", "wh_1", START, "msg_2")
    entries = [DueDelivery(second, after(50), after(40)), DueDelivery(PLACE, after(60), START)]
    assert due_deliveries(stores, 49) == []
    assert due_deliveries(stores, 60) == entries
    claim(stores, 10)
    assert due_deliveries(stores, 69) == entries[:1]
    put_off(stores, status=HELD, **ENDED)
    assert due_deliveries(stores, 9999) == entries[:1]


def test_the_earliest_that_are_due_come_first(stores: Stores) -> None:
    for number in range(40):
        stores.deliveries.create(delivery(id=f"msg_{number}", due_at=after(40 - number)))

    for shard in range(8):
        everything = stores.deliveries.due(shard, after(99), 99)
        assert list(everything) == sorted(everything, key=lambda entry: entry.due_at)
        assert stores.deliveries.due(shard, after(99), 2) == everything[:2]


def test_a_due_time_moves_only_from_where_it_was_seen(stores: Stores) -> None:
    stores.deliveries.create(delivery())

    assert stores.deliveries.rearm(PLACE, after(59), after(99)) is False
    assert stores.deliveries.rearm(PLACE, after(60), after(99)) is True
    assert get(stores) == delivery(due_at=after(99))
    assert due_deliveries(stores, 98) == []


def test_lists_are_newest_first_and_apart_by_endpoint(stores: Stores) -> None:
    for id_, seconds in (("msg_b", 1), ("msg_a", 1), ("msg_c", 0), ("msg_d", 2)):
        stores.deliveries.create(delivery(id=id_, created_at=after(seconds)))
    stores.deliveries.create(delivery(endpoint_id="wh_2"))
    stores.deliveries.create(delivery(workspace_id="ws_b"))

    assert listed(stores) == ["msg_d", "msg_b", "msg_a", "msg_c"]
    assert listed(stores, limit=2) == ["msg_d", "msg_b"]


@pytest.mark.parametrize("statuses", [frozenset(), frozenset({PENDING})], ids=["all", "pending"])
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 9])
def test_pages_follow_each_other_without_gaps(stores: Stores, limit: int, statuses: frozenset[DeliveryStatus]) -> None:
    for number in range(8):
        stores.deliveries.create(delivery(id=f"msg_{number}", created_at=after(number // 2)))
    found: list[str] = []
    cursor, pages = None, 0
    while cursor is not None or pages == 0:
        page = stores.deliveries.page("ws_a", "wh_1", DeliveryFilter(statuses), after=cursor, limit=limit)
        found += [each.id for each in page.items]
        cursor, pages = page.next, pages + 1
        assert len(page.items) <= limit

    assert found == [f"msg_{number}" for number in range(7, -1, -1)]
    assert pages == -(-8 // limit)


@pytest.mark.parametrize("statuses", [frozenset(), frozenset({DEAD})], ids=["all", "dead"])
def test_lists_are_bounded_by_time_inclusively(stores: Stores, statuses: frozenset[DeliveryStatus]) -> None:
    for number in range(5):
        stores.deliveries.create(delivery(id=f"msg_{number}", created_at=after(number), status=DEAD, **ENDED))

    assert listed(stores, statuses=statuses, since=after(1), until=after(3)) == ["msg_3", "msg_2", "msg_1"]
    assert listed(stores, statuses=statuses, since=after(3.5)) == ["msg_4"]
    assert listed(stores, statuses=statuses, until=after(0)) == ["msg_0"]
    assert listed(stores, statuses=statuses, since=after(3), until=after(1)) == []


def test_lists_show_the_statuses_that_are_asked_for(stores: Stores) -> None:
    for number, status in enumerate((PENDING, HELD, SUCCEEDED, DEAD) * 2):
        stores.deliveries.create(delivery(id=f"msg_{number}", created_at=after(number), status=status, **ENDED))

    assert listed(stores, statuses=frozenset({DEAD})) == ["msg_7", "msg_3"]
    assert listed(stores, statuses=frozenset({HELD, PENDING})) == ["msg_5", "msg_4", "msg_1", "msg_0"]
    assert listed(stores, statuses=frozenset({SUCCEEDED})) == ["msg_6", "msg_2"]
    assert listed(stores, statuses=frozenset({SUCCEEDED, DEAD}), limit=3) == ["msg_7", "msg_6", "msg_3"]


def test_lists_follow_every_change_of_status(stores: Stores) -> None:
    stores.deliveries.create(delivery())
    claim(stores)
    attempted(stores, status=SUCCEEDED, **ENDED)
    assert listed(stores, statuses=frozenset({PENDING, HELD, DEAD})) == []

    stores.deliveries.revive(PLACE, frozenset({SUCCEEDED}), after(70), START)
    assert listed(stores, statuses=frozenset({PENDING})) == ["msg_1"]

    claim(stores)
    put_off(stores, 3, status=DEAD, **ENDED)
    assert listed(stores, statuses=frozenset({DEAD})) == ["msg_1"]
    assert listed(stores, statuses=frozenset({PENDING})) == []


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "ü", "=", base64.urlsafe_b64encode(b"\xff").decode(), base64.urlsafe_b64encode(b"abc").decode()],
)
def test_a_cursor_that_no_page_named_is_refused(stores: Stores, cursor: str) -> None:
    with pytest.raises(InvalidError):
        stores.deliveries.page("ws_a", "wh_1", DeliveryFilter(), after=cursor, limit=9)


def test_an_endpoints_deliveries_are_removed_in_slices(stores: Stores) -> None:
    for number in range(30):
        stores.deliveries.create(delivery(id=f"msg_{number:02}"))
    stores.deliveries.create(delivery())
    claim(stores)
    attempted(stores)
    other = delivery(endpoint_id="wh_2")
    stores.deliveries.create(other)

    assert stores.deliveries.delete_of("ws_a", "wh_1", 10) is True
    assert len(listed(stores)) == 21
    while stores.deliveries.delete_of("ws_a", "wh_1", 10):
        pass

    assert listed(stores) == []
    assert stores.deliveries.attempts(PLACE) == ()
    with pytest.raises(DeliveryNotFoundError):
        get(stores)
    assert stores.deliveries.get("ws_a", "wh_2", "msg_1") == other


def finished(make: Callable[..., Stores], status: DeliveryStatus) -> Stores:
    stores = make(retention_seconds=100)
    stores.deliveries.create(delivery())
    claim(stores)
    stores.clock.advance(10)
    attempted(stores, status=status, **(ENDED if status is not PENDING else {}))
    return stores


@pytest.mark.parametrize("status", [SUCCEEDED, DEAD])
def test_a_finished_delivery_expires(make: Callable[..., Stores], status: DeliveryStatus) -> None:
    stores = finished(make, status)

    stores.clock.advance(99)
    assert listed(stores) == listed(stores, statuses=frozenset({status})) == ["msg_1"]
    stores.clock.advance(1)

    assert listed(stores) == listed(stores, statuses=frozenset({status})) == []
    with pytest.raises(DeliveryNotFoundError):
        get(stores)
    assert stores.deliveries.attempts(PLACE) == ()
    assert stores.deliveries.revive(PLACE, frozenset({status}), after(999), after(900)) is False


@pytest.mark.parametrize("status", [PENDING, HELD])
def test_what_has_not_finished_never_expires(make: Callable[..., Stores], status: DeliveryStatus) -> None:
    stores = finished(make, status)

    stores.clock.advance(10**6)

    assert get(stores).status is status
    assert listed(stores) == ["msg_1"]


def test_a_dead_letter_from_the_start_expires(make: Callable[..., Stores]) -> None:
    stores = make(retention_seconds=100)
    stores.deliveries.create(delivery(status=DEAD, finished_at=START, **ENDED))

    stores.clock.advance(100)

    assert listed(stores) == []


def test_a_revived_delivery_does_not_expire(make: Callable[..., Stores]) -> None:
    stores = finished(make, DEAD)
    stores.deliveries.revive(PLACE, frozenset({DEAD}), after(70), after(10))

    stores.clock.advance(10**6)

    assert get(stores).status is PENDING
    assert stores.deliveries.attempts(PLACE) == (attempt(),)

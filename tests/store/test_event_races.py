"""Many threads at once on events, subscriptions, endpoints and deliveries."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from chalicelib.domain.deliveries import Delivery, DeliveryFilter
from chalicelib.domain.endpoints import EndpointStatus
from chalicelib.domain.errors import LeaseLostError, StaleWriteError
from chalicelib.domain.events import Event, EventQuery
from chalicelib.domain.usage import Usage
from tests.fakes import START
from tests.store.backends import Stores
from tests.store.event_samples import (
    DEAD,
    EMITTER,
    ENDED,
    HELD,
    SUCCEEDED,
    WORKFLOW,
    append,
    attempt,
    attempted,
    claim,
    delivery,
    endpoint,
    put_off,
    subscription,
)
from tests.store.samples import after
from tests.store.test_races import THREADS, at_once


def test_every_event_gets_an_id_of_its_own(on_aws: Stores) -> None:
    results = at_once(lambda number: append(on_aws, f"e{number}", payload=number))

    appended = [result for result in results if isinstance(result, Event)]
    page = on_aws.events.page(EMITTER, "", EventQuery(limit=99))
    assert len(appended) == THREADS
    assert page.items == tuple(sorted(appended, key=lambda event: event.id, reverse=True))


def test_an_event_that_is_appended_after_another_has_the_greater_id(on_aws: Stores) -> None:
    def append_two(number: int) -> bool:
        return append(on_aws, f"a{number}").id < append(on_aws, f"b{number}", -number).id

    assert at_once(append_two) == [True] * THREADS


def test_all_get_the_one_subscription_of_a_triple(on_aws: Stores) -> None:
    results = at_once(lambda number: on_aws.subscriptions.create(subscription(id=f"sub_{number}")))

    (stored,) = on_aws.subscriptions.list("ws_a")
    assert results == [stored] * THREADS


def test_a_subscription_that_comes_and_goes_is_always_found_from_its_listener(on_aws: Stores) -> None:
    def create_or_delete(number: int) -> object:
        if number % 2:
            return on_aws.subscriptions.delete("ws_a", "p_1", "", "wh_1")
        return on_aws.subscriptions.create(subscription(id=f"sub_{number}"))

    for _ in range(3):
        at_once(create_or_delete)
        on_aws.subscriptions.delete_of("ws_a", "wh_1")
        assert on_aws.subscriptions.list("ws_a") == ()
        assert not on_aws.subscriptions.any_for("ws_a", WORKFLOW, "p_1", "")


def test_one_of_many_deletions_finds_the_subscription(on_aws: Stores) -> None:
    on_aws.subscriptions.create(subscription())

    results = at_once(lambda _: on_aws.subscriptions.delete("ws_a", "p_1", "", "wh_1"))

    assert results.count(True) == 1


def test_an_endpoint_is_changed_noted_on_and_disabled_without_loss(on_aws: Stores) -> None:
    on_aws.endpoints.create(endpoint())
    acts: list[Callable[[], object]] = [
        partial(on_aws.endpoints.replace, endpoint(revision=2, name="Shop")),
        partial(on_aws.endpoints.note_failure, "ws_a", "wh_1", after(5)),
        partial(on_aws.endpoints.disable, "ws_a", "wh_1", "gone", after(7)),
    ]

    results = at_once(lambda number: acts[number % 3]())

    changes = results[::3]
    found = on_aws.endpoints.get("ws_a", "wh_1")
    assert {type(result) for result in changes} <= {type(None), StaleWriteError}
    assert changes.count(None) <= 1
    assert results[1::3] == [after(5)] * len(results[1::3])
    assert results[2::3].count(True) == 1
    assert (found.status, found.failing_since) == (EndpointStatus.DISABLED, after(5))
    assert (found.revision, found.name) == ((3, "Shop") if None in changes else (2, None))


def test_one_of_many_creations_of_a_delivery_counts(on_aws: Stores) -> None:
    results = at_once(lambda number: on_aws.deliveries.create(delivery(payload=number, created_at=after(number))))

    winner = results.index(True)
    page = on_aws.deliveries.page("ws_a", "wh_1", DeliveryFilter(), after=None, limit=99)
    assert (results.count(True), len(page.items)) == (1, 1)
    assert on_aws.deliveries.get("ws_a", "wh_1", "msg_1").payload == winner


def test_one_of_many_claims_of_a_delivery_wins(on_aws: Stores) -> None:
    on_aws.deliveries.create(delivery())

    results = at_once(lambda _: claim(on_aws))

    assert sum(isinstance(result, Delivery) for result in results) == 1
    assert on_aws.deliveries.get("ws_a", "wh_1", "msg_1").fence == 1


def test_a_claim_is_released_by_one_of_many(on_aws: Stores) -> None:
    on_aws.deliveries.create(delivery())
    claim(on_aws)
    acts: list[Callable[[], object]] = [
        partial(attempted, on_aws, status=SUCCEEDED, **ENDED),
        partial(put_off, on_aws, status=HELD, **ENDED),
    ]

    results = at_once(lambda number: acts[number % 2]())

    found = on_aws.deliveries.get("ws_a", "wh_1", "msg_1")
    was_attempted = results.index(None) % 2 == 0
    assert (results.count(None), sum(isinstance(result, LeaseLostError) for result in results)) == (1, THREADS - 1)
    assert (found.status, found.attempts) == ((SUCCEEDED, 1) if was_attempted else (HELD, 0))
    assert on_aws.deliveries.attempts(delivery().place) == ((attempt(),) if was_attempted else ())


def test_a_dead_letter_is_revived_by_one_of_many(on_aws: Stores) -> None:
    on_aws.deliveries.create(delivery(status=DEAD, **ENDED))

    results = at_once(lambda _: on_aws.deliveries.revive(delivery().place, frozenset({DEAD}), after(60), START))

    assert results.count(True) == 1
    assert on_aws.deliveries.get("ws_a", "wh_1", "msg_1").fence == 1


def test_no_usage_is_lost(on_aws: Stores) -> None:
    at_once(lambda number: on_aws.usage.add("ws_a", "2026-11-02", Usage(1, number, 2)))

    assert on_aws.usage.of("ws_a", "2026-11-02") == Usage(THREADS, sum(range(THREADS)), 2 * THREADS)

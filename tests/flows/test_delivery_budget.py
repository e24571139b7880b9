"""What an event and its deliveries may cost: exact counts of calls and of DynamoDB's units, because each is money."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.delivery_calls import SENDS, DeliveryRig
from bench.double import MemoryStores
from bench.meter import Spent
from bench.schedules import tick_cost
from chalicelib.local.embedded import EmbeddedAws
from chalicelib.store.stores import Stores


@pytest.fixture(scope="module")
def aws() -> Iterator[None]:
    with EmbeddedAws():
        yield


@pytest.fixture
def rig(aws: None) -> DeliveryRig:
    return DeliveryRig()


def units(spent: Spent) -> tuple[int, int, float]:
    return spent.write_units, spent.index_units, spent.read_units


def test_an_event_that_nobody_hears_is_one_write_and_no_message(rig: DeliveryRig) -> None:
    spent = rig.emitted()

    assert spent.calls == ["definitions.query", "definitions.query", "events.query", "events.put_item"]
    assert units(spent) == (1, 0, 3.0)


def test_an_event_that_somebody_hears_is_a_message_more_and_due_until_it_was_told(rig: DeliveryRig) -> None:
    rig.listen(1)

    emitted, told = rig.emitted(), rig.worked_off()

    assert emitted.calls[-2:] == ["events.put_item", "sqs.send_message"]
    assert units(emitted)[:2] == (1, 1)
    assert told.calls == [
        "events.get_item",
        "definitions.query",
        "definitions.query",
        "definitions.get_item",
        "deliveries.put_item",
        "deliveries.put_item",
        "sqs.send_message_batch",
        "events.update_item",
    ]
    assert units(told) == (3, 3, 4.0)


def test_a_delivery_is_a_claim_the_record_of_its_attempt_and_the_outcome(rig: DeliveryRig) -> None:
    rig.listen(1)

    spent = rig.costs(1)["attempted"]

    assert spent.calls == [
        "deliveries.update_item",
        "definitions.get_item",
        "deliveries.put_item",
        "deliveries.update_item",
    ]
    assert units(spent) == (3, 4, 1.0)


def test_an_attempt_that_fails_is_a_note_on_its_endpoint_and_a_message_more(rig: DeliveryRig) -> None:
    rig.listen(1)
    rig.emitted()
    rig.worked_off()

    spent = rig.worked_off([503])

    assert spent.calls[4:] == ["definitions.update_item", "sqs.send_message_batch"]
    assert units(spent) == (4, 4, 1.0)


def test_a_rate_limit_is_a_counter_more_for_each_attempt(rig: DeliveryRig) -> None:
    rig.listen(1, rate_limit=10)

    spent = rig.costs(1)["attempted"]

    assert spent.count("counters.update_item") == 1
    assert len(spent.calls) == 5


@pytest.mark.parametrize("endpoints", [11, 30])
def test_of_many_endpoints_each_costs_two_writes_and_they_are_read_and_hinted_at_together(
    rig: DeliveryRig, endpoints: int
) -> None:
    rig.listen(endpoints)

    told = rig.costs(endpoints)["told"]

    assert told.count("deliveries.put_item") == 2 * endpoints
    assert told.count("definitions.query") == 2
    assert (told.count("definitions.get_item"), told.count("definitions.batch_get_item")) == (0, 1)
    assert told.count(*SENDS) == -(-endpoints // 10)
    assert units(told)[:2] == (2 * endpoints + 1, 2 * endpoints + 1)


def test_what_a_tick_costs_follows_from_what_is_due_and_not_from_how_many_schedules_there_are() -> None:
    few, many = tick_cost(10), tick_cost(2_000)

    assert (few.due_calls, few.rearm_calls, few.read, few.hints) == (8, 5, 5, 5)
    assert (many.due_calls, many.rearm_calls, many.read, many.hints) == (8, 5, 5, 5)


def test_the_double_that_is_measured_over_has_every_store() -> None:
    doubled = {name for name in vars(MemoryStores()) if not name.startswith("_")}

    assert {name for name in vars(Stores) if not name.startswith("_")} == doubled

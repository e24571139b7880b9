"""How many errors are open is kept beside them: whatever happens to errors, the numbers are those of the partitions."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random

import pytest

from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.flows.flows import RETENTION_DAYS, ErrorFilter, FlowError, error_id
from chalicelib.local.resources import Resources
from chalicelib.store.aws import AwsClients
from tests.fakes import START
from tests.store.backends import Calls
from tests.store.test_flow_stores import FLOW, STEP, WS, FlowStores, failed, figures, on_dynamo, opened

RETENTION = timedelta(days=RETENTION_DAYS)
MANY = 40


@pytest.fixture
def stores(aws: AwsClients, resources: Resources) -> FlowStores:
    return on_dynamo(aws, resources)


def spread(number: int, over_hours: float, **changes: object) -> FlowError:
    """One of many whose times lie so far apart in all."""
    at = START + timedelta(hours=over_hours * number / MANY)
    return failed(number, id=error_id(at, number * 7919), occurred_at=at, **changes)


def listed(stores: FlowStores, step_id: str = STEP) -> list[str]:
    """Ids of open errors, as they stand in the partition."""
    found, after = stores.errors.page(WS, FLOW, step_id, ErrorFilter(), after=None, limit=1000)
    assert after is None
    return [each.id for each in found]


def test_counting_costs_the_same_however_many_are_open(stores: FlowStores, calls: Calls) -> None:
    stores.errors.open([failed(1)])
    calls.take()
    assert opened(stores)[0] == 1
    one = calls.take()

    stores.errors.open([failed(number) for number in range(2, MANY)])
    calls.take()
    assert opened(stores)[0] == MANY - 1

    assert calls.take() == one == ["Query", "Query"]


def test_where_nothing_failed_one_look_is_enough(stores: FlowStores, calls: Calls) -> None:
    calls.take()

    assert stores.errors.counts(WS, FLOW) == {}
    assert calls.take() == ["Query"]


def test_a_transaction_takes_nearly_fifty_errors(stores: FlowStores, calls: Calls) -> None:
    stores.jobs.begin(figures())
    errors = [failed(number) for number in range(60)]
    calls.take()

    stores.errors.open(errors)
    assert calls.take() == ["TransactWriteItems"] * 2
    stores.errors.resolve(WS, FLOW, STEP, [each.id for each in errors], START, "u")

    assert calls.take() == ["BatchGetItem", "TransactWriteItems", "TransactWriteItems"]


def test_looking_at_bare_errors_fetches_nothing_of_their_records(stores: FlowStores, calls: Calls) -> None:
    stores.errors.open([failed(number, retry_data={"data": "x" * 50_000}) for number in range(3)])
    calls.take()

    stores.errors.get(WS, FLOW, STEP, [failed(number).id for number in range(3)], bare=True)

    assert calls.take() == ["BatchGetItem"]


def test_errors_of_as_many_days_and_jobs_as_there_are_errors_are_moved(stores: FlowStores) -> None:
    errors = [spread(number, MANY * 24.0, job_id=f"{number:022x}00") for number in range(40)]
    stores.clock.advance(39 * 86_400)
    stores.errors.open(errors)
    left = [each for each in errors if each.occurred_at + RETENTION > stores.clock.now()]

    moved = stores.errors.resolve(WS, FLOW, STEP, [each.id for each in errors], START, "u")

    assert len(moved) == len(left) == RETENTION_DAYS
    assert opened(stores) == (0, None)


def test_errors_with_long_messages_are_opened_and_moved(stores: FlowStores) -> None:
    errors = [failed(number, message="😀" * 16_000) for number in range(30)]

    stores.errors.open(errors)
    stores.errors.resolve(WS, FLOW, STEP, [each.id for each in errors[1:]], START, "u")

    assert opened(stores)[0] == 1


@pytest.mark.parametrize("over_hours", [0.01, 3, 100])
def test_what_has_expired_is_not_counted(stores: FlowStores, over_hours: float) -> None:
    errors = [spread(number, over_hours) for number in range(MANY)]
    stores.errors.open(errors)
    stores.errors.open([failed(1, step_id="other")])
    for part in (0, 0.3, 0.77, 0.999, 2):
        since = START + timedelta(hours=over_hours * part)
        stores.clock.advance((since + RETENTION - stores.clock.now()).total_seconds())

        known = listed(stores)

        assert opened(stores)[0] == len(known)
        assert len(known) == pytest.approx(MANY * max(1 - part, 0), abs=3 + MANY / (over_hours * 3600))


@pytest.mark.parametrize("seed", range(3))
def test_counts_are_those_of_the_partitions_whatever_happens(stores: FlowStores, seed: int) -> None:
    rng = Random(seed)
    stores.jobs.begin(figures())
    errors = [spread(number, rng.choice((1, 60, 800)), step_id=rng.choice((STEP, "other"))) for number in range(12)]
    for _ in range(25):
        some = rng.sample(errors, rng.randint(1, 9))
        step_id = rng.choice((STEP, "other"))
        ids = [each.id for each in some]
        match rng.randrange(4):
            case 0:
                stores.errors.open(some)
            case 1:
                stores.errors.resolve(WS, FLOW, step_id, ids, stores.clock.now(), "u")
            case 2:
                stores.errors.reopen(WS, FLOW, step_id, ids)
            case 3:
                stores.clock.advance(rng.choice((60, 86_400, 5 * 86_400)))

        wanted = {each: len(listed(stores, each)) for each in (STEP, "other")}
        assert stores.errors.counts(WS, FLOW) == {each: number for each, number in wanted.items() if number}


def test_many_at_a_time_lose_no_error_and_count_none_twice(stores: FlowStores) -> None:
    errors = [failed(number) for number in range(20)]
    ids = [each.id for each in errors]
    stores.errors.open(errors[:10])

    def work(number: int) -> None:
        mine = slice(number * 4, number * 4 + 8)
        for _ in range(2):
            try:
                stores.errors.open(errors[mine])
                stores.errors.resolve(WS, FLOW, STEP, ids[mine][::2], START, "u")
                stores.errors.reopen(WS, FLOW, STEP, ids[mine][::3])
            except UnavailableError:
                continue  # The others were too many: it may be tried again.

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))

    assert opened(stores)[0] == len(listed(stores))
    assert Counter(listed(stores)).most_common(1)[0][1] == 1

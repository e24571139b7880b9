"""Transactions that others get in the way of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.domain.errors import UnavailableError
from chalicelib.local.resources import Resources
from chalicelib.store import transactions
from chalicelib.store.aws import AwsClients
from chalicelib.store.flows.errors import DynamoFlowErrorStore, ErrorItem
from chalicelib.store.stores import Stores
from chalicelib.store.transactions import TransactionRefusedError, Write, commit
from tests.fakes import FixedClock
from tests.store.samples import after
from tests.store.test_flow_stores import FLOW, JOB, STEP, WS, failed, figures

WRITES = [Write("Put", {"TableName": "a"}), Write("Delete", {"TableName": "b"})]


class Client:
    """Refuses transactions for these reasons, one after the other, and then takes them."""

    def __init__(self, *refusals: Sequence[dict[str, Any]]) -> None:
        self.refusals = list(refusals)
        self.calls: list[Any] = []

    def transact_write_items(self, **call: Any) -> None:
        self.calls.append(call)
        if self.refusals:
            reasons = self.refusals.pop(0)
            error: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
            raise ClientError(error, "TransactWriteItems")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "_PAUSE_SECONDS", 0)


CONFLICT: list[dict[str, Any]] = [{"Code": "None"}, {"Code": "TransactionConflict"}]


def test_a_conflict_with_another_transaction_is_tried_again() -> None:
    client = Client(CONFLICT, CONFLICT)

    commit(client, WRITES)

    assert client.calls == [{"TransactItems": [{"Put": {"TableName": "a"}}, {"Delete": {"TableName": "b"}}]}] * 3


def test_conflicts_without_end_make_the_store_unavailable() -> None:
    with pytest.raises(UnavailableError):
        commit(Client(*([CONFLICT] * 20)), WRITES)


def test_a_refusal_names_the_writes_whose_conditions_failed() -> None:
    stored = {"hk": {"S": "x"}}
    refusal: list[dict[str, Any]] = [{"Code": "ConditionalCheckFailed", "Item": stored}, *CONFLICT[1:]]

    with pytest.raises(TransactionRefusedError) as refused:
        commit(Client(refusal), WRITES)
    assert refused.value.failed == {0: stored}


@pytest.mark.parametrize("reasons", [[], [{"Code": "ValidationError"}, {"Code": "None"}]], ids=["none", "invalid"])
def test_what_no_repetition_can_help_is_not_repeated(reasons: list[dict[str, Any]]) -> None:
    client = Client(reasons)

    with pytest.raises(ClientError):
        commit(client, WRITES)
    assert len(client.calls) == 1


def test_an_error_that_changes_while_it_is_moved_keeps_its_change(aws: AwsClients, resources: Resources) -> None:
    stores = Stores(aws, resources.tables, resources.bucket, FixedClock().now)
    stores.jobs.begin(figures())
    stores.flow_errors.open([failed(1), failed(2)])
    ids = [failed(1).id, failed(2).id]

    class Overtaken(DynamoFlowErrorStore):
        """Others come between its reading and its writing."""

        def _side(self, *arguments: Any, **options: Any) -> list[ErrorItem]:
            found = super()._side(*arguments, **options)
            stores.flow_errors.set_retry_data(failed(1), {"data": "new"})
            stores.flow_errors.resolve(WS, FLOW, STEP, [ids[1]], after(5), "faster")
            return found

    overtaken = Overtaken(stores._flows, stores._values, FixedClock().now)
    assert overtaken.resolve(WS, FLOW, STEP, ids, after(9), "slower") == (ids[0],)

    found = stores.flow_errors.get(WS, FLOW, STEP, ids)
    assert found[ids[0]].retry_data == {"data": "new"}
    assert [found[each].resolved_by for each in ids] == ["slower", "faster"]
    assert stores.jobs.get(WS, [JOB])[JOB].resolved == {"s0": 2}

"""The event half when AWS answers in part or not at all, and when processes die between two writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.deliveries import DeliveryFilter
from chalicelib.domain.errors import BlobNotFoundError, DeliveryNotFoundError, UnavailableError
from chalicelib.domain.events import EventQuery
from chalicelib.store.aws import AwsClients
from chalicelib.store.events.events import DynamoEventStore
from chalicelib.store.table import Table
from chalicelib.store.values import Values
from tests.fakes import START
from tests.store.backends import Stores
from tests.store.event_samples import (
    EMITTER,
    SUCCEEDED,
    WORKFLOW,
    append,
    attempt,
    attempted,
    claim,
    delivery,
    emission,
    subscription,
)
from tests.store.samples import after
from tests.store.test_failures import FailingClient, crash_after, refusal


def heard(stores: Stores) -> tuple[bool, int]:
    """Whether the subscription delivers, and how many are listed."""
    matching = stores.subscriptions.matching("ws_a", WORKFLOW, "p_1", "")
    return bool(matching), len(stores.subscriptions.list("ws_a"))


@pytest.mark.parametrize("writes", [0, 1])
def test_a_subscription_half_created_is_invisible_and_can_be_created(
    on_aws: Stores, aws: AwsClients, writes: int
) -> None:
    with crash_after(aws, writes):
        on_aws.subscriptions.create(subscription())

    assert heard(on_aws) == (False, 0)
    on_aws.subscriptions.create(subscription(id="sub_2"))
    assert heard(on_aws) == (True, 1)
    on_aws.subscriptions.delete_of("ws_a", "wh_1")
    assert heard(on_aws) == (False, 0)


@pytest.mark.parametrize("writes", [0, 1])
def test_a_subscription_half_deleted_can_be_deleted_and_created_again(
    on_aws: Stores, aws: AwsClients, writes: int
) -> None:
    on_aws.subscriptions.create(subscription())

    with crash_after(aws, writes):
        on_aws.subscriptions.delete("ws_a", "p_1", "", "wh_1")

    assert heard(on_aws) == ((True, 1) if writes == 0 else (False, 0))
    assert on_aws.subscriptions.delete("ws_a", "p_1", "", "wh_1") is (writes == 0)
    on_aws.subscriptions.create(subscription(id="sub_2"))
    on_aws.subscriptions.delete_of("ws_a", "wh_1")
    assert heard(on_aws) == (False, 0)


@pytest.mark.parametrize("writes", range(6))
def test_a_resource_half_removed_can_be_removed(on_aws: Stores, aws: AwsClients, writes: int) -> None:
    on_aws.subscriptions.create(subscription(id="sub_1"))
    on_aws.subscriptions.create(subscription(id="sub_2", emitter="p_2"))
    on_aws.subscriptions.create(subscription(id="sub_3", emitter="wh_1", listener_id="p_3"))

    with crash_after(aws, writes):
        on_aws.subscriptions.delete_of("ws_a", "wh_1")

    on_aws.subscriptions.delete_of("ws_a", "wh_1")
    assert on_aws.subscriptions.list("ws_a") == ()


@pytest.mark.parametrize("writes", [0, 1])
def test_a_delivery_half_created_is_invisible_and_can_be_created(on_aws: Stores, aws: AwsClients, writes: int) -> None:
    with crash_after(aws, writes):
        on_aws.deliveries.create(delivery())

    with pytest.raises(DeliveryNotFoundError):
        on_aws.deliveries.get("ws_a", "wh_1", "msg_1")
    assert on_aws.deliveries.create(delivery()) is True
    assert on_aws.deliveries.get("ws_a", "wh_1", "msg_1") == delivery()


def test_a_delivery_half_created_at_another_time_is_completed_where_it_was_begun(
    on_aws: Stores, aws: AwsClients
) -> None:
    with crash_after(aws, 1):
        on_aws.deliveries.create(delivery())

    assert on_aws.deliveries.create(delivery(created_at=after(5))) is True

    assert on_aws.deliveries.get("ws_a", "wh_1", "msg_1") == delivery()
    page = on_aws.deliveries.page("ws_a", "wh_1", DeliveryFilter(), after=None, limit=9)
    assert [each.created_at for each in page.items] == [START]


def test_an_attempt_that_nobody_counted_is_not_shown(on_aws: Stores, aws: AwsClients) -> None:
    on_aws.deliveries.create(delivery())
    claim(on_aws)
    with crash_after(aws, 0):
        attempted(on_aws, tried=attempt(excerpt="first"))
    hook = "before-call.dynamodb.UpdateItem"

    def fail(**_: Any) -> None:
        raise KeyboardInterrupt

    aws.dynamodb.meta.events.register(hook, fail)
    with pytest.raises(KeyboardInterrupt):
        attempted(on_aws, tried=attempt(excerpt="second"))
    aws.dynamodb.meta.events.unregister(hook, fail)

    assert on_aws.deliveries.attempts(delivery().place) == ()
    claim(on_aws, 60)
    attempted(on_aws, 2, attempt(status=200), status=SUCCEEDED, next_attempt_at=None, due_at=None)
    assert on_aws.deliveries.attempts(delivery().place) == (attempt(status=200),)


def test_an_append_whose_answer_was_lost_and_that_was_repeated_adds_one_event(on_aws: Stores, aws: AwsClients) -> None:
    """As the client of AWS repeats it: with the id that the first write took."""
    hook = "before-call.dynamodb.PutItem"

    def be_first(**_: Any) -> None:
        aws.dynamodb.meta.events.unregister(hook, be_first)
        append(on_aws)

    aws.dynamodb.meta.events.register(hook, be_first)

    appended = append(on_aws, at=0)

    assert on_aws.events.page(EMITTER, "", EventQuery()).items == (appended,)


class Taken:
    """Stands for a client: every id that is wanted was just taken by somebody else."""

    def query(self, **_: Any) -> Any:
        return {"Items": []}

    def put_item(self, Item: dict[str, Any], **_: Any) -> Any:  # noqa: N803
        error = refusal("ConditionalCheckFailedException", 400)
        error.response["Item"] = {**Item, "emit_id": {"S": "somebody else's"}}
        raise error


def test_an_append_that_never_gets_an_id_may_be_repeated() -> None:
    store = DynamoEventStore(Table(Taken(), "events", "stream", "event"), Values(None), lambda: START)  # type: ignore[arg-type]

    with pytest.raises(UnavailableError):
        store.append(emission(), now=START, due_at=None)


def test_a_claim_of_a_delivery_whose_payload_is_gone_says_so(on_aws: Stores, aws: AwsClients, resources: Any) -> None:
    on_aws.deliveries.create(delivery(payload="x" * 10_000))
    (stored,) = aws.s3.list_objects_v2(Bucket=resources.bucket, Prefix="payloads/")["Contents"]
    aws.s3.delete_object(Bucket=resources.bucket, Key=stored["Key"])

    with pytest.raises(BlobNotFoundError):
        claim(on_aws)


class InPart:
    """Stands for a client that leaves out all but the first of what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def batch_get_item(self, RequestItems: Any) -> Any:  # noqa: N803
        first, *rest = RequestItems["t"]["Keys"]
        self.asked.append(1 + len(rest))
        left_out = {"t": {"Keys": rest, "ConsistentRead": True}} if rest else {}
        return {"Responses": {"t": [first]}, "UnprocessedKeys": left_out}

    def batch_write_item(self, RequestItems: Any) -> Any:  # noqa: N803
        _, *rest = RequestItems["t"]
        self.asked.append(1 + len(rest))
        return {"UnprocessedItems": {"t": rest} if rest else {}}


def test_what_is_left_out_of_a_batch_is_asked_for_again() -> None:
    client = InPart()
    table = Table(client, "t", "name")

    found = table.get_all([(name, None) for name in "abc"])
    table.delete_all([(name, None) for name in "abc"])

    assert found == [{"name": {"S": name}} for name in "abc"]
    assert client.asked == [3, 2, 1, 3, 2, 1]


class Whole(InPart):
    """Does all that it is asked for."""

    def batch_get_item(self, RequestItems: Any) -> Any:  # noqa: N803
        self.asked.append(len(RequestItems["t"]["Keys"]))
        return {"Responses": {"t": RequestItems["t"]["Keys"]}}

    def batch_write_item(self, RequestItems: Any) -> Any:  # noqa: N803
        self.asked.append(len(RequestItems["t"]))
        return {}


def test_batches_are_as_large_as_they_may_be() -> None:
    client = Whole()
    table = Table(client, "t", "name")
    keys = [(str(number), None) for number in range(130)]

    assert len(table.get_all(keys)) == 130
    table.delete_all(keys)

    assert client.asked == [100, 30, 25, 25, 25, 25, 25, 5]


@pytest.mark.parametrize("act", [Table.get_all, Table.delete_all])
def test_a_batch_that_is_never_done_is_unavailable(act: Callable[[Table, Any], object]) -> None:
    with pytest.raises(UnavailableError):
        act(Table(InPart(), "t", "name"), [(str(number), None) for number in range(20)])
    with pytest.raises(UnavailableError):
        act(Table(FailingClient(refusal("ThrottlingException", 400)), "t", "name"), [("a", None)])

"""AWS failing, and processes dying between two writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import cycle
from typing import Any

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from chalicelib.domain.errors import HookNotFoundError, UnavailableError, WorkflowNotFoundError
from chalicelib.domain.run import Answer
from chalicelib.queues.runs import SqsRunQueue
from chalicelib.store.aws import AwsClients
from chalicelib.store.blobs import Blobs
from chalicelib.store.counters import CounterItem, DynamoCounterStore, counters_table
from chalicelib.store.keys import DynamoKeyStore, identities_table
from tests.fakes import START
from tests.store.backends import Stores
from tests.store.samples import after, body, hook, in_round, key, outcome, round_of, run, workflow


class FailingClient:
    """Stands for every AWS client at once; each call raises the error."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.dynamodb = self.sqs = self.s3 = self

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def fail(**_: Any) -> Any:
            raise self._error

        return fail


def refusal(code: str, status: int) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Anything")


UNAVAILABLE = [
    refusal("ProvisionedThroughputExceededException", 400),
    refusal("ThrottlingException", 400),
    refusal("InternalServerError", 500),
    refusal("SomethingNew", 503),
    EndpointConnectionError(endpoint_url="http://aws"),
    ConnectTimeoutError(endpoint_url="http://aws"),
    ReadTimeoutError(endpoint_url="http://aws"),
]
IN_PASSING = [refusal("RequestTimeout", 400), refusal("TransactionInProgressException", 400)]
UNEXPECTED = [
    refusal("ResourceNotFoundException", 400),
    refusal("AccessDeniedException", 400),
    NoCredentialsError(),
]


def calls_of(client: Any) -> list[Callable[[], object]]:
    keys = DynamoKeyStore(identities_table(client, "keys"))
    counters = counters_table(client, "counters")
    return [
        lambda: keys.put(key()),
        lambda: keys.find("0" * 64),
        lambda: keys.list("ws_a"),
        lambda: DynamoCounterStore(counters).add("c", 1, START),
        lambda: counters.delete("c", None),
        lambda: counters.count(CounterItem.name == "c"),
        lambda: Blobs(client, "bucket").put("o", b"x"),
        lambda: Blobs(client, "bucket").get("o", "0" * 64),
    ]


@pytest.mark.parametrize("error", [*UNAVAILABLE, *IN_PASSING], ids=repr)
def test_what_a_retry_may_overcome_is_unavailable(error: Exception) -> None:
    for call in calls_of(FailingClient(error)):
        with pytest.raises(UnavailableError) as raised:
            call()
        assert raised.value.__cause__ is error
        assert raised.value.retryable


@pytest.mark.parametrize("error", UNEXPECTED, ids=repr)
def test_any_other_error_passes(error: ClientError | BotoCoreError) -> None:
    for call in calls_of(FailingClient(error)):
        with pytest.raises(type(error)) as raised:
            call()
        assert raised.value is error


@pytest.mark.parametrize("error", [*UNAVAILABLE[1:], refusal("RequestThrottled", 403)], ids=repr)
def test_a_queue_that_cannot_take_a_hint_is_unavailable(error: Exception) -> None:
    with pytest.raises(UnavailableError) as raised:
        SqsRunQueue(FailingClient(error), "url").send("exec_1", "ws_a")

    assert raised.value.__cause__ is error


@pytest.mark.parametrize("error", UNEXPECTED, ids=repr)
def test_any_other_error_of_the_queue_passes(error: Exception) -> None:
    with pytest.raises(type(error)):
        SqsRunQueue(FailingClient(error), "url").send("exec_1", "ws_a")


@contextmanager
def meddling(aws: AwsClients, *changes: Callable[[], object]) -> Iterator[None]:
    """Before each write, somebody makes the next of the changes."""
    following = cycle(changes)
    at_it: list[bool] = []

    def meddle(**_: Any) -> None:
        if not at_it:
            at_it.append(True)
            next(following)()
            at_it.clear()

    aws.dynamodb.meta.events.register("before-call.dynamodb.UpdateItem", meddle)
    try:
        yield
    finally:
        aws.dynamodb.meta.events.unregister("before-call.dynamodb.UpdateItem", meddle)


def test_a_signal_of_a_run_that_is_paused_or_resumed_meanwhile_is_kept(on_aws: Stores, aws: AwsClients) -> None:
    on_aws.runs.create(run())
    steps = (partial(on_aws.runs.pause, "exec_1"), lambda: None)

    with meddling(aws, *steps):
        assert on_aws.runs.signal("exec_1", "ask", Answer(START), START)

    assert on_aws.runs.get("exec_1").signals == 1


def test_a_signal_of_a_run_that_never_keeps_still_may_be_repeated(on_aws: Stores, aws: AwsClients) -> None:
    on_aws.runs.create(run())
    steps = (partial(on_aws.runs.pause, "exec_1"), partial(on_aws.runs.resume, "exec_1", START))

    with meddling(aws, *steps), pytest.raises(UnavailableError):
        on_aws.runs.signal("exec_1", "ask", Answer(START), START)

    assert on_aws.runs.signal("exec_1", "ask", Answer(START), START)


class CrashError(BaseException):
    """The process dies."""


@contextmanager
def crash_after(aws: AwsClients, writes: int) -> Iterator[None]:
    left = iter(range(writes))

    def count(**_: Any) -> None:
        if next(left, None) is None:
            raise CrashError

    events = [f"before-call.dynamodb.{operation}" for operation in ("PutItem", "DeleteItem")]
    for event in events:
        aws.dynamodb.meta.events.register(event, count)
    try:
        with pytest.raises(CrashError):
            yield
    finally:
        for event in events:
            aws.dynamodb.meta.events.unregister(event, count)


@pytest.mark.parametrize("writes", [0, 1])
def test_a_workflow_half_created_is_invisible_and_can_be_created(on_aws: Stores, aws: AwsClients, writes: int) -> None:
    with crash_after(aws, writes):
        on_aws.workflows.create(workflow(), body())

    with pytest.raises(WorkflowNotFoundError):
        on_aws.workflows.get("ws_a", "wf_1")
    assert on_aws.workflows.page("ws_a", status=None, offset=0, limit=9).total == 0
    on_aws.workflows.create(workflow(), body())
    assert on_aws.workflows.get("ws_a", "wf_1") == workflow()


@pytest.mark.parametrize("writes", [0, 1])
def test_a_workflow_half_replaced_is_as_before_and_can_be_replaced(
    on_aws: Stores, aws: AwsClients, writes: int
) -> None:
    on_aws.workflows.create(workflow(), body())
    changed = workflow(body_ref="r2", version=2, revision=2)

    with crash_after(aws, writes):
        on_aws.workflows.replace(changed, body("r2"))

    assert on_aws.workflows.get("ws_a", "wf_1") == workflow()
    on_aws.workflows.replace(changed, body("r2"))
    assert on_aws.workflows.get("ws_a", "wf_1") == changed


@pytest.mark.parametrize("writes", [0, 1])
def test_a_hook_half_created_is_invisible_and_can_be_created(on_aws: Stores, aws: AwsClients, writes: int) -> None:
    with crash_after(aws, writes):
        on_aws.hooks.create(hook())

    with pytest.raises(HookNotFoundError):
        on_aws.hooks.find("wh_1")
    assert on_aws.hooks.list("ws_a") == ()
    on_aws.hooks.create(hook())
    assert on_aws.hooks.find("wh_1") == hook()


def test_a_hook_half_deleted_is_gone_and_can_be_deleted(on_aws: Stores, aws: AwsClients) -> None:
    on_aws.hooks.create(hook())

    with crash_after(aws, 1):
        on_aws.hooks.delete("ws_a", "wh_1")

    with pytest.raises(HookNotFoundError):
        on_aws.hooks.find("wh_1")
    assert on_aws.hooks.list("ws_a") == ()
    on_aws.hooks.delete("ws_a", "wh_1")


def test_a_record_in_a_round_is_whole_without_what_was_to_be_written_beside_it(on_aws: Stores, aws: AwsClients) -> None:
    recorded = in_round(round_of("loop", 1))

    with crash_after(aws, 1):
        on_aws.runs.record("exec_1", recorded, (outcome("start"),))

    assert on_aws.runs.record("exec_1", replace(recorded, finished_at=after(9))) == recorded
    assert on_aws.runs.history("exec_1").outcomes == ()


def test_a_list_of_more_than_a_megabyte_is_complete(stores: Stores) -> None:
    for number in range(14):
        workflow_id = f"wf_{number}"
        stores.workflows.create(workflow(id=workflow_id, description="x" * 100_000), body(workflow_id=workflow_id))

    found = stores.workflows.page("ws_a", status=None, offset=0, limit=99)

    assert (len(found.items), found.total) == (14, 14)

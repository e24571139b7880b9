"""What a function's policy lets it call on the local stack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.local import rights
from chalicelib.local.embedded import EmbeddedAws
from chalicelib.local.resources import Resources, create_resources
from chalicelib.store.aws import AwsClients

KEY = {"run_id": {"S": "exec_1"}, "place": {"S": "run"}}


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[AwsClients, Resources]]:
    with EmbeddedAws(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        clients = AwsClients(region="us-east-1")
        resources = create_resources(clients, "rights")
        for client in (clients.dynamodb, clients.sqs, clients.s3):
            rights.restrict(client, resources.names)
        yield clients, resources


def is_refused(error: ClientError) -> bool:
    code: str = error.response["Error"]["Code"]
    return code == "AccessDeniedException"


def test_a_function_may_call_what_its_policy_names(stage: tuple[AwsClients, Resources]) -> None:
    clients, resources = stage

    with rights.acting_as("runs_worker"):
        assert "Item" not in clients.dynamodb.get_item(TableName=resources.tables.runs, Key=KEY)


def test_a_function_may_not_call_what_its_policy_does_not_name(stage: tuple[AwsClients, Resources]) -> None:
    clients, resources = stage

    with rights.acting_as("tick"), pytest.raises(ClientError) as raised:
        clients.dynamodb.delete_item(TableName=resources.tables.runs, Key=KEY)

    assert is_refused(raised.value)
    assert "tick is not authorized to perform: dynamodb:DeleteItem" in str(raised.value)


def test_a_right_to_a_table_is_none_to_its_indexes(stage: tuple[AwsClients, Resources]) -> None:
    clients, resources = stage
    condition = {
        "KeyConditionExpression": "workspace_id = :w",
        "ExpressionAttributeValues": {":w": {"S": "ws_a"}},
        "IndexName": "by_workspace",
    }

    with rights.acting_as("deliveries_worker"), pytest.raises(ClientError) as raised:
        clients.dynamodb.query(TableName=resources.tables.runs, **condition)

    assert is_refused(raised.value)


def test_a_right_below_a_prefix_ends_there(stage: tuple[AwsClients, Resources]) -> None:
    clients, resources = stage

    with rights.acting_as("api_handler"):
        clients.s3.delete_object(Bucket=resources.bucket, Key="pins/p-1/a")
        with pytest.raises(ClientError) as raised:
            clients.s3.delete_object(Bucket=resources.bucket, Key="runs/exec_1/a")

    assert is_refused(raised.value)


def test_nobody_restricts_the_stack_itself(stage: tuple[AwsClients, Resources]) -> None:
    clients, resources = stage

    clients.dynamodb.delete_item(TableName=resources.tables.runs, Key=KEY)


@pytest.mark.parametrize(
    ("service", "operation", "params", "expected"),
    [
        ("sqs", "SendMessageBatch", {"QueueUrl": "http://sqs/1/q"}, [("sqs:SendMessage", "q")]),
        ("s3", "HeadObject", {"Bucket": "b", "Key": "k"}, [("s3:GetObject", "b/k")]),
        ("s3", "ListObjectsV2", {"Bucket": "b", "Prefix": "k"}, [("s3:ListBucket", "b")]),
        ("kms", "Decrypt", {"KeyId": "key"}, [("kms:Decrypt", "AccountsKey")]),
        ("lambda", "Invoke", {"FunctionName": "f"}, [("lambda:InvokeFunction", "Sandbox")]),
    ],
)
def test_actions_are_named_as_policies_name_them(
    service: str, operation: str, params: dict[str, Any], expected: list[rights.Right]
) -> None:
    assert rights.asked(service, operation, params) == expected


def test_a_transaction_needs_the_right_to_each_of_its_writes() -> None:
    items = [
        {"Put": {"TableName": "a"}},
        {"Update": {"TableName": "a"}},
        {"Delete": {"TableName": "b"}},
        {"ConditionCheck": {"TableName": "b"}},
    ]

    assert rights.asked("dynamodb", "TransactWriteItems", {"TransactItems": items}) == [
        ("dynamodb:PutItem", "a"),
        ("dynamodb:UpdateItem", "a"),
        ("dynamodb:DeleteItem", "b"),
        ("dynamodb:ConditionCheckItem", "b"),
    ]

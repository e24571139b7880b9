"""What each function may do: a pinned list, on the stack's own resources only."""

from __future__ import annotations

from typing import Any

import pytest

PINS = {
    "PinsTable": {
        "dynamodb:BatchWriteItem",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
    },
    "${BlobsBucket.Arn}/pins/*": {"s3:DeleteObject"},
}
FLOWS = {
    "dynamodb:BatchGetItem",
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
}
TICKED = ("RunsTable", "EventsTable", "DeliveriesTable", "DefinitionsTable")

PINNED = {
    "ApiHandlerRole": {
        "ApiLog": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "IdentitiesTable": {"dynamodb:GetItem", "dynamodb:PutItem"},
        "${IdentitiesTable.Arn}/index/by_workspace": {"dynamodb:Query"},
        **PINS,
        "FlowsTable": FLOWS | {"dynamodb:BatchWriteItem"},
        "DefinitionsTable": {
            "dynamodb:BatchGetItem",
            "dynamodb:DeleteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
        },
        "RunsTable": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"},
        "${RunsTable.Arn}/index/by_workspace": {"dynamodb:Query"},
        "${RunsTable.Arn}/index/by_workflow": {"dynamodb:Query"},
        "EventsTable": {"dynamodb:BatchWriteItem", "dynamodb:PutItem", "dynamodb:Query"},
        "DeliveriesTable": {
            "dynamodb:BatchGetItem",
            "dynamodb:BatchWriteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
        },
        "${DeliveriesTable.Arn}/index/undelivered": {"dynamodb:Query"},
        "CountersTable": {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
        "${BlobsBucket.Arn}/*": {"s3:GetObject", "s3:PutObject"},
        "BlobsBucket": {"s3:ListBucket"},
        **{f"${{{table}.Arn}}/index/due": {"dynamodb:Query"} for table in ("RunsTable", "DeliveriesTable")},
        **{queue: {"sqs:GetQueueAttributes", "sqs:SendMessage"} for queue in ("RunsQueue", "DeliveriesQueue")},
        **{queue: {"sqs:GetQueueAttributes"} for queue in ("RunsDeadLetters", "DeliveriesDeadLetters")},
        "Sandbox": {"lambda:InvokeFunction"},
        "AccountsKey": {"kms:Decrypt", "kms:Encrypt"},
    },
    "SandboxRole": {"SandboxLog": {"logs:CreateLogStream", "logs:PutLogEvents"}},
    "RunsWorkerRole": {
        "RunsLog": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "RunsQueue": {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"},
        "DeliveriesQueue": {"sqs:SendMessage"},
        "DefinitionsTable": {"dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"},
        "RunsTable": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"},
        "${RunsTable.Arn}/index/by_workspace": {"dynamodb:Query"},
        "${RunsTable.Arn}/index/by_workflow": {"dynamodb:Query"},
        "EventsTable": {"dynamodb:BatchWriteItem", "dynamodb:PutItem", "dynamodb:Query"},
        "DeliveriesTable": {
            "dynamodb:BatchGetItem",
            "dynamodb:BatchWriteItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
        },
        **PINS,
        "FlowsTable": FLOWS,
        "Sandbox": {"lambda:InvokeFunction"},
        "AccountsKey": {"kms:Decrypt"},
        "${DeliveriesTable.Arn}/index/undelivered": {"dynamodb:Query"},
        "CountersTable": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
        "${BlobsBucket.Arn}/*": {"s3:GetObject", "s3:PutObject"},
        "BlobsBucket": {"s3:ListBucket"},
    },
    "DeliveriesWorkerRole": {
        "DeliveriesLog": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "DeliveriesQueue": {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"},
        "RunsQueue": {"sqs:SendMessage"},
        "EventsTable": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"},
        "DeliveriesTable": {"dynamodb:PutItem", "dynamodb:UpdateItem"},
        "DefinitionsTable": {
            "dynamodb:BatchGetItem",
            "dynamodb:GetItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
        },
        "RunsTable": {"dynamodb:GetItem", "dynamodb:PutItem"},
        "CountersTable": {"dynamodb:UpdateItem"},
        "${BlobsBucket.Arn}/*": {"s3:GetObject", "s3:PutObject"},
        "BlobsBucket": {"s3:ListBucket"},
    },
    "TickRole": {
        "TickLog": {"logs:CreateLogStream", "logs:PutLogEvents"},
        **{f"${{{table}.Arn}}/index/due": {"dynamodb:Query"} for table in TICKED},
        **{table: {"dynamodb:UpdateItem"} for table in TICKED},
        "${PinsTable.Arn}/index/due": {"dynamodb:Query"},
        "PinsTable": {"dynamodb:GetItem", "dynamodb:UpdateItem"},
        **{
            table: {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
            for table in ("DefinitionsTable", "RunsTable")
        },
        "RunsQueue": {"sqs:SendMessage"},
        "DeliveriesQueue": {"sqs:SendMessage"},
    },
}


def statements(resources: dict[str, Any], role: str) -> list[Any]:
    (policy,) = resources[role]["Properties"]["Policies"]
    found: list[Any] = policy["PolicyDocument"]["Statement"]
    return found


def place(resource: Any) -> str:
    """The logical name of the resource, or the pattern below it."""
    match resource:
        case {"Fn::GetAtt": [name, "Arn"]} | {"Fn::Sub": name}:
            return str(name)
    raise AssertionError(f"{resource} is not one of the stack's own resources")


@pytest.mark.parametrize("role", sorted(PINNED))
def test_a_function_may_do_what_is_pinned_and_nothing_else(resources: dict[str, Any], role: str) -> None:
    allowed: dict[str, set[str]] = {}
    for statement in statements(resources, role):
        assert statement["Effect"] == "Allow"
        for resource in statement["Resource"]:
            allowed.setdefault(place(resource), set()).update(statement["Action"])

    assert allowed == PINNED[role]


def test_the_function_that_runs_other_peoples_code_can_reach_nothing(resources: dict[str, Any]) -> None:
    """Neither by its role nor by what it is told."""
    (statement,) = statements(resources, "SandboxRole")
    function = resources["Sandbox"]["Properties"]

    assert {action.split(":")[0] for action in statement["Action"]} == {"logs"}
    assert function["Environment"]["Variables"] == {"OUTBOUND_ALLOW": {"Ref": "OutboundAllow"}}


def test_there_are_no_other_roles_and_no_managed_policies(resources: dict[str, Any]) -> None:
    roles = {name for name, each in resources.items() if each["Type"] == "AWS::IAM::Role"}

    assert roles == set(PINNED)
    assert not [name for name in roles if "ManagedPolicyArns" in resources[name]["Properties"]]


@pytest.mark.parametrize("role", sorted(PINNED))
def test_only_lambda_takes_the_role(resources: dict[str, Any], role: str) -> None:
    (trust,) = resources[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]

    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert trust["Action"] == "sts:AssumeRole"


@pytest.mark.parametrize("role", sorted(PINNED))
def test_no_action_is_a_pattern(resources: dict[str, Any], role: str) -> None:
    for statement in statements(resources, role):
        assert not [action for action in statement["Action"] if "*" in action]

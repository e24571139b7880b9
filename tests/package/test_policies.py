"""What each function may do: a pinned list, on the stack's own resources only."""

from __future__ import annotations

from typing import Any

import pytest

PINNED = {
    "ApiHandlerRole": {
        "ApiLog": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "IdentitiesTable": {"dynamodb:GetItem"},
        "DefinitionsTable": {"dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"},
        "RunsTable": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"},
        "${RunsTable.Arn}/index/by_workspace": {"dynamodb:Query"},
        "${RunsTable.Arn}/index/by_workflow": {"dynamodb:Query"},
        "CountersTable": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
        "${BlobsBucket.Arn}/*": {"s3:GetObject", "s3:PutObject"},
        "BlobsBucket": {"s3:ListBucket"},
        "RunsQueue": {"sqs:SendMessage"},
    },
    "RunsWorkerRole": {
        "RunsLog": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "RunsQueue": {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"},
        "DefinitionsTable": {"dynamodb:GetItem"},
        "RunsTable": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"},
        "CountersTable": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
        "${BlobsBucket.Arn}/*": {"s3:GetObject", "s3:PutObject"},
        "BlobsBucket": {"s3:ListBucket"},
    },
    "TickRole": {
        "TickLog": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "${RunsTable.Arn}/index/due": {"dynamodb:Query"},
        "RunsTable": {"dynamodb:UpdateItem"},
        "RunsQueue": {"sqs:SendMessage"},
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

"""What the documents say of deployment and cost is what the package and the measurements say."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from bench import cost
from infra import templates
from infra.package import Package

DOCS = templates.ROOT / "docs"
READ_BACK = {
    "dynamodb:DescribeContributorInsights",
    "dynamodb:DescribeKinesisStreamingDestination",
    "dynamodb:GetResourcePolicy",
    "events:ListTargetsByRule",
    "iam:ListAttachedRolePolicies",
    "iam:ListRolePolicies",
    "lambda:GetPolicy",
    "logs:DescribeResourcePolicies",
    "s3:GetBucketPolicy",
    "s3:GetBucketVersioning",
    "s3:GetReplicationConfiguration",
    "s3:ListBucket",
}
SERVICES = {
    "ApiGateway": "apigateway",
    "CloudWatch": "cloudwatch",
    "DynamoDB": "dynamodb",
    "Events": "events",
    "IAM": "iam",
    "KMS": "kms",
    "Lambda": "lambda",
    "Logs": "logs",
    "Route53": "route53",
    "S3": "s3",
    "SQS": "sqs",
}


def test_every_parameter_is_described(deployable: Package) -> None:
    text = (DOCS / "deploy.md").read_text(encoding="utf-8")

    undescribed = [name for name in deployable.template["Parameters"] if f"`{name}`" not in text]
    assert undescribed == ["StageName"]


def test_the_deployers_rights_reach_every_service_of_the_stack(resources: dict[str, Any]) -> None:
    policy = json.loads((DOCS / "deployer-policy.json").read_text(encoding="utf-8"))
    actions = {action for statement in policy["Statement"] for action in statement["Action"]}

    for type_ in {resource["Type"] for resource in resources.values()}:
        service = SERVICES[type_.split("::")[1]]
        assert [action for action in actions if action.startswith(f"{service}:")], type_
    assert not [action for action in actions if "*" in action]


def test_the_deployers_rights_include_what_cloudformation_reads_back() -> None:
    """After it has made or taken up a resource it reads all of it, also what the template does not set; what it may
    not read fails a deployment that has already made the thing."""
    policy = json.loads((DOCS / "deployer-policy.json").read_text(encoding="utf-8"))
    actions = {action for statement in policy["Statement"] for action in statement["Action"]}

    assert actions >= READ_BACK


def test_the_deployers_rights_fit_into_one_managed_policy() -> None:
    """IAM takes 6,144 characters, spaces not counted."""
    policy = json.loads((DOCS / "deployer-policy.json").read_text(encoding="utf-8"))

    assert len(json.dumps(policy, separators=(",", ":"))) <= 6144


def test_the_documented_cost_is_the_measured_one() -> None:
    """Within a tenth: the document is there to be planned with."""
    items_table, comparison = cost.measure()

    *_, together = items_table.rows
    assert documented("**together**") == pytest.approx([dollars(together[2]), dollars(together[4])], rel=0.1)
    for name, price in comparison.rows:
        assert documented(str(name))[0] == pytest.approx(dollars(price), rel=0.1), name


def documented(name: str) -> list[float]:
    """The dollars in that row of the document."""
    text = (DOCS / "cost.md").read_text(encoding="utf-8")
    (row,) = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
    return [float(price) for price in re.findall(r"\d+\.\d\d", row)]


def dollars(cell: object) -> float:
    return float(str(cell).replace(",", ""))

"""The deployed template, and its tables, queues and bucket as they were made for these tests."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest
from pynamodb.models import Model

from chalicelib.domain.run import RunSummary
from chalicelib.local.resources import TEMPLATE, Resources, create_resources
from chalicelib.store.aws import AwsClients
from chalicelib.store.counters import CounterItem
from chalicelib.store.definition_items import DefinitionItem
from chalicelib.store.events.delivery_items import AttemptItem, DeliveryItem, PointerItem
from chalicelib.store.events.events import EventItem
from chalicelib.store.flows.audit import AuditItem
from chalicelib.store.flows.errors import ErrorItem
from chalicelib.store.flows.items import FlowItem
from chalicelib.store.flows.jobs import JobItem
from chalicelib.store.flows.marks import DeltaItem, PartItem
from chalicelib.store.flows.resources import ResourceItem
from chalicelib.store.flows.state import ValueItem
from chalicelib.store.keys import KeyItem
from chalicelib.store.leases import LeasesItem
from chalicelib.store.marks import MarkItem
from chalicelib.store.moments import MomentsItem
from chalicelib.store.pins.boards import BoardRecord
from chalicelib.store.pins.data import DataItem, VersionItem
from chalicelib.store.pins.parts import BlockItem, DatasetItem
from chalicelib.store.pins.pins import PinRecord
from chalicelib.store.pins.webhooks import WebhookItem
from chalicelib.store.profiles import ProfileItem
from chalicelib.store.runs.items import RunItem, StepItem
from chalicelib.store.slots import SlotsItem
from chalicelib.store.table import Tables
from chalicelib.store.usage import UsageItem
from tests.store.backends import Stores, aws_stores
from tests.store.samples import run

TEMPLATE_RESOURCES = json.loads(TEMPLATE.read_text(encoding="utf-8"))["Resources"]
TABLES = sorted(name for name, each in TEMPLATE_RESOURCES.items() if each["Type"] == "AWS::DynamoDB::Table")


def properties(logical_name: str) -> dict[str, Any]:
    found: dict[str, Any] = TEMPLATE_RESOURCES[logical_name]["Properties"]
    return found


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_paid_by_request_expires_items_and_can_be_restored(name: str) -> None:
    assert properties(name)["BillingMode"] == "PAY_PER_REQUEST"
    assert properties(name)["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert properties(name)["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


@pytest.mark.parametrize(
    ("name", "models"),
    [
        ("IdentitiesTable", [KeyItem, ProfileItem]),
        ("DefinitionsTable", [DefinitionItem]),
        ("RunsTable", [RunItem, StepItem]),
        ("CountersTable", [CounterItem, MarkItem, SlotsItem, UsageItem, MomentsItem, LeasesItem]),
        ("EventsTable", [EventItem]),
        ("DeliveriesTable", [DeliveryItem, PointerItem, AttemptItem]),
        ("PinsTable", [PinRecord, BoardRecord, DataItem, VersionItem, BlockItem, DatasetItem, WebhookItem]),
        ("FlowsTable", [FlowItem, ResourceItem, AuditItem, JobItem, ErrorItem, DeltaItem, PartItem, ValueItem]),
    ],
)
def test_the_tables_keys_are_the_models(name: str, models: list[type[Model]]) -> None:
    keys = {each["AttributeName"]: each["KeyType"] for each in properties(name)["KeySchema"]}

    for model in models:
        attributes = model.get_attributes().values()
        hashes = {each.attr_name: "HASH" for each in attributes if each.is_hash_key}
        ranges = {each.attr_name: "RANGE" for each in attributes if each.is_range_key}
        assert hashes | ranges == keys


def test_the_names_of_the_tables_are_those_of_the_template() -> None:
    names = {properties(name)["TableName"]["Fn::Sub"].replace("${StageName}", "dev") for name in TABLES}

    tables = Tables.of_stage("dev")
    assert names == {getattr(tables, field.name) for field in fields(tables)}


@pytest.mark.parametrize("index", ["by_workspace", "by_workflow"])
def test_the_list_indexes_hold_just_what_lists_show(index: str) -> None:
    (found,) = [each for each in properties("RunsTable")["GlobalSecondaryIndexes"] if each["IndexName"] == index]
    held = set(found["Projection"]["NonKeyAttributes"]) | {each["AttributeName"] for each in found["KeySchema"]}

    shown = {each.name for each in fields(RunSummary)} - {"id"}
    assert held - {"age", "workflow_key"} == shown | {"expires_at"}


@pytest.mark.parametrize("name", ["runs", "deliveries"])
def test_a_message_that_fails_five_times_goes_to_the_dead_letters(
    aws: AwsClients, resources: Resources, name: str
) -> None:
    queue = queue_attributes(aws, getattr(resources, f"{name}_queue_url"))
    dead_letters = queue_attributes(aws, getattr(resources, f"{name}_dead_letters_url"))

    assert json.loads(queue["RedrivePolicy"]) == {
        "deadLetterTargetArn": dead_letters["QueueArn"],
        "maxReceiveCount": 5,
    }
    assert (queue["VisibilityTimeout"], dead_letters["MessageRetentionPeriod"]) == ("1800", "1209600")


def queue_attributes(aws: AwsClients, url: str) -> dict[str, str]:
    attributes: dict[str, str] = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return attributes


def test_the_bucket_is_private_and_forgets_values_of_runs_and_payloads_alone(
    aws: AwsClients, resources: Resources
) -> None:
    blocked = aws.s3.get_public_access_block(Bucket=resources.bucket)["PublicAccessBlockConfiguration"]
    rules = aws.s3.get_bucket_lifecycle_configuration(Bucket=resources.bucket)["Rules"]

    assert all(blocked.values())
    assert [rule["Filter"]["Prefix"] for rule in rules if "Expiration" in rule] == [
        "runs/",
        "payloads/",
        "pin-versions/",
        "audits/",
    ]


def test_creating_resources_again_keeps_what_they_hold(on_aws: Stores, aws: AwsClients, resources: Resources) -> None:
    on_aws.runs.create(run(input="x" * 100_000))
    on_aws.queue.send("exec_1", "ws_a")
    stage = resources.tables.runs.removeprefix("penstock-").removesuffix("-runs")

    again = create_resources(aws, stage)

    assert again == resources
    assert aws_stores(aws, again).runs.get("exec_1").input == "x" * 100_000
    assert queue_attributes(aws, again.runs_queue_url)["ApproximateNumberOfMessages"] == "1"

"""Makes the tables, queues and bucket of the deployed template on a local stand-in for AWS.

What is developed and tested against is therefore what is deployed. Resources that exist are kept as they
are, with what they hold.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.store.aws import AwsClients, error_code
from chalicelib.store.table import Tables

TEMPLATE = Path(__file__).resolve().parents[2] / "infra" / "template.json"

_ACCOUNT_ID = "000000000000"
_TABLE_SETTINGS = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
_NAMES = ("TableName", "QueueName", "BucketName")
_EXISTS = ("ResourceInUse", "QueueAlreadyExists", "QueueNameExists", "BucketAlreadyOwnedByYou", "BucketAlreadyExists")


@dataclass(frozen=True, slots=True)
class Resources:
    """Where the stage's resources are."""

    tables: Tables
    bucket: str
    runs_queue_url: str
    runs_dead_letters_url: str
    deliveries_queue_url: str
    deliveries_dead_letters_url: str
    names: Mapping[str, str]
    """Of tables, queues and the bucket, by their logical names in the template."""


def create_resources(clients: AwsClients, stage: str) -> Resources:
    """Creates what is missing of the stage."""
    template = _Template(json.loads(TEMPLATE.read_text(encoding="utf-8")), stage, clients.dynamodb.meta.region_name)
    for properties in template.properties_of("AWS::DynamoDB::Table").values():
        _create_table(clients.dynamodb, properties)
    queue_urls = _create_queues(clients.sqs, template)
    (bucket,) = template.properties_of("AWS::S3::Bucket").values()
    _create_bucket(clients.s3, bucket)
    return Resources(
        tables=Tables.of_stage(stage),
        bucket=bucket["BucketName"],
        runs_queue_url=queue_urls["RunsQueue"],
        runs_dead_letters_url=queue_urls["RunsDeadLetters"],
        deliveries_queue_url=queue_urls["DeliveriesQueue"],
        deliveries_dead_letters_url=queue_urls["DeliveriesDeadLetters"],
        names=template.names(),
    )


class _Template:
    """A template whose references to parameters, names and queues are resolved."""

    def __init__(self, document: Mapping[str, Any], stage: str, region: str) -> None:
        self._resources = document["Resources"]
        self._names = {name: parameter.get("Default") for name, parameter in document["Parameters"].items()}
        self._names |= {"StageName": stage, "AWS::AccountId": _ACCOUNT_ID, "AWS::Region": region}
        self._arns: dict[str, str] = {}

    def add_arn(self, logical_name: str, arn: str) -> None:
        self._arns[logical_name] = arn

    def properties_of(self, resource_type: str) -> dict[str, Any]:
        """By logical name, in the order in which they refer to each other."""
        found = {name: each for name, each in self._resources.items() if each["Type"] == resource_type}
        return {name: self.resolve(each["Properties"]) for name, each in found.items()}

    def names(self) -> dict[str, str]:
        return {
            logical: self.resolve(properties[member])
            for logical, properties in ((name, each.get("Properties", {})) for name, each in self._resources.items())
            for member in _NAMES
            if member in properties
        }

    def resolve(self, value: Any) -> Any:
        match value:
            case {"Ref": name}:
                return self._names[name]
            case {"Fn::Sub": text}:
                for name, replacement in self._names.items():
                    text = text.replace(f"${{{name}}}", str(replacement))
                return text
            case {"Fn::GetAtt": [name, "Arn"]}:
                return self._arns.get(name)
            case dict():
                return {name: self.resolve(member) for name, member in value.items()}
            case list():
                return [self.resolve(member) for member in value]
        return value


def _create_table(client: Any, properties: Mapping[str, Any]) -> None:
    name = properties["TableName"]
    settings = {setting: properties[setting] for setting in _TABLE_SETTINGS if setting in properties}
    try:
        made = client.create_table(TableName=name, **settings)["TableDescription"]
    except ClientError as error:
        if not _says_that_it_exists(error):
            raise
        return
    if made["TableStatus"] != "ACTIVE":
        client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    client.update_time_to_live(TableName=name, TimeToLiveSpecification=properties["TimeToLiveSpecification"])
    client.update_continuous_backups(
        TableName=name, PointInTimeRecoverySpecification=properties["PointInTimeRecoverySpecification"]
    )


def _create_queues(client: Any, template: _Template) -> dict[str, str]:
    """URLs by logical name. Dead-letter queues come first, because the others name them."""
    urls: dict[str, str] = {}
    # A template's order says nothing; the ARN of a queue is known once it is made.
    for has_redrive in (False, True):
        for name, properties in template.properties_of("AWS::SQS::Queue").items():
            if ("RedrivePolicy" in properties) is not has_redrive:
                continue
            urls[name] = _create_queue(client, properties)
            if not has_redrive:
                answer = client.get_queue_attributes(QueueUrl=urls[name], AttributeNames=["QueueArn"])
                template.add_arn(name, answer["Attributes"]["QueueArn"])
    return urls


def _create_queue(client: Any, properties: Mapping[str, Any]) -> str:
    name = properties["QueueName"]
    # The service wants texts; of numbers, booleans and policies, which the template has, that is their JSON.
    attributes = {key: json.dumps(value) for key, value in properties.items() if key != "QueueName"}
    try:
        return str(client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])
    except ClientError as error:
        if not _says_that_it_exists(error):
            raise
        return str(client.get_queue_url(QueueName=name)["QueueUrl"])


def _create_bucket(client: Any, properties: Mapping[str, Any]) -> None:
    name = properties["BucketName"]
    region = client.meta.region_name
    # The one region that may not be named, being the default.
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        client.create_bucket(Bucket=name, **where)
    except ClientError as error:
        if not _says_that_it_exists(error):
            raise
        return
    client.put_public_access_block(
        Bucket=name, PublicAccessBlockConfiguration=properties["PublicAccessBlockConfiguration"]
    )
    rules = properties["LifecycleConfiguration"]["Rules"]
    client.put_bucket_lifecycle_configuration(
        Bucket=name, LifecycleConfiguration={"Rules": [_lifecycle_rule(rule) for rule in rules]}
    )


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """The template's form of a rule in the form of the service's own API."""
    translated = {"ID": rule["Id"], "Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if "ExpirationInDays" in rule:
        translated["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    if "AbortIncompleteMultipartUpload" in rule:
        translated["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
    return translated


def _says_that_it_exists(error: ClientError) -> bool:
    """Some services and stand-ins write the same code with a prefix or an ending."""
    return any(code in error_code(error) for code in _EXISTS)

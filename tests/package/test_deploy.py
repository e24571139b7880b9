"""Deploying and destroying against a recorded CloudFormation: what is asked of it, and what is refused."""

# ruff: noqa: N803 (the names of arguments are those of the AWS calls that the fake stands for)

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.deploy import deploy
from infra.destroy import destroy
from infra.package import Package
from infra.stacks import Aws, DeploymentError

FUNCTION = {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "penstock.zip"}}
TABLE = {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": {"Fn::Sub": "penstock-${StageName}-runs"}}}
BUCKET_NAME = "penstock-${StageName}-blobs-${AWS::AccountId}-${AWS::Region}"
BUCKET = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": {"Fn::Sub": BUCKET_NAME}}}
PARAMETERS = {name: {"Type": "String"} for name in ("StageName", "RetentionDays", "RunBlobDays", "LogLevel")}


def refusal(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


@dataclass
class FakeAws:
    """One account: a stack that exists or not, and the change set that the next template makes."""

    stack: dict[str, Any] | None = None
    changes: list[dict[str, str]] = field(default_factory=list)
    change_status: str = "CREATE_COMPLETE"
    change_reason: str = ""
    final_status: str = "CREATE_COMPLETE"
    has_bucket: bool = True
    meta: Any = None
    done: list[str] = field(default_factory=list)
    asked: dict[str, Any] = field(default_factory=dict)
    stored: dict[str, bytes] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    pauses: int = 0

    def aws(self) -> Aws:
        return Aws(lambda service: self, "eu-central-1", self._pause, self.told.append)

    def _pause(self, seconds: float) -> None:
        self.pauses += 1
        if self.stack is not None:
            self.stack["StackStatus"] = self.final_status

    # STS and S3
    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "123456789012"}

    def head_bucket(self, Bucket: str) -> None:
        if not self.has_bucket:
            raise refusal("404", "Not Found")

    def create_bucket(self, Bucket: str, CreateBucketConfiguration: Any) -> None:
        self.done.append(f"create {Bucket}")

    def put_public_access_block(self, Bucket: str, PublicAccessBlockConfiguration: dict[str, bool]) -> None:
        assert all(PublicAccessBlockConfiguration.values())
        self.done.append(f"close {Bucket}")

    def list_objects_v2(self, Bucket: str, Prefix: str) -> dict[str, Any]:
        return {"Contents": [{}]} if Prefix in self.stored else {}

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:
        self.stored[Key] = Body

    # CloudFormation
    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        if self.stack is None:
            raise refusal("ValidationError", f"Stack with id {StackName} does not exist")
        return {"Stacks": [self.stack]}

    def create_change_set(self, **asked: Any) -> dict[str, str]:
        self.asked = asked
        return {"Id": "change"}

    def describe_change_set(self, ChangeSetName: str, NextToken: str | None = None) -> dict[str, Any]:
        return {
            "ChangeSetId": "change",
            "StackId": "stack",
            "StackName": "penstock-dev",
            "Status": self.change_status,
            "StatusReason": self.change_reason,
            "Changes": [{"ResourceChange": each} for each in self.changes],
        }

    def delete_change_set(self, ChangeSetName: str) -> None:
        self.done.append("drop the change set")

    def execute_change_set(self, ChangeSetName: str) -> None:
        self.done.append("execute")
        self.stack = {**(self.stack or {"StackId": "stack"}), "StackStatus": "CREATE_IN_PROGRESS"}
        self.stack["Outputs"] = [{"OutputKey": "BaseUrl", "OutputValue": "https://api"}]

    def delete_stack(self, StackName: str) -> None:
        self.done.append("delete")
        assert self.stack is not None
        self.stack["StackStatus"] = "DELETE_IN_PROGRESS"

    def get_paginator(self, operation: str) -> FakeAws:
        return self

    def paginate(self, StackName: str) -> Iterator[dict[str, Any]]:
        event = {"EventId": "1", "ResourceStatus": "CREATE_COMPLETE", "LogicalResourceId": "RunsTable"}
        resource = {"LogicalResourceId": "RunsTable", "ResourceType": "AWS::DynamoDB::Table"}
        yield {
            "StackEvents": [event] if "execute" in self.done else [],
            "StackResourceSummaries": [{**resource, "PhysicalResourceId": "penstock-dev-runs"}],
        }


@dataclass
class Meta:
    endpoint_url: str = "https://s3.eu-central-1.amazonaws.com"


@pytest.fixture
def fake() -> FakeAws:
    return FakeAws(meta=Meta())


@pytest.fixture
def built(tmp_path: Path) -> Package:
    resources = {"APIHandler": FUNCTION, "RunsTable": TABLE, "BlobsBucket": BUCKET}
    template = {"Parameters": PARAMETERS, "Resources": resources}
    (tmp_path / "template.json").write_text(json.dumps(template))
    (tmp_path / "penstock.zip").write_bytes(b"zip")
    (tmp_path / "manifest.json").write_text(json.dumps({"zip_sha256": "abc"}))
    return Package(tmp_path)


def uploaded_template(fake: FakeAws) -> tuple[str, dict[str, Any]]:
    """Its key, and what it says."""
    (key,) = [key for key in fake.stored if key.endswith(".json")]
    return key, json.loads(fake.stored[key])


def parameters(fake: FakeAws) -> dict[str, Any]:
    return {each["ParameterKey"]: each.get("ParameterValue", "as before") for each in fake.asked["Parameters"]}


def test_a_new_stage_is_created_and_its_outputs_returned(fake: FakeAws, built: Package) -> None:
    outputs = deploy(fake.aws(), built, "dev", {})

    assert outputs == {"BaseUrl": "https://api"}
    assert (fake.asked["StackName"], fake.asked["ChangeSetType"]) == ("penstock-dev", "CREATE")
    assert parameters(fake) == {"StageName": "dev"}
    assert fake.done == ["execute"]
    assert any("RunsTable" in line for line in fake.told)


def test_package_and_template_are_stored_under_their_hashes(fake: FakeAws, built: Package) -> None:
    deploy(fake.aws(), built, "dev", {})

    assert fake.stored["abc.zip"] == b"zip"
    key, uploaded = uploaded_template(fake)
    code = uploaded["Resources"]["APIHandler"]["Properties"]["CodeUri"]
    assert code == {"Bucket": "penstock-packages-123456789012-eu-central-1", "Key": "abc.zip"}
    assert fake.asked["TemplateURL"].endswith(f"/penstock-packages-123456789012-eu-central-1/{key}")


def test_what_a_destroyed_stage_left_is_taken_up_by_its_plain_name(fake: FakeAws, built: Package) -> None:
    deploy(fake.aws(), built, "dev", {})

    _, uploaded = uploaded_template(fake)
    assert fake.asked["ImportExistingResources"] is True
    assert uploaded["Resources"]["RunsTable"]["Properties"]["TableName"] == "penstock-dev-runs"
    bucket = uploaded["Resources"]["BlobsBucket"]["Properties"]["BucketName"]
    assert bucket == "penstock-dev-blobs-123456789012-eu-central-1"


def test_the_bucket_of_packages_is_made_when_it_is_missing(fake: FakeAws, built: Package) -> None:
    fake.has_bucket = False

    deploy(fake.aws(), built, "dev", {})

    bucket = "penstock-packages-123456789012-eu-central-1"
    assert fake.done == [f"create {bucket}", f"close {bucket}", "execute"]


def test_an_update_keeps_what_it_does_not_name(fake: FakeAws, built: Package) -> None:
    fake.stack = {
        "StackId": "stack",
        "StackStatus": "UPDATE_COMPLETE",
        "Parameters": [{"ParameterKey": "LogLevel"}, {"ParameterKey": "Forgotten"}],
    }

    deploy(fake.aws(), built, "dev", {"RetentionDays": "90"})

    assert fake.asked["ChangeSetType"] == "UPDATE"
    assert parameters(fake) == {
        "StageName": "dev",
        "LogLevel": "as before",
        "RetentionDays": "90",
        "RunBlobDays": "456",
    }


def test_nothing_happens_when_there_is_nothing_to_change(fake: FakeAws, built: Package) -> None:
    fake.stack = {"StackId": "stack", "StackStatus": "UPDATE_COMPLETE"}
    fake.change_status, fake.change_reason = "FAILED", "The submitted information didn't contain changes."

    assert deploy(fake.aws(), built, "dev", {}) == {}
    assert fake.done == ["drop the change set"]


def test_changes_can_be_shown_without_being_made(fake: FakeAws, built: Package) -> None:
    fake.changes = [{"Action": "Add", "LogicalResourceId": "RunsQueue", "ResourceType": "AWS::SQS::Queue"}]

    deploy(fake.aws(), built, "dev", {}, only_show=True)

    assert fake.done == ["drop the change set"]
    assert any("RunsQueue" in line for line in fake.told)


@pytest.mark.parametrize("change", [{"Action": "Remove"}, {"Action": "Modify", "Replacement": "True"}])
def test_a_change_that_loses_data_is_refused(fake: FakeAws, built: Package, change: dict[str, str]) -> None:
    fake.changes = [{"LogicalResourceId": "RunsTable", "ResourceType": "AWS::DynamoDB::Table", **change}]

    with pytest.raises(DeploymentError, match="RunsTable"):
        deploy(fake.aws(), built, "dev", {})

    assert fake.done == ["drop the change set"]


def test_a_change_set_that_fails_is_reported(fake: FakeAws, built: Package) -> None:
    fake.change_status, fake.change_reason = "FAILED", "Rule DomainHasCertificate failed"

    with pytest.raises(DeploymentError, match="DomainHasCertificate"):
        deploy(fake.aws(), built, "dev", {})


def test_a_deployment_that_is_rolled_back_is_reported(fake: FakeAws, built: Package) -> None:
    fake.final_status = "ROLLBACK_COMPLETE"

    with pytest.raises(DeploymentError, match="ROLLBACK_COMPLETE"):
        deploy(fake.aws(), built, "dev", {})


def test_a_stack_whose_creation_failed_has_to_be_removed_first(fake: FakeAws, built: Package) -> None:
    fake.stack = {"StackId": "stack", "StackStatus": "ROLLBACK_COMPLETE"}

    with pytest.raises(DeploymentError, match="make destroy"):
        deploy(fake.aws(), built, "dev", {})


def test_a_parameter_that_the_template_does_not_have_is_refused(fake: FakeAws, built: Package) -> None:
    with pytest.raises(DeploymentError, match="LogLevels"):
        deploy(fake.aws(), built, "dev", {"LogLevels": "INFO"})


def test_destroying_asks_and_names_what_stays(fake: FakeAws) -> None:
    fake.stack = {"StackId": "stack", "StackStatus": "UPDATE_COMPLETE"}
    fake.final_status = "DELETE_COMPLETE"

    destroy(fake.aws(), "dev", lambda question: "dev")

    assert fake.done == ["delete"]
    assert any("penstock-dev-runs" in line for line in fake.told)


def test_nothing_is_destroyed_without_the_stages_name(fake: FakeAws) -> None:
    fake.stack = {"StackId": "stack", "StackStatus": "UPDATE_COMPLETE"}

    with pytest.raises(DeploymentError, match="not confirmed"):
        destroy(fake.aws(), "dev", lambda question: "yes")

    assert fake.done == []


def test_a_stage_that_is_not_there_need_not_be_destroyed(fake: FakeAws) -> None:
    destroy(fake.aws(), "dev", lambda question: "dev")

    assert fake.told == ["there is no penstock-dev"]

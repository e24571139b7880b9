"""`python -m infra.deploy`: makes or updates a stage from the package, by a change set that is shown first.

Parameters come from infra/stages/<stage>.json, if there is one, and from the command line; what neither names keeps
the value that the stage has, or the template's default. A change that would replace or remove what holds data is
refused. Exit codes: 0 deployed or nothing to do, 1 refused or failed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra import package, stacks, targets, templates
from infra.package import Package
from infra.stacks import Aws, DeploymentError
from infra.targets import PackagingError

STAGES = templates.ROOT / "infra" / "stages"

_HOLDS_DATA = ("AWS::DynamoDB::Table", "AWS::S3::Bucket")
_NAMES = frozenset({"TableName", "BucketName"})
_NOTHING_TO_DO = ("didn't contain changes", "No updates are to be performed")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--stage", required=True)
    parser.add_argument("--region", help="default: that of the AWS configuration")
    parser.add_argument("--python", help="as for infra.package")
    parser.add_argument("--only-show", action="store_true", help="show the changes and make none")
    parser.add_argument("parameters", nargs="*", metavar="Name=value", help="parameters of the template")
    asked = parser.parse_args(arguments)
    try:
        built = package.build(targets.choose(asked.python or None), package.DIST)
        parameters = {**_of_stage(asked.stage), **_named(asked.parameters)}
        found = deploy(connect(asked.region), built, asked.stage, parameters, only_show=asked.only_show)
    except (DeploymentError, PackagingError, ClientError, BotoCoreError) as error:
        _say(f"ERROR: {error}")
        return 1
    for name, value in sorted(found.items()):
        _say(f"{name + ':':<22} {value}")
    return 0


def connect(region: str | None) -> Aws:
    """AWS by the caller's configuration."""
    import boto3

    session = boto3.Session(region_name=region or None)
    if not session.region_name:
        raise DeploymentError("no region is configured; set AWS_REGION or name one")
    return Aws(session.client, session.region_name, time.sleep, _say)


def deploy(
    aws: Aws, built: Package, stage: str, parameters: Mapping[str, str], *, only_show: bool = False
) -> dict[str, str]:
    """Returns the stack's outputs. Raises DeploymentError."""
    template = built.template
    values = _values(template, {**parameters, "StageName": stage})
    account = aws.client("sts").get_caller_identity()["Account"]
    _name_what_is_kept(template, {"StageName": stage, "AWS::AccountId": account, "AWS::Region": aws.region})
    template_url = _upload(aws, _bucket(aws, account), built, template)
    cloudformation = aws.client("cloudformation")
    name = stacks.name_of(stage)
    before = stacks.find(cloudformation, name)
    if before is not None and before["StackStatus"] in stacks.NEVER_BEGAN:
        raise DeploymentError(f"the creation of {name} failed before; remove what is left of it: make destroy")
    change = _change_set(aws, before, name, template_url, _parameters(template, values, before))
    if change is None:
        aws.say(f"{name} is as it should be")
    else:
        _show(aws, change)
        _refuse_to_lose_data(cloudformation, change)
        if only_show:
            cloudformation.delete_change_set(ChangeSetName=change["ChangeSetId"])
            return stacks.outputs(before or {})
        _execute(aws, change)
    after = stacks.find(cloudformation, name)
    return stacks.outputs(after or {})


def _of_stage(stage: str) -> dict[str, str]:
    path = STAGES / f"{stage}.json"
    if not path.exists():
        return {}
    return {name: str(value) for name, value in json.loads(path.read_text(encoding="utf-8")).items()}


def _named(words: Sequence[str]) -> dict[str, str]:
    wrong = [word for word in words if "=" not in word]
    if wrong:
        raise DeploymentError(f"'{wrong[0]}' is not Name=value")
    return dict(word.split("=", 1) for word in words)


def _values(template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, str]:
    unknown = sorted(parameters.keys() - template["Parameters"].keys())
    if unknown:
        raise DeploymentError(f"the template has no parameter {', '.join(unknown)}")
    values = dict(parameters)
    retention = values.get("RetentionDays")
    if retention is not None and retention.isdigit() and "RunBlobDays" not in values:
        least = int(retention) + templates.LONGEST_RUN_DAYS
        values["RunBlobDays"] = str(min((days for days in templates.BLOB_DAYS if days >= least), default=least))
    return values


def _parameters(
    template: Mapping[str, Any], values: Mapping[str, str], before: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    kept = {parameter["ParameterKey"] for parameter in (before or {}).get("Parameters", ())}
    return [
        {"ParameterKey": name, "ParameterValue": values[name]}
        if name in values
        else {"ParameterKey": name, "UsePreviousValue": True}
        for name in template["Parameters"]
        if name in values or name in kept
    ]


def _name_what_is_kept(template: dict[str, Any], names: Mapping[str, str]) -> None:
    """Writes out the names of tables and bucket. CloudFormation takes up one that a destroyed stage left only by a
    name without functions in it; with one, the creation fails because the table exists."""
    for resource in template["Resources"].values():
        if resource["Type"] in _HOLDS_DATA:
            properties = resource["Properties"]
            for member in _NAMES.intersection(properties):
                properties[member] = _written_out(properties[member]["Fn::Sub"], names)


def _written_out(text: str, names: Mapping[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(f"${{{name}}}", value)
    return text


def _bucket(aws: Aws, account: str) -> str:
    """The bucket of packages, one for all stages of a region. Old packages stay: a rollback takes the one before."""
    name = f"penstock-packages-{account}-{aws.region}"
    s3 = aws.client("s3")
    try:
        s3.head_bucket(Bucket=name)
        return name
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in {"404", "NoSuchBucket"}:
            raise
    where = {} if aws.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": aws.region}}
    s3.create_bucket(Bucket=name, **where)
    s3.put_public_access_block(
        Bucket=name,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
    )
    aws.say(f"made the bucket {name}")
    return name


def _upload(aws: Aws, bucket: str, built: Package, template: dict[str, Any]) -> str:
    """Each version under its hash. Returns the template's URL, which names the package's."""
    s3 = aws.client("s3")
    zip_key = f"{built.manifest['zip_sha256']}.zip"
    _put(s3, bucket, zip_key, built.zip.read_bytes())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": bucket, "Key": zip_key}
    text = json.dumps(template, separators=(",", ":"), ensure_ascii=False).encode()
    template_key = f"{hashlib.sha256(text).hexdigest()}.json"
    _put(s3, bucket, template_key, text)
    endpoint: str = s3.meta.endpoint_url
    return f"{endpoint}/{bucket}/{template_key}"


def _put(s3: Any, bucket: str, key: str, content: bytes) -> None:
    # What stands under a hash is what would be put there.
    if "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix=key):
        s3.put_object(Bucket=bucket, Key=key, Body=content)


def _change_set(
    aws: Aws, before: Mapping[str, Any] | None, name: str, template_url: str, parameters: list[dict[str, Any]]
) -> Mapping[str, Any] | None:
    """The change set once it is known what it would do; None if it would do nothing."""
    cloudformation = aws.client("cloudformation")
    made = cloudformation.create_change_set(
        StackName=name,
        ChangeSetName=f"deploy-{time.time_ns()}",
        ChangeSetType="CREATE" if before is None else "UPDATE",
        TemplateURL=template_url,
        Parameters=parameters,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        # A stage that was destroyed left its tables and its bucket; made again, it takes them up by their names.
        ImportExistingResources=True,
    )
    # A change set is made in the background, and one that would change nothing counts as failed.
    while True:
        change: Mapping[str, Any] = cloudformation.describe_change_set(ChangeSetName=made["Id"])
        if change["Status"] in {"CREATE_COMPLETE", "FAILED"}:
            break
        aws.pause(stacks.POLL_SECONDS)
    if change["Status"] == "CREATE_COMPLETE":
        return change
    reason = change.get("StatusReason", "")
    cloudformation.delete_change_set(ChangeSetName=made["Id"])
    if any(text in reason for text in _NOTHING_TO_DO):
        return None
    raise DeploymentError(f"the change set failed: {reason}")


def _changes(cloudformation: Any, change: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Of all pages."""
    found = [each["ResourceChange"] for each in change.get("Changes", ())]
    token = change.get("NextToken")
    while token:
        page = cloudformation.describe_change_set(ChangeSetName=change["ChangeSetId"], NextToken=token)
        found += [each["ResourceChange"] for each in page.get("Changes", ())]
        token = page.get("NextToken")
    return found


def _show(aws: Aws, change: Mapping[str, Any]) -> None:
    aws.say(f"changes of {change['StackName']}:")
    for each in _changes(aws.client("cloudformation"), change):
        replaced = " (replaced)" if each.get("Replacement") == "True" else ""
        aws.say(f"  {each['Action']:<8} {each['LogicalResourceId']:<32} {each['ResourceType']}{replaced}")


def _refuse_to_lose_data(cloudformation: Any, change: Mapping[str, Any]) -> None:
    lost = [
        each["LogicalResourceId"]
        for each in _changes(cloudformation, change)
        if each["ResourceType"] in _HOLDS_DATA and (each["Action"] == "Remove" or each.get("Replacement") == "True")
    ]
    if lost:
        cloudformation.delete_change_set(ChangeSetName=change["ChangeSetId"])
        raise DeploymentError(f"the change would part the stage from its data in {', '.join(lost)}; nothing was done")


def _execute(aws: Aws, change: Mapping[str, Any]) -> None:
    cloudformation = aws.client("cloudformation")
    seen = stacks.seen_events(cloudformation, change["StackId"])
    cloudformation.execute_change_set(ChangeSetName=change["ChangeSetId"])
    status = stacks.follow(aws, change["StackId"], seen)
    if not stacks.ended_well(status):
        raise DeploymentError(f"{change['StackName']} ended as {status}; what failed is above")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())

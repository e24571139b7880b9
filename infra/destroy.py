"""`python -m infra.destroy`: removes a stage, after asking. What holds its data stays, and is named.

Exit codes: 0 removed or not there, 1 not confirmed or failed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra import stacks
from infra.deploy import connect
from infra.stacks import Aws, DeploymentError
from infra.templates import data_template, function_template


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.destroy", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--stage", required=True)
    parser.add_argument("--region", help="default: that of the AWS configuration")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    asked = parser.parse_args(arguments)
    ask = (lambda _: asked.stage) if asked.yes else input
    try:
        destroy(connect(asked.region), asked.stage, ask)
    except (DeploymentError, ClientError, BotoCoreError) as error:
        sys.stderr.write(f"ERROR: {error}\n")
        return 1
    return 0


def destroy(aws: Aws, stage: str, ask: Callable[[str], str]) -> None:
    """`ask` is given a question and returns what was typed. Raises DeploymentError."""
    cloudformation = aws.client("cloudformation")
    name = stacks.name_of(stage)
    stack = stacks.find(cloudformation, name)
    if stack is None:
        aws.say(f"there is no {name}")
        return
    kept = _kept(cloudformation, name)
    aws.say(f"Everything of {name} is removed: its API, functions, queues with their messages, counters and logs.")
    aws.say("These stay, with what they hold, and go on costing what they store:")
    for resource in kept:
        aws.say(f"  {resource}")
    if ask(f"Type {stage} to remove the rest: ").strip() != stage:
        raise DeploymentError("not confirmed; nothing was removed")
    seen = stacks.seen_events(cloudformation, stack["StackId"])
    cloudformation.delete_stack(StackName=stack["StackId"])
    status = stacks.follow(aws, stack["StackId"], seen)
    if not stacks.ended_well(status):
        raise DeploymentError(f"{name} ended as {status}; what failed is above")
    aws.say(f"{name} is removed. Deployed again, the stage takes up the tables and the bucket that stayed.")
    # SQS makes no queue whose name was in use until just now.
    aws.say("Wait a minute before you do.")


def _kept(cloudformation: Any, name: str) -> list[str]:
    resources = {**data_template()["Resources"], **function_template()["Resources"]}
    retained = {logical for logical, each in resources.items() if each.get("DeletionPolicy", "").startswith("Retain")}
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    return [
        f"{resource['ResourceType']:<24} {resource['PhysicalResourceId']}"
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["LogicalResourceId"] in retained
    ]


if __name__ == "__main__":
    sys.exit(main())

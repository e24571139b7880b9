"""A stage's CloudFormation stack: what it is called, what is told while it changes, and how that ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

POLL_SECONDS = 3.0

NEVER_BEGAN = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED")

_ENDED_WELL = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE", "IMPORT_COMPLETE")


class DeploymentError(Exception):
    """The stage could not be deployed or destroyed."""


@dataclass(frozen=True, slots=True)
class Aws:
    """`client` makes a client of a service; `pause` waits that many seconds; `say` tells the user."""

    client: Callable[[str], Any]
    region: str
    pause: Callable[[float], None]
    say: Callable[[str], None]


def name_of(stage: str) -> str:
    return f"penstock-{stage}"


def find(cloudformation: Any, name: str) -> Mapping[str, Any] | None:
    """The stack, or None. One that was only ever announced by a change set does not count."""
    try:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        return None
    return None if stack["StackStatus"] in {"REVIEW_IN_PROGRESS", "DELETE_COMPLETE"} else stack


def seen_events(cloudformation: Any, stack_id: str) -> set[str]:
    """Those of before a change, which are not to be told again."""
    try:
        return {event["EventId"] for event in _events(cloudformation, stack_id)}
    except ClientError:
        return set()


def follow(aws: Aws, stack_id: str, seen: set[str]) -> str:
    """Tells each step of the change that is under way; returns the stack's status at its end."""
    cloudformation = aws.client("cloudformation")
    while True:
        (stack,) = cloudformation.describe_stacks(StackName=stack_id)["Stacks"]
        fresh = [event for event in _events(cloudformation, stack_id) if event["EventId"] not in seen]
        for event in reversed(fresh):
            seen.add(event["EventId"])
            reason = event.get("ResourceStatusReason") or ""
            aws.say(f"  {event['ResourceStatus']:<28} {event['LogicalResourceId']:<32} {reason}".rstrip())
        status: str = stack["StackStatus"]
        if not status.endswith("_IN_PROGRESS"):
            return status
        aws.pause(POLL_SECONDS)


def ended_well(status: str) -> bool:
    return status in _ENDED_WELL


def outputs(stack: Mapping[str, Any]) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())}


def _events(cloudformation: Any, stack_id: str) -> Iterator[Mapping[str, Any]]:
    """The newest first."""
    for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id):
        yield from page["StackEvents"]

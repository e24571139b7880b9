"""Fixtures of the contract suite: each test runs on every backend.

`BACKEND=ministack` takes, instead of the embedded AWS, the stack that `AWS_ENDPOINT_URL` names.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from chalicelib.local import moto_lock
from chalicelib.local.embedded import EmbeddedAws
from chalicelib.local.patches import Patches
from chalicelib.local.resources import Resources
from chalicelib.store.aws import AwsClients
from tests.store.backends import Calls, Stores, aws_stores, clients, memory_stores, new_stage

IS_EMBEDDED = os.environ.get("BACKEND", "moto") == "moto"


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsClients]:
    if IS_EMBEDDED:
        # Only the lock of the local stack's remedies: calls are to take botocore's whole way, serialised and signed.
        patches = Patches()
        moto_lock.apply(patches)
        with EmbeddedAws(remedies=False):
            yield clients()
        patches.undo()
        return
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        yield clients()


@pytest.fixture
def resources(aws: AwsClients) -> Resources:
    return new_stage(aws)


@pytest.fixture
def on_aws(aws: AwsClients, resources: Resources) -> Stores:
    return aws_stores(aws, resources)


@pytest.fixture(params=["memory", "aws"])
def make(request: pytest.FixtureRequest) -> Callable[..., Stores]:
    """Makes the stores of one empty stage, with a retention if a test asks for one."""
    if request.param == "memory":
        return memory_stores
    aws = request.getfixturevalue("aws")
    resources = request.getfixturevalue("resources")
    return lambda **options: aws_stores(aws, resources, **options)


@pytest.fixture
def stores(make: Callable[..., Stores]) -> Stores:
    return make()


@pytest.fixture
def calls(aws: AwsClients) -> Iterator[Calls]:
    counter = Calls()
    clients_used = (aws.dynamodb, aws.sqs, aws.s3)
    for client in clients_used:
        client.meta.events.register("before-call", counter.note, unique_id="count")
        client.meta.events.register("after-call", counter.note_answer, unique_id="count-read")
    yield counter
    for client in clients_used:
        client.meta.events.unregister("before-call", unique_id="count")
        client.meta.events.unregister("after-call", unique_id="count-read")

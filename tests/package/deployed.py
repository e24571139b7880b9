"""A stage deployed to ministack: the packaged template and zip, driven over HTTP.

ministack evaluates the roles' policies (`AUTH`), runs the zip in processes of its own, and feeds the run function
from the queue. What it does not do as AWS does is put right here, and named.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import boto3

from chalicelib import operator
from infra.deploy import deploy
from infra.package import Package
from infra.stacks import Aws

REGION = "eu-central-1"
STAGE = "smoke"
STACK = f"penstock-{STAGE}"
PATIENCE_SECONDS = 30.0
_SERVICES = "apigateway,cloudformation,cloudwatch,dynamodb,events,iam,lambda,logs,monitoring,s3,sqs,sts"

T = TypeVar("T")


def eventually(look: Callable[[], T | None], what: str) -> T:
    """What a look at another process finds, once it finds something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {PATIENCE_SECONDS:.0f} s")


class Ministack:
    def __init__(self, directory: Path) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = directory / "ministack.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ministack"],
                cwd=directory,
                env=_environment(self.port, directory),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def await_answer(self) -> None:
        eventually(self._answers, "an answer of ministack")

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=1):
                return True
        except OSError:
            return False


class Deployed:
    """The stage, and a caller with a key of it."""

    def __init__(self, ministack: Ministack, package: Package, **parameters: str) -> None:
        self.ministack = ministack
        self.outputs = _deploy(ministack, package, parameters)
        self.base_url = f"{ministack.url}/_aws/execute-api/{self.outputs['RestAPIId']}/api"
        (made,) = self.operator("create-workspace", "--name", "smoke")
        self.secret: str = made["secret"]

    def operator(self, *arguments: str) -> Any:
        """The rows that the command prints, whether or not they want attention."""
        environment = {
            **os.environ,
            "AWS_ENDPOINT_URL": self.ministack.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        command = [sys.executable, "-m", "chalicelib.operator", "--stage", STAGE, "--region", REGION, "--json"]
        done = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True)
        assert done.returncode in {0, operator.WANTS_ATTENTION}, done.stderr
        return json.loads(done.stdout)

    def call(self, method: str, path: str, body: object = None, secret: str | None = None) -> tuple[int, Any]:
        request = urllib.request.Request(
            self.base_url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {secret or self.secret}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=35) as answer:
                content = answer.read()
            return answer.status, json.loads(content) if content else None
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read() or b"null")

    def resource(self, logical_name: str) -> str:
        found = self.ministack.client("cloudformation").describe_stack_resources(
            StackName=STACK, LogicalResourceId=logical_name
        )
        (resource,) = found["StackResources"]
        physical: str = resource["PhysicalResourceId"]
        return physical


def _environment(port: int, directory: Path) -> dict[str, str]:
    return {
        **os.environ,
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "SERVICES": _SERVICES,
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "AUTH": "true",
        "LOG_LEVEL": "INFO",
        "TMPDIR": str(directory),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _deploy(ministack: Ministack, package: Package, parameters: dict[str, str]) -> dict[str, str]:
    aws = Aws(ministack.client, REGION, lambda _: time.sleep(0.05), lambda _: None)
    outputs = deploy(aws, package, STAGE, parameters)
    _make_up_for(ministack)
    return outputs


def _make_up_for(ministack: Ministack) -> None:
    """It takes the parameters' values for texts, where CloudFormation makes numbers of them; it wants a right for
    batches of messages, which on AWS comes with the right to send one; and it speaks HTTP alone, which the bucket's
    policy refuses."""
    client = ministack.client("lambda")
    for mapping in client.list_event_source_mappings()["EventSourceMappings"]:
        client.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": 5})
    s3 = ministack.client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        if "-blobs-" in bucket["Name"]:
            s3.delete_bucket_policy(Bucket=bucket["Name"])
    statement = {"Effect": "Allow", "Action": "sqs:SendMessageBatch", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam = ministack.client("iam")
    for role in iam.list_roles()["Roles"]:
        if "DeliveriesWorkerRole" in role["RoleName"]:
            iam.put_role_policy(RoleName=role["RoleName"], PolicyName="batches", PolicyDocument=document)

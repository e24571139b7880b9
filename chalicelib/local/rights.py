"""What each deployed function may do, held over the calls that it makes here.

An emulation allows everything, so a call that nobody put into a function's policy would fail on AWS alone. Here the
functions run under the policies that they are deployed with; what the stack does for itself, as making its tables,
nobody restricts.
"""

from __future__ import annotations

import fnmatch
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

Handler = Callable[[Any, Any], Any]
Right = tuple[str, str]
"""An action and what it is done to, such as `dynamodb:Query` and `penstock-local-runs/index/due`."""

_log = logging.getLogger(__name__)
_ROOT = Path(__file__).resolve().parents[2]
_IN_TRANSACTIONS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}
# Operations whose right has another name.
_S3_ACTIONS = {"HeadObject": "GetObject", "DeleteObjects": "DeleteObject", "ListObjectsV2": "ListBucket"}

_acting: ContextVar[str | None] = ContextVar("acting", default=None)


@contextmanager
def acting_as(function: str) -> Iterator[None]:
    """Whatever is called meanwhile, from this thread and the tasks that it starts, is called by this function."""
    before = _acting.set(function)
    try:
        yield
    finally:
        _acting.reset(before)


def acting(function: str, handler: Handler) -> Handler:
    def invoke(event: Any, context: Any) -> Any:
        with acting_as(function):
            return handler(event, context)

    return invoke


def restrict(client: Any, names: Mapping[str, str]) -> None:
    """From now on the client refuses, as AWS does, what the acting function may not call. `names` are the physical
    names by the template's logical ones."""
    policies = {function: _resolved(rights, names) for function, rights in _policies().items()}
    service = client.meta.service_model.endpoint_prefix
    # Not by botocore's events: the short way to the embedded AWS emits none.
    call = client._make_api_call

    def restricted(operation: str, params: dict[str, Any]) -> Any:
        function = _acting.get()
        if function is not None:
            for right in asked(service, operation, params):
                _demand(policies[function], function, operation, right)
        return call(operation, params)

    client._make_api_call = restricted


def asked(service: str, operation: str, params: Mapping[str, Any]) -> list[Right]:
    """The rights that a call needs: several where it touches several resources."""
    match service:
        case "dynamodb":
            return [(f"dynamodb:{action}", place) for action, place in _of_tables(operation, params)]
        case "sqs":
            queue = params.get("QueueName") or params["QueueUrl"].rsplit("/", 1)[-1]
            return [(f"sqs:{operation.removesuffix('Batch')}", queue)]
        case "s3":
            return _of_objects(operation, params)
        case "lambda":
            return [("lambda:InvokeFunction" if operation == "Invoke" else f"lambda:{operation}", "Sandbox")]
    return [(f"{service}:{operation}", "AccountsKey")]


def _of_tables(operation: str, params: Mapping[str, Any]) -> Iterator[Right]:
    if "TransactItems" in params:
        for item in params["TransactItems"]:
            for kind, write in item.items():
                yield _IN_TRANSACTIONS.get(kind, f"{kind}Item"), write["TableName"]
    elif "RequestItems" in params:
        yield from ((operation, table) for table in params["RequestItems"])
    else:
        index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
        yield operation, params["TableName"] + index


def _of_objects(operation: str, params: Mapping[str, Any]) -> list[Right]:
    action, bucket = f"s3:{_S3_ACTIONS.get(operation, operation)}", params["Bucket"]
    if "Delete" in params:
        return [(action, f"{bucket}/{each['Key']}") for each in params["Delete"]["Objects"]]
    return [(action, f"{bucket}/{params['Key']}" if "Key" in params else bucket)]


def _demand(allowed: frozenset[Right], function: str, operation: str, right: Right) -> None:
    action, place = right
    if right in allowed:
        return
    # `fnmatchcase` reads brackets as well, which policies do not; names of resources have none.
    if not any(action == may and fnmatch.fnmatchcase(place, where) for may, where in allowed):
        message = f"{function} is not authorized to perform: {action} on resource: {place}"
        _log.error("%s; its policy in .chalice does not say so", message, extra={"action": "refused"})
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": message}}, operation)


@cache
def _policies() -> Mapping[str, tuple[tuple[str, Any], ...]]:
    """Actions and the template's resources, by function."""
    directory = _ROOT / ".chalice"
    functions = json.loads((directory / "config.json").read_text(encoding="utf-8"))["lambda_functions"]
    return {name: _statements(directory / settings["iam_policy_file"]) for name, settings in functions.items()}


def _statements(path: Path) -> tuple[tuple[str, Any], ...]:
    return tuple(
        (action, resource)
        for statement in json.loads(path.read_text(encoding="utf-8"))["Statement"]
        for action in statement["Action"]
        for resource in statement["Resource"]
    )


def _resolved(rights: tuple[tuple[str, Any], ...], names: Mapping[str, str]) -> frozenset[Right]:
    return frozenset((action, _place(resource, names)) for action, resource in rights)


def _place(resource: Any, names: Mapping[str, str]) -> str:
    match resource:
        case {"Fn::GetAtt": [name, "Arn"]}:
            return names.get(name, name)
        case {"Fn::Sub": text}:
            name, _, rest = text.removeprefix("${").partition(".Arn}")
            return f"{names.get(name, name)}{rest}"
    raise ValueError(f"{resource} is none of the stack's resources")

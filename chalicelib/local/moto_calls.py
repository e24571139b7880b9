"""The short way from a botocore client to moto, for the operations that a run consists of.

botocore resolves an endpoint, serialises, builds a user agent twice and signs; moto matches the URL
against two hundred patterns, rebuilds a request, parses it and serialises the answer: together three
quarters of the cost of a call. Here validated parameters go straight to moto's handler of the operation
and its plain result straight back. An error takes the long way home, so that it is botocore's own. Other
operations, other services and clients of other endpoints take the long way altogether. botocore's
request events are emitted only on the long way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import moto.core.responses as moto_responses
from botocore.client import BaseClient
from botocore.exceptions import ParamValidationError
from botocore.validate import ParamValidationDecorator, ParamValidator
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.common_models import BaseModel
from moto.core.exceptions import ServiceException
from moto.core.models import DEFAULT_ACCOUNT_ID, botocore_stubber
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import camelcase_to_underscores, method_names_from_class
from moto.dynamodb.responses import DynamoHandler, DynamoResult
from moto.sqs.responses import SQSResponse
from werkzeug.exceptions import HTTPException

from chalicelib.local.moto_lock import EMULATION_LOCK
from chalicelib.local.patches import Patches

_HANDLERS: dict[str, tuple[type[BaseResponse], str, frozenset[str]]] = {
    "dynamodb": (
        DynamoHandler,
        "DynamoDB_20120810",
        frozenset(
            {
                "PutItem",
                "GetItem",
                "UpdateItem",
                "DeleteItem",
                "Query",
                "BatchGetItem",
                "BatchWriteItem",
                "TransactWriteItems",
                "TransactGetItems",
            }
        ),
    ),
    "sqs": (
        SQSResponse,
        "AmazonSQS",
        frozenset(
            {
                "SendMessage",
                "SendMessageBatch",
                "ReceiveMessage",
                "DeleteMessage",
                "DeleteMessageBatch",
                "ChangeMessageVisibility",
                "ChangeMessageVisibilityBatch",
            }
        ),
    ),
}

_validator = ParamValidator()
_prepared = threading.local()


def apply(patches: Patches) -> None:
    _keep_no_list_of_instances(patches)
    _look_up_methods_once(patches)
    _answer_with_what_is_prepared(patches)
    _call_handlers_directly(patches)


def _keep_no_list_of_instances(patches: Patches) -> None:
    """moto lists every item and message ever made for its dashboard: a leak in a server."""

    def new(cls: type[BaseModel], *_args: Any, **_kwargs: Any) -> Any:
        return object.__new__(cls)

    patches.replace(BaseModel, "__new__", staticmethod(new))


def _look_up_methods_once(patches: Patches) -> None:
    """moto inspects a handler's whole class on each call."""
    patches.replace(moto_responses, "method_names_from_class", lru_cache(maxsize=None)(method_names_from_class))


def _answer_with_what_is_prepared(patches: Patches) -> None:
    process = BotocoreStubber.process_request

    def process_request(stubber: BotocoreStubber, request: Any) -> Any:
        answer = _prepared.__dict__.pop("answer", None)
        return process(stubber, request) if answer is None else answer

    patches.replace(BotocoreStubber, "process_request", process_request)


def _call_handlers_directly(patches: Patches) -> None:
    long_way = BaseClient._make_api_call

    def make_api_call(client: Any, operation: str, api_params: dict[str, Any]) -> Any:
        handler = _handler_for(client, operation)
        if handler is None:
            return long_way(client, operation, api_params)
        model = client.meta.service_model.operation_model(operation)
        if _validates(client):
            _validate(api_params, model)
        handler.params = handler.body = _as_parsed(api_params)
        try:
            # The lock of the long way is not passed on this one.
            with EMULATION_LOCK:
                result = getattr(handler, _method_name(operation))()
        except (ServiceException, HTTPException) as error:
            # The client's own way makes its exception of it; `process_request` finds it there, on this thread.
            _prepared.answer = _error_answer(handler, operation, error)
            try:
                return long_way(client, operation, api_params)
            finally:
                _prepared.__dict__.pop("answer", None)
        return _as_answered(result, model.output_shape)

    patches.replace(BaseClient, "_make_api_call", make_api_call)


def _handler_for(client: Any, operation: str) -> Any:
    service = client.meta.service_model.service_name
    if service not in _HANDLERS or not botocore_stubber.enabled:
        return None
    handler_class, target, operations = _HANDLERS[service]
    if operation not in operations or not _is_aws(client.meta.endpoint_url):
        return None
    handler: Any = handler_class()
    handler.headers = {
        "X-Amz-Target": f"{target}.{operation}",
        "Content-Type": "application/x-amz-json-1.0",
    }
    handler.region = client.meta.region_name
    handler.current_account = DEFAULT_ACCOUNT_ID
    handler.querystring, handler.uri_match, handler.response_headers = {}, {}, {}
    return handler


_method_name = lru_cache(maxsize=None)(camelcase_to_underscores)


@lru_cache(maxsize=64)
def _is_aws(endpoint_url: str) -> bool:
    return (urlsplit(endpoint_url).hostname or "").endswith(".amazonaws.com")


def _validates(client: Any) -> bool:
    """Whether its parameters are to be checked; a client's `meta.config` says so whatever it was made with."""
    return isinstance(client._serializer, ParamValidationDecorator)


def _validate(api_params: dict[str, Any], model: Any) -> None:
    report = _validator.validate(api_params, model.input_shape)
    if report.has_errors():
        raise ParamValidationError(report=report.generate_report())


def _as_parsed(value: Any) -> Any:
    """A copy such as moto's parser makes of a request: plain lists, bytes, nothing that is null."""
    if isinstance(value, dict):
        return {name: _as_parsed(member) for name, member in value.items() if member is not None}
    if isinstance(value, list | tuple):
        return [_as_parsed(member) for member in value]
    return bytes(value) if isinstance(value, bytearray | memoryview) else value


def _as_answered(result: ActionResult, shape: Any) -> dict[str, Any]:
    # A DynamoResult was copied when it was made; anything else may still be moto's own state.
    plain: Any = result.result if isinstance(result, DynamoResult) else _as_parsed(result.result)
    members = shape.members if shape is not None and plain else ()
    answered = {name: plain[name] for name in members if plain.get(name) is not None}
    answered["ResponseMetadata"] = {"HTTPStatusCode": 200, "HTTPHeaders": {}, "RetryAttempts": 0}
    return answered


def _error_answer(handler: Any, operation: str, error: Exception) -> Any:
    """The error as moto sends it: its own dispatcher meets an operation that raises it once more."""

    def raise_again() -> Callable[[], None]:
        raise error

    setattr(handler, _method_name(operation), raise_again)
    return handler.call_action()

"""The seam between the local stack and the product: what the stack runs, and who builds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from chalicelib.local.backend import Backend
from chalicelib.local.gateway import Fallback, missing_authentication_token

# A Chalice event handler, or any function of (event, context).
LambdaHandler = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Assembly:
    """Everything that the stack runs.

    `app` is the Chalice application. `sqs_handlers` maps a queue's URL or name to its handler.
    `create_keys` gets API keys by user name, and gives each user a workspace unless they have one.
    `fallback` answers what no route does; `concurrency` bounds the running invocations per queue, `concurrency_of`
    those of single ones, named as in `sqs_handlers`. `around_api` is entered for each call of the app.
    """

    app: Any
    sqs_handlers: Mapping[str, LambdaHandler]
    tick_handler: LambdaHandler
    create_keys: Callable[[Mapping[str, str]], None]
    fallback: Fallback = missing_authentication_token
    # More than one, so that a run that waits for a receiver does not hold up the others, as it would not when deployed.
    concurrency: int = 4
    concurrency_of: Mapping[str, int] = field(default_factory=dict)
    around_api: Callable[[], AbstractContextManager[None]] = nullcontext


Assemble = Callable[[Backend], Assembly]

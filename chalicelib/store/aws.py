"""The AWS clients of the process, and what their errors mean to the rest of the product.

There is one botocore session, and per service one client, made on first use: a client takes 10 to 80 ms to
make and is safe to share between threads, its making is not.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as AwsConnectionError

from chalicelib.domain.errors import UnavailableError

_CONFIG = Config(
    # botocore builds its own user agent twice per request, and checks what the adapters already know to be
    # right: together a quarter of a call's CPU time.
    user_agent="penstock/1",
    parameter_validation=False,
    # Few attempts and short timeouts: an API call has 29 s in all, and what fails here is tried again by its queue.
    retries={"mode": "standard", "total_max_attempts": 3},
    connect_timeout=3,
    read_timeout=15,
    # Lambda freezes a function between calls; without it a connection that died meanwhile is found dead by a timeout.
    tcp_keepalive=True,
    max_pool_connections=64,  # botocore's 10 would close connections of threads beyond that after each call
)
_S3_CONFIG = _CONFIG.merge(
    # A blob is stored under its hash, which is checked on reading; S3-compatible stores lack the checksums.
    Config(request_checksum_calculation="when_required", response_checksum_validation="when_required")
)
_FUNCTIONS_CONFIG = _CONFIG.merge(
    # Whoever is invoked answers when it has done its work, and does it once.
    # The function ends itself after 300 s, so it is never the connection that gives up first.
    Config(retries={"mode": "standard", "total_max_attempts": 1}, read_timeout=310)
)
_RETRYABLE_CODES = frozenset(
    {
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        # S3 gave up waiting for the rest of a body; it comes as a 400.
        "RequestTimeout",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TransactionConflictException",
        # The same transaction once more, while its first call, whose answer was lost, is still under way.
        "TransactionInProgressException",
    }
)


class AwsClients:
    """`dynamodb`, `sqs`, `s3`, `kms` and `functions` (Lambda). `endpoint_url` names another stack that speaks their
    protocols."""

    def __init__(self, endpoint_url: str | None = None, region: str | None = None) -> None:
        self._endpoint_url = endpoint_url
        self._region = region
        self._session = botocore.session.get_session()
        self._made: dict[str, Any] = {}
        self._making = threading.Lock()

    @property
    def dynamodb(self) -> Any:
        # Looked up without the lock, which each call would wait for: what is made once stays, and `_make` looks again.
        return self._made.get("dynamodb") or self._make("dynamodb", _CONFIG)

    @property
    def sqs(self) -> Any:
        return self._made.get("sqs") or self._make("sqs", _CONFIG)

    @property
    def s3(self) -> Any:
        return self._made.get("s3") or self._make("s3", self._s3_config())

    @property
    def kms(self) -> Any:
        return self._made.get("kms") or self._make("kms", _CONFIG)

    @property
    def functions(self) -> Any:
        return self._made.get("lambda") or self._make("lambda", _FUNCTIONS_CONFIG)

    def _make(self, service: str, config: Config) -> Any:
        with self._making:
            if service not in self._made:
                self._made[service] = self._session.create_client(
                    service, region_name=self._region, endpoint_url=self._endpoint_url, config=config
                )
            return self._made[service]

    def _s3_config(self) -> Config:
        if self._endpoint_url is None:
            return _S3_CONFIG
        # Elsewhere than on AWS, a bucket seldom has a host name of its own.
        return _S3_CONFIG.merge(Config(s3={"addressing_style": "path"}))


@contextmanager
def aws_errors() -> Iterator[None]:
    """Turns what a retry may overcome into UnavailableError; every other error passes."""
    try:
        yield
    except (AwsConnectionError, HTTPClientError, IncompleteReadError) as error:
        raise UnavailableError(reason=type(error).__name__) from error
    except ClientError as error:
        if not _is_retryable(error):
            raise
        raise UnavailableError(reason=error_code(error)) from error


def _is_retryable(error: ClientError) -> bool:
    status: int = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500 or error_code(error) in _RETRYABLE_CODES  # throttling comes as a 400, with a code of its own


def error_code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))

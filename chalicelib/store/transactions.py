"""Writes that happen all together or not at all.

A transaction is refused as a whole: by the conditions of some of its writes, or because another one touched the same
items at this moment, which says nothing about them and is tried again here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from botocore.exceptions import ClientError

from chalicelib.domain.errors import UnavailableError
from chalicelib.store.aws import aws_errors, error_code

MAX_WRITES = 100
_ATTEMPTS = 6  # with pauses that add up to 0.3 s
_PAUSE_SECONDS = 0.02
_PASSING = frozenset(
    {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded"}
)


@dataclass(frozen=True, slots=True)
class Write:
    """One write of a transaction, as `Table` makes it. No two writes of a transaction may be to one item."""

    kind: Literal["Put", "Update", "Delete", "ConditionCheck"]
    parameters: Mapping[str, Any]


class TransactionRefusedError(Exception):
    """Some writes' conditions were not met. `failed` are the stored items, empty where there is none, by the positions
    of those writes."""

    def __init__(self, failed: Mapping[int, dict[str, dict[str, Any]]]) -> None:
        super().__init__(f"the conditions of writes {sorted(failed)} failed")
        self.failed = failed


def commit(client: Any, writes: Sequence[Write]) -> None:
    """Up to `MAX_WRITES` writes, to any tables. Raises TransactionRefusedError, UnavailableError."""
    # botocore gives each call a token, the same on its own retries, so one whose answer was lost is not made twice; our
    # attempts are calls of their own, and come only after a refusal, of which nothing was written.
    items = [{write.kind: write.parameters} for write in writes]
    reasons: Sequence[Mapping[str, Any]] = ()
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE_SECONDS * attempt)
        try:
            with aws_errors():
                client.transact_write_items(TransactItems=items)
        except ClientError as error:
            if error_code(error) != "TransactionCanceledException":
                raise
            reasons = error.response.get("CancellationReasons", ())
            _judge(reasons, error)
        else:
            return
    raise UnavailableError("A transaction was refused again and again.", reasons=[each.get("Code") for each in reasons])


def _judge(reasons: Sequence[Mapping[str, Any]], error: ClientError) -> None:
    """Raises unless trying again can help."""
    codes = [str(each.get("Code", "None")) for each in reasons]
    refused = [index for index, code in enumerate(codes) if code == "ConditionalCheckFailed"]
    # Conditions are an answer even where other writes met a conflict: the same attempt again would be refused again.
    if refused:
        raise TransactionRefusedError({index: reasons[index].get("Item", {}) for index in refused}) from error
    # Every write has a reason, and those that stood in nobody's way have "None".
    if not codes or any(code != "None" and code not in _PASSING for code in codes):
        raise error

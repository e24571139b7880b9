"""Embedded AWS: moto in this process, made safe for threads and fast enough to work against.

Must be imported before the first botocore client is made: moto hooks into clients at their creation.
"""

from __future__ import annotations

from moto import mock_aws

from chalicelib.local import moto_calls, moto_expressions, moto_lock, moto_queues, moto_tables, moto_updates
from chalicelib.local.patches import Patches


class EmbeddedAws:
    """DynamoDB, SQS and S3 in memory, for every client made in this process until `close`.

    Starting forgets what an earlier instance held. `remedies=False` leaves moto as it is, for tests
    that compare the two.
    """

    def __init__(self, *, remedies: bool = True) -> None:
        self._patches = Patches()
        self._mock = mock_aws()
        if remedies:
            # In this order: later ones build on what earlier ones have put there.
            for module in (moto_lock, moto_queues, moto_tables, moto_expressions, moto_updates, moto_calls):
                module.apply(self._patches)
        self._mock.start()

    def close(self) -> None:
        self._mock.stop()
        self._patches.undo()

    def __enter__(self) -> EmbeddedAws:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

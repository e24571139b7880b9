"""A tour of the API: every documented conversation, and calls of the operations that no such conversation has.

What was sent, read and answered on it is what the document's claims are held against, and where its examples come from.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from tests.api import watch
from tests.api.celigo import test_job_fixtures as celigo
from tests.api.document import visits
from tests.api.exeoflow import test_fixtures as exeoflow
from tests.api.pindown import test_fixtures as pindown
from tests.api.pipedream import test_fixtures as pipedream
from tests.api.twinit import test_fixtures as twinit
from tests.api.world import World


@contextmanager
def collecting() -> Iterator[list[watch.Exchange]]:
    before, watch.watcher.collected = watch.watcher.collected, []
    try:
        yield watch.watcher.collected
    finally:
        watch.watcher.collected = before


@cache
def exchanges() -> tuple[watch.Exchange, ...]:
    """In the order in which the doors' conversations stand, each a world of its own."""
    with collecting() as found:
        for door in (exeoflow, pindown, pipedream, celigo):
            for path in door.FIXTURES:
                _replay(door, path, World())
        for path in twinit.FIXTURES:
            _replay(twinit, path)
        visits.all_of_them()
    return tuple(found)


def _replay(door: Any, path: Path, *world: World) -> None:
    door.test_documented_requests_get_the_documented_replies(path, *world)

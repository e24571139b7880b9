"""The handlers of the functions that serve no HTTP. Importing them loads neither Chalice nor the routes.

The package names these instead of the functions of the same names in the app, through which Chalice learns of the
queue and the schedule.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from chalicelib import bootstrap, config

logging.getLogger("chalicelib").setLevel(config.from_environment().log_level)


def runs_worker(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Advances the runs that the messages name; reports those to be delivered again."""
    failures: dict[str, Any] = bootstrap.services().worker.handle_batch(event, context.get_remaining_time_in_millis())
    return failures


def deliveries_worker(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Tells the events and attempts the deliveries that the messages name; reports those to be delivered again."""
    remaining_ms = context.get_remaining_time_in_millis()
    failures: dict[str, Any] = bootstrap.services().deliveries_worker.handle_batch(event, remaining_ms)
    return failures


def tick(event: Mapping[str, Any], context: Any) -> None:
    """Enqueues whatever has become due."""
    bootstrap.services().tick.run()

"""Builds the adapters and hands them to the services. The only place that sees both sides.

What a function does not need it neither builds nor loads: everything beyond the settings is made, and its module
imported, when it is first asked for. Each module costs about half a millisecond of a cold start.
"""

from __future__ import annotations

from chalicelib import config
from chalicelib.bootstrap.sources import REGISTRY
from chalicelib.bootstrap.workers import Services

__all__ = ["REGISTRY", "Services", "services", "use"]

_services: Services | None = None


def use(services: Services) -> None:
    """Makes these the services of this process, instead of those that its environment describes."""
    global _services
    _services = services


def services() -> Services:
    """Those of this process, by its environment. Built at the first call."""
    global _services
    if _services is None:
        _services = Services(config.from_environment())
    return _services

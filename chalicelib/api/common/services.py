"""What the doors need from behind them. `bootstrap` builds it; it fits by shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from chalicelib.services.access import Access
from chalicelib.services.hooks import Hooks
from chalicelib.services.identity import Identity
from chalicelib.services.limits import Limits
from chalicelib.services.workflows import Workflows

if TYPE_CHECKING:
    from chalicelib.services.bulk import BulkRetries
    from chalicelib.services.control import Control
    from chalicelib.services.runs import Runs


class Services(Protocol):
    @property
    def access(self) -> Access: ...

    @property
    def identity(self) -> Identity: ...

    @property
    def limits(self) -> Limits: ...

    @property
    def workflows(self) -> Workflows: ...

    @property
    def hooks(self) -> Hooks: ...

    @property
    def runs(self) -> Runs: ...

    @property
    def control(self) -> Control: ...

    @property
    def bulk(self) -> BulkRetries: ...

    @property
    def public_base_url(self) -> str | None:
        """Where callers reach us, if that cannot be told from their requests."""

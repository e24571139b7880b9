"""What the doors need from behind them. `bootstrap` builds it; it fits by shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from chalicelib.services.access import Access
from chalicelib.services.hooks import Hooks
from chalicelib.services.identity import Identity
from chalicelib.services.limits import Limits
from chalicelib.services.ports import Clock
from chalicelib.services.workflows import Workflows

if TYPE_CHECKING:
    from chalicelib.services.accounts import Accounts
    from chalicelib.services.bulk import BulkRetries
    from chalicelib.services.components import Components
    from chalicelib.services.control import Control
    from chalicelib.services.deliveries import Deliveries
    from chalicelib.services.endpoints import Endpoints
    from chalicelib.services.events import Events
    from chalicelib.services.pin_access import PinAccess
    from chalicelib.services.pin_data import PinData
    from chalicelib.services.pin_keys import PinKeys
    from chalicelib.services.pin_limits import PinLimits
    from chalicelib.services.pin_parts import PinParts
    from chalicelib.services.pin_webhooks import PinWebhooks
    from chalicelib.services.pinboards import Pinboards
    from chalicelib.services.pins import Pins
    from chalicelib.services.profiles import Profiles
    from chalicelib.services.runs import Runs
    from chalicelib.services.schedules import Schedules
    from chalicelib.services.source_http import SourceRequests
    from chalicelib.services.sources import Sources
    from chalicelib.services.subscriptions import Subscriptions


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
    def events(self) -> Events: ...

    @property
    def subscriptions(self) -> Subscriptions: ...

    @property
    def endpoints(self) -> Endpoints: ...

    @property
    def deliveries(self) -> Deliveries: ...

    @property
    def profiles(self) -> Profiles: ...

    @property
    def schedules(self) -> Schedules: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def components(self) -> Components: ...

    @property
    def sources(self) -> Sources: ...

    @property
    def source_requests(self) -> SourceRequests: ...

    @property
    def accounts(self) -> Accounts: ...

    @property
    def pins(self) -> Pins: ...

    @property
    def pin_access(self) -> PinAccess: ...

    @property
    def pin_data(self) -> PinData: ...

    @property
    def pin_webhooks(self) -> PinWebhooks: ...

    @property
    def pin_parts(self) -> PinParts: ...

    @property
    def pinboards(self) -> Pinboards: ...

    @property
    def pin_keys(self) -> PinKeys: ...

    @property
    def pin_limits(self) -> PinLimits: ...

    @property
    def public_base_url(self) -> str | None:
        """Where callers reach us, if that cannot be told from their requests."""

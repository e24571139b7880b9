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
    from chalicelib.services.events.deliveries import Deliveries
    from chalicelib.services.events.endpoints import Endpoints
    from chalicelib.services.events.events import Events
    from chalicelib.services.events.subscriptions import Subscriptions
    from chalicelib.services.flows.archives import FlowArchives
    from chalicelib.services.flows.audit import FlowAudit
    from chalicelib.services.flows.call_logs import CallLogs
    from chalicelib.services.flows.error_files import FlowErrorFiles
    from chalicelib.services.flows.errors import FlowErrors
    from chalicelib.services.flows.flows import Flows
    from chalicelib.services.flows.invoke import FlowInvoke
    from chalicelib.services.flows.jobs import FlowJobs
    from chalicelib.services.flows.listeners import FlowListeners
    from chalicelib.services.flows.pings import FlowPings
    from chalicelib.services.flows.resources import FlowResources
    from chalicelib.services.flows.state import FlowState
    from chalicelib.services.flows.tags import FlowTags
    from chalicelib.services.overview import Overview
    from chalicelib.services.pins.access import PinAccess
    from chalicelib.services.pins.boards import Pinboards
    from chalicelib.services.pins.data import PinData
    from chalicelib.services.pins.keys import PinKeys
    from chalicelib.services.pins.limits import PinLimits
    from chalicelib.services.pins.parts import PinParts
    from chalicelib.services.pins.pins import Pins
    from chalicelib.services.pins.webhooks import PinWebhooks
    from chalicelib.services.profiles import Profiles
    from chalicelib.services.runs.bulk import BulkRetries
    from chalicelib.services.runs.control import Control
    from chalicelib.services.runs.runs import Runs
    from chalicelib.services.schedules.schedules import Schedules
    from chalicelib.services.sources.accounts import Accounts
    from chalicelib.services.sources.components import Components
    from chalicelib.services.sources.http import SourceRequests
    from chalicelib.services.sources.sources import Sources


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
    def overview(self) -> Overview: ...

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
    def flows(self) -> Flows: ...

    @property
    def flow_resources(self) -> FlowResources: ...

    @property
    def flow_audit(self) -> FlowAudit: ...

    @property
    def flow_archives(self) -> FlowArchives: ...

    @property
    def flow_invoke(self) -> FlowInvoke: ...

    @property
    def flow_listeners(self) -> FlowListeners: ...

    @property
    def flow_pings(self) -> FlowPings: ...

    @property
    def flow_state(self) -> FlowState: ...

    @property
    def flow_jobs(self) -> FlowJobs: ...

    @property
    def flow_errors(self) -> FlowErrors: ...

    @property
    def flow_error_files(self) -> FlowErrorFiles: ...

    @property
    def flow_call_logs(self) -> CallLogs: ...

    @property
    def flow_tags(self) -> FlowTags: ...

    @property
    def public_base_url(self) -> str | None:
        """Where callers reach us, if that cannot be told from their requests."""

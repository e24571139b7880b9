"""The half of the API's world that pins need: their services over in-memory stores."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.nodes import pin_data
from chalicelib.nodes.steps import Handler
from chalicelib.services.identity import Identity
from chalicelib.services.pins.access import PinAccess
from chalicelib.services.pins.boards import Pinboards
from chalicelib.services.pins.data import PinData
from chalicelib.services.pins.keys import PinKeys
from chalicelib.services.pins.limits import PinLimits
from chalicelib.services.pins.parts import PinParts
from chalicelib.services.pins.passes import PinChores, PinPass
from chalicelib.services.pins.pins import Pins
from chalicelib.services.pins.webhooks import PinWebhooks
from chalicelib.services.runs.children import Announcer
from chalicelib.services.runs.mirror import Mirror, MirroringAnnouncer
from chalicelib.services.runs.programs import Programs
from tests import fakes, pin_fakes
from tests.api.event_half import EventHalf


class PinHalf:
    """`counts` is whether calls are limited, as they are in production."""

    def __init__(
        self,
        clock: fakes.FixedClock,
        entropy: fakes.SeededEntropy,
        counter_store: fakes.MemoryCounterStore,
        event_half: EventHalf,
        *,
        counts: bool,
    ) -> None:
        self.clock = clock
        self.data_store = pin_fakes.MemoryPinDataStore()
        self.part_store = pin_fakes.MemoryPinPartStore()
        self.webhook_store = pin_fakes.MemoryPinWebhookStore()
        self.pin_store = pin_fakes.MemoryPinStore(self.data_store, self.part_store, self.webhook_store)
        self.board_store = pin_fakes.MemoryPinboardStore()
        self.moment_store = pin_fakes.MemoryMomentStore()
        self.access = PinAccess(self.pin_store, self.board_store)
        self.webhooks = PinWebhooks(
            access=self.access,
            store=self.webhook_store,
            endpoint_store=event_half.endpoint_store,
            endpoints=lambda: event_half.endpoints,
            deliveries=event_half.delivery_store,
            queue=lambda: event_half.queue,
            clock=clock,
        )
        self.pins = Pins(
            access=self.access,
            store=self.pin_store,
            boards=self.board_store,
            webhooks=self.webhook_store,
            remove_endpoint=self.webhooks.remove_endpoint,
            clock=clock,
            entropy=entropy,
        )
        self.boards = Pinboards(self.access, self.pin_store, self.board_store, clock, entropy)
        self.parts = PinParts(self.access, self.part_store, clock, entropy)
        self.data = PinData(self.access, self.data_store, self.webhooks, clock, entropy)
        self.limits = PinLimits(self.moment_store, counter_store, clock, counts=counts)
        self.chores = PinChores(self.access, self.pins, self.data)
        self._counters = counter_store
        self._entropy = entropy
        self._event_half = event_half

    @property
    def stores(self) -> tuple[object, ...]:
        return (self.data_store, self.part_store, self.webhook_store, self.pin_store, self.board_store)

    @property
    def handlers(self) -> dict[str, Handler]:
        return dict(pin_data.handlers(lambda: self.access, lambda: self.data))

    def keys(self, identity: Identity) -> PinKeys:
        return PinKeys(identity, self._counters, self._entropy)

    def announcer(self, other: Announcer, runs: fakes.MemoryRunStore, programs: Programs) -> MirroringAnnouncer:
        self.mirror = Mirror(runs, programs, lambda: self.access, lambda: self.data)
        return MirroringAnnouncer(other, self.mirror)

    def pass_(self, chores: Callable[[], object]) -> PinPass:
        return PinPass(self.pin_store, self.access, chores, self.clock)  # type: ignore[arg-type]

"""Those who use the API of sources: they deploy, change, switch and delete them, and send requests, at any moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from chalicelib.domain.cron import cron_timing, interval_timing
from chalicelib.domain.http_events import HttpEvent
from chalicelib.domain.schedules import Timing
from chalicelib.domain.sources import Source
from chalicelib.services.sources.components import Choice
from chalicelib.services.sources.sources import Amendment, Draft
from tests.simulator.callers import PRINCIPAL, Client
from tests.simulator.deployment import Deployment
from tests.simulator.faults import Faults
from tests.simulator.firing import expressions
from tests.simulator.gadgets import REQUESTS, TIMER, timer
from tests.simulator.invariants import Watch
from tests.simulator.world import World

_BASE_URL = "https://penstock.example"
_CHANNELS = ("", "", "$errors", "$logs")
_ACTIONS: tuple[tuple[str, int], ...] = (
    ("create", 2),
    ("request", 8),
    ("switch", 4),
    ("retime", 2),
    ("rename", 1),
    ("subscribe", 3),
    ("unsubscribe", 1),
    ("delete", 1),
    ("test", 1),
    ("cancel", 1),
)


class Tinkerers(Client):
    """`bounds` are the seconds after which timers of this world come round."""

    LASTS_MS: ClassVar[int | None] = 29_000

    def __init__(
        self,
        world: World,
        faults: Faults,
        watch: Watch,
        deployment: Deployment,
        component_ids: Sequence[str],
        bounds: tuple[int, int],
    ) -> None:
        super().__init__(world, faults)
        self._watch = watch
        self._deployment = deployment
        self._component_ids = component_ids
        self._bounds = bounds
        self._ids: list[str] = []
        self._have_left = False
        self._doings: Mapping[str, Callable[[], object]] = {
            "create": self._create,
            "request": self._request,
            "switch": lambda: self._update(Amendment(_BASE_URL, active=world.random.random() < 0.6)),
            "retime": lambda: self._update(Amendment(_BASE_URL, props={TIMER: timer(self._timing())})),
            "rename": lambda: self._update(Amendment(_BASE_URL, name=f"Gadget {world.random.randrange(3)}")),
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "delete": lambda: self._with_source(lambda id_: self._of.sources.delete(PRINCIPAL, id_)),
            "test": lambda: self._with_source(lambda id_: self._of.sources.test(PRINCIPAL, id_, {"tried": True})),
            "cancel": self._cancel,
        }

    @property
    def _of(self) -> Any:
        return self._deployment.of_sources

    def plan(self, actions: int, until_ms: int) -> None:
        rng = self.world.random
        for _ in range(rng.randint(1, 3)):
            self.call("api", rng.randrange(2_000), self._doing("create"))
        names, weights = zip(*_ACTIONS, strict=True)
        for name in rng.choices(names, weights, k=actions):
            self.call("api", 3_000 + int(rng.random() * until_ms), self._doing(name))

    def leave(self) -> None:
        """What they still had in mind comes to nothing."""
        self._have_left = True

    def stop_all(self) -> None:
        amendment = Amendment(_BASE_URL, active=False)
        for source in self._there():
            if source.active:
                self.now(lambda id_=source.id: self._of.sources.update(PRINCIPAL, id_, amendment))  # type: ignore[misc]

    def _doing(self, name: str) -> Callable[[], None]:
        def course() -> None:
            if not self._have_left:
                self.note(name)
                self._doings[name]()

        return course

    def _there(self) -> list[Source]:
        """Oldest first; those that are being deleted are there until they are gone."""
        return list(reversed(self._deployment.stores.of_sources.sources.list(PRINCIPAL.workspace_id)))

    def _with_source(self, course: Callable[[str], object]) -> None:
        there = self._there()
        if there:
            course(self.world.random.choice(there).id)

    def _timing(self) -> Timing:
        rng = self.world.random
        shortest, longest = self._bounds
        if rng.random() < 0.5:
            return interval_timing(rng.choice((shortest, shortest * 2, longest)))
        return cron_timing(rng.choice(expressions(shortest, longest)))

    def _create(self) -> None:
        choice = Choice(component_id=self.world.random.choice(self._component_ids))
        self._of.sources.create(PRINCIPAL, Draft(choice, _BASE_URL, props={TIMER: timer(self._timing())}))

    def _update(self, amendment: Amendment) -> None:
        self._with_source(lambda id_: self._of.sources.update(PRINCIPAL, id_, amendment))

    def _request(self) -> None:
        there = self._there()
        if there:
            source = self.world.random.choice(there)
            self._of.requests.receive(source.endpoints[REQUESTS].key, HttpEvent("POST", body=b"{}"))

    def _subscribe(self) -> None:
        """Who is older is never told of who is younger, so that nothing follows from itself."""
        there = self._there()
        if len(there) > 1:
            first, second = sorted(self.world.random.sample(range(len(there)), 2))
            channel = self.world.random.choice(_CHANNELS)
            self._deployment.subscriptions.create(PRINCIPAL, there[first].id, channel, there[second].id)

    def _unsubscribe(self) -> None:
        found = self._deployment.stores.subscriptions.list(PRINCIPAL.workspace_id)
        if found:
            chosen = self.world.random.choice(found)
            self._deployment.subscriptions.delete(PRINCIPAL, chosen.emitter, chosen.channel, chosen.listener_id)

    def _cancel(self) -> None:
        if self._watch.known:
            self._deployment.runs.cancel(PRINCIPAL, self.world.random.choice(list(self._watch.known)))

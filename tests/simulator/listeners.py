"""Those who use the API of events: they start what speaks, and change at random moments who listens, and how."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from chalicelib.domain.deliveries import DeliveryFilter
from chalicelib.domain.endpoints import Endpoint
from chalicelib.domain.errors import NotFoundError
from chalicelib.domain.events import EmitterKind, EventQuery
from chalicelib.domain.workflow import Workflow, WorkflowStatus
from chalicelib.services.access import Scope
from chalicelib.services.events.endpoints import Settings
from tests.simulator.callers import PRINCIPAL, Client
from tests.simulator.deployment import Deployment
from tests.simulator.emitters import CHANNELS, ERRORS, MOST_RUNS, TYPES, most_runs
from tests.simulator.faults import Faults
from tests.simulator.invariants import Watch
from tests.simulator.workload import run_input
from tests.simulator.world import World

_GLOBS = ("p_*", PRINCIPAL.workspace_id)
_ACTIONS: tuple[tuple[str, int], ...] = (
    ("subscribe", 5),
    ("unsubscribe", 2),
    ("register", 1),
    ("change", 2),
    ("pause", 3),
    ("resume", 4),
    ("rotate", 1),
    ("delete endpoint", 1),
    ("redeliver", 4),
    ("recover", 2),
    ("test", 2),
    ("delete events", 1),
    ("read", 2),
    ("cancel", 1),
    ("status", 1),
)


class Listeners(Client):
    """`most_hops` is how many runs may follow from one another in this world."""

    def __init__(
        self,
        world: World,
        faults: Faults,
        watch: Watch,
        deployment: Deployment,
        workflows: Mapping[str, Workflow],
        said: Mapping[str, Counter[str]],
        most_hops: int,
    ) -> None:
        super().__init__(world, faults)
        self._watch = watch
        self._deployment = deployment
        self._workflows = workflows
        self._said = dict(said)
        self._most_hops = most_hops
        self._edges: list[tuple[str, str, str]] = []
        self._triples: list[tuple[str, str, str]] = []
        self._endpoints: list[str] = []
        self._hosts = 0
        self._doings: Mapping[str, Callable[[], None]] = {
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "register": self._register,
            "change": self._change,
            "pause": lambda: self._with_endpoint(deployment.endpoints.pause),
            "resume": lambda: self._with_endpoint(deployment.endpoints.resume),
            "rotate": lambda: self._with_endpoint(deployment.endpoints.rotate_secret),
            "delete endpoint": lambda: self._with_endpoint(deployment.endpoints.delete),
            "redeliver": self._redeliver,
            "recover": self._recover,
            "test": self._test,
            "delete events": self._delete_events,
            "read": self._read,
            "cancel": self._cancel,
            "status": self._change_status,
        }

    def plan(self, starts: int, actions: int, until_ms: int) -> None:
        """Who listens comes first, most of it, and then what is said, more in the beginning than later."""
        rng = self.world.random
        for number in range(rng.randint(0, 4)):
            self.call("api", number, self._register)
        for _ in range(rng.randint(1, 10)):
            self.call("api", 100 + rng.randrange(1000), self._subscribe)
        for _ in range(starts):
            self.call("start", 2_000 + int(rng.random() ** 3 * until_ms / 2), self._start)
        names, weights = zip(*_ACTIONS, strict=True)
        for name in rng.choices(names, weights, k=actions):
            self.call("api", 1_000 + int(rng.random() ** 2 * until_ms), self._doing(name))

    def _doing(self, name: str) -> Callable[[], None]:
        def course() -> None:
            self.note(name)
            self._doings[name]()

        return course

    def _start(self) -> None:
        workflow = self.world.random.choice(list(self._workflows.values()))
        run = self._deployment.runs.start(workflow, run_input(self.world.random))
        self._watch.accepted.add(run.id)

    # -- subscriptions ------------------------------------------------------------------------------------------------

    def _subscribe(self) -> None:
        rng = self.world.random
        emitter = rng.choice((*self._workflows, *self._workflows, *_GLOBS))
        channel = rng.choice((*CHANNELS, "", "", "", ERRORS))
        listener = rng.choice((*self._endpoints * 3, *self._workflows))
        if listener in self._workflows:
            edges = [*self._edges, ("*" if emitter == PRINCIPAL.workspace_id else emitter, channel, listener)]
            if most_runs(self._said, edges, self._most_hops) > MOST_RUNS:
                return
            self._edges = edges
        self._triples.append((emitter, channel, listener))
        self._deployment.subscriptions.create(PRINCIPAL, emitter, channel, listener)

    def _unsubscribe(self) -> None:
        if self._triples:
            self._deployment.subscriptions.delete(PRINCIPAL, *self.world.random.choice(self._triples))

    # -- endpoints ----------------------------------------------------------------------------------------------------

    def _url(self) -> str:
        self._hosts += 1
        return f"https://r{self._hosts}.test/in"

    def _register(self) -> None:
        rng = self.world.random
        types = rng.choice((frozenset[str](), frozenset[str](), frozenset({rng.choice(TYPES)})))
        settings = Settings(url=self._url(), event_types=types, rate_limit=rng.choice((None, None, 1)))
        self._endpoints.append(self._deployment.endpoints.create(PRINCIPAL, settings).id)

    def _with_endpoint(self, course: Callable[[Endpoint], object]) -> None:
        if self._endpoints:
            endpoint_id = self.world.random.choice(self._endpoints)
            course(self._deployment.endpoints.get(PRINCIPAL, endpoint_id))

    def _change(self) -> None:
        rng = self.world.random
        choices = (Settings(url=self._url()), Settings(event_types=frozenset()), Settings(event_types=frozenset(TYPES)))
        self._with_endpoint(lambda endpoint: self._deployment.endpoints.update(endpoint, rng.choice(choices)))

    # -- deliveries and events ----------------------------------------------------------------------------------------

    def _redeliver(self) -> None:
        deliveries = self._deployment.deliveries

        def course(endpoint: Endpoint) -> None:
            page = deliveries.page(endpoint, DeliveryFilter(), None, 20).items
            if page:
                deliveries.redeliver(endpoint, self.world.random.choice(page).id)

        self._with_endpoint(course)

    def _recover(self) -> None:
        since = self.world.time(-20 * 86_400_000)
        self._with_endpoint(lambda endpoint: self._deployment.deliveries.recover(endpoint, since))

    def _test(self) -> None:
        self._with_endpoint(lambda endpoint: self._deployment.deliveries.test(endpoint, "test", {"is": "a test"}))

    def _delete_events(self) -> None:
        rng = self.world.random
        emitter_id, stream = rng.choice(list(self._workflows)), rng.choice(("", "", ERRORS))
        events = self._deployment.events
        page = events.page(PRINCIPAL, EmitterKind.WORKFLOW, emitter_id, stream, EventQuery(limit=100)).items
        end = rng.choice(page).id if page and rng.random() < 0.5 else None
        events.delete(PRINCIPAL, EmitterKind.WORKFLOW, emitter_id, end=end, stream=stream)

    def _read(self) -> None:
        deliveries = self._deployment.deliveries
        self._deployment.subscriptions.list(PRINCIPAL)

        def course(endpoint: Endpoint) -> None:
            for delivery in deliveries.page(endpoint, DeliveryFilter(), None, 5).items:
                deliveries.get(endpoint, delivery.id)

        self._with_endpoint(course)

    # -- runs ---------------------------------------------------------------------------------------------------------

    def _cancel(self) -> None:
        if self._watch.known:
            self._deployment.runs.cancel(PRINCIPAL, self.world.random.choice(list(self._watch.known)))

    def _change_status(self) -> None:
        rng = self.world.random
        workflow_id = rng.choice(list(self._workflows))
        workflow = self._deployment.access.workflow(PRINCIPAL, workflow_id, Scope.WRITE_WORKFLOWS)
        status = rng.choice((WorkflowStatus.ACTIVE, WorkflowStatus.INACTIVE))
        self._deployment.workflows.set_status(workflow, status)

    def resume_all(self) -> None:
        """Whatever is paused goes on."""
        for endpoint_id in self._endpoints:
            self.now(lambda endpoint_id=endpoint_id: self._resume(endpoint_id))  # type: ignore[misc]

    def _resume(self, endpoint_id: str) -> None:
        try:
            endpoint = self._deployment.endpoints.get(PRINCIPAL, endpoint_id)
        except NotFoundError:
            return
        if endpoint.status.value == "paused":
            self._deployment.endpoints.resume(endpoint)

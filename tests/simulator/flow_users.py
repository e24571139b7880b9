"""Those who use the API of flows: they run them, look into errors, try again and cancel, at random moments."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chalicelib.domain.json import Json
from chalicelib.domain.workflow import Workflow
from chalicelib.services.access import Scope
from tests.simulator.callers import PRINCIPAL, Client
from tests.simulator.deployment import Deployment
from tests.simulator.faults import Faults
from tests.simulator.flowing import FlowWatch
from tests.simulator.invariants import Watch
from tests.simulator.warehouse import Warehouse
from tests.simulator.world import World

_ACTIONS: tuple[tuple[str, int], ...] = (
    ("run", 4),
    ("retry", 5),
    ("resolve", 2),
    ("reopen", 1),
    ("cancel", 2),
    ("interrupt", 2),
    ("refuse", 2),
    ("accept", 2),
    ("close", 1),
    ("look", 1),
)


class FlowUsers(Client):
    def __init__(
        self,
        world: World,
        faults: Faults,
        watch: Watch,
        deployment: Deployment,
        flows: list[Workflow],
        flow_watch: FlowWatch,
        warehouse: Warehouse,
    ) -> None:
        super().__init__(world, faults)
        self._watch = watch
        self._deployment = deployment
        self._flows = flows
        self._flow_watch = flow_watch
        self._warehouse = warehouse
        self._doings: Mapping[str, Callable[[], None]] = {
            "run": lambda: self.run(self._any()),
            "retry": lambda: self._with_errors(self.retry),
            "resolve": lambda: self._with_errors(self._resolve),
            "reopen": lambda: self._reopen(),
            "cancel": self._cancel,
            "interrupt": self._interrupt,
            "refuse": self._refuse,
            "accept": self.accept,
            "close": self._close,
            "look": self._look,
        }

    def plan(self, actions: int, until_ms: int) -> None:
        rng = self.world.random
        for _ in range(rng.randint(1, 4)):
            self.call("api", rng.randrange(5_000), self._doing("run"))
        names, weights = zip(*_ACTIONS, strict=True)
        for name in rng.choices(names, weights, k=actions):
            self.call("api", int(rng.random() * until_ms), self._doing(name))

    def _doing(self, name: str) -> Callable[[], None]:
        def course() -> None:
            self.note(name)
            self._doings[name]()

        return course

    def _any(self) -> Workflow:
        return self.world.random.choice(self._flows)

    # -- what users do ------------------------------------------------------------------------------------------------

    def run(self, flow: Workflow) -> None:
        flows = self._deployment.of_flows.flows
        started = flows.run(PRINCIPAL, flows.workflow(PRINCIPAL, flow.id, Scope.WRITE_RUNS))
        self._watch.accepted.add(started.job_id)

    def retry(self, flow: Workflow, step: str, ids: list[str]) -> None:
        errors = self._deployment.of_flows.errors
        known = errors.step(PRINCIPAL, flow.id, step, Scope.WRITE_RUNS)
        self._watch.accepted.add(errors.retry(PRINCIPAL, known, step, ids, "errorIds"))

    def schedule(self, flow: Workflow, expression: str) -> None:
        """At some early moment; the flow may stay without a schedule where that goes wrong."""
        self.call("api", self.world.random.randrange(30_000), lambda: self._set_schedule(flow, expression))

    def unschedule(self, flow: Workflow) -> None:
        self._set_schedule(flow, None)

    def _set_schedule(self, flow: Workflow, expression: str | None) -> None:
        flows = self._deployment.of_flows.flows
        known = flows.workflow(PRINCIPAL, flow.id, Scope.WRITE_WORKFLOWS)

        def rework(document: Mapping[str, Json]) -> Mapping[str, Json]:
            others = {name: value for name, value in document.items() if name != "schedule"}
            return others if expression is None else {**others, "schedule": expression}

        flows.rework(PRINCIPAL, known, rework)

    def accept(self) -> None:
        """The warehouse takes everything, and knows everybody."""
        self._warehouse.refused.clear()
        self._warehouse.strangers.clear()
        self._warehouse.is_closed = False

    def _with_errors(self, course: Callable[[Workflow, str, list[str]], None]) -> None:
        flow, rng = self._any(), self.world.random
        found = self._flow_watch.open_errors(flow.id)
        if found:
            step = rng.choice(sorted(found))
            course(flow, step, rng.sample(found[step], rng.randint(1, len(found[step]))))

    def _resolve(self, flow: Workflow, step: str, ids: list[str]) -> None:
        errors = self._deployment.of_flows.errors
        errors.resolve(PRINCIPAL, errors.step(PRINCIPAL, flow.id, step, Scope.WRITE_RUNS), step, ids)

    def _reopen(self) -> None:
        flow = self._any()
        for step, ids in self._flow_watch.resolved_errors(flow.id).items():
            self._deployment.of_flows.errors.reopen(flow, step, ids)

    def _cancel(self) -> None:
        if self._watch.known:
            run_id = self.world.random.choice(list(self._watch.known))
            self._end(run_id)

    def _end(self, run_id: str) -> None:
        self._deployment.of_flows.jobs.cancel(PRINCIPAL, run_id)

    def _interrupt(self) -> None:
        """Cancels whichever run makes the next call, in the middle of it, and runs its flow again at once."""

        def course(run_id: str) -> None:
            run = self._watch.run(run_id)
            if run is None:
                return
            flow = next(flow for flow in self._flows if flow.id == run.workflow_id)
            self.call("api", 1, lambda: self._end(run_id))
            self.call("api", 2, lambda: self.run(flow))

        self._warehouse.interrupt = course

    def _refuse(self) -> None:
        """From now on some parcels are not taken, and some owners unknown."""
        rng = self.world.random
        self._warehouse.refused |= {rng.randrange(30) for _ in range(8)}
        self._warehouse.strangers |= {rng.randrange(30) for _ in range(4)}

    def _close(self) -> None:
        self._warehouse.is_closed = True

    def _look(self) -> None:
        if self._watch.known:
            self._deployment.of_flows.jobs.get(PRINCIPAL, self.world.random.choice(list(self._watch.known)))

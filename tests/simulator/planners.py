"""Those who use the API of schedules: they plan, change their minds, and let workflows rest, at random moments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from chalicelib.domain.cron import cron_timing, interval_timing
from chalicelib.domain.graph import Edge, Graph, Node
from chalicelib.domain.json import Json
from chalicelib.domain.schedules import CatchUp, Overlap, Target, TargetKind, Timing
from chalicelib.domain.workflow import Workflow, WorkflowStatus
from chalicelib.services.access import Scope
from chalicelib.services.schedules.schedules import Amendment, Draft
from chalicelib.services.workflows import Change
from tests.simulator.callers import PRINCIPAL, Client
from tests.simulator.deployment import Deployment
from tests.simulator.faults import Faults
from tests.simulator.firing import expressions, trigger_config
from tests.simulator.invariants import Watch
from tests.simulator.world import World

_ACTIONS: tuple[tuple[str, int], ...] = (
    ("create", 3),
    ("retime", 3),
    ("change", 3),
    ("switch", 4),
    ("delete", 1),
    ("define", 2),
    ("redefine", 2),
    ("status", 3),
    ("delete workflow", 1),
    ("cancel", 2),
    ("look", 1),
)


class Planners(Client):
    """`shortest` and `longest` are the seconds after which schedules of this world come round."""

    def __init__(
        self,
        world: World,
        faults: Faults,
        watch: Watch,
        deployment: Deployment,
        workflows: list[Workflow],
        bounds: tuple[int, int],
    ) -> None:
        super().__init__(world, faults)
        self._watch = watch
        self._deployment = deployment
        self._workflow_ids = [workflow.id for workflow in workflows]
        self._bounds = bounds
        self._schedule_ids: list[str] = []
        self._have_left = False
        self._doings: Mapping[str, Callable[[], None]] = {
            "create": self._create,
            "retime": lambda: self._update(Amendment(retime=lambda _: self._timing())),
            "change": self._change,
            "switch": lambda: self._update(Amendment(enabled=self.world.random.random() < 0.6)),
            "delete": self._delete,
            "define": self._define,
            "redefine": self._redefine,
            "status": self._change_status,
            "delete workflow": self._delete_workflow,
            "cancel": self._cancel,
            "look": lambda: self._with_schedule(lambda id_: deployment.schedules.upcoming(PRINCIPAL, id_, 3)),
        }

    def plan(self, actions: int, until_ms: int) -> None:
        rng = self.world.random
        for _ in range(rng.randint(1, 3)):
            self.call("api", rng.randrange(2_000), self._doing(rng.choice(("create", "create", "define"))))
        names, weights = zip(*_ACTIONS, strict=True)
        for name in rng.choices(names, weights, k=actions):
            self.call("api", 2_000 + int(rng.random() * until_ms), self._doing(name))

    def _doing(self, name: str) -> Callable[[], None]:
        def course() -> None:
            if self._have_left:
                return
            self.note(name)
            self._doings[name]()

        return course

    def _timing(self) -> Timing:
        rng = self.world.random
        shortest, longest = self._bounds
        if rng.random() < 0.5:
            return interval_timing(rng.choice((shortest, shortest * 2, longest)))
        return cron_timing(rng.choice(expressions(shortest, longest)))

    def _policies(self) -> tuple[Overlap, CatchUp]:
        rng = self.world.random
        return rng.choice(list(Overlap)), rng.choice(list(CatchUp))

    # -- schedules ----------------------------------------------------------------------------------------------------

    def _create(self) -> None:
        rng = self.world.random
        overlap, catch_up = self._policies()
        draft = Draft(
            Target(TargetKind.WORKFLOW, rng.choice(self._workflow_ids)),
            self._timing(),
            {"n": rng.randrange(100)},
            enabled=rng.random() < 0.9,
            overlap=overlap,
            catch_up=catch_up,
            catch_up_limit=rng.choice((1, 3, 100)),
        )
        self._schedule_ids.append(self._deployment.schedules.create(PRINCIPAL, draft).id)

    def _with_schedule(self, course: Callable[[str], object]) -> None:
        if self._schedule_ids:
            course(self.world.random.choice(self._schedule_ids))

    def _update(self, amendment: Amendment) -> None:
        self._with_schedule(lambda id_: self._deployment.schedules.update(PRINCIPAL, id_, amendment))

    def _change(self) -> None:
        overlap, catch_up = self._policies()
        limit, given = self.world.random.choice((1, 3, 100)), {"n": self.world.random.randrange(100)}
        self._update(Amendment(overlap=overlap, catch_up=catch_up, catch_up_limit=limit, input=given))

    def _delete(self) -> None:
        self._with_schedule(lambda id_: self._deployment.schedules.delete(PRINCIPAL, id_))

    # -- workflows ----------------------------------------------------------------------------------------------------

    def _source(self) -> dict[str, Json]:
        """A document with one trigger of the clock, or none, or two."""
        rng = self.world.random
        triggers: list[Json] = [
            trigger_config(self._timing(), *self._policies()) for _ in range(rng.choice((0, 1, 1, 2)))
        ]
        return {"triggers": triggers, "rest": rng.choice((0.2, 90))}

    def _define(self) -> None:
        rng = self.world.random
        status = rng.choice((WorkflowStatus.ACTIVE, WorkflowStatus.ACTIVE, WorkflowStatus.INACTIVE))
        made = self._deployment.workflows.create(PRINCIPAL, "Planned", "", self._source(), compiled, status=status)
        self._workflow_ids.append(made.id)

    def _workflow(self) -> Workflow:
        workflow_id = self.world.random.choice(self._workflow_ids)
        return self._deployment.access.workflow(PRINCIPAL, workflow_id, Scope.WRITE_WORKFLOWS)

    def _redefine(self) -> None:
        self._deployment.workflows.update(self._workflow(), Change(members=self._source()), compiled)

    def _change_status(self) -> None:
        status = self.world.random.choice((WorkflowStatus.ACTIVE, WorkflowStatus.ACTIVE, WorkflowStatus.INACTIVE))
        self._deployment.workflows.set_status(self._workflow(), status)

    def _delete_workflow(self) -> None:
        self._deployment.workflows.delete(self._workflow())

    def _cancel(self) -> None:
        if self._watch.known:
            self._deployment.runs.cancel(PRINCIPAL, self.world.random.choice(list(self._watch.known)))

    def leave(self) -> None:
        """What they still had in mind comes to nothing. A world that has seen enough ends long before their plans do,
        and whatever they switched on after the end would never rest."""
        self._have_left = True

    def stop_all(self, schedule_ids: Iterable[str], workflow_ids: Iterable[str]) -> None:
        """Nothing is to fire any more."""
        for id_ in schedule_ids:
            self.now(lambda id_=id_: self._stop(id_))  # type: ignore[misc]
        for workflow_id in workflow_ids:
            self.now(lambda workflow_id=workflow_id: self._rest(workflow_id))  # type: ignore[misc]

    def _stop(self, schedule_id: str) -> None:
        self._deployment.schedules.disable(PRINCIPAL, schedule_id)

    def _rest(self, workflow_id: str) -> None:
        workflow = self._deployment.access.workflow(PRINCIPAL, workflow_id, Scope.WRITE_WORKFLOWS)
        self._deployment.workflows.set_status(workflow, WorkflowStatus.INACTIVE)


def compiled(source: Mapping[str, Any]) -> Graph:
    """The graph of a document that `_source` made, or of one that has nothing of it."""
    triggers = [Node(f"at{n}", "trigger", config=config) for n, config in enumerate(source.get("triggers", ()))]
    nodes = [*triggers, Node("rest", "wait", config={"seconds": source.get("rest", 0.2)})]
    return Graph(tuple(nodes), tuple(Edge(trigger.id, "rest") for trigger in triggers))


def plain(seconds: float) -> Graph:
    """A workflow that takes so long."""
    rest = Node("rest", "wait", config={"seconds": seconds})
    return Graph((Node("start", "trigger"), rest, Node("done", "noop")), (Edge("start", "rest"), Edge("rest", "done")))

"""Those who use the API: they start runs and meddle with them at random moments, and may die in the middle of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from chalicelib.domain.errors import ConflictError, InvalidError, NotFoundError, UnavailableError
from chalicelib.domain.identity import Principal
from chalicelib.domain.run import RunStatus
from chalicelib.domain.workflow import Workflow
from chalicelib.services.runs.control import Control
from chalicelib.services.runs.runs import Runs
from tests.simulator.faults import Faults
from tests.simulator.invariants import Watch
from tests.simulator.workload import WORKSPACE, run_input
from tests.simulator.world import Invocation, ViolationError, World

PRINCIPAL = Principal("user", WORKSPACE, "key", frozenset({"*"}))

_REFUSALS = (ConflictError, InvalidError, NotFoundError, UnavailableError)
_ACTIONS = ("cancel", "pause", "resume", "resume", "answer", "answer", "answer", "retry", "retry", "rerun", "view")


class Client:
    """Makes calls of the API, each by a process of its own. What is refused is no matter; any other error is. Where a
    call `LASTS_MS` at most, its process is ended then."""

    LASTS_MS: ClassVar[int | None] = None

    def __init__(self, world: World, faults: Faults) -> None:
        self.world = world
        self.faults = faults
        self._count = 0

    def now(self, course: Callable[[], None]) -> None:
        """One call, at this moment."""
        self.call("api", 0, course)

    def call(self, name: str, after_ms: int, course: Callable[[], None]) -> None:
        self._count += 1
        invocation = Invocation(f"{name}{self._count}", self.faults.skew_ms(), self.world.now_ms)
        invocation.died = self._died

        def ended(error: BaseException | None) -> None:
            invocation.is_dead = self.LASTS_MS is not None
            if error is not None and not isinstance(error, _REFUSALS):
                raise ViolationError(f"{invocation.name} got {type(error).__name__}: {error}") from error

        self.world.spawn(invocation.name, invocation, course, ended, after_ms)
        if self.LASTS_MS is not None:
            self.world.at(self.world.now_ms + after_ms + self.LASTS_MS, lambda: self.world.kill(invocation))

    def note(self, action: str, *about: object) -> None:
        self.world.trace.add(self.world.now_ms, self.world.acting().name, f"API {action}", (about, {}))

    def _died(self) -> None:
        self.world.faults["caller died"] += 1


class Callers(Client):
    def __init__(
        self,
        world: World,
        faults: Faults,
        watch: Watch,
        runs: Runs,
        control: Control,
        workflows: Sequence[Workflow],
    ) -> None:
        super().__init__(world, faults)
        self.watch = watch
        self.runs = runs
        self.control = control
        self.workflows = workflows

    def plan(self, starts: int, actions: int, until_ms: int) -> None:
        """Spreads calls over the time up to `until_ms`, the starts over its first half."""
        rng = self.world.random
        for _ in range(starts):
            self.call("start", int(rng.random() ** 2 * until_ms / 2), self._start)
        for _ in range(actions):
            self.call("api", int(rng.random() ** 2 * until_ms), self._meddle)

    def _start(self) -> None:
        rng = self.world.random
        workflow = rng.choice(self.workflows)
        run = self.runs.start(workflow, run_input(rng))
        self.watch.accepted.add(run.id)

    def _meddle(self) -> None:
        rng = self.world.random
        if not self.watch.known:
            return
        run_id = rng.choice(list(self.watch.known))
        action = rng.choice(_ACTIONS)
        self.note(action, run_id)
        match action:
            case "cancel":
                self.runs.cancel(PRINCIPAL, run_id)
            case "pause":
                self.control.pause(PRINCIPAL, run_id)
            case "resume":
                self.control.resume(PRINCIPAL, run_id)
            case "answer":
                self.answer(run_id)
            case "retry":
                self.control.retry(PRINCIPAL, run_id)
            case "rerun":
                self._rerun(run_id)
            case "view":
                self.runs.get(PRINCIPAL, run_id)

    def _rerun(self, run_id: str) -> None:
        run = self.watch.run(run_id)
        program = run and self.watch.program(run)
        if program and program.steps:
            self.control.rerun(PRINCIPAL, run_id, self.world.random.choice(list(program.steps)))

    def answer(self, run_id: str) -> None:
        """Answers whatever input the run waits for."""
        run = self.runs.get(PRINCIPAL, run_id).run
        if run.status.is_final:
            return
        for task in self.runs.waiting(run):
            if task.step.node.type == "user_input":
                self.control.answer(PRINCIPAL, run_id, task.key, {"said": self.world.random.randrange(100)})
                return

    def resume(self, run_id: str) -> None:
        run = self.watch.run(run_id)
        if run is not None and run.status is RunStatus.PAUSED:
            self.control.resume(PRINCIPAL, run_id)

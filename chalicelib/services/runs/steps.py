"""What watchers see of a run's steps: recorded ones, those being executed, and those that wait.

No step announces itself by a write. What executes or waits now is computed from what was recorded, with the very
engine that advances the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from chalicelib.domain.containers import needs_newest_only
from chalicelib.domain.engine import Execution
from chalicelib.domain.errors import DefinitionError, InvalidError, NotFoundError
from chalicelib.domain.graph import Graph
from chalicelib.domain.json import Json
from chalicelib.domain.masking import mask_json
from chalicelib.domain.parts import program_of
from chalicelib.domain.program import Program
from chalicelib.domain.run import LIVE, History, LogLine, Outcome, Run, RunStatus, StepError, StepStatus
from chalicelib.domain.tasks import Task
from chalicelib.services.ports import Performer, RunStore
from chalicelib.services.runs.children import known_child
from chalicelib.services.runs.programs import Programs

MOST_SHOWN_STEPS = 2000
_MOST_COMPUTED_STEPS = 5000
_IN_RUN = "r"
_IN_STORE = "s"
_OFFSET_DIGITS = 9


@dataclass(frozen=True, slots=True)
class StepView:
    """A step, or one attempt of it, as a door shows it. Secrets in `input` and `output` are masked by their names."""

    key: str
    node_id: str
    node_name: str
    node_type: str
    status: StepStatus
    attempt: int
    started_at: datetime
    finished_at: datetime | None
    input: Json
    output: Json
    error: StepError | None
    logs: tuple[LogLine, ...]


@dataclass(frozen=True, slots=True)
class RunView:
    """A run with one view of each of its steps, in the order of their start; at most `MOST_SHOWN_STEPS`, and
    `is_cut` if there were more. `earlier` are failed attempts, and outcomes that a retry or rerun replaced.

    `ready` are the keys of steps that are under way or could be, if a worker had the run. `computed` are steps of a
    live run without effect, and answered ones, that are over and that no record carries yet. `outputs` are what steps
    gave, by their key, with nothing masked.
    """

    run: Run
    steps: tuple[StepView, ...]
    earlier: tuple[StepView, ...] = ()
    is_cut: bool = False
    ready: frozenset[str] = frozenset()
    computed: tuple[StepView, ...] = ()
    outputs: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepPage:
    """`next` is where the following page begins, None after the last."""

    steps: tuple[StepView, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Steps:
    store: RunStore
    programs: Programs
    performer: Performer

    def view(self, run: Run) -> RunView:
        """The steps that the graph has once, and those of rounds that execute or wait now."""
        history = self._history(run)
        program, own = self._program(run), self._own_program(run)
        present, earlier = _by_generation(run, history)
        views = [_recorded_view(outcome, own) for outcome in present]
        ready: list[Task] = []
        computed: tuple[Outcome, ...] = ()
        if program is not None and run.status in LIVE:
            ready, waiting, computed = self._present(program, run, history)
            views.extend(_live_views(run, history, ready, waiting))
        views.sort(key=lambda view: (view.started_at, _order(view, own)))
        return RunView(
            run,
            tuple(views[:MOST_SHOWN_STEPS]),
            tuple(_recorded_view(outcome, own) for outcome in earlier),
            len(views) > MOST_SHOWN_STEPS,
            frozenset(task.key for task in ready),
            tuple(_recorded_view(outcome, own) for outcome in computed),
            {o.key: o.output for o in (*present, *computed) if o.status is StepStatus.SUCCEEDED and not o.left_out},
        )

    def rounds(self, run: Run, container: str) -> tuple[StepView, ...]:
        """What was recorded of the steps that stand directly in rounds of a loop or map at the root, which has this
        key: of each its newest attempt, in the order of rounds and of their ends. Nothing is masked in outputs."""
        generation = generation_of(run, container)
        slot = f"{container}@{generation}" if generation else container
        history, _ = self.store.round_history(run.id, slot, None, newest_only=False)
        program = self._own_program(run)
        carried = [o for o in run.tail if o.round is not None and o.round.container == slot]
        newest: dict[str, Outcome] = {}
        # In this order, so that an outcome takes the place of the attempts before it.
        for outcome in (*history.attempts, *carried, *history.outcomes):
            if outcome.generation == generation_of(run, outcome.key):
                newest[outcome.key] = outcome
        found = sorted(newest.values(), key=lambda o: (o.round.index if o.round else 0, o.finished_at, o.key))
        return tuple(replace(_recorded_view(outcome, program), output=outcome.output) for outcome in found)

    def page(self, run: Run, after: str | None, limit: int) -> StepPage:
        """Everything that was recorded, a page at a time: first what the run itself carries, then the steps' own
        records. Raises InvalidError for an `after` that no page named."""
        program = self._own_program(run)
        place, rest = (after[:1], after[1:]) if after is not None else (_IN_RUN, "0")
        if place == _IN_RUN and _is_offset(rest):
            outcomes, following = self._carried(run, int(rest), limit)
        elif place == _IN_STORE:
            outcomes, following = self._recorded(run, rest, limit)
        else:
            raise InvalidError("The cursor is not one of this list.", field="cursor")
        return StepPage(tuple(_recorded_view(outcome, program) for outcome in outcomes), following)

    def waiting(self, run: Run) -> tuple[Task, ...]:
        """The steps of a live run that wait for a time, an answer or their next attempt."""
        return self._present(self.programs.of(run), run, self._history(run))[1]

    def graph(self, run: Run) -> Graph | None:
        program = self._program(run)
        return None if program is None else program.graph

    def _carried(self, run: Run, offset: int, limit: int) -> tuple[tuple[Outcome, ...], str | None]:
        end = offset + limit
        found = run.tail[offset:end]
        if end < len(run.tail):
            return found, f"{_IN_RUN}{end}"
        # The page is full: the next one begins with the first of the steps' own records.
        if len(found) == limit:
            return found, _IN_STORE
        more, following = self._recorded(run, "", limit - len(found))
        return (*found, *more), following

    def _recorded(self, run: Run, after: str, limit: int) -> tuple[tuple[Outcome, ...], str | None]:
        try:
            outcomes, following = self.store.steps(run.id, after=after or None, limit=limit)
        except InvalidError as error:
            raise InvalidError(error.message, field="cursor") from error
        return outcomes, None if following is None else f"{_IN_STORE}{following}"

    def _history(self, run: Run) -> History:
        # Of a run that was never claimed nothing is recorded.
        return self.store.history(run.id) if run.fence else History()

    def _program(self, run: Run) -> Program | None:
        try:
            return self.programs.of(run)
        except (NotFoundError, DefinitionError):
            return None

    def _own_program(self, run: Run) -> Program | None:
        """What the run's keys are looked up in: of a part of a map, they begin at the map."""
        program = self._program(run)
        try:
            return None if program is None else program_of(program, run)
        except DefinitionError:
            return None

    def _present(
        self, program: Program, run: Run, history: History
    ) -> tuple[list[Task], tuple[Task, ...], tuple[Outcome, ...]]:
        """The effects of a live run that execute or wait for a child run, the steps that wait otherwise, and outcomes
        of others that are not recorded."""
        known = {(outcome.key, outcome.generation) for outcome in (*run.tail, *history.outcomes)}
        execution = Execution(program, run, history)
        effects = []
        # Bounded: a loop without effects would be computed for as long as its run takes.
        for _ in range(_MOST_COMPUTED_STEPS):
            while (lookup := execution.next_lookup()) is not None:
                newest_only = needs_newest_only(lookup)
                records, newest = self.store.round_history(
                    run.id, lookup.slot, lookup.scope.round, newest_only=newest_only
                )
                execution.supply(lookup, records, newest)
            task = execution.next_task()
            if task is None:
                break
            if task.is_effect:
                effects.append(task)
            else:
                outcome = self.performer.perform(task, 1.0)
                execution.keep(outcome)
                execution.conclude(task, outcome)
        computed = tuple(o for o in execution.take_unrecorded() if (o.key, o.generation) not in known)
        return effects, execution.waiting(), computed


def _live_views(run: Run, history: History, begun: Iterable[Task], waiting: Iterable[Task]) -> Iterable[StepView]:
    for task in begun:
        if known_child(run, task.slot) is not None:
            yield _live_view(task, StepStatus.WAITING)
        elif run.status is RunStatus.RUNNING:
            yield _live_view(task, StepStatus.RUNNING)
    failed = {(attempt.key, attempt.generation, attempt.attempt): attempt for attempt in history.attempts}
    for task in waiting:
        yield _waiting_view(task, failed.get((task.key, task.generation, task.attempt - 1)))


def generation_of(run: Run, key: str) -> int:
    """How often the step was reset: outcomes of other generations no longer count."""
    reset = run.resets.get(key)
    return reset.generation if reset else 0


def _by_generation(run: Run, history: History) -> tuple[list[Outcome], list[Outcome]]:
    """The outcomes that count, and what went before them."""
    present: list[Outcome] = []
    earlier = list(history.attempts)
    recorded = {(outcome.key, outcome.generation): outcome for outcome in (*run.tail, *history.outcomes)}
    for outcome in recorded.values():
        counts = outcome.generation == generation_of(run, outcome.key)
        (present if counts else earlier).append(outcome)
    return present, earlier


def _is_offset(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _OFFSET_DIGITS


def _order(view: StepView, program: Program | None) -> int:
    step = program.step_at(view.key) if program else None
    return step.order if step else 0


def _recorded_view(outcome: Outcome, program: Program | None) -> StepView:
    step = program.step_at(outcome.key) if program else None
    return StepView(
        key=outcome.key,
        node_id=outcome.node_id,
        node_name=(step.node.name if step else "") or outcome.node_id,
        node_type=step.node.type if step else "",
        status=outcome.status,
        attempt=outcome.attempt,
        started_at=outcome.started_at,
        finished_at=outcome.finished_at,
        input=mask_json(outcome.input),
        output=mask_json(outcome.output),
        error=outcome.error,
        logs=outcome.logs,
    )


def _live_view(task: Task, status: StepStatus) -> StepView:
    return StepView(
        key=task.key,
        node_id=task.step.node.id,
        node_name=task.step.node.name or task.step.node.id,
        node_type=task.step.node.type,
        status=status,
        attempt=task.attempt,
        started_at=task.shown_from,
        finished_at=None,
        input=None,
        output=None,
        error=None,
        logs=(),
    )


def _waiting_view(task: Task, failed: Outcome | None) -> StepView:
    """A step between two attempts shows those made, and why it has to be tried again."""
    view = _live_view(task, StepStatus.WAITING)
    if failed is None:
        return view
    return replace(view, attempt=failed.attempt, started_at=failed.started_at, error=failed.error)

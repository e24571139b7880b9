"""Where the tasks of a run stand: this dialect's tasks from our steps.

A task is the step of its name; those of a loop have one step for each round. A run that another API's workflow made has
the steps themselves for tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.api.twinit.tasks import BODY, DO_WHILE, FORK_JOIN, SWITCH, USER_INPUT, TaskDef, walk
from chalicelib.domain.ids import escape, uuid_of
from chalicelib.domain.json import Json
from chalicelib.domain.run import FINAL, Run, RunStatus, StepStatus

if TYPE_CHECKING:
    from chalicelib.services.runs.steps import RunView, StepView

QUEUED, IN_PROGRESS, COMPLETED, FAILED = "QUEUED", "IN_PROGRESS", "COMPLETED", "FAILED"
TIMED_OUT, CANCELED, PAUSED = "TIMED_OUT", "CANCELED", "PAUSED"

RUN_STATUSES: Mapping[RunStatus, str] = {
    RunStatus.QUEUED: QUEUED,
    RunStatus.RUNNING: "RUNNING",
    RunStatus.WAITING: "RUNNING",
    RunStatus.PAUSED: PAUSED,
    RunStatus.SUCCEEDED: COMPLETED,
    RunStatus.FAILED: FAILED,
    RunStatus.CANCELLED: "TERMINATED",
    RunStatus.TIMED_OUT: TIMED_OUT,
}


@dataclass(frozen=True, slots=True)
class TaskState:
    """`key` is that of the step; `iteration` counts from 1, for a task of a loop; `view` is None before it began."""

    run_id: str
    key: str
    task: TaskDef
    status: str
    view: StepView | None = None
    output: Json = None
    reason: str | None = None
    iteration: int | None = None

    @property
    def id(self) -> str:
        return task_id(self.run_id, self.key)

    @property
    def name(self) -> str:
        return self.task.name if self.iteration is None else f"{self.task.name}__{self.iteration}"

    @property
    def is_loop(self) -> bool:
        return self.task.type == DO_WHILE


def task_id(run_id: str, key: str) -> str:
    """A task's id follows from its run and its step, so that it is the same whoever asks, and before it begins."""
    return uuid_of(f"{run_id}/{key}")


def slot_of(run: Run, key: str) -> str:
    """The name under which a loop's rounds are filed."""
    reset = run.resets.get(key)
    return f"{key}@{reset.generation}" if reset is not None and reset.generation else key


def own_output(type_: str, output: Json) -> Json:
    """What this dialect calls the output of a step of this type of task."""
    return output.get("body") if type_ == "REST_CONNECTOR" and isinstance(output, dict) else output


@dataclass(frozen=True, slots=True)
class RunTasks:
    """One run's tasks, as far as they appear: the topmost always, those inside others once they are scheduled."""

    view: RunView
    tasks: tuple[TaskDef, ...]
    views: Mapping[str, StepView] = field(default_factory=dict)
    ready: frozenset[str] = frozenset()

    @staticmethod
    def of(view: RunView, tasks: tuple[TaskDef, ...]) -> RunTasks:
        """Before a worker took the run up, nothing of it is under way, whatever could be."""
        is_begun = view.run.began_at is not None
        views = {each.key: each for each in (*view.computed, *view.steps)} if is_begun else {}
        return RunTasks(view, tasks, views, view.ready if is_begun else frozenset())

    @property
    def run(self) -> Run:
        return self.view.run

    def all(self) -> list[TaskState]:
        """Without those of loops."""
        return [*self._of(self.tasks, listed=True)]

    def of_loop(self, loop: TaskState, recorded: Iterable[StepView]) -> list[TaskState]:
        """The tasks of a loop's rounds, round after round; `recorded` is what was recorded of them."""
        # No other task's keys begin with it and a dot: dots and slashes in names are escaped.
        slot = slot_of(self.run, loop.key)
        views = {view.key: view for view in recorded} | {
            key: view for key, view in self.views.items() if key.startswith(f"{slot}.")
        }
        keys = [key for key in {*views, *self.ready} if key.startswith(f"{slot}.")]
        # As numbers: as texts, round 10 would come before round 9.
        rounds = sorted({int(key[len(slot) + 1 :].partition("/")[0]) for key in keys})
        body = [*walk(loop.task.branches[BODY])]
        found = []
        for number in rounds:
            for task in body:
                key = f"{slot}.{number}/{escape(task.name)}"
                if key in views or key in self.ready:
                    found.append(self._state(task, key, views.get(key), iteration=number))
        return found

    def outputs(self) -> dict[str, Json]:
        """What was given so far, by the tasks' names."""
        return {state.name: state.output for state in self.all() if state.status == COMPLETED}

    def _of(self, tasks: tuple[TaskDef, ...], *, listed: bool) -> Iterator[TaskState]:
        """`listed` are tasks that appear whether or not they were scheduled."""
        for task in tasks:
            key = escape(task.name)
            view = self.views.get(key)
            if not (listed or view is not None or key in self.ready or self._is_reached(task)):
                continue
            yield self._state(task, key, view)
            if task.type == DO_WHILE:
                continue
            for case, branch in task.branches.items():
                yield from self._of(branch, listed=self._was_cut_off(task, case))

    def _was_cut_off(self, task: TaskDef, case: str) -> bool:
        """Whether a branch was begun, and its run ended badly: what of it never began is shown as cancelled."""
        if self.run.status not in FINAL or self.run.status is RunStatus.SUCCEEDED:
            return False
        if task.type == FORK_JOIN:
            return self._is_reached(task)
        return task.type == SWITCH and any(self._has_begun(inner) for inner in walk(task.branches[case]))

    def _is_reached(self, task: TaskDef) -> bool:
        """Whether something inside a task was begun that is none of our steps itself."""
        if task.type == FORK_JOIN:
            return any(self._has_begun(inner) for inner in walk(tuple(task.children)))
        return task.type == DO_WHILE and self._has_begun(task)

    def _has_begun(self, task: TaskDef) -> bool:
        key = escape(task.name)
        if key in self.views or key in self.ready:
            return True
        if task.type != DO_WHILE:
            return False
        slot = slot_of(self.run, key)
        return self._failed_inside(task) or any(inner.startswith(f"{slot}.") for inner in (*self.views, *self.ready))

    def _failed_inside(self, task: TaskDef) -> bool:
        failure = self.run.failure
        return failure is not None and failure.node_id in {inner.name for inner in walk(tuple(task.children))}

    def _state(self, task: TaskDef, key: str, view: StepView | None, iteration: int | None = None) -> TaskState:
        status = self._status(task, key, view)
        output = None
        if status == COMPLETED and view is not None:
            output = own_output(task.type, self.view.outputs.get(key, view.output))
        return TaskState(self.run.id, key, task, status, view, output, self._reason(task, status, view), iteration)

    def _status(self, task: TaskDef, key: str, view: StepView | None) -> str:
        run = self.run
        match view.status if view is not None else None:
            case StepStatus.SUCCEEDED:
                return COMPLETED
            case StepStatus.FAILED | StepStatus.UNKNOWN:
                is_late = task.type == USER_INPUT and view is not None and view.error is not None
                return TIMED_OUT if is_late and view.error.type == "timeout" else FAILED  # type: ignore[union-attr]
        # After the finished ones, which stay what they are: all others stand still with the run.
        if run.status is RunStatus.PAUSED:
            return PAUSED
        if run.status in FINAL:
            return FAILED if run.status is RunStatus.FAILED and self._failed_inside(task) else CANCELED
        if view is not None or self._is_reached(task):
            return IN_PROGRESS
        return QUEUED

    def _reason(self, task: TaskDef, status: str, view: StepView | None) -> str | None:
        if view is not None and view.error is not None:
            return view.error.message
        if status == FAILED and self.run.failure is not None:
            return self.run.failure.message
        return None


def foreign_tasks(view: RunView) -> list[TaskState]:
    """The tasks of a run of another API's workflow: its steps, as they are."""
    return [
        TaskState(
            run_id=view.run.id,
            key=step.key,
            task=TaskDef("", step.node_name, step.node_type, number, {}, {}, ""),
            status=_foreign_status(view.run, step),
            view=step,
            output=view.outputs.get(step.key, step.output),
            reason=step.error.message if step.error else None,
        )
        for number, step in enumerate(view.steps, 1)
    ]


def _foreign_status(run: Run, step: StepView) -> str:
    match step.status:
        case StepStatus.SUCCEEDED:
            return COMPLETED
        case StepStatus.FAILED | StepStatus.UNKNOWN:
            return FAILED
    return PAUSED if run.status is RunStatus.PAUSED else IN_PROGRESS

"""Calls on single tasks of a run: showing them, their rounds and logs, and answering those that wait for a user."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.parsing import member, required
from chalicelib.api.common.services import Services
from chalicelib.api.twinit import bounds, query, wire
from chalicelib.api.twinit.errors import TaskNotFoundError
from chalicelib.api.twinit.runs import Known, RunCalls
from chalicelib.api.twinit.states import RunTasks, TaskState, task_id
from chalicelib.api.twinit.tasks import USER_INPUT
from chalicelib.domain.errors import InvalidError, RunEndedError, StepNotWaitingError
from chalicelib.domain.json import Json
from chalicelib.services.access import Scope

if TYPE_CHECKING:
    from chalicelib.services.runs.steps import RunView, StepView

_FOREIGN_INPUT = "user_input"


class TaskCalls:
    def __init__(self, services: Callable[[], Services], runs: RunCalls) -> None:
        self._services = services
        self._runs = runs

    def get(self, call: Call) -> Reply:
        known = self._runs.known(call, Scope.READ_RUNS)
        state = self._task(call, known, self._services().runs.view(known.run))
        return Reply(200, bounds.bounded(wire.long(state, known.run)))

    def loop_over_tasks(self, call: Call) -> Reply:
        known = self._runs.known(call, Scope.READ_RUNS)
        asked = query.paging(call)
        view = self._services().runs.view(known.run)
        loop = self._task(call, known, view)
        inside: list[TaskState] = []
        if loop.is_loop and known.tasks is not None:
            inside = RunTasks.of(view, known.tasks).of_loop(loop, self._services().runs.rounds(known.run, loop.key))
        return bounds.page(asked, len(inside), (wire.long(state, known.run) for state in asked.of(inside)))

    def logs(self, call: Call) -> Reply:
        known = self._runs.known(call, Scope.READ_RUNS)
        asked = query.paging(call)
        view = self._services().runs.view(known.run)
        state = self._task(call, known, view)
        attempts: list[StepView] = [each for each in view.earlier if each.key == state.key]
        attempts += [state.view] if state.view is not None else []
        # By time alone, and the sort is stable: lines of one moment stay in the order in which they were written.
        lines = sorted((line for attempt in attempts for line in attempt.logs), key=lambda line: line.at)
        return asked.reply(len(lines), (wire.log_line(line) for line in asked.of(lines)))

    def answer(self, call: Call) -> Reply:
        known = self._runs.known(call, Scope.WRITE_RUNS)
        given = required(member(call.json_object(), "_userInput", dict), "_userInput")
        key = self._waiting_key(call, known)
        value: Json = {"_userInput": given} if known.tasks is not None else given
        self._services().control.answer(call.principal, known.run.id, key, value)
        return Reply(200, {"message": "Task updated successfully"})

    def _waiting_key(self, call: Call, known: Known) -> str:
        """The step that the path names, if it is one that waits for a user. Raises TaskNotFoundError, InvalidError for
        a task of another type, StepNotWaitingError for one that is over or was not reached."""
        wanted = call.params["user_input_id"].lower()
        run = known.run
        if not run.status.is_final:
            for task in self._services().runs.waiting(run):
                if task.step.node.type == _FOREIGN_INPUT and task_id(run.id, task.key) == wanted:
                    return task.key
        state = self._named(wanted, known, self._services().runs.view(run))
        if state.task.type not in (USER_INPUT, _FOREIGN_INPUT):
            raise InvalidError(f"The task '{state.name}' takes no user input.", field="userInputId")
        # Of a run that is over, a task that was never reached will not wait any more.
        if run.status.is_final and state.view is None:
            raise RunEndedError(run_id=run.id)
        raise StepNotWaitingError(f"The task '{state.name}' does not wait for user input.", run_id=run.id)

    def _task(self, call: Call, known: Known, view: RunView) -> TaskState:
        return self._named(call.params["task_id"].lower(), known, view)

    def _named(self, wanted: str, known: Known, view: RunView) -> TaskState:
        """Loops are only looked into where the id is nobody else's: that reads what all their rounds recorded."""
        for with_loops in (False, True):
            for state in self._runs.tasks_of(known, view, with_loops=with_loops):
                if state.id == wanted:
                    return state
        raise TaskNotFoundError(task_id=wanted)

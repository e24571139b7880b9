"""Calls on workflows in this dialect's sense, which are our runs.

A run is in the namespaces of its definition, also after that is gone. A run of another API's workflow is in none:
whoever is not restricted to namespaces may read and change it here by its id, and no list shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.parsing import idempotency_key, member, one_of, required
from chalicelib.api.common.services import Services
from chalicelib.api.twinit import bounds, documents, query, states, tasks, wire
from chalicelib.api.twinit.definitions import DefinitionCalls
from chalicelib.api.twinit.states import RunTasks, TaskState
from chalicelib.api.twinit.tasks import TaskDef
from chalicelib.domain.errors import (
    ConflictError,
    IllegalTransitionError,
    InvalidError,
    RouteNotFoundError,
    RunEndedError,
    RunNotFoundError,
    StaleWriteError,
    WorkflowNotFoundError,
)
from chalicelib.domain.json import Json
from chalicelib.domain.listing import Page, RunFilter
from chalicelib.domain.run import FINAL, LIVE, Run, RunStatus, RunSummary, Start
from chalicelib.domain.workflow import INTERNAL_IDS, TWINIT, Workflow
from chalicelib.services.access import Scope, require

if TYPE_CHECKING:
    from chalicelib.services.runs.steps import RunView

MOST_SORTED = 10_000
"""Runs that a sort other than by age may have to look at."""
MOST_SORTED_LIVE = 1_000
"""Of those, the live ones that have to be read one by one, because lists do not tell when they were last changed."""

Tasks: TypeAlias = "list[TaskState]"

_MOST_BODIES = 8
COMMANDS = ("PAUSED", "RESUMED", "RETRIED", "TERMINATED")
_ECHOED = frozenset({"RESUMED", "RETRIED"})
_NEWEST_FIRST = query.Sort((("_createdAt", True),))
_SORTABLE = ("_id", "_workflowDefId", "_name", "_userType", "_status", "_createdAt", "_updatedAt")


@dataclass(frozen=True, slots=True)
class Known:
    """A run with what its definition says of it; `tasks` is None for a run of another API's workflow."""

    run: Run
    definition: Workflow | None
    source: Mapping[str, Json]
    tasks: tuple[TaskDef, ...] | None


class RunCalls:
    def __init__(self, services: Callable[[], Services], definitions: DefinitionCalls) -> None:
        self._services = services
        self._definitions = definitions

    def list(self, call: Call) -> Reply:
        require(call.principal, Scope.READ_RUNS)
        namespace, asked, sort = query.namespace(call), query.paging(call), query.sort(call).known(_SORTABLE)
        where = self._filter(call)
        definitions = self._candidates(call, namespace)
        page: Page[RunSummary] = Page((), 0)
        if definitions and where is not None:
            # The order of the store, which reads one page; any other needs all that match.
            if sort.fields in ((), _NEWEST_FIRST.fields):
                page = self._page(call, definitions, where, asked.offset, asked.size)
            else:
                page = self._sorted(call, definitions, where, sort, asked)
        bodies: dict[str, Known] = {}
        views = self._services().runs.views_of_list(call.principal, (summary.id for summary in page.items))
        shown = (self._listed(view, definitions[view.run.workflow_id], bodies) for view in views if view is not None)
        return bounds.page(asked, page.total, shown)

    def get(self, call: Call) -> Reply:
        known = self.known(call, Scope.READ_RUNS)
        with_loops = query.flag(call, "_includeLoopOverTasks")
        return Reply(200, bounds.bounded(self._shown(known, with_loops=with_loops)))

    def start(self, call: Call) -> Reply:
        require(call.principal, Scope.WRITE_RUNS)
        namespace, body = query.namespace(call), call.json_object()
        definition_id = required(member(body, "_workflowDefId", str), "_workflowDefId")
        given = {} if body.get("_inputParams") is None else required(member(body, "_inputParams", dict), "_inputParams")
        key = idempotency_key(call)
        services = self._services()
        definition = self._definitions.named(call, definition_id, Scope.WRITE_RUNS, namespace)
        # Ids are UUIDs in this API.
        start = Start(call.principal.user_id, run_id=services.workflows.new_uuid())
        run = services.runs.start(definition, given, idempotency_key=key, start=start)
        return Reply(201, bounds.bounded(self._shown(self._known(run, definition))))

    def set_status(self, call: Call) -> Reply:
        known = self.known(call, Scope.WRITE_RUNS)
        wanted = required(member(call.json_object(), "_status", str), "_status")
        one_of(wanted, "_status", COMMANDS)
        try:
            self._command(call, known.run, wanted)
        # Before ConflictError, which it is as well: the command may be right, and only somebody else was quicker.
        except StaleWriteError as error:
            raise IllegalTransitionError("The workflow was changed by somebody else at this moment.") from error
        except ConflictError as error:
            stands = states.RUN_STATUSES[known.run.status]
            raise IllegalTransitionError(f"The workflow is {stands}, so it cannot be {wanted}.") from error
        changed = self._services().runs.owned(call.principal, known.run.id, Scope.WRITE_RUNS)
        # The documented answer names the command; the run's own status is seen from the next call on.
        status = wanted if wanted in _ECHOED else None
        shown = self._shown(Known(changed, known.definition, known.source, known.tasks), status=status)
        return Reply(200, bounds.bounded(shown))

    def set_status_as_printed(self, call: Call) -> Reply:
        """The address as the heading of the documentation prints it, without the slash before the id."""
        segment = call.params["workflows_and_id"]
        id_ = segment.removeprefix("workflows")
        if id_ in ("", segment):
            raise RouteNotFoundError
        call.params = {"workflow_id": id_}
        return self.set_status(call)

    def known(self, call: Call, scope: Scope) -> Known:
        """The run that the path names, if it is to be seen in the call's namespace. Raises RunNotFoundError."""
        require(call.principal, scope)
        namespace = query.namespace(call)
        services = self._services()
        run = services.runs.owned(call.principal, call.params["workflow_id"], scope)
        if run.workflow_id in INTERNAL_IDS:
            raise RunNotFoundError(run_id=run.id)
        workflow = services.workflows.of_run(run)
        definition = workflow if workflow is not None and workflow.dialect == TWINIT else None
        is_visible = namespace in documents.namespaces(definition) if definition else call.principal.namespaces is None
        if not is_visible:
            raise RunNotFoundError(run_id=run.id)
        return self._known(run, definition)

    def tasks_of(self, known: Known, view: RunView, *, with_loops: bool) -> Tasks:
        if known.tasks is None:
            return states.foreign_tasks(view)
        of_run = RunTasks.of(view, known.tasks)
        found: list[TaskState] = []
        for state in of_run.all():
            found.append(state)
            if with_loops and state.is_loop:
                found += of_run.of_loop(state, self._services().runs.rounds(known.run, state.key))
        return found

    def _known(self, run: Run, definition: Workflow | None) -> Known:
        if definition is None:
            return Known(run, None, {}, None)
        try:
            source = self._services().workflows.source_of(run)
        except WorkflowNotFoundError:
            # The version that it ran is gone: the run is still shown, without tasks.
            return Known(run, definition, {}, ())
        return Known(run, definition, source, tasks.read(source))

    def _shown(
        self, known: Known, *, with_loops: bool = False, status: str | None = None, view: RunView | None = None
    ) -> documents.Members:
        """`view` is that of the run, where it is at hand."""
        view = view or self._services().runs.view(known.run)
        found = self.tasks_of(known, view, with_loops=with_loops)
        outputs = None
        if known.tasks is not None and known.run.status in FINAL:
            outputs = RunTasks.of(view, known.tasks).outputs()
        return wire.run(known.run, known.definition, known.source, found, outputs, status)

    def _command(self, call: Call, run: Run, wanted: str) -> None:
        services = self._services()
        match wanted, run.status:
            case ("PAUSED", RunStatus.PAUSED) | ("TERMINATED", RunStatus.CANCELLED):
                return
            case "PAUSED", _:
                services.control.pause(call.principal, run.id)
            case "RESUMED", _:
                services.control.resume(call.principal, run.id)
            case "RETRIED", _:
                services.control.retry(call.principal, run.id)
            case _, RunStatus.SUCCEEDED:
                raise RunEndedError(run_id=run.id)
            case _:
                services.runs.write_off(call.principal, run.id)

    def _candidates(self, call: Call, namespace: str) -> Mapping[str, Workflow]:
        """The definitions whose runs may be listed, by id."""
        name, part = query.text(call, "_name"), query.text(call, "_defId")
        known = self._services().workflows.known(call.principal, TWINIT, Scope.READ_RUNS)
        return {
            each.id: each
            for each in known
            if namespace in documents.namespaces(each)
            and query.contains(name, each.name)
            and query.contains(part, each.id)
        }

    @staticmethod
    def _filter(call: Call) -> RunFilter | None:
        """None where no run can match."""
        since, until = query.moments(call)
        wanted = query.text(call, "_status")
        statuses = frozenset(status for status, word in states.RUN_STATUSES.items() if word == wanted)
        if (wanted is not None and not statuses) or (since is not None and until is not None and since > until):
            return None
        return RunFilter(statuses=statuses, since=since, until=until)

    def _page(
        self, call: Call, definitions: Mapping[str, Workflow], where: RunFilter, offset: int, limit: int
    ) -> Page[RunSummary]:
        return self._services().runs.page_of_workflows(call.principal, definitions, where, offset, limit)

    def _sorted(
        self, call: Call, definitions: Mapping[str, Workflow], where: RunFilter, sort: query.Sort, asked: query.Paging
    ) -> Page[RunSummary]:
        everything = self._page(call, definitions, where, 0, MOST_SORTED)
        if everything.total > MOST_SORTED:
            raise InvalidError(
                f"More than {MOST_SORTED} workflows match; narrow the filters to have them sorted.", field="sort"
            )
        summaries = [*everything.items]
        changed = self._last_changes(call, summaries) if any(name == "_updatedAt" for name, _ in sort.fields) else {}
        keys: Mapping[str, Callable[[RunSummary], Any]] = {
            "_id": lambda run: run.id,
            "_workflowDefId": lambda run: run.workflow_id,
            "_name": lambda run: definitions[run.workflow_id].name,
            "_userType": lambda run: documents.user_type(definitions[run.workflow_id]),
            "_status": lambda run: states.RUN_STATUSES[run.status],
            "_createdAt": lambda run: run.created_at,
            "_updatedAt": lambda run: changed.get(run.id) or run.finished_at or run.created_at,
        }
        return Page(tuple(asked.of(sort.apply(summaries, keys))), len(summaries))

    def _last_changes(self, call: Call, summaries: Iterable[RunSummary]) -> dict[str, Any]:
        """When live runs were changed last; an ended one was when it ended."""
        live = [summary.id for summary in summaries if summary.status in LIVE]
        if len(live) > MOST_SORTED_LIVE:
            raise InvalidError(
                f"More than {MOST_SORTED_LIVE} workflows that match are under way; sort by '_createdAt' instead.",
                field="sort",
            )
        runs = (self._services().runs.get_of_list(call.principal, run_id) for run_id in live)
        return {run.id: wire.run_updated_at(run) for run in runs if run is not None}

    def _listed(self, view: RunView, definition: Workflow, bodies: dict[str, Known]) -> documents.Members:
        """`bodies` are the few last versions that were read for the list: most of its runs share them."""
        run = view.run
        # Taken out and put back, which keeps those that were used last at the end.
        like = bodies.pop(run.body_ref, None)
        known = Known(run, definition, like.source, like.tasks) if like else self._known(run, definition)
        bodies[run.body_ref] = known
        if len(bodies) > _MOST_BODIES:
            del bodies[next(iter(bodies))]
        return self._shown(known, view=view)

"""Retrying all failed runs of a workflow since a time. The work is itself a run, of a graph of our own
(`services.built_in`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.errors import (
    ConflictError,
    DefinitionError,
    InvalidError,
    NotFoundError,
    RunNotFoundError,
)
from chalicelib.domain.graph import Edge, Graph, Node, RetryPolicy
from chalicelib.domain.identity import Principal
from chalicelib.domain.json import Json
from chalicelib.domain.run import Outcome, Run, RunStatus, Start, StepStatus
from chalicelib.domain.workflow import BULK_RETRY_ID
from chalicelib.services.access import Access, Scope
from chalicelib.services.ports import Clock, MarkStore, RunFilter, RunStore, WorkflowStore
from chalicelib.services.runs.built_in import BuiltIn
from chalicelib.services.runs.control import Control
from chalicelib.services.runs.runs import Runs

WORKFLOW_NAME = "Bulk-Wiederholung"
MOST_RUNS = 10_000
CHUNK_SIZE = 50
FAILED = frozenset({RunStatus.FAILED, RunStatus.TIMED_OUT})

_LIST, _CHUNK = "list", "chunk"
_MARK_LIFETIME = timedelta(days=30)
_PERSISTENT = RetryPolicy(max_attempts=10, delay_seconds=2.0, max_delay_seconds=60.0)

GRAPH = Graph(
    nodes=(
        Node(_LIST, "bulk_retry_list", retry=_PERSISTENT),
        Node(
            "retry",
            "map",
            config={"items": "{{ $node.list.chunks }}", "concurrency": 4},
            bodies={
                "body": Graph(
                    (
                        Node(
                            _CHUNK,
                            "bulk_retry_chunk",
                            config={"run_ids": "{{ $item }}"},
                            retry=_PERSISTENT,
                            timeout_seconds=60.0,
                        ),
                    )
                )
            },
        ),
        Node(
            "sum",
            "transform",
            config={
                "values": {
                    "total": "{{ $node.list.total }}",
                    "retried": "{{ sum(pluck($node.retry, 'retried')) }}",
                    "skipped": "{{ sum(pluck($node.retry, 'skipped')) }}",
                }
            },
        ),
    ),
    edges=(Edge(_LIST, "retry"), Edge("retry", "sum")),
)
BUILT_IN = BuiltIn(BULK_RETRY_ID, WORKFLOW_NAME, GRAPH)


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of some runs: retried, or skipped because they no longer had to be or could be."""

    retried: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class BulkRetry:
    """A bulk retry as it stands. `total` is estimated until the runs have been listed."""

    run: Run
    workflow_id: str
    total: int
    tally: Tally = Tally()

    @property
    def processed(self) -> int:
        return self.tally.retried + self.tally.skipped


class OutOfTimeError(Exception):
    """The chunk is not finished; what was done of it is not done again."""


class BulkRetries:
    def __init__(
        self,
        *,
        store: RunStore,
        workflows: WorkflowStore,
        access: Access,
        runs: Runs,
        control: Control,
        marks: MarkStore,
        clock: Clock,
    ) -> None:
        self._store = store
        self._workflows = workflows
        self._access = access
        self._runs = runs
        self._control = control
        self._marks = marks
        self._clock = clock

    def start(self, principal: Principal, workflow_id: str, since: datetime, until: datetime | None) -> BulkRetry:
        """Begins to retry the runs of the workflow that started in the window and failed or timed out, the newest
        `MOST_RUNS` of them. Raises WorkflowNotFoundError, InvalidError."""
        workflow = self._access.workflow(principal, workflow_id, Scope.WRITE_RUNS)
        # Fixed now: what fails again while this goes on is not to be retried once more.
        until = self._clock.now() if until is None else until
        if until < since:
            raise InvalidError("'until' is before 'since'", field="until")
        window = RunFilter(workflow_id=workflow.id, statuses=FAILED, since=since, until=until)
        total = min(self._store.page(principal.workspace_id, window, offset=0, limit=0).total, MOST_RUNS)
        wanted: Json = {
            "workflow_id": workflow.id,
            "since": since.isoformat(),
            "until": until.isoformat(),
            "total": total,
        }
        built_in = BUILT_IN.in_workspace(self._workflows, principal.workspace_id, self._clock.now())
        return _described(self._runs.start(built_in, wanted, start=Start(principal.user_id)))

    def get(self, principal: Principal, run_id: str) -> BulkRetry:
        """How far it has come. Raises RunNotFoundError, also for a run of another kind."""
        run = self._runs.owned(principal, run_id, Scope.READ_RUNS)
        if run.workflow_id != BULK_RETRY_ID:
            raise RunNotFoundError(run_id=run_id)
        return _described(run, self._recorded(run_id) if run.fence else ())

    # -- what its nodes do ----------------------------------------------------------------------------------------

    def failed_runs(self, run: Run) -> list[str]:
        """The ids of the runs that this bulk retry is for."""
        wanted = _members(run.input)
        window = RunFilter(
            workflow_id=str(wanted["workflow_id"]),
            statuses=FAILED,
            since=datetime.fromisoformat(str(wanted["since"])),
            until=datetime.fromisoformat(str(wanted["until"])),
        )
        found = self._store.page(run.workspace_id, window, offset=0, limit=MOST_RUNS).items
        return [summary.id for summary in found]

    def retry_runs(self, run: Run, run_ids: Iterable[str], stop_at: datetime) -> Tally:
        """Retries each run once, however often this is repeated. Raises OutOfTimeError, UnavailableError."""
        retried = skipped = 0
        for run_id in run_ids:
            if self._clock.now() >= stop_at:
                raise OutOfTimeError
            if self._retry(run, run_id):
                retried += 1
            else:
                skipped += 1
        return Tally(retried, skipped)

    def _retry(self, bulk: Run, run_id: str) -> bool:
        """The mark keeps the fence that the run had when its turn came first: if it is another by now, this was done
        before, by an attempt whose end was never recorded."""
        try:
            run = self._store.get(run_id)
        except RunNotFoundError:
            return False
        if run.workspace_id != bulk.workspace_id or run.part is not None:
            return False  # a part is done again by the run that it is a part of
        name = f"bulk/{bulk.id}/{run_id}"
        if run.status not in FAILED:
            return self._marks.get(name) not in (None, str(run.fence))
        # Marked before it is retried: after a crash in between it is tried again, under the same fence.
        if self._marks.put(name, str(run.fence), self._clock.now() + _MARK_LIFETIME) != str(run.fence):
            return True
        try:
            self._control.retry_run(run)
        # Somebody else was faster, or nothing can be retried any more: no reason to stop the others.
        except (ConflictError, NotFoundError, DefinitionError):
            return False
        return True

    def _recorded(self, run_id: str) -> Iterator[Outcome]:
        after: str | None = None
        while True:
            page, after = self._store.steps(run_id, after=after, limit=500)
            yield from page
            if after is None:
                return


def _described(run: Run, outcomes: Iterable[Outcome] = ()) -> BulkRetry:
    wanted = _members(run.input)
    total, retried, skipped = _count(wanted, "total"), 0, 0
    for outcome in outcomes:
        output = _members(outcome.output)
        if outcome.status is StepStatus.SUCCEEDED and outcome.node_id == _LIST:
            total = _count(output, "total")
        elif outcome.status is StepStatus.SUCCEEDED and outcome.node_id == _CHUNK:
            retried += _count(output, "retried")
            skipped += _count(output, "skipped")
    return BulkRetry(run, str(wanted.get("workflow_id", "")), total, Tally(retried, skipped))


def _members(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _count(members: dict[str, Json], name: str) -> int:
    count = members.get(name)
    return count if isinstance(count, int) else 0

"""In-memory implementations of the ports: fast, deterministic, and strict about every condition.

Nothing here blocks or locks; each method is atomic by itself. What they keep are dictionaries of frozen
values, so that a fake may be copied to go back to it.
"""

from __future__ import annotations

import json
import random
import zlib
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from chalicelib.domain.errors import (
    AlreadyExistsError,
    HookNotFoundError,
    IllegalTransitionError,
    InvalidError,
    LeaseHeldError,
    LeaseLostError,
    RunEndedError,
    RunNotFoundError,
    RunNotPausedError,
    SignalledError,
    StaleWriteError,
    WorkflowNotFoundError,
)
from chalicelib.domain.flows.flows import AuditEntry
from chalicelib.domain.hints import is_due
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.identity import ApiKey
from chalicelib.domain.json import Json
from chalicelib.domain.listing import DUE_SHARDS, DueRun, Line, Page, QueueDepth, RunFilter
from chalicelib.domain.run import Answer, Failure, History, Outcome, Reset, Round, Run, RunStatus, RunSummary, Touch
from chalicelib.domain.tasks import Task
from chalicelib.domain.workflow import Hook, Workflow, WorkflowBody, WorkflowStatus

START = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)

_CLAIMABLE = frozenset({RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WAITING})


@dataclass
class FixedClock:
    """Stands still until it is told to move; a sleeper moves it."""

    at: datetime = START
    slept_seconds: float = 0.0

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept_seconds += seconds
        self.advance(seconds)

    def advance(self, seconds: float) -> datetime:
        self.at += timedelta(milliseconds=round(seconds * 1000))
        return self.at


class SeededEntropy:
    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)

    def bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)


class InlineTaskGroup:
    """Runs a task, whole, when it is waited for: in the order of their start, one at each `wait`."""

    def __init__(self) -> None:
        self._started: deque[Callable[[], object]] = deque()

    def start(self, task: Callable[[], object]) -> None:
        self._started.append(task)

    def wait(self, timeout_seconds: float | None = None) -> bool:
        if not self._started:
            assert timeout_seconds is not None, "waiting forever for no task"
            return False
        self._started.popleft()()
        return True


class InlineSpawner:
    def group(self) -> InlineTaskGroup:
        return InlineTaskGroup()


@dataclass
class FunctionSender:
    """Answers outbound requests with a function, and remembers them."""

    respond: Callable[[HttpRequest], HttpResponse]
    requests: list[HttpRequest] = field(default_factory=list)

    def send(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        return self.respond(request)


@dataclass
class FunctionPerformer:
    """Carries out tasks with a function, and remembers them."""

    carry_out: Callable[[Task], Outcome]
    tasks: list[Task] = field(default_factory=list)

    def perform(self, task: Task, seconds_left: float) -> Outcome:
        self.tasks.append(task)
        return self.carry_out(task)


@dataclass(frozen=True, slots=True)
class Hint:
    """A message of the run queue, which nobody sees before `visible_at`."""

    run_id: str
    workspace_id: str
    delay_seconds: int
    visible_at: datetime


class MemoryRunQueue:
    def __init__(self, clock: FixedClock) -> None:
        self._clock = clock
        self.hints: list[Hint] = []

    def send(self, run_id: str, workspace_id: str, delay_seconds: int = 0) -> None:
        delay_seconds = min(max(delay_seconds, 0), 900)
        visible_at = self._clock.now() + timedelta(seconds=delay_seconds)
        self.hints.append(Hint(run_id, workspace_id, delay_seconds, visible_at))

    def receive(self) -> Hint | None:
        """Takes the visible message that became visible first, or None."""
        visible = [hint for hint in self.hints if hint.visible_at <= self._clock.now()]
        if not visible:
            return None
        first = min(visible, key=lambda hint: hint.visible_at)
        self.hints.remove(first)
        return first


class AuditLog(Protocol):
    def add(self, entry: AuditEntry | None) -> None: ...


@dataclass
class FixedQueueDepths:
    """What a test says that the queues hold; nothing is known of others."""

    depths: dict[str, QueueDepth] = field(default_factory=dict)

    def of(self, queue: str) -> QueueDepth | None:
        return self.depths.get(queue)


class MemoryWorkflowStore:
    """`audit` takes the entries of changes, which tests of flows ask for."""

    def __init__(self, audit: AuditLog | None = None) -> None:
        self._audit = audit
        self._workflows: dict[tuple[str, str], Workflow] = {}
        self._remembered: dict[tuple[str, str], Workflow] = {}
        self._bodies: dict[tuple[str, str, str], WorkflowBody] = {}

    def create(self, workflow: Workflow, body: WorkflowBody, entry: AuditEntry | None = None) -> None:
        self._put_body(workflow.workspace_id, body)
        if (workflow.workspace_id, workflow.id) in self._workflows:
            raise AlreadyExistsError(workflow_id=workflow.id)
        self._workflows[workflow.workspace_id, workflow.id] = workflow
        self._note(entry)

    def get(self, workspace_id: str, workflow_id: str) -> Workflow:
        try:
            return self._workflows[workspace_id, workflow_id]
        except KeyError as error:
            raise WorkflowNotFoundError(workflow_id=workflow_id) from error

    def body(self, workspace_id: str, workflow_id: str, ref: str) -> WorkflowBody:
        try:
            return self._bodies[workspace_id, workflow_id, ref]
        except KeyError as error:
            raise WorkflowNotFoundError(workflow_id=workflow_id, ref=ref) from error

    def sources(self, workspace_id: str, refs: Sequence[tuple[str, str]]) -> Mapping[str, Mapping[str, Json]]:
        found = {id_: self._bodies.get((workspace_id, id_, ref)) for id_, ref in refs}
        return {id_: body.source for id_, body in found.items() if body is not None}

    def replace(self, workflow: Workflow, body: WorkflowBody | None = None, entry: AuditEntry | None = None) -> None:
        if body is not None:
            self._put_body(workflow.workspace_id, body)
        if self.get(workflow.workspace_id, workflow.id).revision != workflow.revision - 1:
            raise StaleWriteError(workflow_id=workflow.id)
        self._workflows[workflow.workspace_id, workflow.id] = workflow
        self._note(entry)

    def delete(self, workspace_id: str, workflow_id: str, entry: AuditEntry | None = None) -> None:
        if self._workflows.pop((workspace_id, workflow_id), None) is not None:
            self._note(entry)

    def remember(self, workflow: Workflow) -> None:
        self._remembered[workflow.workspace_id, workflow.id] = workflow

    def remembered(self, workspace_id: str, workflow_id: str) -> Workflow:
        try:
            return self._remembered[workspace_id, workflow_id]
        except KeyError as error:
            raise WorkflowNotFoundError(workflow_id=workflow_id) from error

    def all_remembered(self, workspace_id: str) -> tuple[Workflow, ...]:
        return tuple(workflow for (owner, _), workflow in self._remembered.items() if owner == workspace_id)

    def page(
        self,
        workspace_id: str,
        *,
        status: WorkflowStatus | None,
        offset: int,
        limit: int,
        dialect: str | None = None,
    ) -> Page[Workflow]:
        found = [
            workflow
            for workflow in self._workflows.values()
            if workflow.workspace_id == workspace_id
            and workflow.status is not WorkflowStatus.DELETING
            and status in (None, workflow.status)
            and dialect in (None, workflow.dialect)
        ]
        found.sort(key=lambda workflow: (workflow.created_at, workflow.id), reverse=True)
        return Page(tuple(found[offset : offset + limit]), len(found))

    def _note(self, entry: AuditEntry | None) -> None:
        if self._audit is not None:
            self._audit.add(entry)

    def _put_body(self, workspace_id: str, body: WorkflowBody) -> None:
        stored = self._bodies.setdefault((workspace_id, body.workflow_id, body.ref), body)
        if (stored.source, stored.graph) != (body.source, body.graph):
            raise StaleWriteError(workflow_id=body.workflow_id, ref=body.ref)


class MemoryHookStore:
    def __init__(self) -> None:
        self._hooks: dict[str, Hook] = {}

    def create(self, hook: Hook) -> None:
        if hook.id in self._hooks:
            raise AlreadyExistsError(hook_id=hook.id)
        self._hooks[hook.id] = hook

    def find(self, hook_id: str) -> Hook:
        try:
            return self._hooks[hook_id]
        except KeyError as error:
            raise HookNotFoundError(hook_id=hook_id) from error

    def replace(self, hook: Hook) -> None:
        if self.find(hook.id).workspace_id != hook.workspace_id:
            raise HookNotFoundError(hook_id=hook.id)
        self._hooks[hook.id] = hook

    def delete(self, workspace_id: str, hook_id: str) -> None:
        if hook_id in self._hooks and self._hooks[hook_id].workspace_id == workspace_id:
            del self._hooks[hook_id]

    def list(self, workspace_id: str, workflow_id: str | None = None) -> tuple[Hook, ...]:
        found = [
            hook
            for hook in self._hooks.values()
            if hook.workspace_id == workspace_id and workflow_id in (None, hook.workflow_id)
        ]
        return tuple(sorted(found, key=lambda hook: (hook.created_at, hook.id), reverse=True))


def _path(around: Round | None) -> str:
    return "" if around is None else f"{_path(around.outer)}{around.container}#{around.index:010}#"


@dataclass(frozen=True, slots=True)
class _Record:
    """One thing recorded of a step, under its `place`; an intent has no outcome."""

    kind: str
    key: str
    generation: int
    attempt: int
    round: Round | None
    outcome: Outcome | None = None
    also: tuple[Outcome, ...] = ()

    @property
    def place(self) -> str:
        """Static steps go first, then those in rounds by their depth, each in the order of indexes and keys."""
        path = _path(self.round)
        return f"{path.count('#') // 2}#{path}{self.kind}#{self.key}#{self.generation}#{self.attempt}"

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        return self.also if self.outcome is None else (*self.also, self.outcome)


@dataclass
class _Steps:
    """What is recorded of one run: everything by its place, and the places of each round by its
    container's path and its index."""

    records: dict[str, _Record] = field(default_factory=dict)
    static: dict[str, None] = field(default_factory=dict)
    rounds: dict[str, dict[int, dict[str, None]]] = field(default_factory=dict)
    newest: dict[str, Round] = field(default_factory=dict)

    def put(self, record: _Record) -> _Record:
        """The record that counts: the first at its place."""
        first = self.records.setdefault(record.place, record)
        if first is record:
            self._places_of(record.round)[record.place] = None
            self._note(record.round)
        return first

    def _places_of(self, around: Round | None) -> dict[str, None]:
        if around is None:
            return self.static
        return self.rounds.setdefault(_path(around.outer) + around.container, {}).setdefault(around.index, {})

    def _note(self, around: Round | None) -> None:
        while around is not None:
            container = _path(around.outer) + around.container
            if container not in self.newest or self.newest[container].index < around.index:
                self.newest[container] = around
            around = around.outer


class MemoryRunStore:
    """`retention_seconds` is how long a run is to be seen after its end; None means forever. `records_read` counts
    what reading steps had to look at."""

    def __init__(self, clock: FixedClock, retention_seconds: int | None = None) -> None:
        self._clock = clock
        self._retention_seconds = retention_seconds
        self._runs: dict[str, Run] = {}
        self._steps: dict[str, _Steps] = {}
        self.records_read = 0

    def create(self, run: Run) -> None:
        if run.id in self._runs:
            raise AlreadyExistsError(run_id=run.id)
        self._runs[run.id] = run

    def claim(self, run_id: str, *, now: datetime, lease_expires_at: datetime) -> Run:
        run = self._stored(run_id)
        if run.status not in _CLAIMABLE:
            has_news = run.status.is_final and run.due_at is not None and is_due(run.due_at, now)
            facts = {"run_id": run_id, "status": run.status.value, "has_news": has_news}
            raise RunEndedError(f"The run is {run.status}.", **facts)
        if run.lease_expires_at is not None and run.lease_expires_at > now:
            raise LeaseHeldError(run_id=run_id)
        due_at = lease_expires_at if run.deadline_at is None else min(lease_expires_at, run.deadline_at)
        claimed = replace(
            run,
            status=RunStatus.RUNNING,
            lease_expires_at=lease_expires_at,
            due_at=due_at,
            began_at=run.began_at or now,
            fence=run.fence + 1,
            hops=run.hops + 1,
            stalls=run.stalls + 1,
        )
        self._runs[run_id] = claimed
        return claimed

    def is_held(self, run_id: str, fence: int) -> bool:
        run = self._runs.get(run_id)
        return run is not None and run.fence == fence and run.status is RunStatus.RUNNING

    def renew(self, run_id: str, fence: int, lease_expires_at: datetime) -> None:
        self._runs[run_id] = replace(self._held(run_id, fence), lease_expires_at=lease_expires_at)

    def park(
        self,
        run_id: str,
        fence: int,
        *,
        status: RunStatus,
        due_at: datetime,
        tail: tuple[Outcome, ...],
        rounds: tuple[Round, ...],
        signals: int,
        begun: bool = True,
    ) -> None:
        run = self._held(run_id, fence)
        if run.signals != signals:
            raise SignalledError(run_id=run_id, signals=signals)
        parked = replace(run, status=status, due_at=due_at, stalls=0, lease_expires_at=None)
        began_at, hops = (run.began_at, run.hops) if begun else (None, 0)
        self._runs[run_id] = replace(parked, tail=tail, rounds=rounds, began_at=began_at, hops=hops)

    def finish(
        self,
        run_id: str,
        fence: int,
        *,
        status: RunStatus,
        finished_at: datetime,
        output: Json,
        failure: Failure | None,
        tail: tuple[Outcome, ...],
        news_due_at: datetime | None,
    ) -> None:
        ended = _ended(self._held(run_id, fence), status, finished_at, failure, news_due_at)
        self._runs[run_id] = replace(ended, output=output, tail=tail)

    def end(
        self,
        run_id: str,
        *,
        status: RunStatus,
        at: datetime,
        failure: Failure | None = None,
        news_due_at: datetime | None = None,
        touch: Touch | None = None,
    ) -> Run:
        run = _touched(self._live(run_id), touch)
        return self._store(replace(_ended(run, status, at, failure, news_due_at), fence=run.fence + 1))

    def told(self, run_id: str, fence: int) -> None:
        run = self._runs.get(run_id)
        if run is not None and run.status.is_final and run.fence == fence:
            self._store(replace(run, due_at=None))

    def pause(self, run_id: str, touch: Touch | None = None) -> Run:
        run = self._live(run_id)
        if run.status is RunStatus.PAUSED:
            return run
        run = _touched(run, touch)
        return self._store(
            replace(run, status=RunStatus.PAUSED, fence=run.fence + 1, due_at=None, lease_expires_at=None)
        )

    def resume(self, run_id: str, due_at: datetime, touch: Touch | None = None) -> Run:
        run = _touched(self._live(run_id), touch)
        if run.status is not RunStatus.PAUSED:
            raise RunNotPausedError(f"The run is {run.status}, not paused.", run_id=run_id)
        return self._store(replace(run, status=RunStatus.QUEUED, due_at=due_at, stalls=0))

    def restart(
        self,
        run_id: str,
        fence: int,
        *,
        resets: Mapping[str, Reset],
        deadline_at: datetime | None,
        due_at: datetime,
        touch: Touch | None = None,
    ) -> Run:
        run = _touched(self._stored(run_id), touch)
        if not run.status.is_final:
            raise IllegalTransitionError(f"The run is {run.status}; it has not ended.", run_id=run_id)
        if run.fence != fence:
            raise StaleWriteError(run_id=run_id, fence=fence)
        queued = replace(run, status=RunStatus.QUEUED, fence=fence + 1, hops=0, stalls=0, due_at=due_at)
        blank = replace(queued, output=None, failure=None, finished_at=None)
        return self._store(replace(blank, deadline_at=deadline_at, resets=dict(resets)))

    def signal(self, run_id: str, slot: str, answer: Answer, due_at: datetime, touch: Touch | None = None) -> bool:
        run = _touched(self._live(run_id), touch)
        if slot in run.answers:
            return False
        answered = replace(run, answers={**run.answers, slot: answer}, signals=run.signals + 1)
        self._store(answered if run.status is RunStatus.PAUSED else replace(answered, due_at=due_at))
        return True

    def adopt(self, run_id: str, fence: int, child_id: str) -> None:
        run = self._held(run_id, fence)
        self._store(replace(run, children=run.children | {child_id}))

    def record(self, run_id: str, outcome: Outcome, also: tuple[Outcome, ...] = ()) -> Outcome:
        steps = self._steps.setdefault(run_id, _Steps())
        in_round = outcome.round is not None
        static = tuple(each for each in also if each.round is None) if in_round else ()
        riding = tuple(each for each in also if each.round is not None) if in_round else also
        record = _Record("step", outcome.key, outcome.generation, 0, outcome.round, outcome, riding)
        first = steps.put(record)
        if first is record and static:
            steps.put(_Record("with", outcome.key, outcome.generation, 0, None, None, static))
        assert first.outcome is not None
        return first.outcome

    def record_attempt(self, run_id: str, attempt: Outcome) -> Outcome:
        steps = self._steps.setdefault(run_id, _Steps())
        counts = steps.put(_Record("try", attempt.key, attempt.generation, attempt.attempt, attempt.round, attempt))
        assert counts.outcome is not None
        return counts.outcome

    def record_intent(self, run_id: str, key: str, generation: int, round: Round | None = None) -> bool:  # noqa: A002
        record = _Record("start", key, generation, 0, round)
        return self._steps.setdefault(run_id, _Steps()).put(record) is record

    def get(self, run_id: str) -> Run:
        run = self._stored(run_id)
        if self._is_expired(run):
            raise RunNotFoundError(run_id=run_id)
        return run

    def history(self, run_id: str) -> History:
        steps = self._steps.get(run_id, _Steps())
        return self._history(steps, steps.static)

    def round_history(
        self, run_id: str, container: str, outer: Round | None, *, newest_only: bool
    ) -> tuple[History, Round | None]:
        steps = self._steps.get(run_id, _Steps())
        newest = steps.newest.get(_path(outer) + container)
        if newest is None:
            return History(), None
        rounds = steps.rounds.get(_path(outer) + container, {})
        indexes = [newest.index] if newest_only else rounds
        return self._history(steps, (place for index in indexes for place in rounds.get(index, ()))), newest

    def _history(self, steps: _Steps, places: Iterable[str]) -> History:
        records = [steps.records[place] for place in places]
        self.records_read += len(records)
        return History(
            outcomes=_first_of_each(
                (record.outcome for record in records if record.kind == "step" and record.outcome is not None),
                (each for record in records for each in record.also),
            ),
            attempts=tuple(
                sorted((record.outcome for record in records if record.kind == "try" and record.outcome), key=_by_end)
            ),
            intents=frozenset(f"{record.key}#{record.generation}" for record in records if record.kind == "start"),
        )

    def steps(self, run_id: str, *, after: str | None, limit: int) -> tuple[tuple[Outcome, ...], str | None]:
        begin = ("", 0) if after is None else _parse_cursor(after)
        entries = [entry for entry in self._entries(run_id) if entry[0] >= begin]
        page, rest = entries[: max(limit, 1)], entries[max(limit, 1) :]
        return tuple(outcome for _, outcome in page), json.dumps(rest[0][0]) if rest else None

    def _entries(self, run_id: str) -> Iterator[tuple[tuple[str, int], Outcome]]:
        steps = self._steps.get(run_id, _Steps())
        for place, record in sorted(steps.records.items()):
            for number, outcome in enumerate(record.outcomes):
                yield (place, number), outcome

    def page(self, workspace_id: str, where: RunFilter, *, offset: int, limit: int) -> Page[RunSummary]:
        found = [
            run
            for run in self._runs.values()
            if run.workspace_id == workspace_id and _matches(run, where) and not self._is_expired(run)
        ]
        found.sort(key=lambda run: (run.created_at, run.id), reverse=True)
        return Page(tuple(map(_summary, found[offset : offset + max(limit, 0)])), len(found))

    def newest(self, workspace_id: str, where: RunFilter, limit: int) -> tuple[RunSummary, ...]:
        return self.page(workspace_id, where, offset=0, limit=limit).items

    def page_of_workflows(
        self, workspace_id: str, workflow_ids: Collection[str], where: RunFilter, *, offset: int, limit: int
    ) -> Page[RunSummary]:
        everything = self.page(workspace_id, where, offset=0, limit=len(self._runs)).items
        found = [summary for summary in everything if summary.workflow_id in workflow_ids]
        return Page(tuple(found[offset : offset + max(limit, 0)]), len(found))

    def of_workflows(
        self, workspace_id: str, workflow_ids: Collection[str], where: RunFilter, *, page_size: int
    ) -> Iterator[RunSummary]:
        found = self.page_of_workflows(workspace_id, workflow_ids, where, offset=0, limit=len(self._runs))
        yield from found.items

    def due(self, shard: int, now: datetime, limit: int) -> tuple[DueRun, ...]:
        found = [
            DueRun(run.id, run.workspace_id, run.due_at, run.status)
            for run in self._runs.values()
            if run.due_at is not None and run.due_at <= now and shard_of(run.id) == shard
        ]
        return tuple(sorted(found, key=lambda entry: (entry.due_at, entry.run_id))[:limit])

    def rearm(self, run_id: str, seen_due_at: datetime, due_at: datetime) -> bool:
        run = self._runs.get(run_id)
        if run is None or run.due_at != seen_due_at:
            return False
        self._runs[run_id] = replace(run, due_at=due_at)
        return True

    def _store(self, run: Run) -> Run:
        self._runs[run.id] = run
        return run

    def _live(self, run_id: str) -> Run:
        run = self._stored(run_id)
        if run.status.is_final:
            raise RunEndedError(run_id=run_id)
        return run

    def _stored(self, run_id: str) -> Run:
        try:
            return self._runs[run_id]
        except KeyError as error:
            raise RunNotFoundError(run_id=run_id) from error

    def _held(self, run_id: str, fence: int) -> Run:
        run = self._runs.get(run_id)
        if run is None or run.fence != fence or run.status is not RunStatus.RUNNING:
            raise LeaseLostError(run_id=run_id, fence=fence)
        return run

    def _is_expired(self, run: Run) -> bool:
        if self._retention_seconds is None or run.finished_at is None:
            return False
        return run.finished_at + timedelta(seconds=self._retention_seconds) <= self._clock.now()


class MemoryKeyStore:
    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] = {}

    def put(self, key: ApiKey) -> None:
        self._keys[key.secret_hash] = key

    def find(self, secret_hash: str) -> ApiKey | None:
        return self._keys.get(secret_hash)

    def list(self, workspace_id: str) -> tuple[ApiKey, ...]:
        found = [key for key in self._keys.values() if key.workspace_id == workspace_id]
        return tuple(sorted(found, key=lambda key: key.created_at, reverse=True))


class MemoryCounterStore:
    def __init__(self) -> None:
        self.amounts: dict[str, int] = {}

    def add(self, name: str, amount: int, expires_at: datetime) -> int:
        self.amounts[name] = self.amounts.get(name, 0) + amount
        return self.amounts[name]

    def read(self, name: str) -> int:
        return self.amounts.get(name, 0)


class MemoryMarkStore:
    def __init__(self, clock: FixedClock) -> None:
        self._clock = clock
        self._marks: dict[str, tuple[str, datetime]] = {}

    def put(self, name: str, value: str, expires_at: datetime) -> str:
        stored = self.get(name)
        if stored is not None:
            return stored
        self._marks[name] = (value, expires_at)
        return value

    def get(self, name: str) -> str | None:
        value, expires_at = self._marks.get(name, (None, self._clock.now()))
        return value if expires_at > self._clock.now() else None


class MemorySlotStore:
    """Whoever holds or waits, by the name of the limit, with the time since when."""

    def __init__(self, clock: FixedClock) -> None:
        self._clock = clock
        self._holders: dict[tuple[str, str], datetime] = {}
        self._waiting: dict[tuple[str, str], datetime] = {}

    def take(self, name: str, holder: str, limit: int) -> tuple[str, ...] | None:
        holders = _longest_first(self._holders, name)
        if holder not in holders and len(holders) >= limit:
            return tuple(holders)
        self._holders.setdefault((name, holder), self._clock.now())
        self._waiting.pop((name, holder), None)
        return None

    def wait(self, name: str, holder: str, since: datetime | None = None) -> None:
        self._waiting.setdefault((name, holder), since or self._clock.now())

    def line(self, name: str) -> Line:
        return Line(tuple(_longest_first(self._holders, name)), tuple(_longest_first(self._waiting, name)))

    def give_back(self, name: str, holder: str, *, in_turn: bool = False) -> str | None:
        self._holders.pop((name, holder), None)
        self._waiting.pop((name, holder), None)
        called = next(iter(_longest_first(self._waiting, name)), None)
        if called is not None and not in_turn:
            del self._waiting[name, called]
        return called


def _longest_first(since: Mapping[tuple[str, str], datetime], name: str) -> list[str]:
    found = sorted((at, holder) for (limit, holder), at in since.items() if limit == name)
    return [holder for _, holder in found]


def _touched(run: Run, touch: Touch | None) -> Run:
    return run if touch is None else replace(run, touched=touch)


def shard_of(run_id: str) -> int:
    return zlib.crc32(run_id.encode()) % DUE_SHARDS


def _ended(run: Run, status: RunStatus, at: datetime, failure: Failure | None, news_due_at: datetime | None) -> Run:
    return replace(run, status=status, finished_at=at, failure=failure, due_at=news_due_at, lease_expires_at=None)


def _parse_cursor(text: str) -> tuple[str, int]:
    try:
        place, number = json.loads(text)
        return str(place), int(number)
    except (ValueError, TypeError) as error:
        raise InvalidError("The cursor is not one of this list.") from error


def _matches(run: Run, where: RunFilter) -> bool:
    return (
        where.workflow_id in (None, run.workflow_id)
        and (not where.statuses or run.status in where.statuses)
        and (where.since is None or run.created_at >= where.since)
        and (where.until is None or run.created_at <= where.until)
    )


def _summary(run: Run) -> RunSummary:
    return RunSummary(
        id=run.id,
        workspace_id=run.workspace_id,
        workflow_id=run.workflow_id,
        workflow_name=run.workflow_name,
        status=run.status,
        created_at=run.created_at,
        finished_at=run.finished_at,
    )


def _by_end(outcome: Outcome) -> tuple[datetime, str, int, int]:
    return outcome.finished_at, outcome.key, outcome.generation, outcome.attempt


def _first_of_each(recorded: Iterable[Outcome], also: Iterable[Outcome]) -> tuple[Outcome, ...]:
    found: dict[tuple[str, int], Outcome] = {}
    for outcome in (*sorted(recorded, key=_by_end), *sorted(also, key=_by_end)):
        found.setdefault((outcome.key, outcome.generation), outcome)
    return tuple(sorted(found.values(), key=_by_end))

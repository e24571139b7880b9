"""What the services need from the outside. Adapters fit by shape; nothing here imports one.

Every store method may raise UnavailableError (retryable). Conditions are evaluated by the store, atomically.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from chalicelib.domain.files import StoredFile
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.identity import ApiKey
from chalicelib.domain.json import Json
from chalicelib.domain.listing import DUE_SHARDS, DueRun, Line, Page, RunFilter
from chalicelib.domain.mqtt import MqttPublication, MqttTarget
from chalicelib.domain.run import Answer, Failure, History, Outcome, Reset, Round, Run, RunStatus, RunSummary, Touch
from chalicelib.domain.tasks import Task
from chalicelib.domain.workflow import Hook, Workflow, WorkflowBody, WorkflowStatus

if TYPE_CHECKING:
    from chalicelib.domain.flows.flows import AuditEntry

__all__ = ["DUE_SHARDS", "DueRun", "Line", "Page", "RunFilter"]


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware UTC, whole milliseconds."""

    def sleep(self, seconds: float) -> None: ...


class Entropy(Protocol):
    def bytes(self, count: int) -> bytes:
        """Unpredictable bytes."""


class TaskGroup(Protocol):
    """Tasks that overlap their waiting. Every started task ends in exactly one `wait` that returns it."""

    def start(self, task: Callable[[], object]) -> None: ...

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Blocks until a started task has ended (True) or the time is up (False); raises what the task raised."""


class Spawner(Protocol):
    def group(self) -> TaskGroup: ...


class HttpSender(Protocol):
    def send(self, request: HttpRequest) -> HttpResponse:
        """Raises OutboundError and its leaves; any answer, whatever its status, is returned."""


class MqttPublisher(Protocol):
    def publish(self, target: MqttTarget, publication: MqttPublication) -> None:
        """Returns once the broker has taken every message. Raises OutboundError and its leaves, among whose facts
        `published` is how many messages, from the first, the broker had taken by then."""


class FileStore(Protocol):
    """Files that steps make. They belong to their run and are kept as long as its values are."""

    def put(self, run_id: str, content: bytes, content_type: str) -> str:
        """Stores the bytes and returns their id, the same one for the same bytes."""

    def get(self, run_id: str, file_id: str) -> StoredFile:
        """Raises FileNotStoredError."""


class Performer(Protocol):
    def perform(self, task: Task, seconds_left: float) -> Outcome:
        """Carries out one attempt of a step within the time. Never raises: what goes wrong is in the outcome."""


class RunQueue(Protocol):
    def send(self, run_id: str, workspace_id: str, delay_seconds: int = 0) -> None:
        """Hints that the run can be advanced, after 0 to 900 seconds. May be lost, repeated or late."""


class WorkflowStore(Protocol):
    """Workflows of a workspace. Reads are consistent: what a call stored, the next call sees."""

    def create(self, workflow: Workflow, body: WorkflowBody, entry: AuditEntry | None = None) -> None:
        """The entry, as with every change, is stored with the workflow, or neither is. Raises AlreadyExistsError."""

    def get(self, workspace_id: str, workflow_id: str) -> Workflow:
        """Raises WorkflowNotFoundError."""

    def body(self, workspace_id: str, workflow_id: str, ref: str) -> WorkflowBody:
        """Raises WorkflowNotFoundError. Bodies are immutable and outlive their workflow."""

    def sources(self, workspace_id: str, refs: Sequence[tuple[str, str]]) -> Mapping[str, Mapping[str, Json]]:
        """Documents of many workflows, each named with the ref of its body, by the workflows' ids; those that there
        are. Graphs, which are as large and of no use to lists, are not looked at."""

    def replace(self, workflow: Workflow, body: WorkflowBody | None = None, entry: AuditEntry | None = None) -> None:
        """Stores `workflow` over the revision before its own (and first its new body, if any).

        Raises StaleWriteError if the stored revision is another, WorkflowNotFoundError if there is none.
        """

    def delete(self, workspace_id: str, workflow_id: str, entry: AuditEntry | None = None) -> None:
        """Removes the workflow, keeping its bodies. Nothing happens, and no entry is stored, if it is gone."""

    def page(
        self,
        workspace_id: str,
        *,
        status: WorkflowStatus | None,
        offset: int,
        limit: int,
        dialect: str | None = None,
    ) -> Page[Workflow]:
        """Newest first (created_at, then id), without those being deleted; of one dialect or of all."""

    def remember(self, workflow: Workflow) -> None:
        """Keeps what lists of its runs need of a workflow that is about to be deleted, for as long as runs are kept."""

    def remembered(self, workspace_id: str, workflow_id: str) -> Workflow:
        """One of those that `remember` kept. Raises WorkflowNotFoundError."""

    def all_remembered(self, workspace_id: str) -> tuple[Workflow, ...]:
        """Those that `remember` kept, in any order."""


class HookStore(Protocol):
    def create(self, hook: Hook) -> None:
        """Raises AlreadyExistsError."""

    def find(self, hook_id: str) -> Hook:
        """The hook whoever owns it: inbound calls name no workspace. Raises HookNotFoundError."""

    def replace(self, hook: Hook) -> None:
        """Raises HookNotFoundError."""

    def delete(self, workspace_id: str, hook_id: str) -> None: ...

    def list(self, workspace_id: str, workflow_id: str | None = None) -> tuple[Hook, ...]:
        """Newest first."""


class RunStore(Protocol):
    """Runs and what is recorded of their steps. A `touch` is kept on the run whose change it commanded.

    A write under a lease names its fence and raises LeaseLostError when the stored fence is another: the run
    was claimed again, changed or ended meanwhile.
    """

    def create(self, run: Run) -> None:
        """Raises AlreadyExistsError."""

    def claim(self, run_id: str, *, now: datetime, lease_expires_at: datetime) -> Run:
        """One conditional write that makes the run RUNNING under a new lease, and returns it, input included.

        Raises fence, hops and stalls by one and sets `began_at` unless it is set; due_at becomes the lease's end (or
        the deadline, if earlier).
        Raises RunNotFoundError, LeaseHeldError while another lease lasts, and RunEndedError where nothing is to
        be advanced: the run is paused or has ended, in which case the fact `has_news` tells whether others are to hear
        of it still, and the time for that has come.
        """

    def is_held(self, run_id: str, fence: int) -> bool:
        """Whether the run is live under a lease of this fence."""

    def renew(self, run_id: str, fence: int, lease_expires_at: datetime) -> None: ...

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
        """Releases the lease. `status` is WAITING or QUEUED; stalls becomes 0. With `begun` False the run is as if it
        had never been claimed: its `began_at` goes, and hops become 0.

        Raises SignalledError if the stored `signals` is another: something came in that the holder has not seen. The
        lease is then still the holder's.
        """

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
        """Ends the run. With `news_due_at` it stays in the due index until `told`, because others are to hear of it;
        otherwise it leaves the index. Until then it is the caller's to tell; after that it is whoever's comes by."""

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
        """Ends the run from outside, whoever holds its lease, by raising the fence; returns it as it is then.

        Raises RunNotFoundError, and RunEndedError if it had ended.
        """

    def told(self, run_id: str, fence: int) -> None:
        """Takes a run out of the due index that ended under this fence; nothing happens to one that is live, or was
        taken up again and ended once more."""

    def pause(self, run_id: str, touch: Touch | None = None) -> Run:
        """Makes a live run PAUSED: raises the fence, drops lease and due_at. A paused run is returned as it is.

        Raises RunNotFoundError, RunEndedError.
        """

    def resume(self, run_id: str, due_at: datetime, touch: Touch | None = None) -> Run:
        """Makes a PAUSED run QUEUED and due. Raises RunNotFoundError, RunEndedError, IllegalTransitionError where it
        is neither ended nor paused."""

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
        """Makes an ended run QUEUED again with these `resets` in place of the stored ones.

        Raises the fence; hops and stalls become 0; output, failure, finished_at and the time to live go. Raises
        RunNotFoundError, IllegalTransitionError if the run has not ended, StaleWriteError if its fence is not `fence`.
        """

    def signal(self, run_id: str, slot: str, answer: Answer, due_at: datetime, touch: Touch | None = None) -> bool:
        """Stores an answer for a waiting step, raises `signals`, and makes the run due (a paused one only keeps it).

        One conditional write. False if the step was answered before: the first answer counts. Raises
        RunNotFoundError, RunEndedError.
        """

    def record(self, run_id: str, outcome: Outcome, also: tuple[Outcome, ...] = ()) -> Outcome:
        """Records a step's final outcome unless its key and generation have one; returns the one that counts.

        `also` are outcomes of steps without effect that go with it, and are kept only if it is.
        """

    def record_attempt(self, run_id: str, attempt: Outcome) -> Outcome:
        """Keeps a failed attempt that another will follow, unless there is one of its number; returns the one that
        counts."""

    def record_intent(self, run_id: str, key: str, generation: int, round: Round | None = None) -> bool:  # noqa: A002
        """Marks that an at-most-once effect is about to be tried, in the round that its step stands in. False if it
        was marked before."""

    def get(self, run_id: str) -> Run:
        """The run with its input and output, consistently. Raises RunNotFoundError."""

    def history(self, run_id: str) -> History:
        """Everything recorded of the steps that a graph has once, without the run's own tail and without the steps in
        rounds of loops and maps, consistently."""

    def adopt(self, run_id: str, fence: int, child_id: str) -> None:
        """Notes, under the lease, a run that this one is about to start."""

    def round_history(
        self, run_id: str, container: str, outer: Round | None, *, newest_only: bool
    ) -> tuple[History, Round | None]:
        """What was recorded of the steps that stand directly in rounds of a container, which itself stands in `outer`.

        With `newest_only`, of its newest round alone; that is the highest index that any record in it or in a
        container nested in it names. The round returned is the newest (as recorded, with its carry), None if nothing
        was recorded. The cost does not depend on how many rounds went before.
        """

    def steps(self, run_id: str, *, after: str | None, limit: int) -> tuple[tuple[Outcome, ...], str | None]:
        """Everything recorded of the run's steps, failed attempts and steps in rounds included, a page at a time in
        the order of their keys; and where the next page begins, None after the last."""

    def page(self, workspace_id: str, where: RunFilter, *, offset: int, limit: int) -> Page[RunSummary]:
        """Newest first (created_at, then id); spilled values are not fetched."""

    def newest(self, workspace_id: str, where: RunFilter, limit: int) -> tuple[RunSummary, ...]:
        """The first of `page`, and no more than so many are read; nothing is counted."""

    def page_of_workflows(
        self, workspace_id: str, workflow_ids: Collection[str], where: RunFilter, *, offset: int, limit: int
    ) -> Page[RunSummary]:
        """Like `page`, for the runs of several workflows together; `where` names none."""

    def of_workflows(
        self, workspace_id: str, workflow_ids: Collection[str], where: RunFilter, *, page_size: int
    ) -> Iterator[RunSummary]:
        """The same newest first, not counted: read by and by, about so many at a time."""

    def due(self, shard: int, now: datetime, limit: int) -> tuple[DueRun, ...]:
        """Entries of one shard of the due index with `due_at` up to `now`, earliest first."""

    def rearm(self, run_id: str, seen_due_at: datetime, due_at: datetime) -> bool:
        """Moves a run's due_at, if it still is `seen_due_at`; False otherwise."""


class KeyStore(Protocol):
    def put(self, key: ApiKey) -> None:
        """Stores or replaces the key of this hash."""

    def find(self, secret_hash: str) -> ApiKey | None: ...

    def list(self, workspace_id: str) -> tuple[ApiKey, ...]: ...


class CounterStore(Protocol):
    def add(self, name: str, amount: int, expires_at: datetime) -> int:
        """Adds atomically and returns the new count; a new counter starts at 0 and is forgotten some time after
        `expires_at`."""

    def read(self, name: str) -> int:
        """The count; 0 for a counter that is not there."""


class MarkStore(Protocol):
    """Small facts that are written once and forgotten some time after they expire."""

    def put(self, name: str, value: str, expires_at: datetime) -> str:
        """Stores the value unless the name has one that has not expired; returns the one that counts."""

    def get(self, name: str) -> str | None: ...


class SlotStore(Protocol):
    """Who holds the slots of a concurrency limit."""

    def take(self, name: str, holder: str, limit: int) -> tuple[str, ...] | None:
        """Takes a slot, or keeps one held before, and waits for none any more; None then. Otherwise the holders that
        stand in the way, oldest first."""

    def wait(self, name: str, holder: str, since: datetime | None = None) -> None:
        """Notes that the holder waits for a slot, since now unless told otherwise. Of very many that wait, some are
        not noted: nobody may rely on it."""

    def line(self, name: str) -> Line:
        """Who holds and who waits, consistently."""

    def give_back(self, name: str, holder: str, *, in_turn: bool = False) -> str | None:
        """Gives a slot back, if the holder has one, and waits no more; returns who has waited longest, if anybody does,
        and is called now. From here on that one waits no more, so that two slots call two; with `in_turn` it keeps
        its place."""

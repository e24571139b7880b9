"""What flows need from the outside. Every store method may raise UnavailableError.

Reads are consistent. Another workspace's things are as unknown as those that do not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from chalicelib.domain.flows.flows import (
    AuditEntry,
    AuditFilter,
    ErrorFilter,
    FlowError,
    JobFigures,
    Progress,
    Resource,
    ResourceKind,
)
from chalicelib.domain.json import Json

if TYPE_CHECKING:
    from chalicelib.domain.flows.calls import CallRecord
    from chalicelib.domain.flows.tags import ErrorNotes, TagBook


class ResourceStore(Protocol):
    """Exports, imports, connections and integrations. A change and its audit entry are stored together, or neither."""

    def create(self, resource: Resource, entry: AuditEntry) -> None:
        """Raises AlreadyExistsError, TooLargeError."""

    def get(self, workspace_id: str, kind: ResourceKind, resource_id: str) -> Resource:
        """Raises ResourceNotFoundError."""

    def get_all(self, workspace_id: str, kind: ResourceKind, ids: Collection[str]) -> Mapping[str, Resource]:
        """Those of the ids that there are."""

    def replace(self, resource: Resource, entry: AuditEntry | None) -> None:
        """Over the revision before its own. Raises StaleWriteError, ResourceNotFoundError, TooLargeError."""

    def delete(self, resource: Resource, entry: AuditEntry) -> None:
        """Raises StaleWriteError if it was changed since, ResourceNotFoundError if it is gone."""

    def page(
        self, workspace_id: str, kind: ResourceKind, *, after: str | None = None, limit: int
    ) -> tuple[Resource, ...]:
        """Oldest first, by id, from the one that follows `after`."""


class JobStore(Protocol):
    """Figures of jobs, kept `RETENTION_DAYS`."""

    def begin(self, figures: JobFigures) -> None:
        """Stores them unless the job has some."""

    def advance(self, workspace_id: str, job_id: str, progress: Progress) -> bool:
        """Stores how far a generator came, unless it came further or has ended; False then, and where the job has no
        figures. The same progress twice is stored once."""

    def get(self, workspace_id: str, job_ids: Collection[str]) -> Mapping[str, JobFigures]:
        """Those that there are."""


class FlowErrorStore(Protocol):
    """Errors of flows, open or resolved, kept `RETENTION_DAYS` after they occurred. Whoever moves one between the two
    moves the `resolved` figure of its job in the same transaction, so that it counts once."""

    def open(self, errors: Sequence[FlowError]) -> None:
        """Stores those that are known neither as open nor as resolved; without the retry data, and not as retriable, if
        that is too large to be kept."""

    def get(
        self, workspace_id: str, flow_id: str, step_id: str, ids: Collection[str], *, bare: bool = False
    ) -> Mapping[str, FlowError]:
        """Those that there are, open or resolved. Of `bare` ones the retry data is fetched as little as of pages: of
        many errors there may be more of it than memory."""

    def page(
        self, workspace_id: str, flow_id: str, step_id: str, where: ErrorFilter, *, after: str | None, limit: int
    ) -> tuple[tuple[FlowError, ...], str | None]:
        """Newest first; and the `after` of the next page, None at the end. Retry data is not fetched where it is kept
        apart: `retry_data` is `{}` then, and `get` brings it."""

    def counts(self, workspace_id: str, flow_id: str) -> Mapping[str, int]:
        """How many errors of each step of a flow are open; steps without any are left out. The price does not depend
        on how many there are."""

    def newest_at(self, workspace_id: str, flow_id: str, step_id: str) -> datetime | None:
        """When the newest open error of a step occurred."""

    def resolve(
        self, workspace_id: str, flow_id: str, step_id: str, ids: Collection[str], at: datetime, by: str
    ) -> tuple[str, ...]:
        """Resolves those that are open; which they were."""

    def reopen(self, workspace_id: str, flow_id: str, step_id: str, ids: Collection[str]) -> tuple[str, ...]:
        """Makes resolved ones open again; which they were."""

    def annotate(
        self, workspace_id: str, flow_id: str, step_id: str, ids: Collection[str], notes: ErrorNotes
    ) -> tuple[str, ...]:
        """Puts the notes on those that there are, open or resolved; which they were."""

    def failed_again(self, error: FlowError) -> None:
        """Sets code, message, source and retriability of an open error whose retry failed; its time and job stay.
        Nothing happens if it is not open any more."""

    def set_retry_data(self, error: FlowError, data: Mapping[str, Json]) -> None:
        """Raises FlowErrorNotFoundError if it is gone, TooLargeError."""


class FlowMarkStore(Protocol):
    """Small facts about flows that their runs leave."""

    def deltas(self, workspace_id: str, flow_id: str) -> Mapping[str, datetime]:
        """Up to when each export of the flow was exported."""

    def move_delta(
        self, workspace_id: str, flow_id: str, export_id: str, until: datetime, run_created_at: datetime
    ) -> None:
        """Unless a run that was created later did so before."""

    def note_executed(self, workspace_id: str, flow_id: str, at: datetime) -> None:
        """Unless a later time is noted."""

    def executed(self, workspace_id: str) -> Mapping[str, datetime]:
        """When each flow last began to run."""

    def executed_at(self, workspace_id: str, flow_id: str) -> datetime | None:
        """When one flow last began to run, None before the first time."""

    def forget(self, workspace_id: str, flow_id: str) -> None:
        """For a flow that is deleted."""

    def save_part(self, workspace_id: str, job_id: str, place: str, value: Json) -> None:
        """Keeps for a while what an unfinished step of a job has done already."""

    def part(self, workspace_id: str, job_id: str, place: str) -> Json:
        """None if nothing was saved."""


Owner = tuple[str, str]
"""Kind and id of what values are kept with."""


class StateStore(Protocol):
    """The free key-value stores of a workspace: one of its own, and one for each owner."""

    def put(self, workspace_id: str, key: str, value: Json, owner: Owner | None = None) -> None:
        """Raises TooLargeError."""

    def get(self, workspace_id: str, key: str, owner: Owner | None = None) -> tuple[Json] | None:
        """The value in a tuple, as any JSON can be one; None if there is none."""

    def delete(self, workspace_id: str, key: str, owner: Owner | None = None) -> bool:
        """Whether there was one."""

    def keys(self, workspace_id: str, owner: Owner | None = None) -> tuple[str, ...]: ...


class CallLogStore(Protocol):
    """Calls of connections that are being debugged, kept for a day."""

    def add(self, workspace_id: str, connection_id: str, record: CallRecord) -> None: ...

    def latest(self, workspace_id: str, connection_id: str, limit: int) -> Sequence[CallRecord]:
        """Newest first."""

    def clear(self, workspace_id: str, connection_id: str) -> None: ...


class TagStore(Protocol):
    """The tags of a workspace's errors, all of them together."""

    def get(self, workspace_id: str) -> TagBook: ...

    def save(self, workspace_id: str, book: TagBook) -> None:
        """Over the revision before its own. Raises StaleWriteError, TooLargeError."""


class AuditStore(Protocol):
    """Entries are written with the changes that they are about, and kept `AUDIT_RETENTION_DAYS`."""

    def page(self, workspace_id: str, where: AuditFilter, *, offset: int, limit: int) -> tuple[AuditEntry, ...]:
        """Newest first. With a kind and a resource, of that resource; else of the whole workspace."""


class LeaseStore(Protocol):
    """Slots with an end: whoever dies with some loses them when their time is over."""

    def take(
        self,
        name: str,
        holder: str,
        wanted: int,
        limit: int,
        *,
        now: datetime,
        until: datetime,
        is_rival: Callable[[str], bool] | None = None,
    ) -> int:
        """How many of the wanted slots the holder has now, in place of those that it had: as many as are free, and none
        while one has some that `is_rival` names."""

    def give_back(self, name: str, holder: str) -> None: ...

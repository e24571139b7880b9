"""What flows need from the outside. Every store method may raise UnavailableError.

Reads are consistent. Another workspace's things are as unknown as those that do not exist.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

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
        """Stores those that are known neither as open nor as resolved."""

    def get(self, workspace_id: str, flow_id: str, step_id: str, ids: Collection[str]) -> Mapping[str, FlowError]:
        """Those that there are, open or resolved."""

    def page(
        self, workspace_id: str, flow_id: str, step_id: str, where: ErrorFilter, *, after: str | None, limit: int
    ) -> tuple[tuple[FlowError, ...], str | None]:
        """Newest first; and the `after` of the next page, None at the end. Retry data is not fetched where it is kept
        apart: `retry_data` is `{}` then, and `get` brings it."""

    def count(self, workspace_id: str, flow_id: str, step_id: str) -> tuple[int, datetime | None]:
        """How many are open, and when the newest of them occurred."""

    def resolve(
        self, workspace_id: str, flow_id: str, step_id: str, ids: Collection[str], at: datetime, by: str
    ) -> tuple[str, ...]:
        """Resolves those that are open; which they were."""

    def reopen(self, workspace_id: str, flow_id: str, step_id: str, ids: Collection[str]) -> tuple[str, ...]:
        """Makes resolved ones open again; which they were."""

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


class StateStore(Protocol):
    """The free key-value store of a workspace."""

    def put(self, workspace_id: str, key: str, value: Json) -> None:
        """Raises TooLargeError."""

    def get(self, workspace_id: str, key: str) -> tuple[Json] | None:
        """The value in a tuple, as any JSON can be one; None if there is none."""

    def delete(self, workspace_id: str, key: str) -> bool:
        """Whether there was one."""

    def keys(self, workspace_id: str) -> tuple[str, ...]: ...


class AuditStore(Protocol):
    """Entries are written with the changes that they are about, and kept `AUDIT_RETENTION_DAYS`."""

    def page(self, workspace_id: str, where: AuditFilter, *, offset: int, limit: int) -> tuple[AuditEntry, ...]:
        """Newest first. With a kind and a resource, of that resource; else of the whole workspace."""


class LeaseStore(Protocol):
    """Slots with an end: whoever dies with some loses them when their time is over."""

    def take(self, name: str, holder: str, wanted: int, limit: int, *, now: datetime, until: datetime) -> int:
        """How many of the wanted slots the holder has now, in place of those that it had: as many as are free."""

    def give_back(self, name: str, holder: str) -> None: ...

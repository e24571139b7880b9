"""In-memory implementations of what flows need to keep."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.errors import (
    AlreadyExistsError,
    FlowErrorNotFoundError,
    ResourceNotFoundError,
    StaleWriteError,
    TooLargeError,
)
from chalicelib.domain.flows.calls import KEPT, CallRecord
from chalicelib.domain.flows.flows import (
    AUDIT_RETENTION_DAYS,
    RETENTION_DAYS,
    AuditEntry,
    AuditFilter,
    ErrorFilter,
    FlowError,
    JobFigures,
    Progress,
    Resource,
    ResourceKind,
)
from chalicelib.domain.flows.tags import ErrorNotes, TagBook
from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.json import Json, encode

MAX_RESOURCE_BYTES = 1024 * 1024
MAX_STATE_BYTES = 256 * 1024
MAX_RETRY_DATA_BYTES = 5 * 1024 * 1024
MAX_KEY_BYTES = 1024
MAX_TAG_BYTES = 380 * 1024

Now = Callable[[], datetime]
Step = tuple[str, str, str]
Owner = tuple[str, str]


class MemoryAuditStore:
    def __init__(self, now: Now) -> None:
        self._now = now
        self.entries: list[AuditEntry] = []

    def add(self, entry: AuditEntry | None) -> None:
        """What the store of a changed thing does together with the change."""
        if entry is not None:
            self.entries.append(entry)

    def page(self, workspace_id: str, where: AuditFilter, *, offset: int, limit: int) -> tuple[AuditEntry, ...]:
        since = self._now() - timedelta(days=AUDIT_RETENTION_DAYS)
        found = [
            each
            for each in self.entries
            if each.workspace_id == workspace_id and each.at > since and _is_wanted(each, where)
        ]
        found.sort(key=lambda each: (epoch_ms(each.at), each.id), reverse=True)
        return tuple(found[offset : offset + limit])


def _is_wanted(entry: AuditEntry, where: AuditFilter) -> bool:
    return (
        where.kind in (None, entry.kind)
        and where.resource_id in (None, entry.resource_id)
        and where.user_id in (None, entry.user_id)
        and where.source in (None, entry.source)
        and where.event in (None, entry.event)
        and (where.since is None or entry.at >= where.since)
        and (where.until is None or entry.at <= where.until)
    )


class MemoryResourceStore:
    def __init__(self, audit: MemoryAuditStore) -> None:
        self._audit = audit
        self._resources: dict[tuple[str, ResourceKind, str], Resource] = {}

    def create(self, resource: Resource, entry: AuditEntry) -> None:
        _check_size(resource)
        if _place(resource) in self._resources:
            raise AlreadyExistsError(resource_id=resource.id)
        self._resources[_place(resource)] = resource
        self._audit.add(entry)

    def get(self, workspace_id: str, kind: ResourceKind, resource_id: str) -> Resource:
        try:
            return self._resources[workspace_id, kind, resource_id]
        except KeyError as error:
            raise ResourceNotFoundError(kind=kind.value, resource_id=resource_id) from error

    def get_all(self, workspace_id: str, kind: ResourceKind, ids: Collection[str]) -> Mapping[str, Resource]:
        found = {each: self._resources.get((workspace_id, kind, each)) for each in sorted(ids)}
        return {id_: resource for id_, resource in found.items() if resource is not None}

    def replace(self, resource: Resource, entry: AuditEntry | None) -> None:
        _check_size(resource)
        if self.get(resource.workspace_id, resource.kind, resource.id).revision != resource.revision - 1:
            raise StaleWriteError(resource_id=resource.id)
        self._resources[_place(resource)] = resource
        self._audit.add(entry)

    def delete(self, resource: Resource, entry: AuditEntry) -> None:
        if self.get(resource.workspace_id, resource.kind, resource.id).revision != resource.revision:
            raise StaleWriteError(resource_id=resource.id)
        del self._resources[_place(resource)]
        self._audit.add(entry)

    def page(
        self, workspace_id: str, kind: ResourceKind, *, after: str | None = None, limit: int
    ) -> tuple[Resource, ...]:
        found = [
            resource
            for (owner, its_kind, id_), resource in self._resources.items()
            if (owner, its_kind) == (workspace_id, kind) and (after is None or id_ > after)
        ]
        return tuple(sorted(found, key=lambda each: each.id)[:limit])


def _place(resource: Resource) -> tuple[str, ResourceKind, str]:
    return resource.workspace_id, resource.kind, resource.id


def _check_size(resource: Resource) -> None:
    if len(encode(dict(resource.document))) > MAX_RESOURCE_BYTES:
        raise TooLargeError(resource_id=resource.id)


class MemoryJobStore:
    def __init__(self, now: Now) -> None:
        self._now = now
        self._jobs: dict[tuple[str, str], JobFigures] = {}

    def begin(self, figures: JobFigures) -> None:
        self._jobs.setdefault((figures.workspace_id, figures.job_id), figures)

    def advance(self, workspace_id: str, job_id: str, progress: Progress) -> bool:
        job = self._jobs.get((workspace_id, job_id))
        stored = None if job is None else job.progress.get(progress.generator)
        if job is None or (stored is not None and _reached(stored) >= _reached(progress)):
            return False
        members = {**job.progress, progress.generator: progress}
        self._jobs[workspace_id, job_id] = replace(job, progress=members)
        return True

    def get(self, workspace_id: str, job_ids: Collection[str]) -> Mapping[str, JobFigures]:
        since = self._now() - timedelta(days=RETENTION_DAYS)
        found = {each: self._jobs.get((workspace_id, each)) for each in sorted(job_ids)}
        return {id_: job for id_, job in found.items() if job is not None and job.started_at > since}

    def resolve(self, workspace_id: str, job_id: str, child: str, amount: int) -> None:
        """What the store of errors does together with moving them."""
        job = self._jobs.get((workspace_id, job_id))
        if job is not None:
            resolved = {**job.resolved, child: job.resolved.get(child, 0) + amount}
            self._jobs[workspace_id, job_id] = replace(job, resolved=resolved)


def _reached(progress: Progress) -> float:
    return float("inf") if progress.is_done else progress.page


class MemoryFlowErrorStore:
    def __init__(self, jobs: MemoryJobStore, now: Now) -> None:
        self._jobs = jobs
        self._now = now
        self._errors: dict[Step, dict[str, FlowError]] = {}

    def open(self, errors: Sequence[FlowError]) -> None:
        for error in errors:
            at = (error.workspace_id, error.flow_id, error.step_id)
            if error.retry_data is not None and len(encode(dict(error.retry_data))) > MAX_RETRY_DATA_BYTES:
                error = replace(error, retry_data=None, is_retriable=False)
            self._errors.setdefault(at, {}).setdefault(error.id, error)

    def get(
        self, workspace_id: str, flow_id: str, step_id: str, ids: Collection[str], *, bare: bool = False
    ) -> Mapping[str, FlowError]:
        return {each.id: each for each in self._of((workspace_id, flow_id, step_id)) if each.id in set(ids)}

    def page(
        self, workspace_id: str, flow_id: str, step_id: str, where: ErrorFilter, *, after: str | None, limit: int
    ) -> tuple[tuple[FlowError, ...], str | None]:
        found = [each for each in self._of((workspace_id, flow_id, step_id)) if _is_meant(each, where)]
        left = sorted((each for each in found if after is None or each.id < after), key=lambda each: each.id)[::-1]
        return tuple(left[:limit]), left[limit - 1].id if len(left) > limit else None

    def counts(self, workspace_id: str, flow_id: str) -> Mapping[str, int]:
        steps = [step for step in self._errors if step[:2] == (workspace_id, flow_id)]
        counted = {step[2]: len(self._open_of(step)) for step in steps}
        return {step_id: count for step_id, count in counted.items() if count}

    def newest_at(self, workspace_id: str, flow_id: str, step_id: str) -> datetime | None:
        return max((each.occurred_at for each in self._open_of((workspace_id, flow_id, step_id))), default=None)

    def resolve(
        self, workspace_id: str, flow_id: str, step_id: str, ids: Collection[str], at: datetime, by: str
    ) -> tuple[str, ...]:
        found = [each for each in self._named((workspace_id, flow_id, step_id), ids) if each.resolved_at is None]
        self._move([replace(each, resolved_at=at, resolved_by=by) for each in found], 1)
        return tuple(each.id for each in found)

    def reopen(self, workspace_id: str, flow_id: str, step_id: str, ids: Collection[str]) -> tuple[str, ...]:
        found = [each for each in self._named((workspace_id, flow_id, step_id), ids) if each.resolved_at is not None]
        self._move([replace(each, resolved_at=None, resolved_by=None) for each in found], -1)
        return tuple(each.id for each in found)

    def annotate(
        self, workspace_id: str, flow_id: str, step_id: str, ids: Collection[str], notes: ErrorNotes
    ) -> tuple[str, ...]:
        step = (workspace_id, flow_id, step_id)
        found = self._named(step, ids)
        for each in found:
            tags = each.tags if notes.tags is None else notes.tags
            assigned = each.assigned_to if notes.assigned_to is None else notes.assigned_to
            self._errors[step][each.id] = replace(each, tags=tags, assigned_to=assigned)
        return tuple(each.id for each in found)

    def failed_again(self, error: FlowError) -> None:
        at = (error.workspace_id, error.flow_id, error.step_id)
        for stored in self._named(at, (error.id,)):
            if stored.resolved_at is None:
                self._errors[at][error.id] = replace(
                    stored,
                    source=error.source,
                    code=error.code,
                    message=error.message,
                    is_retriable=error.is_retriable,
                )

    def set_retry_data(self, error: FlowError, data: Mapping[str, Json]) -> None:
        if len(encode(dict(data))) > MAX_RETRY_DATA_BYTES:
            raise TooLargeError(error_id=error.id)
        at = (error.workspace_id, error.flow_id, error.step_id)
        for stored in self._named(at, (error.id,)):
            self._errors[at][error.id] = replace(stored, retry_data=data)
            return
        raise FlowErrorNotFoundError(error_id=error.id)

    def _of(self, step: Step) -> list[FlowError]:
        since = self._now() - timedelta(days=RETENTION_DAYS)
        return [each for each in self._errors.get(step, {}).values() if each.occurred_at > since]

    def _open_of(self, step: Step) -> list[FlowError]:
        return [each for each in self._of(step) if each.resolved_at is None]

    def _named(self, step: Step, ids: Collection[str]) -> list[FlowError]:
        stored = {each.id: each for each in self._of(step)}
        return [stored[each] for each in dict.fromkeys(ids) if each in stored]

    def _move(self, errors: Sequence[FlowError], amount: int) -> None:
        for error in errors:
            self._errors[error.workspace_id, error.flow_id, error.step_id][error.id] = error
            self._jobs.resolve(error.workspace_id, error.job_id, error.child, amount)


def _is_meant(error: FlowError, where: ErrorFilter) -> bool:
    return (
        (error.resolved_at is not None) is where.is_resolved
        and where.source in (None, error.source)
        and where.job_id in (None, error.job_id)
        and (where.since is None or error.occurred_at >= where.since)
        and (where.until is None or error.occurred_at <= where.until)
    )


class MemoryFlowMarkStore:
    def __init__(self) -> None:
        self._deltas: dict[tuple[str, str, str], tuple[datetime, datetime]] = {}
        self._executed: dict[tuple[str, str], datetime] = {}
        self._parts: dict[tuple[str, str, str], Json] = {}

    def deltas(self, workspace_id: str, flow_id: str) -> Mapping[str, datetime]:
        return {
            export: until
            for (owner, flow, export), (until, _) in self._deltas.items()
            if (owner, flow) == (workspace_id, flow_id)
        }

    def move_delta(
        self, workspace_id: str, flow_id: str, export_id: str, until: datetime, run_created_at: datetime
    ) -> None:
        key = (workspace_id, flow_id, export_id)
        if key not in self._deltas or self._deltas[key][1] <= run_created_at:
            self._deltas[key] = (until, run_created_at)

    def note_executed(self, workspace_id: str, flow_id: str, at: datetime) -> None:
        key = (workspace_id, flow_id)
        self._executed[key] = max(at, self._executed.get(key, at))

    def executed(self, workspace_id: str) -> Mapping[str, datetime]:
        return {flow: at for (owner, flow), at in self._executed.items() if owner == workspace_id}

    def executed_at(self, workspace_id: str, flow_id: str) -> datetime | None:
        return self._executed.get((workspace_id, flow_id))

    def forget(self, workspace_id: str, flow_id: str) -> None:
        self._executed.pop((workspace_id, flow_id), None)
        self._deltas = {key: mark for key, mark in self._deltas.items() if key[:2] != (workspace_id, flow_id)}

    def save_part(self, workspace_id: str, job_id: str, place: str, value: Json) -> None:
        self._parts[workspace_id, job_id, place] = value

    def part(self, workspace_id: str, job_id: str, place: str) -> Json:
        return self._parts.get((workspace_id, job_id, place))


class MemoryStateStore:
    def __init__(self) -> None:
        self._values: dict[tuple[str, Owner | None, str], Json] = {}

    def put(self, workspace_id: str, key: str, value: Json, owner: Owner | None = None) -> None:
        if len(encode(value)) > MAX_STATE_BYTES or not 0 < len(key.encode()) <= MAX_KEY_BYTES:
            raise TooLargeError(key=key)
        self._values[workspace_id, owner, key] = value

    def get(self, workspace_id: str, key: str, owner: Owner | None = None) -> tuple[Json] | None:
        found = self._values.get((workspace_id, owner, key), _ABSENT)
        return None if found is _ABSENT else (found,)

    def delete(self, workspace_id: str, key: str, owner: Owner | None = None) -> bool:
        return self._values.pop((workspace_id, owner, key), _ABSENT) is not _ABSENT

    def keys(self, workspace_id: str, owner: Owner | None = None) -> tuple[str, ...]:
        return tuple(sorted(key for of, by, key in self._values if (of, by) == (workspace_id, owner)))


_ABSENT: Json = object()  # type: ignore[assignment]


class MemoryCallLogStore:
    def __init__(self, now: Now) -> None:
        self._now = now
        self._records: dict[tuple[str, str], list[CallRecord]] = {}

    def add(self, workspace_id: str, connection_id: str, record: CallRecord) -> None:
        self._records.setdefault((workspace_id, connection_id), []).append(record)

    def latest(self, workspace_id: str, connection_id: str, limit: int) -> list[CallRecord]:
        since = self._now() - KEPT
        kept = [each for each in self._records.get((workspace_id, connection_id), []) if each.began_at > since]
        return sorted(kept, key=lambda each: (epoch_ms(each.began_at), each.id), reverse=True)[:limit]

    def clear(self, workspace_id: str, connection_id: str) -> None:
        self._records.pop((workspace_id, connection_id), None)


class MemoryTagStore:
    def __init__(self) -> None:
        self._books: dict[str, TagBook] = {}

    def get(self, workspace_id: str) -> TagBook:
        return self._books.get(workspace_id, TagBook())

    def save(self, workspace_id: str, book: TagBook) -> None:
        if len(encode([tag.name for tag in book.tags.values()])) > MAX_TAG_BYTES:
            raise TooLargeError
        if book.revision != self.get(workspace_id).revision + 1:
            raise StaleWriteError(workspace_id=workspace_id)
        self._books[workspace_id] = book


class MemoryLeaseStore:
    def __init__(self) -> None:
        self._leases: dict[str, dict[str, tuple[int, datetime]]] = {}

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
        held = {each: lease for each, lease in self._leases.get(name, {}).items() if lease[1] > now and each != holder}
        granted = max(0, min(wanted, limit - sum(count for count, _ in held.values())))
        if is_rival is not None and any(map(is_rival, held)):
            granted = 0
        if granted:
            held[holder] = (granted, until)
        self._leases[name] = held
        return granted

    def give_back(self, name: str, holder: str) -> None:
        self._leases.get(name, {}).pop(holder, None)

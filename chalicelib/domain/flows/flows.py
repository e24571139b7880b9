"""Flows of exports and imports: the resources that they name, and what is kept of their runs.

A flow is a workflow and its run, a job, is a run: how a job stands is told by the run alone. What is kept beside it are
figures, page by page. A page's figures are those that its steps recorded, added to what went before, so storing them
again changes nothing, and storing them late is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.json import Json
from chalicelib.domain.times import from_epoch_ms

MASK = "******"
"""What stands in the place of every secret in a document that leaves the vault."""
RETENTION_DAYS = 30
"""How long jobs and errors are kept."""
AUDIT_RETENTION_DAYS = 365
# The last byte of a child's id is its number, and 0 is the job itself.
MAX_CHILDREN = 255

OBJECT_ID_BYTES = 6
_ID_DIGITS = 24
_CHILD_DIGITS = 2
_HEX = frozenset("0123456789abcdef")
_ERROR_RANDOM_DIGITS = 12
# Milliseconds since 1970 have 13 digits until the year 2286.
_ERROR_DIGITS = 13 + _ERROR_RANDOM_DIGITS


class ResourceKind(StrEnum):
    EXPORT = "export"
    IMPORT = "import"
    CONNECTION = "connection"
    INTEGRATION = "integration"
    SCRIPT = "script"


@dataclass(frozen=True, slots=True)
class Resource:
    """`document` is what the caller sent, with every secret replaced by `MASK`; `sealed` are the secrets, by their
    paths in it, as the vault keeps them. `revision` counts every stored change."""

    id: str
    workspace_id: str
    kind: ResourceKind
    document: Mapping[str, Json]
    created_at: datetime
    updated_at: datetime
    created_by: str
    sealed: str | None = None
    revision: int = 1

    @property
    def name(self) -> str:
        return str(self.document.get("name", ""))

    @property
    def connection_id(self) -> str | None:
        value = self.document.get("_connectionId")
        return value if isinstance(value, str) else None


class JobType(StrEnum):
    FLOW = "flow"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class Child:
    """A part of a job with figures of its own: a generator (key `g0`, `g1`, …) or a processor (`s0`, `s1`, …)."""

    key: str
    kind: ResourceKind
    resource_id: str
    order: int
    """0 for generators, from 1 for processors."""


@dataclass(frozen=True, slots=True)
class Count:
    """`pages` are those made by a generator, or taken in by a processor."""

    success: int = 0
    error: int = 0
    ignore: int = 0
    pages: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one generator's pages came: `page` is the number of the last one, from 1, and `counts`, by the keys of
    children, what its pages came to so far."""

    generator: str
    page: int
    counts: Mapping[str, Count]
    is_done: bool = False
    has_failed: bool = False


@dataclass(frozen=True, slots=True)
class JobFigures:
    """What is kept of a job beside its run. `resolved` counts, by child, errors that were resolved since."""

    job_id: str
    workspace_id: str
    flow_id: str
    type: JobType
    children: tuple[Child, ...]
    started_at: datetime
    integration_id: str | None = None
    progress: Mapping[str, Progress] = field(default_factory=dict)
    resolved: Mapping[str, int] = field(default_factory=dict)

    def count(self, key: str) -> Count:
        """The figures of one child, over all generators."""
        total = Count()
        for progress in self.progress.values():
            total = added(total, progress.counts.get(key, Count()))
        return total


def added(one: Count, other: Count) -> Count:
    """Both together, from the first start to the last end."""
    starts = [at for at in (one.started_at, other.started_at) if at is not None]
    ends = [at for at in (one.ended_at, other.ended_at) if at is not None]
    return Count(
        one.success + other.success,
        one.error + other.error,
        one.ignore + other.ignore,
        one.pages + other.pages,
        min(starts, default=None),
        max(ends, default=None),
    )


@dataclass(frozen=True, slots=True)
class FlowError:
    """One record that failed, or a generator that did. `step_id` is the export or import; `child` its key in the job.

    `retry_data` is `{"data": record, "stage": key of the child, "traceKey": …}`, None where there is none. `source`,
    `code` and `message` are worded as the API's documentation says (section on errors of flows).
    """

    id: str
    workspace_id: str
    flow_id: str
    step_id: str
    job_id: str
    child: str
    order: int
    occurred_at: datetime
    source: str
    code: str
    message: str
    trace_key: str = ""
    retry_data: Mapping[str, Json] | None = None
    is_retriable: bool = False
    request_key: str = ""
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    tags: tuple[str, ...] = ()
    assigned_to: str = ""

    @property
    def retry_data_key(self) -> str | None:
        return None if self.retry_data is None else retry_data_key(self.id)


@dataclass(frozen=True, slots=True)
class FieldChange:
    path: str
    old: Json = None
    new: Json = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who changed what. `event` is create, update or delete; `source` API, or system for what followed by itself."""

    id: str
    workspace_id: str
    kind: str
    resource_id: str
    event: str
    at: datetime
    user_id: str
    changes: tuple[FieldChange, ...] = ()
    source: str = "API"


@dataclass(frozen=True, slots=True)
class ErrorFilter:
    """`is_resolved` tells open errors from resolved ones; times are inclusive bounds of `occurred_at`."""

    is_resolved: bool = False
    since: datetime | None = None
    until: datetime | None = None
    source: str | None = None
    job_id: str | None = None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """None leaves a member open; times are inclusive bounds."""

    kind: str | None = None
    resource_id: str | None = None
    user_id: str | None = None
    source: str | None = None
    event: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def object_id(at: datetime, entropy: bytes) -> str:
    """24 hexadecimal digits: the seconds since 1970 and the milliseconds in them, 11 digits of `OBJECT_ID_BYTES` random
    bytes, and two zeros, where the children of a job have their number."""
    seconds, ms = divmod(epoch_ms(at), 1000)
    # Eight digits of seconds last until the year 2106.
    return f"{seconds & 0xFFFFFFFF:08x}{ms:03x}{entropy.hex()[:11]}00"


def object_id_of(name: str, at: datetime) -> str:
    """The one id of this form that what `name` names can have."""
    return object_id(at, sha256(name.encode("utf-8", "surrogatepass")).digest()[:OBJECT_ID_BYTES])


def time_of(id_: str) -> datetime:
    """When an id of this form was made, or what it names was due."""
    return from_epoch_ms(int(id_[:8], 16) * 1000 + int(id_[8:11], 16))


def is_object_id(text: str) -> bool:
    return len(text) == _ID_DIGITS and set(text) <= _HEX


def child_job_id(job_id: str, index: int) -> str:
    """`index` from 1, in the order of `JobFigures.children`."""
    return f"{job_id[:-_CHILD_DIGITS]}{index:02x}"


def parent_job_id(id_: str) -> tuple[str, int]:
    """The job that an id of a job or a child belongs to, and the child's index; 0 for the job itself."""
    return f"{id_[:-_CHILD_DIGITS]}00", int(id_[-_CHILD_DIGITS:], 16)


def error_id(at: datetime, number: int) -> str:
    """Decimal digits that sort by time. `number` follows from the record's place, so that making it again gives the
    same one."""
    return f"{epoch_ms(at):013}{number % 10**_ERROR_RANDOM_DIGITS:012}"


def is_error_id(text: str) -> bool:
    return len(text) == _ERROR_DIGITS and text.isascii() and text.isdigit()


def retry_data_key(error: str) -> str:
    """The hexadecimal form of an error's id."""
    # 25 decimal digits take 84 bits.
    return f"{int(error):021x}"


def error_of_retry_data(key: str) -> str | None:
    """The id of the error that a retry data key is of; None for what is none."""
    if not key or len(key) > 21 or not set(key) <= _HEX:
        return None
    found = f"{int(key, 16):0{_ERROR_DIGITS}}"
    return found if is_error_id(found) else None

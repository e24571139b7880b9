"""Pins: what people look at, the live data that automations push to them, and the boards that gather them.

A pin belongs to one user of a workspace. Workflow data is an object that its owner's automations replace as a whole;
each push of one workflow id is a version, counted from 1, and what a push means to webhooks follows from the status
before it and its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.ids import base36
from chalicelib.domain.json import Json

KEPT_VERSIONS = 100
"""How many versions of one workflow id can be read, the newest included."""

MAX_DATA_BYTES = 1024 * 1024
MOST_WORKFLOWS = 2_000
LONGEST_WORKFLOW_ID = 255
LONGEST_STATUS = 64

_PIN_DIGITS = 12
_SHORT_DIGITS = 10


class DataType(StrEnum):
    MARKDOWN = "markdown"
    JSON = "json"
    TEXT = "text"


class PinEvent(StrEnum):
    """What webhooks are told."""

    COMPLETED = "workflow.completed"
    FAILED = "workflow.failed"
    UPDATED = "workflow.updated"


_STATUS_EVENTS: Mapping[str, PinEvent] = {"completed": PinEvent.COMPLETED, "failed": PinEvent.FAILED}


@dataclass(frozen=True, slots=True)
class Pin:
    """`revision` counts changes. One that is being deleted is seen by nobody any more."""

    id: str
    workspace_id: str
    user_id: str
    data_type: DataType
    title: str
    description: str
    tags: tuple[str, ...]
    is_public: bool
    created_at: datetime
    updated_at: datetime | None = None
    content: str = ""
    revision: int = 1
    is_deleting: bool = False


@dataclass(frozen=True, slots=True)
class Pinboard:
    """`pins` are ids, some perhaps of pins that are gone. `views` counts reads by others than its author."""

    id: str
    workspace_id: str
    user_id: str
    name: str
    description: str
    pins: tuple[str, ...]
    is_public: bool
    tags: tuple[str, ...]
    created_at: datetime
    updated_at: datetime | None = None
    views: int = 0
    revision: int = 1


class BlockType(StrEnum):
    MARKDOWN = "markdown"
    MERMAID = "mermaid"
    CONDITIONAL = "conditional"
    IMAGE = "image"
    IMAGE_STEPS = "image-steps"


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a pin as its clients render it; the template is theirs to read."""

    id: str
    name: str
    type: BlockType
    template: str
    order: int
    created_at: datetime
    updated_at: datetime
    revision: int = 1


class DatasetType(StrEnum):
    """The text form of a dataset's data."""

    JSON = "json"
    MARKDOWN = "markdown"


class DatasetKind(StrEnum):
    WORKFLOW = "workflow"
    USER = "user"
    INTEGRATION = "integration"
    DOCUMENT = "document"
    RESEARCH = "research"


@dataclass(frozen=True, slots=True)
class Dataset:
    id: str
    name: str
    type: DatasetType
    kind: DatasetKind
    description: str
    created_by: str
    created_at: datetime
    updated_at: datetime
    data: Json = None
    revision: int = 1


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a workflow id's newest version without its data.

    `untold` are events of it that webhooks have not been told yet. `stored` is the store's own.
    """

    version: int
    at: datetime
    status: str | None = None
    untold: tuple[PinEvent, ...] = ()
    stored: object = None


@dataclass(frozen=True, slots=True)
class Push:
    """A version on its way in, known by `id` when its arrival is in doubt. `kept` is what the store gave for its data.
    With untold events it is due at `due_at`."""

    id: str
    kept: str
    status: str | None
    numbers: Mapping[str, float]
    at: datetime
    untold: tuple[PinEvent, ...] = ()
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """One version with its data."""

    version: int
    at: datetime
    data: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Summary:
    """A workflow id's newest version as it is looked at: `fields` are its scalars by path, of which `fields_total`
    tells how many there are. `stored_bytes` is how large it is where it is stored, data that is kept elsewhere left
    out: about what it costs to read it."""

    workflow_id: str
    version: int
    at: datetime
    fields: Mapping[str, Json]
    fields_total: int
    stored_bytes: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Point:
    """The numbers of one version, by path."""

    version: int
    at: datetime
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PinWebhook:
    """Which workflow id of a pin an endpoint of the same id belongs to. Its URL, events and secret are the
    endpoint's; without an endpoint there is no webhook."""

    id: str
    workspace_id: str
    user_id: str
    pin_id: str
    workflow_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DuePin:
    """An entry of the due index: a pin to be deleted (`workflow_id` None), or a version of which webhooks are to be
    told. It may be stale."""

    pin_id: str
    workflow_id: str | None
    due_at: datetime
    workspace_id: str = ""
    user_id: str = ""


def status_of(data: Mapping[str, Json]) -> str | None:
    """The conventional `status`, in lower case; None if there is none that is a short text."""
    status = data.get("status")
    return status.lower() if isinstance(status, str) and len(status) <= LONGEST_STATUS else None


def events_of(before: str | None, after: str | None) -> tuple[PinEvent, ...]:
    """What a push means that found the one status and brought the other: a status is told of when it is entered, not
    each time it is repeated."""
    event = _STATUS_EVENTS.get(after or "")
    return (PinEvent.UPDATED,) if event is None or before == after else (event, PinEvent.UPDATED)


def pin_id(entropy: bytes) -> str:
    return f"p-{base36(int.from_bytes(entropy, 'big'), _PIN_DIGITS)}"


def short_id(prefix: str, entropy: bytes) -> str:
    """Ids of boards (`pb-`), blocks (`b-`) and datasets (`d-`)."""
    return f"{prefix}{base36(int.from_bytes(entropy, 'big'), _SHORT_DIGITS)}"

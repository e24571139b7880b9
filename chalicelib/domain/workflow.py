"""Workflows, their versions, and the inbound hooks that start them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.graph import Graph
from chalicelib.domain.json import Json

EXEOFLOW = "exeoflow"
TWINIT = "twinit"
PIPEDREAM = "pipedream"
CELIGO = "celigo"
RESTING = frozenset({EXEOFLOW, PIPEDREAM, CELIGO})
"""Dialects whose workflows do not start by themselves while they are inactive."""

BULK_RETRY_ID = "wf_bulkretry"
CHORE_ID = "wf_chore"
INTERNAL_IDS = frozenset({BULK_RETRY_ID, CHORE_ID})
"""Workflows of our own, which every workspace may have and nobody may address."""

SOURCE_DIALECT = "source"
SOURCE_PREFIX = "dc_"
SOURCE_BODY = "body_of_sources"
"""Runs of a source are runs of a workflow that is stored nowhere: it has the source's id, and all have this body."""


EXEOFLOW_PREFIX = "wf_"
PIPEDREAM_PREFIX = "p_"


def has_own_events(workflow_id: str) -> bool:
    """Whether the workflow is of a dialect in whose streams there is what its code emits, and nothing else."""
    return workflow_id.startswith(PIPEDREAM_PREFIX)


def is_source(workflow_id: str) -> bool:
    return workflow_id.startswith(SOURCE_PREFIX)


class WorkflowStatus(StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"
    DELETING = "deleting"
    """On its way out: nobody sees it, nothing starts it, its live runs are being cancelled."""


@dataclass(frozen=True, slots=True)
class Workflow:
    """A stored definition without its body. `revision` counts every change, `version` those of the graph."""

    id: str
    workspace_id: str
    name: str
    description: str
    status: WorkflowStatus
    version: int
    body_ref: str
    created_at: datetime
    updated_at: datetime
    revision: int = 1
    timeout_seconds: float | None = None
    dialect: str = EXEOFLOW
    """In which API's words its document is written; only that API changes it."""
    created_by: str | None = None
    updated_by: str | None = None
    """Users. None for workflows of earlier releases."""
    labels: Mapping[str, Json] = field(default_factory=dict)
    """Small facts of its dialect that lists need without the document."""


@dataclass(frozen=True, slots=True)
class WorkflowBody:
    """One immutable version: the dialect's own document, returned as it came, and the graph compiled from it."""

    ref: str
    workflow_id: str
    version: int
    source: Mapping[str, Json]
    graph: Graph


@dataclass(frozen=True, slots=True)
class Hook:
    """An inbound webhook: a URL that starts a workflow. Of its token only the SHA-256 (hex) is kept."""

    id: str
    workspace_id: str
    workflow_id: str
    name: str
    method: str
    token_hash: str | None
    created_at: datetime

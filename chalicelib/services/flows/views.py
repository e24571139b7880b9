"""Flows as their callers see them: the stored document with what the store tells beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.flows.flows import ResourceKind
from chalicelib.domain.flows.steps import generators_of
from chalicelib.domain.json import Json
from chalicelib.domain.workflow import Workflow, WorkflowStatus


@dataclass(frozen=True, slots=True)
class FlowView:
    """`executed_at` is when it last began to run."""

    workflow: Workflow
    document: Mapping[str, Json]
    executed_at: datetime | None = None

    @property
    def is_disabled(self) -> bool:
        return self.workflow.status is WorkflowStatus.INACTIVE


@dataclass(frozen=True, slots=True)
class Made:
    """Something that copying a flow made; `kind` None is the flow."""

    kind: ResourceKind | None
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Started:
    job_id: str
    export_id: str | None


def first_export(document: Mapping[str, Json]) -> str | None:
    generators = generators_of(document)
    return generators[0].export_id if generators else None

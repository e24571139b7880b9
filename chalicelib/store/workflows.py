"""Workflows and the versions of their graphs.

A body is written before the workflow that names it, and never changed. A crash between the two leaves a body
that nobody sees, and the caller may repeat the whole call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.domain.errors import AlreadyExistsError, StaleWriteError, WorkflowNotFoundError
from chalicelib.domain.json import Json, decode, encode
from chalicelib.domain.listing import Page
from chalicelib.domain.workflow import EXEOFLOW, Workflow, WorkflowBody, WorkflowStatus
from chalicelib.store import graphs
from chalicelib.store.attributes import OptionalTextAttribute, TimeAttribute, unexpired
from chalicelib.store.definition_items import DefinitionItem, bodies_of, remembered_of, workflows_of
from chalicelib.store.runs.items import LONGEST_RUN
from chalicelib.store.table import ConditionFailedError, RawItem, Table
from chalicelib.store.transactions import TransactionRefusedError, Write
from chalicelib.store.values import Values

if TYPE_CHECKING:
    from chalicelib.domain.flows.flows import AuditEntry


class WorkflowItem(DefinitionItem):
    """Workflows of earlier releases lack what follows `timeout_seconds`."""

    workspace_id = UnicodeAttribute()
    title = UnicodeAttribute()
    description = UnicodeAttribute()
    status = UnicodeAttribute()
    version = NumberAttribute()
    body_ref = UnicodeAttribute()
    created_at = TimeAttribute()
    updated_at = TimeAttribute()
    revision = NumberAttribute()
    timeout_seconds = NumberAttribute(null=True)
    dialect = UnicodeAttribute(default=EXEOFLOW)
    created_by = OptionalTextAttribute()
    updated_by = OptionalTextAttribute()
    labels = OptionalTextAttribute()


class BodyItem(DefinitionItem):
    version = NumberAttribute()
    source = UnicodeAttribute()
    graph = UnicodeAttribute()


class DynamoWorkflowStore:
    """The `WorkflowStore` port on DynamoDB and S3."""

    def __init__(
        self,
        table: Table,
        values: Values,
        now: Callable[[], datetime],
        retention_seconds: int | None = None,
        audit: Callable[[AuditEntry], list[Write]] | None = None,
    ) -> None:
        """`retention_seconds` is how long ended runs are kept; None keeps them forever. `audit` makes the writes of an
        entry."""
        self._table = table
        self._values = values
        self._now = now
        self._retention_seconds = retention_seconds
        self._audit = audit

    def create(self, workflow: Workflow, body: WorkflowBody, entry: AuditEntry | None = None) -> None:
        self._put_body(workflow.workspace_id, body)
        try:
            self._put(_item(workflow), _is_new(), entry)
        except ConditionFailedError as failed:
            raise AlreadyExistsError(workflow_id=workflow.id) from failed

    def get(self, workspace_id: str, workflow_id: str) -> Workflow:
        raw = self._table.get(workflows_of(workspace_id), workflow_id)
        if raw is None:
            raise WorkflowNotFoundError(workflow_id=workflow_id)
        return _workflow(raw)

    def body(self, workspace_id: str, workflow_id: str, ref: str) -> WorkflowBody:
        raw = self._table.get(bodies_of(workspace_id, workflow_id), ref)
        if raw is None:
            raise WorkflowNotFoundError(workflow_id=workflow_id, ref=ref)
        item = BodyItem.from_raw_data(raw)
        unpacked: list[Any] = self._values.unpack(_owner_of(workspace_id), (item.source, item.graph))
        source, graph = unpacked
        return WorkflowBody(ref, workflow_id, int(item.version), source, graphs.from_json(graph))

    def sources(self, workspace_id: str, refs: Sequence[tuple[str, str]]) -> Mapping[str, Mapping[str, Json]]:
        workflows = {bodies_of(workspace_id, workflow_id): workflow_id for workflow_id, _ in refs}
        found = self._table.get_all([(bodies_of(workspace_id, each), ref) for each, ref in dict.fromkeys(refs)])
        items = [BodyItem.from_raw_data(raw) for raw in found]
        sources: list[Any] = self._values.unpack(_owner_of(workspace_id), [item.source for item in items])
        return {workflows[item.partition]: source for item, source in zip(items, sources, strict=True)}

    def replace(self, workflow: Workflow, body: WorkflowBody | None = None, entry: AuditEntry | None = None) -> None:
        if body is not None:
            self._put_body(workflow.workspace_id, body)
        try:
            self._put(_item(workflow), _is_at_revision(workflow.revision - 1), entry)
        except ConditionFailedError as failed:
            if not failed.item:
                raise WorkflowNotFoundError(workflow_id=workflow.id) from failed
            raise StaleWriteError(workflow_id=workflow.id) from failed

    def delete(self, workspace_id: str, workflow_id: str, entry: AuditEntry | None = None) -> None:
        if entry is None:
            self._table.delete(workflows_of(workspace_id), workflow_id)
            return
        # Refused: it is gone already, and not to be logged twice.
        with suppress(TransactionRefusedError):
            deletion = self._table.deleting(workflows_of(workspace_id), workflow_id, _is_there())
            self._table.transact([deletion, *self._entries(entry)])

    def remember(self, workflow: Workflow) -> None:
        item = _item(workflow, remembered_of(workflow.workspace_id))
        if self._retention_seconds is not None:
            # A run that was cancelled with its workflow may be taken up again, and is kept anew from its end.
            item.expires_at = self._now() + timedelta(seconds=self._retention_seconds) + LONGEST_RUN
        self._table.put(item)

    def remembered(self, workspace_id: str, workflow_id: str) -> Workflow:
        raw = self._table.get(remembered_of(workspace_id), workflow_id)
        if raw is None:
            raise WorkflowNotFoundError(workflow_id=workflow_id)
        return _workflow(raw)

    def all_remembered(self, workspace_id: str) -> tuple[Workflow, ...]:
        found = self._table.query(WorkflowItem.partition == remembered_of(workspace_id), unexpired(self._now()))
        return tuple(map(_workflow, found))

    def page(
        self,
        workspace_id: str,
        *,
        status: WorkflowStatus | None,
        offset: int,
        limit: int,
        dialect: str | None = None,
    ) -> Page[Workflow]:
        """Reads all workflows of the workspace: an index by age would be cheaper, but not consistent."""
        visible = _is_visible(status, dialect)
        found = self._table.query(WorkflowItem.partition == workflows_of(workspace_id), visible)
        workflows = sorted(map(_workflow, found), key=lambda each: (each.created_at, each.id), reverse=True)
        return Page(tuple(workflows[offset : offset + limit]), len(workflows))

    def _put(self, item: WorkflowItem, condition: Condition, entry: AuditEntry | None) -> None:
        """With its entry, or neither. Raises ConditionFailedError."""
        if entry is None:
            self._table.put(item, condition)
            return
        try:
            self._table.transact([self._table.putting(item, condition), *self._entries(entry)])
        except TransactionRefusedError as refused:
            raise ConditionFailedError(refused.failed.get(0, {})) from refused

    def _entries(self, entry: AuditEntry) -> list[Write]:
        if self._audit is None:
            raise ValueError("these workflows have no audit log")
        return self._audit(entry)

    def _put_body(self, workspace_id: str, body: WorkflowBody) -> None:
        """Raises StaleWriteError if another body has this ref: a ref must name one content forever."""
        owner = _owner_of(workspace_id)
        item = BodyItem(
            bodies_of(workspace_id, body.workflow_id),
            body.ref,
            version=body.version,
            source=self._values.pack(owner, body.source),
            graph=self._values.pack(owner, graphs.to_json(body.graph)),
        )
        try:
            self._table.put(item, _is_new())
        except ConditionFailedError as failed:
            stored = BodyItem.from_raw_data(failed.item)
            # Equal texts: the same call once more, after a crash before its workflow was written.
            if (stored.source, stored.graph) != (item.source, item.graph):
                raise StaleWriteError(workflow_id=body.workflow_id, ref=body.ref) from failed


def _is_new() -> Condition:
    """Guards a workflow against a second one of its id, and a body against ever being changed."""
    return DefinitionItem.partition.does_not_exist()


def _is_there() -> Condition:
    """Guards the log against the deletion of what is gone."""
    return DefinitionItem.partition.exists()


def _is_at_revision(revision: int) -> Condition:
    """Guards against overwriting a change that the caller has not seen, and a deleted workflow's return."""
    return WorkflowItem.revision == revision


def _is_visible(status: WorkflowStatus | None, dialect: str | None) -> Condition:
    visible: Condition = WorkflowItem.status != WorkflowStatus.DELETING.value
    if status is not None:
        visible &= WorkflowItem.status == status.value
    if dialect is not None:
        spoken = WorkflowItem.dialect == dialect
        # Workflows of earlier releases say nothing; they are of the one dialect that there was.
        visible &= spoken | WorkflowItem.dialect.does_not_exist() if dialect == EXEOFLOW else spoken
    return visible


def _owner_of(workspace_id: str) -> str:
    return f"workflows/{workspace_id}"


def _item(workflow: Workflow, partition: str = "") -> WorkflowItem:
    return WorkflowItem(
        partition or workflows_of(workflow.workspace_id),
        workflow.id,
        workspace_id=workflow.workspace_id,
        title=workflow.name,
        description=workflow.description,
        status=workflow.status.value,
        version=workflow.version,
        body_ref=workflow.body_ref,
        created_at=workflow.created_at,
        updated_at=workflow.updated_at,
        revision=workflow.revision,
        timeout_seconds=workflow.timeout_seconds,
        dialect=workflow.dialect,
        created_by=workflow.created_by,
        updated_by=workflow.updated_by,
        labels=encode(dict(workflow.labels)).decode() if workflow.labels else None,
    )


def _workflow(raw: RawItem) -> Workflow:
    item = WorkflowItem.from_raw_data(raw)
    return Workflow(
        id=item.name,
        workspace_id=item.workspace_id,
        name=item.title,
        description=item.description,
        status=WorkflowStatus(item.status),
        version=int(item.version),
        body_ref=item.body_ref,
        created_at=item.created_at,
        updated_at=item.updated_at,
        revision=int(item.revision),
        timeout_seconds=item.timeout_seconds,
        dialect=item.dialect,
        created_by=item.created_by,
        updated_by=item.updated_by,
        labels=_labels(item.labels),
    )


def _labels(text: str | None) -> dict[str, Json]:
    labels = decode(text.encode()) if text else {}
    assert isinstance(labels, dict)
    return labels

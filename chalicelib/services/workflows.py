"""Workflows: creating, changing and deleting definitions.

Each change of a definition makes a new version with a body of its own; runs keep the version they started with.
A change is written only over the revision it was made from, and made again if somebody else was faster.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from chalicelib.domain.errors import StaleWriteError, TooLargeError, WorkflowNotFoundError
from chalicelib.domain.graph import Graph
from chalicelib.domain.identity import Principal
from chalicelib.domain.ids import ENTROPY_BYTES, UUID_BYTES, mint, uuid4
from chalicelib.domain.json import Json, encode
from chalicelib.domain.run import Run
from chalicelib.domain.workflow import EXEOFLOW, EXEOFLOW_PREFIX, Workflow, WorkflowBody, WorkflowStatus
from chalicelib.services.access import Access, Scope, require
from chalicelib.services.ports import Clock, Entropy, HookStore, Page, WorkflowStore

if TYPE_CHECKING:
    from chalicelib.domain.flows.flows import AuditEntry
    from chalicelib.services.runs.runs import Runs

MAX_DEFINITION_BYTES = 4 * 1024 * 1024
_TRIES = 12

T = TypeVar("T")
Compile = Callable[[Mapping[str, Json]], Graph]
"""A dialect's compiler: from its document to a graph that `domain.program` has checked. Raises DefinitionError."""
Audit = Callable[[Mapping[str, Json], Mapping[str, Json]], "AuditEntry | None"]
"""What is to be noted of a change, from the document before it to the one after; None for nothing."""


@dataclass(frozen=True, slots=True)
class WorkflowView:
    workflow: Workflow
    body: WorkflowBody


@dataclass(frozen=True, slots=True)
class Change:
    """What an update sets. None leaves a field as it is; `members` replace those of the dialect's document, unless
    `rework` makes the new document of the stored one, and `labels` replace those of the same names."""

    name: str | None = None
    description: str | None = None
    members: Mapping[str, Json] = field(default_factory=dict)
    rework: Callable[[Mapping[str, Json]], Mapping[str, Json]] | None = None
    labels: Mapping[str, Json] = field(default_factory=dict)
    user_id: str | None = None
    status: WorkflowStatus | None = None
    follow: Callable[[Mapping[str, Json]], Change] | None = None
    """What a change sets beside the document, where that follows from the new document."""


class Watcher(Protocol):
    """Somebody who keeps other things in step with workflows. Each call may come for a change that is never stored,
    and again for one that was; what follows from a workflow is therefore checked against it when it is used."""

    def changing(self, workflow: Workflow, graph: Graph) -> None:
        """Before the workflow is stored as it is here; `revision` 1 is its creation."""

    def deleting(self, workflow: Workflow) -> None:
        """After the workflow was hidden, before it is gone."""


class Workflows:
    def __init__(
        self,
        access: Access,
        workflows: WorkflowStore,
        hooks: HookStore,
        runs: Runs,
        clock: Clock,
        entropy: Entropy,
        watchers: tuple[Watcher, ...] = (),
    ) -> None:
        self._access = access
        self._workflows = workflows
        self._hooks = hooks
        self._runs = runs
        self._clock = clock
        self._entropy = entropy
        self._watchers = watchers

    def create(
        self,
        principal: Principal,
        name: str,
        description: str,
        source: Mapping[str, Json],
        compile_: Compile,
        *,
        dialect: str = EXEOFLOW,
        workflow_id: str | None = None,
        status: WorkflowStatus = WorkflowStatus.INACTIVE,
        labels: Mapping[str, Json] | None = None,
        entry: AuditEntry | None = None,
    ) -> Workflow:
        """A new workflow, whose id is minted unless the dialect has ids of another form; the entry, as with every
        change, is stored with it, or neither is. Raises ForbiddenError, DefinitionError, TooLargeError."""
        require(principal, Scope.WRITE_WORKFLOWS)
        now = self._clock.now()
        workflow_id = workflow_id or self._new_id(EXEOFLOW_PREFIX)
        body = self._body(workflow_id, 1, source, compile_)
        workflow = Workflow(
            id=workflow_id,
            workspace_id=principal.workspace_id,
            name=name,
            description=description,
            status=status,
            version=1,
            body_ref=body.ref,
            created_at=now,
            updated_at=now,
            timeout_seconds=body.graph.timeout_seconds,
            created_by=principal.user_id,
            updated_by=principal.user_id,
            dialect=dialect,
            labels=dict(labels or {}),
        )
        self._announce(workflow, body.graph)
        self._workflows.create(workflow, body, entry)
        return workflow

    def get(self, principal: Principal, workflow_id: str, dialect: str | None = None) -> WorkflowView:
        """Raises ForbiddenError, WorkflowNotFoundError."""
        return self.view(self._access.workflow(principal, workflow_id, Scope.READ_WORKFLOWS, dialect))

    def view(self, workflow: Workflow) -> WorkflowView:
        """A workflow at hand with its present body. Raises WorkflowNotFoundError."""
        body = self._workflows.body(workflow.workspace_id, workflow.id, workflow.body_ref)
        return WorkflowView(workflow, body)

    def page(
        self,
        principal: Principal,
        *,
        status: WorkflowStatus | None,
        offset: int,
        limit: int,
        dialect: str | None = None,
    ) -> Page[Workflow]:
        """Newest first. Raises ForbiddenError."""
        require(principal, Scope.READ_WORKFLOWS)
        return self._workflows.page(principal.workspace_id, status=status, offset=offset, limit=limit, dialect=dialect)

    def known(self, principal: Principal, dialect: str, scope: Scope, *, gone: bool = True) -> tuple[Workflow, ...]:
        """Every workflow of a dialect, with `gone` those too that are deleted and whose runs may be there still. Raises
        ForbiddenError."""
        require(principal, scope)
        workspace_id = principal.workspace_id
        page = self._workflows.page(workspace_id, status=None, offset=0, limit=sys.maxsize, dialect=dialect)
        if not gone:
            return page.items
        present = {workflow.id for workflow in page.items}
        remembered = self._workflows.all_remembered(workspace_id)
        return (*page.items, *(each for each in remembered if each.dialect == dialect and each.id not in present))

    def of_run(self, run: Run) -> Workflow | None:
        """The workflow that a run is one of, as it is now or was when it was deleted; None if nothing tells."""
        for read in (self._workflows.get, self._workflows.remembered):
            try:
                return read(run.workspace_id, run.workflow_id)
            except WorkflowNotFoundError:
                continue
        return None

    def source_of(self, run: Run) -> Mapping[str, Json]:
        """The document of the very version that the run runs. Raises WorkflowNotFoundError."""
        return self._workflows.body(run.workspace_id, run.workflow_id, run.body_ref).source

    def new_uuid(self) -> str:
        """An id for a dialect whose ids are UUIDs."""
        return uuid4(self._entropy.bytes(UUID_BYTES))

    def update(self, workflow: Workflow, change: Change, compile_: Compile, audit: Audit | None = None) -> WorkflowView:
        """Applies a partial change. Raises DefinitionError, TooLargeError, WorkflowNotFoundError."""
        return self._until_fresh(workflow, lambda current: self._apply(current, change, compile_, audit))

    def set_status(self, workflow: Workflow, status: WorkflowStatus) -> WorkflowView:
        """Activates or deactivates; the workflow is not written if it is that already."""
        return self.view(self._until_fresh(workflow, lambda current: self._with_status(current, status)))

    def delete(self, workflow: Workflow, entry: AuditEntry | None = None) -> None:
        """Removes the workflow and its hooks, and cancels its live runs. Repeating it finishes a half-done one.

        Ended runs stay readable: they carry the workflow's name, and its bodies outlive it.
        """
        if workflow.status is not WorkflowStatus.DELETING:
            self._until_fresh(workflow, lambda current: self._with_status(current, WorkflowStatus.DELETING))
        # It is hidden by now: nothing can start it any more while its runs are cancelled.
        for hook in self._hooks.list(workflow.workspace_id, workflow.id):
            self._hooks.delete(workflow.workspace_id, hook.id)
        for watcher in self._watchers:
            watcher.deleting(workflow)
        self._runs.cancel_live_of(workflow.workspace_id, workflow.id)
        if workflow.dialect != EXEOFLOW:
            # Exeoflow's lists find runs without it.
            self._workflows.remember(workflow)
        # Last, so that a repeated call finds what an earlier one has left behind.
        self._workflows.delete(workflow.workspace_id, workflow.id, entry)

    def _apply(self, current: Workflow, change: Change, compile_: Compile, audit: Audit | None) -> WorkflowView:
        body = self._workflows.body(current.workspace_id, current.id, current.body_ref)
        source = {**body.source, **change.members} if change.rework is None else change.rework(body.source)
        entry = None if audit is None else audit(body.source, source)
        change = change if change.follow is None else change.follow(source)
        changed = replace(
            current,
            name=current.name if change.name is None else change.name,
            description=current.description if change.description is None else change.description,
            updated_at=self._clock.now(),
            updated_by=change.user_id or current.updated_by,
            status=current.status if change.status is None else change.status,
            labels={**current.labels, **change.labels},
            revision=current.revision + 1,
        )
        # Compared as text: in Python 1 == 1.0 == True, and the order of members is the client's to choose.
        if encode(dict(source)) == encode(dict(body.source)):
            self._announce(changed, body.graph)
            self._workflows.replace(changed, None, entry)
            return WorkflowView(changed, body)
        new_body = self._body(current.id, current.version + 1, source, compile_)
        changed = replace(
            changed,
            version=new_body.version,
            body_ref=new_body.ref,
            timeout_seconds=new_body.graph.timeout_seconds,
        )
        self._announce(changed, new_body.graph)
        self._workflows.replace(changed, new_body, entry)
        return WorkflowView(changed, new_body)

    def _with_status(self, current: Workflow, status: WorkflowStatus) -> Workflow:
        changed = replace(current, status=status, updated_at=self._clock.now(), revision=current.revision + 1)
        # Even where nothing changes: an earlier call may have announced the contrary and never stored it.
        if self._watchers and status is not WorkflowStatus.DELETING:
            self._announce(changed, self.view(current).body.graph)
        if current.status is status:
            return current
        self._workflows.replace(changed)
        return changed

    def _announce(self, workflow: Workflow, graph: Graph) -> None:
        for watcher in self._watchers:
            watcher.changing(workflow, graph)

    def _until_fresh(self, workflow: Workflow, attempt: Callable[[Workflow], T]) -> T:
        """`attempt` on the workflow as it is stored now, again while others change it in between."""
        for tried in range(_TRIES):
            try:
                return attempt(workflow)
            except StaleWriteError:
                # Apart by chance, or those who collided once would go on colliding.
                self._clock.sleep((1 + tried) * 0.005 * (1 + self._entropy.bytes(1)[0] / 256))
                workflow = self._workflows.get(workflow.workspace_id, workflow.id)
                if workflow.status is WorkflowStatus.DELETING:
                    raise WorkflowNotFoundError(workflow_id=workflow.id) from None
        raise StaleWriteError(workflow_id=workflow.id)

    def _body(self, workflow_id: str, version: int, source: Mapping[str, Json], compile_: Compile) -> WorkflowBody:
        size = len(encode(dict(source)))
        if size > MAX_DEFINITION_BYTES:
            raise TooLargeError(
                f"The definition is larger than {MAX_DEFINITION_BYTES} bytes.",
                limit=MAX_DEFINITION_BYTES,
                size=size,
            )
        # Two writers may try for one version; each body has its own name, so the slower cannot spoil the other's.
        return WorkflowBody(self._new_id("body_"), workflow_id, version, source, compile_(source))

    def _new_id(self, prefix: str) -> str:
        return mint(prefix, self._clock.now(), self._entropy.bytes(ENTROPY_BYTES))

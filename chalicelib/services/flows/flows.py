"""Flows: workflows whose documents name exports and imports.

A flow is checked whole before anything of it is stored. Copies of what it names are made before the copy that names
them, so that no flow ever names what is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from chalicelib.domain.errors import (
    FieldsRefusedError,
    ForbiddenError,
    WorkflowInactiveError,
    WorkflowNotFoundError,
)
from chalicelib.domain.flows.checks.fields import LONGEST_NAME, distinct
from chalicelib.domain.flows.defaults import completed
from chalicelib.domain.flows.flows import OBJECT_ID_BYTES, Resource, ResourceKind, is_object_id, object_id
from chalicelib.domain.flows.graph import compile_flow
from chalicelib.domain.flows.problems import problems_of_flow
from chalicelib.domain.flows.steps import generators_of, references_of, scripts_of_flow
from chalicelib.domain.identity import Principal
from chalicelib.domain.json import Json
from chalicelib.domain.records.problems import Problem, Problems
from chalicelib.domain.run import Start
from chalicelib.domain.workflow import CELIGO, Workflow, WorkflowStatus
from chalicelib.services.access import Access, Scope, require
from chalicelib.services.flows.audit import CREATED, DELETED, FlowAudit
from chalicelib.services.flows.copies import CopyTargets, renamed
from chalicelib.services.flows.ports import FlowMarkStore
from chalicelib.services.flows.references import FLOW, References, Use, integration_of, labels_of
from chalicelib.services.flows.resources import FlowResources
from chalicelib.services.flows.views import FlowView, Made, Started, first_export
from chalicelib.services.ports import Clock, Entropy, WorkflowStore
from chalicelib.services.runs.runs import Runs
from chalicelib.services.workflows import Change, Workflows

Document = Mapping[str, Json]
Rework = Callable[[Document], Document]

_READ_AT_ONCE = 100
_STEPS = (ResourceKind.EXPORT, ResourceKind.IMPORT)


class Flows:
    """Another workspace's are refused exactly like those that do not exist."""

    def __init__(
        self,
        *,
        workflows: Workflows,
        store: WorkflowStore,
        access: Access,
        resources: FlowResources,
        references: References,
        marks: FlowMarkStore,
        runs: Runs,
        audit: FlowAudit,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._workflows = workflows
        self._store = store
        self._access = access
        self._resources = resources
        self._references = references
        self._targets = CopyTargets(resources, references)
        self._marks = marks
        self._runs = runs
        self._audit = audit
        self._clock = clock
        self._entropy = entropy

    def create(self, principal: Principal, given: Document) -> FlowView:
        """Raises ForbiddenError, FieldsRefusedError, TooLargeError."""
        require(principal, Scope.WRITE_WORKFLOWS)
        document = completed(given)
        self._check(principal, document)
        id_ = object_id(self._clock.now(), self._entropy.bytes(OBJECT_ID_BYTES))
        workflow = self._workflows.create(
            principal,
            str(document["name"]),
            str(document.get("description") or ""),
            document,
            compile_flow,
            dialect=CELIGO,
            workflow_id=id_,
            status=_status(document),
            labels=labels_of(document),
            entry=self._audit.entry(principal, FLOW, id_, CREATED),
        )
        return FlowView(workflow, document)

    def workflow(self, principal: Principal, flow_id: str, scope: Scope) -> Workflow:
        """Raises ForbiddenError, WorkflowNotFoundError."""
        require(principal, scope)
        if not is_object_id(flow_id):
            raise WorkflowNotFoundError(workflow_id=flow_id)
        return self._access.workflow(principal, flow_id, scope, CELIGO)

    def get(self, principal: Principal, flow_id: str, scope: Scope = Scope.READ_WORKFLOWS) -> FlowView:
        """Raises ForbiddenError, WorkflowNotFoundError."""
        return self.view(self.workflow(principal, flow_id, scope))

    def view(self, workflow: Workflow) -> FlowView:
        executed = self._marks.executed_at(workflow.workspace_id, workflow.id)
        return FlowView(workflow, self._workflows.view(workflow).body.source, executed)

    def list(
        self, principal: Principal, *, integration_id: str | None = None, disabled: bool | None = None
    ) -> Sequence[Workflow]:
        """Oldest first. Raises ForbiddenError."""
        require(principal, Scope.READ_WORKFLOWS)
        return [
            workflow
            for workflow in self._references.flows(principal.workspace_id)
            if integration_id in (None, integration_of(workflow))
            and disabled in (None, workflow.status is WorkflowStatus.INACTIVE)
        ]

    def views(self, principal: Principal, workflows: Sequence[Workflow]) -> Iterator[FlowView]:
        """Those of the flows whose documents are still there; read by and by, for who stops early."""
        executed = self._marks.executed(principal.workspace_id) if workflows else {}
        for start in range(0, len(workflows), _READ_AT_ONCE):
            wanted = workflows[start : start + _READ_AT_ONCE]
            sources = self._store.sources(principal.workspace_id, [(each.id, each.body_ref) for each in wanted])
            for each in wanted:
                if each.id in sources:
                    yield FlowView(each, sources[each.id], executed.get(each.id))

    def replace(self, principal: Principal, workflow: Workflow, given: Document) -> FlowView:
        """Raises FieldsRefusedError, TooLargeError, WorkflowNotFoundError."""
        document = completed(given)
        self._check(principal, document)
        return self._change(principal, workflow, lambda _: document)

    def rework(self, principal: Principal, workflow: Workflow, rework: Rework) -> FlowView:
        """Stores what `rework` makes of the stored document, again while others change it in between. What it names is
        not looked for anew. Raises FieldsRefusedError, TooLargeError, WorkflowNotFoundError."""

        def checked(document: Document) -> Document:
            changed = completed(rework(document))
            _refuse(Problems(), problems_of_flow(changed))
            return changed

        return self._change(principal, workflow, checked)

    def delete(self, principal: Principal, flow_id: str) -> None:
        """Its jobs stay readable. Raises ForbiddenError, WorkflowNotFoundError."""
        require(principal, Scope.WRITE_WORKFLOWS)
        if not is_object_id(flow_id):
            raise WorkflowNotFoundError(workflow_id=flow_id)
        workflow = self._access.workflow_or_remains(principal, flow_id, Scope.WRITE_WORKFLOWS, CELIGO)
        self._workflows.delete(workflow, self._audit.entry(principal, FLOW, workflow.id, DELETED))
        # Marks go last: without the flow nobody reads them, without them it would export everything again.
        self._marks.forget(workflow.workspace_id, workflow.id)

    def steps(self, view: FlowView) -> dict[ResourceKind, tuple[Resource, ...]]:
        """The exports and imports that it names."""
        return self._references.of_flow(view.workflow.workspace_id, view.document)

    def dependencies(self, view: FlowView) -> tuple[Use, ...]:
        """The exports, imports and scripts that it names itself, each with the paths at which it does."""
        named = references_of(view.document)
        steps = [
            Use(kind.value, each.id, each.name, tuple(path for path, *what in named if what == [kind, each.id]))
            for kind, found in self.steps(view).items()
            for each in found
        ]
        places = scripts_of_flow(view.document)
        scripts = [
            Use(each.kind.value, each.id, each.name, tuple(path for path, id_ in places if id_ == each.id))
            for each in self._references.scripts(view.workflow.workspace_id, places)
        ]
        return (*steps, *scripts)

    def last_export(self, workflow: Workflow) -> datetime | None:
        """Up to when its exports were exported; None before the first time."""
        return max(self._marks.deltas(workflow.workspace_id, workflow.id).values(), default=None)

    def run(
        self,
        principal: Principal,
        workflow: Workflow,
        *,
        since: str | None = None,
        until: str | None = None,
        export_ids: Sequence[str] | None = None,
        idempotency_key: str | None = None,
    ) -> Started:
        """Accepts a run. Raises WorkflowInactiveError, FieldsRefusedError, IdempotencyConflictError."""
        if workflow.status is not WorkflowStatus.ACTIVE:
            raise WorkflowInactiveError(workflow_id=workflow.id)
        document = self._workflows.view(workflow).body.source
        input_: dict[str, Json] = {"window": {"from": since, "to": until}}
        exports = [generator.export_id for generator in generators_of(document)]
        if export_ids is not None:
            problems = Problems()
            for index, id_ in enumerate(export_ids):
                if id_ not in exports:
                    problems.unknown(f"_exportIds[{index}]")
            _refuse(problems)
            # In the order of the flow, whatever the order of the request.
            exports = [id_ for id_ in exports if id_ in export_ids]
            input_["exports"] = list[Json](exports)
        run = self._runs.start(
            workflow, input_, idempotency_key=idempotency_key, start=Start(user_id=principal.user_id)
        )
        return Started(run.id, exports[0] if exports else first_export(document))

    def test_run(self, principal: Principal, workflow: Workflow, export_id: Json) -> Started:
        """Accepts a run that moves nothing, of one generator or of all. Raises ForbiddenError for a flow that is
        enabled, FieldsRefusedError."""
        if workflow.status is WorkflowStatus.ACTIVE:
            raise ForbiddenError("Disable the flow to run it for a test.", code="feature_not_enabled")
        exports = [each.export_id for each in generators_of(self._workflows.view(workflow).body.source)]
        if export_id is not None and export_id not in exports:
            problems = Problems()
            problems.unknown("_exportId")
            _refuse(problems)
        chosen = exports if export_id is None else [str(export_id)]
        input_: dict[str, Json] = {"window": {"from": None, "to": None}, "exports": list[Json](chosen), "test": True}
        run = self._runs.start(workflow, input_, start=Start(user_id=principal.user_id))
        return Started(run.id, chosen[0] if chosen else None)

    def clone(
        self,
        principal: Principal,
        view: FlowView,
        *,
        name: str | None,
        integration_id: Json,
        connections: Mapping[str, Json] | None,
        others: Document,
    ) -> tuple[FlowView, tuple[Made, ...]]:
        """A disabled copy with copies of all that it names, and what was made. `connections` are the new ones by the
        old ones' ids; None keeps them all. Raises InvalidError for a missing one, FieldsRefusedError."""
        integration = self._targets.integration(principal, integration_of(view.workflow), integration_id)
        steps = self.steps(view)
        targets = self._targets.connections(principal, [each for kind in _STEPS for each in steps[kind]], connections)
        document = {**view.document, **others, "name": name or _copy_name(view.workflow.name)}
        # Else its schedule would run beside that of the original from now on.
        document |= {"disabled": True, "_sourceId": view.workflow.id}
        if integration is not None:
            document["_integrationId"] = integration
        # Before anything is made, so that a refusal leaves no copies behind.
        self._check(principal, completed(document))
        scripts = self._targets.scripts(principal, document, [each for kind in _STEPS for each in steps[kind]])
        copies = {id_: copy.id for id_, copy in scripts.items()}
        made = [Made(copy.kind, copy.id, copy.name) for copy in scripts.values()]
        ids = {(ResourceKind.SCRIPT, id_): copy for id_, copy in copies.items()}
        for kind in _STEPS:
            for each in steps[kind]:
                copy = self._resources.clone(
                    principal,
                    each,
                    name=each.name,
                    connection_id=targets.get(each.connection_id or ""),
                    integration_id=integration if "_integrationId" in each.document else None,
                    scripts=copies,
                )
                ids[kind, each.id] = copy.id
                made.append(Made(kind, copy.id, copy.name))
        copied = self.create(principal, renamed(document, ids))
        return copied, (*made, Made(None, copied.workflow.id, copied.workflow.name))

    def clone_resource(
        self, principal: Principal, resource: Resource, name: str | None, connections: Mapping[str, Json] | None
    ) -> Resource:
        """Raises as `clone` does."""
        targets = self._targets.connections(principal, [resource], connections)
        scripts = self._targets.scripts(principal, {}, [resource])
        return self._resources.clone(
            principal,
            resource,
            name=name or _copy_name(resource.name),
            connection_id=targets.get(resource.connection_id or ""),
            scripts={id_: copy.id for id_, copy in scripts.items()},
        )

    def replace_connection(self, principal: Principal, view: FlowView, old_id: Json, new_id: Json) -> FlowView:
        """Every export and import of the flow that goes over the one connection goes over the other. Raises
        FieldsRefusedError."""
        problems = Problems()
        for field, value in (("_connectionId", old_id), ("_newConnectionId", new_id)):
            if value in (None, ""):
                problems.missing(field)
        _refuse(problems)
        old = str(old_id)
        target = self._resources.connection_for(principal, "_newConnectionId", old, new_id)
        steps = self.steps(view)
        users = [each for kind in _STEPS for each in steps[kind] if each.connection_id == old]
        if not users:
            problems.unknown("_connectionId")
            _refuse(problems)
        # A change each, not one for all; the same call again finishes what was cut short.
        for each in users:
            self._resources.change(principal, each, lambda stored: {**stored.document, "_connectionId": target})
        return view

    def group(self, principal: Principal, workflows: Iterable[Workflow], group_id: Json) -> None:
        for workflow in workflows:
            self.rework(principal, workflow, lambda document: {**document, "_flowGroupingId": group_id})

    def _change(self, principal: Principal, workflow: Workflow, rework: Rework) -> FlowView:
        require(principal, Scope.WRITE_WORKFLOWS)
        change = Change(rework=rework, follow=lambda document: _beside(document, principal.user_id))
        view = self._workflows.update(
            workflow,
            change,
            compile_flow,
            lambda before, after: self._audit.update(principal, FLOW, workflow.id, before, after),
        )
        executed = self._marks.executed_at(workflow.workspace_id, workflow.id)
        return FlowView(view.workflow, view.body.source, executed)

    def _check(self, principal: Principal, document: Document) -> None:
        """Raises FieldsRefusedError with everything that is wrong."""
        found = problems_of_flow(document)
        problems = Problems()
        # What is named is only looked up where the places that name it are well-formed.
        if not any(problem.field.startswith(("page", "routers", "_")) for problem in found):
            problems.found += self._references.problems_of_flow(principal.workspace_id, document)
        _refuse(problems, found)


def _copy_name(name: str) -> str:
    return f"Clone - {name}"[:LONGEST_NAME]


def _beside(document: Document, user_id: str) -> Change:
    return Change(
        name=str(document["name"]),
        description=str(document.get("description") or ""),
        labels=labels_of(document),
        user_id=user_id,
        status=_status(document),
    )


def _status(document: Document) -> WorkflowStatus:
    return WorkflowStatus.INACTIVE if document.get("disabled") is True else WorkflowStatus.ACTIVE


def _refuse(problems: Problems, more: Sequence[Problem] = ()) -> None:
    found = distinct([*more, *problems.found])
    if found:
        raise FieldsRefusedError(problems=found)

"""Who names whom among flows and their resources.

What is named has to be there when it is named, and nothing goes while it is named.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.domain.flows.flows import Resource, ResourceKind, is_object_id
from chalicelib.domain.flows.scripts import scripts_of
from chalicelib.domain.flows.steps import references_of, scripts_of_flow
from chalicelib.domain.json import Json
from chalicelib.domain.records.problems import Problem, Problems
from chalicelib.domain.workflow import CELIGO, Workflow
from chalicelib.services.flows.ports import ResourceStore
from chalicelib.services.ports import WorkflowStore

FLOW = "flow"
_PAGE = 1_000
_BODIES = 100
"""Documents of flows that are read at a time."""
_CONNECTION, _INTEGRATION, _LENDER = "_connectionId", "_integrationId", "_borrowConcurrencyFromConnectionId"
_NAMED_BY_RESOURCES: Mapping[str, ResourceKind] = {
    _CONNECTION: ResourceKind.CONNECTION,
    _INTEGRATION: ResourceKind.INTEGRATION,
    _LENDER: ResourceKind.CONNECTION,
}
_NAMING = (ResourceKind.EXPORT, ResourceKind.IMPORT, ResourceKind.CONNECTION)


@dataclass(frozen=True, slots=True)
class Use:
    """Something that names a resource, by `kind` (of the resource, or `FLOW`), and the paths at which it does."""

    kind: str
    id: str
    name: str
    paths: tuple[str, ...]


class References:
    def __init__(self, resources: ResourceStore, workflows: WorkflowStore) -> None:
        self._resources = resources
        self._workflows = workflows

    def problems_of_resource(self, workspace_id: str, document: Mapping[str, Json]) -> list[Problem]:
        given = [(name, kind, document.get(name)) for name, kind in _NAMED_BY_RESOURCES.items()]
        named = [(name, kind, id_) for name, kind, id_ in given if isinstance(id_, str)]
        return self._unknown(workspace_id, [*named, *_as_named(scripts_of(document))])

    def problems_of_flow(self, workspace_id: str, document: Mapping[str, Json]) -> list[Problem]:
        named = list(references_of(document))
        integration = document.get(_INTEGRATION)
        if isinstance(integration, str):
            named.append((_INTEGRATION, ResourceKind.INTEGRATION, integration))
        named += _as_named(scripts_of_flow(document))
        return self._unknown(workspace_id, named)

    def of_flow(self, workspace_id: str, document: Mapping[str, Json]) -> dict[ResourceKind, tuple[Resource, ...]]:
        """The exports and imports that a flow names, each once, in the order in which it does."""
        ids = {kind: _ids(document, kind) for kind in (ResourceKind.EXPORT, ResourceKind.IMPORT)}
        found = {kind: self._resources.get_all(workspace_id, kind, named) for kind, named in ids.items() if named}
        return {
            kind: tuple(found[kind][id_] for id_ in named if id_ in found[kind]) if named else ()
            for kind, named in ids.items()
        }

    def scripts(self, workspace_id: str, named: Iterable[tuple[str, str]]) -> tuple[Resource, ...]:
        """The scripts of these paths and ids that there are, each once, in their order."""
        ids = list(dict.fromkeys(id_ for _, id_ in named))
        found = self._resources.get_all(workspace_id, ResourceKind.SCRIPT, ids) if ids else {}
        return tuple(found[id_] for id_ in ids if id_ in found)

    def scripts_with(
        self, workspace_id: str, document: Mapping[str, Json], steps: Iterable[Resource]
    ) -> tuple[Resource, ...]:
        """The scripts that a flow and its exports and imports name, each once."""
        inner = (each for step in steps for each in scripts_of(step.document))
        return self.scripts(workspace_id, [*scripts_of_flow(document), *inner])

    def users(self, workspace_id: str, kind: ResourceKind, id_: str) -> Iterator[Use]:
        """Everything that names the resource, found as it is asked for: flows first, then resources, each oldest
        first."""
        yield from self._flows(workspace_id, kind, id_)
        yield from self._named_by_resources(workspace_id, kind, id_)

    def every(self, workspace_id: str, kind: ResourceKind) -> Iterator[Resource]:
        """Oldest first."""
        after: str | None = None
        while True:
            page = self._resources.page(workspace_id, kind, after=after, limit=_PAGE)
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].id

    def flows(self, workspace_id: str) -> tuple[Workflow, ...]:
        """Oldest first."""
        page = self._workflows.page(workspace_id, status=None, offset=0, limit=sys.maxsize, dialect=CELIGO)
        return tuple(sorted(page.items, key=lambda workflow: workflow.id))

    def _flows(self, workspace_id: str, kind: ResourceKind, id_: str) -> Iterator[Use]:
        if kind is ResourceKind.CONNECTION:
            return
        # Labels come with the list; documents are only fetched of flows whose labels say that it is worth it.
        naming = [workflow for workflow in self.flows(workspace_id) if _may_name(workflow, kind, id_)]
        if kind is ResourceKind.INTEGRATION:
            yield from (Use(FLOW, workflow.id, workflow.name, (_INTEGRATION,)) for workflow in naming)
            return
        for start in range(0, len(naming), _BODIES):
            some = naming[start : start + _BODIES]
            sources = self._workflows.sources(workspace_id, [(each.id, each.body_ref) for each in some])
            for workflow in some:
                named = _named_by_flow(sources[workflow.id], kind) if workflow.id in sources else ()
                paths = tuple(path for path, *what in named if what == [kind, id_])
                if paths:
                    yield Use(FLOW, workflow.id, workflow.name, paths)

    def _named_by_resources(self, workspace_id: str, kind: ResourceKind, id_: str) -> Iterator[Use]:
        names = [name for name, named in _NAMED_BY_RESOURCES.items() if named is kind]
        is_script = kind is ResourceKind.SCRIPT
        for naming in _NAMING if names or is_script else ():
            for resource in self.every(workspace_id, naming):
                paths = tuple(name for name in names if resource.document.get(name) == id_)
                if is_script:
                    paths = tuple(path for path, named in scripts_of(resource.document) if named == id_)
                if paths:
                    yield Use(naming.value, resource.id, resource.name, paths)

    def _unknown(self, workspace_id: str, named: Collection[tuple[str, ResourceKind, str]]) -> list[Problem]:
        problems = Problems()
        by_kind: dict[ResourceKind, set[str]] = {}
        for _, kind, id_ in named:
            # What can be no id is unknown without a look, and becomes no part of a key.
            if is_object_id(id_):
                by_kind.setdefault(kind, set()).add(id_)
        known = {kind: self._resources.get_all(workspace_id, kind, sorted(ids)) for kind, ids in by_kind.items()}
        for path, kind, id_ in named:
            if id_ not in known.get(kind, {}):
                problems.unknown(path)
        return problems.found


def labels_of(document: Mapping[str, Json]) -> dict[str, Json]:
    """What is kept beside a flow of whom it names."""
    integration = document.get(_INTEGRATION)
    ids: list[Json] = list(dict.fromkeys(id_ for _, _, id_ in references_of(document)))
    labels: dict[str, Json] = {"integration": integration if isinstance(integration, str) else None, "refs": ids}
    # Apart from the others, which are the flow's steps.
    scripts: list[Json] = list(dict.fromkeys(id_ for _, id_ in scripts_of_flow(document)))
    return {**labels, "scripts": scripts} if scripts else labels


def integration_of(workflow: Workflow) -> str | None:
    value = workflow.labels.get("integration")
    return value if isinstance(value, str) else None


def _may_name(workflow: Workflow, kind: ResourceKind, id_: str) -> bool:
    if kind is ResourceKind.INTEGRATION:
        return integration_of(workflow) == id_
    refs = workflow.labels.get("scripts" if kind is ResourceKind.SCRIPT else "refs")
    return isinstance(refs, list) and id_ in refs


def _named_by_flow(document: Mapping[str, Json], kind: ResourceKind) -> Sequence[tuple[str, ResourceKind, str]]:
    return _as_named(scripts_of_flow(document)) if kind is ResourceKind.SCRIPT else references_of(document)


def _as_named(scripts: Iterable[tuple[str, str]]) -> list[tuple[str, ResourceKind, str]]:
    return [(path, ResourceKind.SCRIPT, id_) for path, id_ in scripts]


def _ids(document: Mapping[str, Json], kind: ResourceKind) -> tuple[str, ...]:
    return tuple(dict.fromkeys(id_ for _, named, id_ in references_of(document) if named is kind))

"""Versions, races and deletions of workflows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from chalicelib.domain.errors import (
    DefinitionError,
    ForbiddenError,
    StaleWriteError,
    TooLargeError,
    UnavailableError,
    WorkflowNotFoundError,
)
from chalicelib.domain.flows.flows import AuditEntry
from chalicelib.domain.graph import Graph, Node
from chalicelib.domain.identity import Principal
from chalicelib.domain.json import Json
from chalicelib.domain.run import RunStatus
from chalicelib.domain.workflow import Workflow, WorkflowBody, WorkflowStatus
from chalicelib.services.access import Scope
from chalicelib.services.workflows import Change
from tests.api.world import World

PRINCIPAL = Principal("user", "ws_one", "key", frozenset({"*"}))


def compile_nodes(source: Mapping[str, Json]) -> Graph:
    nodes = source.get("nodes", [])
    assert isinstance(nodes, list)
    return Graph(tuple(Node(str(node), "noop") for node in nodes))


@pytest.fixture
def world() -> World:
    return World()


def made(world: World, source: Mapping[str, Json] | None = None) -> Workflow:
    return world.services.workflows.create(PRINCIPAL, "name", "", source or {"nodes": []}, compile_nodes)


def test_a_new_workflow_is_inactive_and_of_version_one(world: World) -> None:
    workflow = made(world)

    assert (workflow.status, workflow.version, workflow.revision) == (WorkflowStatus.INACTIVE, 1, 1)
    assert workflow.created_at == workflow.updated_at == world.clock.now()


@pytest.mark.parametrize(
    ("before", "after", "version"),
    [
        ([1], [1], 1),
        ([1], [1.0], 2),
        ([1], [True], 2),
        ([{"a": 1, "b": 2}], [{"b": 2, "a": 1}], 2),
        ([], ["x"], 2),
    ],
)
def test_a_definition_that_differs_in_anything_is_a_new_version(
    world: World, before: list[Json], after: list[Json], version: int
) -> None:
    workflow = made(world, {"nodes": before})

    changed = world.services.workflows.update(workflow, Change(members={"nodes": after}), compile_nodes).workflow

    assert changed.version == version
    assert changed.revision == 2
    assert (changed.body_ref != workflow.body_ref) is (version == 2)


def test_an_older_version_stays_readable(world: World) -> None:
    workflow = made(world, {"nodes": ["old"]})
    world.services.workflows.update(workflow, Change(members={"nodes": ["new"]}), compile_nodes)

    assert world.workflow_store.body("ws_one", workflow.id, workflow.body_ref).source == {"nodes": ["old"]}


def test_a_change_made_from_an_old_revision_is_made_again_from_the_new_one(world: World) -> None:
    seen = made(world)
    world.services.workflows.update(seen, Change(name="first"), compile_nodes)

    view = world.services.workflows.update(seen, Change(description="second"), compile_nodes)

    assert (view.workflow.name, view.workflow.description, view.workflow.revision) == ("first", "second", 3)


def test_two_changes_of_the_definition_both_count(world: World) -> None:
    seen = made(world, {"nodes": ["a"], "connections": []})
    world.services.workflows.update(seen, Change(members={"nodes": ["b"]}), compile_nodes)

    view = world.services.workflows.update(seen, Change(members={"connections": ["c"]}), compile_nodes)

    assert view.body.source == {"nodes": ["b"], "connections": ["c"]}
    assert view.workflow.version == 3


def test_what_follows_from_a_document_follows_from_the_one_that_is_stored(world: World) -> None:
    def changing(**members: Json) -> Change:
        def follow(document: Mapping[str, Json]) -> Change:
            status = WorkflowStatus.ACTIVE if document.get("on") else WorkflowStatus.INACTIVE
            return Change(name=str(document.get("name", "")), status=status, labels={"size": len(document)})

        return Change(rework=lambda document: {**document, **members}, follow=follow)

    seen = made(world)
    world.services.workflows.update(seen, changing(on=True), compile_nodes)

    view = world.services.workflows.update(seen, changing(name="renamed"), compile_nodes)

    assert view.body.source == {"nodes": [], "on": True, "name": "renamed"}
    assert (view.workflow.name, view.workflow.status) == ("renamed", WorkflowStatus.ACTIVE)
    assert view.workflow.labels == {"size": 3}


def test_a_change_is_noted_with_the_document_that_it_was_made_of(world: World) -> None:
    def audit(before: Mapping[str, Json], after: Mapping[str, Json]) -> AuditEntry | None:
        event = f"{len(before)} to {len(after)}"
        return AuditEntry(event, "ws_one", "flow", seen.id, event, world.clock.now(), "user")

    seen = made(world)
    for name in ("a", "b"):
        world.services.workflows.update(seen, Change(members={name: 1}), compile_nodes, audit)

    assert [entry.event for entry in world.audit_store.entries] == ["1 to 2", "2 to 3"]


def test_a_writer_that_is_always_too_slow_gives_up(world: World) -> None:
    workflow = made(world)

    def stale(workflow: Workflow, body: WorkflowBody | None = None, entry: AuditEntry | None = None) -> None:
        raise StaleWriteError

    world.workflow_store.replace = stale  # type: ignore[method-assign]

    with pytest.raises(StaleWriteError):
        world.services.workflows.update(workflow, Change(name="x"), compile_nodes)
    assert 0 < world.clock.slept_seconds < 2


def test_a_change_does_not_bring_back_what_is_being_deleted(world: World) -> None:
    seen = made(world)
    world.workflow_store.replace(replace(seen, status=WorkflowStatus.DELETING, revision=2))

    with pytest.raises(WorkflowNotFoundError):
        world.services.workflows.update(seen, Change(name="x"), compile_nodes)


def test_a_definition_that_is_refused_leaves_nothing(world: World) -> None:
    workflow = made(world)
    before = world.stored()

    def refuse(_: Mapping[str, Json]) -> Graph:
        raise DefinitionError

    with pytest.raises(DefinitionError):
        world.services.workflows.update(workflow, Change(members={"nodes": [1]}), refuse)
    with pytest.raises(DefinitionError):
        world.services.workflows.create(PRINCIPAL, "x", "", {"nodes": [1]}, refuse)
    assert world.stored() == before


def test_a_definition_above_four_megabytes_is_too_large(world: World) -> None:
    with pytest.raises(TooLargeError):
        made(world, {"nodes": ["x" * 4 * 1024 * 1024]})


def test_the_definitions_timeout_is_the_workflows(world: World) -> None:
    def compile_timed(source: Mapping[str, Json]) -> Graph:
        seconds = source.get("seconds")
        return Graph(timeout_seconds=float(seconds) if isinstance(seconds, int) else None)

    workflow = world.services.workflows.create(PRINCIPAL, "x", "", {"seconds": 5}, compile_timed)
    changed = world.services.workflows.update(workflow, Change(members={"seconds": 9}), compile_timed)

    assert (workflow.timeout_seconds, changed.workflow.timeout_seconds) == (5.0, 9.0)


def test_creating_needs_the_scope(world: World) -> None:
    reader = Principal("user", "ws_one", "key", frozenset({"workflows:read"}))

    with pytest.raises(ForbiddenError):
        world.services.workflows.create(reader, "x", "", {}, compile_nodes)


def test_a_deletion_that_failed_half_way_hides_the_workflow_and_can_be_finished(world: World) -> None:
    workflow = made(world)
    runs = [world.services.runs.start(workflow, {}) for _ in range(3)]
    hook = world.services.hooks.create(workflow, "", "POST", True).hook
    working_delete = world.hook_store.delete

    def fail(workspace_id: str, hook_id: str) -> None:
        raise UnavailableError

    world.hook_store.delete = fail  # type: ignore[method-assign]
    with pytest.raises(UnavailableError):
        world.services.workflows.delete(workflow)
    world.hook_store.delete = working_delete  # type: ignore[method-assign]

    with pytest.raises(WorkflowNotFoundError):
        world.services.workflows.get(PRINCIPAL, workflow.id)
    remains = world.services.access.workflow_or_remains(PRINCIPAL, workflow.id, Scope.WRITE_WORKFLOWS)
    world.services.workflows.delete(remains)

    assert {world.run_store.get(run.id).status for run in runs} == {RunStatus.CANCELLED}
    assert world.hook_store.list("ws_one") == ()
    assert hook.id
    with pytest.raises(WorkflowNotFoundError):
        world.workflow_store.get("ws_one", workflow.id)


def test_a_deletion_cancels_more_runs_than_one_page_holds(world: World) -> None:
    workflow = made(world)
    runs = [world.services.runs.start(workflow, {}) for _ in range(250)]

    world.services.workflows.delete(workflow)

    assert all(world.run_store.get(run.id).status is RunStatus.CANCELLED for run in runs)

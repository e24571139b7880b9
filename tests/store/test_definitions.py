"""Workflows and hooks, on every backend."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain.errors import (
    AlreadyExistsError,
    HookNotFoundError,
    StaleWriteError,
    WorkflowNotFoundError,
)
from chalicelib.domain.workflow import WorkflowStatus
from chalicelib.services.ports import Page
from tests.store.backends import Stores
from tests.store.samples import FULL_GRAPH, after, body, hook, workflow

UNHEARD_OF = ["wf_none", "", "x" * 3000, "wf_1#r1", "workflow"]


def page(stores: Stores, status: WorkflowStatus | None = None, offset: int = 0, limit: int = 20) -> tuple[str, int]:
    found = stores.workflows.page("ws_a", status=status, offset=offset, limit=limit)
    return " ".join(each.id for each in found.items), found.total


def test_a_created_workflow_is_read_back_with_its_body(stores: Stores) -> None:
    created = workflow(description="ä", revision=1, updated_at=after(1))
    version = body(source={"nodes": [1, 1.0, None]}, graph=FULL_GRAPH)

    stores.workflows.create(created, version)

    assert stores.workflows.get("ws_a", "wf_1") == created
    assert stores.workflows.body("ws_a", "wf_1", "r1") == version


def test_a_workflow_cannot_be_created_twice(stores: Stores) -> None:
    stores.workflows.create(workflow(), body())

    with pytest.raises(AlreadyExistsError):
        stores.workflows.create(workflow(name="Another", body_ref="r2"), body("r2"))

    assert stores.workflows.get("ws_a", "wf_1").name == "Orders"


def test_creating_again_after_a_crash_between_body_and_workflow_succeeds(stores: Stores) -> None:
    stores.workflows.create(workflow(), body())
    stores.workflows.delete("ws_a", "wf_1")  # what is left is what such a crash leaves

    stores.workflows.create(workflow(), body())

    assert page(stores) == ("wf_1", 1)


@pytest.mark.parametrize("workflow_id", UNHEARD_OF)
def test_an_unknown_workflow_is_not_found(stores: Stores, workflow_id: str) -> None:
    stores.workflows.create(workflow(), body())

    with pytest.raises(WorkflowNotFoundError):
        stores.workflows.get("ws_a", workflow_id)
    with pytest.raises(WorkflowNotFoundError):
        stores.workflows.body("ws_a", workflow_id, "r1")
    with pytest.raises(WorkflowNotFoundError):
        stores.workflows.body("ws_a", "wf_1", workflow_id)
    stores.workflows.delete("ws_a", workflow_id)


def test_another_workspaces_workflow_is_not_found(stores: Stores) -> None:
    stores.workflows.create(workflow(), body())

    with pytest.raises(WorkflowNotFoundError):
        stores.workflows.get("ws_b", "wf_1")
    with pytest.raises(WorkflowNotFoundError):
        stores.workflows.body("ws_b", "wf_1", "r1")
    with pytest.raises(WorkflowNotFoundError):
        stores.workflows.replace(workflow(workspace_id="ws_b", revision=2))
    stores.workflows.delete("ws_b", "wf_1")

    assert stores.workflows.get("ws_a", "wf_1") == workflow()


def test_a_workflow_is_replaced_over_the_revision_before(stores: Stores) -> None:
    stores.workflows.create(workflow(), body())
    changed = workflow(name="Bestellungen", version=2, body_ref="r2", revision=2, updated_at=after(5))
    version = body("r2", version=2, graph=FULL_GRAPH)

    stores.workflows.replace(changed, version)

    assert stores.workflows.get("ws_a", "wf_1") == changed
    assert stores.workflows.body("ws_a", "wf_1", "r2") == version
    assert stores.workflows.body("ws_a", "wf_1", "r1") == body()


@pytest.mark.parametrize("revision", [1, 2, 4])
def test_a_workflow_that_has_changed_meanwhile_is_not_replaced(stores: Stores, revision: int) -> None:
    stores.workflows.create(workflow(), body())
    stores.workflows.replace(workflow(name="First", revision=2))

    with pytest.raises(StaleWriteError):
        stores.workflows.replace(workflow(name="Second", revision=revision))

    assert stores.workflows.get("ws_a", "wf_1").name == "First"


def test_a_deleted_workflow_is_not_replaced_and_leaves_its_bodies(stores: Stores) -> None:
    stores.workflows.create(workflow(), body())
    stores.workflows.delete("ws_a", "wf_1")
    stores.workflows.delete("ws_a", "wf_1")

    with pytest.raises(WorkflowNotFoundError):
        stores.workflows.get("ws_a", "wf_1")
    with pytest.raises(WorkflowNotFoundError):
        stores.workflows.replace(workflow(revision=2))
    assert stores.workflows.body("ws_a", "wf_1", "r1") == body()
    assert page(stores) == ("", 0)


def test_a_body_is_never_changed(stores: Stores) -> None:
    stores.workflows.create(workflow(), body())

    stores.workflows.replace(workflow(revision=2), body())
    with pytest.raises(StaleWriteError):
        stores.workflows.replace(workflow(revision=3), body(source={"nodes": ["other"]}))

    assert stores.workflows.body("ws_a", "wf_1", "r1") == body()
    assert stores.workflows.get("ws_a", "wf_1").revision == 2


def test_workflows_are_listed_newest_first_then_by_id(stores: Stores) -> None:
    for workflow_id, age in [("wf_b", 1), ("wf_c", 0), ("wf_a", 1), ("wf_d", 2)]:
        stores.workflows.create(workflow(id=workflow_id, created_at=after(age)), body(workflow_id=workflow_id))
    stores.workflows.create(workflow(workspace_id="ws_b"), body())

    assert page(stores) == ("wf_d wf_b wf_a wf_c", 4)
    assert page(stores, offset=1, limit=2) == ("wf_b wf_a", 4)
    assert page(stores, offset=4) == ("", 4)
    assert stores.workflows.page("ws_none", status=None, offset=0, limit=9) == Page((), 0)


def test_a_list_by_status_never_shows_what_is_being_deleted(stores: Stores) -> None:
    for number, status in enumerate(WorkflowStatus):
        workflow_id = f"wf_{number}"
        stores.workflows.create(workflow(id=workflow_id, status=status), body(workflow_id=workflow_id))

    assert page(stores) == ("wf_1 wf_0", 2)
    assert page(stores, WorkflowStatus.INACTIVE) == ("wf_1", 1)
    assert page(stores, WorkflowStatus.DELETING) == ("", 0)


def test_a_created_hook_is_found_without_its_workspace(stores: Stores) -> None:
    created = hook(token_hash=None, name="")

    stores.hooks.create(created)

    assert stores.hooks.find("wh_1") == created
    assert stores.hooks.list("ws_a") == (created,)


@pytest.mark.parametrize("workspace_id", ["ws_a", "ws_b"])
def test_a_hooks_id_is_taken_once_whatever_the_workspace(stores: Stores, workspace_id: str) -> None:
    stores.hooks.create(hook())

    with pytest.raises(AlreadyExistsError):
        stores.hooks.create(hook(workspace_id=workspace_id, name="Another"))

    assert stores.hooks.find("wh_1") == hook()
    assert stores.hooks.list("ws_b") == ()


@pytest.mark.parametrize("hook_id", ["wh_none", "", "x" * 3000, "pointer"])
def test_an_unknown_hook_is_not_found(stores: Stores, hook_id: str) -> None:
    stores.hooks.create(hook())

    with pytest.raises(HookNotFoundError):
        stores.hooks.find(hook_id)
    stores.hooks.delete("ws_a", hook_id)


def test_a_hook_is_replaced_in_its_own_workspace_alone(stores: Stores) -> None:
    stores.hooks.create(hook())

    stores.hooks.replace(hook(token_hash="cd34"))
    with pytest.raises(HookNotFoundError):
        stores.hooks.replace(hook(id="wh_none"))
    with pytest.raises(HookNotFoundError):
        stores.hooks.replace(hook(workspace_id="ws_b"))

    assert stores.hooks.find("wh_1").token_hash == "cd34"


def test_a_hook_is_deleted_in_its_own_workspace_alone(stores: Stores) -> None:
    stores.hooks.create(hook())

    stores.hooks.delete("ws_b", "wh_1")
    assert stores.hooks.find("wh_1") == hook()
    stores.hooks.delete("ws_a", "wh_1")
    stores.hooks.delete("ws_a", "wh_1")

    with pytest.raises(HookNotFoundError):
        stores.hooks.find("wh_1")
    assert stores.hooks.list("ws_a") == ()
    stores.hooks.create(hook(name="Again"))
    assert stores.hooks.find("wh_1").name == "Again"


def test_hooks_are_listed_newest_first(stores: Stores) -> None:
    hooks = [
        hook(id="wh_1"),
        hook(id="wh_2", workflow_id="wf_2", created_at=after(2)),
        hook(id="wh_3", created_at=after(1)),
        hook(id="wh_4", workspace_id="ws_b"),
    ]
    for each in hooks:
        stores.hooks.create(each)

    assert [each.id for each in stores.hooks.list("ws_a")] == ["wh_2", "wh_3", "wh_1"]
    assert [each.id for each in stores.hooks.list("ws_a", "wf_1")] == ["wh_3", "wh_1"]
    assert stores.hooks.list("ws_a", "wf_none") == ()


def test_workspaces_whose_ids_look_like_keys_do_not_mix(stores: Stores) -> None:
    odd = ["hook", "ws_a#workflow", "ws_a%23workflow", "ws_a#workflow#wf_1"]
    for workspace_id in odd:
        stores.workflows.create(workflow(workspace_id=workspace_id), body())

    stores.workflows.create(replace(workflow(), name="Mine"), body())

    assert page(stores) == ("wf_1", 1)
    assert stores.workflows.get("ws_a", "wf_1").name == "Mine"

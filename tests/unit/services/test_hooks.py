"""Inbound webhooks: tokens, verbs, and workflows that cannot be started."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain.errors import (
    HookNotFoundError,
    MethodNotAllowedError,
    UnauthenticatedError,
    WorkflowInactiveError,
)
from chalicelib.domain.graph import Graph
from chalicelib.domain.identity import Principal, secret_hash
from chalicelib.domain.workflow import Workflow, WorkflowStatus
from tests.api.world import World

PRINCIPAL = Principal("user", "ws_one", "key", frozenset({"*"}))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def workflow(world: World) -> Workflow:
    made = world.services.workflows.create(PRINCIPAL, "x", "", {}, lambda _: Graph())
    return world.services.workflows.set_status(made, WorkflowStatus.ACTIVE).workflow


def test_only_the_tokens_hash_is_kept(world: World, workflow: Workflow) -> None:
    made = world.services.hooks.create(workflow, "shop", "POST", True)

    assert made.token is not None
    assert world.hook_store.find(made.hook.id).token_hash == secret_hash(made.token)


@pytest.mark.parametrize("token", [None, "", "wrong", "\ud800"])
def test_a_hook_opens_for_its_token_only(world: World, workflow: Workflow, token: str | None) -> None:
    made = world.services.hooks.create(workflow, "", "POST", True)

    with pytest.raises(UnauthenticatedError):
        world.services.hooks.open(made.hook.id, token)
    assert world.services.hooks.open(made.hook.id, made.token) == made.hook


def test_the_hash_of_a_token_is_not_a_token(world: World, workflow: Workflow) -> None:
    hook = world.services.hooks.create(workflow, "", "POST", True).hook

    with pytest.raises(UnauthenticatedError):
        world.services.hooks.open(hook.id, hook.token_hash)


@pytest.mark.parametrize("hook_id", ["wh_unknown", "", "a/b", "x" * 2000])
def test_an_unknown_hook_is_not_found(world: World, hook_id: str) -> None:
    with pytest.raises(HookNotFoundError):
        world.services.hooks.open(hook_id, "token")


def test_a_hook_answers_its_verb_only(world: World, workflow: Workflow) -> None:
    hook = world.services.hooks.create(workflow, "", "PUT", False).hook

    with pytest.raises(MethodNotAllowedError):
        world.services.hooks.ready(hook, "POST")
    assert world.services.hooks.ready(hook, "PUT") == workflow


def test_an_inactive_workflow_is_not_started(world: World, workflow: Workflow) -> None:
    hook = world.services.hooks.create(workflow, "", "POST", False).hook
    world.services.workflows.set_status(workflow, WorkflowStatus.INACTIVE)

    with pytest.raises(WorkflowInactiveError):
        world.services.hooks.ready(hook, "POST")


@pytest.mark.parametrize("gone", ["deleting", "deleted"])
def test_a_hook_whose_workflow_goes_away_is_gone_too(world: World, workflow: Workflow, gone: str) -> None:
    hook = world.services.hooks.create(workflow, "", "POST", False).hook
    if gone == "deleting":
        stored = replace(workflow, status=WorkflowStatus.DELETING, revision=workflow.revision + 1)
        world.workflow_store.replace(stored)
    else:
        world.workflow_store.delete("ws_one", workflow.id)

    with pytest.raises(HookNotFoundError):
        world.services.hooks.ready(hook, "POST")


def test_an_update_keeps_what_it_does_not_name(world: World, workflow: Workflow) -> None:
    made = world.services.hooks.create(workflow, "shop", "POST", True)

    changed = world.services.hooks.update(made.hook, name="neu")

    assert changed.token is None
    assert changed.hook == replace(made.hook, name="neu")

"""Starting and ending runs: who hears of an end, and lists that lag behind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.errors import RunNotFoundError
from chalicelib.domain.graph import Graph
from chalicelib.domain.identity import Principal
from chalicelib.domain.listing import Page, RunFilter
from chalicelib.domain.run import LIVE, Parent, Run, RunStatus, RunSummary
from chalicelib.domain.workflow import CHORE_ID, Workflow
from tests.api.world import World

PRINCIPAL = Principal("user", "ws_one", "key", frozenset({"*"}))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def workflow(world: World) -> Workflow:
    return world.services.workflows.create(PRINCIPAL, "x", "", {}, lambda _: Graph())


class LaggingList:
    """Shows live runs as they were when it last caught up, which it does at every so many questions."""

    def __init__(self, world: World, catches_up_every: int | None) -> None:
        self._page = world.run_store.page
        self._every = catches_up_every
        self._seen: tuple[RunSummary, ...] = ()
        self.questions = 0

    def page(self, workspace_id: str, where: RunFilter, *, offset: int, limit: int) -> Page[RunSummary]:
        assert where.statuses == LIVE
        if self.questions == 0 or (self._every and self.questions % self._every == 0):
            self._seen = self._page(workspace_id, where, offset=0, limit=1_000_000).items
        self.questions += 1
        assert self.questions < 1000, "the list is asked without end"
        return Page(self._seen[offset : offset + limit], len(self._seen))


@pytest.mark.parametrize("catches_up_every", [None, 1, 2, 3, 5, 100])
@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 350])
def test_every_live_run_is_cancelled_however_much_the_list_lags(
    world: World, workflow: Workflow, count: int, catches_up_every: int | None
) -> None:
    runs = [world.services.runs.start(workflow, {}) for _ in range(count)]
    lagging = LaggingList(world, catches_up_every)
    world.run_store.page = lagging.page  # type: ignore[method-assign]

    cancelled = world.services.runs.cancel_live_of("ws_one", workflow.id)

    assert cancelled == count
    assert all(world.run_store.get(run.id).status is RunStatus.CANCELLED for run in runs)
    assert lagging.questions <= 20


def test_a_run_that_the_list_shows_and_that_is_gone_stands_in_nobodys_way(world: World, workflow: Workflow) -> None:
    run = world.services.runs.start(workflow, {})

    def end(run_id: str, **_: Any) -> Run:
        raise RunNotFoundError(run_id=run_id)

    world.run_store.end = end  # type: ignore[method-assign]

    assert world.services.runs.cancel_live_of("ws_one", workflow.id) == 0
    assert world.run_store.get(run.id).status is RunStatus.QUEUED


def test_a_cancelled_run_leaves_the_due_index_when_its_workflows_listeners_can_hear(
    world: World, workflow: Workflow
) -> None:
    run = world.services.runs.start(workflow, {})
    world.queue.hints.clear()

    world.services.runs.cancel(PRINCIPAL, run.id)
    before = world.run_store.get(run.id)
    world.work()

    assert before.due_at is not None
    assert world.run_store.get(run.id).due_at is None


def test_a_cancelled_run_of_our_own_concerns_nobody(world: World, workflow: Workflow) -> None:
    run = replace(world.services.runs.start(workflow, {}), id="exec_chore", workflow_id=CHORE_ID)
    world.run_store.create(run)
    world.queue.hints.clear()

    world.services.runs.cancel(PRINCIPAL, run.id)

    assert world.run_store.get(run.id).due_at is None
    assert world.queue.hints == []


def test_a_cancelled_run_stays_in_the_due_index_until_its_parent_has_heard(world: World, workflow: Workflow) -> None:
    run = world.services.runs.start(workflow, {})
    child = replace(run, id="exec_child", parent=Parent(run.id, "call"))
    world.run_store.create(child)
    world.queue.hints.clear()

    world.services.runs.cancel(PRINCIPAL, child.id)

    assert world.run_store.get(child.id).due_at is not None
    assert [hint.run_id for hint in world.queue.hints] == [child.id]
    world.work_on(child.id)
    assert "call" in world.run_store.get(run.id).answers
    assert world.run_store.get(child.id).due_at is None


def test_a_cancelled_run_takes_its_children_along(world: World, workflow: Workflow) -> None:
    parent = world.services.runs.start(workflow, {})
    child = world.services.runs.start(workflow, {})
    now = world.clock.now()
    held = world.run_store.claim(parent.id, now=now, lease_expires_at=now)
    world.run_store.adopt(parent.id, held.fence, child.id)

    world.services.runs.cancel(PRINCIPAL, parent.id)
    world.work()

    assert world.run_store.get(child.id).status is RunStatus.CANCELLED

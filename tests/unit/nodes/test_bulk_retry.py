"""The node types of a bulk retry: where they work, and what becomes of them when time or the store runs out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.containers import MOST_ITEMS_INLINE
from chalicelib.domain.engine import Execution
from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.graph import Graph, Node
from chalicelib.domain.json import Json
from chalicelib.domain.node_types import NODE_TYPES
from chalicelib.domain.program import Program
from chalicelib.domain.run import History, Outcome, Run, RunStatus, StepError, StepStatus
from chalicelib.domain.workflow import BULK_RETRY_ID
from chalicelib.services.runs.bulk import BUILT_IN, CHUNK_SIZE, MOST_RUNS
from tests.api.world import World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def bulk(world: World) -> Run:
    """A bulk retry's run; the workflow has three failed runs, whose ids `failed` gives."""
    workflow = world.workflow(nodes=[{"id": "a", "type": "noop"}])
    body = {"workflow_id": workflow, "since": "2026-11-01"}
    run = world.run_store.get(world.call("POST", "/v1/executions/bulk-retry", body).data["id"])
    for _ in range(3):
        world.run_it(world.execution(workflow), status=RunStatus.FAILED)
    return run


def failed(world: World, bulk: Run) -> list[Json]:
    return list(world.services.bulk.failed_runs(replace(bulk, input={**wanted(bulk), "until": "2026-12-01T00:00:00Z"})))


def wanted(run: Run) -> dict[str, Json]:
    assert isinstance(run.input, dict)
    return run.input


def perform(world: World, run: Run, type_: str, config: dict[str, Json], seconds: float = 30.0) -> Outcome:
    graph = Graph((Node("a", type_, config=config),))
    task = Execution(Program.of(graph), run, History(), resumed=False).next_task()
    assert task is not None
    return world.performer.perform(task, seconds)


def test_a_chunk_is_retried(world: World, bulk: Run) -> None:
    outcome = perform(world, bulk, "bulk_retry_chunk", {"run_ids": [*failed(world, bulk), "exec_unknown"]})

    assert (outcome.status, outcome.output) == (StepStatus.SUCCEEDED, {"retried": 3, "skipped": 1})
    assert [line.message for line in outcome.logs] == ["3 retried, 1 skipped"]


def test_a_chunk_that_is_done_again_counts_the_same_and_retries_nothing(world: World, bulk: Run) -> None:
    config: dict[str, Json] = {"run_ids": failed(world, bulk)}
    first = perform(world, bulk, "bulk_retry_chunk", config)
    world.work()
    before = world.stored()

    again = perform(world, bulk, "bulk_retry_chunk", config)

    assert first.output == again.output == {"retried": 3, "skipped": 0}
    assert world.stored() == before


@pytest.mark.parametrize("type_", ["bulk_retry_list", "bulk_retry_chunk"])
def test_in_another_workflows_run_they_do_nothing(world: World, bulk: Run, type_: str) -> None:
    stranger = replace(bulk, workflow_id="wf_1")
    before = world.stored()

    outcome = perform(world, stranger, type_, {"run_ids": failed(world, bulk)})

    assert outcome.error == StepError("unknown_node_type", "this node type is not for workflows")
    assert world.stored() == before


@pytest.mark.parametrize("other", ["ws_two", ""])
def test_another_workspaces_runs_are_skipped(world: World, bulk: Run, other: str) -> None:
    run_ids = failed(world, bulk)

    outcome = perform(world, replace(bulk, workspace_id=other), "bulk_retry_chunk", {"run_ids": run_ids})

    assert outcome.output == {"retried": 0, "skipped": 3}


def test_out_of_time_the_chunk_goes_on_in_another_attempt(world: World, bulk: Run) -> None:
    outcome = perform(world, bulk, "bulk_retry_chunk", {"run_ids": failed(world, bulk)}, seconds=0.5)

    assert outcome.error is not None
    assert (outcome.error.type, outcome.error.retryable) == ("out_of_time", True)


def test_a_store_that_does_not_answer_is_asked_again(world: World, bulk: Run) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise UnavailableError

    world.run_store.page = fail  # type: ignore[method-assign]

    outcome = perform(world, bulk, "bulk_retry_list", {})

    assert outcome.error is not None
    assert outcome.error.retryable


@pytest.mark.parametrize("run_ids", ["exec_1", "{{ null }}", "{{ 1 }}"])
def test_run_ids_that_are_no_list_fail_the_step(world: World, bulk: Run, run_ids: str) -> None:
    outcome = perform(world, bulk, "bulk_retry_chunk", {"run_ids": run_ids})

    assert outcome.error == StepError("invalid_config", "'run_ids' must be a list")


def test_their_types_are_internal_and_their_graph_can_be_run() -> None:
    Program.of(BUILT_IN.graph)

    assert NODE_TYPES["bulk_retry_list"].internal
    assert NODE_TYPES["bulk_retry_chunk"].internal


def test_the_most_runs_fit_one_map_without_child_runs() -> None:
    """Progress is read from the records of the one run."""
    assert MOST_RUNS <= CHUNK_SIZE * MOST_ITEMS_INLINE


def test_the_graphs_body_is_named_for_its_content(world: World, bulk: Run) -> None:
    stored = world.workflow_store.body("ws_one", BULK_RETRY_ID, bulk.body_ref)

    assert (stored.graph, bulk.body_ref) == (BUILT_IN.graph, BUILT_IN.body_ref)

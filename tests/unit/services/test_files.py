"""Files of runs, and who may read them."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import FileNotStoredError, ForbiddenError
from chalicelib.domain.graph import Graph
from chalicelib.domain.identity import Principal
from chalicelib.services.files import Files
from tests.api.world import World
from tests.file_fakes import MemoryFileStore

OWNER = Principal("user", "ws_one", "key", frozenset({"*"}))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def store() -> MemoryFileStore:
    return MemoryFileStore()


@pytest.fixture
def files(world: World, store: MemoryFileStore) -> Files:
    return Files(store, world.services.runs)


@pytest.fixture
def file_id(world: World, store: MemoryFileStore) -> str:
    workflow = world.services.workflows.create(OWNER, "x", "", {}, lambda _: Graph())
    return store.put(world.services.runs.start(workflow, {}).id, b"content", "text/plain")


def test_a_run_of_the_workspace_shows_its_files(files: Files, file_id: str) -> None:
    assert files.get(OWNER, file_id).content == b"content"


@pytest.mark.parametrize("other", ["", "exec_none", "exec_none." + "0" * 64, "a/b." + "0" * 64])
def test_an_unknown_file_is_not_found(files: Files, other: str) -> None:
    with pytest.raises(FileNotStoredError):
        files.get(OWNER, other)


def test_another_workspaces_file_is_refused_like_an_unknown_one(files: Files, file_id: str) -> None:
    with pytest.raises(FileNotStoredError) as refused:
        files.get(Principal("other", "ws_two", "key", frozenset({"*"})), file_id)

    assert refused.value.message == FileNotStoredError().message


def test_a_key_that_may_not_read_runs_reads_no_files(files: Files, file_id: str) -> None:
    with pytest.raises(ForbiddenError):
        files.get(Principal("user", "ws_one", "key", frozenset({"executions:write"})), file_id)

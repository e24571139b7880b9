"""The one way from a principal and an id to a resource."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import ForbiddenError, RunNotFoundError, WorkflowNotFoundError
from chalicelib.domain.identity import SCOPES, Principal
from chalicelib.services.access import Access, Scope, is_id, require
from tests.fakes import MemoryHookStore, MemoryWorkflowStore


def principal(*scopes: str) -> Principal:
    return Principal("user", "ws", "key", frozenset(scopes))


def access() -> Access:
    return Access(MemoryWorkflowStore(), MemoryHookStore())


def test_the_scopes_are_those_that_a_key_may_have() -> None:
    assert set(Scope) == SCOPES


@pytest.mark.parametrize("scope", Scope)
def test_a_key_for_everything_may_do_everything(scope: Scope) -> None:
    require(principal("*"), scope)


@pytest.mark.parametrize("scope", Scope)
def test_a_scope_allows_nothing_else(scope: Scope) -> None:
    require(principal(scope), scope)
    with pytest.raises(ForbiddenError):
        require(principal(*(SCOPES - {scope})), scope)


@pytest.mark.parametrize("text", ["wf_0mvz25", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "507f1f77bcf86cd799439011", "a"])
def test_ids_of_every_dialect_are_ids(text: str) -> None:
    assert is_id(text)


@pytest.mark.parametrize("text", ["", " ", "a b", "a/b", "a\n", "ä", "a\x00", "x" * 129, "$a", "wf_1\n"])
def test_what_no_id_looks_like_is_none(text: str) -> None:
    assert not is_id(text)


def test_a_missing_scope_is_told_before_a_missing_resource() -> None:
    with pytest.raises(ForbiddenError):
        access().workflow(principal(), "wf_none", Scope.READ_WORKFLOWS)
    with pytest.raises(WorkflowNotFoundError):
        access().workflow(principal("*"), "wf_none", Scope.READ_WORKFLOWS)


def test_a_run_id_that_nothing_could_have_is_not_found() -> None:
    assert access().run_id(principal("*"), "exec_1", Scope.READ_RUNS) == "exec_1"
    with pytest.raises(RunNotFoundError):
        access().run_id(principal("*"), "a/b", Scope.READ_RUNS)

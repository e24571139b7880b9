"""Who names a resource, and how much is read to find it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

import pytest

from chalicelib.domain.flows.flows import ResourceKind
from chalicelib.domain.flows.graph import compile_flow
from chalicelib.domain.json import Json
from chalicelib.domain.workflow import CELIGO, Workflow, WorkflowBody, WorkflowStatus
from chalicelib.services.flows.references import References, labels_of
from tests.fakes import START, MemoryWorkflowStore
from tests.flow_fakes import MemoryAuditStore, MemoryResourceStore
from tests.flows.house import WORKSPACE

EXPORT, OTHER = "6b02b27b0d9396ddeb4f1a00", "6b02b27b0d9396ddeb4f1b00"
FLOWS = 250


class ReadingStore(MemoryWorkflowStore):
    """Keeps how many documents were read at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[int] = []

    def sources(self, workspace_id: str, refs: Sequence[tuple[str, str]]) -> Mapping[str, Mapping[str, Json]]:
        self.reads.append(len(refs))
        return super().sources(workspace_id, refs)


@pytest.fixture
def store() -> ReadingStore:
    """Flows of which every other one names the export as a source."""
    store = ReadingStore()
    for number in range(FLOWS):
        named = EXPORT if number % 2 else OTHER
        document: dict[str, Json] = {"name": f"F{number}", "pageGenerators": [{"_exportId": named}]}
        id_, status = f"{number:024x}", WorkflowStatus.ACTIVE
        labels = labels_of(document)
        flow = Workflow(id_, WORKSPACE, f"F{number}", "", status, 1, "1", START, START, dialect=CELIGO, labels=labels)
        store.create(flow, WorkflowBody("1", id_, 1, document, compile_flow(document)))
    return store


@pytest.fixture
def references(store: ReadingStore) -> References:
    return References(MemoryResourceStore(MemoryAuditStore(lambda: START)), store)


def test_documents_of_flows_are_read_many_at_a_time(references: References, store: ReadingStore) -> None:
    users = list(references.users(WORKSPACE, ResourceKind.EXPORT, EXPORT))

    assert [use.name for use in users] == [f"F{number}" for number in range(1, FLOWS, 2)]
    assert {use.paths for use in users} == {("pageGenerators[0]._exportId",)}
    assert store.reads == [100, 25]


def test_who_asks_for_one_user_reads_no_more_than_that_takes(references: References, store: ReadingStore) -> None:
    (use,) = islice(references.users(WORKSPACE, ResourceKind.EXPORT, EXPORT), 1)

    assert use.name == "F1"
    assert store.reads == [100]


def test_an_import_of_the_same_id_is_named_by_nobody(references: References) -> None:
    assert list(references.users(WORKSPACE, ResourceKind.IMPORT, EXPORT)) == []

"""What flows keep, on every backend: resources with their audit log, figures of jobs, errors, marks, values, slots."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import (
    AlreadyExistsError,
    FlowErrorNotFoundError,
    ResourceNotFoundError,
    StaleWriteError,
    TooLargeError,
    WorkflowNotFoundError,
)
from chalicelib.domain.flows.calls import KEPT, CallRecord
from chalicelib.domain.flows.flows import (
    AuditEntry,
    AuditFilter,
    Child,
    Count,
    ErrorFilter,
    FieldChange,
    FlowError,
    JobFigures,
    JobType,
    Progress,
    Resource,
    ResourceKind,
    error_id,
    object_id_of,
    time_of,
)
from chalicelib.domain.flows.tags import ErrorNotes, Tag, TagBook
from chalicelib.domain.json import Json
from chalicelib.local.resources import Resources
from chalicelib.services.flows.ports import (
    AuditStore,
    CallLogStore,
    FlowErrorStore,
    FlowMarkStore,
    JobStore,
    LeaseStore,
    ResourceStore,
    StateStore,
    TagStore,
)
from chalicelib.services.ports import WorkflowStore
from chalicelib.store.aws import AwsClients
from chalicelib.store.stores import Stores
from tests.fakes import START, FixedClock, MemoryWorkflowStore
from tests.flow_fakes import (
    MemoryAuditStore,
    MemoryCallLogStore,
    MemoryFlowErrorStore,
    MemoryFlowMarkStore,
    MemoryJobStore,
    MemoryLeaseStore,
    MemoryResourceStore,
    MemoryStateStore,
    MemoryTagStore,
)
from tests.store.samples import after, body, workflow

WS, FLOW, STEP = "ws_a", "66b1f150c4d7e8910a2b3c00", "66b1f0f3c4d7e8910a2b3c00"
JOB = object_id_of("job", START)
LARGE = "ü" * 40_000
DAY = 86_400


@dataclass
class FlowStores:
    clock: FixedClock
    resources: ResourceStore
    audit: AuditStore
    workflows: WorkflowStore
    jobs: JobStore
    errors: FlowErrorStore
    marks: FlowMarkStore
    state: StateStore
    leases: LeaseStore
    calls: CallLogStore
    tags: TagStore


def memory() -> FlowStores:
    clock = FixedClock()
    audit, jobs = MemoryAuditStore(clock.now), MemoryJobStore(clock.now)
    return FlowStores(
        clock=clock,
        resources=MemoryResourceStore(audit),
        audit=audit,
        workflows=MemoryWorkflowStore(audit),
        jobs=jobs,
        errors=MemoryFlowErrorStore(jobs, clock.now),
        marks=MemoryFlowMarkStore(),
        state=MemoryStateStore(),
        leases=MemoryLeaseStore(),
        calls=MemoryCallLogStore(clock.now),
        tags=MemoryTagStore(),
    )


def on_dynamo(aws: AwsClients, resources: Resources) -> FlowStores:
    clock = FixedClock()
    stores = Stores(aws, resources.tables, resources.bucket, clock.now)
    return FlowStores(
        clock=clock,
        resources=stores.resources,
        audit=stores.audit,
        workflows=stores.workflows,
        jobs=stores.jobs,
        errors=stores.flow_errors,
        marks=stores.flow_marks,
        state=stores.state,
        leases=stores.leases,
        calls=stores.call_logs,
        tags=stores.tags,
    )


@pytest.fixture
def on_aws(aws: AwsClients, resources: Resources) -> FlowStores:
    return on_dynamo(aws, resources)


@pytest.fixture(params=["memory", "aws"])
def stores(request: pytest.FixtureRequest) -> FlowStores:
    return memory() if request.param == "memory" else request.getfixturevalue("on_aws")


def export(number: int = 1, **changes: Any) -> Resource:
    usual = Resource(
        id=f"{number:024x}",
        workspace_id=WS,
        kind=ResourceKind.EXPORT,
        document={"name": f"Export {number}", "pageSize": 20, "http": {"relativeURI": "/ü"}},
        created_at=START,
        updated_at=START,
        created_by="user_1",
    )
    return replace(usual, **changes)


def entry(number: int = 1, **changes: Any) -> AuditEntry:
    usual = AuditEntry(
        id=f"{number:024x}",
        workspace_id=WS,
        kind="export",
        resource_id=f"{1:024x}",
        event="create",
        at=after(number),
        user_id="user_1",
    )
    return replace(usual, **changes)


def figures(**changes: Any) -> JobFigures:
    children = (Child("g0", ResourceKind.EXPORT, "e" * 24, 0), Child("s0", ResourceKind.IMPORT, STEP, 1))
    usual = JobFigures(JOB, WS, FLOW, JobType.FLOW, children, START)
    return replace(usual, **changes)


def progress(page: int, **changes: Any) -> Progress:
    count = Count(10 * page, 1, 2, page, START, after(page))
    return replace(Progress("g0", page, {"g0": count, "s0": Count()}), **changes)


def failed(number: int = 1, **changes: Any) -> FlowError:
    at: datetime = changes.get("occurred_at", after(number))
    usual = FlowError(
        id=error_id(at, number),
        workspace_id=WS,
        flow_id=FLOW,
        step_id=STEP,
        job_id=JOB,
        child="s0",
        order=1,
        occurred_at=at,
        source="application",
        code="422",
        message="ref already used",
        trace_key=f"P-{number}",
        retry_data={"data": {"n": number}, "stage": "s0", "traceKey": f"P-{number}"},
        is_retriable=True,
        request_key="1-422-PUT",
    )
    return replace(usual, **changes)


def opened(stores: FlowStores, flow_id: str = FLOW, step_id: str = STEP) -> tuple[int, datetime | None]:
    """How many errors are open, and when the newest occurred."""
    return stores.errors.counts(WS, flow_id).get(step_id, 0), stores.errors.newest_at(WS, flow_id, step_id)


def open_ids(stores: FlowStores, **where: Any) -> list[str]:
    return [each.id for each in stores.errors.page(WS, FLOW, STEP, ErrorFilter(**where), after=None, limit=500)[0]]


class TestResources:
    def test_what_was_created_is_read_whole(self, stores: FlowStores) -> None:
        made = export(sealed="c2VjcmV0", document={"name": "Large", "text": LARGE, "n": 1.0})
        stores.resources.create(made, entry())

        assert stores.resources.get(WS, ResourceKind.EXPORT, made.id) == made
        assert stores.resources.get_all(WS, ResourceKind.EXPORT, [made.id, "f" * 24, "x" * 3000]) == {made.id: made}

    def test_an_id_is_taken_once(self, stores: FlowStores) -> None:
        stores.resources.create(export(), entry())

        with pytest.raises(AlreadyExistsError):
            stores.resources.create(export(document={"name": "Other"}), entry(2))
        assert stores.resources.get(WS, ResourceKind.EXPORT, export().id) == export()

    @pytest.mark.parametrize(("workspace", "kind"), [("ws_b", ResourceKind.EXPORT), (WS, ResourceKind.IMPORT)])
    def test_another_workspace_and_another_kind_do_not_have_it(
        self, stores: FlowStores, workspace: str, kind: ResourceKind
    ) -> None:
        stores.resources.create(export(), entry())

        with pytest.raises(ResourceNotFoundError):
            stores.resources.get(workspace, kind, export().id)
        assert stores.resources.get_all(workspace, kind, [export().id]) == {}
        assert stores.resources.page(workspace, kind, limit=10) == ()

    def test_a_change_goes_over_the_revision_that_it_was_made_from(self, stores: FlowStores) -> None:
        stores.resources.create(export(), entry())
        changed = export(document={"name": "New"}, revision=2)
        stores.resources.replace(changed, entry(2, event="update"))

        with pytest.raises(StaleWriteError):
            stores.resources.replace(export(document={"name": "Late"}, revision=2), entry(3, event="update"))
        with pytest.raises(StaleWriteError):
            stores.resources.delete(export(), entry(4, event="delete"))
        with pytest.raises(ResourceNotFoundError):
            stores.resources.replace(export(9, revision=2), None)
        assert stores.resources.get(WS, ResourceKind.EXPORT, changed.id) == changed
        assert [each.event for each in log(stores)] == ["update", "create"]

    def test_a_change_may_be_without_an_entry(self, stores: FlowStores) -> None:
        stores.resources.create(export(), entry())
        stores.resources.replace(export(document={"name": "Same"}, revision=2), None)

        assert [each.event for each in log(stores)] == ["create"]

    def test_what_was_deleted_is_gone_and_its_entries_stay(self, stores: FlowStores) -> None:
        stores.resources.create(export(), entry())
        stores.resources.delete(export(), entry(2, event="delete"))

        with pytest.raises(ResourceNotFoundError):
            stores.resources.delete(export(), entry(3, event="delete"))
        assert [each.event for each in log(stores)] == ["delete", "create"]

    def test_pages_go_from_the_oldest_on(self, stores: FlowStores) -> None:
        made = [export(number) for number in (3, 1, 2)]
        for number, each in enumerate(made):
            stores.resources.create(each, entry(number))

        first = stores.resources.page(WS, ResourceKind.EXPORT, limit=2)
        assert first == (made[1], made[2])
        assert stores.resources.page(WS, ResourceKind.EXPORT, after=first[-1].id, limit=2) == (made[0],)

    def test_what_is_too_large_is_refused_whole(self, stores: FlowStores) -> None:
        with pytest.raises(TooLargeError):
            stores.resources.create(export(document={"name": "x" * (1024 * 1024)}), entry())

        assert log(stores) == []


class TestAudit:
    def test_an_entry_keeps_every_change(self, stores: FlowStores) -> None:
        changes = (FieldChange("schedule", None, "? 0 2 ? * *"), FieldChange("a[0].b", {"c": 1.0}, [LARGE]))
        stores.resources.create(export(), entry(changes=changes, source="system"))

        assert log(stores) == [entry(changes=changes, source="system")]

    def test_a_workflows_change_and_its_entry_go_together(self, stores: FlowStores) -> None:
        made = workflow(dialect="celigo")
        stores.workflows.create(made, body(), entry(1))
        stores.workflows.replace(replace(made, name="New", revision=made.revision + 1), entry=entry(2))
        with pytest.raises(AlreadyExistsError):
            stores.workflows.create(made, body(), entry(3))
        with pytest.raises(StaleWriteError):
            stores.workflows.replace(made, entry=entry(4))
        stores.workflows.delete(WS, made.id, entry(5))
        stores.workflows.delete(WS, made.id, entry(6))
        with pytest.raises(WorkflowNotFoundError):
            stores.workflows.replace(made, entry=entry(7))

        assert [each.id for each in log(stores)] == [entry(number).id for number in (5, 2, 1)]

    def test_documents_are_read_together(self, stores: FlowStores) -> None:
        one = replace(body(), workflow_id="wf_1", source={"name": "One", "text": LARGE})
        two = replace(body(), workflow_id="wf_2", source={"name": "Two"})
        for each in (one, two):
            stores.workflows.create(workflow(id=each.workflow_id), each)

        asked = [("wf_1", one.ref), ("wf_2", two.ref), ("wf_2", two.ref), ("wf_3", one.ref)]
        assert stores.workflows.sources(WS, asked) == {"wf_1": one.source, "wf_2": two.source}
        assert stores.workflows.sources("ws_b", asked) == {}

    @pytest.mark.parametrize(
        ("where", "numbers"),
        [
            ({}, [6, 5, 4, 3, 2, 1]),
            ({"kind": "export", "resource_id": "r1"}, [6, 3, 1]),
            ({"kind": "export"}, [6, 4, 3, 1]),
            ({"resource_id": "r1"}, [6, 5, 3, 2, 1]),
            ({"user_id": "user_2"}, [4]),
            ({"source": "system"}, [5]),
            ({"event": "delete", "kind": "export", "resource_id": "r1"}, [3]),
            ({"since": after(2), "until": after(4)}, [4, 3, 2]),
            ({"since": after(4), "until": after(2)}, []),
            ({"kind": "export", "resource_id": "none"}, []),
        ],
    )
    def test_entries_are_found_by_what_they_are_about(
        self, stores: FlowStores, where: dict[str, Any], numbers: list[int]
    ) -> None:
        members: list[dict[str, Any]] = [
            {},
            {"kind": "import"},
            {"event": "delete"},
            {"resource_id": "r2", "user_id": "user_2"},
            {"kind": "import", "source": "system"},
            {},
        ]
        for number, each in enumerate(members, 1):
            stores.resources.create(export(number), entry(number, **{"resource_id": "r1", **each}))

        found = stores.audit.page(WS, AuditFilter(**where), offset=0, limit=100)
        assert [int(each.id, 16) for each in found] == numbers
        assert stores.audit.page(WS, AuditFilter(**where), offset=1, limit=2) == found[1:3]

    def test_entries_are_kept_a_year(self, stores: FlowStores) -> None:
        stores.resources.create(export(), entry())

        stores.clock.advance(364 * DAY)
        assert len(log(stores)) == 1
        stores.clock.advance(2 * DAY)

        assert log(stores) == []


def log(stores: FlowStores) -> list[AuditEntry]:
    return list(stores.audit.page(WS, AuditFilter(), offset=0, limit=100))


class TestJobs:
    def test_the_first_beginning_counts(self, stores: FlowStores) -> None:
        stores.jobs.begin(figures(integration_id="i" * 24))
        stores.jobs.begin(figures(type=JobType.RETRY))

        assert stores.jobs.get(WS, [JOB, "f" * 24]) == {JOB: figures(integration_id="i" * 24)}
        assert stores.jobs.get("ws_b", [JOB]) == {}

    def test_a_later_page_takes_the_place_of_an_earlier_one(self, stores: FlowStores) -> None:
        stores.jobs.begin(figures())

        assert stores.jobs.advance(WS, JOB, progress(1))
        assert stores.jobs.advance(WS, JOB, progress(2))
        assert not stores.jobs.advance(WS, JOB, progress(2))
        assert not stores.jobs.advance(WS, JOB, progress(1))

        assert stores.jobs.get(WS, [JOB])[JOB].count("g0") == Count(20, 1, 2, 2, START, after(2))

    def test_nothing_comes_after_the_end(self, stores: FlowStores) -> None:
        stores.jobs.begin(figures())
        stores.jobs.advance(WS, JOB, progress(2))

        assert stores.jobs.advance(WS, JOB, progress(2, is_done=True, has_failed=True))
        assert not stores.jobs.advance(WS, JOB, progress(2, is_done=True))
        assert not stores.jobs.advance(WS, JOB, progress(3))

        (stored,) = stores.jobs.get(WS, [JOB])[JOB].progress.values()
        assert (stored.page, stored.is_done, stored.has_failed) == (2, True, True)

    def test_generators_advance_apart(self, stores: FlowStores) -> None:
        stores.jobs.begin(figures())
        stores.jobs.advance(WS, JOB, progress(5))
        stores.jobs.advance(WS, JOB, replace(progress(1), generator="g1"))

        job = stores.jobs.get(WS, [JOB])[JOB]
        assert {name: each.page for name, each in job.progress.items()} == {"g0": 5, "g1": 1}
        assert job.count("g0").success == 60

    def test_a_job_may_have_as_many_children_as_its_ids_can_number(self, stores: FlowStores) -> None:
        generators = [f"g{number}" for number in range(128)]
        stages = [f"s{number}" for number in range(127)]
        children = [Child(key, ResourceKind.EXPORT, "e" * 24, 0) for key in generators]
        children += [Child(key, ResourceKind.IMPORT, f"{order:024x}", order) for order, key in enumerate(stages, 1)]
        stores.jobs.begin(figures(children=tuple(children)))
        stores.jobs.begin(figures(children=tuple(children)))
        counts = {key: Count(1, 20_000, 30_000, 40_000, START, after(9)) for key in stages}
        for generator in generators:
            assert stores.jobs.advance(WS, JOB, Progress(generator, 1, counts, is_done=True))
            assert not stores.jobs.advance(WS, JOB, Progress(generator, 1, counts, is_done=True))

        job = stores.jobs.get(WS, [JOB])[JOB]

        assert set(job.progress) == set(generators)
        assert {job.count(key).success for key in stages} == {128}

    def test_a_job_that_never_began_cannot_advance(self, stores: FlowStores) -> None:
        assert not stores.jobs.advance(WS, JOB, progress(1))
        assert stores.jobs.get(WS, [JOB]) == {}

    def test_figures_are_kept_thirty_days(self, stores: FlowStores) -> None:
        stores.jobs.begin(figures())

        stores.clock.advance(30 * DAY - 1)
        assert JOB in stores.jobs.get(WS, [JOB])
        stores.clock.advance(1)

        assert stores.jobs.get(WS, [JOB]) == {}


class TestErrors:
    def test_errors_are_opened_once(self, stores: FlowStores) -> None:
        errors = [failed(number) for number in range(120)]
        stores.errors.open(errors[:70])
        stores.errors.open([*errors, errors[0]])

        assert opened(stores) == (120, after(119))
        assert stores.errors.get(WS, FLOW, STEP, [errors[3].id, "0" * 25, "x" * 3000]) == {errors[3].id: errors[3]}

    def test_a_resolved_error_is_not_opened_again(self, stores: FlowStores) -> None:
        stores.errors.open([failed()])
        stores.errors.resolve(WS, FLOW, STEP, [failed().id], after(9), "user_1")
        stores.errors.open([failed(), failed(2)])

        assert open_ids(stores) == [failed(2).id]
        assert opened(stores) == (1, after(2))

    def test_there_is_nothing_where_nothing_failed(self, stores: FlowStores) -> None:
        assert opened(stores) == (0, None)
        assert stores.errors.page(WS, FLOW, STEP, ErrorFilter(), after=None, limit=10) == ((), None)

    def test_large_retry_data_is_fetched_when_the_error_is_asked_for(self, stores: FlowStores) -> None:
        large = failed(retry_data={"data": {"text": LARGE}, "stage": "s0", "traceKey": ""})
        bare = failed(2, retry_data=None)
        stores.errors.open([large, bare])

        (first, second), _ = stores.errors.page(WS, FLOW, STEP, ErrorFilter(), after=None, limit=10)
        assert (first.id, first.retry_data, second.id) == (bare.id, None, large.id)
        assert second.retry_data_key is not None
        assert stores.errors.get(WS, FLOW, STEP, [large.id, bare.id]) == {large.id: large, bare.id: bare}

    def test_an_error_of_a_record_too_large_to_be_tried_again_is_opened_without_it(self, stores: FlowStores) -> None:
        huge = failed(retry_data={"data": "x" * (5 * 1024 * 1024), "stage": "s0", "traceKey": ""})
        stores.errors.open([huge, failed(2)])

        (second, first), _ = stores.errors.page(WS, FLOW, STEP, ErrorFilter(), after=None, limit=10)
        assert (first.id, first.retry_data, first.is_retriable) == (huge.id, None, False)
        assert second == failed(2)

    def test_bare_errors_tell_that_they_have_retry_data(self, stores: FlowStores) -> None:
        large = failed(retry_data={"data": {"text": LARGE}, "stage": "s0", "traceKey": ""})
        stores.errors.open([large, failed(2, retry_data=None)])

        found = stores.errors.get(WS, FLOW, STEP, [large.id, failed(2).id], bare=True)

        assert {id_: each.retry_data_key is None for id_, each in found.items()} == {
            large.id: False,
            failed(2).id: True,
        }

    def test_pages_go_from_the_newest_on(self, stores: FlowStores) -> None:
        errors = [failed(number) for number in range(5)]
        stores.errors.open(errors)

        seen: list[str] = []
        after_id: str | None = None
        while True:
            found, after_id = stores.errors.page(WS, FLOW, STEP, ErrorFilter(), after=after_id, limit=2)
            seen += [each.id for each in found]
            if after_id is None:
                break
        assert seen == [each.id for each in reversed(errors)]

    @pytest.mark.parametrize(
        ("where", "numbers"),
        [
            ({"since": after(2)}, [4, 3, 2]),
            ({"until": after(2)}, [2, 1]),
            ({"since": after(3), "until": after(2)}, []),
            ({"source": "mapping"}, [3]),
            ({"job_id": "f" * 24}, [1]),
            ({"is_resolved": True}, []),
        ],
    )
    def test_errors_are_found_by_what_they_are(
        self, stores: FlowStores, where: dict[str, Any], numbers: list[int]
    ) -> None:
        changes: list[dict[str, Any]] = [{"job_id": "f" * 24}, {}, {"source": "mapping"}, {}]
        errors = [failed(number, **each) for number, each in enumerate(changes, 1)]
        stores.errors.open(errors)

        assert open_ids(stores, **where) == [errors[number - 1].id for number in numbers]

    def test_notes_stay_on_errors_whichever_side_they_are_on(self, stores: FlowStores) -> None:
        errors = [failed(number) for number in range(120)]
        stores.errors.open(errors)
        ids = [each.id for each in errors]
        stores.errors.resolve(WS, FLOW, STEP, ids[:10], after(9), "user_1")

        noted = stores.errors.annotate(WS, FLOW, STEP, [*ids, "x", "0" * 25], ErrorNotes(tags=("a" * 24, "b" * 24)))
        stores.errors.annotate(WS, FLOW, STEP, ids[:1], ErrorNotes(assigned_to="mara@depot.example"))
        stores.errors.reopen(WS, FLOW, STEP, ids[:1])
        stores.errors.resolve(WS, FLOW, STEP, ids[119:], after(9), "user_1")

        assert noted == tuple(ids)
        found = stores.errors.get(WS, FLOW, STEP, ids)
        assert {each.tags for each in found.values()} == {("a" * 24, "b" * 24)}
        assert found[ids[0]].assigned_to == "mara@depot.example"
        assert found[ids[0]].resolved_at is None
        assert len(open_ids(stores, is_resolved=True)) == 10

    def test_notes_are_taken_off_again(self, stores: FlowStores) -> None:
        stores.errors.open([failed()])
        stores.errors.annotate(WS, FLOW, STEP, [failed().id], ErrorNotes(("a" * 24,), "mara@depot.example"))
        stores.errors.annotate(WS, FLOW, STEP, [failed().id], ErrorNotes((), ""))

        assert stores.errors.get(WS, FLOW, STEP, [failed().id]) == {failed().id: failed()}

    def test_resolving_moves_errors_and_counts_each_once(self, stores: FlowStores) -> None:
        stores.jobs.begin(figures())
        errors = [failed(number, child=f"s{number % 2}") for number in range(75)]
        stores.errors.open(errors)
        ids = [each.id for each in errors]

        assert stores.errors.resolve(WS, FLOW, STEP, ids[:70], after(99), "user_1") == tuple(ids[:70])
        assert stores.errors.resolve(WS, FLOW, STEP, [*ids[:71], "x", "0" * 25], after(99), "user_2") == (ids[70],)

        assert stores.jobs.get(WS, [JOB])[JOB].resolved == {"s0": 36, "s1": 35}
        assert len(open_ids(stores)) == 4
        resolved = stores.errors.get(WS, FLOW, STEP, ids)[ids[0]]
        assert resolved == replace(errors[0], resolved_at=after(99), resolved_by="user_1")

    def test_reopening_takes_it_back(self, stores: FlowStores) -> None:
        stores.jobs.begin(figures())
        stores.errors.open([failed(1), failed(2)])
        ids = [failed(1).id, failed(2).id]
        stores.errors.resolve(WS, FLOW, STEP, ids, after(9), "user_1")

        assert stores.errors.reopen(WS, FLOW, STEP, [ids[0]]) == (ids[0],)
        assert stores.errors.reopen(WS, FLOW, STEP, [ids[0]]) == ()

        assert stores.jobs.get(WS, [JOB])[JOB].resolved == {"s0": 1}
        assert stores.errors.get(WS, FLOW, STEP, ids[:1]) == {ids[0]: failed(1)}
        assert open_ids(stores, is_resolved=True) == [ids[1]]

    def test_errors_of_a_job_that_is_not_kept_are_moved_all_the_same(self, stores: FlowStores) -> None:
        stores.jobs.begin(figures())
        other = failed(2, job_id="f" * 24)
        stores.errors.open([failed(), other])

        assert len(stores.errors.resolve(WS, FLOW, STEP, [failed().id, other.id], after(9), "u")) == 2
        assert stores.jobs.get(WS, [JOB])[JOB].resolved == {"s0": 1}

    def test_a_retry_that_failed_again_changes_an_open_error_alone(self, stores: FlowStores) -> None:
        stores.errors.open([failed(1), failed(2)])
        stores.errors.resolve(WS, FLOW, STEP, [failed(2).id], after(9), "u")
        for number in (1, 2, 3):
            again = failed(number, code="500", message="down", source="connection", is_retriable=False, job_id="f" * 24)
            stores.errors.failed_again(again)

        found = stores.errors.get(WS, FLOW, STEP, [failed(number).id for number in (1, 2, 3)])
        changed = replace(failed(1), code="500", message="down", source="connection", is_retriable=False)
        assert found == {
            failed(1).id: changed,
            failed(2).id: replace(failed(2), resolved_at=after(9), resolved_by="u"),
        }
        assert stores.errors.resolve(WS, FLOW, STEP, [failed(1).id], after(10), "u") == (failed(1).id,)

    @pytest.mark.parametrize("is_resolved", [False, True])
    def test_retry_data_can_be_changed_on_both_sides(self, stores: FlowStores, is_resolved: bool) -> None:
        stores.errors.open([failed()])
        if is_resolved:
            stores.errors.resolve(WS, FLOW, STEP, [failed().id], after(9), "u")

        stores.errors.set_retry_data(failed(), {"data": LARGE, "stage": "s0"})

        assert stores.errors.get(WS, FLOW, STEP, [failed().id])[failed().id].retry_data == {
            "data": LARGE,
            "stage": "s0",
        }
        with pytest.raises(FlowErrorNotFoundError):
            stores.errors.set_retry_data(failed(7), {})
        with pytest.raises(TooLargeError):
            stores.errors.set_retry_data(failed(), {"data": "x" * (5 * 1024 * 1024)})

    def test_errors_are_kept_thirty_days(self, stores: FlowStores) -> None:
        stores.errors.open([failed()])
        stores.clock.advance(31 * DAY)

        assert opened(stores) == (0, None)
        assert stores.errors.get(WS, FLOW, STEP, [failed().id]) == {}
        assert stores.errors.resolve(WS, FLOW, STEP, [failed().id], after(9), "u") == ()

    def test_steps_do_not_mix(self, stores: FlowStores) -> None:
        stores.errors.open([failed(), failed(2, step_id="other#step"), failed(3, flow_id="x" * 3000)])

        assert open_ids(stores) == [failed().id]
        assert opened(stores, step_id="other#step") == (1, after(2))
        assert opened(stores, "x" * 3000) == (1, after(3))


class TestMarks:
    def test_a_delta_moves_with_the_newest_run(self, stores: FlowStores) -> None:
        stores.marks.move_delta(WS, FLOW, "e1", after(10), after(5))
        stores.marks.move_delta(WS, FLOW, "e1", after(20), after(4))
        stores.marks.move_delta(WS, FLOW, "e2", after(7), after(1))
        assert stores.marks.deltas(WS, FLOW) == {"e1": after(10), "e2": after(7)}

        stores.marks.move_delta(WS, FLOW, "e1", after(2), after(6))
        assert stores.marks.deltas(WS, FLOW) == {"e1": after(2), "e2": after(7)}

    def test_the_latest_run_is_noted(self, stores: FlowStores) -> None:
        stores.marks.note_executed(WS, FLOW, after(5))
        stores.marks.note_executed(WS, FLOW, after(3))
        stores.marks.note_executed(WS, "other", after(1))

        assert stores.marks.executed(WS) == {FLOW: after(5), "other": after(1)}
        assert [stores.marks.executed_at(WS, flow) for flow in (FLOW, "other", "none")] == [after(5), after(1), None]

    def test_a_deleted_flow_is_forgotten(self, stores: FlowStores) -> None:
        for flow in (FLOW, "other"):
            stores.marks.note_executed(WS, flow, after(5))
            stores.marks.move_delta(WS, flow, "e1", after(10), after(5))

        stores.marks.forget(WS, FLOW)

        assert stores.marks.executed(WS) == {"other": after(5)}
        assert stores.marks.deltas(WS, FLOW) == {}
        assert stores.marks.deltas(WS, "other") == {"e1": after(10)}

    @pytest.mark.parametrize("value", [{"done": [1, 1.0]}, LARGE, 0])
    def test_a_part_of_a_step_is_kept(self, stores: FlowStores, value: Any) -> None:
        place = "g0.3/s1" + "x" * 3000
        assert stores.marks.part(WS, JOB, place) is None

        stores.marks.save_part(WS, JOB, place, "before")
        stores.marks.save_part(WS, JOB, place, value)

        assert stores.marks.part(WS, JOB, place) == value
        assert stores.marks.part(WS, JOB, place + "y") is None
        assert stores.marks.part("ws_b", JOB, place) is None


class TestState:
    def test_a_value_is_any_json(self, stores: FlowStores) -> None:
        values: tuple[tuple[str, Json], ...] = (("a", None), ("b/#%", [1.0]), ("ü" * 500, {"n": LARGE}))
        for key, value in values:
            stores.state.put(WS, key, "before")
            stores.state.put(WS, key, value)
            assert stores.state.get(WS, key) == (value,)

        assert stores.state.keys(WS) == ("a", "b/#%", "ü" * 500)
        assert stores.state.keys("ws_b") == ()

    def test_what_was_deleted_is_gone(self, stores: FlowStores) -> None:
        stores.state.put(WS, "a", None)

        assert stores.state.delete(WS, "a")
        assert not stores.state.delete(WS, "a")
        assert stores.state.get(WS, "a") is None

    @pytest.mark.parametrize(
        ("key", "value"), [("", 1), ("k" * 1025, 1), ("a", "x" * 262_144)], ids=["no", "key", "value"]
    )
    def test_there_are_limits(self, stores: FlowStores, key: str, value: Any) -> None:
        with pytest.raises(TooLargeError):
            stores.state.put(WS, key, value)
        assert stores.state.get(WS, key) is None


class TestLeases:
    def test_as_many_are_granted_as_are_free(self, stores: FlowStores) -> None:
        def take(holder: str, wanted: int, limit: int = 5) -> int:
            return stores.leases.take("c", holder, wanted, limit, now=stores.clock.now(), until=after(60))

        assert [take("a", 3), take("b", 3), take("c", 1)] == [3, 2, 0]
        assert [take("a", 1), take("c", 9)] == [1, 2]
        assert take("a", 1, limit=2) == 0
        assert stores.leases.take("d", "a", 9, 5, now=START, until=after(60)) == 5

    def test_nobody_has_slots_beside_a_rival(self, stores: FlowStores) -> None:
        def take(holder: str, at: float = 0) -> int:
            def is_rival(other: str) -> bool:
                return other[0] == holder[0] and other != holder

            return stores.leases.take("c", holder, 1, 9, now=after(at), until=after(60), is_rival=is_rival)

        assert [take("a1"), take("b1"), take("a1"), take("a2")] == [1, 1, 1, 0]
        stores.leases.give_back("c", "a1")
        assert [take("a2"), take("b2"), take("b2", at=60)] == [1, 0, 1]

    def test_what_is_given_back_is_free(self, stores: FlowStores) -> None:
        stores.leases.take("c", "a", 5, 5, now=START, until=after(60))
        stores.leases.give_back("c", "nobody")
        stores.leases.give_back("none", "a")
        stores.leases.give_back("c", "a")

        assert stores.leases.take("c", "b", 5, 5, now=START, until=after(60)) == 5

    def test_a_lease_ends(self, stores: FlowStores) -> None:
        stores.leases.take("c", "a", 5, 5, now=START, until=after(60))

        assert stores.leases.take("c", "b", 5, 5, now=after(59.9), until=after(99)) == 0
        assert stores.leases.take("c", "b", 5, 5, now=after(60), until=after(99)) == 5


def test_many_at_a_time_are_granted_no_more_than_there_are(on_aws: FlowStores) -> None:
    def take(holder: int) -> int:
        return on_aws.leases.take("c", f"holder {holder}", 2, 7, now=START, until=after(60))

    with ThreadPoolExecutor(8) as threads:
        granted = list(threads.map(take, range(8)))

    assert sorted(granted) == [0, 0, 0, 0, 1, 2, 2, 2]


def test_a_second_keeps_nothing_from_being_found() -> None:
    """Ids and times sort alike, which lists rely on."""
    times = [START + timedelta(milliseconds=each) for each in (0, 1, 999, 1000)]

    assert sorted(error_id(at, 7) for at in times) == [error_id(at, 7) for at in times]
    assert sorted(object_id_of("x", at) for at in times) == [object_id_of("x", at) for at in times]
    assert [time_of(object_id_of("x", at)) for at in times] == times


def test_the_items_of_a_large_job_are_far_from_being_too_large(
    on_aws: FlowStores, aws: AwsClients, resources: Resources
) -> None:
    stages = {f"s{number}": Count(10**9, 10**9, 10**9, 10**6, START, after(10**6)) for number in range(127)}
    children = [Child(f"g{number}", ResourceKind.EXPORT, "e" * 24, 0) for number in range(128)]
    children += [Child(key, ResourceKind.IMPORT, "i" * 24, order) for order, key in enumerate(stages, 1)]
    on_aws.jobs.begin(figures(children=tuple(children)))
    for number in range(128):
        on_aws.jobs.advance(WS, JOB, Progress(f"g{number}", 10**6, stages))

    pages = aws.dynamodb.get_paginator("scan").paginate(TableName=resources.tables.flows)
    items = [item for page in pages for item in page["Items"]]

    assert len(items) == 16
    assert max(len(str(item)) for item in items) < 200 * 1024


class TestValuesWithOwners:
    def test_each_owner_has_values_of_its_own(self, stores: FlowStores) -> None:
        owners = [None, ("export", "e" * 24), ("import", "e" * 24), ("export", "f" * 24)]
        for number, owner in enumerate(owners):
            stores.state.put(WS, "n", number, owner)
        stores.state.delete(WS, "n", owners[1])

        assert [stores.state.get(WS, "n", owner) for owner in owners] == [(0,), None, (2,), (3,)]
        assert [stores.state.keys(WS, owner) for owner in owners] == [("n",), (), ("n",), ("n",)]
        assert stores.state.get("ws_b", "n", owners[2]) is None


def call(number: int = 1) -> CallRecord:
    at = after(number)
    return CallRecord(f"{number:032x}", "export", "e" * 24, at, after(number + 1), {"url": "ü"}, {"statusCode": 200})


class TestCalls:
    def test_the_latest_come_first_and_are_those_of_one_connection(self, stores: FlowStores) -> None:
        for number in (3, 1, 2):
            stores.calls.add(WS, "c" * 24, call(number))
        stores.calls.add(WS, "d" * 24, call(9))

        assert list(stores.calls.latest(WS, "c" * 24, 2)) == [call(3), call(2)]
        assert list(stores.calls.latest("ws_b", "c" * 24, 2)) == []

    def test_they_are_gone_when_they_are_cleared_or_old(self, stores: FlowStores) -> None:
        for number in range(60):
            stores.calls.add(WS, "c" * 24, call(number))
        stores.calls.clear(WS, "c" * 24)
        assert list(stores.calls.latest(WS, "c" * 24, 9)) == []

        stores.calls.add(WS, "c" * 24, call())
        stores.clock.advance(KEPT.total_seconds() + 2)
        assert list(stores.calls.latest(WS, "c" * 24, 9)) == []


class TestTags:
    def test_they_are_kept_together_and_nobody_loses_anothers(self, stores: FlowStores) -> None:
        tag = Tag("a" * 24, "Größe", START, after(1))
        book = stores.tags.get(WS).with_tag(tag)
        stores.tags.save(WS, book)

        assert stores.tags.get(WS) == book == TagBook({tag.id: tag}, 1)
        assert stores.tags.get("ws_b") == TagBook()
        with pytest.raises(StaleWriteError):
            stores.tags.save(WS, book)
        stores.tags.save(WS, book.without(tag.id))
        with pytest.raises(StaleWriteError):
            stores.tags.save(WS, book.with_tag(tag))
        assert stores.tags.get(WS) == TagBook({}, 2)

    def test_more_than_an_item_holds_is_refused(self, stores: FlowStores) -> None:
        tags = {str(n): Tag(str(n), "\U0001f3f7" * 100, START, START) for n in range(1000)}

        with pytest.raises(TooLargeError):
            stores.tags.save(WS, TagBook(tags, 1))
        assert stores.tags.get(WS) == TagBook()

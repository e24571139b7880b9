"""What several dialects in one workspace need of the stores: lists of one's own, workflows that are gone, commands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain.errors import WorkflowNotFoundError
from chalicelib.domain.run import Answer, Run, RunStatus, Touch
from chalicelib.domain.workflow import EXEOFLOW, TWINIT, WorkflowStatus
from chalicelib.services.ports import RunFilter
from tests.store.backends import Stores
from tests.store.samples import after, body, run, workflow

TOUCH = Touch(after(3), "user_7")


def dialects(stores: Stores, dialect: str | None) -> tuple[list[str], int]:
    found = stores.workflows.page("ws_a", status=None, offset=0, limit=10, dialect=dialect)
    return [each.id for each in found.items], found.total


@pytest.mark.parametrize(
    ("dialect", "ids"), [(None, ["wf_2", "wf_1"]), (EXEOFLOW, ["wf_1"]), (TWINIT, ["wf_2"]), ("celigo", [])]
)
def test_a_list_of_workflows_can_be_one_dialects(stores: Stores, dialect: str | None, ids: list[str]) -> None:
    stores.workflows.create(workflow(), body())
    stores.workflows.create(workflow(id="wf_2", dialect=TWINIT, created_at=after(1)), body(workflow_id="wf_2"))

    assert dialects(stores, dialect) == (ids, len(ids))


def test_a_workflow_keeps_its_dialect_and_labels(stores: Stores) -> None:
    made = workflow(dialect=TWINIT, labels={"namespaces": ["a", "ü"], "user_type": None}, created_by="user_1")

    stores.workflows.create(made, body())

    assert stores.workflows.get("ws_a", "wf_1") == made


def test_what_is_remembered_of_a_workflow_outlives_it(stores: Stores) -> None:
    gone = workflow(dialect=TWINIT, status=WorkflowStatus.DELETING, labels={"namespaces": ["a"]})
    stores.workflows.create(gone, body())

    stores.workflows.remember(gone)
    stores.workflows.remember(gone)
    stores.workflows.delete("ws_a", "wf_1")

    assert stores.workflows.remembered("ws_a", "wf_1") == gone
    assert stores.workflows.all_remembered("ws_a") == (gone,)
    assert stores.workflows.all_remembered("ws_b") == ()
    with pytest.raises(WorkflowNotFoundError):
        stores.workflows.get("ws_a", "wf_1")
    with pytest.raises(WorkflowNotFoundError):
        stores.workflows.remembered("ws_b", "wf_1")


def several(stores: Stores) -> None:
    """Six runs of three workflows, one more a second; the last one failed."""
    for number in range(6):
        status = RunStatus.FAILED if number == 5 else RunStatus.QUEUED
        stores.runs.create(
            run(id=f"exec_{number}", workflow_id=f"wf_{number % 3}", created_at=after(number), status=status)
        )
    stores.runs.create(run(id="exec_x", workspace_id="ws_b", workflow_id="wf_0"))


def together(
    stores: Stores, ids: set[str], where: RunFilter | None = None, offset: int = 0, limit: int = 10
) -> tuple[list[str], int]:
    found = stores.runs.page_of_workflows("ws_a", ids, where or RunFilter(), offset=offset, limit=limit)
    return [each.id.removeprefix("exec_") for each in found.items], found.total


MANY = {f"wf_none_{number}" for number in range(40)}
"""So many that no list of each is merged any more."""


@pytest.mark.parametrize("others", [set(), MANY], ids=["merged", "picked"])
class TestRunsOfSeveralWorkflows:
    def test_are_listed_together_newest_first(self, stores: Stores, others: set[str]) -> None:
        several(stores)

        assert together(stores, {"wf_0", "wf_2"} | others) == (["5", "3", "2", "0"], 4)
        assert together(stores, {"wf_1"} | others) == (["4", "1"], 2)
        assert together(stores, others) == ([], 0)

    @pytest.mark.parametrize("page_size", [1, 3, 100])
    def test_are_read_by_and_by(self, stores: Stores, others: set[str], page_size: int) -> None:
        several(stores)

        found = stores.runs.of_workflows("ws_a", {"wf_0", "wf_2"} | others, RunFilter(), page_size=page_size)
        assert [each.id.removeprefix("exec_") for each in found] == ["5", "3", "2", "0"]
        assert list(stores.runs.of_workflows("ws_a", others, RunFilter(), page_size=page_size)) == []

    @pytest.mark.parametrize(
        ("offset", "limit", "shown"), [(0, 1, "5"), (1, 2, "32"), (3, 9, "0"), (4, 1, ""), (0, 0, ""), (9, 9, "")]
    )
    def test_are_paged_with_the_exact_total(
        self, stores: Stores, others: set[str], offset: int, limit: int, shown: str
    ) -> None:
        several(stores)

        assert together(stores, {"wf_0", "wf_2"} | others, None, offset, limit) == ([*shown], 4)

    def test_are_filtered_by_status_and_time(self, stores: Stores, others: set[str]) -> None:
        several(stores)
        wanted = {"wf_0", "wf_2"} | others

        assert together(stores, wanted, RunFilter(statuses=frozenset({RunStatus.FAILED}))) == (["5"], 1)
        assert together(stores, wanted, RunFilter(since=after(2), until=after(3))) == (["3", "2"], 2)
        assert together(stores, wanted, RunFilter(since=after(3), until=after(2))) == ([], 0)


def touched(found: Run) -> Touch | None:
    return found.touched


def test_commands_are_kept_on_the_run_that_they_changed(stores: Stores) -> None:
    stores.runs.create(run())
    later = replace(TOUCH, at=after(4), user_id=None)

    assert touched(stores.runs.get("exec_1")) is None
    assert touched(stores.runs.pause("exec_1", TOUCH)) == TOUCH
    assert touched(stores.runs.resume("exec_1", after(60), later)) == later
    assert stores.runs.signal("exec_1", "ask", Answer(after(4)), after(60), TOUCH)
    assert touched(stores.runs.get("exec_1")) == TOUCH
    assert touched(stores.runs.end("exec_1", status=RunStatus.CANCELLED, at=after(5), touch=later)) == later
    fence = stores.runs.get("exec_1").fence
    again = stores.runs.restart("exec_1", fence, resets={}, deadline_at=None, due_at=after(9), touch=TOUCH)
    assert touched(again) == touched(stores.runs.get("exec_1")) == TOUCH


def test_a_pause_that_changes_nothing_is_nobodys_command(stores: Stores) -> None:
    stores.runs.create(run())
    stores.runs.pause("exec_1", TOUCH)

    assert touched(stores.runs.pause("exec_1", replace(TOUCH, user_id="user_8"))) == TOUCH

"""Runs that are late in the due index."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.domain.run import RunStatus
from tests.operations.conftest import Stage
from tests.store.samples import run


def create(stage: Stage, run_id: str, late_seconds: int) -> None:
    due_at = stage.services.clock.now() - timedelta(seconds=late_seconds)
    stage.services.stores.runs.create(run(id=run_id, due_at=due_at))


def hints(stage: Stage) -> list[str]:
    sqs = stage.services.clients.sqs
    queue = sqs.get_queue_url(QueueName=f"penstock-{stage.name}-runs")["QueueUrl"]
    return [message["Body"] for message in sqs.receive_message(QueueUrl=queue).get("Messages", [])]


def test_only_runs_that_are_long_late_are_stuck(stage: Stage) -> None:
    create(stage, "exec_late", 3_600)
    create(stage, "exec_latest", 7_200)
    create(stage, "exec_prompt", 60)
    create(stage, "exec_waiting", -3_600)

    rows = stage.rows("stuck-runs", code=3)

    assert [(row["run"], row["late_seconds"]) for row in rows] == [("exec_latest", 7_200), ("exec_late", 3_600)]
    assert rows[0]["status"] == RunStatus.QUEUED.value
    assert hints(stage) == []


def test_how_late_is_late_can_be_said(stage: Stage) -> None:
    create(stage, "exec_a", 60)

    assert stage.rows("stuck-runs") == []
    assert len(stage.rows("stuck-runs", "--late", "30", code=3)) == 1


def test_a_hint_sends_the_runs_message_again(stage: Stage) -> None:
    create(stage, "exec_late", 3_600)

    (row,) = stage.rows("stuck-runs", "--hint")

    (sent,) = hints(stage)
    assert row["run"] == "exec_late"
    assert "exec_late" in sent

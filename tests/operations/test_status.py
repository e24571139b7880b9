"""How far an installation lags, at a glance."""

from __future__ import annotations

from datetime import timedelta

from tests.operations.conftest import Stage
from tests.store.samples import run


def test_a_stage_at_rest_wants_no_attention(stage: Stage) -> None:
    rows = stage.rows("status")

    assert [(row["work"], row["overdue_seconds"], row["dead"]) for row in rows] == [
        ("runs", 0, 0),
        ("deliveries", 0, 0),
    ]


def test_work_that_lags_wants_attention(stage: Stage) -> None:
    due_at = stage.services.clock.now() - timedelta(hours=1)
    stage.services.stores.runs.create(run(id="exec_late", due_at=due_at))

    assert stage.rows("status", code=3)[0]["overdue_seconds"] == 3_600
    assert stage.rows("status", "--late", "7200")[0]["overdue_seconds"] == 3_600


def test_dead_letters_want_attention(stage: Stage) -> None:
    sqs = stage.services.clients.sqs
    dead = sqs.get_queue_url(QueueName=f"penstock-{stage.name}-deliveries-dead")["QueueUrl"]
    sqs.send_message(QueueUrl=dead, MessageBody="given up")

    runs, deliveries = stage.rows("status", code=3)

    assert (runs["dead"], deliveries["dead"]) == (0, 1)

"""Dead letters: seen without being touched, sent again, thrown away."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.operations import dead_letters
from tests.operations.conftest import Stage


@pytest.fixture(autouse=True)
def _impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulated queue has no servers that a poll could miss."""
    monkeypatch.setattr(dead_letters, "PATIENCE_SECONDS", 0)


def url(stage: Stage, queue: str) -> str:
    found: str = stage.services.clients.sqs.get_queue_url(QueueName=f"penstock-{stage.name}-{queue}")["QueueUrl"]
    return found


def give_up(stage: Stage, *bodies: str, queue: str = "runs") -> list[str]:
    sqs, dead = stage.services.clients.sqs, url(stage, f"{queue}-dead")
    return [sqs.send_message(QueueUrl=dead, MessageBody=body)["MessageId"] for body in bodies]


def waiting(stage: Stage, queue: str) -> list[str]:
    """Takes what is in the queue."""
    answer = stage.services.clients.sqs.receive_message(QueueUrl=url(stage, queue), MaxNumberOfMessages=10)
    return sorted(message["Body"] for message in answer.get("Messages", []))


def bodies(rows: Any) -> list[str]:
    return sorted(row["body"] for row in rows)


def test_an_empty_queue_wants_no_attention(stage: Stage) -> None:
    assert stage.rows("dead-letters", "list") == []


def test_looking_leaves_the_messages_for_others(stage: Stage) -> None:
    give_up(stage, *(f"m{n:02}" for n in range(12)))

    first = stage.rows("dead-letters", "list", code=3)
    second = stage.rows("dead-letters", "list", code=3)

    assert bodies(first) == bodies(second) == [f"m{n:02}" for n in range(12)]
    assert len(waiting(stage, "runs-dead")) == 10


def test_no_more_than_the_limit_is_looked_at(stage: Stage) -> None:
    give_up(stage, "a", "b", "c")

    assert len(stage.rows("dead-letters", "list", "--limit", "2", code=3)) == 2


def test_redriving_all_moves_every_message(stage: Stage) -> None:
    give_up(stage, "a", "b")

    moved = stage.rows("dead-letters", "redrive", "--all")

    assert bodies(moved) == ["a", "b"]
    assert waiting(stage, "runs") == ["a", "b"]
    assert waiting(stage, "runs-dead") == []


def test_redriving_one_message_leaves_the_others(stage: Stage) -> None:
    _, wanted = give_up(stage, "a", "b")

    moved = stage.rows("dead-letters", "redrive", "--message", wanted)

    assert bodies(moved) == ["b"]
    assert waiting(stage, "runs") == ["b"]
    assert waiting(stage, "runs-dead") == ["a"]


def test_a_message_whose_sending_fails_stays_given_up(stage: Stage) -> None:
    give_up(stage, "a")
    sqs = stage.services.clients.sqs

    def refuse(params: Any, **_: Any) -> None:
        params["body"] = b"{}"

    sqs.meta.events.register("before-call.sqs.SendMessage", refuse)
    try:
        assert stage.run("dead-letters", "redrive", "--all") == 1
    finally:
        sqs.meta.events.unregister("before-call.sqs.SendMessage", refuse)

    assert waiting(stage, "runs-dead") == ["a"]


def test_deleting_throws_away_what_is_named(stage: Stage) -> None:
    wanted, _ = give_up(stage, "a", "b", queue="deliveries")

    deleted = stage.rows("dead-letters", "delete", "--queue", "deliveries", "--message", wanted)

    assert bodies(deleted) == ["a"]
    assert waiting(stage, "deliveries-dead") == ["b"]
    assert waiting(stage, "deliveries") == []


def test_a_stage_that_does_not_exist_is_refused(stage: Stage) -> None:
    stage.services.settings = replace(stage.services.settings, stage="no")

    assert stage.run("dead-letters", "list") == 1
    assert "There is no queue penstock-no-runs-dead" in stage.err.getvalue()


@pytest.mark.parametrize("doing", ["redrive", "delete"])
def test_it_has_to_be_said_which_messages(stage: Stage, doing: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        stage.run("dead-letters", doing)

    assert stopped.value.code == 2

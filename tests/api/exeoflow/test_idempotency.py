"""A key chosen by the caller makes repeated starts one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.run import Run
from tests.api.gateway import Answer
from tests.api.world import World

KEY = {"idempotency-key": "bestellung-4711"}
Start = Callable[..., Answer]


@pytest.fixture(params=["execute", "webhook"])
def start(world: World, request: pytest.FixtureRequest) -> Start:
    workflow = world.active_workflow()
    if request.param == "execute":
        target = f"/v1/workflows/{workflow}/execute"
        return lambda given, headers=KEY: world.call("POST", target, {"input": given}, headers=headers)
    hook = world.webhook(workflow)
    return lambda given, headers=KEY: world.call(
        "POST", f"/webhook/{hook['id']}", given, key=hook["token"], headers=headers
    )


def started(world: World) -> list[str]:
    return [item["id"] for item in world.call("GET", "/v1/executions").data["executions"]]


def test_a_repetition_gets_the_first_ones_reply(world: World, start: Start) -> None:
    first = start({"a": 1, "b": [1.0]})
    world.clock.advance(3600)

    again = start({"b": [1.0], "a": 1})

    assert again.status == 200
    assert again.text == first.text
    assert started(world) == [first.data["execution_id"]]


def test_a_repetition_after_the_end_starts_nothing(world: World, start: Start) -> None:
    first = start({"a": 1})
    world.run_it(first.data["execution_id"])

    assert start({"a": 1}).text == first.text
    assert len(started(world)) == 1


@pytest.mark.parametrize("other", [{}, {"a": 1.0}, {"a": "1"}, {"a": True}, {"a": 1, "b": None}])
def test_another_input_under_the_same_key_is_refused(world: World, start: Start, other: Any) -> None:
    start({"a": 1})
    before = world.stored()

    reply = start(other)

    assert reply.status == 400
    assert reply.json["error"] == {
        "code": "IDEMPOTENCY_CONFLICT",
        "message": "Idempotency-Key wurde schon mit einem anderen Inhalt verwendet",
    }
    assert world.stored() == before


def test_another_key_starts_another_execution(world: World, start: Start) -> None:
    start({"a": 1})
    start({"a": 1}, {"idempotency-key": "bestellung-4712"})
    start({"a": 1}, {})
    start({"a": 1}, {})

    assert len(started(world)) == 4


def test_a_key_is_forgotten_after_a_day(world: World, start: Start) -> None:
    start({"a": 1})
    world.clock.advance(24 * 3600)

    assert start({"a": 2}).status == 200
    assert len(started(world)) == 2


@pytest.mark.parametrize("before_the_mark", [True, False])
def test_of_starts_at_the_same_moment_one_counts(world: World, start: Start, before_the_mark: bool) -> None:
    put = world.mark_store.put
    replies: list[Answer] = []

    def interleaved(name: str, value: str, expires_at: Any) -> str:
        world.mark_store.put = put  # type: ignore[method-assign]
        if before_the_mark:
            replies.append(start({"a": 1}))
            return put(name, value, expires_at)
        counted = put(name, value, expires_at)
        replies.append(start({"a": 1}))
        return counted

    world.mark_store.put = interleaved  # type: ignore[method-assign]
    replies.append(start({"a": 1}))

    assert [reply.status for reply in replies] == [200, 200]
    assert replies[0].text == replies[1].text
    assert started(world) == [replies[0].data["execution_id"]]


def test_a_start_that_died_after_its_mark_is_made_good_by_the_repetition(world: World, start: Start) -> None:
    create = world.run_store.create

    def fail(run: Run) -> None:
        world.run_store.create = create  # type: ignore[method-assign]
        raise UnavailableError

    world.run_store.create = fail  # type: ignore[method-assign]
    assert start({"a": 1}).status == 500
    assert started(world) == []
    world.clock.advance(5)

    replies = [start({"a": 1}), start({"a": 1})]

    assert replies[0].text == replies[1].text
    assert started(world) == [replies[0].data["execution_id"]]
    assert [hint.run_id for hint in world.queue.hints] == started(world)


@pytest.mark.parametrize("key", ["", "x" * 256, "ü", "a\tb", "a\x7f", "schlüssel", "✓"])
def test_a_key_that_is_none_is_refused(world: World, start: Start, key: str) -> None:
    reply = start({"a": 1}, {"idempotency-key": key})

    assert reply.status == 400
    assert reply.json["error"] == {"code": "VALIDATION_ERROR", "message": "Ungültiger Wert für 'Idempotency-Key'"}
    assert started(world) == []


@pytest.mark.parametrize("key", ["x", "x" * 255, "a b", "~!#/", "../../etc"])
def test_a_key_may_have_any_printable_characters(world: World, start: Start, key: str) -> None:
    replies = [start({"a": 1}, {"idempotency-key": key}) for _ in range(2)]

    assert replies[0].text == replies[1].text


def test_a_key_belongs_to_its_workflow_its_workspace_and_its_way_in(world: World) -> None:
    mine, other = world.active_workflow(), world.workflow()
    theirs = world.workflow(world.other_key)
    hook = world.webhook(mine)
    keys = {mine: world.key, other: world.key, theirs: world.other_key}

    replies = [
        world.call("POST", f"/v1/workflows/{workflow}/execute", {"input": {"of": workflow}}, key=key, headers=KEY)
        for workflow, key in keys.items()
    ]
    replies.append(world.call("POST", f"/webhook/{hook['id']}", {"of": "hook"}, key=hook["token"], headers=KEY))

    assert [reply.status for reply in replies] == [200] * 4
    assert len({reply.data["execution_id"] for reply in replies}) == 4


def test_a_deleted_workflows_key_starts_nothing(world: World) -> None:
    workflow = world.workflow()
    target = f"/v1/workflows/{workflow}/execute"
    world.call("POST", target, headers=KEY)
    world.call("DELETE", f"/v1/workflows/{workflow}")

    assert world.call("POST", target, headers=KEY).status == 404

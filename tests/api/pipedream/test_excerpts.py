"""Events cut for lists: what is left is JSON of the same type and not much longer than a kilobyte."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.api.pipedream.excerpts import EXCERPT_BYTES, excerpt
from chalicelib.domain.json import Json
from tests.api.pipedream.conftest import Owned
from tests.api.world import World


def size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    "event", [None, True, 7, "x" * 1000, [], {}, {"a": "x" * 1000}, ["x" * 200] * 5, {"raw_event": {"a": 1}}]
)
def test_what_is_short_stays_whole(event: Any) -> None:
    assert excerpt(event) == event


@pytest.mark.parametrize(
    ("event", "cut"),
    [
        ("x" * 5000, "x" * 256),
        ({"a": 1, "b": "x" * 5000, "c": 2}, {"a": 1, "b": "x" * 256, "c": 2}),
        ({"a": "x" * 200, "b": ["y"] * 5000, "c": 2}, None),
        ([1] * 5000, [1] * 511),
        ({"raw_event": {"a": 1, "rows": [{"n": 1}] * 5000}}, None),
        ([["x" * 300]] * 10, [*[["x" * 256]] * 3, []]),
        ({"rows": [[1] * 600, 2], "c": 3}, {"rows": [[1] * 506]}),
        ({"é" * 600: 1, "b": 2}, {}),
        ({"n": 10**39, "rest": [0] * 5000}, None),
    ],
)
def test_what_is_long_is_cut_from_behind(event: Any, cut: Any) -> None:
    found = excerpt(event)

    assert type(found) is type(event)
    assert size(found) <= EXCERPT_BYTES
    if cut is not None:
        assert found == cut


def test_members_keep_their_order_and_the_first_ones_stay() -> None:
    event: Json = {f"m{number}": "x" * 100 for number in range(50)}

    found = excerpt(event)

    assert isinstance(found, dict)
    assert [*found] == [f"m{number}" for number in range(len(found))]
    assert EXCERPT_BYTES - 120 < size(found) <= EXCERPT_BYTES


def test_a_list_shows_excerpts_unless_events_are_asked_for(world: World, owned: Owned) -> None:
    event: Json = {"raw_event": {"text": "x" * 2000, "n": 1}}
    world.event_half.emit(owned.workflow, event)
    target = f"/v1/workflows/{owned.workflow}/event_summaries"

    assert world.call("GET", target).data[0]["event"] == {"raw_event": {"text": "x" * 256, "n": 1}}
    assert world.call("GET", f"{target}?expand=nothing").data[0]["event"] != event
    assert world.call("GET", f"{target}?expand=event").data[0]["event"] == event
    assert world.call("GET", f"{target}&expand=event").data[0]["event"] == event
    assert world.call("GET", target, {"expand": "event"}).data[0]["event"] == event


@pytest.mark.parametrize("text", ["x" * 900_000, "ü" * 300_000, '"' * 400_000])
def test_whole_events_come_on_as_many_pages_as_they_need(world: World, owned: Owned, text: str) -> None:
    for number in range(12):
        world.event_half.emit(owned.workflow, {"n": number, "text": text})
    target = f"/v1/workflows/{owned.workflow}/event_summaries?limit=100&expand=event"

    first = world.call("GET", target)
    older = world.call("GET", f"{target}&after={first.json['page_info']['end_cursor']}")
    again = world.call("GET", f"{target}&before={older.json['page_info']['start_cursor']}")

    numbers = [[row["event"]["n"] for row in page.data] for page in (first, older)]
    assert 0 < len(numbers[0]) < 12
    assert numbers[0] + numbers[1] == list(range(11, 11 - len(numbers[0] + numbers[1]), -1))
    assert first.json["page_info"]["total_count"] == 12
    assert first.json["page_info"]["count"] == len(numbers[0])
    assert all(row["event"]["text"] == text for row in first.data)
    assert again.data == first.data


def test_an_event_that_is_too_large_for_one_answer_is_cut(world: World, owned: Owned) -> None:
    world.event_half.emit(owned.workflow, {"n": 1, "text": "ü" * 2_000_000})

    (row,) = world.call("GET", f"/v1/workflows/{owned.workflow}/event_summaries?expand=event").data

    assert row["event"] == {"n": 1, "text": "ü" * 256}


def test_a_deliverys_payload_that_is_too_large_for_one_answer_is_cut(world: World, owned: Owned) -> None:
    world.call("POST", f"/v1/subscriptions?emitter_id={owned.workflow}&listener_id={owned.webhook}")
    world.event_half.emit(owned.workflow, {"n": 1, "text": "ü" * 2_000_000})
    world.event_half.deliver()
    target = f"/v1/webhooks/{owned.webhook}/deliveries"
    row = next(row for row in world.call("GET", target).data if row["type"] == "event")

    shown = world.call("GET", f"{target}/{row['id']}").data

    assert (shown["status"], len(shown["attempts"])) == ("succeeded", 1)
    assert shown["payload"] == {"n": 1, "text": "ü" * 256}

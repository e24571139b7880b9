"""Pages, cursors, and choosing members of what is listed."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.api.pipedream.conftest import Owned
from tests.api.world import World

WEBHOOKS = "/v1/users/me/webhooks"


@pytest.fixture
def webhooks(world: World) -> list[str]:
    """Ids of twelve, newest first."""
    made = []
    for number in range(12):
        made.append(world.call("POST", f"/v1/webhooks?url=https://a.example&name=n{number}").data["id"])
        world.clock.advance(1 if number % 3 else 0)
    listed = world.call("GET", f"{WEBHOOKS}?limit=100&include=id").data
    ids = [row["id"] for row in listed]
    assert sorted(ids) == sorted(made)
    return ids


@pytest.fixture
def events(world: World, owned: Owned) -> list[str]:
    """Ids of twelve, newest first."""
    return [str(world.event_half.emit(owned.workflow, {"n": number}).id) for number in range(12)][::-1]


def page(world: World, target: str, **query: Any) -> tuple[dict[str, Any], list[str]]:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    answer = world.call("GET", f"{target}?{asked}")
    assert answer.status == 200, answer.text
    return answer.json["page_info"], [row["id"] for row in answer.data]


class TestPages:
    @pytest.fixture(params=["webhooks", "events"])
    def listed(self, request: pytest.FixtureRequest) -> tuple[str, list[str]]:
        ids: list[str] = request.getfixturevalue(request.param)
        if request.param == "webhooks":
            return WEBHOOKS, ids
        return f"/v1/workflows/{request.getfixturevalue('owned').workflow}/event_summaries", ids

    def test_a_list_is_read_forward_by_the_last_cursor_of_each_page(
        self, world: World, listed: tuple[str, list[str]]
    ) -> None:
        target, ids = listed
        seen: list[str] = []
        counts = []
        after: dict[str, str] = {}
        while True:
            info, rows = page(world, target, limit=5, **after)
            assert (info["total_count"], info["count"]) == (12, len(rows))
            if not rows:
                break
            counts.append(len(rows))
            seen += rows
            after = {"after": info["end_cursor"]}

        assert counts == [5, 5, 2]
        assert seen == ids
        assert (info["start_cursor"], info["end_cursor"]) == (None, None)

    def test_the_page_before_the_second_one_is_the_first(self, world: World, listed: tuple[str, list[str]]) -> None:
        target, ids = listed
        first, _ = page(world, target, limit=5)
        second, _ = page(world, target, limit=5, after=first["end_cursor"])

        back, rows = page(world, target, limit=5, before=second["start_cursor"])

        assert back == first
        assert rows == ids[:5]

    def test_before_gives_what_stands_directly_in_front(self, world: World, listed: tuple[str, list[str]]) -> None:
        target, ids = listed
        whole, _ = page(world, target, limit=100)

        _, rows = page(world, target, limit=3, before=whole["end_cursor"])

        assert rows == ids[-4:-1]

    def test_both_cursors_give_what_is_between(self, world: World, listed: tuple[str, list[str]]) -> None:
        target, ids = listed
        newer, _ = page(world, target, limit=2)
        older, _ = page(world, target, limit=7)

        info, rows = page(world, target, limit=100, after=newer["end_cursor"], before=older["end_cursor"])

        assert rows == ids[2:6]
        assert info["total_count"] == len(ids)

    @pytest.mark.parametrize(("limit", "count"), [("1000", 12), ("100", 12), ("0", 1), ("-7", 1), ("+2", 2)])
    def test_a_limit_beyond_the_bounds_is_moved_to_them(
        self, world: World, listed: tuple[str, list[str]], limit: str, count: int
    ) -> None:
        target, ids = listed

        _, rows = page(world, target, limit=limit.replace("+", "%2B"))

        assert rows == ids[:count]

    def test_ten_are_given_unless_told_otherwise(self, world: World, listed: tuple[str, list[str]]) -> None:
        target, ids = listed

        assert page(world, target)[1] == ids[:10]
        assert page(world, target, after="", before="", org_id="")[1] == ids[:10]


def test_a_resources_cursor_is_its_id_in_base64(world: World, webhooks: list[str]) -> None:
    info, _ = page(world, WEBHOOKS, limit=3)

    expected = [base64.urlsafe_b64encode(webhooks[at].encode()).decode().rstrip("=") for at in (0, 2)]
    assert [info["start_cursor"], info["end_cursor"]] == expected


def test_an_events_cursor_is_its_id(world: World, owned: Owned, events: list[str]) -> None:
    info, _ = page(world, f"/v1/workflows/{owned.workflow}/event_summaries", limit=3)

    assert [info["start_cursor"], info["end_cursor"]] == [events[0], events[2]]


def test_a_page_goes_on_behind_what_was_deleted_meanwhile(world: World, webhooks: list[str]) -> None:
    info, rows = page(world, WEBHOOKS, limit=5)
    for id_ in rows:
        assert world.call("DELETE", f"/v1/webhooks/{id_}").status == 204

    after, rows = page(world, WEBHOOKS, limit=5, after=info["end_cursor"])

    assert rows == webhooks[5:10]
    assert after["total_count"] == 7


def test_events_stay_a_hundred_however_many_there_were(world: World, owned: Owned) -> None:
    ids = [str(world.event_half.emit(owned.source, {"n": number}).id) for number in range(105)][::-1]

    info, rows = page(world, f"/v1/sources/{owned.source}/event_summaries", limit=1000)

    assert (info["total_count"], info["count"]) == (100, 100)
    assert rows == ids[:100]


def test_event_ids_are_compared_as_numbers(world: World, owned: Owned) -> None:
    ids = [str(world.event_half.emit(owned.source, {"n": number}).id) for number in range(12)]
    events = f"/v1/sources/{owned.source}/events"

    world.call("DELETE", f"{events}?start_id={ids[9]}&end_id={ids[10]}")
    assert [row["event"]["n"] for row in world.call("GET", f"{events}?limit=100").data] == [
        11,
        8,
        7,
        6,
        5,
        4,
        3,
        2,
        1,
        0,
    ]

    # Backwards there is nothing; milliseconds alone are all of their events.
    assert world.call("DELETE", f"{events}?start_id={ids[5]}&end_id={ids[3]}").status == 202
    assert world.call("GET", events).json["page_info"]["total_count"] == 10
    assert world.call("DELETE", f"{events}?start_id={ids[0].split('-')[0]}&end_id={ids[0].split('-')[0]}").status == 202
    assert world.call("GET", events).json["page_info"]["total_count"] == 0


class TestChoosingMembers:
    @pytest.mark.parametrize(
        ("query", "members"),
        [
            ("include=id", ["id"]),
            ("include=name,id,nothing", ["id", "name"]),
            ("include=%20id%20,%20url", ["id", "url"]),
            ("include=", ["id", "name", "description", "url", "active", "created_at", "updated_at"]),
            ("exclude=", ["id", "name", "description", "url", "active", "created_at", "updated_at"]),
            ("exclude=url,active,created_at,updated_at,nothing", ["id", "name", "description"]),
            ("include=id,url&exclude=url", ["id"]),
            ("include=nothing", []),
        ],
    )
    def test_members_are_included_and_then_excluded(
        self, world: World, owned: Owned, query: str, members: list[str]
    ) -> None:
        answer = world.call("GET", f"{WEBHOOKS}?{query}")

        assert [*answer.data[0]] == members
        assert answer.json["page_info"]["count"] == 1

    def test_it_works_on_single_resources_and_from_bodies(self, world: World, owned: Owned) -> None:
        made = world.call("POST", "/v1/webhooks", {"url": "https://a.example", "include": "id,url"})
        changed = world.call("PUT", f"/v1/webhooks/{owned.webhook}?include=name", {"name": "x", "include": "id"})
        subscribed = world.call(
            "POST", f"/v1/subscriptions?emitter_id=p_*&listener_id={owned.webhook}&exclude=id,event_name"
        )

        assert [*made.data] == ["id", "url"]
        assert changed.json == {"data": {"name": "x"}}
        assert subscribed.json == {"data": {"emitter_id": "p_*", "listener_id": owned.webhook}}

    @pytest.mark.parametrize("value", [1, ["id"], {"id": True}])
    def test_names_are_a_text(self, world: World, value: Any) -> None:
        before = world.stored()

        answer = world.call("POST", "/v1/webhooks", {"url": "https://a.example", "include": value})

        assert (answer.status, answer.json) == (400, {"error": "include must be a string"})
        assert world.stored() == before


class TestDeliveries:
    def test_they_are_listed_newest_first_a_page_at_a_time(self, world: World, owned: Owned) -> None:
        target = f"/v1/webhooks/{owned.webhook}"
        made = [owned.delivery]
        for _ in range(11):
            world.clock.advance(1)
            made.insert(0, world.call("POST", f"{target}/test").data["id"])

        seen: list[str] = []
        counts = []
        cursor: str | None = ""
        while cursor is not None:
            answer = world.call("GET", f"{target}/deliveries?limit=5&cursor={cursor}")
            assert answer.status == 200
            counts.append(answer.json["page_info"]["count"])
            seen += [row["id"] for row in answer.data]
            cursor = answer.json["page_info"]["next_cursor"]

        assert counts == [5, 5, 2]
        assert seen == made

    def test_they_are_found_by_status_and_time(self, world: World, owned: Owned) -> None:
        target = f"/v1/webhooks/{owned.webhook}"
        world.clock.advance(86_400)
        late = world.call("POST", f"{target}/test").data["id"]

        def found(query: str) -> list[str]:
            return [row["id"] for row in world.call("GET", f"{target}/deliveries?{query}").data]

        assert found("status=pending") == [late]
        assert found("status=succeeded") == [owned.delivery]
        assert found("status=pending,succeeded") == [late, owned.delivery]
        assert found("status=dead") == []
        assert found("since=2026-11-03") == [late]
        assert found("until=2026-11-02") == [owned.delivery]
        assert found("since=2026-11-02&until=2026-11-03") == [late, owned.delivery]

"""Definitions as files: what a plan says, and that applying makes it so, once, whatever happens in between."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chalicelib.cli.exits import Exit
from tests.cli.house import CrashError, House, WorldClient, calls, graph, tasks


def actions(house: House, *options: str) -> dict[str, str]:
    steps = house.json("plan", str(house.directory / "defs"), *options)["steps"]
    return {step["key"]: step["action"] for step in steps}


def apply(house: House, *options: str) -> int:
    return house.run("apply", str(house.directory / "defs"), "--yes", *options)


def workflows(house: House) -> dict[str, Any]:
    """Those of the workspace, by name."""
    listed = house.world.call("GET", "/v1/workflows?limit=100").data["workflows"]
    found = {each["name"]: house.world.call("GET", f"/v1/workflows/{each['id']}").data for each in listed}
    assert len(found) == len(listed)
    return found


def definitions(house: House) -> list[Any]:
    found: list[Any] = house.world.call("GET", "/workflowsvc/api/v1/workflowdefs?nsfilter=plant_1").json["_list"]
    return found


def lock(house: House) -> dict[str, Any]:
    (items,) = json.loads((house.directory / "defs/penstock.lock.json").read_text())["targets"].values()
    found: dict[str, Any] = items
    return found


def test_what_is_new_is_created_and_then_nothing_is_left_to_do(house: House) -> None:
    house.write("defs/order.json", graph("Order", status="active", description="Ä"))
    house.write("defs/plant/valves.json", tasks("valves"))

    assert actions(house) == {"order": "create", "plant/valves": "create"}
    assert apply(house) == Exit.DONE
    assert (workflows(house)["Order"]["status"], workflows(house)["Order"]["description"]) == ("active", "Ä")
    assert [each["_name"] for each in definitions(house)] == ["valves"]
    assert actions(house) == {"order": "unchanged", "plant/valves": "unchanged"}


def test_applying_twice_writes_nothing(house: House) -> None:
    members = {"status": "active", "schedules": [{"name": "daily", "cron": "@daily"}]}
    house.write("defs/order.json", graph("Order", **members, subscriptions=[{"url": "https://example.org/in"}]))
    house.write("defs/valves.json", tasks("valves", _password="secret"))
    apply(house)
    before = house.world.stored()
    written = (house.directory / "defs/penstock.lock.json").read_text()

    assert apply(house) == Exit.DONE

    assert house.world.stored() == before
    assert (house.directory / "defs/penstock.lock.json").read_text() == written
    assert {call.split()[0] for call in house.clients[-1].calls} == {"GET"}


def test_a_plan_says_member_by_member_what_changes(house: House) -> None:
    old = {"id": "call", "type": "http_request", "config": {"url": "https://a.example.org", "headers": {"x.y": "1"}}}
    house.write("defs/order.json", graph("Order", old, {"id": "end", "type": "noop"}, timeout_seconds=60))
    apply(house)
    new = {"id": "call", "type": "http_request", "config": {"url": "https://b.example.org", "headers": {"x.y": "2"}}}
    house.write("defs/order.json", graph("Orders", new, {"id": "done", "type": "noop"}, timeout_seconds=90))

    (step,) = house.json("plan", str(house.directory / "defs"), "--exit-code", code=Exit.HAS_CHANGES)["steps"]

    assert {(change["op"], change["path"]) for change in step["changes"]} == {
        ("replace", "name"),
        ("replace", "nodes[call].config.url"),
        ("replace", "nodes[call].config.headers.x.y"),
        ("add", "nodes[done]"),
        ("remove", "nodes[end]"),
        ("add", "connections[call → done]"),
        ("remove", "connections[call → end]"),
        ("replace", "timeout_seconds"),
    }
    assert apply(house) == Exit.DONE
    assert workflows(house)["Orders"]["nodes"][1] == new
    assert actions(house) == {"order": "unchanged"}


def test_a_reference_becomes_the_others_id_whatever_the_order_of_files(house: House) -> None:
    house.write("defs/a.json", calls("First", "z"))
    house.write("defs/z.json", graph("Last"))

    assert list(actions(house)) == ["z", "a"]
    assert apply(house) == Exit.DONE

    called = workflows(house)["First"]["nodes"][1]["config"]["workflow_id"]
    assert called == workflows(house)["Last"]["id"]
    assert actions(house) == {"z": "unchanged", "a": "unchanged"}


def test_a_file_that_moves_keeps_its_workflow_by_its_key(house: House) -> None:
    house.write("defs/a.json", graph("Order", key="order"))
    apply(house)
    (house.directory / "defs/a.json").rename(house.directory / "defs/b.json")

    assert actions(house) == {"order": "unchanged"}


def test_what_somebody_else_changed_is_not_overwritten_unawares(house: House) -> None:
    house.write("defs/order.json", graph("Order"))
    apply(house)
    id_ = lock(house)["order"]["id"]
    house.world.clock.advance(60)
    house.world.call("PUT", f"/v1/workflows/{id_}", {"description": "by hand"})

    assert actions(house) == {"order": "conflict"}
    assert apply(house) == Exit.REFUSED
    assert "somebody changed it (2026-11-02T09:31:00Z)" in house.err
    assert workflows(house)["Order"]["description"] == "by hand"
    assert apply(house, "--force") == Exit.DONE
    assert workflows(house)["Order"]["description"] == ""


def test_a_change_by_hand_that_the_file_followed_is_no_conflict(house: House) -> None:
    house.write("defs/order.json", graph("Order"))
    apply(house)
    house.world.call("PUT", f"/v1/workflows/{lock(house)['order']['id']}", {"description": "better"})
    house.write("defs/order.json", graph("Order", description="better"))

    assert actions(house) == {"order": "unchanged"}
    assert apply(house) == Exit.DONE
    house.write("defs/order.json", graph("Order", description="best"))
    assert actions(house) == {"order": "update"}


def test_a_conflict_stops_an_apply_before_it_does_anything(house: House) -> None:
    house.write("defs/order.json", graph("Order"))
    apply(house)
    house.world.call("PUT", f"/v1/workflows/{lock(house)['order']['id']}", {"description": "by hand"})
    house.write("defs/another.json", graph("Another"))

    assert apply(house) == Exit.REFUSED
    assert "Another" not in workflows(house)


def test_a_change_between_plan_and_apply_is_noticed(house: House) -> None:
    house.write("defs/order.json", graph("Order"))
    apply(house)
    id_ = lock(house)["order"]["id"]
    house.write("defs/order.json", graph("Order", description="from the file"))

    def meanwhile(client: WorldClient) -> None:
        seen = [0]

        def after(_: int) -> None:
            if client.calls[-1] == f"GET /v1/workflows/{id_}":
                seen[0] += 1
                if seen[0] == 1:
                    house.world.call("PUT", f"/v1/workflows/{id_}", {"description": "by hand"})

        client.after = after

    house.prepare = meanwhile
    assert apply(house) == Exit.REFUSED
    assert "just now; plan again" in house.err
    assert workflows(house)["Order"]["description"] == "by hand"


def test_what_lost_its_file_is_deleted_only_where_that_is_asked_for(house: House) -> None:
    for name in ("a", "b"):
        house.write(f"defs/{name}.json", graph(name.upper()))
    house.write("defs/valves.json", tasks("valves"))
    house.world.workflow(name="made by hand")
    apply(house)
    for name in ("b", "valves"):
        (house.directory / f"defs/{name}.json").unlink()

    assert actions(house) == {"a": "unchanged", "b": "orphaned", "valves": "orphaned"}
    assert apply(house) == Exit.DONE
    assert "B" in workflows(house)
    assert actions(house, "--prune") == {"a": "unchanged", "b": "delete", "valves": "delete"}
    assert apply(house, "--prune") == Exit.DONE
    assert set(workflows(house)) == {"A", "made by hand"}
    assert definitions(house) == []
    assert list(lock(house)) == ["a"]


def test_what_was_changed_by_hand_is_not_pruned_unawares(house: House) -> None:
    house.write("defs/a.json", graph("A"))
    house.write("defs/b.json", graph("B"))
    apply(house)
    house.world.call("PUT", f"/v1/workflows/{lock(house)['b']['id']}", {"description": "by hand"})
    (house.directory / "defs/b.json").unlink()

    assert apply(house, "--prune") == Exit.REFUSED
    assert apply(house, "--prune", "--force") == Exit.DONE
    assert set(workflows(house)) == {"A"}


def test_what_is_gone_is_made_again(house: House) -> None:
    house.write("defs/a.json", graph("A"))
    apply(house)
    house.world.call("DELETE", f"/v1/workflows/{lock(house)['a']['id']}")

    (step,) = house.json("plan", str(house.directory / "defs"))["steps"]

    assert step["action"] == "create"
    assert "is gone" in step["reason"]
    assert apply(house) == Exit.DONE
    assert actions(house) == {"a": "unchanged"}


def test_a_workflow_of_the_same_name_is_taken_over_only_where_that_is_asked_for(house: House) -> None:
    there = house.world.workflow(name="Order")
    house.write("defs/order.json", graph("Order"))

    (step,) = house.json("plan", str(house.directory / "defs"))["steps"]
    assert (step["action"], there in step["reason"]) == ("create", True)
    assert actions(house, "--adopt") == {"order": "update"}
    assert apply(house, "--adopt") == Exit.DONE
    assert workflows(house)["Order"]["id"] == there
    assert actions(house) == {"order": "unchanged"}


def test_a_file_with_an_id_is_that_workflows(house: House) -> None:
    there = house.world.workflow(name="Old name")
    house.write("defs/order.json", graph("New name", id=there))

    assert apply(house) == Exit.DONE
    assert workflows(house)["New name"]["id"] == there


def test_another_workspace_has_items_of_its_own_in_the_lock(house: House) -> None:
    house.write("defs/a.json", graph("A"))
    apply(house)
    first = house.environ["PENSTOCK_KEY"]
    house.environ["PENSTOCK_KEY"] = house.world.other_key

    assert actions(house) == {"a": "create"}
    assert apply(house) == Exit.DONE
    house.environ["PENSTOCK_KEY"] = first
    assert actions(house) == {"a": "unchanged"}
    assert len(json.loads((house.directory / "defs/penstock.lock.json").read_text())["targets"]) == 2


def test_schedules_beside_a_workflow_are_made_changed_and_taken_away_by_their_names(house: House) -> None:
    def schedules(*declared: Any) -> None:
        house.write("defs/a.json", graph("A", schedules=[*declared]))
        assert apply(house) == Exit.DONE

    def present() -> dict[str, Any]:
        return {each["name"]: each for each in house.world.call("GET", "/v1/schedules").data["schedules"]}

    schedules({"name": "daily", "cron": "@daily"}, {"name": "often", "interval_seconds": 60, "input": {"x": 1}})
    house.world.schedule(lock(house)["a"]["id"], name="by hand")
    first = present()

    schedules({"name": "daily", "cron": "30 6 * * *", "timezone": "Europe/Vienna"})

    assert set(first) == {"daily", "often", "by hand"}
    assert (first["often"]["interval_seconds"], first["often"]["input"]) == (60, {"x": 1})
    assert set(present()) == {"daily", "by hand"}
    assert (present()["daily"]["id"], present()["daily"]["timezone"]) == (first["daily"]["id"], "Europe/Vienna")
    assert actions(house) == {"a": "unchanged"}


def test_subscriptions_beside_a_workflow_share_receivers_and_are_taken_away(house: House) -> None:
    def heard() -> set[tuple[str, str]]:
        urls = {each["id"]: each["url"] for each in house.world.call("GET", "/v1/users/me/webhooks").data}
        found = house.world.call("GET", "/v1/users/me/subscriptions").data
        return {(urls[each["listener_id"]], each["event_name"]) for each in found}

    url = "https://example.org/in"
    house.write("defs/a.json", graph("A", subscriptions=[{"url": url}, {"url": url, "channel": "$errors"}]))
    house.write("defs/b.json", graph("B", subscriptions=[{"url": url}]))
    apply(house)

    assert heard() == {(url, ""), (url, "$errors")}
    assert len(house.world.call("GET", "/v1/users/me/webhooks").data) == 1
    house.write("defs/a.json", graph("A", subscriptions=[{"url": url}]))
    assert apply(house) == Exit.DONE
    assert heard() == {(url, "")}
    assert actions(house) == {"a": "unchanged", "b": "unchanged"}


def test_a_secret_that_the_api_masks_is_changed_where_the_file_changed(house: House) -> None:
    house.write("defs/valves.json", tasks("valves", _password="first"))
    apply(house)

    assert actions(house) == {"valves": "unchanged"}
    house.write("defs/valves.json", tasks("valves", _password="second"))
    assert actions(house) == {"valves": "update"}
    assert apply(house) == Exit.DONE
    assert actions(house) == {"valves": "unchanged"}


def test_members_that_a_twinit_file_loses_are_lost(house: House) -> None:
    house.write("defs/valves.json", {**tasks("valves"), "_description": "x", "_timeoutSeconds": 60, "_userType": "t"})
    apply(house)
    house.write("defs/valves.json", tasks("valves"))

    assert apply(house) == Exit.DONE
    assert actions(house) == {"valves": "unchanged"}
    assert definitions(house)[0]["_timeoutSeconds"] is None


def test_a_definition_follows_its_file_into_another_namespace(house: House) -> None:
    house.write("defs/valves.json", tasks("valves"))
    apply(house)
    house.write("defs/valves.json", {**tasks("valves"), "_namespaces": ["plant_2"]})

    assert apply(house) == Exit.DONE
    assert actions(house) == {"valves": "unchanged"}
    assert definitions(house) == []
    assert lock(house)["valves"]["scope"] == "plant_2"


def sample(house: House) -> None:
    house.write("defs/a.json", {**calls("A", "b"), "status": "active"})
    members: dict[str, Any] = {"schedules": [{"name": "daily", "cron": "@daily"}], "status": "active"}
    house.write("defs/b.json", graph("B", subscriptions=[{"url": "https://example.org/in"}], **members))
    house.write("defs/valves.json", tasks("valves", _password="secret"))


def calls_of_an_apply(directory: Path) -> int:
    from tests.api.world import World

    house = House(World(), directory)
    sample(house)
    apply(house)
    return len(house.clients[-1].calls)


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_apply_that_died_is_completed_by_the_next_without_duplicates(tmp_path: Path, when: str) -> None:
    """At each of its calls: before the server did it, and after, with the answer lost."""
    from tests.api.world import World

    for fatal in range(calls_of_an_apply(tmp_path / "whole")):
        house = House(World(), tmp_path / str(fatal))
        sample(house)

        def die(number: int, fatal: int = fatal) -> None:
            if number == fatal:
                raise CrashError

        house.prepare = lambda client, die=die: setattr(client, when, die)  # type: ignore[misc]
        with pytest.raises(CrashError):
            apply(house)
        house.prepare = lambda _: None

        assert apply(house) == Exit.DONE, house.err
        assert set(workflows(house)) == {"A", "B"}
        assert {each["status"] for each in workflows(house).values()} == {"active"}
        assert len(definitions(house)) == 1
        assert len(house.world.call("GET", "/v1/schedules").data["schedules"]) == 1
        assert len(house.world.call("GET", "/v1/users/me/subscriptions").data) == 1
        assert set(actions(house).values()) == {"unchanged"}


def test_a_refusal_in_the_middle_leaves_the_rest_for_the_next_apply(house: House) -> None:
    house.write("defs/a.json", graph("A"))
    house.write("defs/b.json", graph("B", schedules=[{"name": "x", "cron": "@daily"}]))
    limited = house.world.new_key("ws_one", "workflows:read", "workflows:write")
    full, house.environ["PENSTOCK_KEY"] = house.environ["PENSTOCK_KEY"], limited

    assert apply(house) == Exit.REFUSED
    assert "403 FORBIDDEN" in house.err
    assert "1 of 2 done, and noted; apply again for the rest\n" in house.err
    house.environ["PENSTOCK_KEY"] = full
    assert apply(house) == Exit.DONE
    assert set(workflows(house)) == {"A", "B"}


def test_an_interrupt_in_the_middle_says_how_to_go_on(house: House) -> None:
    for name in ("a", "b", "c"):
        house.write(f"defs/{name}.json", graph(name.upper()))

    def interrupt(client: WorldClient) -> None:
        def before(_: int) -> None:
            created = [call for call in client.calls if call == "POST /v1/workflows"]
            if len(created) == 3:
                raise KeyboardInterrupt

        client.before = before

    house.prepare = interrupt
    assert apply(house) == Exit.INTERRUPTED
    assert house.err.splitlines()[-2:] == ["2 of 3 done, and noted; apply again for the rest", "interrupted"]

    house.prepare = lambda _: None
    assert apply(house) == Exit.DONE
    assert sorted(workflows(house)) == ["A", "B", "C"]


def test_problems_in_files_stop_everything_before_any_call(house: House) -> None:
    house.write("defs/a.json", graph("A", {"id": "x"}))

    assert apply(house) == Exit.REFUSED
    assert "a.json:1:" in house.err
    assert house.clients == []


def test_nobody_to_ask_means_no(house: House) -> None:
    house.write("defs/a.json", graph("A"))

    assert house.run("apply", str(house.directory / "defs")) == Exit.REFUSED
    assert "+ create a" in house.err
    assert workflows(house) == {}


def test_a_lock_that_is_damaged_is_left_alone(house: House) -> None:
    house.write("defs/a.json", graph("A"))
    for text in ("{", '{"version": 2}', '{"version": 1, "targets": {"x": {"a": {"idd": 1}}}}'):
        path = house.write("defs/penstock.lock.json", text)

        assert apply(house) == Exit.REFUSED
        assert path.read_text() == text
    assert workflows(house) == {}

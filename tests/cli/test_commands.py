"""What the commands say and how they end, over the API itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.cli.exits import Exit
from tests.api.pipedream.test_workflows import create
from tests.cli.house import House, graph, tasks

FAILS = {"id": "no", "type": "fail", "config": {"message": "kaputt"}}
WAITS = {"id": "pause", "type": "wait", "config": {"seconds": 5}}
ASKS = {"id": "ask", "type": "user_input", "config": {}}
SAYS = {"id": "say", "type": "emit", "config": {"event": {"n": "{{ $input.n }}"}, "channel": "orders"}}


def active(house: House, *nodes: Any) -> str:
    return house.world.active_workflow(**graph("Flow", *nodes))


def test_a_pushed_file_becomes_a_workflow_and_a_pulled_one_a_file(house: House) -> None:
    path = house.write("order.json", graph("Order", status="active"))

    id_ = house.json("workflows", "push", str(path))["id"]
    out = house.directory / "pulled.yaml"
    assert house.run("workflows", "pull", id_, "--out", str(out)) == Exit.DONE
    assert house.run("workflows", "diff", str(out), "--exit-code") == Exit.DONE
    assert house.out == ""

    out.write_text(out.read_text().replace("name: Order", "name: Bestellung"))
    assert house.run("workflows", "diff", str(out), "--exit-code") == Exit.HAS_CHANGES
    assert house.out == '~ name: "Order" → "Bestellung"\n'
    assert house.json("workflows", "push", str(out))["id"] == id_
    assert house.json("workflows", "show", id_)["name"] == "Bestellung"


def test_a_pulled_file_is_not_overwritten_unawares(house: House) -> None:
    id_ = house.world.workflow()
    path = house.write("there.json", "mine")

    assert house.run("workflows", "pull", id_, "-o", str(path)) == Exit.REFUSED
    assert path.read_text() == "mine"
    assert house.run("workflows", "pull", id_, "-o", str(path), "--force") == Exit.DONE
    assert json.loads(path.read_text())["id"] == id_


def test_a_twinit_definition_is_found_in_its_namespace(house: House) -> None:
    path = house.write("valves.json", tasks("valves"))
    id_ = house.json("workflows", "push", str(path))["id"]

    assert house.run("workflows", "show", id_) == Exit.REFUSED
    assert "--namespace" in house.err
    assert house.json("workflows", "show", id_, "--namespace", "plant_1")["_name"] == "valves"
    assert [each["id"] for each in house.json("workflows", "list", "--namespace", "plant_1")] == [id_]
    assert house.run("workflows", "delete", id_, "--namespace", "plant_1", "--yes") == Exit.DONE


def test_a_workflow_of_another_dialect_is_shown_and_has_no_file(house: House) -> None:
    id_ = create(house.world)["id"]

    assert house.run("workflows", "show", id_) == Exit.DONE
    assert house.run("workflows", "pull", id_) == Exit.REFUSED
    assert "has no files" in house.err


def test_a_list_reads_all_pages(house: House) -> None:
    made = {house.world.workflow(name=f"W{number}") for number in range(103)}

    assert {each["id"] for each in house.json("workflows", "list")} == made
    house.run("workflows", "list")
    assert len(house.out.splitlines()) == 104
    assert house.out.split()[:2] == ["ID", "STATUS"]


def test_a_workflow_is_activated_deactivated_and_deleted(house: House) -> None:
    id_ = house.world.workflow()

    assert house.json("workflows", "activate", id_)["status"] == "active"
    assert house.json("workflows", "deactivate", id_)["status"] == "inactive"
    assert house.run("workflows", "delete", id_) == Exit.REFUSED
    assert house.run("workflows", "delete", id_, "--yes") == Exit.DONE
    assert house.run("workflows", "show", id_) == Exit.REFUSED


@pytest.mark.parametrize(
    ("node", "code", "state"), [(WAITS, Exit.DONE, "succeeded"), (FAILS, Exit.RUN_FAILED, "failed")]
)
def test_waiting_for_a_run_ends_as_the_run_does(house: House, node: Any, code: Exit, state: str) -> None:
    id_ = active(house, node)

    run = house.json("workflows", "run", id_, "--input", '{"a": "ä"}', "--wait", code=code)

    assert (run["state"], run["input"]) == (state, {"a": "ä"})
    assert f"{node['id']}  {state}" in house.err


def test_a_run_that_somebody_cancels_meanwhile_is_told_by_the_exit_code(house: House) -> None:
    id_ = active(house, ASKS)
    sleep = house.sleep

    def cancel(seconds: float) -> None:
        sleep(seconds)
        (run,) = house.world.call("GET", "/v1/executions").data["executions"]
        house.world.call("POST", f"/v1/executions/{run['id']}/cancel")

    house.sleep = cancel  # type: ignore[method-assign]
    assert house.run("workflows", "run", id_, "--wait", "--quiet") == Exit.RUN_CANCELLED
    assert house.err == ""


def test_who_has_waited_long_enough_leaves_the_run_as_it_is(house: House) -> None:
    id_ = active(house, ASKS)

    run = house.json("workflows", "run", id_, "--wait", "--timeout", "30", code=Exit.TIMED_OUT)

    assert run["state"] == "waiting"
    assert sum(house.slept) == pytest.approx(30, abs=0.01)
    assert f"{run['id']} goes on; it was waited for 30 s" in house.err


def test_an_interrupt_while_waiting_leaves_the_run_as_it_is(house: House) -> None:
    id_ = active(house, ASKS)

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    house.sleep = interrupt  # type: ignore[method-assign, assignment]
    assert house.run("workflows", "run", id_, "--wait") == Exit.INTERRUPTED
    (run,) = house.world.call("GET", "/v1/executions").data["executions"]
    assert (run["status"], f"{run['id']} goes on" in house.err, house.out) == ("running", True, "")


def test_of_starts_with_one_key_one_counts(house: House) -> None:
    id_ = active(house)
    starts = [
        house.json("workflows", "run", id_, "--idempotency-key", "k-1", "--input", "{}")["execution_id"]
        for _ in range(2)
    ]

    assert starts[0] == starts[1]


@pytest.mark.parametrize("given", ["{", "@nowhere.json", "@"])
def test_an_input_that_is_no_json_is_wrong_usage(house: House, given: str) -> None:
    id_ = active(house)

    assert house.run("workflows", "run", id_, "--input", given) == Exit.USAGE
    assert house.err.startswith("penstock: --input: ")
    assert house.err.count("\n") == 1


def test_input_comes_from_a_file_or_stdin(house: House) -> None:
    id_ = active(house)
    path = house.write("input.json", {"from": "file"})

    for argument, given in ((f"@{path}", ""), ("-", '{"from": "stdin"}')):
        started = house.json("workflows", "run", id_, "--input", argument, given=given)
        run = house.json("runs", "show", started["execution_id"])
        assert run["input"]["from"] in {"file", "stdin"}
        assert ("stdin" in run["input"]["from"]) == (argument == "-")


def test_runs_are_listed_shown_retried_and_steered(house: House) -> None:
    id_ = active(house, ASKS)
    run = house.json("workflows", "run", id_)["execution_id"]
    house.world.work()

    assert [each["id"] for each in house.json("runs", "list", "--workflow", id_, "--status", "running")] == [run]
    assert house.json("runs", "pause", run)["state"] == "paused"
    assert house.json("runs", "resume", run)["state"] != "paused"
    house.world.work()
    assert house.run("runs", "answer", run, "ask", '{"ok": true}') == Exit.DONE
    house.world.work()
    house.run("runs", "show", run)
    assert 'output    {"ok":true}' in house.out
    assert "ask    succeeded" in house.out
    assert house.json("runs", "retry", run)["execution_id"] != run
    assert house.json("runs", "logs", run) == []
    assert house.run("runs", "cancel", run) == Exit.REFUSED
    assert "400 EXECUTION_NOT_RUNNING" in house.err


def test_tail_tells_steps_and_logs_and_how_the_run_ended(house: House) -> None:
    id_ = active(house, WAITS, FAILS)
    run = house.world.execution(id_)

    told = house.lines("tail", run, code=Exit.RUN_FAILED)

    assert [(each["type"], each.get("node_id"), each["state"]) for each in told if each["type"] == "step"] == [
        ("step", "pause", "waiting"),
        ("step", "start", "succeeded"),
        ("step", "pause", "succeeded"),
        ("step", "no", "failed"),
    ]
    assert (told[-1]["type"], told[-1]["state"]) == ("end", "failed")
    house.run("tail", run)
    assert "no  failed: kaputt" in house.out
    assert house.out.splitlines()[-1].startswith(f"{run} failed after")


def test_tail_goes_on_with_the_events_of_a_stream(house: House) -> None:
    id_ = active(house, SAYS)
    sleep = house.sleep

    def say(number: int) -> None:
        house.world.execution(id_, {"n": number})
        house.world.work()

    def later(seconds: float) -> None:
        sleep(seconds)
        say(9)

    say(1)
    say(2)
    house.sleep = later  # type: ignore[method-assign]

    told = house.lines("tail", "--stream", f"{id_}/orders", "--last", "1", "--count", "3")

    assert [each["event"]["n"] for each in told] == [2, 9, 9]
    assert house.run("tail", "--stream", id_, "--last", "0", "--timeout", "3") == Exit.TIMED_OUT


def test_tail_of_a_stream_that_is_empty_misses_nothing(house: House) -> None:
    id_ = active(house, SAYS)
    sleep = house.sleep

    def many(seconds: float) -> None:
        sleep(seconds)
        for number in range(130):
            house.world.execution(id_, {"n": number})
        house.world.work()

    house.sleep = many  # type: ignore[method-assign]
    told = house.lines("tail", "--stream", id_, "--count", "130")

    assert sorted(each["event"]["n"] for each in told) == [*range(130)]
    assert [each["id"] for each in told] == sorted((each["id"] for each in told), key=_order)


def _order(event_id: str) -> tuple[int, ...]:
    return tuple(map(int, event_id.split("-")))


def test_events_are_listed_newest_first_over_several_pages(house: House) -> None:
    id_ = active(house, SAYS)
    for number in range(105):
        house.world.execution(id_, {"n": number})
        house.world.work()

    found = house.json("events", id_, "--limit", "103")

    assert [each["event"]["n"] for each in found] == [*range(104, 1, -1)]


@pytest.mark.parametrize("arguments", [("tail",), ("tail", "exec_1", "--stream", "wf_1")])
def test_tail_follows_one_thing(house: House, arguments: tuple[str, ...]) -> None:
    assert house.run(*arguments) == Exit.USAGE


def test_schedules_are_made_previewed_paused_and_deleted(house: House) -> None:
    id_ = active(house)
    creating = ("--cron", "30 6 * * MON-FRI", "--timezone", "Europe/Vienna", "--name", "früh", "--input", '{"a": 1}')

    made = house.json("schedules", "create", id_, *creating)

    assert (made["name"], made["input"], made["enabled"]) == ("früh", {"a": 1}, True)
    assert [each["id"] for each in house.json("schedules", "list", "--workflow", id_)] == [made["id"]]
    assert house.json("schedules", "pause", made["id"])["enabled"] is False
    assert house.json("schedules", "resume", made["id"])["enabled"] is True
    assert len(house.json("schedules", "upcoming", made["id"], "--count", "3")["upcoming"]) == 3
    house.run("schedules", "show", made["id"])
    assert "30 6 * * MON-FRI (Europe/Vienna)" in house.out
    assert house.run("schedules", "delete", made["id"]) == Exit.DONE
    assert house.run("schedules", "show", made["id"]) == Exit.REFUSED
    assert house.json("schedules", "create", id_, "--every", "60", "--paused")["enabled"] is False


def test_webhooks_of_both_directions_are_listed(house: House) -> None:
    hook = house.world.webhook(active(house), name="in")
    endpoint = house.world.call("POST", "/v1/webhooks", {"url": "https://example.org/in"}).data

    house.run("webhooks", "list")

    assert f"inbound    {hook['id']}" in house.out
    assert f"outbound   {endpoint['id']}" in house.out


def test_deliveries_are_listed_shown_and_sent_again(house: House) -> None:
    endpoint = house.world.call("POST", "/v1/webhooks", {"url": "https://example.org/in"}).data["id"]
    sent = house.world.call("POST", f"/v1/webhooks/{endpoint}/test", {"payload": {"ä": 1}}).data["id"]

    assert [each["id"] for each in house.json("deliveries", "list", endpoint)] == [sent]
    assert house.json("deliveries", "show", endpoint, sent)["payload"] == {"ä": 1}
    assert house.run("deliveries", "list", endpoint) == Exit.DONE
    assert house.run("deliveries", "show", endpoint, sent) == Exit.DONE
    assert house.run("deliveries", "redeliver", endpoint, "msg_nothing") == Exit.REFUSED
    assert "404: record not found" in house.err


def test_keys_are_made_listed_and_ended(house: House) -> None:
    made = house.json("keys", "create", "--name", "CI", "--scope", "workflows:read", "--scope", "events:read")

    assert made["scopes"] == ["workflows:read", "events:read"]
    assert "cannot be shown again" in house.err
    house.run("keys", "list")
    assert made["id"] in house.out
    assert made["secret"] not in house.out
    assert house.json("keys", "revoke", made["id"])["revoked_at"]


def test_whoami_says_what_the_key_may_do(house: House) -> None:
    house.environ["PENSTOCK_KEY"] = house.world.new_key("ws_one", "events:read")

    me = house.json("whoami")

    assert (me["url"], me["scopes"], me["profile"]) == ("http://api.test", ["events:read"], None)


def test_a_refusal_is_one_line_with_its_code(house: House) -> None:
    path = house.write("order.json", graph("Order"))
    house.environ["PENSTOCK_KEY"] = house.world.new_key("ws_one", "events:read")

    assert house.run("workflows", "push", str(path)) == Exit.REFUSED
    assert house.err == (
        "penstock: POST /v1/workflows: 403 FORBIDDEN: Keine Berechtigung; what the key may do, says: penstock whoami\n"
    )
    assert house.out == ""


@pytest.mark.parametrize("id_", ["", "..", "a/b", "wf_%2e", "ü ?#"])
def test_an_id_is_never_part_of_an_address_as_it_stands(house: House, id_: str) -> None:
    assert house.run("runs", "show", id_) == Exit.REFUSED
    assert all("/../" not in call and "a/b" not in call for client in house.clients for call in client.calls)


def test_what_is_exported_is_what_a_plan_finds(house: House) -> None:
    child = house.world.workflow(name="Größe/Maß")
    call = {"id": "c", "type": "sub_workflow", "config": {"workflow_id": child}}
    parent = active(house, call)
    house.world.workflow(name="Flow")
    house.world.schedule(parent, name="daily")
    house.world.schedule(parent)
    house.json("workflows", "push", str(house.write("v.json", tasks("valves", _password="geheim"))))
    directory = house.directory / "defs"

    exported = house.json("export", str(directory), "--namespace", "plant_1", "--format", "yaml")

    names = {path.name for path in directory.iterdir()}
    assert names == {"flow.yaml", "flow-2.yaml", "grosse-mass.yaml", "valves.yaml", "penstock.lock.json"}
    assert {each["kind"] for each in exported} == {"exeoflow", "twinit"}
    assert "1 schedule without a name of its own was left out" in house.err
    assert "masked secrets" in house.err
    assert "workflow_id: '@grosse-mass'" in "".join(path.read_text() for path in directory.glob("flow*.yaml"))
    assert "geheim" not in (directory / "valves.yaml").read_text()
    assert house.json("plan", str(directory), "--exit-code")["summary"]["unchanged"] == 4
    assert house.run("export", str(directory)) == Exit.REFUSED
    assert house.run("export", str(directory), "--force") == Exit.DONE
    assert {path.name for path in directory.iterdir()} == names


def test_workflows_that_call_each_other_are_exported_as_files_that_do_not(house: House) -> None:
    def call(id_: str) -> Any:
        return {"id": "c", "type": "sub_workflow", "config": {"workflow_id": id_}}

    first = active(house)
    second = house.world.workflow(**graph("Second", call(first)))
    third = house.world.workflow(**graph("Third", call(second)))
    house.world.call("PUT", f"/v1/workflows/{first}", graph("Flow", call(third)))
    directory = house.directory / "defs"

    house.run("export", str(directory))

    assert house.run("validate", str(directory)) == Exit.DONE
    assert house.run("plan", str(directory), "--exit-code") == Exit.DONE


def test_an_exported_file_that_is_applied_leaves_secrets_as_they_are(house: House) -> None:
    house.json("workflows", "push", str(house.write("v.json", tasks("valves", _password="geheim"))))
    directory = house.directory / "defs"
    house.run("export", str(directory), "--namespace", "plant_1")
    path = directory / "valves.json"
    path.write_text(path.read_text().replace('"main"', '"other"'))

    assert house.run("apply", str(directory), "--yes") == Exit.DONE

    stored = [body.source for body in house.world.workflow_store._bodies.values()]
    assert any("geheim" in str(source) and "other" in str(source) for source in stored)

"""Connections, exports, imports, integrations and flows as files: references, secrets from the environment, order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chalicelib.cli.definitions import variables
from chalicelib.cli.exits import Exit
from chalicelib.domain.flows.flows import MASK, ResourceKind
from tests.api.world import World
from tests.cli.house import CrashError, House, calls, graph

FOLDERS = ("connections", "integrations", "exports", "imports", "flows")


def connection(name: str = "Depot", token: str = "${ENV:DEPOT_TOKEN}", **members: Any) -> dict[str, Any]:
    auth = {"type": "token", "token": {"token": token, "location": "header"}}
    http = {"baseURI": "https://depot.example.org", "mediaType": "json", "auth": auth}
    return {"name": name, "type": "http", "http": http, **members}


def sample(house: House) -> None:
    house.environ["DEPOT_TOKEN"] = "first"
    house.write("defs/depot.json", connection(_integrationId="@team"))
    house.write("defs/team.json", {"kind": "celigo-integration", "name": "Team"})
    read = {"method": "GET", "relativeURI": "/parcels"}
    house.write(
        "defs/parcels.json", {"name": "P", "_connectionId": "@depot", "adaptorType": "HTTPExport", "http": read}
    )
    send = {"method": ["POST"], "relativeURI": ["/in"]}
    house.write("defs/push.json", {"name": "I", "_connectionId": "@depot", "adaptorType": "HTTPImport", "http": send})
    steps = {
        "pageGenerators": [{"_exportId": "@parcels"}],
        "pageProcessors": [{"type": "import", "_importId": "@push"}],
    }
    house.write("defs/a-flow.json", {"name": "F", "_integrationId": "@team", "disabled": True, **steps})


def actions(house: House, *options: str) -> dict[str, str]:
    steps = house.json("plan", str(house.directory / "defs"), *options)["steps"]
    return {step["key"]: step["action"] for step in steps}


def apply(house: House, *options: str) -> int:
    return house.run("apply", str(house.directory / "defs"), "--yes", *options)


def present(house: House, folder: str) -> list[Any]:
    answer = house.world.call("GET", f"/v1/{folder}")
    return list(answer.json) if answer.text else []


def lock(house: House) -> dict[str, Any]:
    (items,) = json.loads((house.directory / "defs/penstock.lock.json").read_text())["targets"].values()
    return dict(items)


def test_files_are_made_in_the_order_of_their_references_and_then_nothing_is_left_to_do(house: House) -> None:
    sample(house)

    assert [*actions(house)] == ["team", "depot", "parcels", "push", "a-flow"]
    assert apply(house) == Exit.DONE, house.err

    (flow,) = present(house, "flows")
    (export,) = present(house, "exports")
    (made,) = present(house, "connections")
    assert flow["pageGenerators"][0]["_exportId"] == export["_id"]
    assert flow["_integrationId"] == made["_integrationId"] == lock(house)["team"]["id"]
    assert export["_connectionId"] == made["_id"]
    assert set(actions(house).values()) == {"unchanged"}
    assert apply(house) == Exit.DONE
    assert {call.split()[0] for call in house.clients[-1].calls} == {"GET"}


def test_scripts_are_files_that_hooks_name(house: House) -> None:
    sample(house)
    hook = {"_scriptId": "@hooks", "function": "save"}
    house.write("defs/hooks.json", {"name": "Hooks", "content": "function save(options) { return options; }"})
    export = json.loads((house.directory / "defs/parcels.json").read_text())
    house.write("defs/parcels.json", {**export, "hooks": {"preSavePage": hook}})

    assert apply(house) == 0

    (script,) = present(house, "scripts")
    (made,) = present(house, "exports")
    assert made["hooks"]["preSavePage"] == {"_scriptId": script["_id"], "function": "save"}
    assert set(actions(house).values()) == {"unchanged"}
    house.write("defs/hooks.json", {"name": "Hooks", "content": "function save() {}"})
    assert actions(house)["hooks"] == "update"


def test_a_secret_goes_from_the_environment_to_the_api_and_nowhere_else(house: House) -> None:
    sample(house)
    house.environ["DEPOT_TOKEN"] = "s3cret-of-the-depot"

    assert house.run("plan", str(house.directory / "defs")) == Exit.DONE
    told = house.out
    assert apply(house) == Exit.DONE

    id_ = lock(house)["depot"]["id"]
    store = house.world.services.flow_resources
    stored = store._store.get("ws_one", ResourceKind.CONNECTION, id_)
    assert store.secrets_of(stored) == {"/http/auth/token/token": "s3cret-of-the-depot"}
    written = (house.directory / "defs/penstock.lock.json").read_text()
    assert "s3cret" not in told + house.out + house.err + written


def test_a_secret_that_changed_is_noticed_behind_its_mask(house: House) -> None:
    sample(house)
    apply(house)
    house.environ["DEPOT_TOKEN"] = "second"

    assert {key for key, action in actions(house).items() if action == "update"} == {"depot"}
    assert house.run("plan", str(house.directory / "defs")) == Exit.DONE
    assert "    ~ (secrets)\n" in house.out
    assert apply(house) == Exit.DONE
    assert set(actions(house).values()) == {"unchanged"}


def test_a_secret_in_the_file_itself_counts_as_well(house: House) -> None:
    house.write("defs/depot.json", connection(token="first"))
    apply(house)
    house.write("defs/depot.json", connection(token="second"))

    assert actions(house) == {"depot": "update"}
    assert apply(house) == Exit.DONE
    assert actions(house) == {"depot": "unchanged"}
    assert "second" not in (house.directory / "defs/penstock.lock.json").read_text()


def test_without_the_secret_a_plan_says_that_it_does_not_know(house: House) -> None:
    sample(house)
    apply(house)
    del house.environ["DEPOT_TOKEN"]

    assert house.run("plan", str(house.directory / "defs")) == Exit.DONE
    assert "DEPOT_TOKEN not set: whether a secret changed is not known" in house.out
    assert apply(house) == Exit.DONE
    house.environ["DEPOT_TOKEN"] = "first"
    assert set(actions(house).values()) == {"unchanged"}


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_needed_and_not_set_stops_an_apply_before_it_does_anything(
    house: House, value: str | None
) -> None:
    sample(house)
    del house.environ["DEPOT_TOKEN"]
    if value is not None:
        house.environ["DEPOT_TOKEN"] = value

    assert apply(house) == Exit.REFUSED
    assert house.err == "penstock: not set in the environment: depot needs DEPOT_TOKEN\n"
    assert not any(present(house, folder) for folder in FOLDERS)


def test_what_is_no_secret_may_come_from_the_environment_too(house: House) -> None:
    document = connection()
    document["http"]["baseURI"] = "https://${ENV:HOST}/api"
    house.write("defs/depot.json", document)
    house.environ["DEPOT_TOKEN"] = "x"

    assert house.run("plan", str(house.directory / "defs")) == Exit.REFUSED
    assert house.err == "penstock: not set in the environment: depot needs HOST\n"
    house.environ["HOST"] = "one.example.org"
    assert apply(house) == Exit.DONE
    assert present(house, "connections")[0]["http"]["baseURI"] == "https://one.example.org/api"
    assert actions(house) == {"depot": "unchanged"}
    house.environ["HOST"] = "two.example.org"
    assert actions(house) == {"depot": "update"}


def test_what_lost_its_file_goes_before_what_it_names(house: House) -> None:
    sample(house)
    apply(house)
    for name in ("a-flow", "depot", "parcels", "push", "team"):
        (house.directory / f"defs/{name}.json").unlink()

    assert apply(house, "--prune") == Exit.DONE, house.err
    assert not any(present(house, folder) for folder in FOLDERS)
    assert lock(house) == {}


def small(house: House) -> None:
    house.environ["DEPOT_TOKEN"] = "first"
    house.write("defs/depot.json", connection())
    read = {"method": "GET", "relativeURI": "/parcels"}
    export = {"name": "P", "_connectionId": "@depot", "adaptorType": "HTTPExport", "http": read}
    house.write("defs/parcels.json", export)
    house.write("defs/flow.json", {"name": "F", "disabled": True, "pageGenerators": [{"_exportId": "@parcels"}]})


def test_an_apply_whose_answers_are_lost_is_completed_without_duplicates(tmp_path: Path) -> None:
    whole = House(World(), tmp_path / "whole")
    small(whole)
    assert apply(whole) == Exit.DONE
    for fatal in range(len(whole.clients[-1].calls)):
        house = House(World(), tmp_path / str(fatal))
        small(house)

        def die(number: int, fatal: int = fatal) -> None:
            if number == fatal:
                raise CrashError

        house.prepare = lambda client, die=die: setattr(client, "after", die)  # type: ignore[misc]
        with pytest.raises(CrashError):
            apply(house)
        house.prepare = lambda _: None

        assert apply(house) == Exit.DONE, house.err
        assert [len(present(house, folder)) for folder in FOLDERS] == [1, 0, 1, 0, 1]
        assert set(actions(house).values()) == {"unchanged"}


def test_what_is_still_named_is_not_deleted_and_the_refusal_says_by_whom(house: House) -> None:
    sample(house)
    apply(house)
    house.environ["DEPOT_TOKEN"] = "first"
    id_ = lock(house)["team"]["id"]
    house.world.call("POST", "/v1/flows", {"name": "by hand", "_integrationId": id_})
    for name in ("a-flow", "depot", "parcels", "push", "team"):
        (house.directory / f"defs/{name}.json").unlink()

    assert apply(house, "--prune") == Exit.REFUSED
    assert "Integration is used by flow" in house.err
    assert [*lock(house)] == ["team"]


def test_what_is_exported_has_masks_and_leaves_a_plan_nothing_to_do(house: House) -> None:
    sample(house)
    apply(house)
    out = house.directory / "out"

    exported = house.json("export", str(out))

    assert {each["key"] for each in exported} == {
        "connections/depot",
        "integrations/team",
        "exports/p",
        "imports/i",
        "flows/f",
    }
    written = json.loads((out / "connections/depot.json").read_text())
    assert written["http"]["auth"]["token"]["token"] == MASK
    assert written["_integrationId"] == "@integrations/team"
    assert json.loads((out / "integrations/team.json").read_text()) == {"kind": "celigo-integration", "name": "Team"}
    assert house.run("validate", str(out)) == Exit.DONE, house.out
    steps = house.json("plan", str(out))["steps"]
    assert {step["action"] for step in steps} == {"unchanged"}


def test_a_mask_leaves_a_secret_as_it_is_and_a_variable_in_its_place_is_applied(house: House) -> None:
    house.world.call("POST", "/v1/connections", connection(token="by hand"))
    house.run("export", str(house.directory / "defs"))
    path = house.directory / "defs/connections/depot.json"
    document = json.loads(path.read_text())

    path.write_text(json.dumps({**document, "name": "New name"}))
    assert apply(house) == Exit.DONE, house.err
    (made,) = present(house, "connections")
    assert made["name"] == "New name"
    path.write_text(json.dumps(document | connection("New name")))
    house.environ["DEPOT_TOKEN"] = "now"
    assert actions(house) == {"connections/depot": "update"}
    assert apply(house) == Exit.DONE
    assert actions(house) == {"connections/depot": "unchanged"}


def test_a_mask_for_what_is_not_there_yet_is_told_before_anything_is_done(house: House) -> None:
    house.write("defs/depot.json", connection(token=MASK))
    house.write("defs/team.json", {"kind": "celigo-integration", "name": "Team"})

    assert apply(house) == Exit.REFUSED
    assert '"******" stands for a secret that is not there; say "${ENV:NAME}"' in house.err
    assert not present(house, "integrations")


def test_members_that_the_api_hides_as_a_whole_leave_nothing_to_do(house: House) -> None:
    document = connection(token="x")
    document["http"]["encrypted"] = {"pin": "${ENV:PIN}"}
    house.environ["PIN"] = "1234"
    house.write("defs/depot.json", document)

    assert apply(house) == Exit.DONE, house.err
    assert actions(house) == {"depot": "unchanged"}
    house.environ["PIN"] = "4321"
    assert actions(house) == {"depot": "update"}
    house.run("export", str(house.directory / "out"))
    assert house.run("validate", str(house.directory / "out")) == Exit.DONE, house.out


def test_the_secret_of_a_listener_is_one(house: House) -> None:
    webhook = {"provider": "custom", "verify": "token", "token": "${ENV:HOOK}", "path": "t"}
    house.write("defs/hook.json", {"name": "H", "adaptorType": "WebhookExport", "type": "webhook", "webhook": webhook})
    house.environ["HOOK"] = "one"

    assert apply(house) == Exit.DONE, house.err
    assert actions(house) == {"hook": "unchanged"}
    house.environ["HOOK"] = "two"
    assert actions(house) == {"hook": "update"}


def test_a_change_by_hand_is_a_conflict(house: House) -> None:
    sample(house)
    apply(house)
    id_ = lock(house)["a-flow"]["id"]
    house.world.clock.advance(60)
    house.world.call("PATCH", f"/v1/flows/{id_}", [{"op": "replace", "path": "/disabled", "value": False}])

    assert actions(house)["a-flow"] == "conflict"
    assert apply(house) == Exit.REFUSED
    assert apply(house, "--force") == Exit.DONE
    assert present(house, "flows")[0]["disabled"] is True


def test_every_problem_of_a_document_is_told_with_its_place(house: House) -> None:
    house.write("defs/depot.json", {**connection(), "offline": 1, "schedules": []})
    flow = {"name": "F", "schedule": "* * * * *", "pageGenerators": [{}], "pageProcessors": [{"type": "x"}]}
    house.write("defs/flow.json", flow)

    problems = house.json("validate", str(house.directory / "defs"), code=Exit.REFUSED)

    assert {problem["pointer"] for problem in problems} == {
        "/offline",
        "/schedules",
        "/schedule",
        "/pageGenerators/0/_exportId",
        "/pageProcessors/0/type",
    }


def test_a_reference_has_to_lead_to_what_can_stand_there(house: House) -> None:
    house.write("defs/team.json", {"kind": "celigo-integration", "name": "Team"})
    house.write("defs/depot.json", connection(_integrationId="@nobody"))
    steps = {"pageGenerators": [{"_exportId": "@team"}], "_runNextFlowIds": ["@depot"]}
    house.write("defs/flow.json", {"name": "F", **steps})
    house.write("defs/graph.json", calls("G", "team"))

    problems = house.json("validate", str(house.directory / "defs"), code=Exit.REFUSED)

    assert {(problem["pointer"], problem["message"]) for problem in problems} == {
        ("/_integrationId", "there is no file with the key 'nobody'"),
        ("/pageGenerators/0/_exportId", "'team' is of the kind celigo-integration, which cannot stand here"),
        ("/_runNextFlowIds/0", "'depot' is of the kind celigo-connection, which cannot stand here"),
        ("/nodes/1/config/workflow_id", "'team' is of the kind celigo-integration, which cannot stand here"),
    }


def test_a_flow_may_have_schedules_and_subscriptions_beside_it(house: House) -> None:
    sample(house)
    flow = json.loads((house.directory / "defs/a-flow.json").read_text())
    beside = {"schedules": [{"name": "d", "cron": "@daily"}], "subscriptions": [{"url": "https://example.org/in"}]}
    house.write("defs/a-flow.json", {**flow, **beside})

    assert apply(house) == Exit.DONE, house.err
    assert set(actions(house).values()) == {"unchanged"}
    assert house.run("export", str(house.directory / "out")) == Exit.DONE
    assert json.loads((house.directory / "out/flows/f.json").read_text())["schedules"] == beside["schedules"]


def test_lists_longer_than_a_page_are_read_whole(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.cli.definitions.celigo._PAGE", 2)
    for number in range(5):
        house.world.call("POST", "/v1/integrations", {"name": f"n{number}"})

    assert len(house.json("export", str(house.directory / "out"))) == 5


def test_a_graph_in_the_environment_is_not_looked_for(house: House) -> None:
    """What looks like a variable is the author's own text in the other kinds."""
    house.write("defs/a.json", graph("A", description="${ENV:NOBODY}"))

    assert apply(house) == Exit.DONE, house.err
    assert actions(house) == {"a": "unchanged"}


def test_fingerprints_tell_secrets_apart_and_never_look_the_same() -> None:
    made = variables.fingerprint({"/a": "x"})

    assert variables.is_of(made, {"/a": "x"})
    assert not variables.is_of(made, {"/a": "y"})
    assert variables.fingerprint({"/a": "x"}) != made
    assert not variables.is_of("", {})
    assert not variables.is_of("no hex:no", {"/a": "x"})


def test_what_is_taken_over_is_named_by_its_id_at_once(house: House) -> None:
    small(house)
    assert apply(house) == Exit.DONE
    (house.directory / "defs/penstock.lock.json").unlink()

    found = actions(house, "--adopt")

    # Of a secret without a lock nobody knows whether it is the same.
    assert found == {"depot": "update", "parcels": "unchanged", "flow": "unchanged"}

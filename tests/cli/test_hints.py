"""What goes wrong is said in the caller's own words, together with what to do about it."""

from __future__ import annotations

import json
import os

import pytest

from chalicelib.cli.exits import Exit
from tests.cli.house import House, graph


@pytest.mark.parametrize("command", [("runs", "list"), ("deliveries", "list", "wh_1")])
def test_a_time_that_is_none_is_refused_before_any_call(
    house: House, command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        house.run(*command, "--since", "yesterday")

    assert ended.value.code == Exit.USAGE
    assert "--since: 'yesterday' is not a time such as 2026-11-22 or 2026-11-22T08:00:00Z" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("runs", "list", "--limit", "x"), "--limit: 'x' is not a whole number"),
        (("tail", "exec_1", "--timeout", "soon"), "--timeout: 'soon' is not a number of seconds"),
        (("tail", "exec_1", "--timeout", "-1"), "--timeout: must be a positive number of seconds"),
    ],
)
def test_a_number_that_is_none_is_named(
    house: House, arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        house.run(*arguments)

    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [("workflows", "run", "wf_1"), ("schedules", "create", "wf_1", "--cron", "@daily")]
)
def test_an_input_that_is_no_object_is_refused_before_any_call(house: House, arguments: tuple[str, ...]) -> None:
    assert house.run(*arguments, "--input", "[1]") == Exit.USAGE
    assert house.err == 'penstock: --input: has to be an object such as {"name": "x"}\n'
    assert house.clients == []


def test_a_scope_that_does_not_exist_is_answered_with_those_that_do(house: House) -> None:
    assert house.run("keys", "create", "--name", "x", "--scope", "workflows:fly") == Exit.USAGE
    assert house.err.startswith("penstock: 'workflows:fly' is not a scope; there are *, accounts:read, ")
    assert "workflow_data:write" in house.err
    assert house.run("keys", "create", "--name", "x", "--scope", "namespace:plant_1") == Exit.DONE


def test_a_key_that_is_not_known_is_answered_with_where_keys_come_from(house: House) -> None:
    house.environ["PENSTOCK_KEY"] = "psk_wrong"

    assert house.run("runs", "list") == Exit.REFUSED
    assert house.err.endswith("; is the key right? see: penstock whoami, penstock login\n")


def test_a_key_that_may_not_is_answered_with_where_to_see_what_it_may(house: House) -> None:
    house.environ["PENSTOCK_KEY"] = house.world.new_key("ws_one", "workflows:read")

    assert house.run("runs", "list") == Exit.REFUSED
    assert house.err.endswith("; what the key may do, says: penstock whoami\n")
    assert house.run("whoami") == Exit.DONE
    assert "workflows:read" in house.out


def test_a_webhook_that_is_disabled_can_be_enabled_where_its_deliveries_are_seen(house: House) -> None:
    webhook = house.world.call("POST", "/v1/webhooks?url=https://example.org/in").data["id"]

    assert house.run("webhooks", "pause", webhook) == Exit.DONE
    assert "active   no" in house.out
    assert house.json("webhooks", "resume", webhook)["active"] is True
    assert house.run("webhooks", "resume", "wh_nobody") == Exit.REFUSED


def test_a_file_that_was_renamed_is_told_how_to_keep_its_workflow(house: House) -> None:
    house.write("defs/old.json", graph("Order"))
    house.run("apply", str(house.directory / "defs"), "--yes")
    (house.directory / "defs/old.json").rename(house.directory / "defs/new.json")

    steps = house.json("plan", str(house.directory / "defs"))["steps"]

    reasons = {step["key"]: step["reason"] for step in steps}
    assert reasons["new"] == 'if it is old under a new name, say "key": "old" in the file'


@pytest.mark.parametrize("command", ["plan", "apply", "export"])
def test_a_file_in_place_of_a_directory_is_refused_in_those_words(house: House, command: str) -> None:
    path = house.write("defs/a.json", graph("A"))

    assert house.run(command, str(path)) == Exit.REFUSED
    assert house.err == f"penstock: {path} is no directory\n"


def test_a_plan_of_files_with_problems_asks_no_server(house: House) -> None:
    house.write("defs/a.json", "{")

    assert house.run("plan", str(house.directory / "defs")) == Exit.REFUSED
    assert house.err.endswith("penstock: 1 problem; nothing was done\n")
    assert house.clients == []


def test_only_one_applies_a_directory_at_a_time(house: House) -> None:
    fcntl = pytest.importorskip("fcntl")
    path = house.write("defs/a.json", graph("A"))
    other = os.open(path.parent, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    assert house.run("apply", str(path.parent), "--yes") == Exit.REFUSED
    os.close(other)

    assert "somebody else applies" in house.err
    assert house.world.call("GET", "/v1/workflows").data["workflows"] == []
    assert house.run("apply", str(path.parent), "--yes") == Exit.DONE


def test_an_export_keeps_the_variables_of_the_files_that_it_overwrites(house: House) -> None:
    auth = {"type": "token", "token": {"token": "${ENV:DEPOT}"}}
    http = {"baseURI": "https://${ENV:HOST}", "mediaType": "json", "auth": auth}
    house.write("defs/depot.json", {"name": "Depot", "type": "http", "http": http})
    house.environ |= {"DEPOT": "x", "HOST": "one.example.org"}
    assert house.run("apply", str(house.directory / "defs"), "--yes") == Exit.DONE

    assert house.run("export", str(house.directory / "defs"), "--force") == Exit.DONE, house.err

    written = json.loads((house.directory / "defs/depot.json").read_text())["http"]
    assert (written["auth"]["token"]["token"], written["baseURI"]) == ("${ENV:DEPOT}", "https://${ENV:HOST}")
    (step,) = house.json("plan", str(house.directory / "defs"))["steps"]
    assert step["action"] == "unchanged"


def test_a_flow_is_shown_and_changed_by_its_id(house: House) -> None:
    made = house.world.call("POST", "/v1/flows", {"name": "Parcels"}).json["_id"]

    assert house.json("workflows", "show", made)["name"] == "Parcels"
    assert house.json("workflows", "deactivate", made)["disabled"] is True
    assert house.json("workflows", "activate", made)["disabled"] is False
    assert house.run("workflows", "pull", made) == Exit.DONE
    assert json.loads(house.out)["kind"] == "celigo-flow"
    assert house.run("workflows", "delete", made, "--yes") == Exit.DONE
    assert house.run("workflows", "show", made) == Exit.REFUSED


def test_pushing_a_connection_fills_its_secret_in(house: House) -> None:
    auth = {"type": "token", "token": {"token": "${ENV:DEPOT}"}}
    http = {"baseURI": "https://depot.example.org", "mediaType": "json", "auth": auth}
    path = str(house.write("depot.json", {"name": "Depot", "type": "http", "http": http}))

    assert house.run("workflows", "push", path) == Exit.REFUSED
    assert house.err == "penstock: not set in the environment: depot needs DEPOT\n"
    house.environ["DEPOT"] = "secret-of-the-depot"
    made = house.json("workflows", "push", path)["id"]
    assert house.run("workflows", "diff", path, "--id", made, "--exit-code") == Exit.DONE, house.out
    assert "secret-of-the-depot" not in house.out

"""The documentation's conversation about flows, as a shell and curl hold it through the real local HTTP server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.api.celigo.conftest import Depot
from tests.api.pipedream.test_commands import Answer, Terminal
from tests.api.world import World

GET = "curl 'https://api.integrator.io/v1/flows/ID' -H 'Authorization: Bearer <api_key>'"
RUN = """curl -X POST 'https://api.integrator.io/v1/flows/ID/run' -H 'Authorization: Bearer <api_key>' \\
  -H 'Content-Type: application/json' -d 'BODY'"""
AS_PRINTED = '{"export": {"startDate": 2019-01-01T00:00:00.000"}}'
AS_MEANT = '{"export": {"startDate": "2019-01-01T00:00:00.000"}}'


@pytest.fixture
def terminal(world: World) -> Iterator[Terminal]:
    terminal = Terminal(world, "https://api.integrator.io")
    yield terminal
    terminal.server.stop()


def run(terminal: Terminal, flow_id: str, body: str, command: str = RUN) -> Answer:
    return terminal.run(command.replace("ID", flow_id).replace("BODY", body))


@pytest.fixture
def simple(depot: Depot) -> str:
    """The documentation's first sample: a flow of one export and one import."""
    members = {"_exportId": depot.export()["_id"], "_importId": depot.import_()["_id"]}
    sample = {"name": "Send GitHub Events to Slack", "timezone": "America/Los_Angeles", "disabled": False, **members}
    id_: str = depot.made("flows", sample)["_id"]
    return id_


def test_a_flow_is_looked_at_and_run_from_a_day_on(terminal: Terminal, simple: str) -> None:
    shown = terminal.run(GET.replace("ID", simple))
    refused = run(terminal, simple, AS_PRINTED)
    accepted = run(terminal, simple, AS_MEANT)

    assert shown.status == 200
    assert {"_id", "lastModified", "name", "disabled", "timezone", "_exportId", "_importId", "skipRetries"} < set(
        shown.json
    )
    assert shown.json["disabled"] is shown.json["skipRetries"] is False
    assert refused.status == 400
    (problem,) = refused.json["errors"]
    assert problem["code"] == "invalid_json"
    place = re.search(r"line 1, column (\d+)", problem["message"])
    assert place is not None
    assert AS_PRINTED[int(place[1]) - 1 :].startswith("-01-01T")
    assert accepted.status == 201
    started = terminal.world.run_store.get(accepted.json["_jobId"])
    assert started.workflow_id == simple
    assert started.input == {"window": {"from": "2019-01-01T00:00:00.000Z", "to": None}}


def test_what_was_refused_has_started_nothing(terminal: Terminal, simple: str) -> None:
    run(terminal, simple, AS_PRINTED)

    jobs = terminal.run(GET.replace("flows/ID", f"jobs?_flowId={simple}"))

    assert (jobs.status, jobs.body) == (204, b"")


def test_the_address_that_the_sample_has_runs_the_flow_too(terminal: Terminal, simple: str) -> None:
    command = RUN.replace("/run'", "'")

    assert run(terminal, simple, AS_PRINTED, command).status == 400
    assert run(terminal, simple, AS_MEANT, command).status == 201


def test_ids_as_the_sample_hides_them_are_none(terminal: Terminal) -> None:
    for id_ in ("55e••••••••••••••••••367", "598e0c"):
        answer = run(terminal, quote(id_), AS_MEANT)

        assert answer.status == 404, answer.body

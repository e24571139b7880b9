"""How often scripts are called: once for a page, and again only where nobody knows what they said."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.javascript import CodeFailure
from chalicelib.domain.run import RunStatus
from tests.flows.flow_house import FlowHouse, answer, generator, into, lookup, numbered
from tests.script_fakes import PythonScripts

SCRIPT = "5" * 24

FUNCTIONS = {
    "filter": lambda options: options["record"]["id"] != 9,
    "transform": lambda options: options["record"],
    "preSavePage": lambda options: {"data": options["data"], "errors": options["errors"]},
    "preMap": lambda options: [{"data": each} for each in options["data"]],
    "postMap": lambda options: [{"data": each} for each in options["postMapData"]],
    "postSubmit": lambda options: options["responseData"],
    "postResponseMap": lambda options: options["postResponseMapData"],
    "route": lambda options: [0],
}


@pytest.fixture
def sandbox() -> PythonScripts:
    return PythonScripts({"all": FUNCTIONS})


@pytest.fixture
def house(sandbox: PythonScripts) -> FlowHouse:
    house = FlowHouse()
    house.js = sandbox
    house.script(SCRIPT, "all")
    rules: dict[str, Any] = {"filter": by_script("filter"), "transform": by_script("transform")}
    house.export("e1", hooks=hooks("preSavePage"), **rules)
    house.import_("i1", hooks=hooks("preMap", "postMap", "postSubmit"), **rules)
    processor = into("i1", hooks=hooks("postResponseMap"))
    router = {"id": "r", "routeRecordsUsing": "script", "script": hook("route")}
    house.flow(pageGenerators=[generator("e1")], routers=[{**router, "branches": [{"pageProcessors": [processor]}]}])
    house.api.routes = {"/items": numbered(5), "/sink": {"id": "new"}}
    return house


def hook(function: str) -> dict[str, str]:
    return {"_scriptId": SCRIPT, "function": function}


def hooks(*names: str) -> dict[str, Any]:
    return {name: hook(name) for name in names}


def by_script(function: str) -> dict[str, Any]:
    return {"type": "script", "script": hook(function)}


OF_PAGE = ["transform", "filter", "preSavePage"]
OF_IMPORT = ["filter", "transform", "preMap", "postMap", "postSubmit", "postResponseMap"]


def test_each_function_is_called_once_for_a_page(house: FlowHouse, sandbox: PythonScripts) -> None:
    run = house.go()

    assert run.status is RunStatus.SUCCEEDED
    assert sandbox.calls == [*OF_PAGE, "route", *OF_IMPORT]
    assert house.counts(run) == {"g0": (5, 0, 0, 1), "s1": (5, 0, 0, 1), "": (10, 0, 0, 2)}


def test_a_lookup_calls_its_scripts_once_for_all_records_of_a_page(house: FlowHouse, sandbox: PythonScripts) -> None:
    rules = {"filter": by_script("filter"), "transform": by_script("transform"), "inputFilter": by_script("filter")}
    house.export("l1", "/owners/{{record.id}}", isLookup=True, hooks=hooks("preSavePage"), **rules)
    house.api.routes["/owners"] = [{"id": 1}, {"id": 2}]
    house.import_("i2")
    house.export("e2")
    house.change(pageGenerators=[generator("e2")], pageProcessors=[lookup("l1", ("data", "all")), into("i2")])

    house.go()

    assert sandbox.calls == ["filter", *OF_PAGE]
    assert len(house.api.bodies("/sink")) == 5


def test_scripts_are_not_asked_again_because_a_request_has_to_be_made_again(
    house: FlowHouse, sandbox: PythonScripts
) -> None:
    busy = {2: 2, 4: 1}

    def sink(asked: Any) -> Any:
        id_ = asked.body["id"]
        busy[id_] = busy.get(id_, 0) - 1
        return answer(503) if busy[id_] >= 0 else {"id": f"new-{id_}"}

    house.api.routes["/sink"] = sink

    run = house.go()

    assert sandbox.calls == [*OF_PAGE, "route", *OF_IMPORT]
    assert house.counts(run)["s1"] == (5, 0, 0, 1)
    assert len(house.api.bodies("/sink")) == 8


def test_what_scripts_said_outlasts_a_wait_for_the_connection(house: FlowHouse, sandbox: PythonScripts) -> None:
    taken = []
    take = house.leases.take

    def once_busy(name: str, holder: str, wanted: int, limit: int, **times: Any) -> int:
        taken.append(name)
        return 0 if len(taken) in (2, 3) else take(name, holder, wanted, limit, **times)

    house.leases.take = once_busy  # type: ignore[method-assign]

    run = house.go()

    assert sandbox.calls == [*OF_PAGE, "route", *OF_IMPORT]
    assert house.counts(run)["s1"] == (5, 0, 0, 1)


@pytest.mark.parametrize("call", range(10))
def test_a_sandbox_that_cannot_be_reached_delays_the_flow(house: FlowHouse, sandbox: PythonScripts, call: int) -> None:
    order = [*OF_PAGE, "route", *OF_IMPORT]
    plain = sandbox.run_step

    def unreachable_once(*given: Any) -> Any:
        if len(sandbox.calls) == call and not sandbox.failures:
            sandbox.failures.append(UnavailableError("The sandbox could not be reached."))
        return plain(*given)

    sandbox.run_step = unreachable_once  # type: ignore[method-assign,assignment]

    run = house.go()

    assert run.status is RunStatus.SUCCEEDED
    assert house.api.bodies("/sink") == numbered(5)
    assert house.counts(run) == {"g0": (5, 0, 0, 1), "s1": (5, 0, 0, 1), "": (10, 0, 0, 2)}
    # An export's page is made anew, with all that its scripts say; every other step goes on where it was.
    again = order[:call] if call < len(OF_PAGE) else []
    assert sandbox.calls == [*order[: call + 1], *again, *order[call:]]


@pytest.mark.parametrize("function", ["postSubmit", "postResponseMap"])
def test_what_was_sent_is_not_sent_again_because_a_later_script_cannot_be_asked(
    house: FlowHouse, sandbox: PythonScripts, function: str
) -> None:
    house.export("e2")
    house.import_("i2", hooks=hooks(*{function} & {"postSubmit"}))
    processor = into("i2", hooks=hooks(*{function} & {"postResponseMap"}))
    house.change(pageGenerators=[generator("e2")], pageProcessors=[processor])
    busy = [2]
    # One request is left to a second attempt of the step, and the script to a third.
    house.api.routes["/sink"] = lambda asked: (
        answer(503) if asked.body["id"] in busy and busy.pop() else {"id": f"new-{asked.body['id']}"}
    )
    sandbox.failures.append(UnavailableError("The sandbox could not be reached."))

    run = house.go()

    assert (run.status, sandbox.calls) == (RunStatus.SUCCEEDED, [function, function])
    assert house.api.bodies("/sink") == [*numbered(5), {"id": 2}]


def test_what_was_looked_up_is_not_asked_for_again_because_a_script_cannot_be(
    house: FlowHouse, sandbox: PythonScripts
) -> None:
    house.export("l1", "/owners/{{record.id}}", isLookup=True, transform=by_script("transform"))
    house.api.routes["/owners"] = [{"id": 1}]
    house.export("e2")
    house.change(pageGenerators=[generator("e2")], pageProcessors=[lookup("l1", ("data", "all"))])
    sandbox.failures.append(UnavailableError("The sandbox could not be reached."))

    run = house.go()

    assert run.status is RunStatus.SUCCEEDED
    assert sum(path.startswith("GET /owners") for path in house.api.paths()) == 5


@pytest.mark.parametrize(("slow", "calls"), [(70, 2), (86, 1)], ids=["little time", "no time"])
def test_a_script_for_which_too_little_time_was_left_is_called_again(
    house: FlowHouse, sandbox: PythonScripts, slow: int, calls: int
) -> None:
    answers = [slow, 0]

    def items(asked: Any) -> Any:
        house.clock.advance(answers.pop(0))
        return numbered(5)

    house.api.routes["/items"] = items
    if calls == 2:
        sandbox.failures.append(CodeFailure("TimeoutError", "too late"))

    run = house.go()

    assert run.status is RunStatus.SUCCEEDED
    assert sandbox.calls.count("transform") - 1 == calls
    assert house.api.bodies("/sink") == numbered(5)


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ("CpuLimitExceeded", "The script used up the computing time that it has for a page."),
        ("SandboxCrashed", "The script ended its sandbox."),
        ("WeirdError", "WeirdError: out of this world"),
    ],
)
def test_a_limit_met_in_a_rule_fails_what_it_was_for(
    house: FlowHouse, sandbox: PythonScripts, failure: str, message: str
) -> None:
    sandbox.failures.append(CodeFailure(failure, "out of this world"))

    run = house.go()

    assert run.status is RunStatus.FAILED
    (error,) = house.errors_of("e1")
    assert (error.source, error.code, error.message) == ("transformation", failure, message)

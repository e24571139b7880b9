"""Whole runs of flows through the real worker, against an API that is a script."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.flows.flows import JobType, ResourceKind
from chalicelib.domain.http import HttpResponse
from chalicelib.domain.run import RunStatus
from chalicelib.domain.times import iso_ms
from chalicelib.nodes.flows import router as router_node
from tests.flows.flow_house import (
    FLOW,
    Asked,
    FlowHouse,
    answer,
    generator,
    in_turn,
    into,
    lookup,
    numbered,
)
from tests.flows.house import WORKSPACE

CREATED = {"id": "new-1"}


@pytest.fixture
def house() -> FlowHouse:
    house = FlowHouse()
    house.export("e1")
    house.import_("i1")
    house.api.routes = {"/items": numbered(3), "/sink": CREATED}
    return house


# -- the plain way ----------------------------------------------------------------------------------------------------


def test_a_simple_flow_moves_every_record(house: FlowHouse) -> None:
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert run.status is RunStatus.SUCCEEDED
    assert house.api.bodies("/sink") == numbered(3)
    assert house.counts(run) == {"g0": (3, 0, 0, 1), "s0": (3, 0, 0, 1), "": (6, 0, 0, 2)}


def test_figures_say_what_the_job_consists_of(house: FlowHouse) -> None:
    house.flow(_exportId="e1", _importId="i1", _integrationId="n1")

    run = house.go()

    figures = house.figures(run)
    assert (figures.type, figures.flow_id, figures.integration_id) == (JobType.FLOW, FLOW, "n1")
    assert [(child.key, child.kind, child.order) for child in figures.children] == [
        ("g0", ResourceKind.EXPORT, 0),
        ("s0", ResourceKind.IMPORT, 1),
    ]
    assert figures.progress["g0"].is_done
    assert house.marks.executed(WORKSPACE) == {FLOW: run.began_at}


def test_a_lookup_brings_what_the_import_sends(house: FlowHouse) -> None:
    house.export("l1", "/owners/{{record.id}}", isLookup=True)
    house.import_("i1", mappings=[{"generate": "owner", "dataType": "string", "extract": "$.owner.name"}])
    house.api.routes["/owners"] = lambda asked: {"name": f"owner of {asked.path.split('/')[-1]}"}
    house.flow(pageGenerators=[generator("e1")], pageProcessors=[lookup("l1", ("data[0]", "owner")), into("i1")])

    run = house.go()

    assert house.api.bodies("/sink") == [{"owner": f"owner of {n}"} for n in (1, 2, 3)]
    assert house.counts(run) == {"g0": (3, 0, 0, 1), "s0": (3, 0, 0, 1), "s1": (3, 0, 0, 1), "": (9, 0, 0, 3)}


def test_an_answer_is_cut_into_pages(house: FlowHouse) -> None:
    house.export("e1", pageSize=20)
    house.api.routes["/items"] = numbered(45)
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert house.api.bodies("/sink") == numbered(45)
    assert house.counts(run) == {"g0": (45, 0, 0, 3), "s0": (45, 0, 0, 3), "": (90, 0, 0, 6)}
    assert house.api.paths().count("GET /items") == 1


def test_requests_carry_keys_that_name_their_record(house: FlowHouse) -> None:
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    keys = [asked.headers["Idempotency-Key"] for asked in house.api.seen]
    assert len(set(keys)) == 4
    assert all(key.startswith(f"{run.id}/g0.1/") for key in keys)


def test_transform_and_filter_of_an_export_are_applied_before_the_flow(house: FlowHouse) -> None:
    house.export(
        "e1",
        transform={
            "type": "expression",
            "expression": {"version": "1", "rules": [[{"extract": "id", "generate": "n"}]]},
        },
        filter={"type": "expression", "expression": {"version": "1", "rules": ["notequals", ["extract", "n"], 2]}},
    )
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert house.api.bodies("/sink") == [{"n": 1}, {"n": 3}]
    assert house.counts(run)["g0"] == (2, 0, 1, 1)


def test_a_record_that_an_import_filters_out_goes_on(house: FlowHouse) -> None:
    rules = ["equals", ["extract", "id"], 2]
    house.import_("i1", filter={"type": "expression", "expression": {"version": "1", "rules": rules}})
    house.import_("i2", "/later")
    house.api.routes["/later"] = {}
    house.flow(pageGenerators=[generator("e1")], pageProcessors=[into("i1"), into("i2")])

    run = house.go()

    assert house.api.bodies("/sink") == [{"id": 2}]
    assert house.api.bodies("/later") == numbered(3)
    assert house.counts(run)["s0"] == (1, 0, 2, 1)


def test_two_generators_run_one_after_the_other_or_side_by_side(house: FlowHouse) -> None:
    house.export("e2", "/others")
    house.api.routes["/others"] = numbered(2, 10)
    for flow, side_by_side in (("a" * 24, False), ("b" * 24, True)):
        house.flow(
            flow,
            pageGenerators=[generator("e1"), generator("e2")],
            pageProcessors=[into("i1")],
            runPageGeneratorsInParallel=side_by_side,
        )

        run = house.go(flow)

        assert run.status is RunStatus.SUCCEEDED
        assert house.counts(run) == {"g0": (3, 0, 0, 1), "g1": (2, 0, 0, 1), "s0": (5, 0, 0, 2), "": (10, 0, 0, 4)}


def test_a_run_may_be_for_some_generators_only(house: FlowHouse) -> None:
    house.export("e2", "/others")
    house.api.routes["/others"] = numbered(2, 10)
    house.flow(pageGenerators=[generator("e1"), generator("e2")], pageProcessors=[into("i1")])

    run = house.go(exports=["e2"])

    assert house.api.bodies("/sink") == numbered(2, 10)
    assert house.counts(run) == {"g1": (2, 0, 0, 1), "s0": (2, 0, 0, 1), "": (4, 0, 0, 2)}


def test_a_flow_without_processors_only_exports(house: FlowHouse) -> None:
    house.flow(pageGenerators=[generator("e1")])

    run = house.go()

    assert house.counts(run) == {"g0": (3, 0, 0, 1), "": (3, 0, 0, 1)}


def test_what_a_listener_took_in_is_the_first_page(house: FlowHouse) -> None:
    house.given(ResourceKind.EXPORT, "w1", adaptorType="WebhookExport", type="webhook", pageSize=2)
    house.flow(pageGenerators=[generator("w1"), generator("e1")], pageProcessors=[into("i1")])

    run = house.go(exports=["w1"], records=numbered(3, 7))

    assert house.api.bodies("/sink") == numbered(3, 7)
    assert house.counts(run)["g0"] == (3, 0, 0, 2)


def test_flows_start_after_one_another(house: FlowHouse) -> None:
    house.flow("a" * 24, _exportId="e1", _importId="i1", _runNextFlowIds=["b" * 24, "c" * 24, "d" * 24])
    house.flow("b" * 24, _exportId="e1", _importId="i1")
    house.flow("c" * 24, active=False, _exportId="e1", _importId="i1")

    run = house.go("a" * 24)
    house.work()

    assert run.output == {"started": ["b" * 24]}
    assert len(house.api.bodies("/sink")) == 6


def test_a_flow_starts_after_another_with_the_exports_that_are_named(house: FlowHouse) -> None:
    house.export("e2", "/others")
    house.api.routes["/others"] = numbered(2, 10)
    following = [{"_flowId": "b" * 24, "_exportId": "e2"}, {"_flowId": "c" * 24, "_exportId": "e2"}, "e1"]
    whole: dict[str, Any] = {"_runNextFlowIds": ["c" * 24], "_runNextExportIds": following}
    house.flow("a" * 24, pageGenerators=[generator("e1")], pageProcessors=[into("i1")], **whole)
    for each in ("b", "c"):
        house.flow(each * 24, pageGenerators=[generator("e1"), generator("e2")], pageProcessors=[into("i1")])

    run = house.go("a" * 24)
    house.work()

    assert run.output == {"started": ["c" * 24, "b" * 24]}
    assert sorted(asked.path for asked in house.api.seen if asked.method == "GET") == [
        *("/items", "/items", "/others", "/others")
    ]


def test_a_schedule_of_its_own_runs_a_generator_alone(house: FlowHouse) -> None:
    house.export("e2", "/others")
    house.api.routes["/others"] = numbered(2, 10)
    generators = [generator("e1"), generator("e2", schedule="? 45 9 ? * *")]
    workflow = house.flow(pageGenerators=generators, pageProcessors=[into("i1")], schedule="? 50 9 ? * *")
    house.triggers.changing(workflow, house.workflows.body(WORKSPACE, FLOW, "1").graph)

    house.pass_time(17 * 60)
    assert [asked.path for asked in house.api.seen if asked.method == "GET"] == ["/others"]
    house.pass_time(5 * 60)

    assert [asked.path for asked in house.api.seen if asked.method == "GET"] == ["/others", "/items"]


def test_one_run_at_a_time(house: FlowHouse) -> None:
    workflow = house.flow(_exportId="e1", _importId="i1")
    house.api.routes["/sink"] = in_turn(answer(429, {}, retry_after="60"), CREATED)
    first, second = (house.service.start(workflow, {}).id for _ in range(2))

    house.work()
    assert house.api.paths().count("GET /items") == 1
    house.finish(first)
    house.finish(second)

    assert house.api.paths().count("GET /items") == 2
    began_at, finished_at = house.run(second).began_at, house.run(first).finished_at
    assert began_at is not None
    assert finished_at is not None
    assert began_at >= finished_at


# -- paging -----------------------------------------------------------------------------------------------------------

PAGES: dict[int, list[Any]] = {0: numbered(2), 1: numbered(2, 3), 2: numbered(1, 5)}


def by_page(asked: Asked) -> Any:
    return PAGES.get(int(asked.query["p"]), [])


def by_offset(asked: Asked) -> Any:
    start = int(asked.query["at"])
    return {"rows": numbered(5)[start : start + 2], "total": 5}


def by_token(asked: Asked) -> Any:
    page = int(asked.query.get("t") or 0)
    return {"rows": PAGES[page], "next": str(page + 1) if page < 2 else None}


def by_url(asked: Asked) -> Any:
    page = int(asked.query.get("p", 0))
    return {"rows": PAGES[page], "next": f"https://depot.example/api/items?p={page + 1}" if page < 2 else ""}


def by_link(asked: Asked) -> Any:
    page = int(asked.query.get("p", 0))
    link = f'<https://depot.example/api/items?p={page + 1}>; rel="next"' if page < 2 else ""
    return answer(200, PAGES[page], link=link)


def by_last(asked: Asked) -> Any:
    after = int(asked.query.get("after", 0))
    return numbered(5)[after : after + 2]


def by_body(asked: Asked) -> Any:
    page = (asked.body or {}).get("p", 0)
    return {"rows": PAGES[page], "next": page + 1 if page < 2 else None}


ROWS = {"resourcePath": "rows"}
METHODS: dict[str, tuple[str, dict[str, Any], Any]] = {
    "page": ("/items?p={{export.http.paging.page}}", {"paging": {"method": "page"}}, by_page),
    "skip": (
        "/items?at={{export.http.paging.skip}}",
        {"paging": {"method": "skip", "maxCountPath": "total"}, "response": ROWS},
        by_offset,
    ),
    "token": (
        "/items?t={{export.http.paging.token}}",
        {"paging": {"method": "token", "path": "next"}, "response": ROWS},
        by_token,
    ),
    "url": ("/items", {"paging": {"method": "url", "path": "next"}, "response": ROWS}, by_url),
    "linkheader": ("/items", {"paging": {"method": "linkheader"}}, by_link),
    "relativeuri": (
        "/items",
        {"paging": {"method": "relativeuri", "relativeURI": "/items?after={{previous_page.last_record.id}}"}},
        by_last,
    ),
    "body": (
        "/items",
        {
            "method": "POST",
            "body": '{"p": 0}',
            "response": ROWS,
            "paging": {
                "method": "body",
                "body": '{{#if previous_page.full_response.next}}{"p": {{previous_page.full_response.next}} }{{/if}}',
            },
        },
        by_body,
    ),
}


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_paging_method_brings_all_pages(house: FlowHouse, method: str) -> None:
    uri, http, route = METHODS[method]
    house.export("e1", uri, http=http)
    house.api.routes["/items"] = route
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert run.status is RunStatus.SUCCEEDED
    assert house.api.bodies("/sink") == numbered(5)
    assert house.counts(run) == {"g0": (5, 0, 0, 3), "s0": (5, 0, 0, 3), "": (10, 0, 0, 6)}


def test_a_404_after_the_first_page_ends_paging_and_before_it_fails(house: FlowHouse) -> None:
    house.export("e1", "/items?p={{export.http.paging.page}}", http={"paging": {"method": "page"}})
    house.flow(_exportId="e1", _importId="i1")
    house.api.routes["/items"] = lambda asked: PAGES.get(int(asked.query["p"]), answer(404))
    assert house.go().status is RunStatus.SUCCEEDED

    house.api.routes["/items"] = answer(404)
    run = house.go()

    assert (run.status, run.failure and run.failure.type) == (RunStatus.FAILED, "generator_failed")


def test_a_test_export_stops_at_its_limit(house: FlowHouse) -> None:
    house.export(
        "e1",
        "/items?p={{export.http.paging.page}}",
        type="test",
        test={"limit": 3},
        http={"paging": {"method": "page"}},
    )
    house.api.routes["/items"] = by_page
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert house.counts(run)["g0"] == (3, 0, 0, 2)


# -- deltas -----------------------------------------------------------------------------------------------------------


def since(house: FlowHouse) -> list[str]:
    return [asked.query["since"] for asked in house.api.seen if "since" in asked.query]


@pytest.fixture
def delta(house: FlowHouse) -> FlowHouse:
    house.export("e1", "/items?since={{lastExportDateTime}}", type="delta", delta={"lagOffset": 60_000})
    house.flow(_exportId="e1", _importId="i1")
    return house


def test_a_delta_goes_on_where_the_run_before_began_less_the_lag(delta: FlowHouse) -> None:
    first = delta.go()
    assert first.began_at is not None
    delta.clock.advance(3600)
    delta.go()

    assert since(delta) == ["1970-01-01T00:00:00.000Z", iso_ms(first.began_at - timedelta(minutes=1))]
    assert delta.marks.deltas(WORKSPACE, FLOW) == {"e1": first.began_at + timedelta(hours=1)}


def test_a_failed_run_leaves_the_delta_where_it_is(delta: FlowHouse) -> None:
    delta.api.routes["/items"] = answer(400)

    delta.go()

    assert delta.marks.deltas(WORKSPACE, FLOW) == {}


def test_records_that_fail_do_not_hold_the_delta(delta: FlowHouse) -> None:
    delta.api.routes["/sink"] = answer(422)

    run = delta.go()

    assert run.status is RunStatus.SUCCEEDED
    assert delta.marks.deltas(WORKSPACE, FLOW) == {"e1": run.began_at}


def test_a_window_that_is_named_counts_exactly(delta: FlowHouse) -> None:
    delta.go()
    window = {"from": "2019-01-01T00:00:00.000Z", "to": "2019-02-01T00:00:00.000Z"}

    delta.go(window=window)

    assert since(delta)[-1] == window["from"]
    assert [iso_ms(at) for at in delta.marks.deltas(WORKSPACE, FLOW).values()] == [window["to"]]


def test_a_window_that_ends_in_the_future_leaves_nothing_out(delta: FlowHouse) -> None:
    run = delta.go(window={"from": None, "to": "2999-01-01T00:00:00.000Z"})

    assert delta.marks.deltas(WORKSPACE, FLOW) == {"e1": run.began_at}


def test_a_first_run_begins_at_the_start_date_in_the_export_s_own_format(house: FlowHouse) -> None:
    house.export(
        "e1",
        "/items?since={{lastExportDateTime}}",
        type="delta",
        delta={"startDate": "2020-05-04T03:02:01.000Z", "dateFormat": "YYYY/MM/DD HH:mm"},
    )
    house.flow(_exportId="e1", _importId="i1")

    house.go()

    assert since(house) == ["2020/05/04 03:02"]


def test_test_runs_move_nothing(delta: FlowHouse) -> None:
    delta.go(test=True)

    assert delta.marks.deltas(WORKSPACE, FLOW) == {}


# -- failures ---------------------------------------------------------------------------------------------------------


def refuse(*ids: int) -> Any:
    """The sink, which does not take these."""
    return lambda asked: answer(422, {"error": "no"}) if asked.body["id"] in ids else CREATED


def test_a_record_that_fails_stops_and_the_others_go_on(house: FlowHouse) -> None:
    house.import_("i2", "/later")
    house.api.routes |= {"/sink": refuse(2), "/later": {}}
    house.flow(pageGenerators=[generator("e1")], pageProcessors=[into("i1"), into("i2")])

    run = house.go()

    assert run.status is RunStatus.SUCCEEDED
    assert house.api.bodies("/later") == [{"id": 1}, {"id": 3}]
    assert house.counts(run) == {"g0": (3, 0, 0, 1), "s0": (2, 1, 0, 1), "s1": (2, 0, 0, 1), "": (7, 1, 0, 3)}
    (error,) = house.errors_of("i1")
    assert (error.source, error.code, error.message) == ("application", "422", '{"error": "no"}')
    assert (error.trace_key, error.order, error.child, error.is_retriable) == ("2", 1, "s0", True)
    assert error.retry_data == {"data": {"id": 2}, "stage": "s0", "traceKey": "2"}


def test_a_record_may_go_on_after_it_failed_and_says_so(house: FlowHouse) -> None:
    house.import_("i2", "/later")
    house.api.routes |= {"/sink": refuse(2), "/later": {}}
    house.flow(
        pageGenerators=[generator("e1")],
        pageProcessors=[into("i1", ("id", "made"), ("errors[0].code", "why"), proceedOnFailure=True), into("i2")],
    )

    run = house.go()

    later = [{"id": 1, "made": "new-1"}, {"id": 2, "why": "422"}, {"id": 3, "made": "new-1"}]
    assert house.api.bodies("/later") == later
    assert house.counts(run)["s0"] == (2, 1, 0, 1)


def test_a_record_that_did_not_fail_has_no_errors_to_map(house: FlowHouse) -> None:
    house.export("l1", "/owners/{{record.id}}", isLookup=True)
    house.import_("i2", "/later")
    house.api.routes |= {"/owners/1": {}, "/owners/2": {}, "/owners/3": {}, "/sink": refuse(2), "/later": {}}
    house.flow(
        pageGenerators=[generator("e1")],
        pageProcessors=[
            lookup("l1", ("errors", "unfound")),
            into("i1", ("errors", "troubles"), proceedOnFailure=True),
            into("i2"),
        ],
    )

    house.go()

    one, two, three = house.api.bodies("/later")
    assert (one, three) == ({"id": 1}, {"id": 3})
    assert [trouble["code"] for trouble in two["troubles"]] == ["422"]


def test_a_lookup_that_finds_nothing_usable_fails_its_record(house: FlowHouse) -> None:
    house.export("l1", "/owners/{{record.id}}", isLookup=True)
    house.api.routes["/owners"] = lambda asked: answer(404) if asked.path.endswith("/2") else [{"n": 1}]
    house.flow(pageGenerators=[generator("e1")], pageProcessors=[lookup("l1", ("data", "owners")), into("i1")])

    run = house.go()

    assert [body["id"] for body in house.api.bodies("/sink")] == [1, 3]
    assert house.counts(run)["s0"] == (2, 1, 0, 1)


def test_a_generator_that_fails_fails_the_run_after_all_pages_were_processed(house: FlowHouse) -> None:
    house.export("e1", "/items?p={{export.http.paging.page}}", http={"paging": {"method": "page"}})
    house.export("e2", "/others")
    house.api.routes |= {
        "/items": lambda asked: by_page(asked) if asked.query["p"] == "0" else answer(401, {"why": "token"}),
        "/others": numbered(1, 50),
    }
    house.flow(pageGenerators=[generator("e1"), generator("e2")], pageProcessors=[into("i1")])

    run = house.go()

    assert (run.status, run.failure and run.failure.type) == (RunStatus.FAILED, "generator_failed")
    assert house.api.bodies("/sink") == [*numbered(2), *numbered(1, 50)]
    assert house.counts(run) == {"g0": (2, 1, 0, 1), "g1": (1, 0, 0, 1), "s0": (3, 0, 0, 2), "": (6, 1, 0, 4)}
    progress = house.figures(run).progress
    assert [progress[key].has_failed for key in ("g0", "g1")] == [True, False]
    (error,) = house.errors_of("e1")
    assert (error.code, error.retry_data, error.is_retriable) == ("401", None, False)


def test_a_generator_that_is_not_asked_for_leaves_no_figures(house: FlowHouse) -> None:
    house.export("e2", "/nothing")
    house.api.routes["/nothing"] = []
    house.flow(pageGenerators=[generator("e1"), generator("e2")], pageProcessors=[into("i1")])

    both, one = house.go(), house.go(exports=["e2"])

    assert set(house.figures(both).progress) == {"g0", "g1"}
    assert set(house.figures(one).progress) == {"g1"}


def test_a_page_that_is_no_json_fails_the_generator(house: FlowHouse) -> None:
    house.api.routes["/items"] = HttpResponse(200, {"content-type": "text/html"}, b"<p>Log in</p>", "", 0.01)
    house.export("e1", type="delta", http={"response": {"resourcePath": "items"}})
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert run.status is RunStatus.FAILED
    assert [(error.source, error.code) for error in house.errors_of("e1")] == [("application", "invalid_response")]
    assert house.marks.deltas(WORKSPACE, FLOW) == {}


def test_an_error_names_the_request_that_it_came_of(house: FlowHouse) -> None:
    house.api.routes["/sink"] = answer(422, {"error": "no"})
    house.export(
        "e1", filter={"type": "expression", "expression": {"version": "1", "rules": ["equals", ["extract", "id"], 1]}}
    )
    house.flow(_exportId="e1", _importId="i1")

    house.go()

    (error,) = house.errors_of("i1")
    assert re.fullmatch(r"[0-9]{13}-[0-9a-f]{4}-422-POST", error.request_key)


def test_a_flow_with_an_offline_connection_does_nothing(house: FlowHouse) -> None:
    house.given(ResourceKind.CONNECTION, "c1", type="http", offline=True, http={"baseURI": "https://depot.example"})
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert run.status is RunStatus.FAILED
    assert [(error.source, error.code) for error in house.errors_of("e1")] == [("connection", "connection_offline")]
    assert house.api.seen == []


def test_skipping_retries_keeps_no_records(house: FlowHouse) -> None:
    house.api.routes["/sink"] = refuse(2)
    house.flow(_exportId="e1", _importId="i1", skipRetries=True)

    house.go()

    (error,) = house.errors_of("i1")
    assert (error.retry_data, error.is_retriable) == (None, False)


def test_a_busy_receiver_is_left_alone_for_as_long_as_it_wishes(house: FlowHouse) -> None:
    house.api.routes["/sink"] = in_turn(answer(429, {}, retry_after="120"), CREATED)
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert house.counts(run)["s0"] == (3, 0, 0, 1)
    assert [body["id"] for body in house.api.bodies("/sink")] == [1, 2, 3, 1]
    assert run.finished_at is not None
    assert run.finished_at - run.created_at >= timedelta(seconds=120)


def test_a_receiver_that_stays_down_is_asked_four_times(house: FlowHouse) -> None:
    house.api.routes["/sink"] = lambda asked: answer(503) if asked.body["id"] == 2 else CREATED
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert [body["id"] for body in house.api.bodies("/sink")] == [1, 2, 3, 2, 2, 2]
    assert house.counts(run)["s0"] == (2, 1, 0, 1)
    assert [error.code for error in house.errors_of("i1")] == ["503"]


def test_a_generator_that_stays_down_is_asked_four_times(house: FlowHouse) -> None:
    house.api.routes["/items"] = answer(500)
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert house.api.paths() == ["GET /items"] * 4
    assert house.counts(run) == {"g0": (0, 1, 0, 0), "": (0, 1, 0, 0)}


# -- trying again -----------------------------------------------------------------------------------------------------


def retry(house: FlowHouse, step: str, *ids: str) -> Any:
    return house.go(retry={"step": step, "errors": list(ids)})


def test_an_error_is_tried_again_from_the_step_where_it_was(house: FlowHouse) -> None:
    house.export("l1", "/owners/{{record.id}}", isLookup=True)
    house.api.routes |= {"/owners": [{"n": 1}], "/sink": refuse(2)}
    house.flow(pageGenerators=[generator("e1")], pageProcessors=[lookup("l1"), into("i1")])
    first = house.go()
    (error,) = house.errors_of("i1")
    house.api.routes["/sink"] = CREATED
    house.api.seen.clear()

    run = retry(house, "i1", error.id)

    assert house.api.paths() == ["POST /sink"]
    assert house.figures(run).type is JobType.RETRY
    assert house.counts(run) == {"s1": (1, 0, 0, 1), "": (1, 0, 0, 1)}
    assert house.errors_of("i1") == []
    assert [each.resolved_by for each in house.errors_of("i1", resolved=True)] == ["auto"]
    assert house.figures(first).resolved == {"s1": 1}


def test_an_error_that_comes_again_stays_open_with_what_is_new(house: FlowHouse) -> None:
    house.api.routes["/sink"] = refuse(2)
    house.flow(_exportId="e1", _importId="i1")
    house.go()
    (error,) = house.errors_of("i1")
    house.api.routes["/sink"] = answer(409, {"error": "other"})

    run = retry(house, "i1", error.id)

    (again,) = house.errors_of("i1")
    assert (again.id, again.code, again.occurred_at) == (error.id, "409", error.occurred_at)
    assert house.counts(run) == {"s0": (0, 1, 0, 1), "": (0, 1, 0, 1)}


def test_a_record_that_is_tried_again_may_fail_further_on(house: FlowHouse) -> None:
    house.import_("i2", "/later")
    house.api.routes |= {"/sink": refuse(2), "/later": answer(400)}
    house.flow(pageGenerators=[generator("e1")], pageProcessors=[into("i1"), into("i2")])
    house.go()
    (error,) = house.errors_of("i1")
    house.api.routes["/sink"] = CREATED

    retry(house, "i1", error.id)

    assert house.errors_of("i1") == []
    assert sorted(each.trace_key for each in house.errors_of("i2")) == ["1", "2", "3"]


def test_many_errors_are_tried_again_page_by_page(house: FlowHouse) -> None:
    house.export("e1", pageSize=50)
    house.api.routes |= {"/items": numbered(45), "/sink": answer(400)}
    house.flow(_exportId="e1", _importId="i1")
    house.go()
    ids = [error.id for error in house.errors_of("i1")]
    house.api.routes["/sink"] = CREATED

    run = retry(house, "i1", *ids)

    assert house.counts(run)["s0"] == (45, 0, 0, 3)
    assert house.errors_of("i1") == []


def test_what_was_resolved_meanwhile_is_not_tried_again(house: FlowHouse) -> None:
    house.api.routes["/sink"] = refuse(2)
    house.flow(_exportId="e1", _importId="i1")
    house.go()
    (error,) = house.errors_of("i1")
    house.errors.resolve(WORKSPACE, FLOW, "i1", [error.id], house.clock.now(), "user_1")
    house.api.seen.clear()

    run = retry(house, "i1", error.id)

    assert house.api.seen == []
    assert run.status is RunStatus.SUCCEEDED


def test_a_later_success_resolves_errors_of_the_same_trace_key(house: FlowHouse) -> None:
    house.api.routes["/sink"] = refuse(1, 2)
    house.flow(_exportId="e1", _importId="i1", autoResolveMatchingTraceKeys=True)
    house.go()
    house.api.routes["/sink"] = refuse(1)
    house.clock.advance(60)

    house.go()

    assert [error.trace_key for error in house.errors_of("i1")] == ["1", "1"]
    assert [error.trace_key for error in house.errors_of("i1", resolved=True)] == ["2"]


def test_an_old_import_asks_its_lookup_whether_a_record_exists(house: FlowHouse) -> None:
    known = {"name": "known", "method": "GET", "relativeURI": "/known/{{record.id}}", "extract": "id"}
    rest = {
        "method": ["POST", "PUT"],
        "relativeURI": ["/sink", "/sink"],
        "requestType": ["CREATE", "UPDATE"],
        "existingLookupName": "known",
        "lookups": [known],
    }
    house.given(ResourceKind.IMPORT, "old", _connectionId="c1", adaptorType="RESTImport", rest=rest)
    house.api.routes["/known"] = lambda asked: {"id": 2} if asked.path == "/known/2" else {}
    house.flow(_exportId="e1", _importId="old")

    house.go()

    assert [each for each in house.api.paths() if each.endswith("/sink")] == ["POST /sink", "PUT /sink", "POST /sink"]


# -- routers ----------------------------------------------------------------------------------------------------------


def routed(to: str) -> dict[str, Any]:
    """Even ids go to one import, those above one to another; both then go to a third."""
    even = {"version": "1", "rules": ["equals", ["extract", "id"], 2]}
    above = {"version": "1", "rules": ["greaterthan", ["number", ["extract", "id"]], 1]}
    first = {
        "id": "r1",
        "routeRecordsTo": to,
        "branches": [
            {"name": "even", "inputFilter": even, "pageProcessors": [into("even")], "nextRouterId": "r2"},
            {"name": "above", "inputFilter": above, "pageProcessors": [into("above")], "nextRouterId": "r2"},
        ],
    }
    return {
        "pageGenerators": [generator("e1")],
        "routers": [first, {"id": "r2", "branches": [{"pageProcessors": [into("i1")]}]}],
    }


@pytest.fixture
def routing(house: FlowHouse) -> FlowHouse:
    for name in ("even", "above"):
        house.import_(name, f"/{name}")
        house.api.routes[f"/{name}"] = CREATED
    return house


def test_a_record_takes_the_first_branch_that_fits(routing: FlowHouse) -> None:
    routing.flow(**routed("first_matching_branch"))

    run = routing.go()

    assert (routing.api.bodies("/even"), routing.api.bodies("/above")) == ([{"id": 2}], [{"id": 3}])
    assert sorted(body["id"] for body in routing.api.bodies("/sink")) == [2, 3]
    assert routing.counts(run) == {
        "g0": (3, 0, 1, 1),
        "s1": (1, 0, 0, 1),
        "s2": (1, 0, 0, 1),
        "s4": (2, 0, 0, 1),
        "": (7, 0, 1, 4),
    }


def test_a_record_may_take_every_branch_that_fits(routing: FlowHouse) -> None:
    routing.flow(**routed("all_matching_branches"))

    routing.go()

    assert (routing.api.bodies("/even"), routing.api.bodies("/above")) == ([{"id": 2}], [{"id": 2}, {"id": 3}])
    assert sorted(body["id"] for body in routing.api.bodies("/sink")) == [2, 2, 3]


def test_copies_for_branches_have_a_limit(routing: FlowHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router_node, "MAX_PAGE_BYTES", 5)
    routing.flow(**routed("all_matching_branches"))

    run = routing.go()

    assert routing.counts(run)["g0"] == (3, 1, 1, 1)
    assert [(error.code, error.child, error.is_retriable) for error in routing.errors_of("e1")] == [
        ("page_too_large", "g0", True)
    ]


def test_a_record_that_a_router_cannot_judge_is_tried_again_there(routing: FlowHouse) -> None:
    routing.api.routes["/items"] = [{"id": "many"}]
    routing.flow(**routed("first_matching_branch"))
    routing.go()
    (error,) = routing.errors_of("e1")
    assert (error.source, error.retry_data) == (
        "input_filter",
        {"data": {"id": "many"}, "stage": "s0", "traceKey": "many"},
    )
    routing.errors.set_retry_data(error, {"data": {"id": 2}, "stage": "s0", "traceKey": "many"})
    routing.api.seen.clear()

    run = retry(routing, "e1", error.id)

    assert routing.api.paths() == ["POST /even", "POST /sink"]
    assert routing.errors_of("e1") == []
    assert routing.counts(run) == {"s1": (1, 0, 0, 1), "s4": (1, 0, 0, 1), "": (2, 0, 0, 2)}


@pytest.fixture
def unjudged(routing: FlowHouse) -> FlowHouse:
    """A router could not judge a record of the second of two generators."""
    routing.export("e2", "/others")
    routing.api.routes |= {"/items": [], "/others": [{"id": "many"}]}
    routing.flow(**{**routed("all_matching_branches"), "pageGenerators": [generator("e1"), generator("e2")]})
    routing.go()
    return routing


def test_what_a_router_could_not_judge_of_a_later_generator_is_resolved_by_a_retry(unjudged: FlowHouse) -> None:
    (error,) = unjudged.errors_of("e2")
    unjudged.errors.set_retry_data(error, {"data": {"id": 2}, "stage": "s0", "traceKey": "many"})

    retry(unjudged, "e2", error.id)
    retry(unjudged, "e2", error.id)

    assert unjudged.api.paths().count("POST /even") == 1
    assert (unjudged.errors_of("e1"), unjudged.errors_of("e2")) == ([], [])


def test_what_fails_again_in_a_router_for_a_later_generator_says_what_is_new(
    unjudged: FlowHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    (error,) = unjudged.errors_of("e2")
    unjudged.errors.set_retry_data(error, {"data": {"id": 2}, "stage": "s0", "traceKey": "many"})
    monkeypatch.setattr(router_node, "MAX_PAGE_BYTES", 5)

    retry(unjudged, "e2", error.id)

    (again,) = unjudged.errors_of("e2")
    assert (again.id, again.code, unjudged.errors_of("e1")) == (error.id, "page_too_large", [])


def test_what_is_tried_again_needs_no_connection_of_the_generator(house: FlowHouse) -> None:
    house.given(ResourceKind.CONNECTION, "c2", type="http", http={"baseURI": "https://depot.example/api"})
    house.import_("i1", _connectionId="c2")
    house.api.routes["/sink"] = refuse(2)
    house.flow(_exportId="e1", _importId="i1")
    house.go()
    (error,) = house.errors_of("i1")
    house.api.routes["/sink"] = CREATED
    house.given(ResourceKind.CONNECTION, "c1", type="http", offline=True, http={"baseURI": "https://depot.example"})

    run = retry(house, "i1", error.id)

    assert (run.status, house.errors_of("i1")) == (RunStatus.SUCCEEDED, [])


def test_a_record_that_failed_in_a_branch_is_tried_again_there(routing: FlowHouse) -> None:
    routing.api.routes["/above"] = answer(400)
    routing.flow(**routed("first_matching_branch"))
    routing.go()
    (error,) = routing.errors_of("above")
    routing.api.routes["/above"] = CREATED
    routing.api.seen.clear()

    retry(routing, "above", error.id)

    assert routing.api.paths() == ["POST /above", "POST /sink"]

"""Flows on the local stack: made through the door, run by the worker, against a depot on loopback."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.flows.flow_stack import LIVE, FlowStack, Shop, at, figures, parts, running, shop
from tests.flows.test_local_stack import eventually


@pytest.fixture(scope="module")
def stack() -> Iterator[FlowStack]:
    before = dict(os.environ)
    with running() as found:
        yield found
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def depot_shop(stack: FlowStack) -> Iterator[Shop]:
    with shop(stack, parcels=5) as found:
        yield found


def whole_flow(shop: Shop, **members: Any) -> tuple[str, str, str, str]:
    """The flow, and its export, lookup and import."""
    export, lookup, import_ = shop.export(), shop.lookup(), shop.import_()
    return shop.flow(export, ("export", lookup), ("import", import_), **members), export, lookup, import_


# -- a run ------------------------------------------------------------------------------------------------------------


def test_a_flow_moves_every_record_and_says_so_while_it_does(depot_shop: Shop) -> None:
    shop, depot = depot_shop, depot_shop.depot
    flow, export, *_ = whole_flow(shop)
    depot.hold("POST")

    job_id = shop.run(flow)
    eventually(lambda: depot.most_under_way, lambda count: count >= 2)
    seen = [shop.job(job_id)]
    depot.go_on()
    while seen[-1]["status"] in LIVE:
        seen.append(shop.job(job_id))

    assert seen[0]["status"] == "running"
    counted = [[job[name] for name in ("numSuccess", "numPagesGenerated", "numError")] for job in seen]
    assert counted == sorted(counted)
    job = seen[-1]
    assert (job["type"], job["status"], job["_flowId"], job["_exportId"]) == ("flow", "completed", flow, export)
    assert figures(job) == {"numSuccess": 15, "numPagesGenerated": 3}
    assert (job["doneExporting"], job["numPagesProcessed"]) == (True, 0)
    assert parts(job) == [
        ("export", "completed", 0, {"numSuccess": 5, "numPagesGenerated": 3}),
        ("export", "completed", 1, {"numSuccess": 5, "numPagesProcessed": 3}),
        ("import", "completed", 2, {"numSuccess": 5, "numPagesProcessed": 3}),
    ]
    assert at(job["createdAt"]) <= at(job["startedAt"]) <= at(job["endedAt"]) <= at(job["lastModified"])
    owners = {f"P-{n}": f"Owner {n % 7 + 1}" for n in range(1, 6)}
    assert {each["ref"]: each["owner"] for each in depot.shipments.values()} == owners
    assert len({each.key for each in depot.asked}) == len(depot.asked)


SCRIPT = """
const heavy = ({ data }) => ({ data: data.filter((d) => d.id > 1), errors: [] });
const strict = ({ data }) => data.map((d) => (d.number === "P-3" ? { errors: { code: "odd" } } : { data: d }));
const renamed = (d) => ({ ...d, owner: { name: `${d.owner.name}!` } });
const named = ({ postResponseMapData }) => postResponseMapData.map(renamed);
const route = () => ["all"];
"""


def test_scripts_have_their_say_wherever_a_flow_names_them(depot_shop: Shop) -> None:
    shop, stack = depot_shop, depot_shop.stack
    script = shop.made("scripts", name="Hooks", content=SCRIPT)
    export, lookup, import_ = shop.export(), shop.lookup(), shop.import_()
    for kind, id_, hook, function in (
        ("exports", export, "preSavePage", "heavy"),
        ("imports", import_, "preMap", "strict"),
    ):
        document = stack.got("GET", f"/v1/{kind}/{id_}")
        stack.got(
            "PUT", f"/v1/{kind}/{id_}", {**document, "hooks": {hook: {"_scriptId": script, "function": function}}}
        )
    flow = shop.flow(export, ("export", lookup), ("import", import_))
    document = stack.got("GET", f"/v1/flows/{flow}")
    first, second = document.pop("pageProcessors")
    hooked = {**first, "hooks": {"postResponseMap": {"_scriptId": script, "function": "named"}}}
    router = {"id": "r", "routeRecordsUsing": "script", "script": {"_scriptId": script, "function": "route"}}
    branches = [{"name": "all", "pageProcessors": [hooked, second]}]
    stack.got("PUT", f"/v1/flows/{flow}", {**document, "routers": [{**router, "branches": branches}]})

    job = shop.ended(shop.run(flow))

    assert job["status"] == "completed"
    assert figures(job) == {"numSuccess": 11, "numError": 1, "numOpenError": 1, "numPagesGenerated": 3}
    assert {each["ref"]: each["owner"] for each in shop.depot.shipments.values()} == {
        f"P-{n}": f"Owner {n % 7 + 1}!" for n in (2, 4, 5)
    }
    (error,) = shop.errors(flow, import_)
    assert (error["source"], error["code"], error["retriable"]) == ("pre_map_hook", "odd", True)


def test_a_job_is_found_in_every_list_and_is_a_run_at_the_other_door(depot_shop: Shop) -> None:
    flow, *_ = whole_flow(depot_shop)
    got = depot_shop.stack.got

    job_id = depot_shop.run(flow)
    job = depot_shop.ended(job_id)

    execution = got("GET", f"/v1/executions/{job_id}")["data"]
    assert (execution["id"], execution["status"]) == (job_id, "success")
    (latest,) = got("GET", f"/v1/flows/{flow}/jobs/latest")
    assert latest["_id"] == job_id
    assert [each["_id"] for each in got("GET", f"/v1/jobs?_flowId={flow}&status=completed")] == [job_id]
    children = got("GET", f"/v1/jobs?_flowJobId={job_id}")
    assert [each["_id"] for each in children] == [each["_id"] for each in job["children"]]
    assert [got("GET", f"/v1/jobs/{each['_id']}") for each in children] == children
    assert at(got("GET", f"/v1/flows/{flow}")["lastExecutedAt"]) == at(job["startedAt"])
    assert got("POST", "/v1/jobs/current", {"_flowIds": [flow]}) == {"jobs": []}


LINKS = {"paging": {"method": "linkheader"}, "response": {}}
PAGING: dict[str, tuple[str, dict[str, Any]]] = {
    "page": ("/parcels?page={{export.http.paging.page}}", {}),
    "strict page": (
        "/parcels?paged=strict&page={{export.http.paging.page}}",
        {"paging": {"method": "page", "page": 1}},
    ),
    "skip": (
        "/parcels?offset={{export.http.paging.skip}}",
        {"paging": {"method": "skip", "maxCountPath": "meta.total"}},
    ),
    "token": (
        "/parcels?cursor={{export.http.paging.token}}",
        {"paging": {"method": "token", "path": "meta.cursor"}},
    ),
    "url": ("/parcels", {"paging": {"method": "url", "path": "meta.next"}}),
    "linkheader": ("/linked", LINKS),
    "relativeuri": (
        "/parcels",
        {"paging": {"method": "relativeuri", "relativeURI": "/parcels?last={{previous_page.last_record.number}}"}},
    ),
}


def test_every_paging_style_brings_the_same_records(stack: FlowStack) -> None:
    with shop(stack, parcels=5) as found:
        import_ = found.import_()
        flows = [
            found.flow(found.export(uri, http=http), ("import", import_), name=name)
            for name, (uri, http) in PAGING.items()
        ]

        jobs = [found.ended(job_id) for job_id in [found.run(flow) for flow in flows]]

    for name, job in zip(PAGING, jobs, strict=True):
        assert (name, figures(job)) == (name, {"numSuccess": 10, "numPagesGenerated": 3})
    assert sorted(found.depot.refs()) == sorted([f"P-{n}" for n in range(1, 6)] * len(PAGING))


def test_a_delta_goes_on_where_the_run_before_began(depot_shop: Shop) -> None:
    shop = depot_shop
    delta: dict[str, Any] = {"type": "delta", "delta": {"lagOffset": 60_000}}
    uri = "/parcels?since={{lastExportDateTime}}&page={{export.http.paging.page}}"
    flow = shop.flow(shop.export(uri, **delta), ("import", shop.import_()))

    first = shop.ended(shop.run(flow))
    shop.depot.parcels[1]["changedAt"] = first["endedAt"]
    second = shop.ended(shop.run(flow))
    named = shop.ended(shop.run(flow, {"export": {"startDate": "2026-11-01T12:00:04.000Z"}}))

    lower = at(first["startedAt"]) - timedelta(minutes=1)
    since = shop.asked_times("since")
    assert (since[0], at(since[3])) == ("1970-01-01T00:00:00.000Z", lower)
    assert since[-1] == "2026-11-01T12:00:04.000Z"
    assert [job["numSuccess"] for job in (first, second, named)] == [10, 2, 6]
    marked = shop.stack.got("GET", f"/v1/flows/{flow}/lastExportDateTime")
    assert at(marked["lastExportDateTime"]) == at(named["startedAt"])


# -- what goes wrong --------------------------------------------------------------------------------------------------


def test_records_that_fail_are_errors_that_a_retry_resolves(depot_shop: Shop) -> None:
    shop = depot_shop
    flow, _, _, import_ = whole_flow(shop)
    shop.depot.refused |= {"P-2", "P-4"}

    first = shop.ended(shop.run(flow))
    errors = shop.errors(flow, import_)
    shop.depot.refused = {"P-4"}
    again = shop.stack.got(
        "POST", f"/v1/flows/{flow}/{import_}/retry", {"retryDataKeys": [each["retryDataKey"] for each in errors]}
    )
    retry = shop.ended(again["_jobId"])

    assert figures(first) == {"numSuccess": 13, "numError": 2, "numOpenError": 2, "numPagesGenerated": 3}
    assert {(each["traceKey"], each["code"], each["source"]) for each in errors} == {
        ("2", "422", "application"),
        ("4", "422", "application"),
    }
    assert (retry["type"], retry["status"]) == ("retry", "completed")
    assert [part[2:] for part in parts(retry)] == [
        (2, {"numSuccess": 1, "numError": 1, "numOpenError": 1, "numPagesProcessed": 1})
    ]
    resolved = {"numError": 2, "numResolved": 1, "numOpenError": 1}
    assert figures(shop.job(first["_id"])) == {"numSuccess": 13, "numPagesGenerated": 3, **resolved}
    assert [each["traceKey"] for each in shop.errors(flow, import_)] == ["4"]
    assert [each["resolvedBy"] for each in shop.errors(flow, import_, "resolved")] == ["auto"]
    summary = shop.stack.got("GET", f"/v1/flows/{flow}/errors")["flowErrors"]
    assert {each["_expOrImpId"]: each["numError"] for each in summary}[import_] == 1
    assert sorted(shop.depot.refs()) == ["P-1", "P-2", "P-3", "P-5"]


def test_a_busy_depot_is_asked_again_when_it_wishes_and_counts_each_record_once(depot_shop: Shop) -> None:
    shop = depot_shop
    flow, *_ = whole_flow(shop)
    shop.depot.trouble("POST /shipments", 429, times=2, headers={"retry-after": "1"})
    shop.depot.trouble("GET /parcels", 503, times=1)
    shop.depot.trouble("GET /owners", 500, times=1)

    job = shop.ended(shop.run(flow))

    assert figures(job) == {"numSuccess": 15, "numPagesGenerated": 3}
    sent = shop.depot.calls("POST /shipments")
    assert len(sent) == 7
    assert len({each.key for each in sent}) == 5
    assert sorted(shop.depot.refs()) == [f"P-{n}" for n in range(1, 6)]
    assert at(job["endedAt"]) - at(job["startedAt"]) >= timedelta(seconds=3)


def test_a_generator_that_fails_fails_its_job_and_webhooks_hear_of_it(depot_shop: Shop) -> None:
    shop = depot_shop
    flow, export, *_ = whole_flow(shop)
    got = shop.stack.got
    inbox = f"{shop.stack.base_url}/_local/inbox/{flow}"
    webhook = got("POST", "/v1/webhooks", {"url": inbox})["data"]["id"]
    got("POST", f"/v1/subscriptions?emitter_id={flow}&listener_id={webhook}&event_name=%24errors")
    shop.depot.trouble("GET /parcels", 403, body={"error": "not yours"})

    job = shop.ended(shop.run(flow))

    assert (job["status"], figures(job)) == ("failed", {"numError": 1, "numOpenError": 1})
    assert parts(job)[0][:2] == ("export", "failed")
    (error,) = shop.errors(flow, export)
    assert (error["code"], error["retriable"]) == ("403", False)
    heard = got("GET", f"/_local/inboxes/{flow}?wait_for=1&timeout=10")["requests"]
    assert job["_id"] in heard[0]["body"]
    assert got("GET", f"/v1/executions/{job['_id']}")["data"]["status"] == "failed"


# -- several at a time ------------------------------------------------------------------------------------------------


def test_a_job_that_is_cancelled_ends_and_sends_nothing_more(depot_shop: Shop) -> None:
    shop, depot = depot_shop, depot_shop.depot
    flow, *_ = whole_flow(shop)
    depot.hold("POST")
    job_id = shop.run(flow)
    eventually(lambda: depot.most_under_way, lambda count: count >= 2)

    cancelled = shop.stack.got("PUT", f"/v1/jobs/{job_id}/cancel", {})
    # Whoever works on a run looks every two seconds whether it still is to be worked on.
    shop.stack.clock.ahead += timedelta(seconds=2)
    depot.go_on()
    job = shop.ended(job_id)
    following = shop.ended(shop.run(flow))

    assert (cancelled["status"], job["status"]) == ("canceling", "canceled")
    assert {each["status"] for each in job["children"]} == {"canceled"}
    assert following["status"] == "completed"
    assert len(depot.calls("POST /shipments")) == 2 + 5


def test_a_second_run_waits_for_the_first(depot_shop: Shop) -> None:
    shop, depot = depot_shop, depot_shop.depot
    flow, *_ = whole_flow(shop)
    depot.hold("POST")
    first = shop.run(flow)
    eventually(lambda: depot.most_under_way, lambda count: count >= 2)

    second = shop.run(flow)
    waiting = eventually(lambda: shop.job(second), lambda job: job["status"] == "queued")
    third = shop.run(flow)
    withdrawn = shop.stack.got("PUT", f"/v1/jobs/{third}/cancel")
    depot.go_on()
    jobs = [shop.ended(job_id) for job_id in (first, second)]

    assert "startedAt" not in waiting
    assert withdrawn["status"] == "canceled"
    assert [job["status"] for job in jobs] == ["completed", "completed"]
    assert at(jobs[1]["startedAt"]) >= at(jobs[0]["endedAt"])
    assert len(depot.refs()) == 10


def test_flows_that_share_a_connection_share_its_slots(stack: FlowStack) -> None:
    with shop(stack, parcels=24, size=12) as found:
        connection = found.connected(concurrencyLevel=3)
        found.depot.linger(0.01)
        flows = [
            found.flow(found.export(connection=connection), ("import", found.import_(connection))) for _ in range(2)
        ]

        jobs = [found.ended(job_id) for job_id in [found.run(flow) for flow in flows]]

    assert [figures(job) for job in jobs] == [{"numSuccess": 48, "numPagesGenerated": 2}] * 2
    assert 2 <= found.depot.most_under_way <= 3


def test_a_schedule_starts_its_flow(depot_shop: Shop) -> None:
    shop, stack = depot_shop, depot_shop.stack
    due_at = stack.clock.now().replace(second=0, microsecond=0) + timedelta(minutes=2)
    there = due_at.astimezone(ZoneInfo("Europe/Oslo"))
    schedule = f"? {there.minute} {there.hour} ? * *"
    flow = shop.flow(shop.export(), ("import", shop.import_()), schedule=schedule, timezone="Europe/Oslo")

    # A minute after it was due the tick looks for what nobody has started.
    stack.clock.ahead += due_at + timedelta(seconds=61) - stack.clock.now()
    stack.tick()
    (job,) = eventually(
        lambda: stack.got("GET", f"/v1/jobs?_flowId={flow}") or [], lambda jobs: bool(jobs) and "endedAt" in jobs[0]
    )
    stack.got("PATCH", f"/v1/flows/{flow}", [{"op": "replace", "path": "/disabled", "value": True}])

    assert (job["status"], figures(job)) == ("completed", {"numSuccess": 10, "numPagesGenerated": 3})
    assert sorted(shop.depot.refs()) == [f"P-{n}" for n in range(1, 6)]


def test_a_clone_runs_on_its_own(depot_shop: Shop) -> None:
    shop, got = depot_shop, depot_shop.stack.got
    flow, *_ = whole_flow(shop)
    other = shop.connected()

    copy = got("POST", f"/v1/flows/{flow}/clone", {"name": "Copy", "connectionMap": {shop.connection: other}})
    refused = shop.stack.call("POST", f"/v1/flows/{copy['_id']}/run")
    got("PATCH", f"/v1/flows/{copy['_id']}", [{"op": "replace", "path": "/disabled", "value": False}])
    job = shop.ended(shop.run(copy["_id"]))

    assert (copy["disabled"], copy["_sourceId"]) == (True, flow)
    assert (refused.status, json.loads(refused.body)["errors"][0]["code"]) == (422, "inactive_flow")
    assert figures(job) == {"numSuccess": 15, "numPagesGenerated": 3}
    assert got("GET", f"/v1/jobs?_flowId={flow}") is None

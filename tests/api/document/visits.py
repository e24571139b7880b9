"""Calls of the operations that no documented conversation has: each answered well at least once."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlsplit

from tests.api.celigo.conftest import CONNECTION, EXPORT, IMPORT, LISTENER, Depot
from tests.api.celigo.jobs_house import Jobs
from tests.api.pipedream.conftest import COUNTER
from tests.api.pipedream.test_interfaces import LISTENING, deploy
from tests.api.pipedream.test_workflows import create
from tests.api.twinit.house import Plant, ask, json_answer, loop, rest
from tests.api.world import World

WAITING: dict[str, Any] = {
    "nodes": [
        {"id": "start", "type": "trigger"},
        {"id": "ask", "type": "user_input", "config": {"form": {"type": "object"}}},
    ],
    "connections": [{"from": "start", "to": "ask"}],
}
FULL: dict[str, Any] = {
    "description": "Reads the stock, and waits for somebody.",
    "timeout_seconds": 3600,
    "concurrency": {"limit": 5, "key": "{{ $input.shop }}", "on_limit": "queue"},
    "nodes": [
        {"id": "start", "type": "trigger"},
        {
            "id": "stock",
            "type": "transform",
            "name": "Read the stock",
            "config": {"values": {"left": 7}},
            "retry": {
                "max_attempts": 3,
                "backoff": "exponential",
                "delay_seconds": 5,
                "max_delay_seconds": 60,
                "jitter": 0.2,
            },
            "timeout_seconds": 30,
            "on_error": "fail",
            "at_most_once": False,
        },
        {"id": "ask", "type": "user_input", "config": {"form": {"type": "object"}}},
    ],
    "connections": [
        {"from": "start", "to": "stock", "output": "main", "condition": "true"},
        {"source": "stock", "target": "ask"},
    ],
}


def all_of_them() -> None:
    doors = (_executions, _inbound, _pins, _twinit, _pipedream, _sources_and_their_requests, _flows, _jobs)
    for visit in (*doors, _pages):
        visit(World())
    _nobody(World())


def _got(world: World, method: str, target: str, body: Any = None, **how: Any) -> Any:
    answer = world.call(method, target, body, **how)
    assert answer.status < 400, f"{method} {target}: {answer.text}"
    return answer


def _executions(world: World) -> None:
    pin = _got(world, "POST", "/api/pins/send", {"metadata": {"title": "Lager"}}).json["pid"]
    workflow = world.active_workflow(**FULL, mirror_to_pin={"pin_id": pin, "workflow_id": "stock"})
    run = world.execution(workflow, {"shop": "graz"})
    world.work()
    for what in ("graph", "input", "output", "timeline", "timeline?container=ask"):
        _got(world, "GET", f"/v1/executions/{run}/{what}")
    _got(world, "POST", f"/v1/executions/{run}/pause")
    _got(world, "POST", f"/v1/executions/{run}/resume")
    _got(world, "GET", f"/v1/workflows/{workflow}/graph")
    _got(world, "GET", "/v1/workflows?dialect=all")
    _got(world, "GET", "/v1/overview")
    key = _got(world, "POST", "/v1/keys", {"name": "Shop", "scopes": ["executions:write"]}).data["id"]
    _got(world, "GET", "/v1/keys")
    _got(world, "GET", f"/v1/keys/{key}")
    _got(world, "DELETE", f"/v1/keys/{key}")
    _got(world, "PUT", f"/v1/workflows/{workflow}", {**FULL, "mirror_to_pin": {"pin_id": pin, "workflow_id": "stock"}})
    changed = {"name": "Shop", "method": "PUT", "authentication": {"type": "bearer", "enabled": False}}
    _got(world, "PUT", f"/v1/webhooks/{world.webhook(workflow)['id']}", changed)


def _inbound(world: World) -> None:
    workflow = world.active_workflow()
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        made = world.webhook(workflow, method=method, authentication={"type": "bearer", "enabled": True})
        path = urlsplit(made["url"]).path
        body = None if method == "GET" else {"data": {"id": "B-2"}}
        _got(world, method, f"{path}?id=B-1", body, key=made["token"])


def _pins(world: World) -> None:
    _got(world, "GET", "/api/auth/api-keys")
    made = _got(world, "POST", "/api/pins/send", {"metadata": {"title": "Lager", "is_public": True}}).json
    pin = made["pid"]
    _got(world, "PUT", f"/api/workflow-data/{pin}/nightly", {"data": {"status": "running", "rows": 5120}})
    _got(world, "GET", f"/api/pins/{pin}/overview?series=true")
    _got(world, "GET", f"/api/public/pins/{pin}/overview?series=true", key=None)
    _got(world, "GET", f"/pins/{pin}", key=None)
    hook = {"url": "https://ops.example.net/hook", "events": ["workflow.failed"], "pinId": pin, "workflowId": "nightly"}
    webhook = _got(world, "POST", "/api/webhooks", hook).data
    pushed = json.dumps({"data": {"status": "completed"}}).encode()
    digest = hmac.new(webhook["secret"].encode(), pushed, hashlib.sha256).hexdigest()
    signed = {"x-pindown-signature": f"sha256={digest}"}
    _got(world, "POST", f"/api/webhooks/receive/{webhook['id']}", raw=pushed, key=None, headers=signed)
    board = _got(world, "POST", "/api/pinboards", {"name": "Lager", "tags": ["lager"], "is_public": True}).data["id"]
    _got(world, "PUT", f"/api/pinboards/{board}", {"name": "Lager Graz", "pins": [pin], "tags": []})
    dataset = {"name": "Preise", "type": "json", "data": "{}", "description": "Preise je Filiale"}
    id_ = _got(world, "POST", f"/api/pins/{pin}/datasets", dataset).data["datasetId"]
    change = {"data": "[]", "metadata": {"name": "Preise 2", "description": "Preise je Filiale"}}
    _got(world, "PUT", f"/api/pins/{pin}/datasets/{id_}", change)


def _twinit(world: World) -> None:
    del world
    plant = Plant()
    definition = plant.define(ask(), _timeoutSeconds=60, _timeoutPolicy="TIME_OUT_WF", _userType="valves")
    run = plant.call("GET", f"/workflows/{plant.start(definition)}").json
    plant.world.work()
    task = run["_tasks"][0]["_id"]
    assert (
        plant.call("POST", f"/workflows/{run['_id']}/userinput/{task}", {"_userInput": {"decision": "hold"}}).status
        == 200
    )
    looped = plant.run(loop("again", "$.again.iteration < 2", rest("call")))
    plant.world.work()
    assert (
        plant.call("GET", f"/workflows/{looped['_id']}/tasks/{looped['_tasks'][0]['_id']}/loopovertasks").status == 200
    )
    timing = {"_type": "TIME_BASED", "_runInterval": "0 30 5 ? * MON-FRI", "_timeZone": "Europe/Vienna"}
    made = plant.call("POST", f"/workflowdefs/{definition}/schedules", {"_schedule": timing, "_inputParams": {}}).json
    assert plant.call("DELETE", f"/workflowdefs/{definition}/jobs/{made['_jobId']}").status == 200


def _pipedream(world: World) -> None:
    workspace = _got(world, "GET", "/v1/users/me").data["orgs"][0]["id"]
    _got(world, "GET", f"/v1/orgs/{workspace}/accounts?app=acme&query=a")
    component = _got(world, "POST", "/v1/components", {"component_code": COUNTER}).data["id"]
    source = _got(world, "POST", "/v1/sources", {"component_id": component, "workspace_id": workspace}).data["id"]
    _got(world, "GET", f"/v1/sources/{source}/event_summaries&expand=event")
    _got(world, "GET", f"/v1/sources/{source}/orders/event_summaries&n=1")
    made = create(world)
    _got(world, "GET", f"/v1/workflows/{made['id']}")
    _got(world, "PUT", f"/v1/workflows/{made['id']}", {"active": False})
    for kind, id_ in (("sources", source), ("workflows", made["id"])):
        _got(world, "GET", f"/v1/{kind}/{id_}/event_summaries&expand=event")
        _got(world, "GET", f"/v1/{kind}/{id_}/orders/event_summaries&n=1")
    timed = [
        {"type": "timer", "interval_seconds": 60},
        {"type": "timer", "cron": "0 5 * * *", "timezone": "Europe/Vienna"},
        {"type": "source", "source_id": source},
    ]
    create(world, triggers=timed, project_id="proj_1", template_id="tch_1")
    _got(world, "DELETE", f"/v1/workflows/{made['id']}")


def _sources_and_their_requests(world: World) -> None:
    path = deploy(world, LISTENING, "in")[1]
    for method in ("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS"):
        for below in ("", "/orders/7"):
            _got(world, method, path + below, None if method in ("GET", "HEAD", "OPTIONS") else {"n": 1}, key=None)


def _flows(world: World) -> None:
    depot = Depot(world)
    integration = depot.made("integrations", {"name": "Depot"})["_id"]
    flow = depot.flow(_integrationId=integration, schedule="? 0 2 ? * *", timezone="Europe/Vienna")
    one, export, import_ = f"/v1/flows/{flow['_id']}", depot.export()["_id"], depot.import_()["_id"]
    patch = [{"op": "replace", "path": "/name", "value": "Parcels"}]
    for place in (one, f"/v1/exports/{export}", f"/v1/imports/{import_}", f"/v1/connections/{depot.connection_id}"):
        _got(world, "GET", place)
        _got(world, "PATCH", place, patch)
        for below in ("audit?action=update", "audit", "dependencies"):
            _got(world, "GET", f"{place}/{below}")
    other = depot.connection()["_id"]
    _got(world, "PUT", f"/v1/exports/{export}", {**EXPORT, "_connectionId": other})
    _got(world, "PUT", f"/v1/imports/{import_}", {**IMPORT, "_connectionId": other})
    _got(world, "PUT", f"/v1/connections/{other}", CONNECTION)
    _got(world, "PUT", f"/v1/integrations/{integration}", {"name": "Depot Graz"})
    _got(world, "PATCH", f"/v1/integrations/{integration}", patch)
    for kind, id_ in (("exports", export), ("imports", import_)):
        _got(world, "PUT", f"/v1/{kind}/{id_}/replaceConnection", {"_newConnectionId": depot.connection_id})
        _got(
            world, "POST", f"/v1/{kind}/{id_}/clone", {"name": "A copy", "connectionMap": {depot.connection_id: other}}
        )
    for place in ("", f"/{integration}", f"/{integration}/flows", f"/{integration}/exports", f"/{integration}/imports"):
        _got(world, "GET", f"/v1/integrations{place}")
    for kind in ("flows", "exports", "imports", "connections"):
        _got(world, "GET", f"/v1/{kind}?limit=1&include=name")
    for below in ("template", "descendants", "lastExportDateTime"):
        _got(world, "GET", f"{one}/{below}")
    only = {"_exportIds": [flow["pageGenerators"][0]["_exportId"]]}
    for place in (f"{one}/run", one):
        _got(world, "POST", place, {"export": {"startDate": "2026-11-01", "endDate": "2026-11-02"}, **only})
        _got(world, "POST", place, {"startDate": "2026-11-01"})
    clone = {"name": "A copy", "connectionMap": {depot.connection_id: other}, "_integrationId": integration}
    _got(world, "POST", f"{one}/clone", clone)
    _got(world, "POST", f"{one}/clone?manifest=true", {})
    _got(world, "PUT", one, {name: flow[name] for name in ("name", "pageGenerators", "pageProcessors")})
    renewed = {"_connectionId": depot.connection_id, "_newConnectionId": other}
    _got(world, "PUT", f"{one}/replaceConnection", renewed)
    _got(world, "PUT", "/v1/flows/updateFlowGrouping", {"_flowIds": [flow["_id"]], "_flowGroupingId": None})
    _got(world, "GET", "/v1/audit?resourceType=flow")
    _state(world)
    for place in (one, *(f"/v1/{kind}s/{id_}" for kind, id_ in (("export", export), ("import", import_)))):
        _state(world, place)
    _state(world, f"/v1/connections/{other}")
    _state(world, f"/v1/integrations/{integration}")
    _debugging(depot, other, export)
    _scripts(world)
    _listener(depot)
    for place in (one, f"/v1/imports/{import_}", f"/v1/exports/{export}"):
        _got(world, "DELETE", place)
    for place in (depot.made("integrations", {"name": "Empty"}), depot.connection(name="Spare")):
        kind = "integrations" if place["name"] == "Empty" else "connections"
        _got(world, "DELETE", f"/v1/{kind}/{place['_id']}")


def _state(world: World, owner: str = "/v1") -> None:
    _got(world, "PUT", f"{owner}/state/last", {"page": 7})
    for place in (f"{owner}/state", f"{owner}/state/last", "/v1/tokenInfo"):
        _got(world, "GET", place)
    _got(world, "DELETE", f"{owner}/state/last")
    _got(world, "DELETE", f"{owner}/state")


def _debugging(depot: Depot, connection: str, export: str) -> None:
    world, before = depot.world, depot.world.sender.respond
    world.sender.respond = lambda _: json_answer('{"parcels": [{"id": 7}], "meta": {"pages": 1}}')
    until = [{"op": "replace", "path": "/debugDate", "value": "2030-01-01T00:00:00.000Z"}]
    _got(world, "PATCH", f"/v1/connections/{connection}", until)
    _got(world, "GET", f"/v1/connections/{connection}/ping")
    _got(world, "GET", f"/v1/connections/{connection}/debug")
    _got(world, "DELETE", f"/v1/connections/{connection}/debug")
    identifier = _got(world, "GET", f"/v1/exports/{export}").json["apiIdentifier"]
    _got(world, "POST", f"/v1/{identifier}", {"pagedExportState": {"calls": 0, "page": 1}})
    world.sender.respond = before


def _scripts(world: World) -> None:
    content = "function keep(options) {\n  return options.record.weight > 2;\n}\n"
    body = {"name": "Heavy parcels", "description": "What the shop wants.", "content": content}
    one = f"/v1/scripts/{_got(world, 'POST', '/v1/scripts', body).json['_id']}"
    _got(world, "PATCH", one, [{"op": "replace", "path": "/name", "value": "Heavy ones"}])
    _got(world, "PUT", one, {**body, "content": content.replace("2", "3")})
    for place in ("/v1/scripts?limit=1&include=name", one, f"{one}/audit", f"{one}/dependencies"):
        _got(world, "GET", place)
    copy = _got(world, "POST", f"{one}/clone", {"name": "A copy", "connectionMap": {}}).json["_id"]
    _got(world, "DELETE", f"/v1/scripts/{copy}")


def _listener(depot: Depot) -> None:
    for verify, path, body in (("token", "", {"secret": "open-sesame"}), ("secret_url", "/open-sesame", {"id": 7})):
        webhook = {"verify": verify, "token": "open-sesame", "path": "secret"}
        listener = depot.made("exports", {**LISTENER, "webhook": webhook})["_id"]
        depot.flow(pageGenerators=[{"_exportId": listener}])
        headers = {"idempotency-key": "once"}
        _got(depot.world, "POST", f"/v1/exports/{listener}/data{path}", body, key=None, headers=headers)


def _jobs(world: World) -> None:
    """What the documented conversations about jobs leave out, and calls that reach out to a system."""
    house = Jobs(world)
    job = house.whole()
    for offered in (f"/v1/jobs/{job}/errorFile/signedURL", f"/v1/flows/{house.flow}/template"):
        _got(world, "GET", urlsplit(_got(world, "GET", offered).json["signedURL"]).path, key=None)
    errors = _got(world, "GET", f"/v1/flows/{house.flow}/{house.import_}/errors?limit=1").json["errors"]
    named = {"errors": [errors[0]["errorId"]]}
    _got(world, "PUT", f"/v1/flows/{house.flow}/{house.import_}/resolved", named)
    _got(world, "DELETE", f"/v1/flows/{house.flow}/{house.import_}/resolved", named)
    _got(world, "POST", f"/v1/flows/{house.flow}/{house.import_}/retry", {"errorIds": named["errors"]})
    _got(world, "GET", f"/v1/flows/{house.flow}/{house.import_}/resolved")
    tag = _got(world, "POST", "/v1/tags", {"tag": "Urgent"}).json["_id"]
    _got(world, "GET", "/v1/tags")
    _got(world, "GET", f"/v1/tags/{tag}")
    _got(world, "PUT", f"/v1/tags/{tag}", {"tag": "Today"})
    noted = {"errorIds": named["errors"]}
    _got(world, "PUT", f"/v1/flows/{house.flow}/{house.import_}/tags", {**noted, "tagIds": [tag]})
    assigned = {**noted, "email": "mara@depot.example"}
    _got(world, "PUT", f"/v1/flows/{house.flow}/{house.import_}/errors/assign", assigned)
    _got(world, "GET", f"/v1/flows/{house.flow}/{house.import_}/errors?limit=1")
    _got(world, "DELETE", f"/v1/tags/{tag}")
    _got(world, "GET", "/v1/jobs?type=flow&_bulkJobId=1&createdAt_gte=2026-11-01")
    _got(world, "GET", f"/v1/jobs?type=import&resourceId={house.import_}")
    _got(world, "POST", "/v1/jobs/current?limit=1", {"_flowIds": [house.flow], "_integrationIds": None, "status": None})
    _got(world, "PUT", f"/v1/jobs/{house.queued()}/cancel")
    world.sender.respond = lambda _: json_answer('{"parcels": [{"id": 7}], "meta": {"pages": 1}}')
    connection = f"/v1/connections/{house.depot.connection_id}/ping"
    for method, path, body in (
        ("GET", connection, None),
        ("POST", connection, None),
        ("POST", "/v1/connections/ping", CONNECTION),
        ("POST", f"/v1/exports/{house.export}/invoke", None),
        ("POST", f"/v1/exports/{house.lookup}/invoke", {"data": [{"ownerId": 9}]}),
        ("POST", f"/v1/imports/{house.import_}/invoke", [{"id": 7}]),
        ("POST", "/v1/exports/preview", {**EXPORT, "_connectionId": house.depot.connection_id}),
    ):
        _got(world, method, path, body)
    tried = house.depot.flow(disabled=True)
    _got(world, "POST", f"/v1/flows/{tried['_id']}/test/run", {"_exportId": tried["pageGenerators"][0]["_exportId"]})


def _pages(world: World) -> None:
    of_console = ("/console", "/console/now/app.js", "/console/now/core/api.js")
    for path in ("/openapi.json", "/docs", "/docs/now/docs.js", *of_console):
        _got(world, "GET", path, key=None)


def _nobody(world: World) -> None:
    """Whoever has no key in a header: this door looks for one in the body."""
    pin = _got(world, "POST", "/api/pins/send", {"api_key": world.key, "metadata": {"title": "Lager"}}, key=None).json
    for method, path in (
        ("PUT", f"/api/pins/{pin['pid']}"),
        ("POST", "/api/pinboards"),
        ("PUT", "/api/pinboards/pb-1"),
        ("POST", "/api/pinboards/pb-1/pins"),
        ("POST", f"/api/pins/{pin['pid']}/blocks"),
        ("PUT", f"/api/pins/{pin['pid']}/blocks/b-1"),
        ("POST", f"/api/pins/{pin['pid']}/datasets"),
        ("PUT", f"/api/pins/{pin['pid']}/datasets/d-1"),
        ("POST", "/api/auth/api-keys"),
        ("PUT", f"/api/workflow-data/{pin['pid']}/nightly"),
        ("POST", "/api/webhooks"),
        ("PUT", "/api/webhooks/wh_1"),
    ):
        world.call(method, path, {"api_key": world.key}, key=None)

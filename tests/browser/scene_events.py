"""What the second half of the console's driver finds: streams, receivers, schedules, a source, a flow and a pin."""

from __future__ import annotations

import json

from tests.browser.scene import HOSTILE, Client

RECEIVER_REFUSES = {
    "status": 422,
    "headers": {"Content-Type": "application/json"},
    "body": '{"error": "ref already used"}',
}
COUNTER = """export default {
  key: "ping-counter", name: "Ping Counter", version: "0.0.1",
  props: { timer: { type: "$.interface.timer", default: { intervalSeconds: 3600 } }, db: "$.service.db" },
  async run(event) {
    const n = (this.db.get("n") ?? 0) + 1;
    this.db.set("n", n);
    console.log(`ping ${n}`);
    this.$emit({ n, at: event.timestamp }, { id: n, summary: `ping ${n}` });
  },
};"""


def shop_flow(client: Client) -> tuple[str, str]:
    """A flow whose import is refused for two of five records, and that import's id."""
    connection = client.call(
        "POST",
        "/v1/connections",
        {"name": "Depot", "type": "http", "http": {"baseURI": client.base_url + "/_local", "mediaType": "json"}},
    )
    shared = {"_connectionId": connection["_id"]}
    parcels = {"method": "GET", "relativeURI": "/inbox/parcels", "response": {"resourcePath": "parcels"}}
    export = {"name": "Changed parcels", "adaptorType": "HTTPExport", "http": parcels, **shared}
    shipments = {"method": ["POST"], "relativeURI": ["/inbox/shop"], "body": [None]}
    import_ = {
        "name": "Push parcels",
        "adaptorType": "HTTPImport",
        "http": shipments,
        "traceKeyTemplate": "{{record.number}}",
        **shared,
    }
    export_id, import_id = (
        client.call("POST", path, body)["_id"] for path, body in (("/v1/exports", export), ("/v1/imports", import_))
    )
    records = json.dumps({"parcels": [{"number": f"P-{number}", "owner": HOSTILE} for number in range(5)]})
    reply = {"headers": {"Content-Type": "application/json"}, "body": records}
    client.call("PUT", "/_local/inboxes/parcels/reply", reply)
    client.call("PUT", "/_local/inboxes/shop/reply", {**RECEIVER_REFUSES, "times": 2})
    body = {
        "name": "Parcels to shop",
        "schedule": "? 0 2 ? * *",
        "timezone": "Europe/Oslo",
        "pageGenerators": [{"_exportId": export_id}],
        "pageProcessors": [{"type": "import", "_importId": import_id, "proceedOnFailure": True}],
    }
    return client.call("POST", "/v1/flows", body)["_id"], import_id


def routed_flow(client: Client, flow_id: str) -> str:
    """The same exports and imports behind a router."""
    like = client.call("GET", f"/v1/flows/{flow_id}")
    rules = ["equals", ["string", ["extract", "number"]], "P-1"]
    branches = [
        {
            "name": "The first one",
            "inputFilter": {"version": "1", "rules": rules},
            "pageProcessors": like["pageProcessors"],
        },
        {"name": "All others", "nextRouterId": "second"},
    ]
    routers = [
        {"id": "first", "name": "By number", "branches": branches},
        {"id": "second", "routeRecordsTo": "all_matching_branches", "branches": [{"pageProcessors": []}]},
    ]
    body = {"name": "Parcels by number", "pageGenerators": like["pageGenerators"], "routers": routers, "disabled": True}
    made: str = client.call("POST", "/v1/flows", body)["_id"]
    return made


def told_webhook(client: Client, workflow_id: str) -> str:
    """A receiver that took one delivery, and one that hears of it is a workflow."""
    made = client.call("POST", "/v1/webhooks", {"url": client.inbox("team"), "name": "Team"})["data"]
    for listener in (made["id"], client.workflow("Hears of it", [{"id": "x", "type": "noop"}], [])):
        client.call("POST", "/v1/subscriptions", {"emitter_id": workflow_id, "listener_id": listener})
    client.call("POST", "/v1/webhooks", {"workflow_id": workflow_id, "name": "Shop"})
    client.run(workflow_id, {"id": HOSTILE}, "succeeded")
    webhook_id: str = made["id"]
    return webhook_id


def build(client: Client) -> dict[str, str]:
    """The ids of what the second half of the driver visits, by name."""
    small = client.workflow("Tell of it", [{"id": "x", "type": "noop", "name": "Nothing"}], [])
    timer = {"kind": "schedule", "cron": "30 12 * * *", "timezone": "Europe/Vienna"}
    client.workflow("At noon", [{"id": "noon", "type": "trigger", "config": timer}], [])
    schedule = {"workflow_id": small, "cron": "0 30 2 ? * SUN", "timezone": "Europe/Berlin", "name": "Sundays"}
    source = client.call("POST", "/v1/sources", {"component_code": COUNTER, "name": "Counter"})["data"]["id"]
    flow, import_ = shop_flow(client)
    pin = client.call("POST", "/api/pins/send", {"metadata": {"title": "Stock", "tags": ["depot"], "is_public": True}})
    for number in range(8):
        pushed = {"data": {"status": "running", "progress": 12 * number, "note": HOSTILE}}
        client.call("PUT", f"/api/workflow-data/{pin['pid']}/nightly", pushed)
    return {
        "told": told_webhook(client, small),
        "small": small,
        "schedule": client.call("POST", "/v1/schedules", schedule)["data"]["id"],
        "source": source,
        "flow": flow,
        "routed": routed_flow(client, flow),
        "import": import_,
        "pin": pin["pid"],
    }

"""Workflows in this dialect's form: they share addresses with the other one's, and keep to their own words."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.api.pipedream.conftest import COUNTER, Owned
from tests.api.world import World

FETCH = """
export default defineComponent({
  props: { limit: { type: "integer", label: "Limit" } },
  async run({ steps, $ }) { return { id: steps.trigger.event.body.id, limit: this.limit }; },
});
"""
PACK = """
export default {
  name: "Pack", key: "pack-order", version: "0.1.0", type: "action",
  props: { order: { type: "any" }, note: { type: "string" } },
  async run({ steps, $ }) {
    if (this.order.id === "broken") throw new RangeError("no such order");
    $.send.emit({ raw_event: { order: this.order.id, limit: steps.fetch.$return_value.limit, note: this.note } });
  },
};
"""


def body(**members: Any) -> dict[str, Any]:
    steps = [
        {"namespace": "fetch", "code": FETCH, "props": {"limit": 5}},
        {
            "namespace": "pack",
            "code": PACK,
            "props": {"order": "{{steps.trigger.event.body}}", "note": "at most {{steps.fetch.$return_value.limit}}"},
        },
    ]
    return {"org_id": "ws_one", "steps": steps, "triggers": [{"props": {"path": "/in"}}], **members}


def create(world: World, **members: Any) -> Any:
    answer = world.call("POST", "/v1/workflows", body(settings={"name": "pack orders"}, **members))
    assert answer.status == 200, answer.text
    return answer.data


def test_a_created_workflow_is_shown_as_documented(world: World) -> None:
    made = create(world)

    assert list(made) == ["id", "name", "active", "steps", "triggers"]
    assert (made["id"][:2], made["name"], made["active"]) == ("p_", "pack orders", True)
    step = made["steps"][0]
    assert (step["id"][:2], step["type"], step["namespace"], step["component"]) == ("c_", "CodeCell", "fetch", True)
    assert json.loads(step["configured_props_json"]) == {"limit": 5}
    saved = step["savedComponent"]
    assert (saved["code"], len(saved["codeHash"])) == (FETCH, 64)
    assert saved["configurableProps"] == [{"name": "limit", "type": "integer", "label": "Limit"}]
    assert made["steps"][1]["component_key"] == "pack-order"
    (trigger,) = made["triggers"]
    assert trigger["id"].startswith("hi_")
    assert trigger["endpoint_url"] == f"https://flow.example.org/h/{trigger['key']}"


def test_it_is_read_changed_and_deleted_in_the_same_words(world: World) -> None:
    made = create(world)
    path = f"/v1/workflows/{made['id']}"

    read = world.call("GET", f"{path}?org_id=ws_one").json
    paused = world.call("PUT", path, {"org_id": "ws_one", "active": False})
    deleted = world.call("DELETE", path)

    assert read == {"triggers": made["triggers"], "steps": made["steps"]}
    assert (paused.data["inactive"], paused.data["active"], paused.data["name_slug"]) == (True, False, "pack-orders")
    assert paused.data["owner_type"] == "Org"
    assert paused.data["created_at"].endswith("Z")
    assert (deleted.status, deleted.text) == (204, "")
    assert world.call("GET", path).json == {"error": "record not found"}


def test_a_request_runs_the_steps_in_a_row_and_what_they_emit_is_the_workflows(world: World) -> None:
    made = create(world)
    address = urlsplit(made["triggers"][0]["endpoint_url"]).path

    answer = world.call("PUT", f"{address}/in?x=1", {"id": 8841}, key=None)
    world.work()

    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    (row,) = world.call("GET", f"/v1/workflows/{made['id']}/event_summaries").data
    assert row["event"] == {"raw_event": {"order": 8841, "limit": 5, "note": "at most 5"}}
    (run,) = world.call("GET", f"/v1/executions?workflow_id={made['id']}").data["executions"]
    assert run["status"] == "success"


def test_an_address_takes_so_many_requests_in_a_minute() -> None:
    world = World(hook_rate_limit=2)
    address = urlsplit(create(world)["triggers"][0]["endpoint_url"]).path

    answers = [world.call("POST", address, {"id": n}, key=None) for n in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].json == {"error": "rate limit exceeded"}
    assert len(world.call("GET", "/v1/executions").data["executions"]) == 2


def test_an_address_is_dead_while_its_workflow_rests_and_when_it_is_gone(world: World) -> None:
    made = create(world)
    address = urlsplit(made["triggers"][0]["endpoint_url"]).path

    world.call("PUT", f"/v1/workflows/{made['id']}", {"active": False})
    resting = world.call("POST", address, {}, key=None)
    world.call("DELETE", f"/v1/workflows/{made['id']}")
    gone = world.call("POST", address, {}, key=None)

    assert [(each.status, each.json) for each in (resting, gone)] == [(404, {"error": "record not found"})] * 2


def test_its_address_is_no_inbound_webhook_of_the_other_dialect(world: World, owned: Owned) -> None:
    key = create(world)["triggers"][0]["key"]
    hook = world.webhook(owned.workflow, authenticated=False)["id"]

    assert [each["id"] for each in world.call("GET", "/v1/webhooks").data["webhooks"]] == [hook]
    assert world.call("POST", f"/h/{hook}", {}, key=None).status == 404
    assert world.call("POST", f"/webhook/{key}", {}, key=None).status == 405


def test_a_timer_starts_it_while_it_is_active(world: World) -> None:
    code = "export default ({ run }) => run.id"
    triggers = [{"type": "timer", "props": {"intervalSeconds": 30}}]
    made = create(world, steps=[{"code": code}], triggers=triggers)

    world.clock.advance(31)
    world.work()
    world.call("PUT", f"/v1/workflows/{made['id']}", {"active": False})
    world.clock.advance(600)
    world.work()

    assert made["triggers"] == [
        {"id": made["triggers"][0]["id"], "interval_seconds": 30, "cron": None, "timezone": "UTC"}
    ]
    assert len(world.call("GET", f"/v1/executions?workflow_id={made['id']}").data["executions"]) == 1


def test_a_source_starts_it(world: World) -> None:
    source = world.call("POST", "/v1/sources", {"component_code": COUNTER}).data["id"]
    code = 'export default { name: "s", version: "1", run({ steps, $ }) { $.send.emit(steps.trigger.event); } }'
    made = create(world, steps=[{"code": code}], triggers=[{"type": "source", "source_id": source}])

    world.work()
    world.event_half.deliver()
    world.work()

    (row,) = world.call("GET", f"/v1/workflows/{made['id']}/event_summaries").data
    assert row["event"] == {"n": 1}


@pytest.mark.parametrize("missing", ["events:write", "sources:read"])
def test_a_key_that_may_not_subscribe_it_to_its_source_makes_no_workflow(world: World, missing: str) -> None:
    source = world.call("POST", "/v1/sources", {"component_code": COUNTER}).data["id"]
    key = world.new_key("ws_one", *sorted({"workflows:write", "events:write", "sources:read"} - {missing}))
    triggers = [{"type": "http"}, {"type": "source", "source_id": source}]
    before = world.stored()

    answer = world.call("POST", "/v1/workflows", body(triggers=triggers), key=key)

    assert answer.status == 403, answer.text
    assert world.stored() == before


def test_a_key_for_workflows_alone_makes_one_without_a_source(world: World) -> None:
    key = world.new_key("ws_one", "workflows:write")

    assert world.call("POST", "/v1/workflows", body(), key=key).status == 200


def test_an_error_goes_to_the_workflows_stream(world: World) -> None:
    made = create(world)

    world.call("POST", urlsplit(made["triggers"][0]["endpoint_url"]).path, {"id": "broken"}, key=None)
    world.work()

    (row,) = world.call("GET", f"/v1/workflows/{made['id']}/$errors/event_summaries?expand=event").data
    assert (row["event"]["error"]["code"], row["event"]["error"]["msg"]) == ("RangeError", "no such order")


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"steps": []}, "steps is required"),
        ({"steps": None, "template_id": "tch_8kRmZd"}, "steps is required"),
        ({"steps": "x"}, "steps must be a list"),
        ({"steps": [1]}, "steps must be a list"),
        ({"steps": [{"namespace": "a"}]}, "steps[0].code is required"),
        ({"steps": [{"code": "export default {"}]}, "component could not be loaded: SyntaxError"),
        ({"steps": [{"code": FETCH, "namespace": "a b"}]}, "steps[0].namespace must be a name"),
        ({"steps": [{"code": FETCH, "namespace": "a"}] * 2}, "the id 'a' is used by 2 nodes"),
        ({"steps": [{"code": FETCH, "props": []}]}, "steps[0].props must be an object"),
        ({"triggers": [{"type": "email"}]}, "triggers[0].type must be http, timer or source"),
        ({"triggers": [{"type": ["http"]}]}, "triggers[0].type must be http, timer or source"),
        ({"triggers": [{"props": {"type": {"of": "timer"}}}]}, "triggers[0].type must be http, timer or source"),
        ({"triggers": [{"type": "timer"}]}, "triggers[0] must have either cron or interval_seconds"),
        ({"triggers": [{"props": {"cron": "never"}}]}, "triggers[0] cannot be used"),
        ({"triggers": [{"type": "source"}]}, "triggers[0].source_id is required"),
        ({"settings": 5}, "settings must be an object"),
        ({"settings": {"name": ""}}, "settings.name must be a text"),
        ({"settings": {"auto_deploy": "yes"}}, "settings.auto_deploy must be true or false"),
    ],
)
def test_what_makes_no_workflow_is_refused(world: World, members: dict[str, Any], error: str) -> None:
    before = world.stored()

    answer = world.call("POST", "/v1/workflows", body(**members))

    assert answer.status == 400, answer.text
    assert answer.json["error"].startswith(error)
    assert world.stored() == before


def test_another_workspace_sees_nothing_of_it(world: World) -> None:
    path = f"/v1/workflows/{create(world)['id']}"
    source = world.call("POST", "/v1/sources", {"component_code": COUNTER}, key=world.other_key).data["id"]

    for method in ("GET", "PUT", "DELETE"):
        answer = world.call(method, path, {"active": True}, key=world.other_key)
        assert (answer.status, answer.json) == (404, {"error": "record not found"})
    stolen = world.call("POST", "/v1/workflows", body(triggers=[{"type": "source", "source_id": source}]))
    elsewhere = world.call("POST", "/v1/workflows", body(), key=world.other_key)
    assert (stolen.status, elsewhere.status) == (404, 403)


@pytest.mark.parametrize(
    ("sent", "speaks"),
    [
        ({"steps": []}, "pipedream"),
        ({"org_id": "o_x"}, "pipedream"),
        ({"name": "x", "steps": []}, "exeoflow"),
        ({"name": "x"}, "exeoflow"),
        ({"nodes": [], "triggers": []}, "exeoflow"),
        ({}, "exeoflow"),
    ],
)
def test_a_body_says_whose_workflow_it_is(world: World, sent: Any, speaks: str) -> None:
    for key in ("", None):
        answer = world.call("POST", "/v1/workflows", sent, key=key).json
        assert ("success" in answer) is (speaks == "exeoflow")


def test_the_other_dialects_workflows_are_not_touched_here(world: World, owned: Owned) -> None:
    mine = create(world)["id"]

    assert "success" in world.call("GET", f"/v1/workflows/{owned.workflow}").json
    listed = world.call("GET", "/v1/workflows").data["workflows"]
    assert mine not in [each["id"] for each in listed]

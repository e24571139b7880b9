"""Sources by their routes: hooks, changes, configuration, streams, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.masking import MASK
from tests.api.pipedream.conftest import COUNTER, Owned
from tests.api.world import World

HOOKS = """
export default {
  name: "With Hooks", version: "1.0.0", dedupe: "unique",
  props: {
    db: "$.service.db",
    timer: "$.interface.timer",
    url: { type: "string", label: "URL" },
    limit: { type: "integer", default: 5, max: 10 },
    token: { type: "string", secret: true, optional: true },
    acme: { type: "app", app: "acme" },
  },
  methods: { note(word) { this.db.set("said", [...(this.db.get("said") ?? []), word]); } },
  hooks: {
    async deploy() { this.note("deploy"); this.$emit({ backlog: 1 }, { id: 1, summary: "first" }); },
    async activate() {
      this.note("activate");
      if (this.url.includes("unreachable")) throw new Error(`The URL ${this.url} does not exist`);
    },
    async deactivate() { this.note("deactivate"); console.log("bye"); },
  },
  async run(event) {
    if (this.url.includes("broken")) throw new RangeError("out of feeds");
    const key = this.acme?.$auth?.api_key;
    this.$emit({ said: this.db.get("said"), limit: this.limit, key }, { id: String(event.timestamp) });
    this.$emit("aside", { name: "others", id: "aside" });
    console.log("ran", this.limit);
  },
};
"""


def deploy(world: World, **configured: Any) -> Any:
    body = {"component_code": HOOKS, "configured_props": {"url": "https://feed.example", **configured}}
    return world.call("POST", "/v1/sources", body)


def events(world: World, source: str, stream: str = "") -> list[Any]:
    path = f"/v1/sources/{source}/{stream}event_summaries?expand=event&limit=100"
    return [row["event"] for row in world.call("GET", path).data]


def test_hooks_run_in_order_and_what_they_emit_is_there_before_the_first_run(world: World) -> None:
    source = deploy(world).data["id"]

    assert events(world, source) == [{"backlog": 1}]
    world.work()
    assert events(world, source)[1]["said"] == ["deploy", "activate"]


def test_pausing_and_resuming_run_hooks_and_stop_and_start_the_timer(world: World) -> None:
    source = deploy(world, timer={"intervalSeconds": 60}).data["id"]
    world.work()

    paused = world.call("PUT", f"/v1/sources/{source}", {"active": False})
    world.clock.advance(600)
    world.work()
    count = len(events(world, source))
    resumed = world.call("PUT", f"/v1/sources/{source}", {"active": True})
    world.clock.advance(60)
    world.work()

    assert (paused.data["active"], resumed.data["active"]) == (False, True)
    found = events(world, source)
    assert len(found) > count
    latest = next(event for event in found if isinstance(event, dict) and "said" in event)
    assert latest["said"] == ["deploy", "activate", "deactivate", "activate"]


def test_a_hook_that_throws_leaves_nothing_and_its_words_are_passed_on(world: World) -> None:
    world.call("POST", "/v1/sources", {"component_code": COUNTER})
    before = len(world.source_half.state_store), world.schedule_store.__dict__

    answer = deploy(world, url="https://unreachable.example")

    assert (answer.status, answer.json) == (
        400,
        {"error": "activate: The URL https://unreachable.example does not exist"},
    )
    assert (len(world.source_half.state_store), world.schedule_store.__dict__) == before
    assert world.call("GET", "/v1/users/me/sources").json["page_info"]["total_count"] == 1


def test_a_change_that_cannot_be_activated_leaves_the_source_as_it_was(world: World) -> None:
    made = deploy(world).data

    body = {"name": "new", "configured_props": {"url": "https://unreachable.example"}}
    answer = world.call("PUT", f"/v1/sources/{made['id']}", body)

    assert (answer.status, "does not exist" in answer.json["error"]) == (400, True)
    assert world.call("GET", f"/v1/sources/{made['id']}").data == made


def test_configuration_is_checked_converted_and_completed(world: World) -> None:
    made = deploy(world, limit="7", token="geheim").data

    assert made["configured_props"] == {
        "timer": {"cron": None, "interval_seconds": 900},
        "url": "https://feed.example",
        "limit": 7,
        "token": MASK,
    }


@pytest.mark.parametrize(
    ("configured", "error"),
    [
        ({"url": None}, "configured_props.url is required"),
        ({"url": 5}, "configured_props.url is to be a text"),
        ({"limit": "many"}, "configured_props.limit is to be a whole number"),
        ({"limit": 11}, "configured_props.limit is to be at most 10"),
        ({"timer": {"intervalSeconds": 5}}, "configured_props.timer is to have an interval of at least 15 seconds"),
        ({"timer": {"cron": "* * *"}}, "configured_props.timer cannot be used"),
        ({"timer": {"cron": "* * * * *", "timezone": "Europe/Nowhere"}}, "configured_props.timer cannot be used"),
        ({"timer": 60}, "configured_props.timer is to be an object"),
        ({"acme": {"authProvisionId": 5}}, "configured_props.acme is to be"),
        ({"unknown": 1}, "configured_props.unknown is no prop of the component"),
    ],
)
def test_configuration_of_no_use_is_refused_by_its_name(world: World, configured: Any, error: str) -> None:
    before = world.stored()

    answer = deploy(world, **configured)

    assert answer.status == 400, answer.text
    assert answer.json["error"].startswith(error)
    assert world.stored() == before


def test_an_account_is_given_to_the_code_and_to_nobody_else(world: World) -> None:
    account = world.call("POST", "/v1/accounts", {"app": "acme", "credentials": {"api_key": "never shown"}}).data["id"]
    made = deploy(world, acme={"authProvisionId": account}).data

    world.work()

    assert events(world, made["id"])[1]["key"] == "never shown"  # the code gave it away itself
    assert made["configured_props"]["acme"] == {"authProvisionId": account}
    assert "never shown" not in world.call("GET", f"/v1/sources/{made['id']}").text


def test_an_account_of_another_app_or_workspace_is_refused(world: World) -> None:
    other = world.call("POST", "/v1/accounts", {"app": "other", "credentials": {"k": "v"}}).data["id"]
    body = {"app": "acme", "credentials": {"k": "v"}}
    foreign = world.call("POST", "/v1/accounts", body, key=world.other_key).data["id"]

    of_other_app = deploy(world, acme={"authProvisionId": other})
    of_others = deploy(world, acme={"authProvisionId": foreign})

    assert of_other_app.status == 400
    assert of_other_app.json["error"] == "configured_props.acme is to be an account of acme, not of other"
    assert (of_others.status, of_others.json) == (404, {"error": "record not found"})


def test_what_goes_wrong_and_what_is_said_have_streams_of_their_own(world: World) -> None:
    source = deploy(world, url="https://broken.example").data["id"]
    world.work()
    (failed,) = events(world, source, "$errors/")
    world.call("PUT", f"/v1/sources/{source}", {"configured_props": {"url": "https://feed.example"}})
    world.clock.advance(900)
    world.work()

    assert failed["error"]["code"] == "RangeError"
    assert failed["error"]["msg"] == "out of feeds"
    assert failed["original_event"]["interval_seconds"] == 900
    assert failed["original_context"]["workflow_id"] == source
    assert [line["m"] for line in events(world, source, "%24logs/")] == ["ran 5", "bye"]
    assert events(world, source, "others/") == ["aside"]


def test_events_of_sources_reach_webhooks_workflows_and_sources(world: World, owned: Owned) -> None:
    echo = 'export default { name: "Echo", version: "1", async run(event) { this.$emit({ heard: event }); } };'
    listener = world.call("POST", "/v1/sources", {"component_code": echo}).data["id"]
    source = world.call("POST", "/v1/sources", {"component_code": COUNTER}).data["id"]
    for listening in (listener, owned.webhook, owned.workflow):
        world.call("POST", f"/v1/subscriptions?emitter_id={source}&listener_id={listening}")

    world.work()
    world.event_half.deliver()
    world.work()

    assert events(world, listener) == [{"heard": {"n": 1}}]
    assert world.event_half.receiver.requests[-1].body == b'{"n":1}'
    runs = world.call("GET", f"/v1/executions?workflow_id={owned.workflow}").data["executions"]
    assert len(runs) == 1


def test_deleting_takes_everything_along(world: World, owned: Owned) -> None:
    world.call("POST", f"/v1/subscriptions?emitter_id={owned.source}&listener_id={owned.webhook}")
    world.work()

    gone = world.call("DELETE", f"/v1/sources/{owned.source}")
    world.clock.advance(3_600)
    world.work()

    assert (gone.status, gone.text) == (204, "")
    assert world.call("DELETE", f"/v1/sources/{owned.source}").status == 404
    assert world.call("GET", f"/v1/sources/{owned.source}/event_summaries").status == 404
    assert world.call("GET", "/v1/users/me/subscriptions").data == []
    again = world.call("POST", "/v1/sources", {"component_id": owned.component}).data
    assert again["name_slug"] == "ping-counter"


def test_lists_of_sources_are_paged_newest_first(world: World, owned: Owned) -> None:
    for number in range(1, 12):
        world.clock.advance(1)
        world.call("POST", "/v1/sources", {"component_id": owned.component, "name": f"s{number}"})

    pages, cursor = [], ""
    for _ in range(3):
        page = world.call("GET", f"/v1/users/me/sources?limit=5&after={cursor}&include=name").json
        pages.append([row["name"] for row in page["data"]])
        cursor = page["page_info"]["end_cursor"]
        assert page["page_info"]["total_count"] == 12

    assert pages == [[f"s{n}" for n in (11, 10, 9, 8, 7)], [f"s{n}" for n in (6, 5, 4, 3, 2)], ["s1", "ping-counter"]]


@pytest.mark.parametrize(
    ("method", "target", "body", "error"),
    [
        ("POST", "/v1/sources", {}, "component_id, component_code or component_url is required"),
        ("POST", "/v1/sources", {"component_id": "", "name": "x"}, "component_id, component_code or component_url is"),
        ("POST", "/v1/sources", {"component_id": 5}, "component_id must be a string"),
        ("POST", "/v1/sources", {"key": "http-new-requests", "configured_props": []}, "configured_props must be an"),
        ("POST", "/v1/sources?key=http-new-requests&configured_props={{}}", None, "configured_props must be an object"),
        ("POST", "/v1/sources", {"key": "http-new-requests", "name": 5}, "name must be a string"),
        ("POST", "/v1/sources", {"key": "http-new-requests", "name": "x" * 501}, "name is longer than 500 characters"),
        ("POST", "/v1/sources", {"key": "http-send-request"}, "Send Request is an action: only a source can be"),
        ("PUT", "/v1/sources/{source}", {"active": "perhaps"}, "active must be true or false"),
        ("PUT", "/v1/sources/{source}", {"active": 1}, "active must be true or false"),
        ("PUT", "/v1/sources/{source}", {"component_code": "export default {{}}"}, "component could not be loaded"),
    ],
)
def test_calls_of_no_use_are_refused(
    world: World, owned: Owned, method: str, target: str, body: Any, error: str
) -> None:
    before = world.stored()

    answer = world.call(method, owned.fill(target), body)

    assert answer.status == 400, answer.text
    assert answer.json["error"].startswith(error)
    assert world.stored() == before


@pytest.mark.parametrize("name", ["component_id", "key"])
def test_a_component_that_does_not_exist_is_not_found(world: World, name: str) -> None:
    answer = world.call("POST", "/v1/sources", {name: "sc_0000000"})

    assert (answer.status, answer.json) == (404, {"error": "record not found"})


def test_an_unknown_source_comes_before_wrong_parameters(world: World) -> None:
    for method, target in (("PUT", "/v1/sources/dc_nobody1?active=x"), ("GET", "/v1/sources/dc_nobody1?include=")):
        assert world.call(method, target).status == 404


@pytest.mark.parametrize("raw", [b"{", b"[1]", b'{"active": NaN}', b"\xff"])
def test_bodies_that_are_no_json_objects_are_refused(world: World, owned: Owned, raw: bytes) -> None:
    for method, target in (("POST", "/v1/components"), ("POST", "/v1/sources"), ("PUT", f"/v1/sources/{owned.source}")):
        answer = world.call(method, target, raw=raw)
        assert (answer.status, answer.json) == (400, {"error": "the body is not a JSON object"})

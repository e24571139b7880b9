"""What the owner of a receiver relies on: secrets, pausing, sending again, and what goes when a webhook goes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from chalicelib.domain.deliveries import MAX_ATTEMPTS
from chalicelib.domain.http import HttpRequest
from tests.api.pipedream.conftest import Owned
from tests.api.world import World

DAY = 86_400


@pytest.fixture
def target(owned: Owned) -> str:
    return f"/v1/webhooks/{owned.webhook}"


@pytest.fixture
def subscribed(world: World, owned: Owned) -> Owned:
    made = world.call("POST", f"/v1/subscriptions?emitter_id={owned.workflow}&listener_id={owned.webhook}")
    assert made.status == 200
    world.event_half.receiver.requests.clear()
    return owned


def emit(world: World, owned: Owned, count: int = 1) -> None:
    for number in range(count):
        world.event_half.emit(owned.workflow, {"n": number})
    world.event_half.deliver()


def let_die(world: World) -> None:
    """Until every delivery has used up its attempts."""
    world.event_half.receiver.status = 500
    for _ in range(MAX_ATTEMPTS + 1):
        world.event_half.deliver()
        world.clock.advance(DAY * 1.3)
        due = [
            entry.place
            for shard in range(8)
            for entry in world.event_half.delivery_store.due(shard, world.clock.now(), 1000)
        ]
        world.event_half.queue.send_deliveries(tuple(due))
    world.event_half.receiver.status = 200
    world.event_half.receiver.requests.clear()


def statuses(world: World, target: str) -> list[str]:
    return [row["status"] for row in world.call("GET", f"{target}/deliveries?limit=100").data]


def signatures(request: HttpRequest) -> list[str]:
    return request.headers["webhook-signature"].split()


def signed_with(secret: str, request: HttpRequest) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    head = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode()
    return "v1," + base64.b64encode(hmac.new(key, head + (request.body or b""), hashlib.sha256).digest()).decode()


class TestSecrets:
    def test_deliveries_are_signed_with_the_secret_that_is_shown_once(
        self, world: World, subscribed: Owned, target: str
    ) -> None:
        secret = world.call("GET", f"{target}/secret").data["secret"]

        emit(world, subscribed)

        (request,) = world.event_half.receiver.requests
        assert json.loads(request.body or b"") == {"n": 0}
        assert signatures(request) == [signed_with(secret, request)]
        assert world.call("GET", f"{target}/secret").status == 409
        assert secret not in world.call("GET", target).text

    def test_after_a_rotation_both_secrets_sign_for_a_day(self, world: World, subscribed: Owned, target: str) -> None:
        old = world.call("GET", f"{target}/secret").data["secret"]
        own = "whsec_" + base64.b64encode(b"k" * 24).decode()

        rotated = world.call("POST", f"{target}/secret/rotate", {"secret": own}).data

        assert rotated["secret"] == own
        assert rotated["previous_secret_expires_at"] == int(world.clock.now().timestamp()) + DAY
        emit(world, subscribed)
        world.clock.advance(DAY)
        emit(world, subscribed)
        both, one = world.event_half.receiver.requests
        assert signatures(both) == [signed_with(own, both), signed_with(old, both)]
        assert signatures(one) == [signed_with(own, one)]

    def test_a_rotated_secret_was_shown(self, world: World, target: str) -> None:
        world.call("POST", f"{target}/secret/rotate")

        assert world.call("GET", f"{target}/secret").status == 409

    def test_rotating_to_the_present_secret_changes_nothing(self, world: World, target: str) -> None:
        secret = world.call("GET", f"{target}/secret").data["secret"]

        rotated = world.call("POST", f"{target}/secret/rotate", {"secret": secret})

        assert rotated.data == {"secret": secret, "previous_secret_expires_at": None}

    def test_so_many_rotations_in_a_day_are_too_many(self, world: World, target: str) -> None:
        answers = [world.call("POST", f"{target}/secret/rotate").status for _ in range(5)]
        world.clock.advance(DAY)

        assert answers == [200, 200, 200, 200, 409]
        assert world.call("POST", f"{target}/secret/rotate").status == 200


class TestSettings:
    def test_they_change_one_by_one_and_go_back_with_null(self, world: World, target: str) -> None:
        world.call("PUT", target, {"name": "billing", "event_types": ["b", "a", "a"], "rate_limit": 7})
        world.clock.advance(5)
        changed = world.call("PUT", f"{target}?description=invoices", {"url": "http://b.example:81/x?y=z"}).data

        assert (changed["name"], changed["description"], changed["url"]) == (
            "billing",
            "invoices",
            "http://b.example:81/x?y=z",
        )
        assert (changed["event_types"], changed["rate_limit"]) == (["a", "b"], 7)
        assert changed["updated_at"] == changed["created_at"] + 5

        reset = dict.fromkeys(("name", "description", "event_types", "rate_limit", "headers"))
        back = world.call("PUT", target, reset).data
        assert [back[name] for name in reset] == [None, None, [], None, {}]

    def test_what_is_registered_may_come_with_settings(self, world: World) -> None:
        made = world.call("POST", "/v1/webhooks", {"url": "https://a.example", "rate_limit": 3, "event_types": ["x"]})

        shown = world.call("GET", f"/v1/webhooks/{made.data['id']}").data
        assert [*made.data][-1] == "updated_at"
        assert (shown["rate_limit"], shown["event_types"]) == (3, ["x"])

    def test_own_headers_are_sent_and_secret_ones_not_shown(self, world: World, subscribed: Owned, target: str) -> None:
        headers = {"X-Team": "ops", "Authorization": "Bearer t0ken", "X-Api-Key": "k3y"}
        shown = world.call("PUT", target, {"headers": headers})

        emit(world, subscribed)

        (request,) = world.event_half.receiver.requests
        assert {name: request.headers[name] for name in headers} == headers
        assert shown.data["headers"] == {"X-Team": "ops", "Authorization": "***", "X-Api-Key": "***"}
        assert "t0ken" not in world.call("GET", target).text

    def test_a_masked_header_that_comes_back_stays_as_it_is(self, world: World, subscribed: Owned, target: str) -> None:
        world.call("PUT", target, {"headers": {"X-Team": "ops", "Authorization": "Bearer t0ken"}})
        shown = world.call("GET", target).data["headers"]

        world.call("PUT", target, {"headers": {**shown, "X-Team": "dev"}})
        emit(world, subscribed)

        (request,) = world.event_half.receiver.requests
        assert (request.headers["Authorization"], request.headers["X-Team"]) == ("Bearer t0ken", "dev")

    def test_active_pauses_and_resumes(self, world: World, subscribed: Owned, target: str) -> None:
        paused = world.call("PUT", target, {"active": False, "name": "billing"}).data
        emit(world, subscribed)
        held = statuses(world, target)
        again = world.call("PUT", f"{target}?active=false").data
        same = world.call("PUT", target, {"name": "x"}).data
        resumed = world.call("PUT", target, {"active": True}).data
        world.event_half.deliver()

        assert (paused["active"], paused["status"], paused["name"]) == (False, "paused", "billing")
        assert (again["status"], same["status"]) == ("paused", "paused")
        assert sorted(held) == ["held", "succeeded"]
        assert (resumed["active"], resumed["status"]) == (True, "active")
        assert statuses(world, target) == ["succeeded", "succeeded"]
        assert world.call("PUT", target, {"active": "perhaps"}).json == {"error": "active must be true or false"}

    def test_only_wanted_types_are_delivered(self, world: World, subscribed: Owned, target: str) -> None:
        world.call("PUT", target, {"event_types": ["order.packed"]})

        world.event_half.emit(subscribed.workflow, {"type": "order.packed"})
        world.event_half.emit(subscribed.workflow, {"type": "order.sent"})
        world.event_half.deliver()

        assert [json.loads(request.body or b"")["type"] for request in world.event_half.receiver.requests] == [
            "order.packed"
        ]


class TestPausing:
    def test_what_is_held_is_released_by_resuming(self, world: World, subscribed: Owned, target: str) -> None:
        paused = world.call("POST", f"{target}/pause").data
        assert (paused["active"], paused["status"]) == (False, "paused")
        emit(world, subscribed, 3)
        assert world.event_half.receiver.requests == []
        assert sorted(statuses(world, target)) == ["held"] * 3 + ["succeeded"]

        resumed = world.call("POST", f"{target}/resume").data
        world.event_half.deliver()

        assert (resumed["active"], resumed["released"], resumed["execution_id"]) == (True, 3, None)
        assert len(world.event_half.receiver.requests) == 3
        assert set(statuses(world, target)) == {"succeeded"}

    def test_very_many_are_released_by_a_run(self, world: World, subscribed: Owned, target: str) -> None:
        world.call("POST", f"{target}/pause")
        emit(world, subscribed, 230)

        resumed = world.call("POST", f"{target}/resume").data
        assert (resumed["released"], resumed["execution_id"] is None) == (0, False)
        for _ in range(20):
            world.work()
            world.clock.advance(5)
        world.event_half.deliver()

        assert len(world.event_half.receiver.requests) == 230
        shown = world.call("GET", f"/v1/executions/{resumed['execution_id']}").data
        assert shown["status"] == "success"

    def test_resuming_and_pausing_may_be_repeated(self, world: World, target: str) -> None:
        for verb in ("pause", "pause", "resume", "resume"):
            assert world.call("POST", f"{target}/{verb}").status == 200

    def test_a_disabled_webhook_is_enabled_by_resuming(self, world: World, subscribed: Owned, target: str) -> None:
        world.event_half.receiver.status = 410
        emit(world, subscribed)
        disabled = world.call("GET", target).data
        assert (disabled["active"], disabled["status"]) == (False, "disabled")
        assert disabled["status_reason"]
        world.event_half.receiver.status = 200

        resumed = world.call("POST", f"{target}/resume").data
        emit(world, subscribed)

        assert (resumed["active"], resumed["status_reason"], resumed["failing_since"]) == (True, None, None)
        assert sorted(statuses(world, target)) == ["dead", "succeeded", "succeeded"]


class TestDoingAgain:
    def test_a_delivery_is_made_again_under_its_id(self, world: World, owned: Owned, target: str) -> None:
        world.event_half.receiver.requests.clear()

        again = world.call("POST", f"{target}/deliveries/{owned.delivery}/redeliver").data
        assert (again["id"], again["status"]) == (owned.delivery, "pending")
        world.event_half.deliver()

        (request,) = world.event_half.receiver.requests
        assert request.headers["webhook-id"] == owned.delivery
        shown = world.call("GET", f"{target}/deliveries/{owned.delivery}").data
        assert (shown["status"], shown["attempt_count"]) == ("succeeded", 2)
        assert [attempt["number"] for attempt in shown["attempts"]] == [1, 2]

    def test_one_that_waits_is_attempted_at_once(self, world: World, subscribed: Owned, target: str) -> None:
        world.event_half.receiver.status = 503
        emit(world, subscribed)
        world.event_half.receiver.status = 200
        (waiting,) = world.call("GET", f"{target}/deliveries?status=pending").data

        world.call("POST", f"{target}/deliveries/{waiting['id']}/redeliver")
        world.event_half.deliver()

        assert statuses(world, target) == ["succeeded", "succeeded"]

    def test_one_that_is_held_waits_for_its_webhook(self, world: World, subscribed: Owned, target: str) -> None:
        world.call("POST", f"{target}/pause")
        emit(world, subscribed)
        (held,) = world.call("GET", f"{target}/deliveries?status=held").data

        answer = world.call("POST", f"{target}/deliveries/{held['id']}/redeliver")

        assert (answer.status, answer.json) == (409, {"error": "The delivery is held until its webhook is resumed."})

    @pytest.mark.parametrize("doing", ["recover?since=2026-01-01", "deliveries/{delivery}/redeliver"])
    def test_nothing_is_sent_to_a_disabled_webhook(
        self, world: World, subscribed: Owned, target: str, doing: str
    ) -> None:
        world.event_half.receiver.status = 410
        emit(world, subscribed)

        answer = world.call("POST", f"{target}/{subscribed.fill(doing)}")

        assert (answer.status, answer.json) == (409, {"error": "The webhook is disabled; resume it first."})

    def test_dead_letters_of_a_time_are_recovered(self, world: World, subscribed: Owned, target: str) -> None:
        emit_at = world.clock.now()
        world.event_half.receiver.status = 500
        emit(world, subscribed, 2)
        world.clock.advance(3600)
        emit(world, subscribed)
        let_die(world)
        world.call("POST", f"{target}/resume")
        assert statuses(world, target).count("dead") == 3

        until = emit_at.replace(tzinfo=None).isoformat() + "Z"
        first = world.call("POST", f"{target}/recover", {"since": "2026-11-01", "until": until})
        rest = world.call("POST", f"{target}/recover?since=2026-11-01")
        world.event_half.deliver()

        assert (first.status, first.data) == (200, {"recovered": 2, "execution_id": None})
        assert (rest.status, rest.data) == (200, {"recovered": 1, "execution_id": None})
        assert set(statuses(world, target)) == {"succeeded"}

    def test_very_many_dead_letters_are_recovered_by_a_run(self, world: World, subscribed: Owned, target: str) -> None:
        world.event_half.receiver.status = 410
        emit(world, subscribed, 120)
        world.event_half.receiver.status = 200
        world.call("POST", f"{target}/resume")
        assert len(world.call("GET", f"{target}/deliveries?status=dead&limit=100").data) == 100

        answer = world.call("POST", f"{target}/recover", {"since": "2026-11-01"})
        world.work()
        world.event_half.deliver()

        assert answer.status == 202
        assert answer.data["recovered"] == 0
        assert world.call("GET", f"/v1/executions/{answer.data['execution_id']}").data["status"] == "success"
        assert world.call("GET", f"{target}/deliveries?status=dead").data == []


class TestTestEvents:
    @pytest.mark.parametrize("payload", [{"a": 1}, [1], "text", None, 0])
    def test_any_payload_is_sent_as_it_is(self, world: World, target: str, payload: Any) -> None:
        sent = world.call("POST", f"{target}/test", {"type": "order.packed", "payload": payload}).data
        world.event_half.deliver()

        assert sent["type"] == "order.packed"
        assert json.loads(world.event_half.receiver.requests[-1].body or b"") == payload

    def test_it_is_not_filtered_and_goes_to_nobody_else(self, world: World, owned: Owned, target: str) -> None:
        world.call("PUT", target, {"event_types": ["order.packed"]})
        other = world.call("POST", "/v1/webhooks?url=https://other.example").data["id"]
        world.call("POST", f"/v1/subscriptions?emitter_id=ws_one&listener_id={other}")
        world.event_half.receiver.requests.clear()

        world.call("POST", f"{target}/test")
        world.event_half.deliver()

        assert [request.url for request in world.event_half.receiver.requests] == ["https://hooks.acme.example/in"]


class TestDeleting:
    def test_everything_of_the_webhook_goes_with_it(self, world: World, subscribed: Owned, target: str) -> None:
        world.call("POST", f"/v1/auto_subscriptions?event_name=$errors&listener_id={subscribed.webhook}")
        emit(world, subscribed, 230)

        assert world.call("DELETE", target).status == 204
        world.work()

        assert world.call("GET", "/v1/users/me/subscriptions").data == []
        assert world.call("GET", "/v1/auto_subscriptions").data == []
        assert world.event_half.delivery_store._deliveries == {}
        for path in ("", "/deliveries", f"/deliveries/{subscribed.delivery}", "/secret"):
            assert world.call("GET", target + path).status == 404

    def test_what_was_on_its_way_is_sent_to_nobody(self, world: World, subscribed: Owned, target: str) -> None:
        world.event_half.emit(subscribed.workflow, {"n": 1})

        world.call("DELETE", target)
        world.event_half.deliver()

        assert world.event_half.receiver.requests == []


class TestSubscriptions:
    def test_a_named_channel_is_not_the_default_one(self, world: World, owned: Owned) -> None:
        world.call("POST", f"/v1/subscriptions?emitter_id=p_*&listener_id={owned.webhook}&event_name=parcels")
        world.event_half.receiver.requests.clear()

        for channel in ("", "parcels", "$errors"):
            world.event_half.emit(owned.workflow, {"channel": channel}, channel)
        world.event_half.deliver()

        sent = [json.loads(request.body or b"") for request in world.event_half.receiver.requests]
        assert sent == [{"channel": "parcels"}]

    @pytest.mark.parametrize(
        ("glob", "heard"), [("p_*", ["workflow"]), ("dc_*", ["source"]), ("ws_one", ["source", "workflow"])]
    )
    def test_a_glob_hears_every_emitter_of_its_kind(
        self, world: World, owned: Owned, glob: str, heard: list[str]
    ) -> None:
        world.call("POST", f"/v1/subscriptions?emitter_id={glob}&listener_id={owned.webhook}")
        world.event_half.receiver.requests.clear()

        world.event_half.emit(owned.workflow, "workflow")
        world.event_half.emit(owned.source, "source")
        world.event_half.emit("wf_foreign", "foreign", workspace="ws_two")
        world.event_half.deliver()

        assert sorted(json.loads(request.body or b"") for request in world.event_half.receiver.requests) == heard

    def test_a_workflow_that_listens_runs_with_the_event(self, world: World, owned: Owned) -> None:
        listener = world.active_workflow()
        world.call("POST", f"/v1/subscriptions?emitter_id={owned.workflow}&listener_id={listener}")

        emit(world, owned)

        (run,) = world.call("GET", f"/v1/executions?workflow_id={listener}").data["executions"]
        assert world.call("GET", f"/v1/executions/{run['id']}/input").data["input"] == {"n": 0}

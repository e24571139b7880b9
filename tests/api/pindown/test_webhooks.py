"""Webhooks: what is delivered for which push, whoever dies in between, and what comes in."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from chalicelib.domain.errors import UnavailableError
from tests.api.pindown.conftest import Pinned

ALL = ("workflow.completed", "workflow.failed", "workflow.updated")


def delivered(pinned: Pinned) -> list[Any]:
    """What receivers got since the last look."""
    half = pinned.world.event_half
    half.deliver()
    requests, half.receiver.requests = half.receiver.requests, []
    return requests


def events(pinned: Pinned) -> list[str]:
    return sorted(json.loads(request.body)["event"] for request in delivered(pinned))


class TestOutgoing:
    def test_a_receiver_gets_the_documented_request(self, pinned: Pinned) -> None:
        webhook = pinned.webhook("workflow.completed")

        pinned.push({"status": "completed", "rows": 5120})

        (request,) = delivered(pinned)
        assert (request.method, request.url) == ("POST", "https://ops.example.net/hook")
        assert json.loads(request.body) == {
            "event": "workflow.completed",
            "pinId": pinned.pin_id,
            "workflowId": "nightly",
            "data": {"status": "completed", "rows": 5120},
            "timestamp": "2026-11-02T09:30:00.000Z",
        }
        proof = hmac.new(webhook["secret"].encode(), request.body, hashlib.sha256).hexdigest()
        assert request.headers["X-PinDown-Signature"] == f"sha256={proof}"
        assert request.headers["X-PinDown-Event"] == "workflow.completed"
        assert request.headers["X-PinDown-Delivery"] == request.headers["webhook-id"]
        assert request.headers["webhook-signature"].startswith("v1,")

    def test_a_status_is_told_of_when_it_is_entered(self, pinned: Pinned) -> None:
        pinned.webhook("workflow.completed", "workflow.failed")
        told = []
        for status in ("running", "completed", "completed", "FAILED", "running", "failed", 7, "completed"):
            pinned.push({"status": status})
            told.append(events(pinned))

        assert told == [
            [],
            ["workflow.completed"],
            [],
            ["workflow.failed"],
            [],
            ["workflow.failed"],
            [],
            ["workflow.completed"],
        ]

    def test_every_push_is_an_update_and_a_webhook_gets_what_it_wants(self, pinned: Pinned) -> None:
        pinned.webhook(*ALL)
        pinned.webhook("workflow.updated", workflow_id="another")

        pinned.push({"status": "completed"})
        pinned.push({"status": "completed"})

        assert events(pinned) == ["workflow.completed", "workflow.updated", "workflow.updated"]

    def test_one_that_is_switched_off_hears_nothing_until_it_is_on_again(self, pinned: Pinned) -> None:
        webhook = pinned.webhook("workflow.updated")
        path = f"/api/webhooks/{webhook['id']}"

        assert pinned.world.call("PUT", path, {"is_active": False}).data["is_active"] is False
        pinned.push({"n": 1})
        assert events(pinned) == []
        assert pinned.world.call("PUT", path, {"is_active": True}).data["is_active"] is True

        assert events(pinned) == ["workflow.updated"]

    def test_a_deleted_one_hears_nothing(self, pinned: Pinned) -> None:
        webhook = pinned.webhook("workflow.updated")
        pinned.world.call("DELETE", f"/api/webhooks/{webhook['id']}")

        pinned.push({"n": 1})

        assert delivered(pinned) == []

    def test_the_other_api_shows_its_deliveries(self, pinned: Pinned) -> None:
        webhook = pinned.webhook("workflow.updated")
        pinned.push({"n": 1})
        delivered(pinned)

        answer = pinned.world.call("GET", f"/v1/webhooks/{webhook['id']}/deliveries")

        assert answer.status == 200, answer.text
        assert len(answer.data) == 1


class TestCrashes:
    @pytest.mark.parametrize("step", ["tell", "settle"])
    def test_an_accepted_push_is_told_of_by_the_tick(
        self, pinned: Pinned, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        pinned.webhook(*ALL)
        half = pinned.world.pin_half
        with monkeypatch.context() as broken:
            broken.setattr(half.webhooks if step == "tell" else half.data_store, step, unavailable)
            assert pinned.push({"status": "completed"}).status == 200
        pinned.world.clock.advance(61)

        assert run_tick(pinned) == 1

        assert events(pinned) == ["workflow.completed", "workflow.updated"]
        pinned.world.clock.advance(3600)
        assert run_tick(pinned) == 0

    def test_whoever_pushes_next_tells_what_is_untold_first(
        self, pinned: Pinned, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pinned.webhook(*ALL)
        with monkeypatch.context() as broken:
            broken.setattr(pinned.world.pin_half.webhooks, "tell", unavailable)
            pinned.push({"status": "completed"})

        pinned.push({"status": "running"})

        assert events(pinned) == ["workflow.completed", "workflow.updated", "workflow.updated"]

    def test_a_lost_hint_is_no_lost_delivery(self, pinned: Pinned, monkeypatch: pytest.MonkeyPatch) -> None:
        pinned.webhook("workflow.updated")
        half = pinned.world.event_half
        with monkeypatch.context() as broken:
            broken.setattr(half.queue, "send_deliveries", unavailable)
            assert pinned.push({"n": 1}).status == 200

        (entry,) = [
            each for shard in range(8) for each in half.delivery_store.due(shard, pinned.world.clock.advance(61), 9)
        ]
        half.queue.send_deliveries((entry.place,))

        assert events(pinned) == ["workflow.updated"]

    def test_a_deletion_of_a_webhook_that_stops_half_way_is_finished_by_another_call(
        self, pinned: Pinned, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world, webhook = pinned.world, pinned.webhook("workflow.updated")
        path = f"/api/webhooks/{webhook['id']}"
        with monkeypatch.context() as broken:
            broken.setattr(world.pin_half.webhook_store, "delete", unavailable)
            assert world.call("DELETE", path).status == 500

        assert world.call("DELETE", path, key=world.other_key).status == 404
        answer = world.call("DELETE", path)

        assert (answer.status, answer.data) == (200, {"webhookId": webhook["id"]})
        assert world.pin_half.webhook_store.find(webhook["id"]) is None
        assert world.call("DELETE", path).status == 404

    def test_one_that_the_other_api_deleted_is_deleted_here(self, pinned: Pinned) -> None:
        webhook = pinned.webhook("workflow.updated")
        path = f"/api/webhooks/{webhook['id']}"
        assert pinned.world.call("DELETE", f"/v1/webhooks/{webhook['id']}").status == 204

        assert [pinned.world.call(method, path, {}).status for method in ("GET", "PUT")] == [404, 404]
        assert pinned.world.call("DELETE", path).status == 200
        assert pinned.world.pin_half.webhook_store.find(webhook["id"]) is None

    def test_a_deletion_that_stops_half_way_is_finished_by_the_tick(
        self, pinned: Pinned, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world = pinned.world
        webhook = pinned.webhook("workflow.updated")
        board = world.call("POST", "/api/pinboards", {"name": "b", "pins": [pinned.pin_id]}).data["id"]
        pinned.push({"n": 1})
        with monkeypatch.context() as broken:
            broken.setattr(world.pin_half.pin_store, "finish_deletion", unavailable)
            assert world.call("DELETE", f"/api/pins/{pinned.pin_id}").status == 200
        assert world.call("GET", f"/api/pins/{pinned.pin_id}").status == 404
        assert pinned.push({"n": 2}).status == 404
        world.clock.advance(61)

        assert run_tick(pinned) == 1

        assert world.pin_half.data_store.all_of(pinned.pin_id, 10**6) == {}
        assert world.call("GET", f"/api/webhooks/{webhook['id']}").status == 404
        assert world.call("GET", f"/api/pinboards/{board}").data["pins"] == []
        assert world.call("GET", "/api/webhooks").data["total"] == 0
        world.clock.advance(3600)
        assert run_tick(pinned) == 0


def unavailable(*_: Any, **__: Any) -> Any:
    raise UnavailableError


def run_tick(pinned: Pinned) -> int:
    """How many chores the pass started, once they are done."""
    world = pinned.world
    started = world.pin_half.pass_(lambda: world.event_half.chores).run()
    world.work()
    return started


class TestIncoming:
    def receive(self, pinned: Pinned, webhook: Any, raw: bytes, secret: str | None = None, **headers: str) -> Any:
        proof = hmac.new((secret or webhook["secret"]).encode(), raw, hashlib.sha256).hexdigest()
        sent = {"x-pindown-signature": f"sha256={proof}", **headers}
        path = f"/api/webhooks/receive/{webhook['id']}"
        return pinned.world.call("POST", path, raw=raw, key=None, headers=sent)

    @pytest.mark.parametrize(
        "raw", [b'{"status": "completed", "rows": 5120}', b'{"data":{"status":"completed","rows":5120}}']
    )
    def test_a_signed_object_is_pushed(self, pinned: Pinned, raw: bytes) -> None:
        webhook = pinned.webhook("workflow.completed")

        answer = self.receive(pinned, webhook, raw)

        pushed = {"status": "completed", "rows": 5120}
        assert answer.status == 200, answer.text
        assert answer.json == {
            "success": True,
            "message": "Workflow data updated successfully",
            "data": {"pid": pinned.pin_id, "wid": "nightly", "data": pushed},
        }
        assert pinned.read().data == pushed
        assert events(pinned) == ["workflow.completed"]

    @pytest.mark.parametrize("signature", [None, "", "sha256=", "sha256=00", "md5=x", "ü"])
    def test_nobody_gets_in_without_the_right_signature(self, pinned: Pinned, signature: str | None) -> None:
        webhook = pinned.webhook("workflow.updated")
        headers = {} if signature is None else {"x-pindown-signature": signature}

        answer = pinned.world.call("POST", f"/api/webhooks/receive/{webhook['id']}", {"a": 1}, headers=headers)

        assert answer.status == 401
        assert answer.json == {"error": "Unauthorized", "message": "Valid webhook signature required"}
        assert pinned.read().status == 404

    def test_another_webhooks_secret_is_not_this_ones(self, pinned: Pinned) -> None:
        mine, other = pinned.webhook("workflow.updated"), pinned.webhook("workflow.updated")

        assert self.receive(pinned, mine, b'{"a":1}', secret=other["secret"]).status == 401

    @pytest.mark.parametrize(
        ("raw", "message"),
        [
            (b"", "Invalid JSON"),
            (b"{", "Invalid JSON"),
            (b"{}", "Data is required"),
            (b'{"data":{}}', "Data is required"),
            (b"[1]", "Data must be an object"),
            (b'"x"', "Data must be an object"),
        ],
    )
    def test_a_signed_body_that_is_no_object_is_refused(self, pinned: Pinned, raw: bytes, message: str) -> None:
        answer = self.receive(pinned, pinned.webhook("workflow.updated"), raw)

        assert (answer.status, answer.json) == (400, {"error": "Bad Request", "message": message})

    def test_one_that_is_switched_off_takes_nothing(self, pinned: Pinned) -> None:
        webhook = pinned.webhook("workflow.updated")
        pinned.world.call("PUT", f"/api/webhooks/{webhook['id']}", {"is_active": False})

        assert self.receive(pinned, webhook, b'{"a":1}').status == 403

    def test_one_whose_receiver_failed_takes_pushes_until_its_owner_switches_it_off(self, pinned: Pinned) -> None:
        webhook = pinned.webhook("workflow.updated")
        world, path = pinned.world, f"/api/webhooks/{webhook['id']}"
        world.event_half.endpoint_store.disable("ws_one", webhook["id"], "gone", world.clock.now())
        assert world.call("GET", path).data["is_active"] is False
        assert self.receive(pinned, webhook, b'{"a":1}').status == 200

        assert world.call("PUT", path, {"is_active": False}).data["is_active"] is False

        assert self.receive(pinned, webhook, b'{"a":2}').status == 403

    def test_one_that_is_not_there_is_not_found(self, pinned: Pinned) -> None:
        webhook = pinned.webhook("workflow.updated")
        pinned.world.call("DELETE", f"/api/webhooks/{webhook['id']}")

        answer = self.receive(pinned, webhook, b'{"a":1}')

        assert (answer.status, answer.json) == (404, {"error": "Not Found", "message": "Webhook not found"})


@pytest.mark.parametrize(
    "change",
    [
        {"url": None},
        {"url": "ftp://a.example"},
        {"url": "/relative"},
        {"url": "https://" + "x" * 3000},
        {"url": 7},
        {"events": []},
        {"events": None},
        {"events": "workflow.failed"},
        {"events": ["workflow.started"]},
        {"events": [1]},
        {"workflowId": ""},
        {"workflowId": 7},
        {"workflowId": "x" * 300},
        {"pinId": 7},
        {"pinId": ""},
    ],
)
def test_a_webhook_that_could_not_work_is_refused(pinned: Pinned, change: dict[str, Any]) -> None:
    body = {"url": "https://a.example", "events": [*ALL], "pinId": pinned.pin_id, "workflowId": "w"}
    before = pinned.world.stored()

    answer = pinned.world.call("POST", "/api/webhooks", {**body, **change})

    assert (answer.status, answer.json["error"]) == (400, "Bad Request")
    missing = {name: value for name, value in body.items() if name not in change}
    assert pinned.world.call("POST", "/api/webhooks", missing).status == 400
    assert pinned.world.stored() == before


def test_the_same_webhook_may_be_made_twice(pinned: Pinned) -> None:
    first, second = (pinned.webhook("workflow.updated") for _ in range(2))

    assert first["id"] != second["id"]
    assert pinned.world.call("GET", f"/api/webhooks?pinId={pinned.pin_id}&workflowId=nightly").data["total"] == 2

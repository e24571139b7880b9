"""What a pin can have, what an answer can have, and what is left of a pin that was deleted meanwhile: nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.pins import Pin
from chalicelib.services.pins import data as pin_data
from chalicelib.services.pins import parts as pin_parts
from chalicelib.services.pins import webhooks as pin_webhooks
from tests.api.pindown.conftest import Pinned


def deleted_before(pinned: Pinned, method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, which finds that the pin was deleted since it was looked for."""

    def late(*args: Any, **kwargs: Any) -> Any:
        pinned.world.call("DELETE", f"/api/pins/{pinned.pin_id}")
        return method(*args, **kwargs)

    return late


class TestDeletedMeanwhile:
    def test_nothing_stays_of_a_push(self, pinned: Pinned, monkeypatch: pytest.MonkeyPatch) -> None:
        store = pinned.world.pin_half.data_store
        pinned.push({"n": 1})
        monkeypatch.setattr(store, "replace", deleted_before(pinned, store.replace))

        answer = pinned.push({"n": 2})

        assert (answer.status, answer.json) == (404, {"error": "Not Found", "message": "Pin not found"})
        assert store.count(pinned.pin_id, 9) == 0

    def test_nothing_stays_of_a_webhook(self, pinned: Pinned, monkeypatch: pytest.MonkeyPatch) -> None:
        store = pinned.world.pin_half.webhook_store
        monkeypatch.setattr(store, "create", deleted_before(pinned, store.create))
        body = {"url": "https://ops.example.net/h", "events": ["workflow.failed"], "workflowId": "w"}

        answer = pinned.world.call("POST", "/api/webhooks", {**body, "pinId": pinned.pin_id})

        assert (answer.status, answer.json["message"]) == (404, "Pin not found")
        assert pinned.world.call("GET", "/api/webhooks").data["total"] == 0
        assert pinned.world.event_half.endpoint_store.list("ws_one") == ()


class TestBounds:
    def test_workflow_ids(self, pinned: Pinned, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pin_data, "MOST_WORKFLOWS", 3)

        statuses = [pinned.push({"n": n}, f"w{n}").status for n in range(3)]
        refused = pinned.push({"n": 3}, "w3")

        assert statuses == [200] * 3
        assert (refused.status, refused.json["message"]) == (400, "A pin has at most 3 workflow ids")
        assert pinned.push({"n": 9}, "w2").status == 200

    def test_webhooks(self, pinned: Pinned, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pin_webhooks, "MOST_WEBHOOKS", 1)
        webhook = pinned.webhook("workflow.failed")
        body = {name: webhook[name] for name in ("url", "events", "pinId", "workflowId")}

        refused = pinned.world.call("POST", "/api/webhooks", body)

        assert (refused.status, refused.json["message"]) == (400, "A pin has at most 1 webhooks")

    def test_a_webhook_whose_endpoint_is_gone_takes_no_place(
        self, pinned: Pinned, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pin_webhooks, "MOST_WEBHOOKS", 2)
        kept, gone = pinned.webhook("workflow.failed"), pinned.webhook("workflow.failed")
        assert pinned.world.call("DELETE", f"/v1/webhooks/{gone['id']}").status == 204

        made = pinned.webhook("workflow.failed")

        listed = pinned.world.call("GET", "/api/webhooks").data["webhooks"]
        assert {each["id"] for each in listed} == {kept["id"], made["id"]}
        body = {name: made[name] for name in ("url", "events", "pinId", "workflowId")}
        assert pinned.world.call("POST", "/api/webhooks", body).status == 400

    def test_blocks_together(self, pinned: Pinned, monkeypatch: pytest.MonkeyPatch) -> None:
        world, path = pinned.world, f"/api/pins/{pinned.pin_id}/blocks"
        monkeypatch.setattr(pin_parts, "MAX_BLOCKS_BYTES", 1000)
        block = {"name": "b", "type": "markdown", "template": "ü" * 250}
        first, second, third = (world.call("POST", path, block) for _ in range(3))

        assert [first.status, second.status, third.status] == [201, 201, 413]
        assert world.call("PUT", f"{path}/{first.data['blockId']}", {"template": "x" * 501}).status == 413
        assert world.call("PUT", f"{path}/{first.data['blockId']}", {"template": "x" * 500}).status == 200
        assert world.call("PUT", f"{path}/{first.data['blockId']}", {"name": "n"}).status == 200

    def test_a_page_of_pins_that_is_too_large_is_refused_and_a_smaller_one_is_not(self, pinned: Pinned) -> None:
        for _ in range(70):
            pinned.new_pin(description="\U0001f642" * 10_000)

        answers = [pinned.world.call("GET", f"/api/pins?limit={limit}") for limit in (1000, 20)]

        assert [answer.status for answer in answers] == [413, 200]
        assert answers[0].json["error"]["code"] == "PAYLOAD_TOO_LARGE"

    def test_a_board_shows_the_blocks_of_as_many_pins_as_one_answer_has_room_for(self, pinned: Pinned) -> None:
        world = pinned.world
        pins = [pinned.new_pin(is_public=True) for _ in range(3)]
        for pin_id in pins:
            for _ in range(8):
                block = {"name": "b", "type": "markdown", "template": "x" * 100_000}
                assert world.call("POST", f"/api/pins/{pin_id}/blocks", block).status == 201
        board = world.call("POST", "/api/pinboards", {"name": "b", "pins": pins, "is_public": True}).data["id"]

        shown = world.call("GET", f"/api/public/pinboards/{board}", key=None).data["pinboard"]["pins"]

        assert [len(pin["blocks"]) for pin in shown] == [8, 8, 0]

    def test_pins_of_others_are_looked_up_once_for_all_boards(
        self, pinned: Pinned, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world = pinned.world
        foreign = pinned.new_pin(key=world.other_key, is_public=True)
        gone = pinned.new_pin(key=world.other_key, is_public=True)
        for _ in range(5):
            world.call("POST", "/api/pinboards", {"name": "b", "pins": [foreign, gone]})
        world.call("DELETE", f"/api/pins/{gone}", key=world.other_key)
        looked_for: list[str] = []
        find = world.pin_half.pin_store.find

        def noted(pin_id: str) -> Pin:
            looked_for.append(pin_id)
            return find(pin_id)

        monkeypatch.setattr(world.pin_half.pin_store, "find", noted)

        boards = world.call("GET", "/api/pinboards").data["pinboards"]

        assert [board["pins"] for board in boards] == [[foreign]] * 5
        assert sorted(looked_for) == sorted([foreign, gone])

"""What the tests of this door share: a pin, and short ways to push to it and to read it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.gateway import Answer
from tests.api.world import World


class Pinned:
    """A world with a pin of its first user. `push` and `read` take one workflow id."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.pin_id = self.new_pin()

    def new_pin(self, key: str = "", **metadata: Any) -> str:
        made = self.world.call("POST", "/api/pins/send", {"metadata": metadata}, key=key)
        assert made.status == 200, made.text
        pin_id: str = made.json["pid"]
        return pin_id

    def push(self, data: Any, workflow_id: str = "nightly", **how: Any) -> Answer:
        return self.world.call("PUT", f"/api/workflow-data/{self.pin_id}/{workflow_id}", {"data": data}, **how)

    def read(self, workflow_id: str = "nightly", query: str = "", **how: Any) -> Answer:
        return self.world.call("GET", f"/api/workflow-data/{self.pin_id}/{workflow_id}{query}", **how)

    def webhook(self, *events: str, workflow_id: str = "nightly", url: str = "https://ops.example.net/hook") -> Any:
        body = {"url": url, "events": list(events), "pinId": self.pin_id, "workflowId": workflow_id}
        made = self.world.call("POST", "/api/webhooks", body)
        assert made.status == 201, made.text
        return made.data


@pytest.fixture
def pinned(world: World) -> Pinned:
    return Pinned(world)

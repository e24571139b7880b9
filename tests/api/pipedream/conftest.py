"""What tests of this dialect start from: the world with one of everything that the first workspace can have."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.api.world import World

COUNTER = """
module.exports = {
  key: "ping-counter", name: "Ping Counter", version: "0.2.0",
  props: {
    timer: { type: "$.interface.timer", default: { intervalSeconds: 300 } },
    db: "$.service.db",
    label: { type: "string", label: "Label", optional: true },
  },
  async run() {
    const n = (this.db.get("n") || 0) + 1;
    this.db.set("n", n);
    this.$emit({ n }, { id: n, summary: `ping ${n}`, ts: 1800000000000 + n });
  },
};
"""
"""Has an interval, counts its runs and emits each."""


@dataclass
class Owned:
    """What the first workspace has; the second one's key is `world.other_key`."""

    workflow: str
    source: str
    webhook: str
    delivery: str
    component: str
    account: str

    def fill(self, text: str) -> str:
        return text.format(**vars(self))


@pytest.fixture
def owned(world: World) -> Owned:
    workflow = world.active_workflow()
    component = world.call("POST", "/v1/components", {"component_code": COUNTER}).data["id"]
    source = world.call("POST", "/v1/sources", {"component_id": component}).data["id"]
    account = world.call("POST", "/v1/accounts", {"app": "acme", "credentials": {"api_key": "k"}}).data["id"]
    webhook = world.call("POST", "/v1/webhooks?url=https://hooks.acme.example/in").data["id"]
    delivery = world.call("POST", f"/v1/webhooks/{webhook}/test").data["id"]
    world.event_half.deliver()
    return Owned(workflow, source, webhook, delivery, component, account)

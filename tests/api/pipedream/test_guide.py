"""The guide for receivers: its way to verify a delivery verifies deliveries."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.deliveries import MAX_ATTEMPTS, SCHEDULE_SECONDS
from tests.api.pipedream.conftest import Owned
from tests.api.world import World

GUIDE = (Path(__file__).resolve().parents[3] / "docs" / "webhooks.md").read_text(encoding="utf-8")


def test_its_way_to_verify_accepts_what_we_send_and_nothing_else(
    world: World, owned: Owned, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    verify: dict[str, Any] = {}
    exec(compile(code, "docs/webhooks.md", "exec"), verify)
    is_genuine = verify["is_genuine"]
    monkeypatch.setattr(time, "time", lambda: world.clock.now().timestamp())
    target = f"/v1/webhooks/{owned.webhook}"
    old = world.call("GET", f"{target}/secret").data["secret"]
    new = world.call("POST", f"{target}/secret/rotate").data["secret"]

    world.call("POST", f"{target}/test", {"payload": {"é": 1}})
    world.event_half.deliver()

    request = world.event_half.receiver.requests[-1]
    headers, body = {**request.headers}, request.body or b""
    assert is_genuine(old, headers, body)
    assert is_genuine(new, headers, body)
    assert not is_genuine(new, headers, body + b" ")
    assert not is_genuine(new, {**headers, "webhook-id": "msg_other"}, body)
    world.clock.advance(301)
    assert not is_genuine(new, headers, body)


def test_it_tells_the_schedule_that_is_kept() -> None:
    assert SCHEDULE_SECONDS == (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
    assert MAX_ATTEMPTS == 10
    text = " ".join(GUIDE.split())
    assert "attempted ten times: at once, then 5 seconds, 5 and 30 minutes, 2, 5, 10, 14, 20 and 24 hours after" in text

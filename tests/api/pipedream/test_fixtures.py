"""Replays documented requests and compares the replies, byte for byte but for ids and times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.profiles import UserProfile, WorkspaceProfile
from chalicelib.domain.usage import Usage
from tests.api.golden import compare, filled
from tests.api.world import World

FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("*.json"))

PATTERNS = {
    "<wf>": r"wf_[a-z0-9]{12,}",
    "<wh>": r"wh_[0-9A-Za-z]{7}",
    "<sc>": r"sc_[0-9A-Za-z]{7}",
    "<dc>": r"dc_[0-9A-Za-z]{7}",
    "<apn>": r"apn_[0-9A-Za-z]{7}",
    "<sub>": r"sub_[0-9A-Za-z]{7}",
    "<user>": r"u_[0-9A-Za-z]{7}",
    "<workspace>": r"o_[0-9A-Za-z]{7}",
    "<event>": r"[0-9]{13}-[0-9]+",
    "<emit>": r"[0-9A-Za-z]{27}",
    "<msg>": r"msg_[0-9A-Za-z]{27}",
    "<secret>": r"whsec_[A-Za-z0-9+/]{43}=",
    "<cursor>": r"[A-Za-z0-9_-]+",
    "<s>": r"[0-9]{10}",
    "<ms>": r"[0-9]{13}",
}


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_documented_requests_get_the_documented_replies(path: Path, world: World) -> None:
    captured: dict[str, str] = {}
    for exchange in json.loads(path.read_text(encoding="utf-8"))["exchanges"]:
        exchange = filled(exchange, captured)
        if "do" in exchange:
            act(world, exchange["do"], exchange)
            continue
        asked = exchange["request"]
        reply = world.call(asked["method"], asked["path"], asked.get("body"), headers=asked.get("headers"))
        compare(reply, exchange["reply"], PATTERNS)
        for name, member in exchange.get("capture", {}).items():
            captured[name] = reply.data[member]


def act(world: World, doing: str, exchange: dict[str, Any]) -> None:
    """What happens between two requests."""
    half = world.event_half
    if doing == "wait":
        world.clock.advance(exchange["seconds"])
    elif doing == "emit":
        half.emit(exchange["emitter"], exchange["event"], exchange.get("channel", ""), **exchange.get("words", {}))
    elif doing == "work":
        world.work()
    elif doing == "deliver":
        half.receiver.status = exchange.get("answer", 200)
        half.deliver()
    elif doing == "source":
        half.sources.add(("ws_one", exchange["id"]))
    elif doing == "use":
        half.usage_store.add("ws_one", world.clock.now().strftime("%Y-%m-%d"), Usage(**exchange["usage"]))
    elif doing == "name":
        half.profile_store.put_user(UserProfile("user_ws_one", **exchange["user"]))
        half.profile_store.put_workspace(WorkspaceProfile("ws_one", **exchange["workspace"]))
    else:
        raise AssertionError(doing)

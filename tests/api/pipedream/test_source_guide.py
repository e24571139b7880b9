"""The guide for authors: its code runs as it says."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from tests.api.world import World

GUIDE = (Path(__file__).resolve().parents[3] / "docs" / "sources.md").read_text(encoding="utf-8")
COUNTER, ORDERS = re.findall(r"```js\n(.*?)```", GUIDE, re.DOTALL)


def test_its_counter_counts(world: World) -> None:
    body = {"component_code": COUNTER, "configured_props": {"timer": {"intervalSeconds": 60}, "label": "eu"}}
    source = world.call("POST", "/v1/sources", body).data["id"]

    world.work()
    world.clock.advance(60)
    world.work()

    rows = world.call("GET", f"/v1/sources/{source}/event_summaries").data
    assert [row["event"] for row in rows] == [{"n": 2, "label": "eu"}, {"n": 1, "label": "eu"}]
    assert rows[1]["metadata"]["ts"] == rows[1]["indexed_at_ms"]


def test_its_interface_answers(world: World) -> None:
    source = world.call("POST", "/v1/sources", {"component_code": ORDERS}).data
    path = urlsplit(source["configured_props"]["http"]["endpoint_url"]).path

    taken = world.call("POST", f"{path}/in", {"id": 7}, key=None)
    refused = world.call("GET", path, key=None)

    assert (taken.status, taken.json, taken.headers["x-order"]) == (202, {"ok": True}, "7")
    assert refused.status == 405
    (row,) = world.call("GET", f"/v1/sources/{source['id']}/event_summaries").data
    assert (row["event"], row["metadata"]["summary"]) == ({"id": 7}, "POST /in")

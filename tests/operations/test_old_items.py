"""Items as an earlier state of this release wrote them, which is what an upgrade finds, and as a later one may write
them, which is what a rollback finds.

`python -m tests.operations.test_old_items` records them anew: only when a form is given up on purpose.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chalicelib.local.settings import LocalSettings
from chalicelib.local.stack import LocalStack
from chalicelib.local.wiring import assemble
from tests.flows.test_local_stack import eventually
from tests.operations.test_workspaces import KEYS, WORDS, House

RECORDED = Path(__file__).parent / "fixtures" / "items.json"
BASE_URL = "https://api.example.test"
_FORGOTTEN = ("expires_at",)
"""By which the recorded items would end with their retention."""


@contextmanager
def house_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("PUBLIC_BASE_URL", BASE_URL)
    with LocalStack(assemble, LocalSettings(port=0, api_keys=KEYS, tick_seconds=3600.0)) as stack:
        yield House(stack)


def addresses(ids: dict[str, str]) -> list[str]:
    """What shows something of everything that was recorded."""
    workflow, endpoint, pin = ids["workflow"], ids["endpoint"], ids["pin"]
    return [
        f"/v1/workflows/{workflow}",
        f"/v1/executions?workflow_id={workflow}",
        f"/v1/executions/{ids['execution']}",
        f"/v1/schedules?workflow_id={workflow}",
        f"/v1/workflows/{workflow}/event_summaries?expand=event",
        f"/v1/webhooks/{endpoint}",
        f"/v1/webhooks/{endpoint}/deliveries",
        "/v1/users/me/webhooks",
        "/v1/keys",
        f"/api/pins/{pin}",
        f"/api/workflow-data/{pin}/nightly",
        f"/v1/connections/{ids['connection']}",
    ]


def answers(house: House, ids: dict[str, str]) -> dict[str, Any]:
    return {address: house.call("ada", "GET", address) for address in addresses(ids)}


def assert_told(then: Any, now: Any, at: str = "") -> None:
    """Everything that was told then is told now; what there is besides may be new."""
    if isinstance(then, dict):
        assert isinstance(now, dict), at
        for name, value in then.items():
            assert name in now, f"{at}/{name}"
            assert_told(value, now[name], f"{at}/{name}")
    elif isinstance(then, list):
        assert len(now) == len(then), at
        for number, value in enumerate(then):
            assert_told(value, now[number], f"{at}/{number}")
    else:
        assert now == then, at


def put(house: House, items: dict[str, list[Any]], **added: Any) -> None:
    for word, raws in items.items():
        name = getattr(house.services.settings, f"{word}_table")
        for raw in raws:
            house.services.clients.dynamodb.put_item(TableName=name, Item={**_bytes_of(raw), **added})


def _bytes_of(raw: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {"B": base64.b64decode(value["B"])} if "B" in value else value  # an attribute's own bytes are at its top
        for name, value in raw.items()
    }


@pytest.fixture(scope="module")
def recorded() -> Any:
    return json.loads(RECORDED.read_text(encoding="utf-8"))


def test_items_that_were_written_before_are_read_as_they_were_then(
    recorded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with house_at(monkeypatch) as house:
        put(house, recorded["items"])

        assert_told(recorded["answers"], answers(house, recorded["ids"]))


def test_what_a_later_release_adds_to_items_is_passed_over(recorded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with house_at(monkeypatch) as house:
        put(house, recorded["items"], added_later={"M": {"a": {"S": "b"}}})

        assert_told(recorded["answers"], answers(house, recorded["ids"]))


def test_workflows_that_were_made_before_run(recorded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    workflow = recorded["ids"]["workflow"]
    with house_at(monkeypatch) as house:
        put(house, recorded["items"])

        house.call("ada", "POST", f"/v1/workflows/{workflow}/execute", {"input": {}})

        eventually(
            lambda: house.call("ada", "GET", f"/v1/executions?workflow_id={workflow}")["data"]["executions"],
            lambda runs: [run["status"] for run in runs] == ["success", "success"],
        )


def record() -> None:
    with pytest.MonkeyPatch.context() as monkeypatch, house_at(monkeypatch) as house:
        ids = house.furnish("ada", size=10)
        (run,) = house.call("ada", "GET", f"/v1/executions?workflow_id={ids['workflow']}")["data"]["executions"]
        ids["execution"] = run["id"]
        items = {word: _scanned(house, word) for word in WORDS}
        found = {"ids": ids, "items": items, "answers": answers(house, ids)}
    RECORDED.parent.mkdir(exist_ok=True)
    RECORDED.write_text(json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def _scanned(house: House, word: str) -> list[Any]:
    name = getattr(house.services.settings, f"{word}_table")
    found = []
    for item in house.services.clients.dynamodb.scan(TableName=name)["Items"]:
        kept = {member: value for member, value in item.items() if member not in _FORGOTTEN}
        found.append(
            {
                member: {"B": base64.b64encode(value["B"]).decode()} if "B" in value else value
                for member, value in kept.items()
            }
        )
    return sorted(found, key=lambda item: json.dumps(item, sort_keys=True))


if __name__ == "__main__":
    record()

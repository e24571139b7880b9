"""Everything of one workspace: taken out, deleted, and nothing of anybody else touched."""

from __future__ import annotations

import io
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib import bootstrap, operator
from chalicelib.local.settings import LocalSettings
from chalicelib.local.stack import LocalStack
from chalicelib.local.wiring import assemble
from chalicelib.operations.workspaces import plain
from tests.flows.test_local_stack import eventually

KEYS = {"ada": "key-of-ada", "bob": "key-of-bob"}
WORDS = ("identities", "definitions", "runs", "events", "deliveries", "pins", "flows")


class House:
    def __init__(self, stack: LocalStack) -> None:
        self.base_url = stack.base_url
        self.services: Any = bootstrap.services()

    def call(self, user: str, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {KEYS[user]}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base_url + path, content, headers, method=method)
        with urllib.request.urlopen(request, timeout=15) as answer:
            return json.loads(answer.read() or b"null")

    def furnish(self, user: str, size: int = 500_000) -> dict[str, str]:
        """Something of every door, values of that size, a delivery; at rest when it returns. Ids by what they name."""
        nodes = [{"id": "start", "type": "trigger"}, {"id": "rest", "type": "noop"}]
        body = {"name": "w", "nodes": nodes, "connections": [{"from": "start", "to": "rest"}]}
        workflow_id = self.call(user, "POST", "/v1/workflows", body)["data"]["id"]
        self.call(user, "POST", f"/v1/workflows/{workflow_id}/status", {"status": "active"})
        self.call(user, "POST", "/v1/webhooks", {"workflow_id": workflow_id})
        self.call(user, "POST", "/v1/schedules", {"workflow_id": workflow_id, "interval_seconds": 86_400})
        inbox = f"{self.base_url}/_local/inbox/{user}"
        endpoint = self.call(user, "POST", "/v1/webhooks", {"url": inbox, "name": user})["data"]["id"]
        wanted = {"emitter_id": workflow_id, "listener_id": endpoint}
        self.call(user, "POST", "/v1/subscriptions", wanted)
        self.call(user, "POST", f"/v1/workflows/{workflow_id}/execute", {"input": {"text": "x" * size}})
        eventually(
            lambda: self.call(user, "GET", f"/v1/webhooks/{endpoint}/deliveries")["data"],
            lambda found: [each["status"] for each in found] == ["succeeded"],
        )
        pin = self.call(user, "POST", "/api/pins/send", {"metadata": {"title": "t"}})["pid"]
        self.call(user, "PUT", f"/api/workflow-data/{pin}/nightly", {"data": {"text": "y" * size}})
        http_ = {"baseURI": self.base_url, "mediaType": "json"}
        connection = self.call(user, "POST", "/v1/connections", {"name": "c", "type": "http", "http": http_})["_id"]
        return {"workflow": workflow_id, "endpoint": endpoint, "pin": pin, "connection": connection}

    def keys(self) -> set[tuple[str, str]]:
        """Where everything stands that is stored."""
        settings, clients = self.services.settings, self.services.clients
        found: set[tuple[str, str]] = set()
        for word in WORDS:
            name = getattr(settings, f"{word}_table")
            schema = clients.dynamodb.describe_table(TableName=name)["Table"]["KeySchema"]
            for item in clients.dynamodb.scan(TableName=name)["Items"]:
                found.add((word, " ".join(item[key["AttributeName"]]["S"] for key in schema)))
        objects = clients.s3.list_objects_v2(Bucket=settings.bodies_bucket).get("Contents", ())
        return found | {("bucket", each["Key"]) for each in objects}

    def keys_of(self, user: str) -> set[tuple[str, str]]:
        """Where the API keys of the user's workspace stand."""
        return {("identities", f"key#{key.secret_hash}") for key in self.services.identity.keys(f"ws_{user}")}

    def operator(self, *arguments: str) -> tuple[int, str]:
        """The exit code, and what was printed."""
        out, err = io.StringIO(), io.StringIO()
        code = operator.main(["--json", *arguments], lambda: self.services, out, err)
        return code, out.getvalue() + err.getvalue()


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with LocalStack(assemble, LocalSettings(port=0, api_keys=KEYS, tick_seconds=3600.0)) as stack:
        yield House(stack)


def test_a_workspace_is_taken_out_and_deleted_and_no_other_is_touched(house: House, tmp_path: Path) -> None:
    house.furnish("bob")
    of_bob = house.keys() - house.keys_of("ada")
    house.furnish("ada")
    of_ada = house.keys() - of_bob
    assert {word for word, _ in of_ada} == {*WORDS, "bucket"}
    out = tmp_path / "ada.jsonl"

    code, told = house.operator("export-workspace", "ws_ada", "--out", str(out))
    assert code == 0, told
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert {each.get("table", "bucket") for each in lines} >= {*WORDS, "bucket"}
    assert "bob" not in out.read_text()

    code, told = house.operator("delete-workspace", "ws_ada", "--yes")

    assert code == 0, told
    assert house.keys() == of_bob


def test_deleting_twice_finds_nothing_the_second_time(house: House) -> None:
    _, told = house.operator("delete-workspace", "ws_ada", "--yes")

    assert {row["deleted"] for row in json.loads(told)} == {0}


def test_a_file_that_exists_is_not_written_over(house: House, tmp_path: Path) -> None:
    out = tmp_path / "kept"
    out.write_text("kept")

    code, told = house.operator("export-workspace", "ws_bob", "--out", str(out))

    assert (code, out.read_text()) == (1, "kept")
    assert "exists" in told


def test_deleting_has_to_be_meant(house: House) -> None:
    with pytest.raises(SystemExit):
        house.operator("delete-workspace", "ws_bob")


def test_every_kind_of_attribute_becomes_json() -> None:
    item: dict[str, dict[str, Any]] = {
        "a": {"S": "x"},
        "b": {"N": "-12"},
        "c": {"N": "1.5"},
        "d": {"B": b"\x00"},
        "e": {"BOOL": True},
        "f": {"NULL": True},
        "g": {"L": [{"N": "1"}]},
        "h": {"M": {"k": {"SS": ["y"]}}},
    }

    found = plain(item)

    assert list(found.values()) == ["x", -12, 1.5, "AA==", True, None, [1], {"k": ["y"]}]

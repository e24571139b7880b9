"""The document as a collection for Postman."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chalicelib.api.document.postman import SCHEMA, collection
from infra import postman
from tests.api import watch

SERVER = "https://flow.example.org"


def made() -> dict[str, Any]:
    return collection({"servers": [{"url": SERVER}], **watch.document()})


def request(method: str, address: str) -> Any:
    (found,) = [
        item
        for folder in made()["item"]
        for item in folder["item"]
        if (item["request"]["method"], item["request"]["url"]["raw"].partition("?")[0])
        == (method, "{{baseUrl}}" + address)
    ]
    return found


def test_every_operation_is_a_request_in_the_folder_of_its_tag() -> None:
    folders = made()["item"]

    operations = [operation for verbs in watch.document()["paths"].values() for operation in verbs.values()]

    assert sum(len(folder["item"]) for folder in folders) == len(operations)
    assert {folder["name"] for folder in folders} == {each["tags"][0] for each in operations}
    assert made()["info"]["schema"] == SCHEMA


def test_address_and_key_are_variables() -> None:
    variables = {each["key"]: each["value"] for each in made()["variable"]}

    assert variables["baseUrl"] == SERVER
    assert variables["key"] == ""
    assert request("GET", "/v1/workflows")["request"]["auth"]["bearer"][0]["value"] == "{{key}}"
    assert request("POST", "/webhook/:webhook_id")["request"]["auth"]["bearer"][0]["value"] == "{{hookToken}}"
    assert request("GET", "/api/public/pins/:pid")["request"]["auth"] == {"type": "noauth"}
    assert request("GET", "/api/health")["request"]["auth"] == {"type": "noauth"}


def test_a_request_has_its_example_and_an_answer_to_it() -> None:
    item = request("POST", "/v1/schedules")

    assert json.loads(item["request"]["body"]["raw"])["workflow_id"].startswith("wf_")
    assert [reply["code"] for reply in item["response"]] == [201]


def test_what_is_optional_is_switched_off() -> None:
    query = request("GET", "/v1/executions")["request"]["url"]["query"]
    namespaced = request("GET", "/workflowsvc/api/v1/workflows")["request"]["url"]

    assert all(each["disabled"] for each in query)
    assert [each["key"] for each in namespaced["query"] if not each["disabled"]] == ["nsfilter"]
    assert "?nsfilter=" in namespaced["raw"]


def test_the_command_writes_it(tmp_path: Path) -> None:
    out = tmp_path / "penstock.json"

    assert postman.main(["--out", str(out), "--url", f"{SERVER}/"]) == 0
    assert json.loads(out.read_text())["variable"][0]["value"] == SERVER

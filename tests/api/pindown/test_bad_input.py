"""Whatever is sent: a clear refusal in the shape of the address, never a 500, never half a record."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.errors import UnavailableError
from tests.api.pindown.conftest import Pinned

LONG = "x" * 200_001
BODIES: tuple[tuple[str, str, Any], ...] = (
    ("POST", "/api/pins/send", {"data_type": "html"}),
    ("POST", "/api/pins/send", {"data_type": 1}),
    ("POST", "/api/pins/send", {"metadata": []}),
    ("POST", "/api/pins/send", {"metadata": {"title": 7}}),
    ("POST", "/api/pins/send", {"metadata": {"title": LONG}}),
    ("POST", "/api/pins/send", {"metadata": {"description": LONG}}),
    ("POST", "/api/pins/send", {"metadata": {"tags": "lager"}}),
    ("POST", "/api/pins/send", {"metadata": {"tags": ["a", 1]}}),
    ("POST", "/api/pins/send", {"metadata": {"tags": ["a"] * 101}}),
    ("POST", "/api/pins/send", {"metadata": {"is_public": "true"}}),
    ("POST", "/api/pins/send", {"metadata": {"is_public": None}}),
    ("POST", "/api/pins/send", [1]),
    ("PUT", "/api/pins/{pin}", {}),
    ("PUT", "/api/pins/{pin}", {"metadata": None}),
    ("PUT", "/api/pins/{pin}", {"metadata": {"title": []}}),
    ("POST", "/api/pinboards", {}),
    ("POST", "/api/pinboards", {"name": ""}),
    ("POST", "/api/pinboards", {"name": "  "}),
    ("POST", "/api/pinboards", {"name": "x" * 101}),
    ("POST", "/api/pinboards", {"name": "x", "pins": "p-1"}),
    ("POST", "/api/pinboards", {"name": "x", "pins": [None]}),
    ("POST", "/api/pinboards", {"name": "x", "pins": ["p"] * 501}),
    ("POST", "/api/pinboards", {"name": "x", "is_public": 1}),
    ("POST", "/api/pins/{pin}/blocks", {}),
    ("POST", "/api/pins/{pin}/blocks", {"name": "", "type": "markdown", "template": "#"}),
    ("POST", "/api/pins/{pin}/blocks", {"name": "x", "type": "html", "template": "#"}),
    ("POST", "/api/pins/{pin}/blocks", {"name": "x", "type": "markdown", "template": ""}),
    ("POST", "/api/pins/{pin}/blocks", {"name": "x", "type": "markdown", "template": "#", "order": -1}),
    ("POST", "/api/pins/{pin}/blocks", {"name": "x", "type": "markdown", "template": "#", "order": 1.5}),
    ("POST", "/api/pins/{pin}/blocks", {"name": "x", "type": "markdown", "template": "#", "order": True}),
    ("POST", "/api/pins/{pin}/datasets", {"name": "x", "type": "json"}),
    ("POST", "/api/pins/{pin}/datasets", {"name": "x", "type": "json", "data": ""}),
    ("POST", "/api/pins/{pin}/datasets", {"name": "x", "type": "json", "data": "{"}),
    ("POST", "/api/pins/{pin}/datasets", {"name": "x", "type": "json", "data": {}}),
    ("POST", "/api/pins/{pin}/datasets", {"name": "x", "type": "csv", "data": "a"}),
    ("POST", "/api/pins/{pin}/datasets", {"name": "x", "type": "json", "data": "1", "datasetType": "mine"}),
    ("POST", "/api/auth/api-keys", {}),
    ("POST", "/api/auth/api-keys", {"name": ""}),
    ("POST", "/api/auth/api-keys", {"name": "x", "permissions": []}),
    ("POST", "/api/auth/api-keys", {"name": "x", "permissions": "*"}),
    ("POST", "/api/auth/api-keys", {"name": "x", "permissions": ["pins:fly"]}),
)


@pytest.mark.parametrize(("method", "path", "body"), BODIES)
def test_a_body_that_says_nothing_sensible_is_refused(pinned: Pinned, method: str, path: str, body: Any) -> None:
    before = pinned.world.stored()

    answer = pinned.world.call(method, path.format(pin=pinned.pin_id), body)

    assert answer.status == 400, answer.text
    assert answer.json["success"] is False
    assert (answer.json["error"]["code"], answer.json["error"]["type"]) == ("VALIDATION_ERROR", "validation")
    assert answer.json["error"]["message"]
    assert pinned.world.stored() == before


@pytest.mark.parametrize("raw", [b"{", b"\xff", b"nope", b'{"a":1,"a":2}'])
@pytest.mark.parametrize("path", ["/api/pins/send", "/api/pinboards", "/api/auth/api-keys"])
def test_what_is_no_json_is_called_so(pinned: Pinned, path: str, raw: bytes) -> None:
    answer = pinned.world.call("POST", path, raw=raw)

    assert (answer.status, answer.json["error"]["message"]) == (400, "Invalid JSON")


@pytest.mark.parametrize("query", ["limit=-1", "limit=x", "limit=1.5", "limit=", "offset=-1", "offset=x", "limit=1e3"])
@pytest.mark.parametrize("path", ["/api/pins", "/api/pinboards"])
def test_a_page_that_is_no_number_is_refused(pinned: Pinned, path: str, query: str) -> None:
    assert pinned.world.call("GET", f"{path}?{query}").status == 400


def test_pages_hold_what_they_are_asked_for_and_the_total_counts_all(pinned: Pinned) -> None:
    world = pinned.world
    ids = [pinned.pin_id]
    for n in range(4):
        world.clock.advance(1)
        ids.append(pinned.new_pin(title=f"Pin {n}"))

    def page(query: str) -> tuple[list[str], int]:
        data = world.call("GET", f"/api/pins?{query}").data
        return [pin["id"] for pin in data["pins"]], data["total"]

    newest_first = ids[::-1]
    assert page("") == (newest_first, 5)
    assert page("limit=2&offset=1") == (newest_first[1:3], 5)
    assert page("limit=999999") == (newest_first, 5)
    assert page("limit=0") == ([], 5)
    assert page("offset=99") == ([], 5)


@pytest.mark.parametrize("pin_id", ["p-", "%00", "a%20b", "..", "x" * 2000, "%F0%9F%99%82", "send%2F", "%ff"])
def test_no_id_breaks_anything(pinned: Pinned, pin_id: str) -> None:
    for method, path in (
        ("GET", f"/api/pins/{pin_id}"),
        ("GET", f"/api/workflow-data/{pin_id}"),
        ("GET", f"/api/pinboards/{pin_id}"),
        ("GET", f"/api/webhooks/{pin_id}"),
        ("DELETE", f"/api/auth/api-keys/{pin_id}"),
        ("GET", f"/api/public/pins/{pin_id}"),
        ("DELETE", f"/api/pins/{pinned.pin_id}/datasets/{pin_id}"),
    ):
        assert pinned.world.call(method, path).status == 404, path


def test_a_store_that_does_not_answer_is_an_internal_error_in_the_documented_words(
    pinned: Pinned, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(*_: Any, **__: Any) -> Any:
        raise UnavailableError

    monkeypatch.setattr(pinned.world.pin_half.data_store, "head", unavailable)
    monkeypatch.setattr(pinned.world.pin_half.data_store, "newest", unavailable)
    monkeypatch.setattr(pinned.world.pin_half.board_store, "of_user", unavailable)

    failed = [pinned.push({"a": 1}), pinned.read()]
    nested = pinned.world.call("GET", "/api/pinboards")

    assert [answer.json for answer in failed] == [
        {"error": "Internal Server Error", "message": "Failed to update workflow data"},
        {"error": "Internal Server Error", "message": "Failed to get workflow data"},
    ]
    assert (nested.status, nested.json["error"]["code"]) == (500, "INTERNAL_SERVER_ERROR")

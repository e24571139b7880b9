"""The log of a connection that is being debugged: what it shows, what it never shows, and when it is not kept."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import OutboundConnectError, UnavailableError
from chalicelib.domain.flows.flows import ResourceKind
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.times import iso_ms
from chalicelib.services.flows.call_logs import MOST_NOTED
from tests.api.celigo.conftest import Depot, codes

ENTRY = re.compile(r"(\S+Z) ([0-9a-f]{32}) (\w+) ([0-9a-f]{24})\n(\{.*\})\n")
SECRET, PASSWORD = "s3cr&t/<one>", "open-sesame-77"
HTTP: dict[str, Any] = {
    "baseURI": "https://depot.example/api",
    "mediaType": "json",
    "auth": {"type": "basic", "basic": {"username": "mara", "password": PASSWORD}},
    "encrypted": {"key": SECRET},
    "headers": [{"name": "X-Depot", "value": "{{connection.http.encrypted.key}}"}, {"name": "X-Api-Key", "value": "k"}],
}


def debugged(depot: Depot, minutes: float = 10, **http: Any) -> str:
    body = {"name": "Depot", "type": "http", "http": {**HTTP, **http}}
    id_: str = depot.made("connections", body)["_id"]
    until = iso_ms(depot.world.clock.now() + timedelta(minutes=minutes))
    change = [{"op": "replace", "path": "/debugDate", "value": until}]
    assert depot.call("PATCH", f"/connections/{id_}", change).status == 204
    return id_


def answering(depot: Depot, body: Any = None, headers: Mapping[str, str] | None = None) -> None:
    kind = {"content-type": "application/json", **(headers or {})}
    depot.world.sender.respond = lambda request: HttpResponse(
        200, kind, json.dumps(body if body is not None else {"ok": True}).encode(), request.url, 0.01
    )


def log(depot: Depot, id_: str) -> list[Any]:
    answer = depot.call("GET", f"/connections/{id_}/debug")
    if answer.status == 204:
        return []
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    return [(kind, whose, json.loads(said)) for _, _, kind, whose, said in ENTRY.findall(answer.text)]


def test_a_call_is_two_entries_of_what_was_sent_and_what_came_back(depot: Depot) -> None:
    id_ = debugged(depot)
    export = depot.export(_connectionId=id_, type=None, http={"method": "GET", "relativeURI": "/parcels?n=1"})
    answering(depot, [{"id": 7}])

    depot.call("POST", f"/exports/{export['_id']}/invoke")

    (asked, answered) = log(depot, id_)
    assert asked[:2] == answered[:2] == ("export", export["_id"])
    assert (asked[2]["method"], asked[2]["url"]) == ("GET", "https://depot.example/api/parcels?n=1")
    assert answered[2] == {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": '[{"id": 7}]'}


def test_a_ping_is_noted_too(depot: Depot) -> None:
    id_ = debugged(depot, ping={"relativeURI": "/me"})
    answering(depot)

    depot.call("GET", f"/connections/{id_}/ping")

    assert [entry[:2] for entry in log(depot, id_)] == [("connection", id_)] * 2


def test_no_secret_is_ever_shown(depot: Depot) -> None:
    id_ = debugged(
        depot,
        ping={
            "relativeURI": "/login?api_key=abc123&key={{connection.http.encrypted.key}}",
            "method": "POST",
            "body": '{"user": "mara", "password": "short", "copy": "{{{connection.http.encrypted.key}}}"}',
        },
    )
    answering(depot, {"access_token": "granted-1", "note": f"you sent {PASSWORD}"}, {"set-cookie": "session=abc"})

    depot.call("GET", f"/connections/{id_}/ping")

    text = depot.call("GET", f"/connections/{id_}/debug").text
    for hidden in (SECRET, "s3cr%26t", "open-sesame", "bWFyYT", "abc123", "short", "granted-1", "session=abc", '"k"'):
        assert hidden not in text
    assert text.count("******") >= 8
    assert "mara" in text


def test_secrets_in_xml_and_forms_are_known_by_their_names(depot: Depot) -> None:
    id_ = debugged(
        depot, ping={"relativeURI": "/x", "method": "POST", "body": "user=mara&password=pq"}, mediaType="urlencoded"
    )
    depot.world.sender.respond = lambda request: HttpResponse(
        200, {}, b'<a><o:Password x="1">pq1</o:Password><b token="pq2"/><c>kept</c></a>', request.url, 0.01
    )

    depot.call("GET", f"/connections/{id_}/ping")

    (asked, answered) = log(depot, id_)
    assert asked[2]["body"] == "user=mara&password=******"
    assert answered[2]["body"] == '<a><o:Password x="1">******</o:Password><b token="******"/><c>kept</c></a>'


def test_nothing_is_noted_before_after_or_without_a_date(depot: Depot) -> None:
    answering(depot)
    id_ = debugged(depot, minutes=10)
    other = depot.made("connections", {"name": "Depot", "type": "http", "http": HTTP})["_id"]

    depot.call("GET", f"/connections/{other}/ping")
    depot.world.clock.advance(10 * 60)
    depot.call("GET", f"/connections/{id_}/ping")

    assert log(depot, id_) == log(depot, other) == []


def test_it_ends_an_hour_after_the_last_change_however_far_away_the_date_is(depot: Depot) -> None:
    answering(depot)
    id_ = debugged(depot, minutes=60 * 24)
    depot.world.clock.advance(59 * 60)
    depot.call("GET", f"/connections/{id_}/ping")
    depot.world.clock.advance(2 * 60)
    depot.call("GET", f"/connections/{id_}/ping")

    assert len(log(depot, id_)) == 2


def test_entries_are_gone_after_a_day_or_when_they_are_cleared(depot: Depot) -> None:
    answering(depot)
    id_ = debugged(depot)
    depot.call("GET", f"/connections/{id_}/ping")

    assert depot.call("DELETE", f"/connections/{id_}/debug").status == 204
    assert log(depot, id_) == []

    depot.call("GET", f"/connections/{id_}/ping")
    depot.world.clock.advance(24 * 3600 + 1)
    assert log(depot, id_) == []


def test_a_call_that_fails_is_noted_with_why(depot: Depot) -> None:
    id_ = debugged(depot)

    def refuse(request: HttpRequest) -> HttpResponse:
        raise OutboundConnectError(f"cannot reach {PASSWORD}")

    depot.world.sender.respond = refuse
    depot.call("GET", f"/connections/{id_}/ping")

    assert log(depot, id_)[1][2] == {"error": "cannot reach ******"}


def test_a_log_that_cannot_be_written_fails_no_call(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(depot)
    id_ = debugged(depot)

    def refuse(*_: Any) -> None:
        raise UnavailableError

    monkeypatch.setattr(depot.world.flow_half.call_log_store, "add", refuse)

    assert depot.call("GET", f"/connections/{id_}/ping").json == {"code": 200}


def test_bodies_are_cut_and_the_number_of_calls_is_bounded(depot: Depot) -> None:
    answering(depot, ["x" * 100_000])
    id_ = debugged(depot)
    depot.call("GET", f"/connections/{id_}/ping")
    assert len(log(depot, id_)[1][2]["body"]) < 17_000

    answering(depot)
    for _ in range(MOST_NOTED + 10):
        depot.world.services.flow_pings.stored(
            depot.world.flow_half.resource_store.get("ws_one", ResourceKind.CONNECTION, id_)
        )
    assert len(log(depot, id_)) == 2 * MOST_NOTED


def test_whose_connection_it_is_not_finds_no_log(depot: Depot) -> None:
    assert depot.call("GET", f"/connections/{'6' * 24}/debug").status == 404
    assert depot.call("DELETE", f"/connections/{'6' * 24}/debug").status == 404


@pytest.mark.parametrize("value", ["tomorrow", 5, ["2026-01-01"]])
def test_a_date_that_is_none_is_refused(value: Any, depot: Depot) -> None:
    change = [{"op": "replace", "path": "/debugDate", "value": value}]

    answer = depot.call("PATCH", f"/connections/{depot.connection_id}", change)

    assert (answer.status, codes(answer)) == (422, [("debugDate", "invalid_field")])

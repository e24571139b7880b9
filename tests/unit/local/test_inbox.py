"""The inbox takes anything, shows it safely, and answers as told."""

from __future__ import annotations

import base64
import json
import threading
from typing import Any

import pytest

from chalicelib.local.http_wire import Request, Response
from chalicelib.local.inbox import Inbox
from chalicelib.local.inbox_store import MAX_KEPT_BODY_BYTES, MAX_NAMES, MAX_REQUESTS, InboxStore


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


def ask(inbox: Inbox, method: str, target: str, body: bytes = b"", **headers: str) -> Response:
    path, _, query = target.partition("?")
    pairs = [("Host", "localhost"), *((name.replace("_", "-"), value) for name, value in headers.items())]
    return inbox(Request(method, path, query, pairs, body, "127.0.0.1", True))


def shown(inbox: Inbox, name: str, query: str = "") -> list[dict[str, Any]]:
    document = json.loads(ask(inbox, "GET", f"/_local/inboxes/{name}{query}").body)
    assert document["name"] == name
    requests: list[dict[str, Any]] = document["requests"]
    return requests


def test_any_request_is_recorded_whole(inbox: Inbox) -> None:
    first = ask(inbox, "POST", "/_local/inbox/shop/orders/7?a=1&b", b'{"n":1}', X_Tag="1", x_tag="2")
    ask(inbox, "DELETE", "/_local/inbox/shop")

    assert (first.status, json.loads(first.body)) == (200, {"received": True, "name": "shop", "count": 1})
    newest, oldest = shown(inbox, "shop")
    assert (newest["method"], oldest["method"]) == ("DELETE", "POST")
    assert oldest["path"] == "/_local/inbox/shop/orders/7"
    assert oldest["query"] == "a=1&b"
    assert oldest["headers"] == {"host": "localhost", "x-tag": "1, 2"}
    assert (oldest["body"], oldest["body_encoding"], oldest["body_bytes"]) == ('{"n":1}', "text", 7)
    assert oldest["received_at"].endswith("Z")


def test_a_binary_body_is_kept_as_base64(inbox: Inbox) -> None:
    ask(inbox, "PUT", "/_local/inbox/raw", b"\xff\x00")

    (entry,) = shown(inbox, "raw")
    assert entry["body_encoding"] == "base64"
    assert base64.b64decode(entry["body"]) == b"\xff\x00"


def test_what_is_kept_is_bounded(inbox: Inbox) -> None:
    ask(inbox, "POST", "/_local/inbox/big", b"x" * (MAX_KEPT_BODY_BYTES + 5))
    for _ in range(MAX_REQUESTS + 3):
        ask(inbox, "GET", "/_local/inbox/many")

    (big,) = shown(inbox, "big")
    assert (len(big["body"]), big["body_bytes"], big["body_truncated"]) == (
        MAX_KEPT_BODY_BYTES,
        MAX_KEPT_BODY_BYTES + 5,
        True,
    )
    many = shown(inbox, "many")
    assert (len(many), many[0]["number"], many[-1]["number"]) == (MAX_REQUESTS, MAX_REQUESTS + 3, 4)
    assert [entry["number"] for entry in shown(inbox, "many", "?limit=2")] == [MAX_REQUESTS + 3, MAX_REQUESTS + 2]


def test_the_name_unused_for_longest_makes_room(inbox: Inbox) -> None:
    for number in range(MAX_NAMES + 1):
        ask(inbox, "GET", f"/_local/inbox/n{number}")

    names = [name for name, _ in inbox.store.names()]
    assert len(names) == MAX_NAMES
    assert "n0" not in names
    assert names[0] == f"n{MAX_NAMES}"


def test_management_never_collides_with_recording(inbox: Inbox) -> None:
    ask(inbox, "GET", "/_local/inbox/inboxes")
    ask(inbox, "PUT", "/_local/inbox/a%20b/reply", b"{}")

    listed = json.loads(ask(inbox, "GET", "/_local/inboxes").body)
    assert listed == {"inboxes": [{"name": "a b", "count": 1}, {"name": "inboxes", "count": 1}]}


def test_an_inbox_can_be_cleared(inbox: Inbox) -> None:
    ask(inbox, "GET", "/_local/inbox/a")
    assert ask(inbox, "DELETE", "/_local/inboxes/a").status == 204

    assert shown(inbox, "a") == []


def test_a_reply_is_given_as_often_as_told(inbox: Inbox) -> None:
    reply = {"status": 503, "headers": {"Retry-After": "1"}, "body": "later", "times": 2}
    assert ask(inbox, "PUT", "/_local/inboxes/a/reply", json.dumps(reply).encode()).status == 204

    answers = [ask(inbox, "POST", "/_local/inbox/a") for _ in range(3)]
    assert [answer.status for answer in answers] == [503, 503, 200]
    assert answers[0].body == b"later"
    assert dict(answers[0].headers)["Retry-After"] == "1"


def test_a_request_may_choose_its_own_status(inbox: Inbox) -> None:
    answer = ask(inbox, "POST", "/_local/inbox/a?status=500&delay=0")

    assert (answer.status, json.loads(answer.body)["received"]) == (500, True)


@pytest.mark.parametrize(
    "reply",
    [
        b"nonsense",
        b"[]",
        b'{"status": 99}',
        b'{"status": "many"}',
        b'{"times": 0}',
        b'{"delay_seconds": 61}',
        b'{"headers": {"a": 1}}',
        b'{"headers": {"a b": "1"}}',
        b'{"unknown": 1}',
    ],
)
def test_a_reply_that_makes_no_sense_is_refused(inbox: Inbox, reply: bytes) -> None:
    assert ask(inbox, "PUT", "/_local/inboxes/a/reply", reply).status == 400


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/_local/inbox/a?status=abc", 400),
        ("GET", "/_local/inbox/a?delay=nan", 400),
        ("GET", f"/_local/inbox/{'n' * 201}", 400),
        ("GET", "/_local/inboxes/a?limit=-1", 400),
        ("GET", "/_local/stub?json={", 400),
        ("GET", "/_local/", 404),
        ("GET", "/_local/inbox/", 404),
        ("GET", "/_local/elsewhere", 404),
        ("POST", "/_local/inboxes/a", 405),
        ("DELETE", "/_local/inboxes", 405),
        ("PUT", "/_local/inboxes/a/other", 405),
    ],
)
def test_what_the_inbox_does_not_know_it_refuses(inbox: Inbox, method: str, target: str, status: int) -> None:
    assert ask(inbox, method, target).status == status


def test_people_get_a_page_in_which_everything_is_escaped(inbox: Inbox) -> None:
    evil = "<script>alert(1)</script>"
    ask(inbox, "POST", "/_local/inbox/%3Cb%3E?q=<i>", f'{{"a":"{evil}"}}'.encode(), X_Evil=evil)

    pages = [
        ask(inbox, "GET", target, Accept="text/html,application/xhtml+xml,*/*;q=0.8")
        for target in ("/_local/inboxes/%3Cb%3E", "/_local/inboxes")
    ]

    for page in pages:
        assert dict(page.headers)["Content-Type"].startswith("text/html")
        assert b"<script" not in page.body
        assert b"<b>&lt;" not in page.body
        assert b"&lt;b&gt;" in page.body
    assert b"&lt;script&gt;" in pages[0].body
    assert b"color-scheme: light dark" in pages[0].body


@pytest.mark.parametrize("accept", ["", "*/*", "application/json", "text/html;q=0.1, application/json"])
def test_programs_get_json(inbox: Inbox, accept: str) -> None:
    answer = ask(inbox, "GET", "/_local/inboxes", Accept=accept)

    assert dict(answer.headers)["Content-Type"] == "application/json"


def test_a_reader_can_wait_for_what_is_still_to_come(inbox: Inbox) -> None:
    read: list[Any] = []
    reader = threading.Thread(target=lambda: read.append(shown(inbox, "a", "?wait_for=2&timeout=5")))
    reader.start()
    ask(inbox, "GET", "/_local/inbox/a")
    ask(inbox, "GET", "/_local/inbox/a")
    reader.join(5)

    assert len(read[0]) == 2


def test_a_reader_waits_no_longer_than_it_says() -> None:
    assert InboxStore().wait_for("a", 1, 0.01) is False


def test_the_stub_answers_what_it_is_asked_to(inbox: Inbox) -> None:
    assert ask(inbox, "GET", "/_local/stub").body == b'{"ok":true}'
    answer = ask(inbox, "POST", '/_local/stub?json={"a":[1]}&status=201')
    assert (answer.status, answer.body) == (201, b'{"a":[1]}')

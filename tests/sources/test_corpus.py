"""A corpus of components, one for each form and feature, deployed and run from end to end in the real sandbox."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.events import ERRORS, LOGS
from chalicelib.domain.json import Json
from chalicelib.domain.sources import Source
from chalicelib.domain.subscriptions import ListenerKind
from chalicelib.services.sources.components import Choice
from chalicelib.services.sources.sources import Draft
from tests.flows.house import OWNER
from tests.flows.source_house import BASE_URL, SourceHouse
from tests.sources.api import BASE, ITEMS, SECRET, FakeApi

CORPUS = Path(__file__).parent / "corpus"
MINUTE: dict[str, Json] = {"intervalSeconds": 60}
SECONDS = 1_793_611_800  # of the house's clock

ONE, TWO, THREE = ITEMS[2], ITEMS[1], ITEMS[0]


@dataclass(frozen=True)
class Case:
    """`once` are the payloads after the first run, `twice` those that the second adds; None if there is no second."""

    once: list[Any]
    twice: list[Any] | None = None
    props: Mapping[str, Json] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


API: Mapping[str, Json] = {"base": BASE}

TIMED: dict[str, Case] = {
    "esm-default.mjs": Case([{"at": SECONDS, "every": 60}], [{"at": SECONDS + 60, "every": 60}]),
    "commonjs.js": Case([{"n": 1}], [{"n": 2}]),
    "define-source.mjs": Case([{"ok": True}]),
    "typescript.ts": Case([{**ONE, "kind": "old"}, {**TWO, "kind": "new"}, {**THREE, "kind": "new"}], [], API),
    "typescript-text.js": Case([{"id": 3}, {"id": 4}]),
    "named-variable.mjs": Case(["variable"]),
    "spread-common.mjs": Case([TWO, THREE], [], API),
    "common-call.mjs": Case([12], [14], {"start": "10"}),
    "app-account.mjs": Case([{"me": "acme"}], None, {**API, "acme": {"authProvisionId": "apn_Acme123"}}),
    "prop-inputs.mjs": Case([["p", "main"]], None, {"project": "p"}),
    "label-value.mjs": Case(
        [{"plain": "v", "whole": {"label": "L", "value": "v"}, "many": ["a", "b"]}],
        None,
        {
            "plain": {"label": "L", "value": "v"},
            "whole": {"label": "L", "value": "v"},
            "many": [{"label": "A", "value": "a"}, "b"],
        },
    ),
    "all-prop-types.mjs": Case(
        [
            {
                "s": "s",
                "i": 5,
                "b": False,
                "o": {"x": 1},
                "a": [1],
                "ss": ["t"],
                "is": [1, 2],
                "missing": True,
                "d": "dd",
            }
        ],
        None,
        {"s": "s", "i": "5", "b": False, "o": {"x": 1}, "a": [1], "ss": ["t"], "is": [1, "2"]},
    ),
    "timer-static.mjs": Case([30]),
    "timer-bare.mjs": Case([[45, "$.interface.timer"]]),
    "no-run.mjs": Case([{"timestamp": SECONDS, "interval_seconds": 60}]),
    "dedupe-unique.mjs": Case([{"id": 2}, {"id": 1}], [{"id": 3}], API),
    "dedupe-greatest.mjs": Case([{"id": 2}, {"id": 1}], [{"id": 3}], API),
    "dedupe-last.mjs": Case([{"id": 1}, {"id": 2}], [{"id": 3}], API),
    "ts-order.mjs": Case([10, "date", 20, 30, "late"]),
    "mutation-after-emit.mjs": Case([{"n": 1}, {"n": 2}, None]),
    "channels.mjs": Case([{"a": 1}, {"a": 2}]),
    "db-cursor.mjs": Case([1, 2, 3, 4, 5], [], API),
    "db-unknown-key.mjs": Case([{"undefinedFirst": True, "seen": {"deep": [1, {"two": 2}]}, "gone": True}]),
    "paging-numbers.mjs": Case([{"id": n} for n in range(1, 7)], [], API),
    "paging-link.mjs": Case([1, 2, 3], [1, 2, 3], API),
    "deploy-history.mjs": Case([TWO, THREE, ONE], [], API),
    "axios-forms.js": Case(
        [{"posted": {"a": 1}, "auth": "Basic dTpw", "failed": 404, "listed": 3, "status": 200}], None, API
    ),
    "libraries.mjs": Case(
        [
            {
                "get": 7,
                "startCase": "Foo Bar",
                "moment": "1970-01-01",
                "dayjs": "02.01.",
                "uuid": True,
                "qs": "a=1&a=2",
                "hash": 40,
            }
        ]
    ),
    "node-built-ins.mjs": Case(
        [
            {
                "sha": "ca978112",
                "uuid": 36,
                "later": 3,
                "heard": 5,
                "host": "d",
                "params": "x=y+z",
                "path": "b.txt",
                "query": {"a": "1", "b": "2"},
                "env": 0,
                "b64": "aGk=",
            }
        ]
    ),
    "language.mjs": Case(
        [
            {
                "value": 8,
                "seen": [1, 2],
                "year": "2026",
                "big": "18446744073709551616",
                "nil": "d",
                "chain": None,
                "settled": ["rejected", "fulfilled"],
                "at": 3,
            }
        ]
    ),
    "destructured-this.mjs": Case([{"rest": {"a": "x", "b": 2}, "twice": 4}], None, {"a": "x"}),
    "throws-after-emit.mjs": Case(["first"], ["first"], errors=["TypeError", "TypeError"]),
    "configuration-error.mjs": Case([], errors=["ConfigurationError"]),
    "missing-module.mjs": Case([], errors=["ModuleNotAvailableError"]),
    "retry-with-backoff.mjs": Case([{"calls": 3}], None, API),
    "parallel-requests.mjs": Case([[1, 2, 3, 4]], None, API),
    "binary-body.mjs": Case([{"length": 3, "hex": "00ff80"}], None, API),
    "xml-feed.mjs": Case(
        [{"title": "A", "link": "https://n.example/a"}, {"title": "B", "link": "https://n.example/b"}], [], API
    ),
    "additional-props.mjs": Case([{"kind": "a", "extra": "x"}], None, {"kind": "a", "extra": "x"}),
}

REQUESTED = [
    "http-and-timer.mjs",
    "http-challenge.mjs",
    "http-plain.mjs",
    "http-silent.mjs",
    "hmac-sha1.js",
    "subscription-input.mjs",
    "webhook-lifecycle.mjs",
]


def deploy(house: SourceHouse, file: str, props: Mapping[str, Json] | None = None) -> Source:
    """As a client does that posts the code; TypeScript goes by its URL, or says nothing of what it is."""
    code = (CORPUS / file).read_text()
    url = f"https://code.example/{file}" if file.endswith(".ts") else None
    component = house.components.create(OWNER, code=code, url=url)
    timer: dict[str, Json] = {"timer": MINUTE} if file not in {"timer-static.mjs", "timer-bare.mjs"} else {}
    if not any(prop["name"] == "timer" for prop in component.configurable_props):
        timer = {}
    draft = Draft(Choice(component_id=component.id), BASE_URL, props={**timer, **(props or {})})
    return house.sources.create(OWNER, draft)


def test_every_component_of_the_corpus_is_tried() -> None:
    assert sorted(path.name for path in CORPUS.iterdir()) == sorted([*TIMED, *REQUESTED])
    assert len(TIMED) + len(REQUESTED) >= 40


@pytest.mark.parametrize("file", sorted(TIMED))
def test_a_component_with_a_timer_emits_what_it_should(house: SourceHouse, file: str) -> None:
    case = TIMED[file]
    house.secrets["apn_Acme123"] = ("acme", {"api_key": "s3cret"})
    source = deploy(house, file, case.props)

    house.work()
    errors: list[Any] = house.payloads(source, ERRORS)
    assert [error["error"]["code"] for error in errors] == case.errors[:1]
    assert house.payloads(source) == case.once
    if case.twice is not None:
        house.minutes(1)
        assert house.payloads(source) == [*case.once, *case.twice]
    assert house.state(source).outbox is None


def test_channels_and_metadata_are_kept(house: SourceHouse) -> None:
    source = deploy(house, "channels.mjs")
    house.work()

    assert [event.emission.channel for event in house.emitted(source)] == ["created", ""]


def test_what_was_printed_and_thrown_is_there_with_its_place(house: SourceHouse) -> None:
    source = deploy(house, "throws-after-emit.mjs")
    house.work()

    logs: list[Any] = house.payloads(source, LOGS)
    assert [(line["k"], line["m"].split()[0]) for line in logs] == [("stdout", "before"), ("stderr", "bad")]
    errors: list[Any] = house.payloads(source, ERRORS)
    assert "component.js:3" in errors[0]["error"]["stack"]
    assert house.state(source).db == {"seen": True}


def test_a_plain_request_is_an_event(house: SourceHouse) -> None:
    source = deploy(house, "http-plain.mjs")
    form = "application/x-www-form-urlencoded"

    for headers, body in (
        ({"content-type": "application/json"}, b'{"a":1}'),
        ({"content-type": form}, b'{"a":1}'),
        ({}, b""),
    ):
        assert house.request(source, path="/in", query={"q": ["1"]}, headers=headers, body=body).status == 200
    house.work()

    found: list[Any] = house.payloads(source)
    assert [each.get("body") for each in found] == [{"a": 1}, '{"a":1}', None]
    assert (found[0]["path"], found[0]["query"], found[2]["bodyRaw"]) == ("/in", {"q": "1"}, "")


def test_a_challenge_is_answered_by_the_code(house: SourceHouse) -> None:
    source = deploy(house, "http-challenge.mjs")

    answer = house.request(source, "httpInterface", method="GET", query={"challenge": ["c1"]})
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"c1", "text/plain")
    answer = house.request(source, "httpInterface", headers={"content-type": "application/json"}, body=b'{"e":1}')
    assert (answer.status, answer.body) == (202, b"ok")
    assert house.payloads(source) == [{"e": 1}]


def test_code_that_should_answer_and_does_not_says_so(house: SourceHouse) -> None:
    source = deploy(house, "http-silent.mjs")

    assert house.request(source, path="/p").status == 400
    assert house.payloads(source) == ["/p"]


def test_a_source_may_have_both_interfaces(house: SourceHouse) -> None:
    source = deploy(house, "http-and-timer.mjs")

    house.request(source, path="/now")
    house.work()

    assert sorted(map(str, house.payloads(source))) == ["http /now", "timer 60"]


def test_a_signature_decides(house: SourceHouse) -> None:
    source = deploy(house, "hmac-sha1.js", {"secret": "k"})
    mac = hmac.new(b"k", b'{"a":1}', hashlib.sha1).hexdigest()
    json_type = {"content-type": "application/json"}

    assert house.request(source, headers={**json_type, "X-Hub-Signature": f"sha1={mac}"}, body=b'{"a":1}').status == 200
    assert house.request(source, headers={**json_type, "X-Hub-Signature": f"sha1={mac}"}, body=b'{"a":2}').status == 403
    assert house.request(source, headers=json_type, body=b"{}").status == 403
    assert house.payloads(source) == [{"a": 1}]
    assert house.sources.props(source)["secret"] == "***"


def test_a_hook_registers_and_removes_itself(house: SourceHouse, api: FakeApi) -> None:
    source = deploy(house, "webhook-lifecycle.mjs", API)
    assert api.hooks == {"hook_1": source.endpoints["http"].url}
    body = json.dumps({"id": 7, "kind": "made"}).encode()
    signature = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
    headers = {"content-type": "application/json", "x-signature": signature}

    answers = [house.request(source, headers=headers, body=body) for _ in range(2)]
    assert [(answer.status, json.loads(answer.body)) for answer in answers] == [(200, {"received": 7})] * 2
    assert house.request(source, headers={"x-signature": "x"}, body=body).status == 401
    assert house.payloads(source) == [{"id": 7, "kind": "made"}]

    house.sources.delete(OWNER, source.id)
    assert api.hooks == {}


def test_an_event_of_another_emitter_is_input(house: SourceHouse) -> None:
    source = deploy(house, "subscription-input.mjs")
    house.subscribe(source.id, ListenerKind.SOURCE, emitter="wf_1")
    house.emit({"x": 1})
    house.deliver()
    house.work()

    assert house.payloads(source) == [{"heard": {"x": 1}}]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("export default {", "component could not be loaded"),
        ("const x = 1;\nexport default { name: 'a', version: y };", "component.js:2"),
        ("export default { version: '1' };", "it has no name"),
        ("export default { name: 'a' };", "it has no version"),
        ("export default { name: 'a', version: '1', props: { x: 'strin' } };", "unknown type 'strin'"),
        ("export default { name: 'a', version: '1', dedupe: 'sometimes' };", "dedupe"),
        ("export default 5;", "component"),
        ("import x from './other.mjs';\nexport default { name: 'a', version: '1', ...x };", "other.mjs"),
    ],
)
def test_code_that_does_not_load_is_refused_with_its_place(house: SourceHouse, code: str, message: str) -> None:
    with pytest.raises(InvalidError, match=message):
        house.components.create(OWNER, code=code)


def test_an_action_cannot_be_a_source(house: SourceHouse) -> None:
    code = "export default { name: 'a', version: '1', type: 'action', run() {} };"

    with pytest.raises(InvalidError, match="only a source can be deployed"):
        house.sources.create(OWNER, Draft(Choice(code=code), BASE_URL))

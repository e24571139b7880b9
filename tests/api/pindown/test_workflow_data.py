"""Workflow data as its users rely on it: exact echo, shapes, order of checks, history, conditional pushes."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.domain.pins import Pin, Version
from tests.api.pindown.conftest import Pinned
from tests.api.world import World


@pytest.mark.parametrize(
    "raw",
    [
        '{"cpu":23.5,"n":1247,"one":1.0,"e":100.0,"big":123456789012345678901234567890,"neg":-0.5}',
        '{"t":true,"f":false,"null":null,"o":{},"a":[],"deep":{"a":[{"b":[1,[2]]}]}}',
        '{"":"","ü 🙂":"\\u0000\\n","data":{"data":1},"pid":"x"}',
    ],
)
def test_the_object_comes_back_as_it_was_sent(pinned: Pinned, raw: str) -> None:
    pushed = pinned.world.call("PUT", f"/api/workflow-data/{pinned.pin_id}/nightly", raw=f'{{"data":{raw}}}'.encode())

    texts = [json.dumps(answer.data) for answer in (pushed, pinned.read())]
    assert texts[0] == json.dumps({"pid": pinned.pin_id, "wid": "nightly", "data": json.loads(raw)})
    assert texts[1] == json.dumps(json.loads(raw))


def test_an_exponent_is_the_number_that_it_says(pinned: Pinned) -> None:
    target = f"/api/workflow-data/{pinned.pin_id}/nightly"

    pinned.world.call("PUT", target, raw=b'{"data":{"n":1e2,"m":1E-7}}')

    assert pinned.read().data == {"n": 100, "m": 1e-7}


def test_the_replies_have_nothing_that_the_page_does_not_print(pinned: Pinned) -> None:
    pushed = pinned.push({"a": 1})

    assert list(pushed.json) == ["success", "message", "data"]
    assert list(pushed.data) == ["pid", "wid", "data"]
    assert list(pinned.read().json) == ["success", "data"]
    assert list(pinned.world.call("GET", f"/api/workflow-data/{pinned.pin_id}").json) == ["success", "data"]


@pytest.mark.parametrize(
    "workflow_id", ["system-metrics", "a.b", "a b", "a/b", "ü", "100%", "a%2Fb", "a+b", "..", "#x", "send", "?q=1"]
)
def test_a_workflow_id_of_any_characters_names_itself(pinned: Pinned, workflow_id: str) -> None:
    encoded = quote(workflow_id, safe="")

    assert pinned.push({"is": workflow_id}, encoded).data["wid"] == workflow_id

    assert pinned.read(encoded).data == {"is": workflow_id}
    everything = pinned.world.call("GET", f"/api/workflow-data/{pinned.pin_id}").data
    assert everything == {workflow_id: {"is": workflow_id}}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "Invalid JSON"),
        (b"{", "Invalid JSON"),
        (b'{"data":{"a":NaN}}', "Invalid JSON"),
        (b'{"data":{"a":1,"a":2}}', "Invalid JSON"),
        (b"\xff", "Invalid JSON"),
        (b"null", "Data is required"),
        (b"[]", "Data is required"),
        (b"{}", "Data is required"),
        (b'{"status":"completed"}', "Data is required"),
        (b'{"data":null}', "Data is required"),
        (b'{"data":{}}', "Data is required"),
        (b'{"data":[]}', "Data must be an object"),
        (b'{"data":"{}"}', "Data must be an object"),
        (b'{"data":7}', "Data must be an object"),
        (b'{"data":false}', "Data must be an object"),
    ],
)
def test_a_body_that_is_no_wrapped_object_is_refused(pinned: Pinned, raw: bytes, message: str) -> None:
    before = pinned.world.stored()

    answer = pinned.world.call("PUT", f"/api/workflow-data/{pinned.pin_id}/nightly", raw=raw)

    assert (answer.status, answer.json) == (400, {"error": "Bad Request", "message": message})
    assert pinned.world.stored() == before


def test_data_may_have_a_megabyte_and_no_more(pinned: Pinned) -> None:
    filler = "x" * (1024 * 1024 - len('{"x":""}'))

    assert pinned.push({"x": filler}).status == 200
    refused = pinned.push({"x": filler + "x"})

    assert (refused.status, refused.json["error"]) == (413, "Payload Too Large")
    assert pinned.read().data == {"x": filler}


def test_a_workflow_id_that_is_too_long_is_refused(pinned: Pinned) -> None:
    assert pinned.push({"a": 1}, "x" * 255).status == 200
    assert pinned.push({"a": 1}, "x" * 256).status == 400
    assert pinned.read("x" * 256).status == 404


def test_checks_come_in_one_order(pinned: Pinned) -> None:
    world = pinned.world
    bad = {"raw": b"["}
    own, unknown = f"/api/workflow-data/{pinned.pin_id}/w", "/api/workflow-data/p-unknown00000/w"

    statuses = [
        world.call("PUT", unknown, key=None, **bad).status,  # type: ignore[arg-type]
        world.call("PUT", unknown, key=world.other_key, **bad).status,  # type: ignore[arg-type]
        world.call("PUT", own, key=world.other_key, **bad).status,  # type: ignore[arg-type]
        world.call("PUT", own, **bad).status,  # type: ignore[arg-type]
    ]

    assert statuses == [401, 404, 403, 400]


def test_a_missing_pin_wins_over_missing_data(pinned: Pinned) -> None:
    missing = pinned.world.call("GET", "/api/workflow-data/p-unknown00000/nightly")

    assert (missing.status, missing.json["message"]) == (404, "Pin not found")
    assert pinned.read("nightly").json["message"] == "Workflow data not found"


class TestHistory:
    def test_it_shows_the_versions_newest_first(self, pinned: Pinned) -> None:
        for n in range(1, 5):
            pinned.push({"n": n})
            pinned.world.clock.advance(60)

        answer = pinned.read(query="?history=3")

        assert answer.data == {"n": 4}
        assert [(each["version"], each["data"]["n"]) for each in answer.json["history"]] == [(4, 4), (3, 3), (2, 2)]
        assert answer.json["history"][1]["updated_at"] == "2026-11-02T09:32:00.000Z"
        assert len(pinned.read(query="?history=9999").json["history"]) == 4

    @pytest.mark.parametrize("history", ["0", "-1", "x", "1.5", "", "1e3", "٣"])
    def test_what_is_no_number_of_versions_is_refused(self, pinned: Pinned, history: str) -> None:
        pinned.push({"n": 1})

        assert pinned.read(query=f"?history={quote(history)}").status == 400

    def test_it_stays_within_what_an_answer_may_be(self, pinned: Pinned) -> None:
        for n in range(8):
            pinned.push({"n": n, "x": "x" * 1_000_000})

        answer = pinned.read(query="?history=100")

        assert [each["data"]["n"] for each in answer.json["history"]] == [7, 6, 5, 4, 3]
        assert len(answer.text) < 6 * 1024 * 1024

    @pytest.mark.parametrize(("text", "kept"), [("x" * 1_048_500, 4), ('"' * 500_000, 2)], ids=["long", "quotes"])
    def test_what_is_quoted_again_on_its_way_counts_as_it_is_sent(self, pinned: Pinned, text: str, kept: int) -> None:
        for n in range(8):
            pinned.push({"n": n, "x": text})

        answer = pinned.read(query="?history=100")

        assert (answer.status, len(answer.json["history"])) == (200, kept)
        assert len(json.dumps(answer.text)) < 6 * 1024 * 1024


class TestIfMatch:
    def test_every_version_has_its_tag(self, pinned: Pinned) -> None:
        tags = [pinned.push({"n": n}).headers["ETag"] for n in range(2)]

        assert tags == ['"1"', '"2"']
        assert pinned.read().headers["ETag"] == '"2"'
        assert pinned.read(query="?history=1").headers["ETag"] == '"2"'

    @pytest.mark.parametrize(
        ("header", "status"),
        [('"2"', 200), ("*", 200), ('"1", "2"', 200), ('"1"', 412), ('W/"2"', 412), ("2", 412), ("", 412)],
    )
    def test_a_push_may_name_the_version_that_it_replaces(self, pinned: Pinned, header: str, status: int) -> None:
        for n in range(2):
            pinned.push({"n": n})

        answer = pinned.push({"n": 9}, headers={"if-match": header})

        assert answer.status == status
        assert pinned.read().data == {"n": 9 if status == 200 else 1}
        if status == 412:
            assert answer.json == {"error": "Precondition Failed", "message": "The stored version is another"}

    def test_any_version_is_any_version_also_while_others_push(
        self, pinned: Pinned, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pinned.push({"n": 1})
        service = pinned.world.services.pin_data
        push = service.push

        def pushed_in_between(pin: Pin, workflow_id: str, *rest: Any) -> Version:
            push(pin, workflow_id, {"n": 2})
            return push(pin, workflow_id, *rest)

        monkeypatch.setattr(service, "push", pushed_in_between)

        assert pinned.push({"n": 3}, headers={"if-match": "*"}).headers["ETag"] == '"3"'

    def test_nothing_matches_where_nothing_is(self, pinned: Pinned) -> None:
        assert pinned.push({"n": 1}, headers={"if-match": "*"}).status == 412
        assert pinned.push({"n": 1}, headers={"if-match": '"0"'}).status == 412


class TestOverview:
    def test_it_shows_scalars_and_the_course_of_numbers(self, pinned: Pinned) -> None:
        for n in (1, 2):
            pinned.push({"status": "running", "metrics": {"cpu": n * 10.5, "new": n} if n > 1 else {"cpu": 10.5}})
        pinned.world.clock.advance(1)
        pinned.push({"a": [1, 2], "b": {}}, "other")

        data = pinned.world.call("GET", f"/api/pins/{pinned.pin_id}/overview?series=true").data

        assert [workflow["id"] for workflow in data["workflows"]] == ["other", "nightly"]
        assert data["workflows"][0]["fields"] == [["a", "[2]"], ["b", "{}"]]
        nightly = data["workflows"][1]
        assert nightly["fields"] == [["status", "running"], ["metrics.cpu", 21.0], ["metrics.new", 2]]
        assert nightly["series"] == {"metrics.cpu": [[1, 10.5], [2, 21.0]]}
        assert (nightly["version"], nightly["fields_total"], data["total"]) == (2, 3, 2)

    def test_it_is_bounded_whatever_was_pushed(self, pinned: Pinned) -> None:
        wide: dict[str, Any] = {f"n{n}": n for n in range(5000)}
        deep: Any = 1
        for _ in range(40):
            deep = {"d": deep}
        pinned.push({**wide, "deep": deep, "x" * 5000: 1, "long": "y" * 100_000})

        (workflow,) = pinned.world.call("GET", f"/api/pins/{pinned.pin_id}/overview").data["workflows"]

        assert (len(workflow["fields"]), workflow["fields_total"], workflow["series"]) == (60, 5002, {})

    def test_numbers_are_read_of_as_much_as_an_answer_may_cost(self, pinned: Pinned) -> None:
        for n in range(60):
            for name in ("first", "second"):
                pinned.push({"n": n, "text": "x" * 60_000}, name)
        pinned.push({"n": 1}, "third")

        shown = pinned.world.call("GET", f"/api/pins/{pinned.pin_id}/overview?series=1").data["workflows"]

        with_numbers = [each["id"] for each in shown if each["series"]]
        assert len(shown) == 3
        assert len(with_numbers) == 1

    def test_whoever_has_it_is_not_sent_it_again(self, pinned: Pinned) -> None:
        world, path = pinned.world, f"/api/pins/{pinned.pin_id}/overview"
        pinned.push({"n": 1})
        had = world.call("GET", path)

        again = world.call("GET", path, headers={"If-None-Match": had.headers["ETag"]})
        pinned.push({"n": 2})
        changed = world.call("GET", path, headers={"If-None-Match": had.headers["ETag"]})

        assert (again.status, again.text) == (304, "")
        assert (had.headers["Cache-Control"], again.headers["ETag"]) == ("private, no-cache", had.headers["ETag"])
        assert (changed.status, changed.headers["ETag"] != had.headers["ETag"]) == (200, True)

    def test_strangers_share_what_one_of_them_was_shown_a_moment_ago(self, pinned: Pinned) -> None:
        world, path = pinned.world, f"/api/public/pins/{pinned.pin_id}/overview"
        world.call("POST", f"/api/pins/{pinned.pin_id}/publish")
        pinned.push({"n": 1})

        def seen(key: str | None = None) -> Any:
            return world.call("GET", path, key=key).data["workflows"][0]["fields"]

        assert seen() == [["n", 1]]
        pinned.push({"n": 2})
        assert (seen(), seen("")) == ([["n", 1]], [["n", 2]])
        world.clock.advance(2)
        assert seen() == [["n", 2]]
        assert world.call("GET", path, key=None).headers["Cache-Control"] == "public, max-age=2"

    def test_what_strangers_share_ends_with_its_being_public(self, pinned: Pinned) -> None:
        world, path = pinned.world, f"/api/public/pins/{pinned.pin_id}/overview"
        world.call("POST", f"/api/pins/{pinned.pin_id}/publish")
        assert world.call("GET", path, key=None).status == 200

        world.call("POST", f"/api/pins/{pinned.pin_id}/unpublish")

        assert world.call("GET", path, key=None).status == 404

    def test_everybody_sees_a_public_pin_and_its_owner_a_private_one(self, pinned: Pinned) -> None:
        world, path = pinned.world, f"/api/public/pins/{pinned.pin_id}/overview"

        assert world.call("GET", path, key=None).status == 404
        assert world.call("GET", path).status == 200
        world.call("POST", f"/api/pins/{pinned.pin_id}/publish")
        assert world.call("GET", path, key=None).data["pin"]["metadata"]["title"] == "Untitled Pin"
        assert world.call("GET", path, key="nonsense").status == 200


def test_an_answer_that_would_be_too_large_says_so(pinned: Pinned) -> None:
    for n in range(6):
        pinned.push({"x": "x" * 1_000_000}, f"w{n}")

    answer = pinned.world.call("GET", f"/api/workflow-data/{pinned.pin_id}")

    assert (answer.status, answer.json["error"]) == (413, "Payload Too Large")
    assert pinned.read("w3").status == 200


@pytest.mark.parametrize("path", ["/api/workflow-data", "/api/workflow-data/a/b/c", "/api/webhooks/a/b/c/d"])
def test_an_unknown_address_below_flat_ones_is_refused_flat(world: World, path: str) -> None:
    answer = world.call("GET", path)

    assert (answer.status, answer.json) == (404, {"error": "Not Found", "message": "Not found"})


@pytest.mark.parametrize("path", ["/api", "/api/nothing", "/api/pins/a/b/c/d", "/api/auth"])
def test_an_unknown_address_elsewhere_is_refused_nested(world: World, path: str) -> None:
    answer = world.call("GET", path)

    assert answer.status == 404
    assert answer.json["error"]["code"] == "RESOURCE_NOT_FOUND"


def test_the_other_api_below_the_same_prefix_keeps_its_own_words(world: World) -> None:
    assert world.call("GET", "/api/v1/nothing").json["error"]["code"] == "NOT_FOUND"
    assert world.call("GET", "/api/v1/workflows").status == 200


def test_send_is_no_pin(world: World) -> None:
    assert world.call("GET", "/api/pins/send").status == 405
    assert world.call("POST", "/api/pins", {}).status == 405

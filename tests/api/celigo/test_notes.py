"""Tags of errors, whom errors are assigned to, values that are kept with a resource, and calls by an identifier."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.flows.tags import LONGEST_TAG, MOST_TAGS, Tag, TagBook
from tests.api.celigo.conftest import Depot, codes
from tests.api.celigo.jobs_house import WORKSPACE, Jobs
from tests.api.world import World
from tests.flows.depot import Depot as DepotApi

UNKNOWN = "66b1f150c4d7e8910a2b3c00"


@pytest.fixture
def house(world: World) -> Jobs:
    return Jobs(world)


def step(house: Jobs, rest: str) -> str:
    return f"/flows/{house.flow}/{house.import_}/{rest}"


def tag(house: Jobs, name: str) -> str:
    id_: str = house.depot.made("tags", {"tag": name})["tagId"]
    return id_


class TestTags:
    def test_they_are_made_listed_renamed_and_deleted(self, house: Jobs) -> None:
        assert house.call("GET", "/tags").status == 204
        made = house.depot.made("tags", {"tag": " Urgent "})
        other = tag(house, "Later")

        assert (made["tag"], made["tagId"]) == ("Urgent", made["_id"])
        assert house.call("GET", f"/tags/{other}").json["tag"] == "Later"
        renamed = house.call("PUT", f"/tags/{made['_id']}", {"tag": "URGENT"})
        assert (renamed.status, renamed.json["tag"], renamed.json["createdAt"]) == (200, "URGENT", made["createdAt"])
        assert house.call("DELETE", f"/tags/{other}").status == 204
        assert house.call("GET", "/tags").json == [renamed.json]

    def test_names_that_differ_in_case_alone_are_the_same(self, house: Jobs) -> None:
        tag(house, "Größe")
        other = tag(house, "Later")

        for answer in (
            house.call("POST", "/tags", {"tag": "gRÖSSE"}),
            house.call("PUT", f"/tags/{other}", {"tag": "GRÖSSE"}),
        ):
            assert (answer.status, codes(answer)) == (422, [("tag", "invalid_field")])

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({}, "missing_required_field"),
            ({"tag": "  "}, "missing_required_field"),
            ({"tag": 5}, "invalid_field"),
            ({"tag": "x" * (LONGEST_TAG + 1)}, "invalid_field"),
        ],
    )
    def test_a_name_has_to_be_one(self, house: Jobs, body: Any, code: str) -> None:
        answer = house.call("POST", "/tags", body)

        assert (answer.status, codes(answer)) == (422, [("tag", code)])

    def test_there_are_no_more_than_a_thousand(self, house: Jobs) -> None:
        now = house.world.clock.now()
        tags = {f"{number:024x}": Tag(f"{number:024x}", f"tag {number}", now, now) for number in range(MOST_TAGS)}
        house.world.flow_half.tag_store.save(WORKSPACE, TagBook(tags, 1))

        assert codes(house.call("POST", "/tags", {"tag": "one more"})) == [("tag", "invalid_field")]

    def test_what_is_not_there_is_not_found(self, house: Jobs) -> None:
        for method, body in (("GET", None), ("PUT", {"tag": "x"}), ("DELETE", None)):
            assert house.call(method, f"/tags/{UNKNOWN}", body).status == 404


class TestNotes:
    def test_errors_keep_their_tags_when_they_are_resolved(self, house: Jobs) -> None:
        job = house.whole()
        error, other = house.names(job)["error"], house.names(job)["other_error"]
        urgent, later = tag(house, "Urgent"), tag(house, "Later")

        answer = house.call("PUT", step(house, "tags"), {"errorIds": [error], "tagIds": [urgent, later, urgent]})
        shown = {each["errorId"]: each.get("tags") for each in house.call("GET", step(house, "errors")).json["errors"]}
        house.call("PUT", step(house, "resolved"), {"errors": [error]})

        assert (answer.status, answer.json) == (200, {})
        assert shown == {error: [urgent, later], other: None}
        assert house.call("GET", step(house, "resolved")).json["resolved"][0]["tags"] == [urgent, later]

    def test_tags_take_the_place_of_those_before_and_go_with_the_tag(self, house: Jobs) -> None:
        error, first, second = house.names(house.whole())["error"], tag(house, "One"), tag(house, "Two")

        def tags(*ids: str) -> Any:
            if ids or ids == ():
                house.call("PUT", step(house, "tags"), {"errorIds": [error], "tagIds": list(ids)})
            return house.call("GET", step(house, "errors")).json["errors"][0].get("tags")

        assert tags(first, second) == [first, second]
        assert tags(second) == [second]
        house.call("DELETE", f"/tags/{second}")
        assert house.call("GET", step(house, "errors")).json["errors"][0].get("tags") is None
        assert tags() is None

    def test_errors_are_assigned_and_taken_back(self, house: Jobs) -> None:
        error = house.names(house.whole())["error"]
        for email, shown in ((" mara@depot.example ", "mara@depot.example"), (None, None)):
            assert house.call("PUT", step(house, "errors/assign"), {"errorIds": [error], "email": email}).status == 200
            assert house.call("GET", step(house, "errors")).json["errors"][0].get("assignedTo") == shown

    @pytest.mark.parametrize(
        ("rest", "body", "expected"),
        [
            ("tags", {}, [("errorIds", "missing_required_field")]),
            ("tags", {"errorIds": []}, [("tagIds", "missing_required_field")]),
            ("tags", {"errorIds": [], "tagIds": [5]}, [("tagIds", "invalid_field")]),
            ("tags", {"errorIds": [], "tagIds": list("abcd")}, [("tagIds", "invalid_field")]),
            ("tags", {"errorIds": [], "tagIds": [UNKNOWN]}, [("tagIds[0]", "invalid_ref")]),
            ("errors/assign", {"errorIds": []}, [("email", "missing_required_field")]),
            ("errors/assign", {"errorIds": [], "email": "mara"}, [("email", "invalid_field")]),
            ("errors/assign", {"errorIds": [], "email": 5}, [("email", "invalid_field")]),
            ("errors/assign", {"errorIds": "x", "email": "a@b.c"}, [("errorIds", "invalid_field")]),
        ],
    )
    def test_notes_that_are_none_are_refused(self, house: Jobs, rest: str, body: Any, expected: Any) -> None:
        answer = house.call("PUT", step(house, rest), body)

        assert (answer.status, codes(answer)) == (422, expected)

    def test_a_step_that_is_not_the_flows_is_not_found(self, house: Jobs) -> None:
        body: dict[str, Any] = {"errorIds": [], "tagIds": [], "email": None}
        for rest in ("tags", "errors/assign"):
            assert house.call("PUT", f"/flows/{house.flow}/{UNKNOWN}/{rest}", body).status == 404

    def test_errors_that_are_not_there_are_passed_over(self, house: Jobs) -> None:
        body = {"errorIds": ["0" * 25, "x"], "email": "a@b.c"}

        assert house.call("PUT", step(house, "errors/assign"), body).status == 200


class TestState:
    @pytest.fixture
    def owners(self, depot: Depot) -> list[str]:
        flow = depot.flow()
        ids = {
            "flows": flow["_id"],
            "exports": flow["pageGenerators"][0]["_exportId"],
            "imports": flow["pageProcessors"][0]["_importId"],
            "connections": depot.connection_id,
            "integrations": depot.made("integrations", {"name": "Depot"})["_id"],
        }
        return [f"/{kind}/{id_}" for kind, id_ in ids.items()]

    def test_each_has_values_of_its_own(self, depot: Depot, owners: list[str]) -> None:
        for number, start in enumerate(["", *owners]):
            first = depot.call("PUT", f"{start}/state/counter", {"n": number})
            again = depot.call("PUT", f"{start}/state/counter", {"n": number + 10})
            assert (first.text, again.text) == ("Created", "OK")

        assert [depot.call("GET", f"{start}/state/counter").json["n"] for start in ["", *owners]] == list(range(10, 16))
        for start in owners:
            gone = depot.call("DELETE", f"{start}/state/counter")
            assert (gone.status, gone.json) == (200, {})
            assert depot.call("GET", f"{start}/state").json == {"keys": []}
        assert depot.call("GET", "/state").json == {"keys": ["counter"]}

    def test_one_is_emptied_without_the_others(self, depot: Depot, owners: list[str]) -> None:
        for start in owners[:2]:
            for key in ("a", "b"):
                depot.call("PUT", f"{start}/state/{key}", None, raw=b"null")

        assert depot.call("DELETE", f"{owners[0]}/state").status == 200
        assert depot.call("GET", f"{owners[0]}/state").json == {"keys": []}
        assert depot.call("GET", f"{owners[1]}/state").json == {"keys": ["a", "b"]}

    @pytest.mark.parametrize("kind", ["connections", "exports", "flows", "imports", "integrations"])
    def test_what_is_not_there_has_none(self, depot: Depot, kind: str) -> None:
        for method, rest in (("GET", ""), ("DELETE", ""), ("GET", "/a"), ("PUT", "/a"), ("DELETE", "/a")):
            answer = depot.call(method, f"/{kind}/{UNKNOWN}/state{rest}", {} if method == "PUT" else None)
            assert answer.status == 404


class TestIdentifiers:
    def test_an_export_and_an_import_are_invoked_by_theirs(self, depot: Depot) -> None:
        api = DepotApi(parcels=1)
        depot.world.sender.respond = api.send
        through = depot.connection(http={"baseURI": "https://depot.example", "mediaType": "json"})["_id"]
        export, import_ = depot.export(_connectionId=through), depot.import_(_connectionId=through)

        for _ in range(2):
            exported = depot.call("POST", f"/{export['apiIdentifier']}")
            assert [each["number"] for each in exported.json["data"]] == ["P-1"]
        imported = depot.call("POST", f"/{import_['apiIdentifier']}", [{"ref": "P-1"}])
        assert (imported.status, imported.json[0]["statusCode"]) == (200, 201)

    def test_one_that_is_gone_or_nobodys_is_not_found_in_this_doors_words(self, depot: Depot) -> None:
        export = depot.export()
        depot.call("POST", f"/{export['apiIdentifier']}")
        depot.call("DELETE", f"/exports/{export['_id']}")

        for identifier in (export["apiIdentifier"], "e1234567", "i1234567890"):
            answer = depot.call("POST", f"/{identifier}")
            assert (answer.status, codes(answer)) == (404, [(None, "resource_not_found")])

    def test_another_workspaces_is_not_found(self, depot: Depot) -> None:
        identifier = depot.export()["apiIdentifier"]

        assert depot.call("POST", f"/{identifier}", key=depot.world.other_key).status == 404

    @pytest.mark.parametrize("name", ["e53ec31", "x53ec313", "E53EC313", "e53ec31399999", "nothing", "e53ec313.x"])
    def test_any_other_name_is_nobodys_address(self, depot: Depot, name: str) -> None:
        answer = depot.call("POST", f"/{name}", {})

        assert (answer.status, answer.json["error"]["code"]) == (404, "NOT_FOUND")

    def test_it_takes_a_token_as_all_others_do(self, depot: Depot) -> None:
        assert depot.call("POST", "/e53ec313", key=None).status == 401

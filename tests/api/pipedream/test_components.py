"""Components: what is saved counts, what stands at a URL is fetched only where it is needed, and how refusals read."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.http import HttpRequest, HttpResponse
from tests.api.pipedream.conftest import COUNTER, Owned
from tests.api.world import World

PAGE = "https://github.com/acme/feeds/blob/main/sources/status/status.mjs"
RAW = "https://raw.githubusercontent.com/acme/feeds/main"
FILES = {
    f"{RAW}/sources/status/status.mjs": 'import { title } from "../common.mjs";\n'
    'export default { key: "acme-status", name: title("Status"), version: "0.1.0", props: {}, async run() {} };',
    f"{RAW}/sources/common.mjs": "export const title = (name) => `Acme ${name}`;",
}


def serve(world: World, files: dict[str, str]) -> None:
    def respond(request: HttpRequest) -> HttpResponse:
        found = files.get(request.url)
        return HttpResponse(404 if found is None else 200, {}, (found or "").encode(), request.url, 0.01)

    world.sender.respond = respond


def test_a_web_page_that_shows_code_means_the_code_and_what_it_imports(world: World) -> None:
    serve(world, FILES)

    made = world.call("POST", "/v1/components", {"component_url": PAGE})

    assert made.status == 200, made.text
    assert (made.data["name"], made.data["key"]) == ("Acme Status", "acme-status")
    assert made.data["code"] == FILES[f"{RAW}/sources/status/status.mjs"]
    assert made.data["component_url"] == PAGE
    assert [request.url for request in world.sender.requests] == list(FILES)


@pytest.mark.parametrize("path", ["/v1/components", "/v1/sources"])
def test_an_address_beside_the_code_is_where_it_stands_and_is_not_fetched(world: World, path: str) -> None:
    made = world.call("POST", path, {"component_code": COUNTER, "component_url": PAGE})

    assert made.status == 200
    assert world.sender.requests == []
    component = made.data.get("component_id") or made.data["id"]
    assert world.call("GET", f"/v1/components/{component}").data["component_url"] == PAGE


def test_of_all_that_name_a_component_the_id_counts_most_and_the_key_least(world: World, owned: Owned) -> None:
    both: dict[str, Any] = {"component_code": "not even code", "component_url": PAGE, "key": "no-such"}

    by_id = world.call("POST", "/v1/sources", {"component_id": owned.component, **both})
    by_code = world.call("POST", "/v1/sources", {**both, "component_code": COUNTER})
    by_key = world.call("POST", "/v1/sources", {"key": "http-new-requests"})

    assert by_id.data["component_id"] == owned.component
    assert by_code.status == 200
    assert by_key.data["name"] == "new-requests"
    assert world.sender.requests == []


def test_a_new_component_of_the_same_key_is_another_and_the_one_that_is_found(world: World, owned: Owned) -> None:
    world.clock.advance(1)
    newer = world.call("POST", "/v1/components", {"component_code": COUNTER.replace("0.2.0", "0.3.0")}).data

    assert newer["id"] != owned.component
    assert world.call("GET", "/v1/components/ping-counter").data["version"] == "0.3.0"
    assert world.call("GET", f"/v1/components/{owned.component}").data["version"] == "0.2.0"


def test_types_need_not_be_said_to_be_there(world: World) -> None:
    code = 'export default { name: "Typed", version: "1", props: {}, async run(event: { n: number }) {} } as const;'

    assert world.call("POST", "/v1/components", {"component_code": code}).data["name"] == "Typed"


def test_what_the_runtime_lacks_is_named_at_once(world: World) -> None:
    code = 'import sdk from "vendor-sdk"; export default { name: "X", version: "1", async run() { sdk.call(); } };'

    assert world.call("POST", "/v1/components", {"component_code": code}).data["missing_modules"] == ["vendor-sdk"]


def test_the_registry_has_components_whose_code_needs_no_account(world: World) -> None:
    found = [world.call("GET", f"/v1/components/search?query={word}").json["sources"] for word in ("http", "rss")]

    assert all(found)
    for keys in found:
        assert world.call("GET", f"/v1/components/registry/{keys[0]}").data["key"] == keys[0]


def test_a_search_may_ask_for_better_matches_only(world: World) -> None:
    loose = world.call("GET", "/v1/components/search?query=http%20elephant&debug=true").json
    strict = world.call("GET", "/v1/components/search?query=http%20elephant&similarity_threshold=0.9").json

    assert loose["sources"]
    assert strict == {"sources": [], "actions": []}


def test_pages_of_components_do_not_overlap(world: World) -> None:
    for number in range(5):
        world.clock.advance(1)
        world.call("POST", "/v1/components", {"component_code": COUNTER.replace("0.2.0", f"0.2.{number}")})

    first = world.call("GET", "/v1/users/me/components?limit=3&include=version").json
    cursor = first["page_info"]["end_cursor"]
    second = world.call("GET", f"/v1/users/me/components?limit=3&include=version&after={cursor}").json

    assert [row["version"] for row in first["data"] + second["data"]] == [f"0.2.{n}" for n in (4, 3, 2, 1, 0)]
    assert first["page_info"]["total_count"] == second["page_info"]["total_count"] == 5


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("export default 5", "component could not be loaded"),
        ("export default {}", "component could not be loaded: it has no name"),
        ("export default { name: 'x' }", "component could not be loaded: it has no version"),
        ("throw new TypeError('at once')", "component could not be loaded: TypeError: at once"),
        ("export default { name: 'x', version: '1', props: { p: 'spaceship' } }", "unknown type 'spaceship'"),
        ("export default { name: 'x', version: '1', type: 'rocket' }", "its type is to be source or action"),
        ("import x from './not-here.mjs'; export default { name: 'x', version: '1' }", "./not-here.mjs"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/components", "/v1/sources"])
def test_code_that_is_no_component_is_refused_with_the_reason(world: World, path: str, code: str, error: str) -> None:
    before = world.stored()

    answer = world.call("POST", path, {"component_code": code})

    assert answer.status == 400, answer.text
    assert error in answer.json["error"]
    assert world.stored() == before


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"component_code": 5}, 400, "component_code must be a string"),
        ({"component_url": ["x"]}, 400, "component_url must be a string"),
        ({"component_url": "ftp://files.example/a.mjs"}, 400, "component_url must be an http(s) URL"),
        ({"component_url": "https:///a.mjs"}, 400, "component_url must be an http(s) URL"),
        ({"component_code": "x" * 1_100_000}, 413, "payload too large"),
    ],
)
def test_parameters_of_no_use_are_refused(world: World, body: dict[str, Any], status: int, error: str) -> None:
    answer = world.call("POST", "/v1/components", body)

    assert (answer.status, answer.json) == (status, {"error": error})


def test_an_address_without_anything_is_the_callers_mistake(world: World) -> None:
    serve(world, {})

    answer = world.call("POST", "/v1/components", {"component_url": PAGE})

    assert (answer.status, answer.json) == (400, {"error": "component_url: there is nothing at this address"})


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("/v1/components/search", "query is required"),
        ("/v1/components/search?query=", "query is required"),
        ("/v1/components/search?query=x&similarity_threshold=much", "similarity_threshold must be a number"),
        ("/v1/users/me/components?limit=ten", "limit must be an integer"),
        ("/v1/users/me/components?after=!", "after is not a cursor"),
    ],
)
def test_queries_of_no_use_are_refused(world: World, target: str, error: str) -> None:
    answer = world.call("GET", target)

    assert (answer.status, answer.json) == (400, {"error": error})

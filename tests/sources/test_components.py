"""Saving, finding and fetching components, and the registry."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.bootstrap import REGISTRY
from chalicelib.domain.errors import ComponentNotFoundError, InvalidError, OutboundError
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.json import Json
from chalicelib.services.sources.component_fetch import raw_url
from chalicelib.services.sources.components import Choice
from chalicelib.services.sources.sources import Draft
from chalicelib.store.sources.registry import DirectoryRegistry
from tests.flows.house import OWNER
from tests.flows.source_house import BASE_URL, SourceHouse
from tests.sources.api import FEED

STRANGER = replace(OWNER, workspace_id="ws_2", user_id="user_2")
PING = """module.exports = { key: "ping", name: "Ping", version: "0.2.0",
  props: { timer: { type: "$.interface.timer", default: { intervalSeconds: 300 } }, db: "$.service.db",
    label: { type: "string", label: "Label", optional: true } },
  run() { this.$emit(1); } };"""


@pytest.fixture
def house(house: SourceHouse) -> SourceHouse:
    house.components._registry = DirectoryRegistry(REGISTRY)
    return house


def serve(house: SourceHouse, files: dict[str, str]) -> None:
    """Answers requests for these addresses, and 404 for all others."""

    def answer(request: HttpRequest) -> HttpResponse:
        found = files.get(request.url)
        return HttpResponse(200 if found is not None else 404, {}, (found or "").encode(), request.url, 0.01)

    house.answers(answer)


def test_a_component_is_described_once_and_found_by_id_and_key(house: SourceHouse) -> None:
    first = house.components.create(OWNER, code=PING)
    house.clock.advance(1)
    second = house.components.create(OWNER, code=PING)

    assert [dict(prop) for prop in second.configurable_props] == [
        {"name": "timer", "type": "$.interface.timer", "default": {"intervalSeconds": 300}},
        {"name": "db", "type": "$.service.db"},
        {"name": "label", "type": "string", "label": "Label", "optional": True},
    ]
    assert (len(second.code_hash), second.version, second.component_url) == (64, "0.2.0", None)
    assert house.components.get(OWNER, "ping") == house.components.get(OWNER, second.id) == second
    assert house.components.get(OWNER, first.id) == first
    assert house.components.code(second) == PING
    assert [each.id for each in house.components.list(OWNER)] == [second.id, first.id]
    for key in ("ping", second.id, "sc_nobody", "none"):
        with pytest.raises(ComponentNotFoundError):
            house.components.get(STRANGER, key)


def test_a_component_comes_from_its_page_with_all_that_it_imports(house: SourceHouse) -> None:
    root = "https://raw.githubusercontent.com/acme/feeds/main/components/status"
    serve(
        house,
        {
            f"{root}/sources/new/new.ts": "import app from '../../status.app';\nimport { name } from './names.mjs';\n"
            "// import gone from './gone.mjs';\nexport default { name, version: '1', props: { app } };",
            f"{root}/status.app.ts": "export default { type: 'app' as const, app: 'status' };",
            f"{root}/sources/new/names.mjs": "import data from './data.json';\nexport const name = data.name;",
            f"{root}/sources/new/data.json": '{"name": "New"}',
        },
    )
    url = "https://github.com/acme/feeds/blob/main/components/status/sources/new/new.ts"

    component = house.components.create(OWNER, url=url)

    assert (component.name, component.component_url) == ("New", url)
    assert component.configurable_props == ({"name": "app", "type": "app", "app": "status"},)
    assert house.components.code(component).startswith("import app")


def test_code_wins_over_the_address_which_then_only_says_where_imports_are(house: SourceHouse) -> None:
    serve(house, {"https://a.example/x/b.mjs": "export const name = 'From B';"})
    code = "import { name } from './b.mjs'; export default { name, version: '1' };"

    component = house.components.create(OWNER, code=code, url="https://a.example/x/a.mjs")

    assert component.name == "From B"
    assert [request.url for request in house.sender.requests] == ["https://a.example/x/b.mjs"]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://a.example/x", "http"),
        ("no url", "http"),
        ("https://a.example/missing.js", "nothing at this address"),
        ("https://a.example/" + "x" * 2000, "longer"),
    ],
)
def test_an_address_of_nothing_is_refused(house: SourceHouse, url: str, message: str) -> None:
    serve(house, {})

    with pytest.raises(InvalidError, match=message):
        house.components.create(OWNER, url=url)


def test_what_cannot_be_fetched_is_the_callers_fault(house: SourceHouse) -> None:
    def refuse(request: HttpRequest) -> HttpResponse:
        raise OutboundError

    house.answers(refuse)
    with pytest.raises(InvalidError, match="could not be fetched"):
        house.components.create(OWNER, url="http://169.254.169.254/x.js")


def test_endless_imports_end(house: SourceHouse) -> None:
    def answer(request: HttpRequest) -> HttpResponse:
        number = int(request.url.rsplit("/", 1)[1].removesuffix(".mjs"))
        return HttpResponse(200, {}, f"export * from './{number + 1}.mjs';".encode(), request.url, 0.01)

    house.answers(answer)
    with pytest.raises(InvalidError, match="more than 50 files"):
        house.components.create(OWNER, url="https://a.example/0.mjs")


def test_pages_of_code_hosts_are_read_raw() -> None:
    assert raw_url("https://github.com/a/b/blob/v1/c/d.mjs") == "https://raw.githubusercontent.com/a/b/v1/c/d.mjs"
    assert raw_url("https://x.example/github.com/blob/d.mjs#L3") == "https://x.example/github.com/blob/d.mjs"


@pytest.mark.parametrize("key", sorted(listed.key for listed in DirectoryRegistry(REGISTRY).listed()))
def test_every_component_of_the_registry_is_what_its_file_says(house: SourceHouse, key: str) -> None:
    component = house.components.of_registry(OWNER, key)

    listed = next(each for each in DirectoryRegistry(REGISTRY).listed() if each.key == key)
    assert (component.key, component.name, component.description) == (key, listed.name, listed.description)
    assert component.missing_modules == ()
    assert house.components.get(OWNER, component.id) == component


def test_the_registry_is_searched_by_words(house: SourceHouse) -> None:
    found = house.components.search(OWNER, "new http requests", app="http")

    assert found.sources[:1] == ("http-new-requests",)
    assert found.actions == ("http-send-request",)
    assert house.components.search(OWNER, "feed").sources == ("rss-new-item-in-feed",)
    assert house.components.search(OWNER, "feed zebra", threshold=0.9).sources == ()
    assert house.components.search(OWNER, "").sources == ()


def test_what_is_deployed_from_the_registry_becomes_the_workspaces_own(house: SourceHouse) -> None:
    house.answers(lambda request: HttpResponse(200, {"content-type": "text/xml"}, FEED.encode(), request.url, 0.01))
    choice = Choice(key="rss-new-item-in-feed")
    props: dict[str, Json] = {"url": "https://n.example/feed", "timer": {"intervalSeconds": 60}}

    source = house.sources.create(OWNER, Draft(choice, BASE_URL, props=props))
    house.work()
    house.minutes(1)

    assert [event.emission.summary for event in house.emitted(source)] == ["A", "B"]
    assert (source.name, source.name_slug) == ("new-item-in-feed", "new-item-in-feed")
    house.components._registry = DirectoryRegistry(Path("/nowhere"))
    assert house.components.get(OWNER, "rss-new-item-in-feed").id == source.component_id
    again = house.sources.create(OWNER, Draft(Choice(component_id=source.component_id), BASE_URL, props=props))
    assert again.name_slug == "new-item-in-feed-1"


def test_the_schedules_of_the_registry_emit_their_timers_event(house: SourceHouse) -> None:
    props: dict[str, Json] = {"timer": {"intervalSeconds": 60}}
    source = house.sources.create(OWNER, Draft(Choice(key="schedule-custom-interval"), BASE_URL, props=props))

    house.work()

    (event,) = house.payloads(source)
    assert isinstance(event, dict)
    assert event["interval_seconds"] == 60


def test_http_requests_of_the_registry_are_answered_and_emitted(house: SourceHouse) -> None:
    choice = Choice(key="http-new-requests")
    source = house.sources.create(OWNER, Draft(choice, BASE_URL, props={"emitBodyOnly": True, "responseBody": "hi"}))

    answer = house.request(source, "httpInterface", headers={"content-type": "application/json"}, body=b"[1]")

    assert (answer.status, answer.body, house.payloads(source)) == (200, b"hi", [[1]])

"""Lists: no body where there is nothing, members that were asked for, links to the other pages."""

from __future__ import annotations

import re

import pytest

from tests.api.celigo.conftest import Depot
from tests.api.gateway import Answer
from tests.api.world import World

BOTH = "Please provide either include or exclude param in the request query and not both."


def links(answer: Answer) -> dict[str, str]:
    """Addresses by their relation."""
    found = re.findall(r'<([^>]+)>; rel="(\w+)"', answer.headers.get("Link", ""))
    return {relation: url for url, relation in found}


@pytest.mark.parametrize("kind", ["flows", "exports", "imports", "connections", "integrations", "audit"])
def test_a_list_of_nothing_has_no_body_at_all(kind: str, world: World) -> None:
    answer = world.call("GET", f"/v1/{kind}")

    assert (answer.status, answer.text) == (204, "")
    assert "Content-Type" not in answer.headers


@pytest.mark.parametrize("kind", ["flows", "integrations"])
def test_a_slash_at_the_end_changes_nothing(kind: str, depot: Depot) -> None:
    depot.made("integrations", {"name": "Depot"})
    depot.flow()

    assert depot.call("GET", f"/{kind}/").json == depot.call("GET", f"/{kind}").json


@pytest.mark.parametrize("kind", ["flows", "exports", "connections"])
def test_links_lead_through_a_list_and_back(kind: str, depot: Depot) -> None:
    for _ in range(3):
        depot.flow()
    depot.connection()
    depot.connection()
    whole = [each["_id"] for each in depot.call("GET", f"/{kind}").json]
    assert whole == sorted(whole)
    assert "Link" not in depot.call("GET", f"/{kind}").headers

    first = depot.call("GET", f"/{kind}?limit=2&include=name")
    assert set(links(first)) == {"next"}
    url = links(first)["next"]
    assert url.startswith(f"https://flow.example.org/v1/{kind}?")
    assert "include=name" in url
    second = depot.world.call("GET", url.removeprefix("https://flow.example.org"))
    assert set(links(second)) == {"prev"}
    back = depot.world.call("GET", links(second)["prev"].removeprefix("https://flow.example.org"))

    assert [each["_id"] for each in (*first.json, *second.json)] == whole
    assert back.json == first.json
    assert set(links(back)) == {"next"}


def test_a_link_carries_the_stage_at_which_the_caller_came(depot: Depot) -> None:
    depot.flow()
    depot.flow()

    for path in ("/v1/flows?limit=1", "/v1/flows/?limit=1"):
        answer = depot.world.call("GET", path, stage="/dev")
        assert links(answer)["next"].startswith("https://flow.example.org/dev/v1/flows?after=")


def test_old_links_by_number_lead_on_too(depot: Depot) -> None:
    flows = [depot.flow()["_id"] for _ in range(3)]

    answer = depot.call("GET", "/flows?skip=1&limit=1")

    assert [each["_id"] for each in answer.json] == [flows[1]]
    assert set(links(answer)) == {"next", "prev"}


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "limit=-1", "after=x", "before=598e0c", "skip=-1"]
)
def test_a_page_that_cannot_be_is_refused(query: str, depot: Depot) -> None:
    for kind in ("flows", "exports"):
        answer = depot.call("GET", f"/{kind}?{query}")
        assert answer.status == 400
        assert answer.json["errors"][0]["code"] == "invalid_query_params"


def test_flows_are_found_by_integration_and_status(depot: Depot) -> None:
    integration = depot.made("integrations", {"name": "Depot"})["_id"]
    inside, outside = depot.flow(_integrationId=integration), depot.flow(disabled=True)

    assert [each["_id"] for each in depot.call("GET", f"/flows?_integrationId={integration}").json] == [inside["_id"]]
    assert [each["_id"] for each in depot.call("GET", "/flows?disabled=true").json] == [outside["_id"]]
    assert depot.call("GET", f"/flows?_integrationId={integration}&disabled=true").status == 204
    assert depot.call("GET", f"/flows?_integrationId={'0' * 24}").status == 204
    assert depot.call("GET", "/flows?disabled=perhaps").status == 400


def test_resources_are_found_by_connection(depot: Depot) -> None:
    other = depot.connection()["_id"]
    export = depot.export(_connectionId=other)
    depot.export()

    assert depot.call("GET", f"/exports?_connectionId={other}").json == [export]
    assert depot.call("GET", f"/imports?_connectionId={other}").status == 204


def test_only_the_included_members_are_shown_beside_those_that_always_are(depot: Depot) -> None:
    export = depot.export()
    flow = depot.flow(pageGenerators=[{"_exportId": export["_id"]}], schedule="? 0 2 ? * *")
    other = depot.flow(pageGenerators=[{"_exportId": export["_id"]}])

    assert depot.call("GET", "/flows?include=disabled,schedule").json == [
        {"_id": flow["_id"], "name": flow["name"], "disabled": False, "schedule": "? 0 2 ? * *"},
        {"_id": other["_id"], "name": other["name"], "disabled": False},
    ]
    assert depot.call("GET", "/exports?include=http.relativeURI,http.paging.method,nothing").json == [
        {
            "_id": export["_id"],
            "name": export["name"],
            "adaptorType": "HTTPExport",
            "http": {"relativeURI": export["http"]["relativeURI"], "paging": {"method": "page"}},
        }
    ]
    assert depot.call("GET", "/flows?include=pageGenerators._exportId").json[0]["pageGenerators"] == [
        {"_exportId": export["_id"]}
    ]


def test_the_excluded_members_are_not_shown(depot: Depot) -> None:
    export = depot.export()

    shown = depot.call("GET", "/exports?exclude=_id,name,http.paging,createdAt").json[0]

    assert shown["_id"] == export["_id"]
    assert not {"name", "createdAt"} & set(shown)
    assert set(shown["http"]) == {"method", "relativeURI", "response"}


def test_including_and_excluding_at_once_is_refused_in_the_words_that_clients_know(depot: Depot) -> None:
    depot.flow()

    answer = depot.call("GET", "/flows?include=name&exclude=schedule")

    assert answer.status == 400
    assert answer.json == {"errors": [{"code": "invalid_query_params", "message": BOTH}]}
    assert depot.call("GET", "/flows?include=name&exclude=").status == 200


@pytest.mark.parametrize("text", ["na%20me", "name;schedule", "a%2Fb", "%24where", "na-me"])
@pytest.mark.parametrize("name", ["include", "exclude"])
def test_names_have_the_characters_that_names_have(name: str, text: str, depot: Depot) -> None:
    answer = depot.call("GET", f"/flows?{name}={text}")

    assert answer.status == 400
    assert answer.json["errors"][0]["code"] == "invalid_query_params"


def test_one_resource_is_shown_whole_whatever_is_asked_for(depot: Depot) -> None:
    flow = depot.flow()

    assert depot.call("GET", f"/flows/{flow['_id']}?include=name&exclude=name").json == flow


def test_a_page_is_cut_before_it_grows_too_large(depot: Depot) -> None:
    for _ in range(6):
        depot.made("integrations", {"name": "Large", "notes": "n" * 900_000})

    first = depot.call("GET", "/integrations")
    rest = depot.world.call("GET", links(first)["next"].removeprefix("https://flow.example.org"))

    assert len(first.json) == 4
    assert len(rest.json) == 2

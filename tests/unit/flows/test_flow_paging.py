"""All the ways in which APIs tell where their next page is."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.flows.http import Answer, records_of
from chalicelib.domain.flows.paging import (
    body,
    ends_quietly,
    first,
    following,
    is_method,
    relative_uri,
    resource_path,
    resumed,
    template_members,
)

RECORDS: list[Any] = [{"id": 1}, {"id": 2}]


def answer(found: Any = None, **headers: str) -> Answer:
    return Answer(200, {name.replace("_", "-"): value for name, value in headers.items()}, found, "GET", "https://a/x")


def unrendered(text: str, members: Any) -> str:
    raise AssertionError("nothing is to be rendered")


def http(**paging: Any) -> dict[str, Any]:
    return {"relativeURI": "/first", "paging": paging}


def test_an_export_without_paging_asks_once() -> None:
    assert following({"relativeURI": "/x"}, first({}), answer(), RECORDS, unrendered) is None


@pytest.mark.parametrize(
    ("method", "kept"),
    [
        (None, set()),
        ("page", {"page", "records"}),
        ("skip", {"skip", "records"}),
        ("token", {"token"}),
        ("nextpageurl", {"url"}),
        ("linkheader", {"url"}),
        ("relativeuri", {"uri"}),
        ("body", {"body"}),
    ],
)
def test_a_caller_s_state_steers_only_what_the_method_steers(method: str | None, kept: set[str]) -> None:
    """Or a key that may only invoke could send what it likes, where it likes, with the connection's credentials."""
    given: dict[str, Any] = {"calls": 1, "page": 2, "skip": 50, "records": 50, "token": "t"}
    given |= {"url": "https://a/admin", "uri": "/admin", "body": "{}", "more": 1}

    state = resumed(http(method=method) if method else {"relativeURI": "/first"}, given)

    assert state == {"calls": 1, **{name: given[name] for name in kept}}


def test_an_empty_page_ends_every_method() -> None:
    for method in ("page", "skip", "token", "url", "linkheader", "relativeuri", "body"):
        assert following(http(method=method), first(http(method=method)), answer(), [], unrendered) is None


def test_pages_count_from_0_or_from_where_they_are_told() -> None:
    assert template_members(first(http(method="page"))) == {"page": 0}
    assert template_members(first(http(method="page", page=1))) == {"page": 1}


def test_pages_go_up_by_one_until_the_last_that_the_answer_names() -> None:
    spec = http(method="page", page=1, maxPagePath="meta.pages")
    found = answer({"meta": {"pages": 2}})

    second = following(spec, first(spec), found, RECORDS, unrendered)

    assert second is not None
    assert template_members(second) == {"page": 2}
    assert following(spec, second, found, RECORDS, unrendered) is None


def test_skip_goes_up_by_what_came_until_the_count_is_reached() -> None:
    spec = http(method="skip", maxCountPath="total")

    second = following(spec, first(spec), answer({"total": 3}), RECORDS, unrendered)

    assert second is not None
    assert template_members(second) == {"skip": 2}
    assert following(spec, second, answer({"total": 3}), RECORDS[:1], unrendered) is None


def test_a_token_comes_from_the_body_and_later_from_another_place() -> None:
    spec = http(method="token", path="next", pathAfterFirstRequest="cursor.next")

    second = following(spec, first(spec), answer({"next": "t1"}), RECORDS, unrendered)
    assert second is not None
    third = following(spec, second, answer({"cursor": {"next": "t2"}}), RECORDS, unrendered)

    assert template_members(second) == {"token": "t1"}
    assert third is not None
    assert template_members(third) == {"token": "t2"}
    assert following(spec, third, answer({"next": "t9"}), RECORDS, unrendered) is None


def test_a_token_may_stand_in_a_header() -> None:
    spec = http(method="token", path="X-Next", pathLocation="header")

    second = following(spec, first(spec), answer(x_next="abc"), RECORDS, unrendered)

    assert second is not None
    assert second["token"] == "abc"


@pytest.mark.parametrize("method", ["url", "nextpageurl"])
def test_a_body_may_name_the_address_of_the_next_page(method: str) -> None:
    spec = http(method=method, path="paging.next")

    second = following(spec, first(spec), answer({"paging": {"next": "https://a/x?p=2"}}), RECORDS, unrendered)

    assert second is not None
    assert second["url"] == "https://a/x?p=2"
    assert following(spec, second, answer({"paging": {}}), RECORDS, unrendered) is None


def test_an_address_that_leads_to_itself_ends_the_pages() -> None:
    spec = http(method="url", path="next")
    second = following(spec, first(spec), answer({"next": "https://a/2"}), RECORDS, unrendered)
    assert second is not None

    assert following(spec, second, answer({"next": "https://a/2"}), RECORDS, unrendered) is None


@pytest.mark.parametrize(
    ("link", "relation", "found"),
    [
        ('<https://a/2>; rel="next"', None, "https://a/2"),
        ('<https://a/1>; rel="prev", <https://a/3>; rel="next"', None, "https://a/3"),
        ("<https://a/2>; rel=next", None, "https://a/2"),
        ('<https://a/2>; title="x, y"; rel="more next"', None, "https://a/2"),
        ('<https://a/2>; rel="Next"', None, None),
        ('<https://a/2>; rel="following"', "following", "https://a/2"),
        ('<https://a/2>; rel="last"', None, None),
        ('</y?p=2>; rel="next"', None, "https://a/y?p=2"),
        ('<?p=2>; rel="next"', None, "https://a/x?p=2"),
        ('<//[b>; rel="next"', None, "//[b"),
        ("", None, None),
    ],
)
def test_a_link_header_names_the_next_page(link: str, relation: str | None, found: str | None) -> None:
    spec = http(method="linkheader", **({"linkHeaderRelation": relation} if relation else {}))

    state = following(spec, first(spec), answer([], link=link), RECORDS, unrendered)

    assert (state or {}).get("url") == found


def test_a_relative_uri_is_made_of_the_page_before() -> None:
    spec = http(method="relativeuri", relativeURI="/x?after={{previous_page.last_record.id}}")

    def render(text: str, members: Any) -> str:
        assert text == "/x?after={{previous_page.last_record.id}}"
        return f"/x?after={members['previous_page']['last_record']['id']}"

    state = following(spec, first(spec), answer({}), RECORDS, render)

    assert state is not None
    assert state["uri"] == "/x?after=2"
    assert following(spec, state, answer({}), RECORDS, lambda _t, _m: "") is None


def test_a_body_is_made_of_the_page_before_until_it_stays_the_same() -> None:
    spec = http(method="body", body="{}")

    state = following(spec, first(spec), answer({}), RECORDS, lambda _t, _m: '{"cursor": 1}')

    assert state is not None
    assert state["body"] == '{"cursor": 1}'
    assert following(spec, state, answer({}), RECORDS, lambda _t, _m: '{"cursor": 1}') is None


def test_paths_and_texts_of_later_pages_take_the_place_of_the_first_ones() -> None:
    spec: dict[str, Any] = {
        "relativeURI": "/first",
        "body": "one",
        "response": {"resourcePath": "data"},
        "paging": {"method": "token", "relativeURI": "/later", "body": "two", "resourcePath": "more.data"},
    }

    assert (relative_uri(spec, {"calls": 0}), body(spec, {"calls": 0}), resource_path(spec, {"calls": 0})) == (
        "/first",
        "one",
        "data",
    )
    assert (relative_uri(spec, {"calls": 1}), body(spec, {"calls": 1}), resource_path(spec, {"calls": 1})) == (
        "/later",
        "two",
        "more.data",
    )


def test_a_last_page_says_so() -> None:
    spec = http(method="page", lastPagePath="more", lastPageValues=["false", "null"])

    assert following(spec, first(spec), answer({"more": False}), RECORDS, unrendered) is None
    assert following(spec, first(spec), answer({"more": None}), RECORDS, unrendered) is None
    assert following(spec, first(spec), answer({"more": True}), RECORDS, unrendered) is not None


def test_a_404_ends_the_pages_but_never_begins_them() -> None:
    spec = http(method="page")

    assert not ends_quietly(spec, {"calls": 0}, 404)
    assert ends_quietly(spec, {"calls": 1}, 404)
    assert not ends_quietly(spec, {"calls": 1}, 500)
    assert ends_quietly(http(method="page", lastPageStatusCode=410), {"calls": 1}, 410)
    assert not ends_quietly({"relativeURI": "/x"}, {"calls": 1}, 404)


@pytest.mark.parametrize(
    ("found", "path", "records"),
    [
        ([1, 2], "", [1, 2]),
        ({"a": 1}, "", [{"a": 1}]),
        ({"data": [1]}, "data", [1]),
        ({"data": {"a": 1}}, "data", [{"a": 1}]),
        ({"data": [1]}, "wrong", []),
        (None, "", []),
        ("", "", []),
        ({"d": [{"e": [1, 2]}]}, "d[0].e", [1, 2]),
    ],
)
def test_records_lie_where_the_path_leads(found: Any, path: str, records: list[Any]) -> None:
    assert records_of(found, path) == records


def test_method_names_are_known_by_their_old_names_too() -> None:
    assert all(map(is_method, ["page", "skip", "token", "url", "linkheader", "relativeuri", "body", "nextpageurl"]))
    assert not is_method("cursor")

"""The route table as API Gateway wants it. Neither packaging nor the template's linter looks at this."""

from __future__ import annotations

import re

import pytest

import app as application

MAX_RESOURCES = 300
LITERAL = re.compile(r"[A-Za-z0-9._:-]+")
VARIABLE = re.compile(r"{[a-z_]+}")

PATHS = sorted(application.app.routes)


def tree() -> set[str]:
    return {
        "/".join(parts[: depth + 1]) for parts in (path.split("/") for path in PATHS) for depth in range(len(parts))
    }


@pytest.mark.parametrize("path", PATHS)
def test_segments_have_characters_that_the_gateway_takes(path: str) -> None:
    assert path.startswith("/")
    assert not path.endswith("/")
    for segment in path.split("/")[1:]:
        assert LITERAL.fullmatch(segment) or VARIABLE.fullmatch(segment), segment


def test_a_position_in_the_tree_has_one_name_of_a_variable() -> None:
    names: dict[str, set[str]] = {}
    for node in tree():
        parent, _, segment = node.rpartition("/")
        if segment.startswith("{"):
            names.setdefault(parent, set()).add(segment)

    assert {parent: found for parent, found in names.items() if len(found) > 1} == {}


def test_the_api_stays_within_the_gateways_number_of_resources() -> None:
    assert len(tree()) <= MAX_RESOURCES


def test_no_route_checks_content_types_or_differs_in_cors() -> None:
    entries = [entry for verbs in application.app.routes.values() for entry in verbs.values()]

    assert {tuple(entry.content_types) for entry in entries} == {("*/*",)}
    assert all(entry.cors == entries[0].cors for entry in entries)


def test_every_row_of_the_api_is_served_under_both_prefixes() -> None:
    below = [
        {
            (path.removeprefix(prefix), verb)
            for path in PATHS
            if path.startswith(prefix + "/")
            for verb in application.app.routes[path]
        }
        for prefix in ("/v1", "/api/v1")
    ]

    assert below[0] == below[1]
    assert len(below[0]) == 27

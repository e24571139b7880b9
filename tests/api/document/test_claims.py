"""The document and the handlers say the same: every route is described, whatever is read is described and read again.

That whatever is read or answered is described, the gateway of the tests looks after in every test of the API.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from openapi_spec_validator import validate

import app as application
from chalicelib.api.document.build import openapi
from tests.api import watch
from tests.api.document import claims, tour


@cache
def read() -> dict[tuple[str, str], watch.Reads]:
    """All that was read on the tour, by operation."""
    found: dict[tuple[str, str], watch.Reads] = {}
    for exchange in tour.exchanges():
        reads = found.setdefault(place(exchange), watch.Reads())
        reads.query |= {name.lower() for name in exchange.reads.query}
        reads.headers |= exchange.reads.headers
        reads.body |= exchange.reads.body
    return found


def place(exchange: watch.Exchange) -> tuple[str, str]:
    """Where an operation stands that is served below two prefixes."""
    return exchange.method, first_address(exchange.resource.replace("+}", "}"))


def first_address(path: str) -> str:
    return path.removeprefix("/api") if path.startswith("/api/v1/") else path


def reads_of(method: str, path: str) -> watch.Reads:
    """What was read of either of two dialects' calls, wherever the client put it."""
    return read().get((method, first_address(path)), watch.Reads())


def was_read(path: str, reads: watch.Reads) -> bool:
    prefix = path.rpartition(".")[0]
    everything = f"{prefix}.{watch.EVERYTHING}" if prefix else watch.EVERYTHING
    return path in reads.body or everything in reads.body or path.lower() in reads.query


def test_it_is_a_valid_document() -> None:
    validate({"servers": [{"url": "https://flow.example.org"}], **openapi(application.documents())})


def test_every_route_is_described_and_nothing_else() -> None:
    registered = {
        (method.lower(), path.replace("+}", "}")) for path, verbs in application.app.routes.items() for method in verbs
    }

    described = {(method, path) for path, verbs in watch.document()["paths"].items() for method in verbs}

    assert described == registered


def test_operations_have_names_of_their_own_and_tags_that_are_described() -> None:
    operations = [each for verbs in watch.document()["paths"].values() for each in verbs.values()]
    ids = [each["operationId"] for each in operations]

    assert len(ids) == len(set(ids))
    assert all(id_.replace("_", "").isalnum() for id_ in ids)
    assert {tag for each in operations for tag in each["tags"]} == {tag["name"] for tag in watch.document()["tags"]}


def test_every_parameter_says_what_it_is() -> None:
    assert [
        f"{method} {path}: {parameter['name']}"
        for method, path, described in claims.operations()
        for parameter in described.get("parameters", ())
        if not parameter["description"]
    ] == []


def test_nothing_is_said_to_be_one_of_two_that_are_the_same() -> None:
    assert [schema for schema in within(watch.document()) if is_twofold(schema)] == []


def is_twofold(schema: dict[str, Any]) -> bool:
    several = schema.get("oneOf", schema.get("anyOf", []))
    return any(each in several[:n] for n, each in enumerate(several))


@pytest.mark.parametrize("kind", ["responses", "schemas"])
def test_every_component_is_some_operations(kind: str) -> None:
    whole = watch.document()
    named = {str(schema["$ref"]) for schema in within(whole) if "$ref" in schema}

    assert [name for name in whole["components"][kind] if f"#/components/{kind}/{name}" not in named] == []


def test_no_schema_is_said_in_a_way_that_generators_of_clients_stumble_over() -> None:
    lists = [schema for schema in within(watch.document()) if schema.get("type") == "array"]

    assert [schema for schema in lists if schema.get("items", "prefixItems" not in schema) in (True, False)] == [
        schema for schema in lists if "prefixItems" in schema
    ]


def within(value: Any) -> Iterator[dict[str, Any]]:
    """All objects in a part of the document."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from within(inner)


def test_the_tour_goes_everywhere() -> None:
    visited = {place(exchange) for exchange in tour.exchanges() if exchange.status < 400}

    assert [(method, path) for method, path, _ in claims.operations() if (method, path) not in visited] == []


def test_every_parameter_and_header_that_is_described_is_read() -> None:
    unread = [
        f"{method} {path}: {where} {name}"
        for method, path, described in claims.operations()
        for where in ("query", "header")
        for name in claims.parameters(described, where)
        if not was_read_there(where, name, reads_of(method, path))
    ]

    assert unread == []


def was_read_there(where: str, name: str, reads: watch.Reads) -> bool:
    if where == "header":
        return name.lower() in reads.headers
    return name.lower() in reads.query or was_read(name, reads)


def test_every_member_of_a_body_that_is_described_is_read() -> None:
    unread: dict[str, str] = {}
    found: set[str] = set()
    for method, path, described in claims.operations():
        reads = reads_of(method, path)
        for name, claim in claims.members(described).items():
            own = claim if claim != name else f"{method} {path} {name}"
            if was_read(name, reads):
                found.add(own)
            else:
                unread[own] = f"{method} {path}: {name}"

    assert [where for claim, where in unread.items() if claim not in found] == []


@pytest.mark.parametrize(("read_", "described"), [("page", True), ("seite", False)])
def test_a_parameter_that_is_read_and_not_described_is_noticed(read_: str, described: bool) -> None:
    reads = watch.Reads(query={read_})

    assert watch.undescribed("GET", "/v1/workflows", reads) == ([] if described else [f"query {read_}"])


@pytest.mark.parametrize("path", ["metadata.colour", "colour"])
def test_a_member_that_is_read_and_not_described_is_noticed(path: str) -> None:
    reads = watch.Reads(body={path, "metadata.title"})

    assert watch.undescribed("PUT", "/api/pins/{pid}", reads) == [f"body {path}"]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (418, "{}"),
        (200, '{"success":true,"data":{"workflows":[],"pagination":{"page":1,"limit":20,"total":0}}}'),
        (200, '{"success":true,"data":{"workflows":[],"pagination":{"page":1,"limit":20,"total":0,"pages":0,"of":1}}}'),
        (400, '{"success":false,"error":{"code":"NO_SUCH_CODE","message":"Nein"}}'),
    ],
)
def test_an_answer_that_is_not_as_described_is_noticed(status: int, body: str) -> None:
    headers: dict[str, Any] = {"Content-Type": "application/json; charset=utf-8"}

    assert watch.misfits("GET", "/v1/workflows", status, headers, body)

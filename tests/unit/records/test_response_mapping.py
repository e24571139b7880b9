from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.json import Json
from chalicelib.domain.records.errors import RecordError
from chalicelib.domain.records.response_mapping import (
    apply_response_mapping,
    check_response_mapping,
    compile_response_mapping,
    problems_of_response_mapping,
)

LOOKUP: dict[str, Json] = {
    "statusCode": 200,
    "data": [{"id": 1, "name": "Ada", "tags": [{"t": "x"}]}, {"id": 2, "Product Name": "Box"}],
    "errors": [],
}
IMPORT: dict[str, Json] = {
    "statusCode": 201,
    "id": "77",
    "ignored": False,
    "errors": [{"code": "422", "message": "no"}],
    "headers": {"etag": "e1"},
    "_json": {"id": 77, "lines": [{"n": 1}], "output": [{"content": [{"text": "hi"}]}]},
}


def mapping(*fields: tuple[str, str], lists: dict[str, list[tuple[str, str]]] | None = None) -> dict[str, Any]:
    def pairs(of: Any) -> list[dict[str, str]]:
        return [{"extract": extract, "generate": generate} for extract, generate in of]

    rows = [{"generate": name, "fields": pairs(of)} for name, of in (lists or {}).items()]
    return {"fields": pairs(fields), "lists": rows}


@pytest.mark.parametrize(
    ("document", "response", "added"),
    [
        (mapping(("data", "all")), LOOKUP, {"all": LOOKUP["data"]}),
        (mapping(("data[0]", "owner")), LOOKUP, {"owner": {"id": 1, "name": "Ada", "tags": [{"t": "x"}]}}),
        (mapping(("data[0].name", "n"), ("data.0.name", "m")), LOOKUP, {"n": "Ada", "m": "Ada"}),
        (mapping(("data.1.Product Name", "p")), LOOKUP, {"p": "Box"}),
        (mapping(("data[*].id", "ids")), LOOKUP, {"ids": [1, 2]}),
        (
            mapping(("data[*].name", "rows[*].who"), ("data[*].id", "rows[*].id")),
            LOOKUP,
            {"rows": [{"who": "Ada", "id": 1}, {"id": 2}]},
        ),
        (mapping(("errors", "e"), ("statusCode", "s")), LOOKUP, {"e": [], "s": 200}),
        (
            mapping(("id", "remote.id"), ("_json.id", "remote.raw"), ("ignored", "i")),
            IMPORT,
            {"remote": {"id": "77", "raw": 77}, "i": False},
        ),
        (mapping(("headers.etag", "tag"), ("errors[0].message", "why")), IMPORT, {"tag": "e1", "why": "no"}),
        (mapping(("_json.output.0.content.0.text", "text")), IMPORT, {"text": "hi"}),
        (mapping(("data[7].id", "x"), ("name", "y"), ("data[0].nope", "z")), LOOKUP, {}),
        (
            mapping(lists={"rows": [("data[*].id", "key"), ("data[*].name", "label.text"), ("statusCode", "s")]}),
            LOOKUP,
            {"rows": [{"key": 1, "label": {"text": "Ada"}, "s": 200}, {"key": 2, "s": 200}]},
        ),
        (mapping(lists={"a.rows": [("id", "key")]}), LOOKUP, {"a": {"rows": [{"key": 1}, {"key": 2}]}}),
        (mapping(lists={"rows": [("_json.lines[*].n", "n")]}), IMPORT, {"rows": [{"n": 1}]}),
        (mapping(lists={"rows": [("n", "n")]}), {"_json": [{"n": 1}]}, {"rows": [{"n": 1}]}),
        (mapping(lists={"rows": [("data[*].id", "n")]}), {"data": []}, {"rows": []}),
        (mapping(lists={"rows": [("data[*].id", "n")]}), {"errors": []}, {}),
        (mapping(lists={"rows": [("id", "n")]}), IMPORT, {}),
        (mapping(), LOOKUP, {}),
        (None, LOOKUP, {}),
        ({}, LOOKUP, {}),
    ],
)
def test_a_response_adds_to_the_record(document: Json, response: dict[str, Json], added: dict[str, Json]) -> None:
    record: dict[str, Json] = {"ref": "P-1", "lines": [{"q": 1}]}
    before = copy.deepcopy((record, response))

    made = apply_response_mapping(document, record, response)

    assert made == {**record, **added}
    assert made is not record
    assert (record, response) == before


def test_what_is_there_is_replaced_or_completed() -> None:
    record: dict[str, Json] = {"owner": {"name": "x", "age": 3}, "rows": [{"n": 0}], "lines": [{"q": 1}, {"q": 2}]}
    document = mapping(
        ("id", "owner.name"), ("_json.lines[*].n", "lines[*].n"), lists={"rows": [("_json.lines[*].n", "n")]}
    )

    made = apply_response_mapping(compile_response_mapping(document), record, IMPORT)

    assert made == {"owner": {"name": "77", "age": 3}, "rows": [{"n": 1}], "lines": [{"q": 1, "n": 1}, {"q": 2}]}
    assert record == {"owner": {"name": "x", "age": 3}, "rows": [{"n": 0}], "lines": [{"q": 1}, {"q": 2}]}


def test_a_value_without_a_place_fails_the_record() -> None:
    with pytest.raises(RecordError) as failed:
        apply_response_mapping(mapping(("id", "lines.id")), {"lines": [1]}, IMPORT)

    assert (failed.value.source, failed.value.code, failed.value.field) == (
        "response_mapping",
        "invalid_path",
        "lines.id",
    )


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        ([], ["responseMapping"]),
        ({"fields": {"type": []}, "lists": {}}, ["responseMapping.fields", "responseMapping.lists"]),
        ({"fields": [None]}, ["responseMapping.fields[0]"]),
        ({"fields": [{}]}, ["responseMapping.fields[0].extract", "responseMapping.fields[0].generate"]),
        (
            mapping(("a..b", "x"), ("a", "$"), ("{{a}}", "b")),
            [
                "responseMapping.fields[0].extract",
                "responseMapping.fields[1].generate",
                "responseMapping.fields[2].extract",
            ],
        ),
        (
            {"lists": [5, {}, {"generate": 5}, {"generate": "a[-1]", "fields": [7]}]},
            [
                "responseMapping.lists[0]",
                "responseMapping.lists[1].generate",
                "responseMapping.lists[2].generate",
                "responseMapping.lists[3].generate",
                "responseMapping.lists[3].fields[0]",
            ],
        ),
        ({"fields": [{"extract": "a", "generate": "b"}] * 5_001}, ["responseMapping.fields"]),
    ],
)
def test_a_malformed_response_mapping_names_the_fields(document: Json, fields: list[str]) -> None:
    assert [problem.field for problem in problems_of_response_mapping(document)] == fields
    with pytest.raises(InvalidError) as refused:
        check_response_mapping(document)
    assert refused.value.field == fields[0]


PATHS = st.sampled_from(["data", "data[*]", "data[*].a", "data[0].a", "_json.a", "a", "a[*].b", "b.a[*]", "b[0]", "c"])
ANYTHING = st.recursive(
    st.one_of(st.none(), st.integers(0, 3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_leaves=8,
)
MEMBERS = st.dictionaries(st.sampled_from(["data", "_json", "a", "b", "c"]), ANYTHING, max_size=4)


@settings(deadline=None)
@given(
    st.lists(st.tuples(PATHS, PATHS), max_size=3),
    st.dictionaries(PATHS, st.lists(st.tuples(PATHS, PATHS), max_size=2), max_size=2),
    MEMBERS,
    MEMBERS,
)
def test_any_mapping_changes_no_input(
    fields: list[tuple[str, str]],
    lists: dict[str, list[tuple[str, str]]],
    record: dict[str, Json],
    response: dict[str, Json],
) -> None:
    before = json.dumps([record, response])
    try:
        assert isinstance(apply_response_mapping(mapping(*fields, lists=lists), record, response), dict)
    except RecordError as error:
        assert error.source == "response_mapping"  # noqa: PT017
    assert json.dumps([record, response]) == before

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
from chalicelib.domain.records.transforms import (
    check_transform,
    compile_transform,
    problems_of_transform,
    transform,
)

from .support import AROUND


def second(mode: str, *mappings: dict[str, Any], **more: Any) -> dict[str, Any]:
    rules = {"mode": mode, "mappings": list(mappings), **more}
    return {"type": "expression", "expression": {"version": "2", "rulesTwoDotZero": rules}}


def first(*pairs: tuple[str, str]) -> dict[str, Any]:
    rules = [[{"extract": extract, "generate": generate} for extract, generate in pairs]]
    return {"type": "expression", "expression": {"version": "1", "rules": rules}}


def rule(generate: str, data_type: str = "string", **more: Any) -> dict[str, Any]:
    return {"generate": generate, "dataType": data_type, "status": "Active", **more}


ADDRESS = rule("address", "object", mappings=[rule("city", extract="$.town")])


@pytest.mark.parametrize(
    ("document", "record", "result"),
    [
        (second("create", rule("b", extract="$.a")), {"a": 1, "c": 2}, {"b": "1"}),
        (second("modify", rule("b", extract="$.a")), {"a": 1, "c": 2}, {"a": 1, "c": 2, "b": "1"}),
        (second("modify", rule("a", extract="$.a")), {"a": 1}, {"a": "1"}),
        (second("modify", rule("a", extract="$.nope")), {"a": 1}, {"a": 1}),
        (
            second("modify", ADDRESS),
            {"town": "Oslo", "address": {"zip": 1}},
            {"town": "Oslo", "address": {"zip": 1, "city": "Oslo"}},
        ),
        (second("modify", ADDRESS), {"town": "Oslo", "address": "x"}, {"town": "Oslo", "address": {"city": "Oslo"}}),
        (
            second("create", rule("a", extract="$.a", lookupName="l"), lookups=[{"name": "l", "map": {"1": "one"}}]),
            {"a": 1},
            {"a": "one"},
        ),
        (second("", rule("b", extract="$.a")), {"a": 1}, {"b": "1"}),
        (second("create"), {"a": 1}, {"a": 1}),
        (
            {"type": "expression", "expression": {"rulesTwoDotZero": {"mappings": [rule("b", extract="$.a")]}}},
            {"a": 1},
            {"b": "1"},
        ),
        (first(("a", "b"), ("c.d", "e.f"), ("nope", "g")), {"a": 1, "c": {"d": [2]}}, {"b": 1, "e": {"f": [2]}}),
        (first(("{{record.a}}-{{b}}", "x")), {"a": 1, "b": 2}, {"x": "1-2"}),
        (first(("[Internal ID]", "id")), {"Internal ID": 5}, {"id": 5}),
        (first(("*.id", "ids")), [{"id": 1}, {"id": 2}], {"ids": [1, 2]}),
        (first(("l[*].id", "ids")), {"l": [{"id": 1}, {"x": 2}]}, {"ids": [1]}),
        (
            first(("l[*].id", "items[*].line"), ("l[*].q", "items[*].qty.n")),
            {"l": [{"id": 1}, {"q": 2}, {"id": 3, "q": 4}]},
            {"items": [{"line": 1}, {"qty": {"n": 2}}, {"line": 3, "qty": {"n": 4}}]},
        ),
        (
            first(("o[*].l[*].s", "p[*].m[*].t")),
            {"o": [{"l": [{"s": 1}, {"s": 2}]}, {}, {"l": [{"s": 3}]}]},
            {"p": [{"m": [{"t": 1}, {"t": 2}]}, {}, {"m": [{"t": 3}]}]},
        ),
        (first(("tags[*]", "labels[*]")), {"tags": ["a", "b"]}, {"labels": ["a", "b"]}),
        (first(("one.id", "items[*].id")), {"one": {"id": 1}}, {"items": [{"id": 1}]}),
        (first(("l[*].id", "items[*].id")), {"l": {"id": 1}}, {"items": [{"id": 1}]}),
        (first(("l[*].id", "items[*].id")), {}, {}),
        (first(("l[*].id", "items[*].id")), {"l": []}, {"items": []}),
        (
            {"version": "1", "rules": [[{"extract": "a", "generate": "b"}], [{"extract": "a", "generate": "c"}]]},
            {"a": 1},
            {"b": 1, "c": 1},
        ),
        ({"version": "1", "rules": [{"extract": "a", "generate": "b"}]}, {"a": 1}, {"b": 1}),
        ({"version": "1", "rules": []}, {"a": 1}, {"a": 1}),
        (None, {"a": 1}, {"a": 1}),
        ({}, [1], [1]),
        ({"type": "expression", "expression": {"version": "1"}}, "text", "text"),
    ],
)
def test_a_transform(document: Json, record: Json, result: Json) -> None:
    before = copy.deepcopy(record)

    made = transform(document, record, AROUND)

    assert json.dumps(made) == json.dumps(result)
    assert record == before


def test_a_compiled_transform_is_taken_as_it_is() -> None:
    compiled = compile_transform(first(("a", "b")))

    assert transform(compiled, {"a": 1}, AROUND) == transform(compiled, {"a": 1}, AROUND) == {"b": 1}


@pytest.mark.parametrize(
    ("document", "record", "code"),
    [
        (second("create", rule("n", "number", extract="$.a")), {"a": "x"}, "transform_error"),
        (second("modify", rule("n", extract="$.a")), [1], "transform_error"),
        (first(("a", "l[0]"), ("a", "l.x")), {"a": 1}, "invalid_path"),
        (
            first(("l[*].a", "k[*]"), ("l[*].a", "k[*].x"), ("l[*].b", "k[*].y[*].z")),
            {"l": [{"a": [1], "b": 1}]},
            "invalid_path",
        ),
        (first(("{{fail}}", "x")), {}, "invalid_template"),
    ],
)
def test_a_record_that_cannot_be_transformed(document: Json, record: Json, code: str) -> None:
    with pytest.raises(RecordError) as failed:
        transform(document, record, AROUND)

    assert (failed.value.source, failed.value.code) == ("transformation", code)


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        ("x", ["transform"]),
        ({"type": "script"}, ["transform.type"]),
        ({"type": "x"}, ["transform.type"]),
        ({"type": "expression", "expression": []}, ["transform.expression"]),
        ({"expression": {"version": "3"}}, ["transform.expression.version"]),
        (second("merge"), ["transform.expression.rulesTwoDotZero.mode"]),
        ({"expression": {"version": "2", "rulesTwoDotZero": 5}}, ["transform.expression.rulesTwoDotZero"]),
        (
            second("create", rule("a", "x", lookupName="l"), lookups=[{"name": "m"}]),
            [
                "transform.expression.rulesTwoDotZero.mappings[0].dataType",
                "transform.expression.rulesTwoDotZero.mappings[0].lookupName",
                "transform.expression.rulesTwoDotZero.lookups[0].map",
            ],
        ),
        ({"version": "1", "rules": {}}, ["transform.rules"]),
        ({"version": "1", "rules": ["x", [5]]}, ["transform.rules[0]", "transform.rules[1][0]"]),
        (
            {
                "expression": {
                    "version": "1",
                    "rules": [[{"extract": "a"}, {"extract": "a..b", "generate": "$"}, {"generate": 5}]],
                }
            },
            [
                "transform.expression.rules[0][0].generate",
                "transform.expression.rules[0][1].extract",
                "transform.expression.rules[0][1].generate",
                "transform.expression.rules[0][2].extract",
                "transform.expression.rules[0][2].generate",
            ],
        ),
        ({"rules": [[{"extract": "a", "generate": "b"}] * 5_001]}, ["transform.rules"]),
    ],
)
def test_a_malformed_transform_names_the_fields(document: Json, fields: list[str]) -> None:
    assert [problem.field for problem in problems_of_transform(document)] == fields
    with pytest.raises(InvalidError) as refused:
        check_transform(document)
    assert refused.value.field == fields[0]


PATHS = st.sampled_from(["a", "a.b", "a[*]", "a[*].b", "*.a", "a[0].b", "b[*].a[*]", "c", "a[*].b[*].c"])
ANYTHING = st.recursive(
    st.one_of(st.none(), st.integers(0, 3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_leaves=10,
)


@settings(deadline=None)
@given(st.lists(st.tuples(PATHS, PATHS), max_size=4), ANYTHING)
def test_any_pairs_transform_any_record_or_fail_it(pairs: list[tuple[str, str]], record: Json) -> None:
    before = copy.deepcopy(record)
    try:
        made = transform(first(*pairs), record, AROUND)
    except RecordError:
        pass
    else:
        assert not pairs or isinstance(made, dict)
    assert record == before


@settings(deadline=None)
@given(ANYTHING)
def test_any_document_is_judged(document: Json) -> None:
    problems_of_transform(document)
    problems_of_transform({"expression": {"version": "2", "rulesTwoDotZero": document}})
    problems_of_transform({"version": "1", "rules": document})

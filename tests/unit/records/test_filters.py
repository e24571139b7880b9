from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.json import Json
from chalicelib.domain.records.errors import RecordError
from chalicelib.domain.records.filter_terms import OPERANDS
from chalicelib.domain.records.filters import Filter, check_filter, compile_filter, passes, problems_of_filter

from .support import AROUND, table

CASES = table("filters")


def document(rules: Any) -> Json:
    return {"type": "expression", "expression": {"version": "1", "rules": rules}}


@pytest.mark.parametrize("case", CASES, ids=lambda case: json.dumps(case["rules"])[:60])
def test_a_filter_passes_and_blocks(case: dict[str, Any]) -> None:
    compiled = compile_filter(document(case["rules"]))

    assert [record for record in case["passes"] if not compiled.passes(record, AROUND)] == []
    assert [record for record in case["blocked"] if compiled.passes(record, AROUND)] == []


def test_every_operator_has_cases() -> None:
    text = json.dumps([case["rules"] for case in CASES])

    assert [name for name in OPERANDS if f'"{name}"' not in text] == []


@pytest.mark.parametrize(
    "nothing",
    [
        None,
        {},
        {"type": "expression"},
        {"rules": []},
        {"version": "1", "rules": None},
        {"type": "expression", "expression": {"version": "1"}},
        {"type": "expression", "expression": {"rules": []}, "rules": ["equals", 1, 2]},
    ],
)
def test_a_filter_without_rules_passes_everything(nothing: Json) -> None:
    assert passes(nothing, {"a": 1}, AROUND) is True


def test_rules_may_stand_in_the_document_itself() -> None:
    inner: Json = {"version": "1", "rules": ["equals", ["extract", "a"], 1]}

    assert passes(inner, {"a": 1}, AROUND) is True
    assert passes(inner, {"a": 2}, AROUND) is False


def test_a_compiled_filter_is_taken_as_it_is() -> None:
    compiled = compile_filter(document(["equals", ["extract", "a"], 1]))

    assert isinstance(compiled, Filter)
    assert passes(compiled, {"a": 1}, AROUND)


@pytest.mark.parametrize(
    ("rules", "record"),
    [
        (["equals", ["number", ["extract", "a"]], 1], {"a": "x"}),
        (["equals", ["number", ["extract", "a"]], 1], {"a": [1]}),
        (["equals", ["number", ["extract", "a"]], 1], {"a": "1e999"}),
        (["boolean", ["extract", "a"]], {"a": "maybe"}),
        (["boolean", ["extract", "a"]], {"a": {}}),
        (["greaterthan", ["epochtime", ["extract", "a"]], 1], {"a": "soon"}),
        (["greaterthan", ["epochtime", ["extract", "a"]], 1], {"a": True}),
        (["equals", ["floor", ["extract", "a"]], 1], {"a": "x"}),
        (["equals", ["abs", ["extract", "a"]], 1], {"a": {}}),
        (["matches", "x", ["extract", "a"]], {"a": "("}),
        (["anyof", ["extract", "a"], ["extract", "b"]], {"a": [1] * 2_000, "b": [2] * 2_000}),
        (["matches", ["extract", "a"], "(a+)+$"], {"a": "a" * 200 + "b"}),
    ],
)
def test_a_value_that_cannot_be_cast_fails_the_record(rules: Json, record: Json) -> None:
    with pytest.raises(RecordError) as failed:
        passes(document(rules), record, AROUND, "import_filter")

    assert (failed.value.source, failed.value.code) == ("import_filter", "invalid_cast")
    assert failed.value.field.startswith("filter.expression.rules")


@pytest.mark.parametrize(
    ("filter_document", "field"),
    [
        ("text", "filter"),
        ({"type": "script", "script": {"_scriptId": "1"}}, "filter.type"),
        ({"type": "magic"}, "filter.type"),
        ({"type": "expression", "expression": "x"}, "filter.expression"),
        ({"version": "3", "rules": []}, "filter.version"),
        ({"expression": {"version": 2, "rules": []}}, "filter.expression.version"),
        ({"rules": "equals"}, "filter.rules"),
        ({"rules": ["nope", 1]}, "filter.rules"),
        ({"rules": [["equals", 1, 1]]}, "filter.rules"),
        (document(["EQUALS", 1, 1]), "filter.expression.rules"),
        (document(["and", ["nope", 1]]), "filter.expression.rules[1]"),
        (document(["and", True, ["equals", 1]]), "filter.expression.rules[2]"),
        (document(["and"]), "filter.expression.rules"),
        (document(["not", True, True]), "filter.expression.rules"),
        (document(["equals", ["extract"], 1]), "filter.expression.rules[1]"),
        (document(["equals", ["extract", 5], 1]), "filter.expression.rules[1][1]"),
        (document(["equals", ["extract", ""], 1]), "filter.expression.rules[1][1]"),
        (document(["equals", ["settings", "a..b"], 1]), "filter.expression.rules[1][1]"),
        (document(["equals", ["extract", "a"], {"b": 1}]), "filter.expression.rules[2]"),
        (document(["equals", ["extract", "a"], []]), "filter.expression.rules[2]"),
        (document(["matches", ["extract", "a"], "(a"]), "filter.expression.rules[2]"),
    ],
)
def test_a_malformed_filter_names_the_field(filter_document: Json, field: str) -> None:
    assert [(problem.field, problem.code) for problem in problems_of_filter(filter_document)] == [
        (field, "invalid_field")
    ]
    with pytest.raises(InvalidError) as refused:
        check_filter(filter_document)
    assert refused.value.field == field


def test_scripts_are_refused_in_words() -> None:
    with pytest.raises(InvalidError, match="A script cannot take the place"):
        check_filter({"type": "script"}, "inputFilter")


def test_all_problems_are_reported_where_they_are() -> None:
    problems = problems_of_filter({"rules": ["or", ["a"], ["equals", 1], ["extract", "[?"]]}, "branches[2].inputFilter")

    assert [problem.field for problem in problems] == [
        "branches[2].inputFilter.rules[1]",
        "branches[2].inputFilter.rules[2]",
        "branches[2].inputFilter.rules[3][1]",
    ]


def nested(levels: int) -> Json:
    rules: Json = True
    for _ in range(levels):
        rules = ["not", rules]
    return rules


def test_rules_are_nested_and_many_up_to_a_limit() -> None:
    assert problems_of_filter(document(nested(32))) == []
    assert problems_of_filter(document(nested(33)))
    assert problems_of_filter(document(["and", *[["empty", 1]] * 499])) == []
    assert problems_of_filter(document(["and", *[["and", *[["empty", 1]] * 99]] * 99]))
    assert len(problems_of_filter(document(["and", *[["nope"]] * 999]))) == 100


ANYTHING = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-5, 5),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=4),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_leaves=6,
)
RULES = st.recursive(
    st.one_of(ANYTHING, st.sampled_from("abc").map(lambda name: ["extract", name])),
    lambda inner: st.tuples(st.sampled_from(sorted(OPERANDS)), st.lists(inner, max_size=3)).map(
        lambda rule: [rule[0], *rule[1]]
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(RULES, ANYTHING)
def test_any_document_is_refused_or_decides_about_any_record(rules: Json, record: Json) -> None:
    if problems_of_filter({"rules": rules}):
        return
    with contextlib.suppress(RecordError):
        assert passes({"rules": rules}, record, AROUND) in (True, False)

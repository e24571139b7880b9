from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.handlebars import compile_template
from chalicelib.domain.json import Json
from chalicelib.domain.records.conversions import DATA_TYPES
from chalicelib.domain.records.errors import RecordError
from chalicelib.domain.records.fields import CONDITIONS
from chalicelib.domain.records.mappings import MappingRules, check_mappings, map_record, problems_of_mappings
from chalicelib.domain.records.problems import Problem
from chalicelib.domain.records.surroundings import Surroundings

from .support import AROUND, surroundings, table, titles

CASES = table("mappings")


@pytest.mark.parametrize("case", CASES, ids=titles(CASES))
def test_mapping(case: dict[str, Any]) -> None:
    rules = MappingRules.of(case["document"])
    record = copy.deepcopy(case["record"])
    around = surroundings(is_new=case.get("is_new"))

    if "error" in case:
        with pytest.raises(RecordError) as failed:
            map_record(rules, record, around)
        error = failed.value
        assert {"source": error.source, "code": error.code, "field": error.field} == case["error"]
    else:
        made = map_record(rules, record, around)
        assert json.dumps(made) == json.dumps(case["result"])
    assert record == case["record"]


@pytest.mark.parametrize("word", [*DATA_TYPES, *CONDITIONS])
def test_every_data_type_and_condition_has_cases(word: str) -> None:
    assert f'"{word}"' in json.dumps(CASES)


def rule(generate: str = "f", data_type: str = "string", **more: Any) -> dict[str, Any]:
    return {"generate": generate, "dataType": data_type, "status": "Active", **more}


def rules_of(*mappings: Any, **more: Any) -> MappingRules:
    return MappingRules.of({"mappings": list(mappings), **more})


def problems_in(*mappings: Any) -> list[Problem]:
    return problems_of_mappings({"mappings": list(mappings)})


def test_a_record_can_be_mapped_twice_by_the_same_rules() -> None:
    helper = {"extract": "$.items[*]", "mappings": [rule("sku", extract="$.items.sku")]}
    rules = rules_of(rule("l", "objectarray", buildArrayHelper=[helper]))

    first = map_record(rules, {"items": [{"sku": "A"}]}, AROUND)
    second = map_record(rules, {"items": [{"sku": "B"}]}, AROUND)

    assert (first, second) == ({"l": [{"sku": "A"}]}, {"l": [{"sku": "B"}]})


def test_templates_see_the_surroundings_and_records_cannot_hide_them() -> None:
    text = "{{settings.flow.state}} {{lastExportDateTime}} {{import.name}} {{data.x}} {{x}} {{record.import}}"
    rules = rules_of(rule(extract=text))

    made = map_record(rules, {"x": 1, "import": "mine", "settings": 2}, AROUND)

    assert made == {"f": "open 2024-01-01T00:00:00.000Z Push 1 1 mine"}


DYNAMIC = {"name": "owner", "relativeURI": "/owners?mail={{record.mail}}", "method": "GET", "extract": "$.data[0].id"}


def test_a_lookup_by_request_is_asked_with_the_record() -> None:
    asked: list[Any] = []

    def ask(name: str, record: Json) -> Json:
        asked.append((name, record))
        return {"data": [{"id": 7}]}

    rules = rules_of(rule("owner", "number", lookupName="owner"), lookups=[DYNAMIC])

    made = map_record(rules, {"mail": "a@b"}, surroundings(dynamic_lookup=ask))

    assert made == {"owner": 7}
    assert asked == [("owner", {"mail": "a@b"})]


@pytest.mark.parametrize("answer", [{}, {"data": []}, None, [], {"data": [{"id": ""}]}])
def test_a_lookup_by_request_that_finds_nothing_fails_unless_it_may(answer: Json) -> None:
    around = surroundings(dynamic_lookup=lambda name, record: answer)
    strict = rules_of(rule(lookupName="owner"), lookups=[DYNAMIC])
    soft_lookup = {**DYNAMIC, "allowFailures": True, "default": "nobody"}
    soft = rules_of(rule(lookupName="owner"), lookups=[soft_lookup])

    assert map_record(soft, {}, around) == {"f": "nobody"}
    with pytest.raises(RecordError) as failed:
        map_record(strict, {}, around)
    assert (failed.value.source, failed.value.field) == ("lookup", "f")


def test_a_request_that_fails_is_the_lookups_failure() -> None:
    def ask(name: str, record: Json) -> Json:
        raise RecordError("lookup", "503", "down")

    around = surroundings(dynamic_lookup=ask)
    soft = rules_of(rule(lookupName="owner"), lookups=[{**DYNAMIC, "allowFailures": True}])
    strict = rules_of(rule(lookupName="owner"), lookups=[DYNAMIC])

    assert map_record(soft, {}, around) == {}
    with pytest.raises(RecordError, match="down") as failed:
        map_record(strict, {}, around)
    assert failed.value.code == "503"


def test_lookups_by_request_need_somebody_to_ask() -> None:
    rules = rules_of(rule(lookupName="owner"), lookups=[DYNAMIC])

    with pytest.raises(RecordError, match="cannot make requests"):
        map_record(rules, {}, AROUND)


def test_a_condition_keeps_a_lookup_from_being_asked() -> None:
    mapping = rule(lookupName="owner", conditional={"when": "record_created"})
    rules = rules_of(mapping, lookups=[DYNAMIC])

    assert map_record(rules, {}, surroundings(is_new=False)) == {}


@pytest.mark.parametrize(
    ("document", "problems"),
    [
        ({"mappings": {}}, [("mappings", "invalid_field")]),
        ({"mappings": ["x"]}, [("mappings[0]", "invalid_field")]),
        (
            {"mappings": [{"dataType": "string", "extract": "x"}]},
            [("mappings[0].generate", "missing_required_field")],
        ),
        (
            {"mappings": [rule("a"), rule("", "objectarray")]},
            [("mappings[1].generate", "missing_required_field")],
        ),
        ({"mappings": [rule(data_type="text")]}, [("mappings[0].dataType", "invalid_field")]),
        ({"mappings": [rule(status="On")]}, [("mappings[0].status", "invalid_field")]),
        ({"mappings": [rule(extract=5)]}, [("mappings[0].extract", "invalid_field")]),
        ({"mappings": [rule(extract="$.a[?(@.b)]")]}, [("mappings[0].extract", "invalid_field")]),
        ({"mappings": [rule(extract="$..a")]}, [("mappings[0].extract", "invalid_field")]),
        ({"mappings": [rule(lookupName="x")]}, [("mappings[0].lookupName", "invalid_field")]),
        ({"mappings": [rule(conditional=[])]}, [("mappings[0].conditional", "invalid_field")]),
        ({"mappings": [rule(conditional={"when": "x"})]}, [("mappings[0].conditional.when", "invalid_field")]),
        (
            {"mappings": [rule(generateDateTimezone="Mars/Base")]},
            [("mappings[0].generateDateTimezone", "invalid_field")],
        ),
        ({"mappings": [rule(extractDateFormat=1)]}, [("mappings[0].extractDateFormat", "invalid_field")]),
        (
            {"mappings": [rule("o", "object", mappings=[rule(data_type="x"), {"extract": "y"}])]},
            [
                ("mappings[0].mappings[0].dataType", "invalid_field"),
                ("mappings[0].mappings[1].generate", "missing_required_field"),
            ],
        ),
        (
            {
                "mappings": [
                    rule(
                        "l",
                        "objectarray",
                        buildArrayHelper=[
                            {"extract": "items", "mappings": [rule()]},
                            {"extract": 5},
                            {"mappings": [rule("")]},
                            {"extract": "$.a", "conditional": {"when": "never"}},
                            7,
                        ],
                    )
                ]
            },
            [
                ("mappings[0].buildArrayHelper[0].extract", "invalid_field"),
                ("mappings[0].buildArrayHelper[1].extract", "invalid_field"),
                ("mappings[0].buildArrayHelper[2].mappings[0].generate", "missing_required_field"),
                ("mappings[0].buildArrayHelper[3].conditional.when", "invalid_field"),
                ("mappings[0].buildArrayHelper[4]", "invalid_field"),
            ],
        ),
        ({"mapping": []}, [("mapping", "invalid_field")]),
        ({"mapping": {"fields": {}}}, [("mapping.fields", "invalid_field")]),
        ({"mapping": {"fields": [None]}}, [("mapping.fields[0]", "invalid_field")]),
        (
            {"mapping": {"fields": [{"extract": "a"}, {"generate": "$", "extract": "a..b"}]}},
            [
                ("mapping.fields[0].generate", "missing_required_field"),
                ("mapping.fields[1].generate", "invalid_field"),
                ("mapping.fields[1].extract", "invalid_field"),
            ],
        ),
        (
            {"mapping": {"fields": [{"generate": "a", "dataType": "x", "discardIfEmpty": "yes"}]}},
            [("mapping.fields[0].dataType", "invalid_field"), ("mapping.fields[0].discardIfEmpty", "invalid_field")],
        ),
        (
            {"mapping": {"lists": [{"fields": [{"extract": "x"}], "jsonPath": 5}]}},
            [
                ("mapping.lists[0].generate", "missing_required_field"),
                ("mapping.lists[0].jsonPath", "invalid_field"),
                ("mapping.lists[0].fields[0].generate", "missing_required_field"),
            ],
        ),
        ({"lookups": {}}, [("lookups", "invalid_field")]),
        ({"lookups": ["x"]}, [("lookups[0]", "invalid_field")]),
        (
            {"lookups": [{"map": []}, {"name": "a"}, {"name": "b", "_lookupCacheId": "1"}]},
            [
                ("lookups[0].name", "missing_required_field"),
                ("lookups[0].map", "invalid_field"),
                ("lookups[1].map", "missing_required_field"),
                ("lookups[2]._lookupCacheId", "invalid_field"),
            ],
        ),
        (
            {"http": {"lookups": [{"name": "a", "relativeURI": ["/x"], "extract": "$.a..b"}]}},
            [("http.lookups[0].relativeURI", "invalid_field"), ("http.lookups[0].extract", "invalid_field")],
        ),
    ],
)
def test_malformed_mappings_name_the_fields(document: Json, problems: list[tuple[str, str]]) -> None:
    assert [(problem.field, problem.code) for problem in problems_of_mappings(document)] == problems
    with pytest.raises(InvalidError) as refused:
        check_mappings(document)
    assert refused.value.field == problems[0][0]
    with pytest.raises(InvalidError):
        MappingRules.of(document)


def test_fields_are_named_from_where_the_document_stands() -> None:
    problems = problems_of_mappings({"mappings": [{}], "lookups": [{}]}, "imports[1]")

    assert [problem.field for problem in problems] == [
        "imports[1].mappings[0].generate",
        "imports[1].lookups[0].name",
        "imports[1].lookups[0].map",
    ]


def nested(levels: int) -> list[dict[str, Any]]:
    rules = [rule(extract="x")]
    for _ in range(levels):
        rules = [rule("o", "object", mappings=rules)]
    return rules


def test_mappings_are_nested_and_many_up_to_a_limit() -> None:
    assert problems_in(*nested(23)) == []
    assert problems_in(*nested(24))
    assert problems_in(*[rule()] * 5_001)
    assert rules_of(*nested(23))


def loop(path: str, *rules: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"extract": path, "mappings": list(rules)}]


def test_a_few_rules_cannot_fill_the_memory() -> None:
    bomb = rule("l", "objectarray", buildArrayHelper=loop("$.l[*]", rule("all", "object", extract="$.whole")))
    record: Json = {"l": [1] * 20_000, "whole": {"text": "x" * 1_000}}

    with pytest.raises(RecordError) as failed:
        map_record(rules_of(bomb), record, AROUND)

    assert (failed.value.source, failed.value.code) == ("mapping", "too_large")


def test_what_is_built_can_be_stored() -> None:
    deep: Json = 1
    for _ in range(60):
        deep = [deep]
    rules = rules_of(rule("a", "object", mappings=nested(8)), rule("deep", "", extract="$.deep"))
    too_deep = [rule("deep", "", extract="$.deep")]
    for _ in range(8):
        too_deep = [rule("o", "object", mappings=too_deep)]

    map_record(rules, {"deep": deep}, AROUND)
    with pytest.raises(RecordError, match="nested more than"):
        map_record(rules_of(*too_deep), {"deep": deep}, AROUND)


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["", "1", "x", "$.a", "{{a}}", "true"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_leaves=8,
)
EXTRACTS = st.sampled_from(["$", "$.a", "$.a[*]", "$.a[*].b", "$.a[0].b[*]", "$.b", "x", "{{record.a}}", ""])
LEAVES = st.fixed_dictionaries(
    {"generate": st.sampled_from("abc"), "dataType": st.sampled_from(["", *DATA_TYPES]), "extract": EXTRACTS},
    optional={"default": ANYTHING, "hardCodedValue": ANYTHING, "conditional": st.just({"when": "extract_not_empty"})},
)
RULES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda leaf, rules: {**leaf, "mappings": rules}, LEAVES, st.lists(inner, max_size=2)),
        st.builds(
            lambda leaf, path, rules: {**leaf, "buildArrayHelper": [{"extract": path, "mappings": rules}]},
            LEAVES,
            EXTRACTS,
            st.lists(inner, max_size=2),
        ),
    ),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.lists(RULES, max_size=3), ANYTHING)
def test_any_mappings_are_refused_or_map_any_record(mappings: list[Any], record: Json) -> None:
    before = copy.deepcopy(record)
    if problems_in(*mappings):
        return
    try:
        made = map_record(rules_of(*mappings), record, AROUND)
    except RecordError:
        pass
    else:
        assert mappings == [] or isinstance(made, dict | list | None)
    assert record == before


@settings(deadline=None)
@given(ANYTHING)
def test_any_document_at_all_is_judged(document: Json) -> None:
    for name in ("mappings", "mapping", "lookups", "http"):
        problems_of_mappings({name: document})
    problems_of_mappings(document)


def test_a_lookup_by_request_is_asked_once_for_an_array() -> None:
    asked: list[str] = []

    def ask(name: str, record: Json) -> Json:
        asked.append(name)
        return ["x", "y"]

    lookup = {"name": "tags", "relativeURI": "/tags", "method": "GET"}
    rules = rules_of(rule("t", "stringarray", extract="$.ids", lookupName="tags"), lookups=[lookup])

    assert map_record(rules, {"ids": [1, 2, 3]}, surroundings(dynamic_lookup=ask)) == {"t": ["x", "y"]}
    assert asked == ["tags"]


@pytest.mark.parametrize(
    ("given_rule", "made"),
    [
        (rule(extract="$.a", hardCodedValue=None), {"f": "1"}),
        (rule(hardCodedValue=None), {"f": None}),
        (rule(extract="", hardCodedValue=""), {"f": ""}),
    ],
)
def test_a_null_is_hard_coded_only_where_nothing_is_extracted(given_rule: dict[str, Any], made: Json) -> None:
    assert map_record(rules_of(given_rule), {"a": 1}, AROUND) == made


LONG: dict[str, Json] = {"l": [{"k": 1}] * 50_000, "s": [{}] * 50_000, "x": 1}


@pytest.mark.parametrize(
    "document",
    [
        {"mappings": [rule(extract="$.s[*].nope")] * 5_000},
        {"mapping": {"fields": [{"extract": "s[*].nope", "generate": "a"}] * 5_000}},
        {"mapping": {"lists": [{"generate": "l", "fields": [{"extract": "s[*].nope", "generate": "a"}] * 4_000}]}},
        {
            "mapping": {
                "fields": [
                    {"extract": "l", "generate": "m"},
                    *[{"extract": "x", "generate": "m[*].y"}] * 4_000,
                ]
            }
        },
        {"mappings": [rule("a", "objectarray", buildArrayHelper=loop("$.l", *[rule(extract="$.nope")] * 4_000))]},
        {
            "mappings": [
                rule(
                    "a",
                    "objectarray",
                    buildArrayHelper=loop("$.l", rule("b", "objectarray", buildArrayHelper=loop("$.s", rule()))),
                )
            ]
        },
    ],
    ids=range(6),
)
def test_many_rules_over_a_long_list_come_to_an_end(document: Any) -> None:
    with pytest.raises(RecordError) as failed:
        map_record(MappingRules.of(document), LONG, AROUND)

    assert failed.value.code == "too_large"


@pytest.mark.parametrize(("table", "made"), [({"a": "b"}, {}), ({"": "none"}, {"f": "none"})])
def test_blank_text_is_no_key_unless_the_table_has_it(table: dict[str, Json], made: Json) -> None:
    rules = rules_of(rule(extract="$.a", lookupName="l"), lookups=[{"name": "l", "map": table}])

    assert map_record(rules, {"a": ""}, AROUND) == made


def handlebars(template: str, context: Mapping[str, Json]) -> str:
    return compile_template(template).render(context, now=datetime(2026, 11, 22, tzinfo=UTC), random="seed")


def test_templates_may_be_handlebars() -> None:
    around = Surroundings({"flow": {"prefix": "P"}}, {"import": {"name": "Push"}}, handlebars)
    text = "{{settings.flow.prefix}}-{{record.items.sku}}{{#if items.big}}!{{/if}} {{import.name}}"
    inner = [rule("s", extract=text), rule("o", "object", extract="{{jsonSerialize record.items}}")]
    rules = rules_of(rule("l", "objectarray", buildArrayHelper=loop("$.items[*]", *inner)))

    made = map_record(rules, {"items": [{"sku": "A", "big": True}, {"sku": "B"}]}, around)

    assert made == {
        "l": [
            {"s": "P-A! Push", "o": {"sku": "A", "big": True}},
            {"s": "P-B Push", "o": {"sku": "B"}},
        ]
    }


def test_a_broken_handlebars_template_fails_the_record() -> None:
    with pytest.raises(RecordError) as failed:
        map_record(rules_of(rule(extract="{{#if a}}")), {}, Surroundings({}, {}, handlebars))

    assert (failed.value.source, failed.value.code) == ("mapping", "invalid_template")


@pytest.mark.parametrize("is_new", [True, False])
def test_the_default_of_a_condition_does_not_replace_what_another_rule_made(is_new: bool) -> None:
    when = {"when": "record_created" if not is_new else "record_updated"}
    others = [
        rule("l", "objectarray", buildArrayHelper=[{"mappings": [rule(extract="x")]}], conditional=when, default="[]"),
        rule("o", "object", mappings=[rule(extract="x")], conditional=when, default="{}"),
        rule("e", extract="$.nope", conditional={"when": "extract_not_empty"}, default="d"),
    ]
    barred = rule("s", extract="x", conditional=when, default="d")
    before = [
        rule("s", extract="kept"),
        rule("l", "", extract="$.l"),
        rule("o", "", extract="$.o"),
        rule("e", extract="k"),
    ]
    record: Json = {"l": [1], "o": {"a": 1}}

    alone = map_record(rules_of(barred, *others), record, surroundings(is_new=is_new))
    behind = map_record(rules_of(*before, barred, *others), record, surroundings(is_new=is_new))

    assert alone == {"s": "d", "l": [], "o": {}, "e": "d"}
    assert behind == {"s": "kept", "l": [1], "o": {"a": 1}, "e": "k"}

"""What hooks may return, and what is made of it; where documents name scripts."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.flows.hooks import (
    Action,
    actions,
    branches,
    faults_of,
    faults_of_response,
    records,
    responses,
    saved_page,
)
from chalicelib.domain.flows.pages import Fault
from chalicelib.domain.flows.script_program import Outcome, outcomes_of
from chalicelib.domain.flows.scripts import RuleScripts, ScriptRef, scripts_of, with_scripts
from chalicelib.domain.flows.steps import scripts_of_flow
from chalicelib.domain.records.errors import RecordError, Source

SOURCE: Source = "pre_map_hook"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ()),
        ([], ()),
        ("no", (("pre_map_hook", "script_error", "no"),)),
        ({"code": 7, "message": {"a": 1}}, (("pre_map_hook", "7", '{"a":1}'),)),
        ([{"source": "erp", "code": "x", "message": "y"}, {}], (("erp", "x", "y"),)),
        ([{"code": "x", "message": ""}], (("pre_map_hook", "x", "The script gives no message."),)),
    ],
)
def test_errors_are_read_however_they_are_written(given: Any, expected: Any) -> None:
    assert tuple((each.source, each.code, each.message) for each in faults_of(given, SOURCE)) == expected


@pytest.mark.parametrize(
    ("returned", "data", "codes"),
    [
        (None, None, []),
        ({}, None, []),
        ({"data": None}, None, []),
        ({"data": [1]}, ([1],), []),
        ({"data": {"a": 1}, "errors": [{"code": "c"}]}, ({"a": 1},), ["c"]),
        ({"errors": {"code": "c"}}, None, ["c"]),
        ({"errors": []}, None, []),
        ({"id": 1}, None, ["invalid_hook_response"]),
        ("record", None, ["invalid_hook_response"]),
    ],
)
def test_an_action_is_data_errors_both_or_none(returned: Any, data: Any, codes: list[str]) -> None:
    (action,) = actions([returned], 1, SOURCE)

    assert (action.data, [fault.code for fault in action.faults]) == (data, codes)
    assert Action.of_json(action.to_json()) == action


@pytest.mark.parametrize("returned", [None, {}, [], [{}, {}], "x"])
def test_as_many_answers_as_records_are_wanted(returned: Any) -> None:
    for read in (lambda: actions(returned, 1, SOURCE), lambda: responses(returned, 1), lambda: records(returned, 1)):
        with pytest.raises(RecordError, match="an array of 1 elements"):
            read()


def test_a_record_that_cannot_be_kept_is_refused() -> None:
    deep: Any = []
    for _ in range(600):
        deep = [deep]

    (action,) = actions([{"data": deep}], 1, SOURCE)
    assert [fault.code for fault in action.faults] == ["invalid_record"]
    with pytest.raises(RecordError):
        saved_page({"data": [deep]})


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ({"statusCode": 200}, []),
        ({"statusCode": 422, "errors": []}, ["before"]),
        ({"errors": [{"code": "new"}, {"code": "more"}], "statusCode": 200}, ["new", "more"]),
        ({"statusCode": "422"}, []),
    ],
)
def test_a_response_tells_whether_its_record_failed(response: Any, expected: list[str]) -> None:
    before = Fault("application", "before", "m", "422-POST")

    found = faults_of_response(response, before)

    assert [fault.code for fault in found] == expected
    assert not found or found[0].request_key == "422-POST"


@pytest.mark.parametrize(
    ("returned", "expected"),
    [([0, 1, 0], [0, 1]), ([], []), (1, [1]), ("b", [1]), (["b", 0.0], [1, 0])],
)
def test_branches_are_named_by_index_or_name(returned: Any, expected: list[int]) -> None:
    assert branches(returned, ["a", "b"]) == expected


@pytest.mark.parametrize("returned", [None, {}, [2], [-1], ["c"], [True], True, [0.5], [None]])
def test_what_is_no_branch_is_refused(returned: Any) -> None:
    with pytest.raises(RecordError):
        branches(returned, ["a", "b"])


@pytest.mark.parametrize(
    "returned", [None, [], {}, {"results": 5}, {"results": []}, {"results": [5]}, {"results": [{"failure": {}}]}]
)
def test_what_a_bent_script_answers_is_not_believed(returned: Any) -> None:
    with pytest.raises(InvalidError):
        outcomes_of(returned, 1)


def test_outcomes_are_values_and_failures_with_their_lines() -> None:
    failed = {"failure": {"code": "TypeError", "message": "no", "line": 3}}

    assert outcomes_of({"results": [{"value": 1}, {}, failed]}, 3) == [
        Outcome(1),
        Outcome(),
        Outcome(failure=("TypeError", "no (line 3)")),
    ]
    assert outcomes_of({"missing": True}, 3) is None


DOCUMENT: dict[str, Any] = {
    "hooks": {"preMap": {"_scriptId": "a", "function": "f"}, "postMap": {"function": ""}, "postSubmit": {}},
    "filter": {"type": "script", "script": {"_scriptId": "b", "function": "g"}},
    "transform": {"type": "expression", "script": {"_scriptId": "c", "function": "h"}},
    "mockOutput": {"page_of_records": [{"record": {"_scriptId": "z"}}]},
}


def test_scripts_are_those_that_are_called() -> None:
    assert scripts_of(DOCUMENT) == (("hooks.preMap._scriptId", "a"), ("filter.script._scriptId", "b"))
    scripts = RuleScripts.of(DOCUMENT)
    assert (scripts.pre_map, scripts.filter) == (ScriptRef("a", "f"), ScriptRef("b", "g"))
    assert (scripts.post_map, scripts.transform, scripts.input_filter) == (None, None, None)


def test_scripts_of_a_flow_are_those_of_its_processors_and_routers() -> None:
    processor: Any = {
        "type": "import",
        "_importId": "i",
        "hooks": {"postResponseMap": {"_scriptId": "a", "function": "f"}},
    }
    script: Any = {"script": {"_scriptId": "b", "function": "r"}, "branches": [{"pageProcessors": [processor]}]}
    by_script: Any = {"id": "r", "routeRecordsUsing": "script", **script}

    assert scripts_of_flow({"pageProcessors": [processor]}) == (
        ("pageProcessors[0].hooks.postResponseMap._scriptId", "a"),
    )
    inner = ("routers[0].branches[0].pageProcessors[0].hooks.postResponseMap._scriptId", "a")
    assert scripts_of_flow({"routers": [by_script]}) == (("routers[0].script._scriptId", "b"), inner)
    assert scripts_of_flow({"routers": [{"id": "r", **script}]}) == (inner,)
    assert scripts_of_flow({"_exportId": "e", "_importId": "i"}) == ()


def test_other_scripts_take_the_place_of_those_that_were_copied() -> None:
    changed: Any = with_scripts(DOCUMENT, {"a": "A", "b": "B"})

    assert scripts_of(changed) == (("hooks.preMap._scriptId", "A"), ("filter.script._scriptId", "B"))
    assert changed["mockOutput"] == DOCUMENT["mockOutput"]

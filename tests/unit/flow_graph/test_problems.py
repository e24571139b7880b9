"""What is refused of a flow's document."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.flows.graph import problems_of_flow
from tests.unit.flow_graph.test_compile import LINEAR, routed, router


def found(**members: Any) -> list[tuple[str, str, str]]:
    document = {"name": "Flow", **members}
    return [(each.field, each.code, each.message) for each in problems_of_flow(document)]


def fields(**members: Any) -> list[str]:
    return [field for field, _, _ in found(**members)]


def test_a_whole_flow_has_no_problems() -> None:
    document = {
        **LINEAR,
        "description": "d",
        "disabled": False,
        "schedule": "? 0 2 ? * *",
        "timezone": "America/Los_Angeles",
        "_integrationId": "n" * 24,
        "_runNextFlowIds": ["f" * 24],
        "_runNextExportIds": ["e" * 24, {"_flowId": "f" * 24, "_exportId": "e" * 24}],
        "settings": {"a": 1},
        "wizardState": "done",
        "unknown": [1],
    }

    assert problems_of_flow(document) == []
    assert problems_of_flow(routed(router("r1", (["i1"], "r2")), router("r2", ([], None)))) == []


@pytest.mark.parametrize("name", [None, ""])
def test_a_name_is_required(name: Any) -> None:
    assert found(name=name) == [("name", "missing_required_field", "Path `name` is required.")]


def test_pages_go_through_processors_or_routers() -> None:
    processors, routers = LINEAR["pageProcessors"], [router("r1", (["i1"], None))]

    assert found(pageProcessors=processors, routers=routers) == [
        ("pageProcessors", "invalid_field", '"pageProcessors" is not allowed when "routers" is present')
    ]
    assert found(pageProcessors=[], routers=routers) == []


@pytest.mark.parametrize(
    ("member", "value", "field"),
    [
        ("name", 5, "name"),
        ("name", "n" * 256, "name"),
        ("description", "d" * 10_241, "description"),
        ("disabled", "yes", "disabled"),
        ("skipRetries", 1, "skipRetries"),
        ("settings", [], "settings"),
        ("_integrationId", 7, "_integrationId"),
        ("_runNextFlowIds", "f", "_runNextFlowIds"),
        ("_runNextFlowIds", [1], "_runNextFlowIds[0]"),
        ("_runNextExportIds", {}, "_runNextExportIds"),
        ("_runNextExportIds", [1], "_runNextExportIds[0]"),
        ("_runNextExportIds", [{"_flowId": 1, "_exportId": "e"}], "_runNextExportIds[0]._flowId"),
        ("_runNextExportIds", [{"_flowId": "f"}], "_runNextExportIds[0]._exportId"),
        ("timezone", "Mars/Base", "timezone"),
        ("timezone", 1, "timezone"),
        ("schedule", "0 2 * * *", "schedule"),
        ("schedule", 5, "schedule"),
        ("pageGenerators", {}, "pageGenerators"),
        ("pageGenerators", ["e1"], "pageGenerators[0]"),
        ("pageGenerators", [{}], "pageGenerators[0]._exportId"),
        ("pageGenerators", [{"_exportId": "e", "schedule": "no"}], "pageGenerators[0].schedule"),
        ("pageProcessors", [{"_importId": "i"}], "pageProcessors[0].type"),
        ("pageProcessors", [{"type": "script"}], "pageProcessors[0].type"),
        ("pageProcessors", [{"type": ["import"]}], "pageProcessors[0].type"),
        ("pageProcessors", [{"type": "import", "_exportId": "e"}], "pageProcessors[0]._importId"),
        (
            "pageProcessors",
            [{"type": "import", "_importId": "i", "proceedOnFailure": "x"}],
            "pageProcessors[0].proceedOnFailure",
        ),
        (
            "pageProcessors",
            [{"type": "import", "_importId": "i", "hooks": {"postResponseMap": {"_scriptId": "s"}}}],
            "pageProcessors[0].hooks.postResponseMap.function",
        ),
        (
            "pageProcessors",
            [{"type": "import", "_importId": "i", "hooks": {"preMap": {"_scriptId": "s", "function": "f"}}}],
            "pageProcessors[0].hooks.preMap",
        ),
        (
            "pageProcessors",
            [{"type": "import", "_importId": "i", "hooks": {"postResponseMap": "f"}}],
            "pageProcessors[0].hooks.postResponseMap",
        ),
        (
            "pageProcessors",
            [{"type": "import", "_importId": "i", "hooks": {"postResponseMap": {"_stackId": "s", "function": "f"}}}],
            "pageProcessors[0].hooks.postResponseMap._stackId",
        ),
        (
            "routers",
            [{"id": "r1", "branches": [{"hooks": {"postResponseMap": {"_scriptId": "s", "function": "f"}}}]}],
            "routers[0].branches[0].hooks.postResponseMap",
        ),
        (
            "pageProcessors",
            [{"type": "import", "_importId": "i", "responseMapping": {"fields": {}}}],
            "pageProcessors[0].responseMapping.fields",
        ),
        ("routers", [{"branches": [{}]}], "routers[0].id"),
        ("routers", [{"id": "r1"}], "routers[0].branches"),
        ("routers", [{"id": "r1", "branches": [{}], "routeRecordsTo": "some"}], "routers[0].routeRecordsTo"),
        ("routers", [{"id": "r1", "branches": [{}], "routeRecordsUsing": "script"}], "routers[0].script"),
        ("routers", [{"id": "r1", "branches": [{}], "routeRecordsUsing": "magic"}], "routers[0].routeRecordsUsing"),
        (
            "routers",
            [{"id": "r1", "branches": [{}], "routeRecordsUsing": "script", "script": {"function": "f"}}],
            "routers[0].script._scriptId",
        ),
        (
            "routers",
            [{"id": "r1", "branches": [{"inputFilter": {"type": "script"}}]}],
            "routers[0].branches[0].inputFilter.type",
        ),
        (
            "routers",
            [{"id": "r1", "branches": [{"pageProcessors": [{"type": "import"}]}]}],
            "routers[0].branches[0].pageProcessors[0]._importId",
        ),
        ("routers", [router("r1", ([], None)), router("r1", ([], None))], "routers[1].id"),
        ("routers", [router("r1", ([], "r9"))], "routers[0].branches[0].nextRouterId"),
        ("routers", [router("r1", ([], "r1"))], "routers"),
        ("routers", [router("r1", ([], "r2")), router("r2", ([], "r1"))], "routers"),
        ("routers", [router("r1", ([], None)), router("r2", ([], "r3")), router("r3", ([], "r2"))], "routers"),
    ],
)
def test_what_cannot_be_run_is_refused_where_it_stands(member: str, value: Any, field: str) -> None:
    assert fields(**{member: value}) == [field]


def test_a_filter_of_a_branch_is_judged_too() -> None:
    branch = {"inputFilter": {"version": "1", "rules": ["resembles", 1, 2]}}

    (field,) = fields(routers=[{"id": "r1", "branches": [branch]}])

    assert field.startswith("routers[0].branches[0].inputFilter")


def test_all_problems_are_told_at_once() -> None:
    assert fields(disabled=1, schedule="x", pageGenerators=[{}], pageProcessors=[{}]) == [
        "disabled",
        "schedule",
        "pageGenerators[0]._exportId",
        "pageProcessors[0].type",
    ]


def test_a_schedule_that_cannot_be_read_is_told_in_the_known_words() -> None:
    assert found(schedule="0 2 * * *") == [("schedule", "invalid_field", "Invalid cron expression")]


def test_a_flow_has_at_most_255_steps() -> None:
    processors = [{"type": "import", "_importId": "i"}] * 254
    generators = [{"_exportId": "e"}]

    assert fields(pageGenerators=generators, pageProcessors=processors) == []
    assert fields(pageGenerators=generators * 2, pageProcessors=processors) == ["pageProcessors"]
    assert fields(pageGenerators=generators * 256) == ["pageGenerators"]
    assert fields(pageGenerators=generators * 60, pageProcessors=processors[:60]) == ["pageProcessors"]


def test_hooks_that_name_nothing_are_none() -> None:
    hooks = {"postResponseMap": {"function": ""}}

    assert fields(pageProcessors=[{"type": "import", "_importId": "i", "hooks": hooks}]) == []

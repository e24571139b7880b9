"""What the document of a flow compiles to."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.flows.flows import ResourceKind
from chalicelib.domain.flows.graph import children_of_flow, compile_flow, references_of, stages_of
from chalicelib.domain.flows.schedules import cron_of, timing_of
from chalicelib.domain.graph import Concurrency, Graph, Node, OnLimit
from chalicelib.domain.program import check
from chalicelib.domain.schedule_triggers import schedule_triggers

LINEAR: dict[str, Any] = {
    "name": "Linear",
    "pageGenerators": [{"_exportId": "e1"}, {"_exportId": "e2"}],
    "pageProcessors": [
        {"type": "export", "_exportId": "l1"},
        {"type": "import", "_importId": "i1", "proceedOnFailure": True},
    ],
}


def router(id_: str, *branches: tuple[list[str], str | None]) -> dict[str, Any]:
    """Branches as the imports that they name, and the router that follows."""
    documents = []
    for imports, following in branches:
        processors = [{"type": "import", "_importId": each} for each in imports]
        documents.append({"pageProcessors": processors, **({"nextRouterId": following} if following else {})})
    return {"id": id_, "branches": documents}


def routed(*routers: dict[str, Any]) -> dict[str, Any]:
    return {"name": "Routed", "pageGenerators": [{"_exportId": "e1"}], "routers": list(routers)}


def node(graph: Graph, id_: str) -> Node:
    return next(each for each in graph.nodes if each.id == id_)


def edges(graph: Graph) -> set[tuple[str, str]]:
    return {(edge.source, edge.target) for edge in graph.edges}


def test_generators_are_loops_one_after_the_other() -> None:
    graph = compile_flow(LINEAR)

    check(graph)
    assert edges(graph) == {("manual", "begin"), ("begin", "g0"), ("g0", "g1"), ("g1", "end")}
    assert graph.concurrency == Concurrency(1, on_limit=OnLimit.QUEUE)


def test_generators_may_run_side_by_side() -> None:
    graph = compile_flow({**LINEAR, "runPageGeneratorsInParallel": True})

    check(graph)
    assert edges(graph) == {("manual", "begin"), ("begin", "g0"), ("begin", "g1"), ("g0", "end"), ("g1", "end")}


def test_a_round_is_a_page_through_all_stages() -> None:
    body = node(compile_flow(LINEAR), "g1").bodies["body"]

    assert [(each.id, each.type) for each in body.nodes] == [
        ("page", "export"),
        ("s0", "lookup"),
        ("s1", "import"),
        ("tally", "tally"),
    ]
    assert edges(body) == {("page", "s0"), ("s0", "s1"), ("s1", "tally")}
    assert node(body, "page").config["generator"] == "g1"
    assert [node(body, key).config["proceed"] for key in ("s0", "s1")] == [False, True]
    assert [node(body, key).config["to"] for key in ("s0", "s1")] == ["s1", None]


def test_a_simple_flow_is_one_generator_and_one_import() -> None:
    document = {"name": "Simple", "_exportId": "e1", "_importId": "i1"}

    graph = compile_flow(document)

    check(graph)
    assert [each.type for each in node(graph, "g0").bodies["body"].nodes] == ["export", "import", "tally"]
    assert references_of(document) == (
        ("_exportId", ResourceKind.EXPORT, "e1"),
        ("_importId", ResourceKind.IMPORT, "i1"),
    )


def test_a_flow_of_nothing_begins_and_ends() -> None:
    graph = compile_flow({"name": "Empty"})

    check(graph)
    assert edges(graph) == {("manual", "begin"), ("begin", "end")}


def test_children_are_generators_and_then_processors() -> None:
    children = children_of_flow(LINEAR)

    assert [(each.key, each.kind.value, each.resource_id, each.order) for each in children] == [
        ("g0", "export", "e1", 0),
        ("g1", "export", "e2", 0),
        ("s0", "export", "l1", 1),
        ("s1", "import", "i1", 2),
    ]


def test_references_name_their_paths() -> None:
    document = routed(router("r1", (["i1", "i2"], "r2")), router("r2", (["i3"], None)))

    assert [path for path, _, _ in references_of(document)] == [
        "pageGenerators[0]._exportId",
        "routers[0].branches[0].pageProcessors[0]._importId",
        "routers[0].branches[0].pageProcessors[1]._importId",
        "routers[1].branches[0].pageProcessors[0]._importId",
    ]


# -- routers ----------------------------------------------------------------------------------------------------------


def laid_out(document: dict[str, Any]) -> list[str]:
    return [each.resource_id or str(each.document["id"]) for each in stages_of(document)]


def ways(document: dict[str, Any]) -> dict[str, list[str | None]]:
    """Where a record goes from each stage, by names."""
    stages = stages_of(document)
    names = {each.key: each.resource_id or str(each.document["id"]) for each in stages}
    return {
        names[each.key]: [
            names.get(key) if key else None
            for key in ([branch.to for branch in each.branches] if each.is_router else [each.following])
        ]
        for each in stages
    }


def test_branches_lie_one_behind_the_other_and_meet_again() -> None:
    document = routed(router("r1", (["a", "b"], "r2"), ([], "r2"), (["c"], None)), router("r2", (["d"], None)))

    check(compile_flow(document))
    assert laid_out(document) == ["r1", "a", "b", "c", "r2", "d"]
    assert ways(document) == {"r1": ["a", "r2", "c"], "a": ["b"], "b": ["r2"], "c": [None], "r2": ["d"], "d": [None]}


@pytest.mark.parametrize(
    ("routers", "order"),
    [
        ([("r1", ["r3"]), ("r2", []), ("r3", ["r2"])], ["r1", "r3", "r2"]),
        ([("r1", ["r2", "r3"]), ("r2", ["r4"]), ("r3", ["r4"]), ("r4", [])], ["r1", "r2", "r3", "r4"]),
        ([("r1", ["r2", "r3"]), ("r2", []), ("r3", ["r2"])], ["r1", "r3", "r2"]),
        ([("r1", []), ("r2", ["r1"])], ["r1", "r2"]),
    ],
)
def test_every_router_lies_before_those_that_it_leads_to(
    routers: list[tuple[str, list[str]]], order: list[str]
) -> None:
    document = routed(*(router(id_, *(([], target) for target in targets), ([], None)) for id_, targets in routers))

    assert laid_out(document) == order


# -- schedules --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "cron"),
    [
        ("? 0 2 ? * *", "0 2 * * *"),
        ("? 10,40 0,1,2 ? * *", "10,40 0,1,2 * * *"),
        ("? 5 0 ? * 1", "5 0 * * 1"),
        ("? */5 * * * *", "*/5 * * * *"),
        ("0 30 6 1 * ?", "30 6 1 * *"),
        ("?  0 0 ?  JAN  SUN-FRI", "0 0 * JAN SUN-FRI"),
        ("? 0 0 ? * 7", "0 0 * * 7"),
    ],
)
def test_schedules_have_a_field_that_says_nothing(schedule: str, cron: str) -> None:
    assert cron_of(schedule) == cron
    assert timing_of(schedule, "Europe/Oslo").expression == cron


@pytest.mark.parametrize(
    "schedule",
    ["0 2 * * *", "5 0 2 * * *", "* 0 2 * * *", "? ? 2 * * *", "? 0 2 * ? *", "? 61 2 * * *", "? 0 2 * * * *", "daily"],
)
def test_other_schedules_are_refused(schedule: str) -> None:
    with pytest.raises(InvalidError, match="Invalid cron expression"):
        timing_of(schedule)


def scheduled(document: dict[str, Any]) -> dict[str, Any]:
    graph = compile_flow({**document, "timezone": "Europe/Oslo"})
    check(graph)
    return {each.timing.expression: each.input for each in schedule_triggers(graph)}


def test_the_flow_s_schedule_starts_all_generators() -> None:
    assert scheduled({**LINEAR, "schedule": "? 0 2 ? * *"}) == {"0 2 * * *": {}}


def test_a_generator_with_a_schedule_of_its_own_is_left_to_it() -> None:
    generators = [{"_exportId": "e1"}, {"_exportId": "e2", "schedule": "? 5 0 ? * 1"}]
    document = {**LINEAR, "schedule": "? 0 2 ? * *", "pageGenerators": generators}

    assert scheduled(document) == {"0 2 * * *": {"exports": ["e1"]}, "5 0 * * 1": {"exports": ["e2"]}}


def test_a_flow_s_schedule_that_is_left_with_no_generator_starts_nothing() -> None:
    generators = [{"_exportId": "e1", "schedule": "? 5 0 ? * 1"}]
    document = {**LINEAR, "schedule": "? 0 2 ? * *", "pageGenerators": generators}

    assert scheduled(document) == {"5 0 * * 1": {"exports": ["e1"]}}

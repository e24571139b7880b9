"""The graph that a flow's document compiles to.

Triggers lead to `begin`, one loop for each generator, and `end`. A round of a loop is one page: `page` makes it, the
stages take it one after the other, and `tally` settles its account. What the nodes need of the document stands in
their configuration; what earlier nodes of the run said, they get by templates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from chalicelib.domain.flows.flows import ResourceKind
from chalicelib.domain.flows.problems import problems_of_flow
from chalicelib.domain.flows.schedules import cron_of
from chalicelib.domain.flows.scripts import ScriptRef
from chalicelib.domain.flows.steps import (
    ALL_MATCHING,
    Generator,
    Stage,
    children_of_flow,
    generators_of,
    references_of,
    stages_of,
)
from chalicelib.domain.graph import Backoff, Concurrency, Edge, Graph, Node, OnLimit, RetryPolicy
from chalicelib.domain.json import Json

__all__ = ["children_of_flow", "compile_flow", "generators_of", "problems_of_flow", "references_of", "stages_of"]

MAX_PAGES = 10_000_000
"""More than any generator makes: a loop has to have a limit."""

STEP_SECONDS = 90.0
"""How long one attempt of a step may take that makes requests; what it leaves the next attempt does."""

_REQUESTING = RetryPolicy(1_000, Backoff.FIXED, delay_seconds=0.05, max_delay_seconds=3_600.0)
"""Requests are counted one by one, so attempts of a step only end where nothing goes on for very long."""
_KEEPING = RetryPolicy(30, Backoff.EXPONENTIAL, delay_seconds=0.2, max_delay_seconds=30.0)
"""For steps that only read and write what we keep."""

_BEGIN, _END = "begin", "end"
_PAGE, _TALLY = "page", "tally"
_BEGUN = f"{{{{ $node.{_BEGIN} }}}}"


def compile_flow(document: Mapping[str, Json]) -> Graph:
    """The graph of a document that `problems_of_flow` finds nothing wrong with."""
    generators, stages = generators_of(document), stages_of(document)
    triggers = _triggers(document, generators)
    begin = Node(_BEGIN, "flow_begin", "Begin", _begin_config(document, generators, stages), _KEEPING)
    loops = [_loop(document, generator, stages) for generator in generators]
    end = Node(_END, "flow_end", "End", _end_config(document, generators), _KEEPING)
    edges = [Edge(trigger.id, _BEGIN) for trigger in triggers]
    if document.get("runPageGeneratorsInParallel") is True and loops:
        edges += [edge for loop in loops for edge in (Edge(_BEGIN, loop.id), Edge(loop.id, _END))]
    else:
        edges += [Edge(one.id, other.id) for one, other in pairwise([begin, *loops, end])]
    nodes = (*triggers, begin, *loops, end)
    # Two runs at a time would export the same window, and each move its mark.
    return Graph(nodes, tuple(edges), concurrency=Concurrency(1, on_limit=OnLimit.QUEUE))


def _triggers(document: Mapping[str, Json], generators: Sequence[Generator]) -> list[Node]:
    """A generator with a schedule of its own is left to it; the flow's schedule starts the others."""
    timezone = document.get("timezone") or "UTC"
    triggers = [Node("manual", "trigger", config={"kind": "manual"})]
    schedule = document.get("schedule")
    others = [each.export_id for each in generators if each.schedule is None]
    if isinstance(schedule, str) and schedule and (others or not generators):
        given: dict[str, Json] = {} if len(others) == len(generators) else {"exports": list(others)}
        triggers.append(_schedule("schedule", schedule, timezone, given))
    for generator in generators:
        if generator.schedule is not None:
            given = {"exports": [generator.export_id]}
            triggers.append(_schedule(f"schedule_{generator.key}", generator.schedule, timezone, given))
    return triggers


def _schedule(id_: str, schedule: str, timezone: Json, given: dict[str, Json]) -> Node:
    """Due times that were missed are not made up for: the next run exports what they would have."""
    config: dict[str, Json] = {
        "kind": "schedule",
        "cron": cron_of(schedule),
        "timezone": timezone,
        "catch_up": "none",
        "input": given,
    }
    return Node(id_, "trigger", config=config)


def _begin_config(
    document: Mapping[str, Json], generators: Sequence[Generator], stages: Sequence[Stage]
) -> dict[str, Json]:
    return {
        "generators": [
            {"key": each.key, "export": each.export_id, "behind": _behind(document, each)} for each in generators
        ],
        "stages": [
            {"key": each.key, "kind": each.kind.value, "id": each.resource_id, "order": each.order}
            for each in stages
            if each.kind is not None
        ],
        "integration": document.get("_integrationId"),
        "settings": document.get("settings"),
        "auto_resolve": document.get("autoResolveMatchingTraceKeys") is True,
    }


def _behind(document: Mapping[str, Json], generator: Generator) -> Json:
    """The flow, and the export of it if one is named, that a generator's delta is to stay behind."""
    for source in (generator.document, document):
        flow = source.get("_keepDeltaBehindFlowId")
        if flow:
            return {"flow": flow, "export": source.get("_keepDeltaBehindExportId")}
    return None


def _end_config(document: Mapping[str, Json], generators: Sequence[Generator]) -> dict[str, Json]:
    return {
        "exports": {each.key: each.export_id for each in generators},
        "ended": {each.key: f"{{{{ $node.{each.key} }}}}" for each in generators},
        "next": _following(document),
        "begin": _BEGUN,
    }


def _following(document: Mapping[str, Json]) -> list[Json]:
    """The flows to start, each once: a whole one by its id, else an object with the exports of it that are to run."""
    whole, chosen = document.get("_runNextFlowIds"), document.get("_runNextExportIds")
    found: dict[str, list[Json] | None] = {each: None for each in _listed(whole) if isinstance(each, str)}
    for each in _listed(chosen):
        if isinstance(each, dict):
            exports = found.setdefault(str(each.get("_flowId")), [])
            # A flow that is named whole stays whole, whichever exports of it are named besides.
            if exports is not None:
                exports.append(each.get("_exportId"))
    return [id_ if exports is None else {"flow": id_, "exports": exports} for id_, exports in found.items()]


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _loop(document: Mapping[str, Json], generator: Generator, stages: Sequence[Stage]) -> Node:
    page = Node(_PAGE, "export", "Page", _page_config(generator, stages), _REQUESTING, timeout_seconds=STEP_SECONDS)
    inner = [_stage(each) for each in stages]
    tally = Node(
        _TALLY,
        "tally",
        "Tally",
        _tally_config(document, generator, stages),
        _REQUESTING,
        timeout_seconds=STEP_SECONDS,
    )
    nodes = (page, *inner, tally)
    body = Graph(nodes, tuple(Edge(one.id, other.id) for one, other in pairwise(nodes)))
    # The tally is the last step of the body, and says whether the generator has more.
    config: dict[str, Json] = {"while": "$prev.more", "max_iterations": MAX_PAGES}
    return Node(generator.key, "loop", generator.export_id, config, bodies={"body": body})


def _page_config(generator: Generator, stages: Sequence[Stage]) -> dict[str, Json]:
    return {
        "generator": generator.key,
        "export": generator.export_id,
        "stages": {each.key: each.resource_id for each in stages},
        "first": stages[0].key if stages else None,
        "begin": _BEGUN,
    }


def _stage(stage: Stage) -> Node:
    if stage.is_router:
        branches: list[Json] = [{"rules": each.rules, "to": each.to} for each in stage.branches]
        config: dict[str, Json] = {
            "stage": stage.key,
            "branches": branches,
            "to_all": stage.document.get("routeRecordsTo") == ALL_MATCHING,
            "begin": _BEGUN,
        }
        name = stage.document.get("name")
        title = name if isinstance(name, str) else ""
        if stage.script is None:
            return Node(stage.key, "router", title, config, _KEEPING)
        # A script runs elsewhere, which may be as busy as any receiver of requests.
        config |= {"script": _script(stage.script), "names": [each.name for each in stage.branches]}
        return Node(stage.key, "router", title, config, _REQUESTING, timeout_seconds=STEP_SECONDS)
    config = {
        "stage": stage.key,
        "id": stage.resource_id,
        "to": stage.following,
        "response_mapping": stage.document.get("responseMapping"),
        "proceed": stage.document.get("proceedOnFailure") is True,
        "begin": _BEGUN,
    }
    if stage.script is not None:
        config["hook"] = _script(stage.script)
    type_ = "lookup" if stage.kind is ResourceKind.EXPORT else "import"
    return Node(stage.key, type_, stage.resource_id, config, _REQUESTING, timeout_seconds=STEP_SECONDS)


def _script(ref: ScriptRef) -> Json:
    return {"_scriptId": ref.script_id, "function": ref.function}


def _tally_config(document: Mapping[str, Json], generator: Generator, stages: Sequence[Stage]) -> dict[str, Json]:
    skips = any(source.get("skipRetries") is True for source in (document, generator.document))
    return {
        "generator": generator.key,
        "export": generator.export_id,
        "stages": [{"key": each.key, "id": each.resource_id, "order": each.order} for each in stages],
        "skip_retries": skips,
        # What the page's steps said is not asked for by templates: all of it together may be larger than those allow.
        "begin": _BEGUN,
    }

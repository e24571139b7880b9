"""The steps of a flow, read from its document: generators, and stages in the order in which records meet them.

A stage is a processor or a router. Stages have keys that say where they stand (`s0`, `s1`, …), generators too (`g0`,
…): figures, errors and records on their way name them by these. A document is expected to be one that
`problems_of_flow` finds nothing wrong with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.domain.flows.flows import Child, ResourceKind
from chalicelib.domain.flows.scripts import BY_SCRIPT, PROCESSOR_HOOKS, ScriptRef, scripts_of_hooks
from chalicelib.domain.json import Json

FIRST_MATCHING, ALL_MATCHING = "first_matching_branch", "all_matching_branches"
BY_FILTERS = "input_filters"


@dataclass(frozen=True, slots=True)
class Generator:
    """`document` is its member of the flow's document; of a simple flow, one that says the same."""

    key: str
    export_id: str
    document: Mapping[str, Json]
    path: str

    @property
    def schedule(self) -> str | None:
        value = self.document.get("schedule")
        return value if isinstance(value, str) and value else None


@dataclass(frozen=True, slots=True)
class Branch:
    """`rules` are the filter's, None for a branch that takes every record; `to` is the stage that its records enter
    next, None where they have arrived. A router that goes by a script may be told the branch's `name`."""

    rules: Json
    to: str | None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """`kind` is EXPORT for a lookup, IMPORT, or None for a router, which has branches and no resource. `following` is
    the stage that a record enters next."""

    key: str
    kind: ResourceKind | None
    resource_id: str
    document: Mapping[str, Json]
    path: str
    order: int = 0
    following: str | None = None
    branches: tuple[Branch, ...] = ()

    @property
    def is_router(self) -> bool:
        return self.kind is None

    @property
    def script(self) -> ScriptRef | None:
        """Of a router that goes by one; of a processor, the one that sees its records last."""
        if self.is_router:
            return ScriptRef.of(self.document.get("script")) if self._is_routed_by_script else None
        hooks = self.document.get("hooks")
        return ScriptRef.of(hooks.get(PROCESSOR_HOOKS[0])) if isinstance(hooks, dict) else None

    @property
    def _is_routed_by_script(self) -> bool:
        return self.document.get("routeRecordsUsing") == BY_SCRIPT


def generators_of(document: Mapping[str, Json]) -> tuple[Generator, ...]:
    simple = document.get("_exportId")
    members = _objects(document.get("pageGenerators"))
    if not members and isinstance(simple, str):
        return (Generator("g0", simple, {"_exportId": simple}, "_exportId"),)
    return tuple(
        Generator(f"g{index}", str(member.get("_exportId")), member, f"pageGenerators[{index}]._exportId")
        for index, member in enumerate(members)
    )


def stages_of(document: Mapping[str, Json]) -> tuple[Stage, ...]:
    routers = _objects(document.get("routers"))
    if routers:
        return _routed(routers)
    simple = document.get("_importId")
    members = _objects(document.get("pageProcessors"))
    if not members and isinstance(simple, str):
        return (Stage("s0", ResourceKind.IMPORT, simple, {}, "_importId", 1),)
    return tuple(_linked([_processor(member, f"pageProcessors[{at}]") for at, member in enumerate(members)], 0, None))


def children_of_flow(document: Mapping[str, Json]) -> tuple[Child, ...]:
    """The parts of its jobs that have figures of their own: generators, then processors."""
    generators = [Child(each.key, ResourceKind.EXPORT, each.export_id, 0) for each in generators_of(document)]
    stages = [Child(each.key, each.kind, each.resource_id, each.order) for each in stages_of(document) if each.kind]
    return (*generators, *stages)


def references_of(document: Mapping[str, Json]) -> tuple[tuple[str, ResourceKind, str], ...]:
    """Where the document names exports and imports: the path, the kind and the id."""
    found = [(each.path, ResourceKind.EXPORT, each.export_id) for each in generators_of(document)]
    return (*found, *((each.path, each.kind, each.resource_id) for each in stages_of(document) if each.kind))


def scripts_of_flow(document: Mapping[str, Json]) -> tuple[tuple[str, str], ...]:
    """Where the flow itself names scripts: paths and ids. What its exports and imports name is theirs."""
    found: list[tuple[str, str]] = []
    for stage in stages_of(document):
        if not stage.is_router:
            found += scripts_of_hooks(stage.document, f"{stage.path.rpartition('.')[0]}.")
        elif stage.script is not None:
            found.append((f"{stage.path}.script._scriptId", stage.script.script_id))
    return tuple(found)


def router_order(routers: Sequence[Mapping[str, Any]]) -> list[int] | None:
    """The routers from the first one on, each before those that its branches lead to; None if there is a cycle.

    Routers that nothing leads to come last: no record meets them.
    """
    positions = {str(router.get("id")): index for index, router in enumerate(routers)}
    entered: list[int] = []
    done: list[int] = []
    state: dict[int, bool] = {}  # False while what lies behind it is being walked
    for start in range(len(routers)):
        trail = [(start, iter(_targets(routers[start], positions)))] if start not in state else []
        state.setdefault(start, False)
        # With a stack of its own, because routers may follow each other further than Python recurses.
        while trail:
            index, targets = trail[-1]
            target = next(targets, None)
            if target is None:
                state[index] = True
                done.append(index)
                trail.pop()
            elif target not in state:
                state[target] = False
                trail.append((target, iter(_targets(routers[target], positions))))
            elif not state[target]:
                return None
        # Backwards, the order in which they were finished puts each before those that it leads to. Those that only
        # later starts reach come behind all of these.
        if start == 0:
            entered = done[::-1]
            done = []
    return [*entered, *done[::-1]]


def _routed(routers: list[Mapping[str, Any]]) -> tuple[Stage, ...]:
    """Routers in an order in which records only ever move on, each followed by its branches' processors."""
    stages: list[Stage] = []
    entries: dict[str, str] = {}
    laid: list[tuple[int, list[list[Stage]]]] = []
    number = order = 0
    for index in router_order(routers) or []:
        router = routers[index]
        entries[str(router.get("id"))] = f"s{number}"
        number += 1
        branches = []
        for at, branch in enumerate(_objects(router.get("branches"))):
            path = f"routers[{index}].branches[{at}].pageProcessors"
            members = _objects(branch.get("pageProcessors"))
            processors = [_processor(member, f"{path}[{position}]") for position, member in enumerate(members)]
            branches.append([replace(each, key=f"s{number + n}") for n, each in enumerate(processors)])
            number += len(processors)
        laid.append((index, branches))
    # A second pass, because a branch may lead to a router that the first one numbers after it.
    for index, branches in laid:
        router = routers[index]
        documents = _objects(router.get("branches"))
        exits = [entries.get(str(branch.get("nextRouterId"))) for branch in documents]
        ways = [each[0].key if each else to for each, to in zip(branches, exits, strict=True)]
        filters = [_rules(branch.get("inputFilter")) for branch in documents]
        key = entries[str(router.get("id"))]
        names = [name if isinstance(name := branch.get("name"), str) else "" for branch in documents]
        chosen = tuple(Branch(*each) for each in zip(filters, ways, names, strict=True))
        stages.append(Stage(key, None, "", router, f"routers[{index}]", branches=chosen))
        for processors, to in zip(branches, exits, strict=True):
            linked = [replace(each, order=order + n) for n, each in enumerate(processors, 1)]
            stages.extend(_chained(linked, to))
            # Routers have keys, like all stages, but no place in this order: they are no children of the job.
            order += len(linked)
    return tuple(stages)


def _linked(processors: list[Stage], first: int, to: str | None) -> list[Stage]:
    """Processors one after the other, with the keys and orders that follow from their places."""
    named = [replace(each, key=f"s{first + n}", order=first + n + 1) for n, each in enumerate(processors)]
    return _chained(named, to)


def _chained(processors: list[Stage], to: str | None) -> list[Stage]:
    following = [each.key for each in processors[1:]]
    # Not strict: where there are no processors there is one key too many.
    return [replace(each, following=key) for each, key in zip(processors, [*following, to], strict=False)]


def _processor(member: Mapping[str, Json], path: str) -> Stage:
    kind = ResourceKind.EXPORT if member.get("type") == "export" else ResourceKind.IMPORT
    name = "_exportId" if kind is ResourceKind.EXPORT else "_importId"
    return Stage("", kind, str(member.get(name)), member, f"{path}.{name}")


def _targets(router: Mapping[str, Any], positions: Mapping[str, int]) -> Iterator[int]:
    # Backwards, because whoever is finished first comes last: branches are to lie in the order they are written in.
    for branch in reversed(_objects(router.get("branches"))):
        target = positions.get(str(branch.get("nextRouterId")))
        if target is not None:
            yield target


def _rules(given: Json) -> Json:
    """The filter of a branch, None where there is none to pass."""
    if not isinstance(given, dict):
        return None
    expression = given.get("expression")
    inner = expression if isinstance(expression, dict) else given
    return given if inner.get("rules") else None


def _objects(value: Json) -> list[Any]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []

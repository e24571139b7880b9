"""What is wrong with the document of a flow, as far as that follows from the document alone.

Whether the exports, imports and flows exist that it names is for whoever can look them up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib.domain.cron.zones import zone_of
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.flows.checks.scripts import check_hooks, check_script
from chalicelib.domain.flows.flows import MAX_CHILDREN
from chalicelib.domain.flows.schedules import timing_of
from chalicelib.domain.flows.scripts import BY_SCRIPT, PROCESSOR_HOOKS
from chalicelib.domain.flows.steps import (
    ALL_MATCHING,
    BY_FILTERS,
    FIRST_MATCHING,
    children_of_flow,
    generators_of,
    router_order,
    stages_of,
)
from chalicelib.domain.json import Json
from chalicelib.domain.records.filters import problems_of_filter
from chalicelib.domain.records.problems import Problem, Problems
from chalicelib.domain.records.response_mapping import problems_of_response_mapping

MAX_NAME = 255
MAX_DESCRIPTION = 10_240
MAX_NEXT = 100
MAX_WAYS = 2_500
"""Every generator has a loop of its own through all steps, so a graph grows with the product."""
_BOTH = '"pageProcessors" is not allowed when "routers" is present'
_BOOLEANS = ("disabled", "skipRetries", "runPageGeneratorsInParallel", "autoResolveMatchingTraceKeys")
_IDS = ("_integrationId", "_exportId", "_importId", "_keepDeltaBehindFlowId", "_keepDeltaBehindExportId")
_STEP_KINDS = {"export": "_exportId", "import": "_importId"}


def problems_of_flow(document: Mapping[str, Json]) -> list[Problem]:
    """All of it, in the order of the members; none for a flow that can be run."""
    problems = Problems()
    _check_plain(document, problems)
    _check_timing(document, problems)
    _check_each(document, "pageGenerators", problems, _check_generator)
    if document.get("routers") and document.get("pageProcessors"):
        problems.invalid("pageProcessors", _BOTH)
    _check_each(document, "pageProcessors", problems, _check_processor)
    _check_each(document, "routers", problems, _check_router)
    if not problems.found:
        # It reads members as what they are to be, which is only known now.
        _check_routes(_objects(document.get("routers")), problems)
    if not problems.found:
        _check_size(document, problems)
    return problems.found


def _check_plain(document: Mapping[str, Json], problems: Problems) -> None:
    name = document.get("name")
    if name is None or name == "":
        problems.missing("name")
    elif problems.expect("name", name, str, "a string") and len(str(name)) > MAX_NAME:
        problems.invalid("name", f"Path `name` must have at most {MAX_NAME} characters.")
    description = document.get("description")
    if problems.expect("description", description, str, "a string") and len(str(description or "")) > MAX_DESCRIPTION:
        problems.invalid("description", f"Path `description` must have at most {MAX_DESCRIPTION} characters.")
    for field in _BOOLEANS:
        problems.expect(field, document.get(field), bool, "a boolean")
    for field in _IDS:
        problems.expect(field, document.get(field), str, "an id")
    for field, check in (("_runNextFlowIds", _check_id), ("_runNextExportIds", _check_next_export)):
        following = document.get(field)
        if problems.expect(field, following, list, "an array") and isinstance(following, list):
            _check_following(field, following, problems, check)
    problems.expect("settings", document.get("settings"), dict, "an object")


def _check_following(
    field: str, following: Sequence[Json], problems: Problems, check: Callable[[Json, str, Problems], None]
) -> None:
    if len(following) > MAX_NEXT:
        problems.invalid(field, f"Path `{field}` must have at most {MAX_NEXT} members.")
    for index, each in enumerate(following[:MAX_NEXT]):
        check(each, f"{field}[{index}]", problems)


def _check_id(value: Json, path: str, problems: Problems) -> None:
    if not isinstance(value, str):
        problems.invalid(path, f"Path `{path}` must be an id.")


def _check_next_export(value: Json, path: str, problems: Problems) -> None:
    """A flow with the one of its exports that is to run. The id of an export alone is an older form, which says
    nothing of a flow."""
    if not isinstance(value, dict):
        _check_id(value, path, problems)
        return
    for name in ("_flowId", "_exportId"):
        if value.get(name) is None:
            problems.missing(f"{path}.{name}")
        else:
            _check_id(value[name], f"{path}.{name}", problems)


def _check_timing(document: Mapping[str, Json], problems: Problems) -> None:
    timezone = document.get("timezone")
    if problems.expect("timezone", timezone, str, "a string") and isinstance(timezone, str) and timezone:
        try:
            zone_of(timezone)
        except InvalidError:
            problems.invalid("timezone", f"'{timezone[:64]}' is not a known time zone.")
    _check_schedule("schedule", document.get("schedule"), problems)


def _check_schedule(field: str, schedule: Json, problems: Problems) -> None:
    if not (problems.expect(field, schedule, str, "a string") and isinstance(schedule, str) and schedule):
        return
    try:
        timing_of(schedule)
    except InvalidError as error:
        problems.invalid(field, error.message)


def _check_each(
    document: Mapping[str, Json],
    field: str,
    problems: Problems,
    check: Callable[[Mapping[str, Json], str, Problems], None],
    where: str = "",
) -> None:
    """Every member of a list, each of which is to be an object."""
    place = f"{where}.{field}" if where else field
    members = document.get(field)
    if not (problems.expect(place, members, list, "an array") and isinstance(members, list)):
        return
    for index, member in enumerate(members):
        if isinstance(member, dict):
            check(member, f"{place}[{index}]", problems)
        else:
            problems.invalid(f"{place}[{index}]", f"Path `{place}[{index}]` must be an object.")


def _check_generator(member: Mapping[str, Json], where: str, problems: Problems) -> None:
    _check_reference(member, "_exportId", where, problems)
    _check_schedule(f"{where}.schedule", member.get("schedule"), problems)
    problems.expect(f"{where}.skipRetries", member.get("skipRetries"), bool, "a boolean")
    for field in ("_keepDeltaBehindFlowId", "_keepDeltaBehindExportId"):
        problems.expect(f"{where}.{field}", member.get(field), str, "an id")


def _check_processor(member: Mapping[str, Json], where: str, problems: Problems) -> None:
    kind = member.get("type")
    if kind is None:
        problems.missing(f"{where}.type")
    elif not isinstance(kind, str) or kind not in _STEP_KINDS:
        problems.invalid(f"{where}.type", f"Path `{where}.type` must be export or import.")
    else:
        _check_reference(member, _STEP_KINDS[kind], where, problems)
    problems.expect(f"{where}.proceedOnFailure", member.get("proceedOnFailure"), bool, "a boolean")
    check_hooks(member.get("hooks"), f"{where}.hooks", PROCESSOR_HOOKS, problems)
    mapping = member.get("responseMapping")
    if mapping is not None:
        problems.found.extend(problems_of_response_mapping(mapping, f"{where}.responseMapping"))


def _check_router(router: Mapping[str, Json], where: str, problems: Problems) -> None:
    _check_reference(router, "id", where, problems)
    problems.expect(f"{where}.name", router.get("name"), str, "a string")
    if router.get("routeRecordsTo") not in (None, FIRST_MATCHING, ALL_MATCHING):
        text = f"Path `{where}.routeRecordsTo` must be {FIRST_MATCHING} or {ALL_MATCHING}."
        problems.invalid(f"{where}.routeRecordsTo", text)
    if router.get("routeRecordsUsing") == BY_SCRIPT:
        check_script(router.get("script"), f"{where}.script", problems)
    elif router.get("routeRecordsUsing") not in (None, "", BY_FILTERS):
        text = f"Path `{where}.routeRecordsUsing` must be {BY_FILTERS} or {BY_SCRIPT}."
        problems.invalid(f"{where}.routeRecordsUsing", text)
    if not router.get("branches"):
        problems.missing(f"{where}.branches")
    else:
        _check_each(router, "branches", problems, _check_branch, where)


def _check_branch(branch: Mapping[str, Json], where: str, problems: Problems) -> None:
    for field in ("name", "description"):
        problems.expect(f"{where}.{field}", branch.get(field), str, "a string")
    problems.expect(f"{where}.nextRouterId", branch.get("nextRouterId"), str, "a string")
    if branch.get("inputFilter") is not None:
        problems.found.extend(problems_of_filter(branch["inputFilter"], f"{where}.inputFilter"))
    check_hooks(branch.get("hooks"), f"{where}.hooks", (), problems)
    _check_each(branch, "pageProcessors", problems, _check_processor, where)


def _check_routes(routers: list[Any], problems: Problems) -> None:
    """Ids are unique, every next router exists, and none leads back to itself."""
    known: set[str] = set()
    for index, router in enumerate(routers):
        if router["id"] in known:
            problems.invalid(f"routers[{index}].id", f"The id '{router['id'][:64]}' is used by several routers.")
        known.add(router["id"])
    for index, router in enumerate(routers):
        for at, branch in enumerate(router["branches"]):
            target = branch.get("nextRouterId")
            if target and target not in known:
                field = f"routers[{index}].branches[{at}].nextRouterId"
                problems.invalid(field, f"There is no router '{target[:64]}'.")
    if not problems.found and router_order(routers) is None:
        problems.invalid("routers", "The routers lead back to each other in a circle.")


def _check_size(document: Mapping[str, Json], problems: Problems) -> None:
    """Parts of a job are numbered with two digits, and stages beyond any use would make every page a long one."""
    generators, stages = len(generators_of(document)), len(stages_of(document))
    field = "routers" if document.get("routers") else "pageProcessors"
    if len(children_of_flow(document)) > MAX_CHILDREN or stages > MAX_CHILDREN:
        field = field if generators <= MAX_CHILDREN else "pageGenerators"
        problems.invalid(field, f"A flow has at most {MAX_CHILDREN} steps.")
    elif generators * stages > MAX_WAYS:
        text = f"The numbers of generators and of steps behind them multiply to more than {MAX_WAYS}."
        problems.invalid(field, text)


def _check_reference(member: Mapping[str, Json], name: str, where: str, problems: Problems) -> None:
    value = member.get(name)
    if value is None or value == "":
        problems.missing(f"{where}.{name}")
    else:
        problems.expect(f"{where}.{name}", value, str, "an id" if name.startswith("_") else "a string")


def _objects(value: Json) -> list[Any]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []

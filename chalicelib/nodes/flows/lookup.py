"""`lookup`: asks about each record, and maps what it finds onto it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.domain.flows.flows import ResourceKind
from chalicelib.domain.flows.http import FlowHttpError
from chalicelib.domain.flows.pages import Entry, Fault, fault_of
from chalicelib.domain.json import Json
from chalicelib.domain.records.errors import RecordError, Source
from chalicelib.nodes.flows import stages
from chalicelib.nodes.flows.parts import Unit
from chalicelib.nodes.flows.ports import FlowPorts
from chalicelib.nodes.flows.stages import Bench, Handled, Place
from chalicelib.nodes.steps import Handler
from chalicelib.services.flows.reading import asked_about, look_up, mocked, refine_found


def handler(ports: FlowPorts) -> Handler:
    return stages.handler(ports, _Lookup())


class _Lookup:
    kind = ResourceKind.EXPORT
    source: Source = "input_filter"

    def handle(self, bench: Bench, entries: Sequence[tuple[Place, Entry]]) -> dict[Place, Handled]:
        results = bench.work([_unit(bench, place, entry.record) for place, entry in entries])
        found: dict[Place, tuple[Json, list[Any]]] = {}
        for place, entry in entries:
            result: Any = results[str(place)]
            if isinstance(result, dict):
                found[place] = (entry.record, result["found"])
                # What scripts are still to see is no result yet.
                del results[str(place)]
        return stages.gathered(results) | (_refined(bench, found) if found else {})


def _unit(bench: Bench, place: Place, record: Json) -> Unit:
    def perform() -> Json:
        found = _found(bench, place, record)
        return {"found": found} if isinstance(found, list) else [[place, found.to_json()]]

    def give_up(error: FlowHttpError) -> Json:
        return [[place, _failed(bench, record, error).to_json()]]

    return Unit(str(place), perform, give_up)


def _found(bench: Bench, place: Place, record: Json) -> Handled | list[Json]:
    """What was found for the record, or for each of its children, as it came where scripts are to see it. A failure
    that may pass is left to whoever tries again."""
    responses: list[dict[str, Json]] = []
    mock = mocked(bench.desk)
    if mock is not None:
        return bench.mapped(record, [{"data": mock} for _ in asked_about(bench.desk, record)])
    try:
        for number, each in enumerate(asked_about(bench.desk, record)):
            suffix = f"/{place}.{number}" if bench.desk.rules.path_to_many is not None else f"/{place}"
            responses.append(look_up(bench.desk, each, bench.idempotency_key + suffix))
    except RecordError as error:
        return _failed(bench, record, error)
    except FlowHttpError as error:
        if error.is_passing:
            raise
        return _failed(bench, record, error)
    if bench.desk.rules.scripts.concern_found:
        return [each["data"] for each in responses]
    return bench.mapped(record, responses)


def _refined(bench: Bench, found: Mapping[Place, tuple[Json, list[Any]]]) -> dict[Place, Handled]:
    """One call of each script for all that was found for a page."""
    owners = [place for place, (_, lists) in found.items() for _ in lists]

    def refine() -> Json:
        refined = refine_found(bench.desk, [each for _, lists in found.values() for each in lists])
        return [each.to_json() if isinstance(each, Fault) else each for each in refined]

    try:
        made: Any = bench.keep("@refined", refine)
    except FlowHttpError as error:
        return {place: _failed(bench, record, error) for place, (record, _) in found.items()}
    lists: dict[Place, list[Any]] = {place: [] for place in found}
    for place, each in zip(owners, made, strict=True):
        lists[place].append(each)
    return {place: _mapped(bench, found[place][0], each) for place, each in lists.items()}


def _mapped(bench: Bench, record: Json, lists: list[Any]) -> Handled:
    """What scripts left of what was found; a failure is an object in the place of a list."""
    fault = next((Fault.of_json(each) for each in lists if isinstance(each, dict)), None)
    if fault is not None:
        return _failed_by(bench, record, fault)
    return bench.mapped(record, [{"data": each} for each in lists])


def _failed(bench: Bench, record: Json, error: FlowHttpError | RecordError) -> Handled:
    return _failed_by(bench, record, fault_of(error))


def _failed_by(bench: Bench, record: Json, fault: Fault) -> Handled:
    responses: list[dict[str, Json]] = [
        {"data": [], "errors": [fault.shown()]} for _ in asked_about(bench.desk, record)
    ]
    return bench.mapped(record, responses, fault)

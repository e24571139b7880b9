"""`lookup`: asks about each record, and maps what it finds onto it."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.domain.flows.flows import ResourceKind
from chalicelib.domain.flows.http import FlowHttpError
from chalicelib.domain.flows.pages import Entry, fault_of
from chalicelib.domain.json import Json
from chalicelib.domain.records.errors import RecordError
from chalicelib.nodes.flows import stages
from chalicelib.nodes.flows.parts import Unit
from chalicelib.nodes.flows.ports import FlowPorts
from chalicelib.nodes.flows.stages import Bench, Handled, Place
from chalicelib.nodes.steps import Handler
from chalicelib.services.flows.desk import Desk
from chalicelib.services.flows.reading import asked_about, look_up


def handler(ports: FlowPorts) -> Handler:
    return stages.handler(ports, _Lookup())


class _Lookup:
    kind = ResourceKind.EXPORT

    def lets_in(self, desk: Desk, record: Json) -> bool:
        return desk.rules.input_filter.passes(record, desk.surroundings(), "input_filter")

    def units(self, bench: Bench, entries: Sequence[tuple[Place, Entry]]) -> list[Unit]:
        return [_unit(bench, place, entry.record) for place, entry in entries]


def _unit(bench: Bench, place: Place, record: Json) -> Unit:
    def perform() -> Json:
        return [[place, _found(bench, place, record).to_json()]]

    def give_up(error: FlowHttpError) -> Json:
        return [[place, _failed(bench, record, error).to_json()]]

    return Unit(str(place), perform, give_up)


def _found(bench: Bench, place: Place, record: Json) -> Handled:
    """A failure that may pass is left to whoever tries again."""
    responses = []
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
    return bench.mapped(record, responses)


def _failed(bench: Bench, record: Json, error: FlowHttpError | RecordError) -> Handled:
    fault = fault_of(error)
    responses: list[dict[str, Json]] = [
        {"data": [], "errors": [fault.shown()]} for _ in asked_about(bench.desk, record)
    ]
    return bench.mapped(record, responses, fault)

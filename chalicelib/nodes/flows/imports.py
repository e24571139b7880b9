"""`import`: sends records, one by one or several together, and maps what comes back onto each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chalicelib.domain.flows.flows import ResourceKind
from chalicelib.domain.flows.http import FlowHttpError
from chalicelib.domain.flows.pages import Entry, Fault
from chalicelib.domain.json import Json
from chalicelib.domain.records.errors import Source
from chalicelib.nodes.flows import stages
from chalicelib.nodes.flows.hooked_imports import hooked
from chalicelib.nodes.flows.parts import Unit
from chalicelib.nodes.flows.ports import FlowPorts
from chalicelib.nodes.flows.stages import Bench, Handled, Place
from chalicelib.nodes.steps import Handler
from chalicelib.services.flows.reading import asked_about
from chalicelib.services.flows.writing import Submitted, batch_size, refused, submit


def handler(ports: FlowPorts) -> Handler:
    return stages.handler(ports, _Import())


class _Import:
    kind = ResourceKind.IMPORT
    source: Source = "import_filter"

    def handle(self, bench: Bench, entries: Sequence[tuple[Place, Entry]]) -> dict[Place, Handled]:
        records = [(place, entry.record) for place, entry in entries]
        if not bench.desk.rules.scripts.concern_sent:
            return stages.gathered(bench.work(_units(bench, records)))
        sent = hooked(bench, records)
        return {place: _handled(bench, record, sent[place]) for place, record in records}


def _units(bench: Bench, records: Sequence[tuple[Place, Json]]) -> list[Unit]:
    """Of a record that stands for many, the children go together; else as many records as the import takes."""
    if bench.desk.rules.path_to_many is not None:
        return [_family(bench, place, record) for place, record in records]
    size = batch_size(bench.desk.rules.http)
    return [_batch(bench, records[start : start + size]) for start in range(0, len(records), size)]


def _batch(bench: Bench, records: Sequence[tuple[Place, Json]]) -> Unit:
    key = f"{records[0][0]}"

    def perform() -> Json:
        sent = submit(bench.desk, [record for _, record in records], f"{bench.idempotency_key}/{key}")
        return [
            [place, _handled(bench, record, [each]).to_json()]
            for (place, record), each in zip(records, sent, strict=True)
        ]

    def give_up(error: FlowHttpError) -> Json:
        each = refused(error)
        return [[place, _handled(bench, record, [each]).to_json()] for place, record in records]

    return Unit(key, perform, give_up)


def _family(bench: Bench, place: Place, record: Json) -> Unit:
    children = asked_about(bench.desk, record)
    size = batch_size(bench.desk.rules.http)

    def perform() -> Json:
        sent: list[Submitted] = []
        for start in range(0, len(children), size):
            key = f"{bench.idempotency_key}/{place}.{start}"
            sent += submit(bench.desk, children[start : start + size], key)
        return [[place, _handled(bench, record, sent).to_json()]]

    def give_up(error: FlowHttpError) -> Json:
        return [[place, _handled(bench, record, [refused(error)] * len(children)).to_json()]]

    return Unit(str(place), perform, give_up)


def _handled(bench: Bench, record: Json, sent: Sequence[Submitted]) -> Handled:
    """A record has arrived once all that it stands for has; it was ignored where all of that was."""
    fault: Fault | None = next((each.fault for each in sent if each.fault is not None), None)
    handled = bench.mapped(record, [each.response for each in sent], fault)
    notes = tuple(note for each in sent for note in each.notes)
    is_ignored = handled.fault is None and bool(sent) and all(each.is_ignored for each in sent)
    return replace(handled, is_ignored=is_ignored, notes=notes)

"""What lookups and imports have in common: the records of a page that are theirs, worked on, and what becomes of each.

A record that fails stops, unless the flow says that it goes on; the others are not concerned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from chalicelib.domain.flows.flows import ResourceKind
from chalicelib.domain.flows.http import FlowHttpError
from chalicelib.domain.flows.pages import TOO_LARGE, Account, Entry, Fault, entries_of, fault_of, size_of
from chalicelib.domain.flows.scripts import ScriptRef
from chalicelib.domain.json import Json, encode
from chalicelib.domain.records.errors import RecordError, Source
from chalicelib.domain.records.response_mapping import ResponseMapping, compile_response_mapping
from chalicelib.nodes.flows import parts
from chalicelib.nodes.flows.parts import Unit
from chalicelib.nodes.flows.ports import (
    MAX_PAGE_BYTES,
    FlowPorts,
    begun,
    config_of,
    facts,
    generator_of,
    patient,
    step_until,
)
from chalicelib.nodes.steps import Handler, Result, StepContext
from chalicelib.services.flows.desk import Desk
from chalicelib.services.flows.hooks import passing, response_mapped
from chalicelib.services.flows.reading import with_responses
from chalicelib.services.flows.submitting import Keep, response_of

Place = int
"""Of an entry in the page as it came."""


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of an entry. `record` is what goes on, None in the tuple's place for the record as it was."""

    record: tuple[Json] | None = None
    fault: Fault | None = None
    is_ignored: bool = False
    notes: tuple[Fault, ...] = ()
    """Errors beside what became of it."""
    responses: tuple[dict[str, Json], ...] = ()
    """What came back for it, or for each of its children, where a hook is to see that."""

    def to_json(self) -> Json:
        handled: dict[str, Json] = {}
        if self.record is not None:
            handled["r"] = self.record[0]
        if self.fault is not None:
            handled["f"] = self.fault.to_json()
        if self.is_ignored:
            handled["i"] = True
        if self.responses:
            handled["s"] = list[Json](self.responses)
        return handled

    @staticmethod
    def of_json(handled: Any) -> Handled:
        return Handled(
            (handled["r"],) if "r" in handled else None,
            Fault.of_json(handled["f"]) if "f" in handled else None,
            handled.get("i", False),
            responses=tuple(handled.get("s", ())),
        )


@dataclass(frozen=True, slots=True)
class Bench:
    """What a stage has at hand: its desk, the mapping of what comes back, and the key that its requests begin with."""

    desk: Desk
    mapping: ResponseMapping
    idempotency_key: str
    work: Callable[[Sequence[Unit]], dict[str, Json]]
    """Performs units, as `parts.work_off` does."""
    keep: Keep
    has_hook: bool = False

    def mapped(self, record: Json, responses: list[dict[str, Json]], fault: Fault | None = None) -> Handled:
        """What came back for the record, mapped onto it. After a failure this cannot fail once more."""
        kept = tuple(responses) if self.has_hook else ()
        try:
            mapped = with_responses(self.mapping, record, self.desk.rules.path_to_many, responses)
            if mapped is not record:
                size_of(mapped)
        except RecordError as error:
            return Handled(fault=fault or fault_of(error), responses=kept)
        return Handled(None if mapped is record else (mapped,), fault, responses=kept)


class Trade(Protocol):
    """What a stage does with records that are let in."""

    kind: ResourceKind

    source: Source
    """Of errors of the filter that lets records in."""

    def handle(self, bench: Bench, entries: Sequence[tuple[Place, Entry]]) -> dict[Place, Handled]:
        """What became of each. Raises as `parts.work_off` and calls of scripts do."""


def gathered(results: Mapping[str, Json]) -> dict[Place, Handled]:
    """Of results of units that are lists of `[place, handled]`."""
    handled: dict[Place, Handled] = {}
    for result in results.values():
        assert isinstance(result, list)
        handled |= {place: Handled.of_json(each) for place, each in result}  # type: ignore[misc,str-unpack]
    return handled


def handler(ports: FlowPorts, trade: Trade) -> Handler:
    @patient
    def stage(context: StepContext) -> Result:
        return Result(_Stage(ports, trade, context).output())

    return stage


class _Stage:
    def __init__(self, ports: FlowPorts, trade: Trade, context: StepContext) -> None:
        self._ports = ports
        self._trade = trade
        self._context = context
        self._task = context.task
        self._config = config_of(context.task)
        self._key: str = self._config["stage"]
        self._entries = entries_of(self._task.incoming)

    def output(self) -> Json:
        began_at = self._context.now()
        mine = [(place, entry) for place, entry in enumerate(self._entries) if entry.at == self._key]
        if not mine:
            return {"records": [entry.to_json() for entry in self._entries]}
        desk, handled = self._handled(mine)
        account = self._account(desk, handled)
        output = account.to_json(began_at, self._context.now())
        if len(encode(output["records"])) > MAX_PAGE_BYTES:
            # Settled anew, with those that have no room as failed: what was sent of them stays sent.
            account = self._account(desk, self._within_bounds(handled))
            output = account.to_json(began_at, self._context.now())
        return output

    def _handled(self, mine: list[tuple[Place, Entry]]) -> tuple[Desk | None, dict[Place, Handled]]:
        said = begun(self._config)
        known = facts(self._context, said, generator_of(self._task))
        try:
            desk = self._ports.desks.open(self._trade.kind, self._config["id"], known, step_until(self._context))
        except FlowHttpError as error:
            return None, {place: Handled(fault=fault_of(error)) for place, _ in mine}
        part = parts.load(self._ports, self._task)
        hook = ScriptRef.of(self._config.get("hook"))
        bench = Bench(
            desk,
            compile_response_mapping(self._config["response_mapping"]),
            self._task.idempotency_key,
            work=lambda units: parts.work_off(self._ports, self._task, desk, units, part),
            keep=part.keep,
            has_hook=hook is not None,
        )
        with parts.keeping(self._ports, self._task, part):
            handled = self._kept_out(bench, mine)
            entering = [(place, entry) for place, entry in mine if place not in handled]
            handled |= self._trade.handle(bench, entering)
            return desk, handled if hook is None else _after_hook(bench, hook, mine, handled)

    def _kept_out(self, bench: Bench, mine: Sequence[tuple[Place, Entry]]) -> dict[Place, Handled]:
        """Those that are not let in."""

        def judge() -> Json:
            verdicts = passing(bench.desk, [entry.record for _, entry in mine], self._trade.source)
            return [each.to_json() if isinstance(each, Fault) else each for each in verdicts]

        try:
            # Only what a script said is kept; rules cost nothing to be asked again.
            verdicts: Any = bench.keep("@filter", judge) if self._is_filter_scripted(bench.desk) else judge()
        except FlowHttpError as error:
            return {place: Handled(fault=fault_of(error)) for place, _ in mine}
        return {
            place: Handled(is_ignored=True) if verdict is False else Handled(fault=Fault.of_json(verdict))
            for (place, _), verdict in zip(mine, verdicts, strict=True)
            if verdict is not True
        }

    def _is_filter_scripted(self, desk: Desk) -> bool:
        scripts = desk.rules.scripts
        return (scripts.input_filter if self._trade.source == "input_filter" else scripts.filter) is not None

    def _account(self, desk: Desk | None, handled: dict[Place, Handled]) -> Account:
        account = Account(pages=1)
        to, proceeds = self._config["to"], self._config["proceed"]
        for place, entry in enumerate(self._entries):
            result = handled.get(place)
            if result is None:
                account.passed_over(entry)
                continue
            record = entry.record if result.record is None else result.record[0]
            if result.fault is not None:
                template = desk.rules.trace_template if desk is not None else ""
                # By the stage's own template where it has one; a record that goes on keeps the key that it came with.
                trace_key = desk.trace_key(entry.record) if desk is not None and template else None
                after = to if proceeds else None
                account.failed(place, entry, result.fault, record=record, to=after, trace_key=trace_key)
            elif result.is_ignored:
                account.ignored(entry, record, to)
            else:
                account.succeeded(entry, record, to)
            for number, note in enumerate(result.notes, 1):
                account.noted(f"{place}.{number}", entry, note)
        return account

    def _within_bounds(self, handled: dict[Place, Handled]) -> dict[Place, Handled]:
        """Records that grew until the page was too large fail, from the first that has no room."""
        total = 0
        bounded = dict(handled)
        for place, entry in enumerate(self._entries):
            result = handled.get(place)
            record = entry.record if result is None or result.record is None else result.record[0]
            size = len(encode(record))
            if result is not None and result.record is not None and total + size > MAX_PAGE_BYTES:
                bounded[place] = replace(result, record=None, fault=TOO_LARGE)
                size = len(encode(entry.record))
            total += size
        return bounded


def _after_hook(
    bench: Bench, hook: ScriptRef, mine: Sequence[tuple[Place, Entry]], handled: dict[Place, Handled]
) -> dict[Place, Handled]:
    """With the records as postResponseMap leaves them, which sees all of the page, whatever became of them."""
    records = [entry.record if (known := handled[place].record) is None else known[0] for place, entry in mine]
    responses = [_response(bench, handled[place]) for place, _ in mine]

    def ask() -> Json:
        return list(response_mapped(bench.desk, hook, records, responses))

    try:
        left: Any = bench.keep("@postResponseMap", ask)
    except (FlowHttpError, RecordError) as error:
        fault = fault_of(error)
        # Why a record failed before the hook was asked says more.
        return {place: each if each.fault else replace(each, fault=fault) for place, each in handled.items()}
    return {place: replace(handled[place], record=(record,)) for (place, _), record in zip(mine, left, strict=True)}


def _response(bench: Bench, handled: Handled) -> Json:
    """Of a record that stands for many, one for each of its children."""
    usual: dict[str, Json] = {"ignored": True} if handled.is_ignored else {}
    if bench.desk.rules.path_to_many is not None:
        return [response_of(each, handled.fault) for each in handled.responses]
    return response_of({**usual, **(handled.responses[0] if handled.responses else {})}, handled.fault)

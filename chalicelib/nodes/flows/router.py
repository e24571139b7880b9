"""`router`: sends each record of a page into its branch, or a copy into every branch that takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.domain.flows.hooks import branches
from chalicelib.domain.flows.http import FlowHttpError
from chalicelib.domain.flows.pages import TOO_LARGE, Account, Entry, Fault, entries_of, fault_of, size_of
from chalicelib.domain.flows.script_program import Outcome
from chalicelib.domain.flows.scripts import ScriptRef
from chalicelib.domain.json import Json
from chalicelib.domain.records.errors import RecordError
from chalicelib.domain.records.filters import Filter, compile_filter
from chalicelib.domain.records.surroundings import Surroundings
from chalicelib.nodes.flows import parts
from chalicelib.nodes.flows.parts import Part
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
from chalicelib.services.flows.desk import RunFacts
from chalicelib.services.flows.hooks import routed

Ways = list[str | None]
"""The stages that a record enters next; None for the end of the flow."""


def handler(ports: FlowPorts) -> Handler:
    @patient
    def router(context: StepContext) -> Result:
        return Result(_routed(ports, context))

    return router


def _routed(ports: FlowPorts, context: StepContext) -> Json:
    task = context.task
    config = config_of(task)
    entries = entries_of(task.incoming)
    if all(entry.at != config["stage"] for entry in entries):
        return {"records": [entry.to_json() for entry in entries]}
    began_at = context.now()
    known = facts(context, begun(config), generator_of(task))
    mine = [(place, entry) for place, entry in enumerate(entries) if entry.at == config["stage"]]
    found = _by_script(ports, context, known, mine) if "script" in config else _by_filters(ports, config, known, mine)
    account = Account()
    copied = 0
    for place, entry in enumerate(entries):
        ways = found.get(place)
        if ways is None:
            account.passed_over(entry)
            continue
        if isinstance(ways, Fault):
            account.failed(place, entry, ways)
            continue
        # Its first way takes the record itself, which has been on the page; only copies add to it.
        grows_by = size_of(entry.record) * (len(ways) - 1) if len(ways) > 1 else 0
        if grows_by and copied + grows_by > MAX_PAGE_BYTES:
            account.failed(place, entry, TOO_LARGE)
        else:
            copied += grows_by
            _send(account, entry, ways)
    return account.to_json(began_at, context.now())


def _by_filters(
    ports: FlowPorts, config: Mapping[str, Any], known: RunFacts, mine: Sequence[tuple[int, Entry]]
) -> dict[int, Ways | Fault]:
    members: dict[str, Json] = {
        "lastExportDateTime": known.last_export,
        "currentExportDateTime": known.current_export,
        "job": dict(known.job),
    }
    surroundings = Surroundings(known.settings, members, ports.desks.http.templates.render)
    filters = [(compile_filter(branch["rules"], "inputFilter"), branch["to"]) for branch in config["branches"]]
    found: dict[int, Ways | Fault] = {}
    for place, entry in mine:
        try:
            found[place] = _ways(entry.record, filters, surroundings, to_all=config["to_all"])
        except RecordError as error:
            found[place] = fault_of(error)
    return found


def _by_script(
    ports: FlowPorts, context: StepContext, known: RunFacts, mine: Sequence[tuple[int, Entry]]
) -> dict[int, Ways | Fault]:
    """One call of the script for all of them."""
    task = context.task
    config = config_of(task)
    ref = ScriptRef.of(config["script"])
    assert ref is not None, "it is compiled from one"
    seconds = (step_until(context) - context.now()).total_seconds()
    try:
        with parts.keeping(ports, task, Part()):
            outcomes = routed(ports.desks.scripts, known, ref, [entry.record for _, entry in mine], seconds)
    except FlowHttpError as error:
        return {place: fault_of(error) for place, _ in mine}
    return {place: _chosen(config, outcome) for (place, _), outcome in zip(mine, outcomes, strict=True)}


def _chosen(config: Mapping[str, Any], outcome: Outcome) -> Ways | Fault:
    if outcome.failure is not None:
        return Fault("input_filter", *outcome.failure)
    try:
        chosen = branches(outcome.value, config["names"])
    except RecordError as error:
        return fault_of(error)
    ways: Ways = [config["branches"][index]["to"] for index in chosen]
    return ways if config["to_all"] else ways[:1]


def _ways(record: Json, filters: list[tuple[Filter, str | None]], surroundings: Surroundings, *, to_all: bool) -> Ways:
    """Where the branches lead that take the record. Raises RecordError."""
    ways: Ways = []
    for rules, to in filters:
        if rules.passes(record, surroundings, "input_filter"):
            ways.append(to)
            if not to_all:
                break
    return ways


def _send(account: Account, entry: Entry, ways: Ways) -> None:
    """A record that no branch takes has come to its end, and counts as ignored."""
    account.resolved += entry.retried
    account.ignore += not ways
    account.entries += [Entry(entry.record, to, entry.trace_key) for to in ways if to is not None]

"""`router`: sends each record of a page into its branch, or a copy into every branch that takes it."""

from __future__ import annotations

from chalicelib.domain.flows.pages import TOO_LARGE, Account, Entry, entries_of, fault_of, size_of
from chalicelib.domain.json import Json
from chalicelib.domain.records.errors import RecordError
from chalicelib.domain.records.filters import Filter, compile_filter
from chalicelib.domain.records.surroundings import Surroundings
from chalicelib.nodes.flows.ports import MAX_PAGE_BYTES, FlowPorts, begun, config_of, facts, generator_of, patient
from chalicelib.nodes.steps import Handler, Result, StepContext


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
    known = facts(task, begun(config), generator_of(task))
    members: dict[str, Json] = {
        "lastExportDateTime": known.last_export,
        "currentExportDateTime": known.current_export,
        "job": dict(known.job),
    }
    surroundings = Surroundings(known.settings, members, ports.desks.http.templates.render)
    branches = [(compile_filter(branch["rules"], "inputFilter"), branch["to"]) for branch in config["branches"]]
    account = Account()
    copied = 0
    for place, entry in enumerate(entries):
        if entry.at != config["stage"]:
            account.passed_over(entry)
            continue
        try:
            ways = _ways(entry.record, branches, surroundings, to_all=config["to_all"])
        except RecordError as error:
            account.failed(place, entry, fault_of(error))
            continue
        grows_by = size_of(entry.record) * (len(ways) - 1) if len(ways) > 1 else 0
        if grows_by and copied + grows_by > MAX_PAGE_BYTES:
            account.failed(place, entry, TOO_LARGE)
        else:
            copied += grows_by
            _send(account, entry, ways)
    return account.to_json(began_at, context.now())


def _ways(
    record: Json, branches: list[tuple[Filter, str | None]], surroundings: Surroundings, *, to_all: bool
) -> list[str | None]:
    """Where the branches lead that take the record. Raises RecordError."""
    ways: list[str | None] = []
    for rules, to in branches:
        if rules.passes(record, surroundings, "input_filter"):
            ways.append(to)
            if not to_all:
                break
    return ways


def _send(account: Account, entry: Entry, ways: list[str | None]) -> None:
    """A record that no branch takes has come to its end, and counts as ignored."""
    account.resolved += entry.retried
    account.ignore += not ways
    account.entries += [Entry(entry.record, to, entry.trace_key) for to in ways if to is not None]

"""What an import does where scripts have a say: it walks a page's way in steps, between which scripts see all of it.

Which records share a request follows from their places alone, so that a request that is made again after a script was
asked again has the key that it had, whatever the script leaves out this time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chalicelib.domain.flows.http import FlowHttpError
from chalicelib.domain.json import Json
from chalicelib.nodes.flows.parts import Unit
from chalicelib.nodes.flows.stages import Bench, Place
from chalicelib.services.flows.reading import asked_about
from chalicelib.services.flows.submitting import HookedPage
from chalicelib.services.flows.writing import Submitted, batch_size, refused


def hooked(bench: Bench, records: Sequence[tuple[Place, Json]]) -> dict[Place, list[Submitted]]:
    """What became of each record, or of each that it stands for. Raises as `parts.work_off` and calls of scripts do."""
    families = [(place, asked_about(bench.desk, record)) for place, record in records]
    owners = [place for place, children in families for _ in children]
    page = HookedPage(bench.desk, [child for _, children in families for child in children], bench.keep)
    page.prepare()
    page.plan(_mapped(bench, page))
    sent: dict[int, Submitted] = {}
    for result in bench.work(_requests(bench, page, owners)).values():
        sent |= {number: Submitted.of_json(each) for number, each in result}  # type: ignore[misc,str-unpack,union-attr]
    results: dict[Place, list[Submitted]] = {place: [] for place, _ in records}
    for place, each in zip(owners, page.finish(sent), strict=True):
        results[place].append(each)
    return results


def _mapped(bench: Bench, page: HookedPage) -> dict[int, Any]:
    if not page.asks:
        # Kept like what scripts say of it: a template that knows the time maps otherwise the next time.
        made: Any = bench.keep("@mapped", lambda: [page.mapped(number) for number in page.standing])
        return dict(zip(page.standing, made, strict=True))
    units = {number: _mapping(page, number) for number in page.standing}
    done = bench.work(list(units.values()))
    return {number: done[unit.key] for number, unit in units.items()}


def _mapping(page: HookedPage, number: int) -> Unit:
    return Unit(f"m{number}", lambda: page.mapped(number), page.unmapped)


def _requests(bench: Bench, page: HookedPage, owners: Sequence[Place]) -> list[Unit]:
    """A request for as many as the import takes; of those that one record stands for, one after the other."""
    standing = set(page.standing)
    size = batch_size(bench.desk.rules.http)
    is_many = bench.desk.rules.path_to_many is not None
    chunks: dict[str, list[tuple[str, list[int]]]] = {}
    firsts: dict[Place, int] = {}
    for number, place in enumerate(owners):
        # By place, not by what is left standing: a script that leaves out another record must not move the keys.
        start = (number - firsts.setdefault(place, number)) // size * size if is_many else number // size * size
        unit, key = (str(place), f"{place}.{start}") if is_many else (str(owners[start]), str(owners[start]))
        batches = chunks.setdefault(unit, [])
        if not batches or batches[-1][0] != key:
            batches.append((key, []))
        if number in standing:
            batches[-1][1].append(number)
    made = {unit: [each for each in batches if each[1]] for unit, batches in chunks.items()}
    return [_request(bench, page, unit, batches) for unit, batches in made.items() if batches]


def _request(bench: Bench, page: HookedPage, name: str, batches: Sequence[tuple[str, list[int]]]) -> Unit:
    def perform() -> Json:
        sent: dict[int, Submitted] = {}
        for key, numbers in batches:
            sent |= page.send(numbers, f"{bench.idempotency_key}/{key}")
        return [[number, each.to_json()] for number, each in sent.items()]

    def give_up(error: FlowHttpError) -> Json:
        each = refused(error).to_json()
        return [[number, each] for _, numbers in batches for number in numbers]

    return Unit(name, perform, give_up)

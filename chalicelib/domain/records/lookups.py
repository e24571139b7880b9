"""Lookups of an export or import: static tables, and requests that bring the value from somewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chalicelib.domain.json import Json

from .errors import RecordError
from .paths import MISSING, Missing, Steps, path_problem, steps_of, walk
from .problems import Problem, Problems, member, refuse
from .surroundings import Surroundings
from .values import Unfit, is_empty, text_of

MAX_LOOKUPS = 500


@dataclass(frozen=True, slots=True)
class Lookup:
    """`table` is None for a lookup by request. `steps` lead to the value inside a request's answer."""

    name: str
    table: Mapping[str, Json] | None
    steps: Steps
    default: Json | Missing
    allows_failures: bool

    def value(self, key: Json | Missing, record: Json, surroundings: Surroundings) -> Json | Missing:
        """What the key stands for, or each of several; RecordError for one that is not found.

        Null and blank text are no keys: they give MISSING, unless the table has the blank. A lookup by request needs
        no key: its templates read the record.
        """
        if self.table is not None and (key is MISSING or key is None):
            return MISSING
        if self.table is not None and isinstance(key, list):
            found_values = (self.value(each, record, surroundings) for each in key)
            return [each for each in found_values if each is not MISSING]
        try:
            found = self._found(key, record, surroundings)
        except RecordError:
            if not self.allows_failures:
                raise
            return self.default
        # Blank text is no key unless the table has it, and that is only known now.
        if found is MISSING and key == "" and self.table is not None:
            return MISSING
        if found is MISSING and not self.allows_failures:
            raise RecordError("lookup", "lookup_failed", f"Lookup {self.name!r} has no value for {_shown(key)}.")
        return self.default if found is MISSING else found

    def _found(self, key: Json | Missing, record: Json, surroundings: Surroundings) -> Json | Missing:
        if self.table is None:
            if surroundings.dynamic_lookup is None:
                raise RecordError("lookup", "lookup_failed", f"Lookup {self.name!r} cannot make requests here.")
            found: Json | Missing = walk(surroundings.dynamic_lookup(self.name, record), self.steps)
            return MISSING if is_empty(found) else found
        try:
            found = self.table.get(text_of(None if key is MISSING else key), MISSING)
        except Unfit:
            return MISSING
        return found


class Lookups:
    """All lookups of one resource, by name."""

    def __init__(self, lookups: Mapping[str, Lookup]) -> None:
        self._lookups = lookups

    @classmethod
    def of(cls, document: Json) -> Lookups:
        """Those of an export's or import's document, or of a transform's rules. Raises InvalidError."""
        refuse(problems_of_lookups(document))
        return cls({lookup.name: lookup for _, each in _documents(document, "") for lookup in _compiled(each)})

    def value(self, name: str, key: Json | Missing, record: Json, surroundings: Surroundings) -> Json | Missing:
        """`Lookup.value` of the lookup with this name; RecordError if there is none."""
        if name not in self._lookups:
            raise RecordError("lookup", "lookup_failed", f"There is no lookup called {name!r}.")
        return self._lookups[name].value(key, record, surroundings)

    def __contains__(self, name: str) -> bool:
        return name in self._lookups


def lookup_names(document: Json) -> frozenset[str]:
    """The names of the lookups that a document defines, well-formed or not."""
    return frozenset(
        name
        for _, lookup in _documents(document, "")
        if isinstance(lookup, dict) and isinstance(name := lookup.get("name"), str)
    )


def problems_of_lookups(document: Json, where: str = "") -> list[Problem]:
    """What is wrong with the `lookups` of the document, and with those of its `http` or old `rest` part."""
    problems = Problems()
    if isinstance(document, dict):
        _check_list(document, where, problems)
        if isinstance(part := document.get(name := _part_of(document)), dict):
            _check_list(part, member(where, name), problems)
    for place, lookup in _documents(document, where):
        if isinstance(lookup, dict):
            _check(lookup, place, problems)
        else:
            problems.invalid(place, f"Path `{place}` must be an object.")
    return problems.found


def _check_list(document: dict[str, Json], where: str, problems: Problems) -> None:
    place, lookups = member(where, "lookups"), document.get("lookups")
    if problems.expect(place, lookups, list, "an array") and isinstance(lookups, list) and len(lookups) > MAX_LOOKUPS:
        problems.invalid(place, f"There are at most {MAX_LOOKUPS} lookups.")


def _check(lookup: dict[str, Json], where: str, problems: Problems) -> None:
    name = lookup.get("name")
    if not name:
        problems.missing(f"{where}.name")
    else:
        problems.expect(f"{where}.name", name, str, "a string")
    problems.expect(f"{where}.allowFailures", lookup.get("allowFailures"), bool, "a boolean")
    problems.expect(f"{where}.map", lookup.get("map"), dict, "an object")
    for field in ("relativeURI", "method", "body"):
        problems.expect(f"{where}.{field}", lookup.get(field), str, "a string")
    path = lookup.get("extract")
    problems.expect(f"{where}.extract", path, str, "a string")
    if isinstance(path, str) and (problem := path_problem(path)):
        problems.invalid(f"{where}.extract", f"Path `{where}.extract`: {problem}.")
    if lookup.get("map") is not None or lookup.get("relativeURI"):
        return
    if lookup.get("_lookupCacheId"):
        problems.invalid(f"{where}._lookupCacheId", "Lookup caches are not supported.")
    else:
        problems.missing(f"{where}.map")


def _part_of(document: Mapping[str, Json]) -> str:
    """The part with the requests, which may define lookups, too; an old `rest` counts where there is no `http`."""
    return "http" if isinstance(document.get("http"), dict) else "rest"


def _documents(document: Json, where: str) -> Iterator[tuple[str, Json]]:
    if not isinstance(document, dict):
        return
    part = _part_of(document)
    for place, holder in ((where, document), (member(where, part), document.get(part))):
        lookups = holder.get("lookups") if isinstance(holder, dict) else None
        for index, lookup in enumerate(lookups if isinstance(lookups, list) else ()):
            yield f"{member(place, 'lookups')}[{index}]", lookup


def _compiled(document: Json) -> Iterator[Lookup]:
    if isinstance(document, dict):
        table, path = document.get("map"), document.get("extract")
        yield Lookup(
            name=str(document.get("name")),
            table=table if isinstance(table, dict) else None,
            steps=steps_of(path) if isinstance(path, str) else (),
            default=document.get("default", MISSING),
            allows_failures=document.get("allowFailures") is True,
        )


def _shown(key: Json | Missing) -> str:
    return repr(key)[:100] if isinstance(key, str | int | float) else "this record"

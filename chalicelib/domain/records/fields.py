"""The life of one mapped value: read, looked up, defaulted, formatted, converted. Both kinds of mappings share it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from chalicelib.domain.json import Json

from .conversions import CONVERSIONS, Convert, as_it_is
from .dates import DateFormats
from .paths import MISSING, Missing, Steps, steps_of
from .scope import Read, Scope, is_template, read_constant, read_path, read_template
from .values import Unfit, is_empty

When: TypeAlias = Literal["record_created", "record_updated", "extract_not_empty"]
CONDITIONS: tuple[When, ...] = ("record_created", "record_updated", "extract_not_empty")


@dataclass(frozen=True, slots=True)
class Field:
    """`where` is the path of the member that is made, for errors; `depth` how deep it comes to lie."""

    where: str
    read: Read
    when: When | None
    lookup: str | None
    default: Json | Missing
    dates: DateFormats | None
    convert: Convert
    depth: int

    def value(self, scope: Scope, present: Json | Missing = MISSING) -> Json | Missing:
        """What the record's member is to be, MISSING for one that is left as it is. Raises RecordError.

        `present` is what another rule has made there; the default of a rule with a condition does not replace it.
        """
        value = self.plain(scope, present)
        if value is MISSING or (value is None and self.default is MISSING):
            return value
        return self.converted(value, scope)

    def plain(self, scope: Scope, present: Json | Missing = MISSING) -> Json | Missing:
        """The value before it is formatted and converted."""
        value = MISSING if is_barred(self.when, scope) else self.read(scope)
        if self.when == "extract_not_empty" and is_empty(value):
            value = MISSING
        # Asked once more, because a lookup by request needs no value and would be made for a barred record, too.
        elif self.lookup is not None and not is_barred(self.when, scope):
            value = scope.lookup(self.lookup, value, self.where)
        if self.default is MISSING or not is_empty(value):
            return value
        return MISSING if self.when and present is not MISSING else self.default

    def converted(self, value: Json, scope: Scope) -> Json | Missing:
        """The value formatted and in its data type, and counted."""
        try:
            formatted = self.dates.changed(value) if self.dates else value
            made = self.convert(formatted)
        except Unfit as error:
            raise scope.refuse(
                self.where, f"Field {self.where!r}: {shown(value)} cannot be made into {error}."
            ) from None
        if made is not MISSING:
            scope.budget.charge(made, self.depth)
        return made


def is_barred(when: When | None, scope: Scope) -> bool:
    """Whether the condition excludes this record. Where new and old are not told apart, it excludes none."""
    is_new = scope.surroundings.is_new
    return (when == "record_created" and is_new is False) or (when == "record_updated" and is_new is True)


def field_of(rule: Mapping[str, Json], where: str, read: Read, depth: int = 0, convert: Convert | None = None) -> Field:
    """The field that a well-formed rule describes."""
    data_type, lookup = rule.get("dataType"), rule.get("lookupName")
    return Field(
        where=where,
        read=read_constant(rule["hardCodedValue"]) if is_hard_coded(rule) else read,
        when=condition_of(rule),
        lookup=lookup if isinstance(lookup, str) and lookup else None,
        default=rule.get("default", MISSING),
        dates=DateFormats.of(rule),
        convert=convert or (CONVERSIONS[data_type] if isinstance(data_type, str) and data_type else as_it_is),
        depth=depth,
    )


def is_hard_coded(rule: Mapping[str, Json]) -> bool:
    """Whether the rule names its value; null is a value only where there is nothing to extract."""
    return rule.get("hardCodedValue") is not None or ("hardCodedValue" in rule and not rule.get("extract"))


def condition_of(rule: Mapping[str, Json]) -> When | None:
    conditional = rule.get("conditional")
    when = conditional.get("when") if isinstance(conditional, dict) else None
    return cast("When | None", when or None)


def reader(extract: Json, where: str, loops: tuple[Steps, ...] = ()) -> Read:
    """How a rule of mappings 2.0 reads: a path from the root `$`, a template, else the text itself."""
    if not isinstance(extract, str) or not extract:
        return read_constant(MISSING)
    if is_template(extract):
        return read_template(extract, where)
    if is_rooted(extract):
        return read_path(inside(steps_of(extract), loops))
    return read_constant(extract)


def is_rooted(extract: str) -> bool:
    return extract == "$" or extract.startswith(("$.", "$["))


def inside(steps: Steps, loops: tuple[Steps, ...]) -> Steps:
    """The path within iterations, where the lists that they go through are their current elements."""
    for loop in loops:
        kept: list[str] = []
        at = 0
        # An element stands in the place of the loop's lists, so a path goes without the wildcards that it shares.
        for step in loop:
            is_shared = at < len(steps) and steps[at] == step
            if isinstance(step, str):
                if not is_shared:
                    break
                kept.append(step)
            at += is_shared
        steps = (*kept, *steps[at:])
    return steps


def shown(value: Json) -> str:
    """A value in an error message."""
    match value:
        case dict():
            return "an object"
        case list():
            return "an array"
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str() if len(value) > 60:
            return f"{value[:60]!r}…"
    return repr(value)

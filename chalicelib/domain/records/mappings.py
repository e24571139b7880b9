"""The mapping of an export or import: of version 2.0 (`mappings`), of 1.0 (`mapping`), or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.domain.json import Json

from .errors import Source
from .fields_mapper import FieldMapping, compile_mapping
from .lookups import Lookups, lookup_names, problems_of_lookups
from .mapper import Rule, compile_rules, fill
from .mapping_checks import MappingCheck
from .paths import MISSING
from .problems import Problem, member, refuse
from .scope import Scope
from .surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class MappingRules:
    """Compiled once, applied to many records. Without rules and mapping a record is its own image."""

    rules: Sequence[Rule]
    mapping: FieldMapping | None
    lookups: Lookups

    @classmethod
    def of(cls, document: Json) -> MappingRules:
        """The rules of an export's or import's document; raises InvalidError for malformed ones."""
        refuse(problems_of_mappings(document))
        mappings, mapping = _parts(document)
        return cls(
            rules=compile_rules(mappings),
            mapping=compile_mapping(mapping)
            # Where both versions are there, 2.0 counts.
            if not mappings and _has_rules(mapping) and isinstance(mapping, dict)
            else None,
            lookups=Lookups.of(document),
        )

    @property
    def is_identity(self) -> bool:
        return not self.rules and self.mapping is None


def problems_of_mappings(document: Json, where: str = "") -> list[Problem]:
    """What is wrong with `mappings`, `mapping` and `lookups` of an export's or import's document."""
    mappings, mapping = _parts(document)
    check = MappingCheck(lookup_names(document))
    check.rules(mappings, member(where, "mappings"))
    check.mapping(mapping, member(where, "mapping"))
    return [*check.problems.found, *problems_of_lookups(document, where)]


def check_mappings(document: Json, where: str = "") -> None:
    """Raises InvalidError for the first problem, with all of them in its fact `problems`."""
    refuse(problems_of_mappings(document, where))


def map_record(rules: MappingRules, record: Json, surroundings: Surroundings, source: Source = "mapping") -> Json:
    """What the record becomes; the record as it is when there are no rules. Raises RecordError."""
    if rules.is_identity:
        return record
    scope = Scope(record, surroundings, rules.lookups, source)
    if rules.mapping is not None:
        return rules.mapping.apply(scope)
    return built(rules.rules, scope, {})


def built(rules: Sequence[Rule], scope: Scope, target: dict[str, Json]) -> Json:
    """What the rules make of the scope's record; a single rule without a name makes all of it."""
    if len(rules) == 1 and not rules[0].name:
        made = rules[0].make(scope, MISSING)
        return target if made is MISSING else made
    fill(rules, target, scope)
    return target


def _parts(document: Json) -> tuple[Json, Json]:
    return (document.get("mappings"), document.get("mapping")) if isinstance(document, dict) else (None, None)


def _has_rules(mapping: Json) -> bool:
    return isinstance(mapping, dict) and bool(mapping.get("fields") or mapping.get("lists"))

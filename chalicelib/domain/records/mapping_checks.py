"""What is wrong with mappings, found before they are stored."""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.domain.json import Json

from .conversions import ARRAYS, DATA_TYPES
from .dates import DATE_FIELDS, problem_of_date_field
from .fields import CONDITIONS, is_rooted
from .paths import path_problem
from .problems import Problems, member
from .scope import is_template

MAX_NESTING = 24
MAX_RULES = 5_000

_STATUSES = ("Active", "Inactive", "Draft")
_TEXTS = ("generate", "extract", "dataType", "lookupName", "status", *DATE_FIELDS)


class MappingCheck:
    """One pass over a document's mappings. `lookups` are the names that rules may refer to."""

    def __init__(self, lookups: Iterable[str]) -> None:
        self.problems = Problems()
        self._lookups = frozenset(lookups)
        self._rules = 0

    def rules(self, documents: Json, where: str, nesting: int = 1, is_nameless: bool = False) -> None:
        """Rules of mappings 2.0. Those of an inner array, and a root that is one array or object, have no name."""
        for place, rule in self._each(documents, where, nesting):
            self._texts(rule, place)
            nameless = is_nameless or (nesting == 1 and isinstance(documents, list) and len(documents) == 1)
            if not rule.get("generate") and not (nameless and self._makes_container(rule)):
                self.problems.missing(f"{place}.generate")
            self._choices(rule, place)
            self._rooted_path(rule, place)
            self.rules(rule.get("mappings"), f"{place}.mappings", nesting + 1)
            self._helpers(rule, place, nesting)

    def mapping(self, document: Json, where: str) -> None:
        """A document of mappings 1.0."""
        if not self.problems.expect(where, document, dict, "an object") or not isinstance(document, dict):
            return
        self._fields(document.get("fields"), f"{where}.fields", 1)
        for place, rows in self._each(document.get("lists"), f"{where}.lists", 1):
            self._generate(rows, place)
            self._path(rows, place, "jsonPath")
            self._fields(rows.get("fields"), f"{place}.fields", 2)

    def _fields(self, documents: Json, where: str, nesting: int) -> None:
        for place, rule in self._each(documents, where, nesting):
            self._texts(rule, place)
            self._generate(rule, place)
            self._choices(rule, place)
            self.problems.expect(f"{place}.discardIfEmpty", rule.get("discardIfEmpty"), bool, "a boolean")
            if not is_template(str(rule.get("extract"))):
                self._path(rule, place, "extract")

    def _each(self, documents: Json, where: str, nesting: int) -> Iterable[tuple[str, dict[str, Json]]]:
        if not self.problems.expect(where, documents, list, "an array") or not isinstance(documents, list):
            return
        # Counted before they are walked, so that a hostile document is refused unread.
        self._rules += len(documents)
        if self._rules > MAX_RULES or nesting > MAX_NESTING:
            limit = f"{MAX_RULES} rules" if nesting <= MAX_NESTING else f"{MAX_NESTING} levels"
            self.problems.invalid(where, f"Mappings have at most {limit}.")
            return
        for index, rule in enumerate(documents):
            if isinstance(rule, dict):
                yield f"{where}[{index}]", rule
            else:
                self.problems.invalid(f"{where}[{index}]", f"Path `{where}[{index}]` must be an object.")

    def _texts(self, rule: dict[str, Json], where: str) -> None:
        for name in _TEXTS:
            self.problems.expect(f"{where}.{name}", rule.get(name), str, "a string")
        for name in DATE_FIELDS:
            if problem := problem_of_date_field(name, rule.get(name)):
                self.problems.invalid(f"{where}.{name}", f"Path `{where}.{name}`: {problem}.")

    def _choices(self, rule: dict[str, Json], where: str) -> None:
        self._choice(rule.get("dataType"), DATA_TYPES, f"{where}.dataType")
        self._choice(rule.get("status"), _STATUSES, f"{where}.status")
        self._condition(rule, where)
        lookup = rule.get("lookupName")
        if isinstance(lookup, str) and lookup and lookup not in self._lookups:
            self.problems.invalid(f"{where}.lookupName", f"There is no lookup called {lookup[:100]!r}.")

    def _condition(self, rule: dict[str, Json], where: str) -> None:
        conditional = rule.get("conditional")
        if self.problems.expect(f"{where}.conditional", conditional, dict, "an object"):
            when = conditional.get("when") if isinstance(conditional, dict) else None
            self._choice(when, CONDITIONS, f"{where}.conditional.when")

    def _choice(self, value: Json, choices: tuple[str, ...], where: str) -> None:
        if value is None or value == "" or value in choices:
            return
        self.problems.invalid(where, f"`{str(value)[:100]}` is not a valid value for path `{where}`.")

    def _generate(self, rule: dict[str, Json], where: str) -> None:
        if not rule.get("generate"):
            self.problems.missing(f"{where}.generate")
        else:
            self._path(rule, where, "generate", placing=True)

    def _rooted_path(self, rule: dict[str, Json], where: str) -> None:
        extract = rule.get("extract")
        if isinstance(extract, str) and is_rooted(extract) and not is_template(extract):
            self._path(rule, where, "extract")

    def _path(self, rule: dict[str, Json], where: str, name: str, placing: bool = False) -> None:
        place, path = f"{where}.{name}", rule.get(name)
        if isinstance(path, str) and path:
            if problem := path_problem(path, placing):
                self.problems.invalid(place, f"Path `{place}`: {problem}.")
        else:
            self.problems.expect(place, path, str, "a string")

    def _helpers(self, rule: dict[str, Json], where: str, nesting: int) -> None:
        place = member(where, "buildArrayHelper")
        for path, helper in self._each(rule.get("buildArrayHelper"), place, nesting):
            extract = helper.get("extract")
            self.problems.expect(f"{path}.extract", extract, str, "a string")
            self._condition(helper, path)
            self._rooted_path(helper, path)
            if helper.get("mappings") and extract and isinstance(extract, str) and not is_rooted(extract):
                self.problems.invalid(f"{path}.extract", f"Path `{path}.extract` must be a path that begins with $.")
            self.rules(
                helper.get("mappings"),
                f"{path}.mappings",
                nesting + 1,
                is_nameless=rule.get("dataType") == "arrayarray",
            )

    def _makes_container(self, rule: dict[str, Json]) -> bool:
        return rule.get("dataType") in (*ARRAYS, "object")

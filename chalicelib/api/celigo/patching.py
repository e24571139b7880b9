"""JSON Patch on the few members that each kind of document allows it for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

from chalicelib.domain.errors import FieldsRefusedError, MalformedJsonError
from chalicelib.domain.flows.flows import ResourceKind
from chalicelib.domain.json import Json
from chalicelib.domain.records.problems import Problems

MAX_OPERATIONS = 100
VERBS = ("replace", "add", "remove")
_PLAIN = ("name", "description", "debugUntil", "aiDescription")

FLOW_PATHS = re.compile(
    "/(?:name|description|schedule|timezone|disabled|runPageGeneratorsInParallel|aliases|aiDescription"
    "|logging/debugUntil|logging/mode"
    "|pageGenerators/[0-9]{1,3}/(?:schedule|skipRetries)"
    "|routers/[0-9]{1,3}/(?:name|branches/[0-9]{1,3}/(?:name|description)))"
)
RESOURCE_PATHS: Mapping[ResourceKind, re.Pattern[str]] = {
    ResourceKind.EXPORT: re.compile(f"/(?:{'|'.join(_PLAIN)})"),
    ResourceKind.IMPORT: re.compile(f"/(?:{'|'.join(_PLAIN)})"),
    ResourceKind.CONNECTION: re.compile(f"/(?:{'|'.join((*_PLAIN, 'debugDate'))})"),
    ResourceKind.INTEGRATION: re.compile(f"/(?:{'|'.join(_PLAIN)})"),
    ResourceKind.SCRIPT: re.compile(f"/(?:{'|'.join(_PLAIN)})"),
}


@dataclass(frozen=True, slots=True)
class Operation:
    verb: str
    path: str
    value: Json = None


def operations(body: Json, allowed: re.Pattern[str]) -> tuple[Operation, ...]:
    """Raises MalformedJsonError for what is no patch, FieldsRefusedError for one that is not allowed."""
    if not isinstance(body, list) or not all(isinstance(each, dict) for each in body):
        raise MalformedJsonError("The body has to be a JSON Patch: an array of operations.")
    if len(body) > MAX_OPERATIONS:
        raise MalformedJsonError(f"A JSON Patch has at most {MAX_OPERATIONS} operations.")
    problems = Problems()
    found = [_operation(each, index, allowed, problems) for index, each in enumerate(body) if isinstance(each, dict)]
    if problems.found:
        raise FieldsRefusedError(problems=tuple(problems.found))
    return tuple(each for each in found if each is not None)


def patched(document: Mapping[str, Json], changes: Sequence[Operation]) -> dict[str, Json]:
    """The document after all of them. Raises FieldsRefusedError for a path that leads through what is not there."""
    # A lost race patches again, so what was given stays as it is.
    changed = deepcopy(dict(document))
    for change in changes:
        *way, last = change.path.split("/")[1:]
        holder = _reached(changed, way, change.path)
        if change.verb == "remove":
            # RFC 6902 refuses to remove what is not there; here clearing something twice is no mistake.
            holder.pop(last, None)
        else:
            holder[last] = change.value
    return changed


def _operation(given: Mapping[str, Json], index: int, allowed: re.Pattern[str], problems: Problems) -> Operation | None:
    verb, path = given.get("op"), given.get("path")
    if not isinstance(verb, str) or verb not in VERBS:
        problems.invalid(f"[{index}].op", f"The operation has to be one of {', '.join(VERBS)}.")
        return None
    if not isinstance(path, str) or allowed.fullmatch(path) is None:
        problems.invalid(str(path)[:200], f"Path `{str(path)[:200]}` cannot be patched.")
        return None
    if verb != "remove" and "value" not in given:
        problems.missing(f"[{index}].value")
        return None
    return Operation(verb, path, given.get("value"))


def _reached(document: dict[str, Json], way: Sequence[str], path: str) -> dict[str, Json]:
    holder: Json = document
    for name in way:
        if isinstance(holder, list):
            holder = holder[int(name)] if name.isdigit() and int(name) < len(holder) else None
        elif isinstance(holder, dict):
            # Only `logging` may come into being by the way; lists have the members that they have.
            holder = holder.setdefault(name, {}) if name == "logging" else holder.get(name)
    if not isinstance(holder, dict):
        problems = Problems()
        problems.invalid(path, f"Path `{path}` leads to nothing that is there.")
        raise FieldsRefusedError(problems=tuple(problems.found))
    return holder

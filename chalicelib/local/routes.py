"""Which route of an application a path belongs to, decided as API Gateway decides it.

Per segment a literal beats a variable beats a greedy `{name+}`. Segments are compared as sent,
percent-encoding included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_VARIABLE = re.compile(r"\{(\w+)(\+?)\}")


@dataclass(frozen=True, slots=True)
class Match:
    resource: str
    params: Mapping[str, str]


@dataclass(slots=True)
class _Branch:
    literals: dict[str, _Branch] = field(default_factory=dict)
    variables: dict[str, _Branch] = field(default_factory=dict)
    greedy: dict[str, str] = field(default_factory=dict)
    resource: str | None = None


class RouteTable:
    """Built once from the paths of an application's routes."""

    def __init__(self, resources: Iterable[str]) -> None:
        self._root = _Branch()
        for resource in resources:
            self._add(resource)

    def match(self, path: str) -> Match | None:
        """One trailing slash is ignored; a variable never stands for an empty segment."""
        if path.endswith("/") and path != "/":
            path = path[:-1]
        return _descend(self._root, _segments(path), 0, {})

    def _add(self, resource: str) -> None:
        branch = self._root
        for segment in _segments(resource):
            variable = _VARIABLE.fullmatch(segment)
            if variable is None:
                branch = branch.literals.setdefault(segment, _Branch())
            elif variable[2]:
                branch.greedy[variable[1]] = resource
                return
            else:
                branch = branch.variables.setdefault(variable[1], _Branch())
        branch.resource = resource


def _segments(path: str) -> list[str]:
    return path.split("/")[1:] if path != "/" else []


def _descend(branch: _Branch, segments: list[str], at: int, params: dict[str, str]) -> Match | None:
    if at == len(segments):
        return None if branch.resource is None else Match(branch.resource, params)
    segment = segments[at]
    literal = branch.literals.get(segment)
    found = None if literal is None else _descend(literal, segments, at + 1, params)
    if found is None and segment:
        for name, deeper in branch.variables.items():
            # Goes back: a literal that leads nowhere further on does not hide a variable beside it.
            found = found or _descend(deeper, segments, at + 1, {**params, name: segment})
    if found is None and segment:
        for name, resource in branch.greedy.items():
            found = Match(resource, {**params, name: "/".join(segments[at:])})
    return found

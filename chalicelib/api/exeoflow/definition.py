"""Reading members of a definition, naming node and path of whatever is wrong, in German."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from chalicelib.domain.errors import DefinitionError
from chalicelib.domain.json import Json

T = TypeVar("T")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_KINDS: Mapping[type, str] = {
    str: "ein Text",
    dict: "ein Objekt",
    list: "eine Liste",
    bool: "true oder false",
    int: "eine ganze Zahl",
}


@dataclass(frozen=True, slots=True)
class Element:
    """An object inside a definition, with the path that leads to it and the node that it belongs to."""

    members: Mapping[str, Json]
    path: str
    node_id: str | None = None

    def fail(self, name: str, reason: str) -> NoReturn:
        refuse(self._path_of(name), reason, self.node_id)

    def get(self, name: str, kind: type[T]) -> T | None:
        """A member of this kind; None if it is absent."""
        if name not in self.members:
            return None
        value = self.members[name]
        # In Python true is an int.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.fail(name, f"muss {_KINDS[kind]} sein")
        return value

    def text(self, name: str, max_length: int) -> str | None:
        """A text of 1 to `max_length` characters, none of them a control character; None if it is absent."""
        value = self.get(name, str)
        if value is not None:
            self._check_text(name, value, max_length)
        return value

    def _check_text(self, name: str, value: str, max_length: int) -> None:
        if not 0 < len(value) <= max_length:
            self.fail(name, f"muss 1 bis {max_length} Zeichen haben")
        if _CONTROL.search(value):
            self.fail(name, "darf keine Steuerzeichen enthalten")

    def number(self, name: str, least: float, most: float) -> float | None:
        """A number within the bounds; None if it is absent."""
        if name not in self.members:
            return None
        value = self.members[name]
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(name, "muss eine Zahl sein")
        if not least <= value <= most:
            self.fail(name, f"muss zwischen {least:g} und {most:g} liegen")
        return float(value)

    def choice(self, name: str, choices: Sequence[str]) -> str | None:
        value = self.get(name, str)
        if value is not None and value not in choices:
            self.fail(name, f"muss {' oder '.join(choices)} sein")
        return value

    def child(self, name: str) -> Element | None:
        value = self.get(name, dict)
        return None if value is None else Element(value, self._path_of(name), self.node_id)

    def _path_of(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


def refuse(field: str, reason: str, node_id: str | None = None) -> NoReturn:
    """Raises DefinitionError with facts for the reply: `field` (a path), `reason` (German), `node_id`."""
    raise DefinitionError(f"{field}: {reason}", field=field, reason=reason, node_id=node_id)

"""Scripts: code saved under a user type and a name, for steps of workflows to find."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.components import Component
from chalicelib.domain.errors import ComponentNotFoundError, InvalidError
from chalicelib.domain.identity import Principal
from chalicelib.services.sources.components import Components

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Script:
    """`id` and `created_at` are those of its present code."""

    id: str
    user_type: str
    name: str
    code_hash: str
    created_at: datetime
    created_by: str


class Scripts:
    """The use cases of scripts. A step finds the script of its own workspace that was saved last."""

    def __init__(self, components: Components) -> None:
        self._components = components

    def create(self, principal: Principal, user_type: str, name: str, code: str) -> Script:
        """Saves a script, in place of the one that had the name. Raises ForbiddenError, CodeError, InvalidError."""
        for field, text in (("_userType", user_type), ("_scriptName", name)):
            if not text.strip() or "/" in text or len(text) > _LONGEST:
                raise InvalidError(f"{field} is to be a text of 1 to {_LONGEST} characters without '/'", field=field)
        if not code.strip():
            raise InvalidError("The script has no code.", field="code")
        return _script(self._components.create_script(principal, f"{user_type}/{name}", code))

    def list(self, principal: Principal, user_type: str | None = None) -> tuple[Script, ...]:
        """Newest first, each name once. Raises ForbiddenError."""
        newest: dict[str, Script] = {}
        # Newest first, so the first of a name is its present code, and those behind it are what it replaced.
        for component in self._components.scripts(principal):
            newest.setdefault(str(component.script), _script(component))
        return tuple(script for script in newest.values() if user_type in (None, script.user_type))

    def get(self, principal: Principal, user_type: str, name: str) -> tuple[Script, str]:
        """The script and its code. Raises ForbiddenError, ComponentNotFoundError."""
        for component in self._components.scripts(principal):
            if component.script == f"{user_type}/{name}":
                return _script(component), self._components.code(component)
        raise ComponentNotFoundError(script=name)


def _script(component: Component) -> Script:
    user_type, _, name = str(component.script).partition("/")
    return Script(component.id, user_type, name, component.code_hash, component.created_at, component.user_id)

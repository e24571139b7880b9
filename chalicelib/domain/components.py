"""Components: source code that was described once, and what may be deployed of it."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.dedupe import Strategy
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.events import base62
from chalicelib.domain.javascript import Bundle, CodeError, Description
from chalicelib.domain.json import Json

ID_PREFIX = "sc_"
ID_ENTROPY_BYTES = 9
ACTION = "action"
SOURCE = "source"
_ID_DIGITS = 7

TIMER = "$.interface.timer"
HTTP = "$.interface.http"
APPHOOK = "$.interface.apphook"
DB = "$.service.db"
APP = "app"
VALUE_TYPES = frozenset({"string", "integer", "boolean", "object", "any", "number", "secret", "json", "array"})
_LISTS = frozenset({"string[]", "integer[]", "boolean[]", "object[]", "any[]", "number[]"})
_OTHERS = frozenset({APP, "http_request", "data_store", "dir", "alert", "sql"})
_NO_VALUE = frozenset({DB, "alert"})

Prop = Mapping[str, Json]
"""A member of `configurable_props`."""


@dataclass(frozen=True, slots=True)
class Component:
    """A saved component without its code. `code_hash` is the SHA-256 (hex) of the text. `has` names which of run,
    deploy, activate, deactivate, additionalProps and methods there are. `script` is the name by which workflow steps
    find it, if it is a script; one of those may be a bare function, whose `kind` says so."""

    id: str
    workspace_id: str
    user_id: str
    name: str
    version: str
    code_hash: str
    created_at: datetime
    updated_at: datetime
    key: str | None = None
    description: str | None = None
    type: str = SOURCE
    kind: str = "component"
    dedupe: Strategy = Strategy.NONE
    configurable_props: tuple[Prop, ...] = ()
    has: frozenset[str] = frozenset()
    missing_modules: tuple[str, ...] = ()
    component_url: str | None = None
    script: str | None = None

    def props_of(self, type_: str) -> tuple[Prop, ...]:
        return tuple(prop for prop in self.configurable_props if prop.get("type") == type_)

    @property
    def answers_requests(self) -> bool:
        """Whether the code itself answers the HTTP requests that start it."""
        return any(prop.get("customResponse") is True for prop in self.props_of(HTTP))


@dataclass(frozen=True, slots=True)
class ComponentFiles:
    """`code` is the text as it was given or fetched, `compiled` what runs."""

    code: str
    compiled: Bundle


@dataclass(frozen=True, slots=True)
class Listed:
    """A component of the registry as its file says it is, unread by the sandbox."""

    key: str
    name: str
    description: str
    app: str
    type: str


def component_id(entropy: bytes) -> str:
    """`sc_` and seven characters, from `ID_ENTROPY_BYTES` random bytes."""
    return ID_PREFIX + base62(int.from_bytes(entropy, "big"), _ID_DIGITS)


def code_hash(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()


def check_component(found: Description) -> None:
    """Raises CodeError for code that is no component, or one that lacks what every component has."""
    if found.kind != "component":
        raise CodeError("component could not be loaded: the code exports no component")
    for member in ("name", "version"):
        if not getattr(found, member):
            raise CodeError(f"component could not be loaded: it has no {member}")
    if found.type not in (SOURCE, ACTION, APP):
        raise CodeError(f"component could not be loaded: its type is to be source or action, not {found.type!r}")
    for prop in found.configurable_props:
        if not _is_known(prop.get("type")):
            raise CodeError(
                f"component could not be loaded: props.{prop['name']} has the unknown type {prop['type']!r}"
            )


def check_deployable(component: Component) -> None:
    """Raises InvalidError for a component that cannot be a source."""
    if component.type != SOURCE or component.kind != "component":
        raise InvalidError(
            f"{component.name} is an {component.type}: only a source can be deployed", field="component_id"
        )
    for prop in component.props_of(APPHOOK):
        reason = "events of the vendor's own app registrations cannot be received here"
        raise InvalidError(f"the component's prop {prop['name']} is a {APPHOOK}: {reason}", field="component_id")


def takes_value(prop: Prop) -> bool:
    """Whether somebody may configure the prop at all."""
    return prop.get("type") not in _NO_VALUE and prop.get("type") != HTTP


def _is_known(type_: Json) -> bool:
    """A prop without a type, or of a type that belongs to a vendor's app, is as good as any value."""
    if type_ is None or (isinstance(type_, str) and type_.startswith("$.")):
        return True
    return type_ in VALUE_TYPES or type_ in _LISTS or type_ in _OTHERS


_IMPORT = re.compile(r"""(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)(["'`])(\.{1,2}/[^"'`\n]+)\1""")
_KNOWN = (".mjs", ".js", ".cjs", ".ts", ".mts", ".cts", ".json")
_GUESSES = (".ts", ".mjs", ".js", "/index.ts", "/index.mjs", "/index.js")


def imports_of(code: str) -> tuple[str, ...]:
    """Relative specifiers that the code may import, each once, in order: guessed from its text."""
    return tuple(dict.fromkeys(match[2] for match in _IMPORT.finditer(code)))


def candidates(importer: str, specifier: str) -> tuple[str, ...]:
    """Which files a relative import may mean, the likeliest first."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(importer), specifier))
    if path.startswith("../") or path == "..":
        return ()
    if not path.endswith(_KNOWN):
        return tuple(path + ending for ending in _GUESSES)
    # TypeScript names the file that will be compiled, not the one that is there.
    typed = re.sub(r"\.(m|c)?js$", lambda ending: f".{ending[1] or ''}ts", path)
    return (path,) if typed == path else (path, typed)

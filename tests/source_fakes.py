"""In-memory implementations of what components and sources need, and a sandbox whose code is Python."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib.domain.accounts import Account
from chalicelib.domain.components import Component, ComponentFiles
from chalicelib.domain.errors import (
    AccountNotFoundError,
    AlreadyExistsError,
    ComponentNotFoundError,
    InvalidError,
    SourceNotFoundError,
    StaleWriteError,
)
from chalicelib.domain.http import HttpRequest
from chalicelib.domain.javascript import (
    Bundle,
    CodeError,
    CodeFailure,
    CodeResponse,
    Description,
    Emit,
    Invocation,
    Limits,
    LogLine,
    RunReport,
)
from chalicelib.domain.json import Json
from chalicelib.domain.source_state import SourceState
from chalicelib.domain.sources import Source
from chalicelib.services.sources.sandbox import SandboxHost


def _newest_first(found: list[Any]) -> tuple[Any, ...]:
    return tuple(sorted(found, key=lambda each: (each.created_at, each.id), reverse=True))


class MemoryComponentStore:
    def __init__(self) -> None:
        self._components: dict[tuple[str, str], Component] = {}
        self._files: dict[tuple[str, str], ComponentFiles] = {}

    def create(self, component: Component, files: ComponentFiles) -> None:
        key = (component.workspace_id, component.id)
        if key in self._components:
            raise AlreadyExistsError(component_id=component.id)
        self._components[key] = component
        self._files[key] = files

    def get(self, workspace_id: str, component_id: str) -> Component:
        try:
            return self._components[workspace_id, component_id]
        except KeyError as error:
            raise ComponentNotFoundError(component_id=component_id) from error

    def files(self, workspace_id: str, component_id: str) -> ComponentFiles:
        self.get(workspace_id, component_id)
        return self._files[workspace_id, component_id]

    def latest(self, workspace_id: str, key: str) -> Component:
        return self._latest([each for each in self.list(workspace_id) if each.key == key], key)

    def script(self, workspace_id: str, name: str) -> Component:
        return self._latest([each for each in self.scripts(workspace_id) if each.script == name], name)

    def list(self, workspace_id: str) -> tuple[Component, ...]:
        return _newest_first([each for each in self._of(workspace_id) if each.script is None])

    def scripts(self, workspace_id: str) -> tuple[Component, ...]:
        return _newest_first([each for each in self._of(workspace_id) if each.script is not None])

    def _of(self, workspace_id: str) -> Sequence[Component]:
        return [each for (owner, _), each in self._components.items() if owner == workspace_id]

    @staticmethod
    def _latest(found: Sequence[Component], key: str) -> Component:
        if not found:
            raise ComponentNotFoundError(key=key)
        return found[0]


class MemorySourceStore:
    def __init__(self) -> None:
        self._sources: dict[tuple[str, str], Source] = {}
        self._places: dict[str, tuple[str, str]] = {}
        self._slugs: dict[tuple[str, str, str], tuple[str, datetime]] = {}

    def create(self, source: Source) -> None:
        if (source.workspace_id, source.id) in self._sources:
            raise AlreadyExistsError(source_id=source.id)
        self._put(source)

    def get(self, workspace_id: str, source_id: str) -> Source:
        try:
            return self._sources[workspace_id, source_id]
        except KeyError as error:
            raise SourceNotFoundError(source_id=source_id) from error

    def replace(self, source: Source) -> None:
        if self.get(source.workspace_id, source.id).revision != source.revision - 1:
            raise StaleWriteError(source_id=source.id)
        self._put(source)

    def delete(self, workspace_id: str, source_id: str) -> None:
        self._sources.pop((workspace_id, source_id), None)

    def list(self, workspace_id: str) -> tuple[Source, ...]:
        return _newest_first([each for (owner, _), each in self._sources.items() if owner == workspace_id])

    def find(self, endpoint_key: str) -> Source:
        source = self.get(*self._places.get(endpoint_key, ("", "")))
        if endpoint_key not in {place.key for place in source.endpoints.values()}:
            raise SourceNotFoundError(endpoint_key=endpoint_key)
        return source

    def claim_slug(
        self, workspace_id: str, owner_id: str, slug: str, source_id: str, at: datetime, instead_of: str | None = None
    ) -> tuple[str, datetime]:
        key = (workspace_id, owner_id, slug)
        if key not in self._slugs or self._slugs[key][0] in (source_id, instead_of):
            self._slugs[key] = (source_id, at)
        return self._slugs[key]

    def release_slug(self, workspace_id: str, owner_id: str, slug: str, source_id: str) -> None:
        key = (workspace_id, owner_id, slug)
        if self._slugs.get(key, ("",))[0] == source_id:
            del self._slugs[key]

    def _put(self, source: Source) -> None:
        self._sources[source.workspace_id, source.id] = source
        for place in source.endpoints.values():
            self._places[place.key] = (source.workspace_id, source.id)


class MemorySourceStateStore:
    def __init__(self) -> None:
        self._states: dict[tuple[str, str], SourceState] = {}

    def __len__(self) -> int:
        return len(self._states)

    def get(self, workspace_id: str, source_id: str) -> SourceState:
        return self._states.get((workspace_id, source_id), SourceState(workspace_id, source_id))

    def put(self, state: SourceState) -> None:
        if self.get(state.workspace_id, state.source_id).version != state.version - 1:
            raise StaleWriteError(source_id=state.source_id)
        self._states[state.workspace_id, state.source_id] = state

    def delete(self, workspace_id: str, source_id: str) -> None:
        self._states.pop((workspace_id, source_id), None)


class MemoryAccountStore:
    def __init__(self) -> None:
        self._accounts: dict[tuple[str, str], Account] = {}

    def create(self, account: Account) -> None:
        if (account.workspace_id, account.id) in self._accounts:
            raise AlreadyExistsError(account_id=account.id)
        self._accounts[account.workspace_id, account.id] = account

    def get(self, workspace_id: str, account_id: str) -> Account:
        try:
            return self._accounts[workspace_id, account_id]
        except KeyError as error:
            raise AccountNotFoundError(account_id=account_id) from error

    def replace(self, account: Account) -> None:
        if self.get(account.workspace_id, account.id).revision != account.revision - 1:
            raise StaleWriteError(account_id=account.id)
        self._accounts[account.workspace_id, account.id] = account

    def delete(self, workspace_id: str, account_id: str) -> None:
        self._accounts.pop((workspace_id, account_id), None)

    def list(self, workspace_id: str) -> tuple[Account, ...]:
        return _newest_first([each for (owner, _), each in self._accounts.items() if owner == workspace_id])


class NoSandbox:
    """Where no code is to run."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nobody was to ask the sandbox to {name}")


class LabelVault:
    """Seals nothing: what it returns says what it was sealed for."""

    def seal(self, plain: bytes, context: Mapping[str, str]) -> str:
        return json.dumps([sorted(context.items()), plain.decode()])

    def open(self, sealed: str, context: Mapping[str, str]) -> bytes:
        found, plain = json.loads(sealed)
        if found != [list(item) for item in sorted(context.items())]:
            raise InvalidError("It was sealed for something else.")
        return str(plain).encode()


class Throw(Exception):
    """What the scripted code throws."""

    def __init__(self, message: str, name: str = "Error") -> None:
        super().__init__(message)
        self.name = name


@dataclass
class Call:
    """`this`, for code that is a Python function."""

    event: Json
    invocation: Invocation
    host: SandboxHost
    db: dict[str, Json]
    emits: list[Emit] = field(default_factory=list)
    returned: Json = None

    def emit(self, event: Json, **meta: Json) -> None:
        emit = Emit(event, meta)
        self.emits.append(emit)
        self.host.on_emit(emit)

    def set(self, key: str, value: Json) -> None:
        self.db[key] = value
        self.host.on_db(key, value)

    def log(self, text: str, level: str = "info") -> None:
        self.host.on_log(LogLine(level, text, 1_700_000_000_000))

    def respond(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.host.respond(CodeResponse(status, headers, body))

    def fetch(self, url: str) -> int:
        return self.host.fetch(HttpRequest("GET", url)).status

    def throw(self, message: str, name: str = "Error") -> None:
        raise Throw(message, name)


Code = Callable[[Call], object]


@dataclass
class Scripted:
    """A component whose functions are Python."""

    description: Description
    run: Code | None = None
    hooks: Mapping[str, Code] = field(default_factory=dict)


class ScriptedRunner:
    """A `JsRunner` that knows each text of code by the component that it stands for. `calls` are what ran, in order."""

    def __init__(self) -> None:
        self._scripts: dict[str, Scripted] = {}
        self.calls: list[tuple[str, Json]] = []

    def add(
        self,
        code: str,
        run: Code | None = None,
        *,
        hooks: Mapping[str, Code] | None = None,
        props: Mapping[str, Json] | None = None,
        **members: Any,
    ) -> str:
        """`props` are configurable props by name, each its type or the whole; returns the code."""
        shown = tuple(
            {"name": name, **(prop if isinstance(prop, dict) else {"type": prop})}
            for name, prop in (props or {}).items()
        )
        has = {*(hooks or {}), *(["run"] if run else []), *members.pop("has", ())}
        about: dict[str, Any] = {"name": "Scripted", "version": "1.0.0", "key": None, **members}
        compiled = Bundle("component.js", {"component.js": code}, compiled=True)
        description = Description("component", compiled, configurable_props=shown, has=frozenset(has), **about)
        self._scripts[code] = Scripted(description, run, hooks or {})
        return code

    def describe(self, bundle: Bundle) -> Description:
        return self._script(bundle).description

    def run(self, bundle: Bundle, event: Json, invocation: Invocation, limits: Limits, host: SandboxHost) -> RunReport:
        run = self._script(bundle).run or (lambda call: call.emit(call.event))
        return self._call("run", run, event, invocation, host)

    def run_step(
        self, bundle: Bundle, event: Json, invocation: Invocation, limits: Limits, host: SandboxHost
    ) -> RunReport:
        return self.run(bundle, event, invocation, limits, host)

    def hook(self, bundle: Bundle, name: str, invocation: Invocation, limits: Limits, host: SandboxHost) -> RunReport:
        return self._call(name, self._script(bundle).hooks.get(name, lambda _: None), None, invocation, host)

    def options(
        self, bundle: Bundle, prop: str, query: Json, invocation: Invocation, limits: Limits, host: SandboxHost
    ) -> RunReport:
        return RunReport(returned={"options": []})

    def additional_props(self, bundle: Bundle, invocation: Invocation, limits: Limits, host: SandboxHost) -> RunReport:
        return RunReport(returned=[])

    def _script(self, bundle: Bundle) -> Scripted:
        code = bundle.files[bundle.entry]
        if code not in self._scripts:
            raise CodeError("SyntaxError: unexpected token", file=bundle.entry, line=1, name="SyntaxError")
        return self._scripts[code]

    def _call(self, name: str, code: Code, event: Json, invocation: Invocation, host: SandboxHost) -> RunReport:
        self.calls.append((name, event))
        call = Call(event, invocation, host, dict(invocation.db))
        try:
            returned = code(call)
        except Throw as thrown:
            failure = CodeFailure(thrown.name, str(thrown), f"{thrown.name}: {thrown}\n    at component.js:1")
            return RunReport(emits=tuple(call.emits), error=failure)
        return RunReport(emits=tuple(call.emits), returned=returned)  # type: ignore[arg-type]

"""Components: saving what callers post, finding it again, and the registry of those that everybody has.

Code is evaluated once, when it is saved, for what it says of itself; nothing in it is called. What runs later is what
was compiled then.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import Lock

from chalicelib.domain.components import (
    ID_ENTROPY_BYTES,
    ID_PREFIX,
    Component,
    ComponentFiles,
    Listed,
    check_component,
    code_hash,
    component_id,
)
from chalicelib.domain.dedupe import Strategy
from chalicelib.domain.errors import AlreadyExistsError, ComponentNotFoundError, InvalidError, TooLargeError
from chalicelib.domain.identity import Principal
from chalicelib.domain.javascript import Bundle, CodeError, Description
from chalicelib.services.access import Scope, is_id, require
from chalicelib.services.ports import Clock, Entropy
from chalicelib.services.sources.component_fetch import MAX_FILE_BYTES, ComponentFetcher
from chalicelib.services.sources.ports import ComponentStore, Registry
from chalicelib.services.sources.runs import Loaded
from chalicelib.services.sources.sandbox import JsRunner

NOBODY = ""
"""The workspace of the registry's components."""

_REGISTRY_SINCE = datetime(2026, 11, 1, tzinfo=UTC)
_KEPT = 128  # components whose compiled code a process keeps at hand
_LONGEST_KEY = 200
_TRIES = 5
_WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which component a caller means: the first of these that is given."""

    component_id: str | None = None
    code: str | None = None
    url: str | None = None
    key: str | None = None

    @property
    def is_empty(self) -> bool:
        return not (self.component_id or self.code or self.url or self.key)


@dataclass(frozen=True, slots=True)
class Chosen:
    """`files` are those of a component that is not saved yet."""

    component: Component
    files: ComponentFiles | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Keys of the registry, best first."""

    sources: tuple[str, ...]
    actions: tuple[str, ...]


class Components:
    """The use cases of components. Another workspace's is refused exactly like one that does not exist."""

    def __init__(
        self,
        store: ComponentStore,
        registry: Registry,
        fetcher: ComponentFetcher,
        js: Callable[[], JsRunner],
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._store = store
        self._registry = registry
        self._fetcher = fetcher
        self._js = js
        self._clock = clock
        self._entropy = entropy
        self._loaded: OrderedDict[tuple[str, str], Loaded] = OrderedDict()
        self._public: dict[str, tuple[Component, ComponentFiles]] = {}
        self._keys_by_id: dict[str, str] | None = None
        self._lock = Lock()

    def create(self, principal: Principal, *, code: str | None = None, url: str | None = None) -> Component:
        """Saves a component: the code, or else what is at the URL. Raises ForbiddenError, CodeError for code that
        cannot be loaded, InvalidError."""
        require(principal, Scope.WRITE_SOURCES)
        chosen = self._made(principal, code, url)
        return self.save(chosen)

    def create_script(self, principal: Principal, name: str, code: str) -> Component:
        """Saves code for the steps of workflows, in place of what had the name before. Raises as `create` does."""
        require(principal, Scope.WRITE_WORKFLOWS)
        files, found = self.describe(code)
        component = replace(self._component(principal, files, found, None), script=name, name=found.name or name)
        return self.save(Chosen(component, files))

    def get(self, principal: Principal, key_or_id: str) -> Component:
        """By its id, or the newest of the caller's by its key. Raises ForbiddenError, ComponentNotFoundError."""
        require(principal, Scope.READ_SOURCES)
        if key_or_id.startswith(ID_PREFIX) and is_id(key_or_id):
            try:
                return self._by_id(principal.workspace_id, key_or_id)
            except ComponentNotFoundError:
                pass
        return self._store.latest(principal.workspace_id, key_or_id)

    def of_registry(self, principal: Principal, key: str) -> Component:
        """Raises ForbiddenError, ComponentNotFoundError."""
        require(principal, Scope.READ_SOURCES)
        return self._of_registry(key)[0]

    def list(self, principal: Principal) -> tuple[Component, ...]:
        """The workspace's, newest first. Raises ForbiddenError."""
        require(principal, Scope.READ_SOURCES)
        return self._store.list(principal.workspace_id)

    def code(self, component: Component) -> str:
        """The text as it was given, or fetched. Raises ComponentNotFoundError."""
        if component.workspace_id == NOBODY:
            return self._of_registry(str(component.key))[1].code
        return self._store.files(component.workspace_id, component.id).code

    def search(self, principal: Principal, query: str, app: str | None = None, threshold: float = 0.0) -> Found:
        """Components of the registry that have to do with the query. `threshold` is the share of its words, 0 to 1,
        that one has to have at least. Raises ForbiddenError."""
        require(principal, Scope.READ_SOURCES)
        # Each once, in the caller's order: a repeated word would count twice in score and share.
        words = list(dict.fromkeys(_WORD.findall(query.lower())))
        scored = []
        for listed in self._registry.listed():
            score, share = _score(listed, words)
            if score and share >= threshold and (app is None or listed.app == app):
                # Negative, so that one ascending sort has the best first and equals by their key.
                scored.append((-score, listed.key, listed.type))
        scored.sort()
        keys = {type_: tuple(key for _, key, each in scored if each == type_) for type_ in ("source", "action")}
        return Found(keys["source"], keys["action"])

    # -- for those who deploy and run them --------------------------------------------------------------------------

    def choose(self, principal: Principal, choice: Choice) -> Chosen:
        """The component that a caller means; one that is new is saved by `save` alone, but can be run before. Raises
        ComponentNotFoundError, CodeError, InvalidError."""
        if choice.component_id:
            if not is_id(choice.component_id):
                raise ComponentNotFoundError(component_id=choice.component_id)
            component = self._by_id(principal.workspace_id, choice.component_id)
            # Of the registry: deployed as a copy, which later releases of the registry do not change.
            return self._copied(principal, component.key) if component.workspace_id == NOBODY else Chosen(component)
        if choice.code or choice.url:
            chosen = self._made(principal, choice.code, choice.url)
        else:
            chosen = self._copied(principal, choice.key)
        # Kept at hand before it is stored: its hooks run first, and `load` would not find it anywhere else.
        assert chosen.files is not None
        self._keep(principal.workspace_id, (chosen.component, chosen.files.compiled))
        return chosen

    def save(self, chosen: Chosen) -> Component:
        if chosen.files is not None:
            try:
                self._store.create(chosen.component, chosen.files)
            except AlreadyExistsError:
                # A copy of a registry's component is named for its content.
                return self._store.get(chosen.component.workspace_id, chosen.component.id)
        return chosen.component

    def load(self, workspace_id: str, id_: str) -> Loaded:
        """A component and what runs of it. Raises ComponentNotFoundError."""
        with self._lock:
            if (workspace_id, id_) in self._loaded:
                self._loaded.move_to_end((workspace_id, id_))
                # Never stale, because components never change.
                return self._loaded[workspace_id, id_]
        component = self._store.get(workspace_id, id_)
        return self._keep(workspace_id, (component, self._store.files(workspace_id, id_).compiled))

    def describe(self, code: str) -> tuple[ComponentFiles, Description]:
        """A text of code, compiled. Raises CodeError, TooLargeError."""
        return self._described(_bundle_of(code))

    def script(self, workspace_id: str, name: str) -> Loaded:
        """Raises ComponentNotFoundError."""
        return self.load(workspace_id, self._store.script(workspace_id, name).id)

    def scripts(self, principal: Principal) -> tuple[Component, ...]:
        """Newest first. Raises ForbiddenError."""
        require(principal, Scope.READ_WORKFLOWS)
        return self._store.scripts(principal.workspace_id)

    def _keep(self, workspace_id: str, loaded: Loaded) -> Loaded:
        with self._lock:
            self._loaded[workspace_id, loaded[0].id] = loaded
            while len(self._loaded) > _KEPT:
                self._loaded.popitem(last=False)
        return loaded

    def _by_id(self, workspace_id: str, id_: str) -> Component:
        try:
            return self._store.get(workspace_id, id_)
        except ComponentNotFoundError:
            if (key := self._registry_ids().get(id_)) is None:
                raise
            return self._of_registry(key)[0]

    # -- new ones ---------------------------------------------------------------------------------------------------

    def _made(self, principal: Principal, code: str | None, url: str | None) -> Chosen:
        if code:
            bundle = self._fetcher.complete(code, url) if url else _bundle_of(code)
        elif url:
            bundle = self._fetcher.fetch(url)
        else:
            raise InvalidError("component_code or component_url is required", field="component_code")
        files, found = self._described(bundle)
        check_component(found)
        return Chosen(self._component(principal, files, found, url), files)

    def _described(self, bundle: Bundle) -> tuple[ComponentFiles, Description]:
        """Code of which nobody said what it is written in may be TypeScript. Raises CodeError, InvalidError."""
        code = bundle.files[bundle.entry]
        if any(len(text.encode()) > MAX_FILE_BYTES for text in bundle.files.values()):
            raise TooLargeError(f"component_code is larger than {MAX_FILE_BYTES} bytes", field="component_code")
        try:
            found = self._js().describe(bundle)
        except CodeError as error:
            # Without a name of its own, and not to be parsed: only then may it be in another language.
            if bundle.entry != _ENTRY or error.facts.get("name") not in ("SyntaxError", "CompileError"):
                raise _unloadable(error) from error
            try:
                found = self._js().describe(Bundle("component.ts", {"component.ts": code}))
            except CodeError:
                # The first complaint: it is about the JavaScript that the author most likely wrote.
                raise _unloadable(error) from error
        return ComponentFiles(code, found.compiled), found

    def _component(self, principal: Principal, files: ComponentFiles, found: Description, url: str | None) -> Component:
        now = self._clock.now()
        return Component(
            id=component_id(self._entropy.bytes(ID_ENTROPY_BYTES)),
            workspace_id=principal.workspace_id,
            user_id=principal.user_id,
            name=(found.name or "")[:1_000],
            version=(found.version or "")[:200],
            code_hash=code_hash(files.code),
            created_at=now,
            updated_at=now,
            key=found.key[:_LONGEST_KEY] if found.key else None,
            description=found.description,
            type=found.type,
            kind=found.kind,
            dedupe=Strategy(found.dedupe or "none"),
            configurable_props=found.configurable_props,
            has=found.has,
            missing_modules=found.missing_modules,
            component_url=url,
        )

    # -- the registry -----------------------------------------------------------------------------------------------

    def _of_registry(self, key: str) -> tuple[Component, ComponentFiles]:
        with self._lock:
            if key in self._public:
                return self._public[key]
        bundle = self._registry.bundle(key)
        files, found = self._described(bundle)
        check_component(found)
        nobody = Principal(NOBODY, NOBODY, NOBODY, frozenset())
        component = replace(
            self._component(nobody, files, found, None),
            # Fixed id and times: every process makes the same component of a key, and nothing of it is stored.
            id=_registry_id(key, bundle),
            key=key,
            created_at=_REGISTRY_SINCE,
            updated_at=_REGISTRY_SINCE,
        )
        with self._lock:
            self._public[key] = (component, files)
        return component, files

    def _copied(self, principal: Principal, key: str | None) -> Chosen:
        """What is deployed from the registry becomes the workspace's own, so that no update takes it away."""
        if not key:
            raise InvalidError("component_id, component_code or component_url is required", field="component_id")
        component, files = self._of_registry(key)
        now = self._clock.now()
        own = replace(
            component,
            workspace_id=principal.workspace_id,
            user_id=principal.user_id,
            created_at=now,
            updated_at=now,
        )
        self._keep(principal.workspace_id, (own, files.compiled))
        return Chosen(own, files)

    def _registry_ids(self) -> dict[str, str]:
        if self._keys_by_id is None:
            # Without the lock: two threads may do it at once, and come to the same.
            keys = [listed.key for listed in self._registry.listed()]
            self._keys_by_id = {_registry_id(key, self._registry.bundle(key)): key for key in keys}
        return self._keys_by_id


_ENTRY = "component.js"


def _bundle_of(code: str) -> Bundle:
    return Bundle(_ENTRY, {_ENTRY: code})


def _unloadable(error: CodeError) -> CodeError:
    """The same, in the words of the components API."""
    name = str(error.facts.get("name") or "Error")
    bare = CodeError(f"component could not be loaded: {error.message}", name=name)
    bare.file, bare.line = error.file, error.line
    bare.facts = {"file": error.file, "line": error.line, "name": name}
    return bare


def _registry_id(key: str, bundle: Bundle) -> str:
    digest = hashlib.sha256(key.encode())
    # In one order, and with the names: the id follows from the whole content and from nothing else.
    for path in sorted(bundle.files):
        digest.update(f"\n{path}\n{bundle.files[path]}".encode())
    return component_id(digest.digest()[:ID_ENTROPY_BYTES])


def _score(listed: Listed, words: list[str]) -> tuple[int, float]:
    """How well a component fits, and the share of the words that it has at all."""
    key, name = set(_WORD.findall(listed.key.lower())), set(_WORD.findall(listed.name.lower()))
    rest = set(_WORD.findall(f"{listed.description} {listed.app}".lower()))
    score = matched = 0
    for word in words:
        # Plurals of a kind: who looks for orders finds what says order.
        stems = {word, word.removesuffix("s")}
        points = 4 * bool(stems & name) + 3 * bool(stems & key) + bool(stems & rest)
        points += any(each.startswith(word) for each in key | name) and not points
        score += points
        matched += points > 0
    return score, matched / len(words) if words else 0.0

"""Sources: deploying components, changing what is deployed, and taking it away.

A source is stored last: what is prepared for one that is never stored is found to belong to nothing. Hooks run before
anything of their effect is stored, so that one that throws leaves everything as it was.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from chalicelib.domain.components import Component, check_deployable
from chalicelib.domain.errors import (
    AlreadyExistsError,
    InvalidError,
    PenstockError,
    SourceNotFoundError,
    StaleWriteError,
)
from chalicelib.domain.events import ERRORS, LOGS, Cause, Emitter, EmitterKind, Event
from chalicelib.domain.identity import Principal
from chalicelib.domain.json import Json
from chalicelib.domain.run import Start
from chalicelib.domain.source_props import accounts, configure, http_names, shown
from chalicelib.domain.sources import (
    ENDPOINT_ENTROPY_BYTES,
    ID_ENTROPY_BYTES,
    HttpPlace,
    Source,
    endpoint_key,
    run_workflow,
    slug,
    slugs_of,
    source_id,
)
from chalicelib.domain.subscriptions import Subscription
from chalicelib.services.access import Scope, is_id, require
from chalicelib.services.events.events import Events
from chalicelib.services.events.fanout import listener_run_id
from chalicelib.services.events.subscriptions import Subscriptions
from chalicelib.services.ports import Clock, Entropy
from chalicelib.services.runs.runs import Runs
from chalicelib.services.sources.components import Choice, Chosen, Components
from chalicelib.services.sources.hooks import HOOK_SECONDS, HookSession
from chalicelib.services.sources.ports import SourceStore
from chalicelib.services.sources.runs import SourceRuns, Tried
from chalicelib.services.sources.timers import SourceTimers

logger = logging.getLogger(__name__)

STREAMS = ("", ERRORS, LOGS)
TEST_SECONDS = 24.0  # whoever tests waits for it, and gateways give up after half a minute
_LONGEST_NAME = 500
_CLAIM_SECONDS = 120  # longer than any call takes from claiming a slug to storing its source
_TRIES = 100

AccountCheck = Callable[[Principal, str], str]
"""The app of an account that the principal may use. Raises AccountNotFoundError."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A source to be made. `base_url` is where HTTP requests for sources arrive; `of_workspace` makes the workspace its
    owner instead of the user."""

    choice: Choice
    base_url: str
    name: str | None = None
    props: Mapping[str, Json] | None = None
    of_workspace: bool = False


@dataclass(frozen=True, slots=True)
class Amendment:
    """What an update sets; what is None stays as it is. Props are set one by one, and those that are null go."""

    base_url: str
    choice: Choice = Choice()  # noqa: RUF009 - it is frozen
    name: str | None = None
    props: Mapping[str, Json] | None = None
    active: bool | None = None


class Sources:
    """The use cases of sources. Another workspace's source is refused exactly like one that does not exist."""

    def __init__(
        self,
        *,
        store: SourceStore,
        components: Components,
        source_runs: SourceRuns,
        runs: Runs,
        timers: SourceTimers,
        subscriptions: Subscriptions,
        events: Events,
        check_account: AccountCheck,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._store = store
        self._components = components
        self._source_runs = source_runs
        self._runs = runs
        self._timers = timers
        self._subscriptions = subscriptions
        self._events = events
        self._check_account = check_account
        self._clock = clock
        self._entropy = entropy

    # -- reading ----------------------------------------------------------------------------------------------------

    def get(self, principal: Principal, id_: str, scope: Scope = Scope.READ_SOURCES) -> Source:
        """Raises ForbiddenError, SourceNotFoundError."""
        source = self._own(principal, id_, scope)
        if source.deleting:
            raise SourceNotFoundError(source_id=id_)
        return source

    def list(self, principal: Principal, *, of_workspace: bool) -> tuple[Source, ...]:
        """The workspace's own, or the user's; newest first. Raises ForbiddenError."""
        require(principal, Scope.READ_SOURCES)
        owner = principal.workspace_id if of_workspace else principal.user_id
        found = self._store.list(principal.workspace_id)
        return tuple(
            each for each in found if each.owner_id == owner and each.of_workspace is of_workspace and not each.deleting
        )

    def props(self, source: Source) -> dict[str, Json]:
        """The configuration as answers have it."""
        try:
            component, _ = self._components.load(source.workspace_id, source.component_id)
        except PenstockError:
            return shown(None, source)
        return shown(component, source)

    def check(self, workspace_id: str, id_: str) -> None:
        """Raises SourceNotFoundError unless the workspace has the source."""
        if self._store.get(workspace_id, id_).deleting:
            raise SourceNotFoundError(source_id=id_)

    def test(self, principal: Principal, id_: str, event: Json) -> Tried:
        """What the source would do about the event, given its present state; nothing of it is stored. Raises
        ForbiddenError, SourceNotFoundError."""
        source = self.get(principal, id_, Scope.WRITE_SOURCES)
        return self._source_runs.test(source, event, TEST_SECONDS + 3, TEST_SECONDS)

    # -- creating ---------------------------------------------------------------------------------------------------

    def create(self, principal: Principal, draft: Draft) -> Source:
        """Deploys a component. Raises ForbiddenError, ComponentNotFoundError, AccountNotFoundError, and InvalidError
        for a component or configuration that cannot be, and with what a hook threw."""
        require(principal, Scope.WRITE_SOURCES)
        chosen = self._components.choose(principal, draft.choice)
        component = chosen.component
        check_deployable(component)
        props = configure(component, draft.props or {})
        self._check_accounts(principal, component, props)
        now = self._clock.now()
        source = Source(
            id=source_id(self._entropy.bytes(ID_ENTROPY_BYTES)),
            workspace_id=principal.workspace_id,
            user_id=principal.user_id,
            component_id=component.id,
            name=_named(draft.name) or slug(component.name),
            name_slug="",
            created_at=now,
            updated_at=now,
            props=props,
            endpoints=self._places(component, {}, draft.base_url),
            of_workspace=draft.of_workspace,
        )
        session = self._session(source)
        # Before anything is stored: a source whose hook throws was never there.
        for hook in ("deploy", "activate"):
            if (failure := session.run(source, hook)) is not None:
                raise InvalidError(f"{hook}: {failure.message}", hook=hook)
        return self._stored(source, chosen, session)

    def _stored(self, source: Source, chosen: Chosen, session: HookSession) -> Source:
        """The source with everything that belongs to it; nothing of it if something cannot be stored."""
        try:
            self._components.save(chosen)
            source = self._claimed(source)
            session.commit(source)
            self._timers.start(source, chosen.component)
            self._subscriptions.created(source.workspace_id, source.id)
            # Last of all: from here on it is found, fired and told.
            self._create(source)
        except Exception:
            self._undo(source, session)
            raise
        # After the source is there, so that who hears of an event finds its emitter.
        session.send()
        self._timers.announce(source)
        return source

    def _create(self, source: Source) -> None:
        try:
            self._store.create(source)
        except AlreadyExistsError:
            # The store's client repeats a write whose answer was lost, and the second one finds the first.
            if not self._is_stored(source):
                raise

    def _undo(self, source: Source, session: HookSession) -> None:
        """As far as it goes: what stays belongs to nothing."""
        try:
            if self._is_stored(source):
                self._store.delete(source.workspace_id, source.id)
        except PenstockError:
            return  # It may have been stored, and nobody can say so: then it has to be whole.
        # What the hooks set up elsewhere, such as a webhook at some API, only they can take down.
        with suppress(PenstockError):
            session.run(source, "deactivate")
        with suppress(PenstockError):
            self._timers.remove(source)
            self._subscriptions.removed(source.workspace_id, source.id)
            self._source_runs.states.delete(source.workspace_id, source.id)
            self._store.release_slug(source.workspace_id, source.owner_id, source.name_slug, source.id)

    def _is_stored(self, source: Source) -> bool:
        try:
            stored = self._store.get(source.workspace_id, source.id)
        except SourceNotFoundError:
            return False
        return (stored.user_id, stored.component_id, stored.name_slug, stored.revision) == (
            source.user_id,
            source.component_id,
            source.name_slug,
            source.revision,
        )

    # -- changing ---------------------------------------------------------------------------------------------------

    def update(self, principal: Principal, id_: str, amendment: Amendment) -> Source:
        """Changes a source; one that throws on activation stays as it was. Raises as `create` does, and
        SourceNotFoundError, StaleWriteError."""
        source = self.get(principal, id_, Scope.WRITE_SOURCES)
        before, _ = self._components.load(source.workspace_id, source.component_id)
        chosen = Chosen(before) if amendment.choice.is_empty else self._components.choose(principal, amendment.choice)
        component = chosen.component
        check_deployable(component)
        changed = self._amended(principal, source, component, amendment)
        # The new slug is claimed before and the old one released after the change: it is never without one.
        if changed.name != source.name:
            changed = self._claimed(changed)
        same = (changed.component_id, changed.props, changed.active) == (
            source.component_id,
            source.props,
            source.active,
        )
        if same:
            self._store.replace(changed)
        else:
            self._redeploy(source, changed, chosen)
        if changed.name_slug != source.name_slug:
            self._store.release_slug(source.workspace_id, source.owner_id, source.name_slug, source.id)
        return changed

    def _redeploy(self, source: Source, changed: Source, chosen: Chosen) -> None:
        session = self._session(source)
        if source.active:
            session.run(source, "deactivate")
        failure = session.run(changed, "activate") if changed.active else None
        if failure is not None:
            # `deactivate` has run: what it took down elsewhere is set up again, as far as the code does that.
            if source.active:
                session.run(source, "activate")
            session.commit(source)
            session.send()
            raise InvalidError(f"activate: {failure.message}", hook="activate")
        self._components.save(chosen)
        session.commit(changed)
        # Before the source: what fires meanwhile is checked against it, and waits until it is stored.
        self._timers.change(changed, chosen.component)
        self._store.replace(changed)
        session.send()
        self._timers.announce(changed)

    def _amended(self, principal: Principal, source: Source, component: Component, amendment: Amendment) -> Source:
        props = source.props
        if amendment.props is not None or component.id != source.component_id:
            given = amendment.props or {}
            kept = {name: value for name, value in source.props.items() if name not in given or given[name] is not None}
            props = configure(component, given, kept)
            self._check_accounts(principal, component, props)
        return replace(
            source,
            component_id=component.id,
            name=_named(amendment.name) or source.name,
            props=props,
            active=source.active if amendment.active is None else amendment.active,
            endpoints=self._places(component, source.endpoints, amendment.base_url),
            updated_at=self._clock.now(),
            revision=source.revision + 1,
        )

    # -- deleting ---------------------------------------------------------------------------------------------------

    def delete(self, principal: Principal, id_: str) -> None:
        """Takes the source away, with everything that belongs to it. Repeating it finishes a half-done one. Raises
        ForbiddenError, SourceNotFoundError."""
        source = self._own(principal, id_, Scope.WRITE_SOURCES)
        if not source.deleting:
            if source.active:
                # Code that throws must not keep its source from being deleted.
                with suppress(PenstockError):
                    self._session(source).run(source, "deactivate")
            source = self._marked(source)
        workspace_id = source.workspace_id
        # The mark keeps everybody out from here on, and the source goes last: whoever finds it half gone can go on.
        self._timers.remove(source)
        self._subscriptions.removed(workspace_id, source.id)
        self._runs.cancel_live_of(workspace_id, source.id)
        self._source_runs.states.delete(workspace_id, source.id)
        self._events.forget(Emitter(workspace_id, EmitterKind.SOURCE, source.id), STREAMS)
        self._store.release_slug(workspace_id, source.owner_id, source.name_slug, source.id)
        self._store.delete(workspace_id, source.id)

    def _marked(self, source: Source) -> Source:
        for _ in range(_TRIES):
            marked = replace(source, active=False, deleting=True, revision=source.revision + 1)
            try:
                self._store.replace(marked)
            except StaleWriteError:
                source = self._store.get(source.workspace_id, source.id)
            else:
                return marked
        raise StaleWriteError(source_id=source.id)

    # -- hearing events ---------------------------------------------------------------------------------------------

    def tell(self, event: Event, subscription: Subscription) -> None:
        """Starts a run of the source with an event that it has subscribed to, once. One that is gone or at rest is not
        told."""
        try:
            source = self._store.get(subscription.workspace_id, subscription.listener_id)
        except SourceNotFoundError:
            return
        if not source.is_live:
            return
        emission = event.emission
        start = Start(
            subscription.user_id,
            cause=Cause(emission.emitter.id, emission.channel, str(event.id), emission.hops + 1),
            run_id=listener_run_id(emission.emit_id, source.id),
            exclusive=source.id,
        )
        self._runs.start(run_workflow(source), {"event": emission.payload}, "event", start=start)

    # -- parts ------------------------------------------------------------------------------------------------------

    def _own(self, principal: Principal, id_: str, scope: Scope) -> Source:
        require(principal, scope)
        if not is_id(id_):
            raise SourceNotFoundError(source_id=id_)
        return self._store.get(principal.workspace_id, id_)

    def _session(self, source: Source) -> HookSession:
        state = self._source_runs.settled(source.workspace_id, source.id)
        now = self._clock.now()
        key = f"hooks/{source.id}/{source.revision}/{now.timestamp():.3f}"
        until = now + timedelta(seconds=HOOK_SECONDS + 3)
        return HookSession(self._source_runs, self._runs, state, key, until)

    def _check_accounts(self, principal: Principal, component: Component, props: Mapping[str, Json]) -> None:
        apps = {str(prop["name"]): prop.get("app") for prop in component.configurable_props}
        for name, account_id in accounts(component, props).items():
            app = self._check_account(principal, account_id)
            # A mix-up would hand one API's credentials to code that talks to another.
            if app != apps[name]:
                where = f"configured_props.{name}"
                raise InvalidError(f"{where} is to be an account of {apps[name]}, not of {app}", field=where)

    def _places(self, component: Component, kept: Mapping[str, HttpPlace], base_url: str) -> dict[str, HttpPlace]:
        """Where requests for each HTTP prop arrive; an address that there is stays."""
        found: dict[str, HttpPlace] = {}
        for name in http_names(component):
            key = endpoint_key(self._entropy.bytes(ENDPOINT_ENTROPY_BYTES))
            # Callers have the address written down elsewhere: it outlives every change of the component.
            found[name] = kept.get(name) or HttpPlace(key, f"{base_url.rstrip('/')}/h/{key}")
        return found

    def _claimed(self, source: Source) -> Source:
        """The source with the first slug of its name that no other of the same owner has."""
        workspace_id, now = source.workspace_id, self._clock.now()
        for tried, each in enumerate(slugs_of(source.name)):
            # The slugs of a name have no end, and each that is taken costs a write.
            if tried == _TRIES * 100:
                break
            owner = (workspace_id, source.owner_id, each, source.id)
            holder, since = self._store.claim_slug(*owner, now)
            if (
                holder != source.id
                and since < now - timedelta(seconds=_CLAIM_SECONDS)
                and not self._has(source, holder)
            ):
                # Whoever claimed it died before there was a source.
                holder, _ = self._store.claim_slug(*owner, now, instead_of=holder)
            if holder == source.id:
                return replace(source, name_slug=each)
        raise AlreadyExistsError("There are too many sources of this name.", name=source.name)

    def _has(self, source: Source, holder: str) -> bool:
        try:
            self._store.get(source.workspace_id, holder)
        except SourceNotFoundError:
            return False
        return True


def _named(name: str | None) -> str | None:
    """Raises InvalidError."""
    if name is None or not name.strip():
        return None
    if len(name) > _LONGEST_NAME:
        raise InvalidError(f"name is longer than {_LONGEST_NAME} characters", field="name")
    return name

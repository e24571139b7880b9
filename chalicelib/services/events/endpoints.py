"""Endpoints: registering receivers, their secrets, and holding and releasing what they get.

A secret is shown once, when it is read or rotated, and the store decides who was first. A URL is judged when it is
registered, and again whenever something is sent to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from msgspec import UNSET, UnsetType

from chalicelib.domain import endpoint_rules
from chalicelib.domain.endpoints import (
    ROTATION_OVERLAP,
    SECRET_BYTES,
    Endpoint,
    EndpointStatus,
    EndpointStyle,
    Secret,
    endpoint_id,
    is_secret,
    secret_of,
)
from chalicelib.domain.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidError,
    OutboundError,
    StaleWriteError,
)
from chalicelib.domain.identity import Principal
from chalicelib.domain.ids import ENTROPY_BYTES
from chalicelib.domain.times import parse_iso
from chalicelib.services.access import Scope, require
from chalicelib.services.events.deliveries import Deliveries, Recovery, own_endpoint
from chalicelib.services.events.ports import EndpointStore, SubscriptionStore
from chalicelib.services.ports import Clock, Entropy, MarkStore

MOST_SECRETS = 5  # each that holds adds a signature to a header of every delivery
_TRIES = 12
_TOMBSTONE_LIFETIME = timedelta(days=1)

CheckUrl = Callable[[str], object]
"""Judges whether a URL may be called at all. Raises OutboundError."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a caller sets of an endpoint. Only None is null: what is UNSET stays as it is, or as it is by default."""

    url: str | UnsetType = UNSET
    name: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    event_types: frozenset[str] | UnsetType = UNSET
    rate_limit: int | UnsetType | None = UNSET
    headers: dict[str, str] | UnsetType = UNSET

    def given(self) -> dict[str, object]:
        members = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in members.items() if value is not UNSET}


@dataclass(frozen=True, slots=True)
class Rotation:
    """The endpoint's new secret, and until when the one before it signs too."""

    secret: str
    previous_expires_at: datetime | None


class Endpoints:
    def __init__(
        self,
        store: EndpointStore,
        subscriptions: SubscriptionStore,
        deliveries: Deliveries,
        marks: MarkStore,
        clock: Clock,
        entropy: Entropy,
        check_url: CheckUrl,
    ) -> None:
        self._store = store
        self._subscriptions = subscriptions
        self._deliveries = deliveries
        self._marks = marks
        self._clock = clock
        self._entropy = entropy
        self._check_url = check_url

    def create(
        self, principal: Principal, settings: Settings, style: EndpointStyle = EndpointStyle.PIPEDREAM
    ) -> Endpoint:
        """Raises ForbiddenError, and InvalidError for settings that break a rule or have no URL."""
        require(principal, Scope.WRITE_HOOKS)
        self._check(settings)
        if settings.url is UNSET:
            raise InvalidError("url is required", field="url")
        for _ in range(_TRIES):
            now = self._clock.now()
            endpoint = Endpoint(
                id=endpoint_id(self._entropy.bytes(ENTROPY_BYTES)),
                workspace_id=principal.workspace_id,
                user_id=principal.user_id,
                url="",
                created_at=now,
                updated_at=now,
                secrets=(Secret(self._new_secret()),),
                style=style,
            )
            endpoint = replace(endpoint, **settings.given())  # type: ignore[arg-type]
            try:
                self._store.create(endpoint)
            # Ids have six random digits, so that two may meet: another id is as good.
            except AlreadyExistsError:
                continue
            return endpoint
        raise AlreadyExistsError

    def get(self, principal: Principal, endpoint_id: str, scope: Scope = Scope.READ_HOOKS) -> Endpoint:
        """Raises ForbiddenError, EndpointNotFoundError."""
        return own_endpoint(self._store, principal, endpoint_id, scope)

    def list(self, principal: Principal) -> tuple[Endpoint, ...]:
        """Newest first. Raises ForbiddenError."""
        require(principal, Scope.READ_HOOKS)
        return self._store.list(principal.workspace_id)

    def was_created_at(self, principal: Principal, endpoint_id: str) -> datetime | None:
        """When an endpoint was created that was deleted within the last day: its place in the list. None if there was
        no such endpoint."""
        text = self._marks.get(_tombstone(principal.workspace_id, endpoint_id))
        return None if text is None else parse_iso(text)

    def update(self, endpoint: Endpoint, settings: Settings) -> Endpoint:
        """Raises InvalidError, EndpointNotFoundError."""
        self._check(settings)
        given = settings.given()
        # Not from `endpoint` as it was read: what others changed meanwhile and this call does not name has to stay.
        changed = self._changed(endpoint, lambda current: replace(current, **given))  # type: ignore[arg-type]
        if changed.url == endpoint.url or changed.failing_since is None:
            return changed
        # The days of failures that disable an endpoint are those of the URL that it had.
        self._store.note_success(endpoint.workspace_id, endpoint.id)
        return replace(changed, failing_since=None, failed_at=None)

    def delete(self, endpoint: Endpoint) -> None:
        """Removes it with its subscriptions and deliveries."""
        # The chore is first, as nobody comes back to the deliveries of an endpoint that is gone. The endpoint goes
        # after what names it, so that a call that was cut short before can be repeated.
        name = _tombstone(endpoint.workspace_id, endpoint.id)
        self._deliveries.forgetting(endpoint)
        self._marks.put(name, endpoint.created_at.isoformat(), self._clock.now() + _TOMBSTONE_LIFETIME)
        self._subscriptions.delete_of(endpoint.workspace_id, endpoint.id)
        self._store.delete(endpoint.workspace_id, endpoint.id)
        self._deliveries.forget(endpoint.workspace_id, endpoint.id)

    def pause(self, endpoint: Endpoint) -> Endpoint:
        """From now on its deliveries are held. A paused one stays as it is."""
        return self._changed(endpoint, lambda current: _with_status(current, EndpointStatus.PAUSED))

    def resume(self, endpoint: Endpoint) -> tuple[Endpoint, Recovery]:
        """Enables a paused or disabled endpoint, with what was held for it. May be repeated."""
        # First, for nobody would come back to what is held once the endpoint is active.
        run_id = self._deliveries.releasing(endpoint)
        # Before it is active: the first failure after that would otherwise disable it for its days before.
        self._store.note_success(endpoint.workspace_id, endpoint.id)
        endpoint = replace(endpoint, failing_since=None, failed_at=None)
        active = self._changed(endpoint, lambda current: _with_status(current, EndpointStatus.ACTIVE))
        return active, self._deliveries.release(active, run_id)

    def read_secret(self, endpoint: Endpoint) -> str:
        """The signing secret. Raises ConflictError if it was shown before."""

        def read(current: Endpoint) -> Endpoint:
            if current.secret_was_read:
                raise ConflictError(
                    "The secret is shown only once, and was; rotate it to get a new one.", endpoint_id=current.id
                )
            # Judged anew on each try: of two that read at once the slower one finds the mark of the other.
            return replace(current, secret_was_read=True)

        # Reading is no change that lists or `updated_at` should tell of.
        return self._changed(endpoint, read, touch=False).secrets[0].value

    def rotate_secret(self, endpoint: Endpoint, own: str | None = None) -> Rotation:
        """Signs with a new secret, minted unless the caller brings one, and for a day with the old one as well.

        Raises InvalidError for what is no secret, ConflictError if too many still sign.
        """
        if own is not None and not is_secret(own):
            raise InvalidError("secret must be whsec_ and the base64 of 24 to 64 bytes", field="secret")
        secret = own or self._new_secret()
        expires_at = self._clock.now() + ROTATION_OVERLAP

        def rotated(current: Endpoint) -> Endpoint:
            # The same secret again, by a caller who did not hear the first answer: it must not sign twice.
            if current.secrets[0].value == secret:
                return current
            now = self._clock.now()
            replaced = replace(current.secrets[0], expires_at=expires_at)
            # An old secret that comes back as the new one would otherwise stand in the list twice, and sign twice.
            kept = [each for each in current.secrets[1:] if each.holds_at(now) and each.value != secret]
            # The new one and the replaced one beside those kept; dropping the oldest would end the day it was promised.
            if len(kept) + 2 > MOST_SECRETS:
                raise ConflictError(
                    f"The secret was rotated {MOST_SECRETS - 1} times within a day; wait until an old one has expired.",
                    endpoint_id=current.id,
                )
            return replace(current, secrets=(Secret(secret), replaced, *kept), secret_was_read=True)

        changed = self._changed(endpoint, rotated)
        return Rotation(secret, changed.secrets[1].expires_at if len(changed.secrets) > 1 else None)

    def _check(self, settings: Settings) -> None:
        """The URL's address, after everything that needs no look at it."""
        if settings.name:
            endpoint_rules.check_name(settings.name)
        if settings.description:
            endpoint_rules.check_description(settings.description)
        if settings.event_types:
            endpoint_rules.check_event_types(settings.event_types)
        if settings.headers:
            endpoint_rules.check_headers(settings.headers)
        if isinstance(settings.rate_limit, int):
            endpoint_rules.check_rate_limit(settings.rate_limit)
        if isinstance(settings.url, str):
            endpoint_rules.check_url(settings.url)
            try:
                self._check_url(settings.url)
            except OutboundError as error:
                raise InvalidError(f"url is not accepted: {error.message}", field="url") from error

    def _changed(self, endpoint: Endpoint, change: Callable[[Endpoint], Endpoint], *, touch: bool = True) -> Endpoint:
        """The endpoint as `change` makes it, stored; again while others change it in between."""
        for tried in range(_TRIES):
            changed = change(endpoint)
            if changed == endpoint:
                return endpoint
            updated_at = self._clock.now() if touch else endpoint.updated_at
            changed = replace(changed, updated_at=updated_at, revision=endpoint.revision + 1)
            try:
                self._store.replace(changed)
            except StaleWriteError:
                # Longer with each try, and different by chance, so that those who collided do not meet again.
                self._clock.sleep((1 + tried) * 0.005 * (1 + self._entropy.bytes(1)[0] / 256))
                endpoint = self._store.get(endpoint.workspace_id, endpoint.id)
            else:
                return changed
        raise StaleWriteError(endpoint_id=endpoint.id)

    def _new_secret(self) -> str:
        return secret_of(self._entropy.bytes(SECRET_BYTES))


def _with_status(endpoint: Endpoint, status: EndpointStatus) -> Endpoint:
    return endpoint if endpoint.status is status else replace(endpoint, status=status, status_reason=None)


def _tombstone(workspace_id: str, endpoint_id: str) -> str:
    return f"endpoint-gone:{workspace_id}:{endpoint_id}"

"""Webhook endpoints, with their secrets and headers.

What callers change goes in by revision; what deliveries note on an endpoint does not touch the revision and is not
touched by a change, so that neither waits for the other. Disabling is both: it raises the revision, so that a change
by somebody who has not seen it is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.domain.deliveries import Origin
from chalicelib.domain.endpoints import Disabling, Endpoint, EndpointStatus, EndpointStyle, Secret
from chalicelib.domain.errors import AlreadyExistsError, EndpointNotFoundError, StaleWriteError
from chalicelib.domain.events import EmitterKind
from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.json import decode, encode
from chalicelib.domain.times import from_epoch_ms
from chalicelib.store.attributes import OptionalTextAttribute, OptionalTimeAttribute, TimeAttribute, assign
from chalicelib.store.definition_items import DefinitionItem, endpoints_of
from chalicelib.store.table import ConditionFailedError, RawItem, Table


class EndpointItem(DefinitionItem):
    """`details` is what nobody selects by: secrets, headers, event types and the like."""

    workspace_id = UnicodeAttribute()
    user_id = UnicodeAttribute()
    url = UnicodeAttribute()
    title = OptionalTextAttribute()
    description = OptionalTextAttribute()
    status = UnicodeAttribute()
    status_reason = OptionalTextAttribute()
    details = UnicodeAttribute()
    style = UnicodeAttribute()
    created_at = TimeAttribute()
    updated_at = TimeAttribute()
    failing_since = OptionalTimeAttribute()
    failed_at = OptionalTimeAttribute()
    untold = OptionalTextAttribute()
    revision = NumberAttribute()


class DynamoEndpointStore:
    """The `EndpointStore` port on DynamoDB."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def create(self, endpoint: Endpoint) -> None:
        try:
            self._table.put(_item(endpoint), _is_new())
        except ConditionFailedError as failed:
            raise AlreadyExistsError(endpoint_id=endpoint.id) from failed

    def get(self, workspace_id: str, endpoint_id: str) -> Endpoint:
        raw = self._table.get(endpoints_of(workspace_id), endpoint_id)
        if raw is None:
            raise EndpointNotFoundError(endpoint_id=endpoint_id)
        return _endpoint(raw)

    def find(self, workspace_id: str, endpoint_ids: Sequence[str]) -> dict[str, Endpoint]:
        keys = [(endpoints_of(workspace_id), endpoint_id) for endpoint_id in dict.fromkeys(endpoint_ids)]
        found = map(_endpoint, self._table.get_all(keys))
        return {endpoint.id: endpoint for endpoint in found}

    def replace(self, endpoint: Endpoint) -> None:
        """Who made it and when, its style and what deliveries note stay as they are."""
        actions: list[Action] = [
            EndpointItem.url.set(endpoint.url),
            assign(EndpointItem.title, endpoint.name),
            assign(EndpointItem.description, endpoint.description),
            EndpointItem.status.set(endpoint.status.value),
            assign(EndpointItem.status_reason, endpoint.status_reason),
            EndpointItem.details.set(_details_to_json(endpoint)),
            EndpointItem.updated_at.set(endpoint.updated_at),
            EndpointItem.revision.set(endpoint.revision),
        ]
        key = (endpoints_of(endpoint.workspace_id), endpoint.id)
        try:
            self._table.update(*key, actions, _is_at_revision(endpoint.revision - 1))
        except ConditionFailedError as failed:
            if not failed.item:
                raise EndpointNotFoundError(endpoint_id=endpoint.id) from failed
            raise StaleWriteError(endpoint_id=endpoint.id) from failed

    def delete(self, workspace_id: str, endpoint_id: str) -> None:
        self._table.delete(endpoints_of(workspace_id), endpoint_id)

    def list(self, workspace_id: str) -> tuple[Endpoint, ...]:
        found = map(_endpoint, self._table.query(EndpointItem.partition == endpoints_of(workspace_id)))
        return tuple(sorted(found, key=lambda each: (each.created_at, each.id), reverse=True))

    def note_failure(self, workspace_id: str, endpoint_id: str, at: datetime) -> datetime:
        # `|` is if_not_exists: the first failure's time stays, however many attempts fail side by side.
        actions = [EndpointItem.failing_since.set(EndpointItem.failing_since | at), EndpointItem.failed_at.set(at)]
        key = (endpoints_of(workspace_id), endpoint_id)
        try:
            raw = self._table.update(*key, actions, _exists(), returns="ALL_NEW")
        except ConditionFailedError:
            return at
        return EndpointItem.from_raw_data(raw).failing_since or at

    def note_success(self, workspace_id: str, endpoint_id: str) -> None:
        key = (endpoints_of(workspace_id), endpoint_id)
        try:
            self._table.update(*key, [EndpointItem.failing_since.remove(), EndpointItem.failed_at.remove()], _exists())
        except ConditionFailedError:
            return

    def disable(
        self, workspace_id: str, endpoint_id: str, reason: str, at: datetime, news: Disabling | None = None
    ) -> bool:
        actions: list[Action] = [
            EndpointItem.status.set(EndpointStatus.DISABLED.value),
            EndpointItem.status_reason.set(reason),
            EndpointItem.updated_at.set(at),
            # In the same write: a crash before the news are told leaves them here, for whoever comes next.
            assign(EndpointItem.untold, None if news is None else _news_to_json(news)),
            # A replacement by somebody who has not seen this is refused, or it would enable the endpoint again.
            EndpointItem.revision.add(1),
        ]
        try:
            self._table.update(endpoints_of(workspace_id), endpoint_id, actions, _may_be_disabled())
        except ConditionFailedError:
            return False
        return True

    def note_told(self, workspace_id: str, endpoint_id: str, news: Disabling) -> None:
        try:
            self._table.update(endpoints_of(workspace_id), endpoint_id, [EndpointItem.untold.remove()], _is_news(news))
        except ConditionFailedError:
            return


def _is_new() -> Condition:
    """Guards an endpoint against a second one of its id."""
    return EndpointItem.partition.does_not_exist()


def _exists() -> Condition:
    """Guards against bringing a deleted endpoint back."""
    return EndpointItem.partition.exists()


def _is_at_revision(revision: int) -> Condition:
    """Guards against overwriting a change that the caller has not seen, and a deleted endpoint's return."""
    condition: Condition = EndpointItem.revision == revision
    return condition


def _may_be_disabled() -> Condition:
    """Guards the reason of the first disabling, and a deleted endpoint's return."""
    condition: Condition = _exists() & (EndpointItem.status != EndpointStatus.DISABLED.value)
    return condition


def _is_news(news: Disabling) -> Condition:
    """Guards the news of a later disabling, and a deleted endpoint's return."""
    # Compared as texts: the same news always has the same JSON, its members being written in one order.
    condition: Condition = EndpointItem.untold == _news_to_json(news)
    return condition


def _item(endpoint: Endpoint) -> EndpointItem:
    return EndpointItem(
        endpoints_of(endpoint.workspace_id),
        endpoint.id,
        workspace_id=endpoint.workspace_id,
        user_id=endpoint.user_id,
        url=endpoint.url,
        title=endpoint.name,
        description=endpoint.description,
        status=endpoint.status.value,
        status_reason=endpoint.status_reason,
        details=_details_to_json(endpoint),
        style=endpoint.style.value,
        created_at=endpoint.created_at,
        updated_at=endpoint.updated_at,
        failing_since=endpoint.failing_since,
        failed_at=endpoint.failed_at,
        untold=None if endpoint.untold is None else _news_to_json(endpoint.untold),
        revision=endpoint.revision,
    )


def _details_to_json(endpoint: Endpoint) -> str:
    secrets = [[each.value, each.expires_at and epoch_ms(each.expires_at)] for each in endpoint.secrets]
    members: dict[str, Any] = {
        "secrets": secrets,
        "secret_was_read": endpoint.secret_was_read,
        "event_types": sorted(endpoint.event_types),
        "rate_limit": endpoint.rate_limit,
        "headers": dict(endpoint.headers),
    }
    return encode(members).decode()


def _news_to_json(news: Disabling) -> str:
    origin = news.origin
    members: dict[str, Any] = {
        "at": epoch_ms(news.at),
        "reason": news.reason,
        "url": news.url,
        "since": epoch_ms(news.since),
        "emitter_kind": origin.emitter_kind,
        "origin": [origin.emitter_id, origin.channel, origin.event_id, origin.emit_id, origin.hops],
        "created_at": epoch_ms(news.created_at),
        "last": [news.last_status, news.last_error],
    }
    return encode(members).decode()


def _news(text: str) -> Disabling:
    members: Any = decode(text.encode())
    kind = members["emitter_kind"]
    return Disabling(
        at=from_epoch_ms(members["at"]),
        reason=members["reason"],
        url=members["url"],
        since=from_epoch_ms(members["since"]),
        origin=Origin(None if kind is None else EmitterKind(kind), *members["origin"]),
        created_at=from_epoch_ms(members["created_at"]),
        last_status=members["last"][0],
        last_error=members["last"][1],
    )


def _endpoint(raw: RawItem) -> Endpoint:
    item = EndpointItem.from_raw_data(raw)
    details: Any = decode(item.details.encode())
    secrets = ((value, ms) for value, ms in details["secrets"])
    return Endpoint(
        id=item.name,
        workspace_id=item.workspace_id,
        user_id=item.user_id,
        url=item.url,
        created_at=item.created_at,
        updated_at=item.updated_at,
        secrets=tuple(Secret(value, None if ms is None else from_epoch_ms(ms)) for value, ms in secrets),
        name=item.title,
        description=item.description,
        status=EndpointStatus(item.status),
        status_reason=item.status_reason,
        secret_was_read=details["secret_was_read"],
        event_types=frozenset(details["event_types"]),
        rate_limit=details["rate_limit"],
        headers=details["headers"],
        style=EndpointStyle(item.style),
        failing_since=item.failing_since,
        failed_at=item.failed_at,
        untold=None if item.untold is None else _news(item.untold),
        revision=int(item.revision),
    )

"""Calls on who changed what: of one flow or resource, and of the whole workspace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from chalicelib.api.celigo import listing, wire
from chalicelib.api.celigo.resources import ResourceCalls
from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.parsing import earliest, latest
from chalicelib.api.common.services import Services
from chalicelib.domain.flows.flows import AuditFilter
from chalicelib.services.access import Scope, require

_FLOW = "flow"
EVENTS = ("create", "update", "delete")


class AuditCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def of_flow(self, call: Call) -> Reply:
        workflow = self._services().flows.workflow(call.principal, call.params["flow_id"], Scope.READ_WORKFLOWS)
        return self._page(call, AuditFilter(kind=_FLOW, resource_id=workflow.id))

    def of(self, calls: ResourceCalls) -> Callable[[Call], Reply]:
        """The handler for the resources of one kind."""

        def of_resource(call: Call) -> Reply:
            found = calls.found(call, Scope.READ_WORKFLOWS)
            return self._page(call, AuditFilter(kind=found.kind.value, resource_id=found.id))

        return of_resource

    def all(self, call: Call) -> Reply:
        require(call.principal, Scope.READ_WORKFLOWS)
        where = AuditFilter(
            kind=call.param("resourceType") or None,
            resource_id=call.param("_resourceId") or None,
            user_id=self._user(call),
        )
        return self._page(call, where)

    def _page(self, call: Call, where: AuditFilter) -> Reply:
        services = self._services()
        event = call.param("action") or call.param("event") or None
        if event is not None and event not in EVENTS:
            raise listing.refuse("action", f"action has to be one of {', '.join(EVENTS)}.")
        where = replace(
            where,
            source=call.param("source") or None,
            event=event,
            since=earliest(call, "from"),
            until=latest(call, "to"),
        )
        limit, offset = listing.limit_of(call), listing.offset_of(call)
        entries = services.flow_audit.page(call.principal, where, offset=offset, limit=limit)
        users = {id_: services.profiles.user_profile(id_) for id_ in {entry.user_id for entry in entries}}
        return listing.plain([wire.audit_entry(entry, users[entry.user_id]) for entry in entries])

    def _user(self, call: Call) -> str | None:
        """The user whose id in this dialect's form, or whose own id, was asked for."""
        asked = call.param("_byUserId")
        if not asked:
            return None
        # Ids of this dialect are hashes, so who is meant is found by trying those who have keys.
        keys = self._services().identity.keys(call.principal.workspace_id)
        return next((key.user_id for key in keys if asked in (key.user_id, wire.user_id(key.user_id))), asked)

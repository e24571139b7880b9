"""This dialect's JSON of our objects: bare, with ids of 24 digits and times to the millisecond."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from chalicelib.domain.flows.flows import MASK, AuditEntry, FieldChange, Resource, ResourceKind
from chalicelib.domain.json import Json
from chalicelib.domain.times import iso_ms

if TYPE_CHECKING:
    from chalicelib.domain.profiles import UserProfile
    from chalicelib.services.flows.references import Use
    from chalicelib.services.flows.views import FlowView, Made, Started

Members = dict[str, Json]

_FLOW_ORDER = (
    "name",
    "description",
    "disabled",
    "schedule",
    "timezone",
    "_exportId",
    "_importId",
    "_integrationId",
    "skipRetries",
    "pageProcessors",
    "routers",
    "pageGenerators",
)
_MODELS = {
    ResourceKind.EXPORT: "Export",
    ResourceKind.IMPORT: "Import",
    ResourceKind.SCRIPT: "Script",
    None: "Flow",
}
_USER_ID_DIGITS = 24


def flow(view: FlowView) -> Members:
    workflow, document = view.workflow, {**view.document, "disabled": view.is_disabled}
    shown: Members = {"_id": workflow.id, "lastModified": iso_ms(workflow.updated_at)}
    shown |= {name: document[name] for name in _FLOW_ORDER if name in document}
    shown["createdAt"] = iso_ms(workflow.created_at)
    if view.executed_at is not None:
        shown["lastExecutedAt"] = iso_ms(view.executed_at)
    return shown | {name: value for name, value in document.items() if name not in shown}


def resource(found: Resource) -> Members:
    """Secrets are masked in what is stored; of `encrypted` not even the names of its members are told."""
    dates: Members = {"createdAt": iso_ms(found.created_at), "lastModified": iso_ms(found.updated_at)}
    document = dict(found.document)
    if found.kind is ResourceKind.INTEGRATION:
        return {"_id": found.id, "lastModified": dates["lastModified"], **document, "createdAt": dates["createdAt"]}
    for block in ("http", "rest"):
        http = document.get(block)
        if found.kind is ResourceKind.CONNECTION and isinstance(http, dict) and http.get("encrypted"):
            document[block] = {**http, "encrypted": MASK}
    return {"_id": found.id, **dates, **document}


def listed(found: Resource) -> Members:
    """As lists show it: what a script consists of is told only to who asks for that script."""
    shown = resource(found)
    if found.kind is ResourceKind.SCRIPT:
        del shown["content"]
    return shown


def manifest(made: Made) -> Members:
    return {"model": _MODELS[made.kind], "_id": made.id, "name": made.name}


def started(run: Started) -> Members:
    shown: Members = {"_jobId": run.job_id}
    return shown if run.export_id is None else {**shown, "_exportId": run.export_id}


def dependencies(uses: tuple[Use, ...]) -> Members:
    """By the plural of what the dependencies are."""
    found: dict[str, list[Json]] = {}
    for use in uses:
        member: Members = {"id": use.id, "name": use.name, "paths": list[Json](use.paths), "accessLevel": "owner"}
        found.setdefault(f"{use.kind}s", []).append(member)
    return dict(found)


def audit_entry(entry: AuditEntry, user: UserProfile) -> Members:
    return {
        "_id": entry.id,
        "resourceType": entry.kind,
        "_resourceId": entry.resource_id,
        "source": entry.source,
        "event": entry.event,
        "time": iso_ms(entry.at),
        "byUser": {"email": user.email, "name": user.username},
        "fieldChanges": [_change(change) for change in entry.changes],
    }


def _change(change: FieldChange) -> Members:
    return {"oldValue": change.old, "newValue": change.new, "fieldPath": change.path}


def user_id(id_: str) -> str:
    """A user's id in this dialect's form; it follows from the id, and nothing is found by it."""
    return hashlib.sha256(id_.encode()).hexdigest()[:_USER_ID_DIGITS]

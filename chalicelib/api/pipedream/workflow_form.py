"""What a call says of a workflow, read into the document that is stored; and that document as replies show it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.api.pipedream.ids import shown_user, shown_workspace
from chalicelib.api.pipedream.paging import Shown
from chalicelib.api.pipedream.params import Params
from chalicelib.domain.cron import cron_timing, interval_timing
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.events import base62
from chalicelib.domain.ids import base36
from chalicelib.domain.json import Json, encode
from chalicelib.domain.sources import slug
from chalicelib.domain.times import iso_z
from chalicelib.domain.workflow import PIPEDREAM_PREFIX, Workflow, WorkflowStatus

if TYPE_CHECKING:
    from chalicelib.domain.javascript import Description

Describe = Callable[[str], "Description"]
"""A text of code, read. Raises CodeError."""

MOST_STEPS = 100
_ID = re.compile(r"p_[0-9A-Za-z]{7}")
_KEY = re.compile(r"en[0-9a-z]{14}")
NAMESPACE_PATTERN = r"[A-Za-z_][A-Za-z0-9_]{0,62}"
_NAMESPACE = re.compile(NAMESPACE_PATTERN)
LONGEST_NAME = 255
_PREFIXES = {"http": "hi_", "timer": "ti_", "source": ""}
TRIGGER_TYPES = tuple(_PREFIXES)


def workflow_id(unique: str) -> str:
    return PIPEDREAM_PREFIX + _digits(unique)


def is_workflow_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def is_endpoint_key(text: str) -> bool:
    return _KEY.fullmatch(text) is not None


def read_steps(params: Params, id_: str, describe: Describe) -> list[Json]:
    """Raises InvalidError, CodeError."""
    steps: list[Json] = []
    for number, given in enumerate(_objects(params, "steps")):
        where = f"steps[{number}]"
        code = given.get("code")
        if not isinstance(code, str) or not code.strip():
            raise InvalidError(f"{where}.code is required: the code of the step", field=f"{where}.code")
        found = describe(code)
        namespace = given.get("namespace") or ("code" if number == 0 else f"code_{number}")
        if not isinstance(namespace, str) or not _NAMESPACE.fullmatch(namespace):
            raise InvalidError(f"{where}.namespace must be a name such as fetch_order", field=f"{where}.namespace")
        steps.append(
            {
                "id": "c_" + _digits(f"{id_}/{namespace}"),
                "namespace": namespace,
                "code": code,
                "props": _object(given, "props", where),
                "configurable_props": [dict(prop) for prop in found.configurable_props],
                "key": found.key,
                "description": found.description,
                "version": found.version or "",
            }
        )
    return steps


def read_triggers(params: Params, id_: str) -> list[Json]:
    """Raises InvalidError."""
    return [
        _trigger(given, f"triggers[{number}]", f"{id_}/{number}")
        for number, given in enumerate(_objects(params, "triggers"))
    ]


def _trigger(given: Mapping[str, Any], where: str, unique: str) -> Json:
    props = {**_object(given, "props", where), **{name: given[name] for name in given if name != "props"}}
    type_ = props.get("type") or ("timer" if _interval(props) or props.get("cron") else "http")
    if not isinstance(type_, str) or type_ not in _PREFIXES:
        raise InvalidError(f"{where}.type must be http, timer or source", field=f"{where}.type")
    # Ids follow from the workflow's own and the position, so that no others have to be kept.
    trigger: dict[str, Json] = {"type": type_, "id": str(_PREFIXES[type_]) + _digits(unique)}
    if type_ == "http":
        return {**trigger, "key": "en" + base36(int.from_bytes(_digest(f"key/{unique}"), "big"), 14)}
    if type_ == "timer":
        return {**trigger, **_timing(props, where)}
    source = props.get("source_id") or props.get("id")
    if not isinstance(source, str):
        raise InvalidError(f"{where}.source_id is required: the source to listen to", field=f"{where}.source_id")
    return {**trigger, "id": source}


def _timing(props: Mapping[str, Any], where: str) -> dict[str, Json]:
    cron, seconds, zone = props.get("cron"), _interval(props), props.get("timezone")
    if (cron is None) is (seconds is None) or not isinstance(cron or "", str) or not isinstance(zone or "", str):
        raise InvalidError(f"{where} must have either cron or interval_seconds", field=where)
    # In Python true is an int.
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int)):
        raise InvalidError(f"{where}.interval_seconds must be an integer", field=where)
    try:
        interval_timing(seconds) if seconds is not None else cron_timing(str(cron), str(zone or "UTC"))
    except InvalidError as error:
        raise InvalidError(f"{where} cannot be used: {error.message}", field=where) from error
    return {"interval_seconds": seconds, "cron": cron, "timezone": zone or "UTC"}


def _interval(props: Mapping[str, Any]) -> Any:
    return props.get("interval_seconds", props.get("intervalSeconds"))


def _objects(params: Params, name: str) -> list[dict[str, Json]]:
    value = params.value(name)
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > MOST_STEPS:
        raise InvalidError(f"{name} must be a list of at most {MOST_STEPS} objects", field=name)
    found = [each for each in value if isinstance(each, dict)]
    if len(found) < len(value):
        raise InvalidError(f"{name} must be a list of at most {MOST_STEPS} objects", field=name)
    return found


def _object(given: Mapping[str, Json], name: str, where: str) -> dict[str, Json]:
    value = given.get(name)
    if value is not None and not isinstance(value, dict):
        raise InvalidError(f"{where}.{name} must be an object", field=f"{where}.{name}")
    return value or {}


# -- replies ----------------------------------------------------------------------------------------------------------


def created(workflow: Workflow, document: Mapping[str, Any], base_url: str) -> Shown:
    return {
        "id": workflow.id,
        "name": workflow.name,
        "active": workflow.status is WorkflowStatus.ACTIVE,
        "steps": [_step(each) for each in document["steps"]],
        "triggers": [_shown_trigger(each, base_url) for each in document["triggers"]],
    }


def parts(document: Mapping[str, Any], base_url: str) -> Shown:
    return {
        "triggers": [_shown_trigger(each, base_url) for each in document["triggers"]],
        "steps": [_step(each) for each in document["steps"]],
    }


def updated(workflow: Workflow, document: Mapping[str, Any]) -> Shown:
    is_active = workflow.status is WorkflowStatus.ACTIVE
    return {
        "id": workflow.id,
        "name": workflow.name,
        "name_slug": slug(workflow.name),
        "inactive": not is_active,
        "active": is_active,
        "owner_id": shown_workspace(workflow.workspace_id),
        "owner_type": "Org",
        "creator_id": shown_user(workflow.created_by or ""),
        "description": workflow.description or None,
        "created_at": iso_z(workflow.created_at),
        "updated_at": iso_z(workflow.updated_at),
        "project_id": document.get("project_id"),
        "deployments": [["d_" + _digits(workflow.body_ref), iso_z(workflow.updated_at)]],
    }


def _step(step: Mapping[str, Any]) -> Shown:
    return {
        "id": step["id"],
        "type": "CodeCell",
        "namespace": step["namespace"],
        "disabled": False,
        "lang": "nodejs20.x",
        "component": True,
        "savedComponent": {
            "id": "sc_" + _digits(step["code"]),
            "code": step["code"],
            "codeHash": _digest(step["code"]).hex(),
            "configurableProps": step["configurable_props"],
            "key": step["key"],
            "description": step["description"],
            "entryPath": None,
            "version": step["version"],
            "apps": [],
        },
        "component_key": step["key"],
        "component_owner_id": None,
        "configured_props_json": encode(step["props"]).decode(),
        "authProvisionIdMap": {},
        "authProvisionIds": [],
    }


def _shown_trigger(trigger: Mapping[str, Any], base_url: str) -> Shown:
    if trigger["type"] == "http":
        key = trigger["key"]
        return {"id": trigger["id"], "key": key, "endpoint_url": f"{base_url}/h/{key}", "custom_response": False}
    return {name: value for name, value in trigger.items() if name != "type"}


def _digits(unique: str) -> str:
    return base62(int.from_bytes(_digest(unique)[:16], "big"), 7)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()

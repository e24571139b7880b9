"""Calls on workflow data.

Checks come in one order: who calls, the pin, what they may do with it, how often, the body.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import accumulate, islice

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.pipeline import MAX_ANSWER_BYTES, sent_bytes
from chalicelib.api.common.services import Services
from chalicelib.api.pindown import wire
from chalicelib.api.pindown.admission import spend_if_counted
from chalicelib.api.pindown.envelope import success
from chalicelib.api.pindown.parsing import MOST_HISTORY, whole
from chalicelib.domain.errors import InvalidError, StaleWriteError
from chalicelib.domain.json import Json, encode_text
from chalicelib.domain.pins import Pin, Version

UPDATED = "Workflow data updated successfully"
_ENVELOPE_BYTES = 1024
# Strong tags alone: If-Match compares strongly (RFC 9110 13.1.1), so `W/"3"` names nothing.
_TAG = re.compile(r'(?<![/\w])"([1-9][0-9]{0,17})"')


class WorkflowDataCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def put(self, call: Call) -> Reply:
        services = self._services()
        pin = services.pin_data.writable(call.principal, call.params["pin_id"])
        workflow_id = call.params["workflow_id"]
        spend_if_counted(call, services.pin_limits.spend_for_workflow(pin, workflow_id))
        data = wrapped_data(call.json())
        expected = self._expected(call, pin, workflow_id)
        version = services.pin_data.push(pin, workflow_id, data, expected)
        return _tagged(success(message=UPDATED, data=wire.pushed(pin.id, workflow_id, version)), version)

    def get(self, call: Call) -> Reply:
        services = self._services()
        pin = services.pin_data.readable(call.principal, call.params["pin_id"])
        workflow_id = call.params["workflow_id"]
        spend_if_counted(call, services.pin_limits.spend_for_workflow(pin, workflow_id, call.principal))
        if call.param("history") is None:
            version = services.pin_data.get(pin, workflow_id)
            return _tagged(success(data=wire.data(version)), version)
        limit = min(whole(call, "history", MOST_HISTORY, least=1), MOST_HISTORY)
        versions = _as_many_as_fit(services.pin_data.history(pin, workflow_id, limit))
        history: list[Json] = [wire.past_version(version) for version in versions]
        return _tagged(success(data=wire.data(versions[0]), history=history), versions[0])

    def all(self, call: Call) -> Reply:
        services = self._services()
        pin = services.pin_data.readable(call.principal, call.params["pin_id"])
        spend_if_counted(call, services.pin_limits.spend_for_user(call.principal))
        found = services.pin_data.all_of(pin)
        return success(data={workflow_id: wire.data(version) for workflow_id, version in found.items()})

    def _expected(self, call: Call, pin: Pin, workflow_id: str) -> int | None:
        """The one version that the push may replace; None if it may replace any."""
        header = call.headers.get("if-match")
        if header is None:
            return None
        newest = self._services().pin_data.version(pin, workflow_id)
        # `*` is met by any version, but not by none.
        if newest and header.strip() == "*":
            return None
        if newest not in map(int, _TAG.findall(header)):
            raise StaleWriteError(pin_id=pin.id, workflow_id=workflow_id)
        # The store decides: this was only read, and a push in between fails there.
        return newest


def wrapped_data(body: Json) -> Mapping[str, Json]:
    """The member `data`, an object that is not empty."""
    data = body.get("data") if isinstance(body, dict) else None
    if data is None or data == {}:
        raise InvalidError("Data is required", field="data")
    if not isinstance(data, dict):
        raise InvalidError("Data must be an object", field="data")
    return data


def _as_many_as_fit(versions: tuple[Version, ...]) -> tuple[Version, ...]:
    """The first of these that one answer has room for, in which the very first stands twice."""
    sizes = [sent_bytes(encode_text(wire.past_version(version))) for version in versions]
    ends = accumulate(sizes, initial=sizes[0] + _ENVELOPE_BYTES)
    # Sizes are above zero, so the ends rise: how many are below the bound is how many come first.
    fitting = sum(end < MAX_ANSWER_BYTES for end in islice(ends, 1, None))
    return versions[: max(1, fitting)]


def _tagged(reply: Reply, version: Version) -> Reply:
    return Reply(reply.status, reply.body, {"ETag": f'"{version.version}"'})

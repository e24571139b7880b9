"""Calls that carry no token of the API: deliveries to listeners, which prove themselves in ways of their own, and
archives, whose address is the proof."""

from __future__ import annotations

import re
from collections.abc import Callable

from chalicelib.api.common.authentication import spend
from chalicelib.api.common.call import Call, Reply, confined
from chalicelib.api.common.parsing import idempotency_key
from chalicelib.api.common.services import Services
from chalicelib.domain.flows.flows import is_object_id

_CONTENT_TYPES = {"json": "application/json", "xml": "application/xml", "plaintext": "text/plain"}


class OpenCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def offer(self, call: Call) -> Reply:
        """The address of a flow's archive. This one is for callers with a token."""
        services = self._services()
        view = services.flows.get(call.principal, call.params["flow_id"])
        name = services.flow_archives.offer(call.principal.workspace_id, view.workflow.id)
        base_url = services.public_base_url or call.base_url
        return Reply(200, {"signedURL": f"{base_url}/v1/flows/template/{name}"})

    def fetch(self, call: Call) -> Reply:
        name = call.params["name"]
        content = self._services().flow_archives.fetch(name)
        headers = {"Content-Type": "application/zip", "Content-Disposition": f'attachment; filename="{_plain(name)}"'}
        return Reply(200, headers=headers, raw=content)

    def hear(self, call: Call) -> Reply:
        from chalicelib.services.flows.listeners import Heard

        services, id_ = self._services(), call.params["export_id"]
        # Counted for each listener, for of its callers nobody is known; all that are none are one.
        name = f"listener:{id_ if is_object_id(id_) else 'unknown'}"
        spend(call, services.limits.spend_for_hook(name))
        raw = call.body()
        heard = Heard(
            raw=raw,
            body=call.json() if raw.strip() else None,
            headers=dict(call.headers),
            query={name: values[-1] for name, values in dict(call.query).items() if values},
            token=call.params.get("token"),
        )
        said = services.flow_listeners.hear(id_, heard, idempotency_key(call))
        headers = dict(said.headers)
        if said.text:
            type_ = f"{_CONTENT_TYPES.get(said.media_type, 'text/plain')}; charset=utf-8"
            # What the listener's own headers say counts, whatever its case.
            headers = headers if "content-type" in map(str.lower, headers) else {"Content-Type": type_, **headers}
        return Reply(said.status, headers=confined(headers), text=said.text)


def _plain(name: str) -> str:
    # The name comes from the address, and must not end the header that it gets into.
    return re.sub(r"[^A-Za-z0-9._-]", "", name)

"""HTTP interfaces of sources and workflows: addresses at which anybody may send anything, who knows them.

What is behind the key is its owner's to read, so all of it is one route: the gateway hands over the rest of the
address as it was sent, however many segments it has.

Sources answer what they like, pages too, from the host that also serves pages of ours, into which people enter keys. So
browsers are told to run what a source answers as a page of no host at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from chalicelib.api.common.authentication import spend
from chalicelib.api.common.call import Call, Reply, confined
from chalicelib.api.common.services import Services
from chalicelib.api.pipedream.workflow_form import is_endpoint_key
from chalicelib.domain.errors import NotFoundError, SourceNotFoundError, WorkflowInactiveError
from chalicelib.domain.http_events import HttpEvent, to_event

METHODS = ("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE")

_HTML = {"Content-Type": "text/html; charset=utf-8"}
_STARTED = b"<p><b>Success!</b></p><p>The workflow runs.</p>\n"
_BEFORE_PATH = re.compile(r".*?/h/[^/]+")
_HEADER_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,2000}")


class InterfaceCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def receive(self, call: Call) -> Reply:
        # As short as can be, so that a path that has `/h/` in it again stays whole.
        path = _BEFORE_PATH.sub("", call.path, count=1) or "/"
        event = HttpEvent(call.method, path, call.query, call.headers, call.body())
        try:
            answer = self._services().source_requests.receive(call.params["endpoint_key"], event)
        except SourceNotFoundError:
            self._start_workflow(call, event)
            return Reply(200, headers=_HTML, raw=b"" if call.method == "HEAD" else _STARTED)
        # HEAD is answered by the same code: its headers count, and a body must not follow.
        body = b"" if call.method == "HEAD" else answer.body
        return Reply(answer.status, headers=confined(answer.headers), raw=body)

    def _start_workflow(self, call: Call, event: HttpEvent) -> None:
        """Raises NotFoundError for an address of no active workflow, RateLimitedError, TooLargeError."""
        hooks, key = self._services().hooks, call.params["endpoint_key"]
        if not is_endpoint_key(key):
            raise NotFoundError
        hook = hooks.open(key, None)
        # Whoever learns of an address may send what they like; sources count for themselves.
        spend(call, self._services().limits.spend_for_hook(hook.id))
        try:
            workflow = hooks.ready(hook, hook.method)
        # As if there were none: an address tells strangers nothing of what is behind it.
        except WorkflowInactiveError as error:
            raise NotFoundError from error
        given = to_event(event)
        multipart = call.headers.get("content-type", "").lower().startswith("multipart/form-data")
        hooks.start(
            workflow,
            {
                "method": given["method"],
                "path": given["path"],
                "query": given["query"],
                "client_ip": call.headers.get("x-forwarded-for", "").split(",")[0].strip() or None,
                "url": f"{call.base_url}{call.path}",
                "headers": given["headers"],
                "body": given.get("body"),
                "inferred_body_type": "MULTIPART_FORM" if multipart else "JSON",
            },
        )

    def preflight(self, call: Call) -> Reply:
        """The same for every address, whether or not there is anything at it."""
        headers = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": ",".join(METHODS)}
        wanted = call.headers.get("access-control-request-headers", "")
        if _HEADER_NAMES.fullmatch(wanted):
            headers["Access-Control-Allow-Headers"] = wanted
        return Reply(200, headers=headers, raw=b"")

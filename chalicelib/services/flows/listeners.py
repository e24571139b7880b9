"""Listeners: exports that are called from outside, and start the flows that they are a source of.

A caller proves itself as the listener's document says, against secrets that stay sealed until then. Comparisons take
the same time whatever is compared.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.domain.errors import (
    InvalidError,
    ResourceNotFoundError,
    UnauthenticatedError,
    WorkflowInactiveError,
)
from chalicelib.domain.flows.flows import Resource
from chalicelib.domain.flows.http import as_object, as_text, shown
from chalicelib.domain.flows.secrets import restored
from chalicelib.domain.flows.steps import generators_of
from chalicelib.domain.json import Json
from chalicelib.domain.records.paths import MISSING, extract
from chalicelib.domain.workflow import Workflow, WorkflowStatus
from chalicelib.services.flows.references import References
from chalicelib.services.flows.resources import FlowResources
from chalicelib.services.ports import WorkflowStore
from chalicelib.services.runs.runs import Runs

TRIGGER = "webhook"
DEFAULT_STATUS = 204
_DEFAULT_ALGORITHM = "sha256"


@dataclass(frozen=True, slots=True)
class Heard:
    """What came in. `headers` have lower-case names; `token` is what stood in the address."""

    raw: bytes
    body: Json
    headers: Mapping[str, str]
    query: Mapping[str, str]
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What is answered."""

    status: int
    text: str = ""
    media_type: str = "json"
    headers: tuple[tuple[str, str], ...] = ()


class FlowListeners:
    def __init__(self, resources: FlowResources, references: References, workflows: WorkflowStore, runs: Runs) -> None:
        self._resources = resources
        self._references = references
        self._workflows = workflows
        self._runs = runs

    def hear(self, export_id: str, heard: Heard, idempotency_key: str | None = None) -> Said:
        """Starts every enabled flow that the listener is a source of. Raises ResourceNotFoundError,
        UnauthenticatedError, WorkflowInactiveError where there is none."""
        resource = self._resources.listener(export_id)
        webhook = self._webhook(resource)
        if not _is_proven(webhook, heard):
            raise UnauthenticatedError(export_id=export_id)
        workflows = self._flows(resource)
        # Told only to who has proven itself.
        if not workflows:
            raise WorkflowInactiveError(export_id=export_id)
        input_: dict[str, Json] = {
            "window": {"from": None, "to": None},
            "exports": [resource.id],
            "records": _records(webhook, heard.body),
        }
        for workflow in workflows:
            # Keys count by flow: a repeated delivery starts those that the first one did not get to, and them alone.
            self._runs.start(workflow, input_, TRIGGER, idempotency_key)
        return _answer(webhook)

    def _webhook(self, resource: Resource) -> dict[str, Json]:
        """With its secrets. Raises ResourceNotFoundError for one whose secrets cannot be opened."""
        try:
            document = restored(resource.document, self._resources.secrets_of(resource))
        except InvalidError as error:
            raise ResourceNotFoundError(resource_id=resource.id) from error
        return as_object(document.get("webhook"))

    def _flows(self, resource: Resource) -> list[Workflow]:
        """The enabled ones that have it as a generator, and not only as a step."""
        found = []
        for workflow in self._references.flows(resource.workspace_id):
            refs = workflow.labels.get("refs")
            is_named = isinstance(refs, list) and resource.id in refs
            if workflow.status is not WorkflowStatus.ACTIVE or not is_named:
                continue
            document = self._workflows.body(workflow.workspace_id, workflow.id, workflow.body_ref).source
            if any(generator.export_id == resource.id for generator in generators_of(document)):
                found.append(workflow)
        return found


def _is_proven(webhook: Mapping[str, Json], heard: Heard) -> bool:
    match webhook.get("verify"):
        case "token":
            return _same(_given_token(webhook, heard), as_text(webhook.get("token")))
        case "secret_url":
            return _same(heard.token or "", as_text(webhook.get("token")))
        case "basic":
            expected = f"{as_text(webhook.get('username'))}:{as_text(webhook.get('password'))}"
            return _same(_basic(heard.headers.get("authorization", "")), expected)
        case "hmac":
            return _is_signed(webhook, heard)
        # A way that is not known lets nobody in.
        case _:
            return False


def _given_token(webhook: Mapping[str, Json], heard: Heard) -> str:
    match as_text(webhook.get("tokenLocation")):
        case "header":
            given = heard.headers.get((as_text(webhook.get("tokenHeaderName")) or "Authorization").lower(), "")
            scheme = as_text(webhook.get("tokenHeaderScheme"))
            if scheme and given[: len(scheme) + 1].lower() == f"{scheme.lower()} ":
                return given[len(scheme) + 1 :].strip()
            return "" if scheme else given.strip()
        case "queryParam":
            return heard.query.get(as_text(webhook.get("tokenQueryParamName")), "")
        case _:
            found = extract(heard.body, as_text(webhook.get("path")))
            return "" if found is MISSING or found is None or isinstance(found, dict | list) else shown(found)


def _is_signed(webhook: Mapping[str, Json], heard: Heard) -> bool:
    """The header may name the algorithm before the digest, as in `sha256=…`."""
    given = heard.headers.get(as_text(webhook.get("header")).lower(), "").strip()
    algorithm = as_text(webhook.get("algorithm")) or _DEFAULT_ALGORITHM
    # Of the bytes as they came: JSON that is written again is signed otherwise.
    digest = hmac.new(as_text(webhook.get("key")).encode(), heard.raw, getattr(hashlib, algorithm)).digest()
    given = given.removeprefix(f"{algorithm}=")
    if webhook.get("encoding") == "base64":
        return _same(given, base64.b64encode(digest).decode())
    return _same(given.lower(), digest.hex())


def _basic(header: str) -> str:
    scheme, _, encoded = header.partition(" ")
    try:
        return base64.b64decode(encoded.strip(), validate=True).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _same(given: str, expected: str) -> bool:
    """A secret that is empty lets nobody in."""
    return bool(expected) and hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())


def _records(webhook: Mapping[str, Json], body: Json) -> list[Json]:
    path = as_text(webhook.get("pathToRecords"))
    found = extract(body, path) if path else body
    if found is MISSING or found is None:
        return []
    return list(found) if isinstance(found, list) else [found]


def _answer(webhook: Mapping[str, Json]) -> Said:
    status = webhook.get("successStatusCode")
    status = status if isinstance(status, int) and not isinstance(status, bool) else DEFAULT_STATUS
    headers = webhook.get("successResponseHeaders")
    pairs = [as_object(each) for each in headers] if isinstance(headers, list) else []
    return Said(
        status,
        "" if status == DEFAULT_STATUS else as_text(webhook.get("successBody")),
        as_text(webhook.get("successMediaType")) or "json",
        tuple((as_text(each.get("name")), as_text(each.get("value"))) for each in pairs if each.get("name")),
    )

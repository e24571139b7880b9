"""Templates of flows: an archive of the documents of a flow and of all that it names, without their secrets.

An archive is made when it is fetched, with a token that is as hard to guess as a key and good for an hour; only who may
read the flow is given one.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from datetime import timedelta
from typing import cast

import msgspec

from chalicelib.domain.errors import ResourceNotFoundError, WorkflowNotFoundError
from chalicelib.domain.flows.flows import Resource, ResourceKind
from chalicelib.domain.flows.secrets import published
from chalicelib.domain.json import Json
from chalicelib.domain.workflow import CELIGO, WorkflowStatus
from chalicelib.services.flows.ports import ResourceStore
from chalicelib.services.flows.references import References
from chalicelib.services.identity import random_token
from chalicelib.services.ports import Clock, Entropy, MarkStore, WorkflowStore

GOOD_FOR = timedelta(hours=1)
SUFFIX = ".zip"
_LONGEST_TOKEN = 64
# The least that the format can tell: what is in an archive says when it was changed itself.
_WRITTEN = (1980, 1, 1, 0, 0, 0)


class FlowArchives:
    def __init__(
        self,
        workflows: WorkflowStore,
        resources: ResourceStore,
        references: References,
        marks: MarkStore,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._workflows = workflows
        self._resources = resources
        self._references = references
        self._marks = marks
        self._clock = clock
        self._entropy = entropy

    def offer(self, workspace_id: str, flow_id: str) -> str:
        """The name by which the archive of this flow can be fetched for an hour."""
        token = random_token(self._entropy)
        self._marks.put(_mark(token), f"{workspace_id} {flow_id}", self._clock.now() + GOOD_FOR)
        return f"{token}{SUFFIX}"

    def fetch(self, name: str) -> bytes:
        """Raises ResourceNotFoundError."""
        token = name.removesuffix(SUFFIX)
        # What can be no token of ours is not looked for: it would become part of a key.
        found = self._marks.get(_mark(token)) if token.isalnum() and len(token) <= _LONGEST_TOKEN else None
        if found is None:
            raise ResourceNotFoundError("There is no such archive, or not any more.")
        workspace_id, _, flow_id = found.partition(" ")
        return self._archive(workspace_id, flow_id)

    def _archive(self, workspace_id: str, flow_id: str) -> bytes:
        try:
            workflow = self._workflows.get(workspace_id, flow_id)
            body = self._workflows.body(workspace_id, flow_id, workflow.body_ref)
        except WorkflowNotFoundError as error:
            raise ResourceNotFoundError(resource_id=flow_id) from error
        if workflow.status is WorkflowStatus.DELETING or workflow.dialect != CELIGO:
            raise ResourceNotFoundError(resource_id=flow_id)
        steps = self._references.of_flow(workspace_id, body.source)
        named = [each for found in steps.values() for each in found]
        connections = self._resources.get_all(
            workspace_id, ResourceKind.CONNECTION, sorted({each.connection_id for each in named if each.connection_id})
        )
        scripts = self._references.scripts_with(workspace_id, body.source, named)
        files = {f"flows/{flow_id}.json": cast(Json, {"_id": flow_id, **body.source})}
        for each in (*named, *connections.values(), *scripts):
            files[f"{each.kind.value}s/{each.id}.json"] = _document(each)
        return _zipped(files)


def _document(resource: Resource) -> Json:
    return published({"_id": resource.id, **resource.document})


def _zipped(files: Mapping[str, Json]) -> bytes:
    """The same bytes for the same files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, document in files.items():
            text = msgspec.json.format(msgspec.json.encode(document), indent=2)
            archive.writestr(zipfile.ZipInfo(name, _WRITTEN), text, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _mark(token: str) -> str:
    return f"template/{token}"

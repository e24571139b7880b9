"""Sources: deployed components. What one is called, how it is configured, and the one step that its runs consist of."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.events import base62
from chalicelib.domain.graph import Backoff, Graph, Node, RetryPolicy
from chalicelib.domain.ids import base36
from chalicelib.domain.json import Json
from chalicelib.domain.workflow import SOURCE_BODY, SOURCE_DIALECT, SOURCE_PREFIX, Workflow, WorkflowStatus

ID_ENTROPY_BYTES = 9
ENDPOINT_ENTROPY_BYTES = 10
_ID_DIGITS = 7
_ENDPOINT_DIGITS = 14

RUN_SECONDS = 60.0
CODE_FAILURE = "component"
"""What a run's failure is called of which the source's `$errors` has heard already."""

NODE_TYPE = "source"
RUN_GRAPH = Graph(
    (
        Node(
            "source",
            NODE_TYPE,
            retry=RetryPolicy(12, Backoff.EXPONENTIAL, delay_seconds=1.0, max_delay_seconds=60.0),
            timeout_seconds=RUN_SECONDS,
        ),
    )
)


@dataclass(frozen=True, slots=True)
class HttpPlace:
    """Where the requests for an HTTP prop arrive. Whoever knows the key may send them."""

    key: str
    url: str


@dataclass(frozen=True, slots=True)
class Source:
    """`props` are configured as `domain.source_props` stores them; `endpoints` are by name of the prop. One that is
    `of_workspace` is listed with the workspace instead of its user. `deleting` is on its way out: nobody sees it and
    nothing starts it. `revision` counts every change."""

    id: str
    workspace_id: str
    user_id: str
    component_id: str
    name: str
    name_slug: str
    created_at: datetime
    updated_at: datetime
    props: Mapping[str, Json] = field(default_factory=dict)
    active: bool = True
    endpoints: Mapping[str, HttpPlace] = field(default_factory=dict)
    of_workspace: bool = False
    deleting: bool = False
    revision: int = 1

    @property
    def owner_id(self) -> str:
        return self.workspace_id if self.of_workspace else self.user_id

    @property
    def is_live(self) -> bool:
        return self.active and not self.deleting


def source_id(entropy: bytes) -> str:
    """From `ID_ENTROPY_BYTES` random bytes."""
    return SOURCE_PREFIX + base62(int.from_bytes(entropy, "big"), _ID_DIGITS)


def endpoint_key(entropy: bytes) -> str:
    """From `ENDPOINT_ENTROPY_BYTES` random bytes: `en` and what can stand in the name of a host."""
    return "en" + base36(int.from_bytes(entropy, "big"), _ENDPOINT_DIGITS)


def slug(name: str) -> str:
    """`New Item in Feed` → `new-item-in-feed`."""
    # NFKD takes é apart into e and an accent, which goes.
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    # Stripped again at the end, because the cut may leave a dash there.
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:200].rstrip("-") or "source"


def slugs_of(name: str) -> Iterator[str]:
    """The slug, and what it becomes when it is taken, endlessly."""
    base = slug(name)
    yield base
    number = 0
    while True:
        number += 1
        yield f"{base}-{number}"


def run_workflow(source: Source) -> Workflow:
    """What runs of the source are runs of. It is stored nowhere: its graph is `RUN_GRAPH`, always."""
    return Workflow(
        id=source.id,
        workspace_id=source.workspace_id,
        name=source.name,
        description="",
        status=WorkflowStatus.ACTIVE,
        version=1,
        body_ref=SOURCE_BODY,
        created_at=source.created_at,
        updated_at=source.updated_at,
        dialect=SOURCE_DIALECT,
        created_by=source.user_id,
    )

"""Documents of exports, imports, connections, integrations and scripts on their way into the store: completed, checked
against what is stored, and parted from their secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.domain.flows.documents import REST_EXPORT, REST_IMPORT, SIMPLE_EXPORT, WEBHOOK_EXPORT
from chalicelib.domain.flows.flows import MASK, ResourceKind
from chalicelib.domain.flows.http import DEFAULT_CONCURRENCY
from chalicelib.domain.flows.secrets import kept, masks, restored, taken
from chalicelib.domain.json import Json
from chalicelib.domain.records.problems import Problem, Problems

Secrets = dict[str, Json]
"""By their paths in the document."""

# Marks every mask for a moment, so that `taken` tells which of them stand where it looks for secrets.
_UNKNOWN_SECRET = "\x00"

_ALWAYS_OURS = ("_id", "createdAt", "lastModified")
_OURS: Mapping[ResourceKind, tuple[str, ...]] = {
    ResourceKind.EXPORT: ("apiIdentifier", "asynchronous", "_sourceId", "_templateId", "sandbox"),
    ResourceKind.IMPORT: ("apiIdentifier", "_sourceId", "_templateId", "sandbox"),
    ResourceKind.CONNECTION: ("_sourceId", "_templateId", "sandbox"),
    ResourceKind.INTEGRATION: ("_sourceId", "_templateId", "sandbox"),
    ResourceKind.SCRIPT: ("_sourceId", "_templateId", "sandbox"),
}
"""Members that callers cannot set; what they send of them is ignored."""
_FIXED: Mapping[ResourceKind, str] = {
    ResourceKind.EXPORT: "adaptorType",
    ResourceKind.IMPORT: "adaptorType",
    ResourceKind.CONNECTION: "type",
}


@dataclass(frozen=True, slots=True)
class Parted:
    """A document without its secrets, and these."""

    document: dict[str, Json]
    secrets: Secrets


def is_listener(document: Mapping[str, Json]) -> bool:
    return document.get("adaptorType") == WEBHOOK_EXPORT or document.get("type") == "webhook"


def ours_of(kind: ResourceKind, document: Mapping[str, Json]) -> dict[str, Json]:
    """Those of its members that callers cannot set."""
    return {name: document[name] for name in _OURS[kind] if name in document}


def completed(kind: ResourceKind, sent: Mapping[str, Json]) -> dict[str, Json]:
    """Without what is not the caller's to say, and with what is filled in where it is not said."""
    ours = (*_ALWAYS_OURS, *_OURS[kind])
    given = {name: value for name, value in sent.items() if name not in ours}
    match kind:
        case ResourceKind.CONNECTION:
            given.setdefault("offline", False)
            http = given.get("http")
            if given.get("type") == "http" and isinstance(http, dict):
                given["http"] = {"concurrencyLevel": DEFAULT_CONCURRENCY, **http}
        case ResourceKind.EXPORT | ResourceKind.IMPORT if given.get("adaptorType") is None:
            adaptor = _adaptor(kind, given)
            if adaptor is not None:
                given["adaptorType"] = adaptor
    return given


def _adaptor(kind: ResourceKind, given: Mapping[str, Json]) -> str | None:
    if isinstance(given.get("rest"), dict):
        return REST_EXPORT if kind is ResourceKind.EXPORT else REST_IMPORT
    by_type = {"webhook": WEBHOOK_EXPORT, "simple": SIMPLE_EXPORT}
    return by_type.get(str(given.get("type"))) if kind is ResourceKind.EXPORT else None


def problems_of_change(
    kind: ResourceKind, document: Mapping[str, Json], stored: Mapping[str, Json] | None
) -> list[Problem]:
    name = _FIXED.get(kind)
    problems = Problems()
    if stored is not None and name is not None and document.get(name) not in (None, stored.get(name)):
        problems.invalid(name, f"Path `{name}` cannot be changed.")
    return problems.found


def with_masked_blocks(document: dict[str, Json], stored: Mapping[str, Json]) -> dict[str, Json]:
    """A mask in the place of all of `encrypted` stands for what is stored there."""
    for block in ("http", "rest"):
        given, known = document.get(block), stored.get(block)
        if isinstance(given, dict) and given.get("encrypted") == MASK:
            encrypted = known.get("encrypted") if isinstance(known, dict) else None
            document = {**document, block: {**given, "encrypted": encrypted if encrypted is not None else {}}}
    return document


def parted(kind: ResourceKind, document: dict[str, Json], before: Secrets) -> tuple[Parted, list[Problem]]:
    """Problems are masks that stand for nothing."""
    if kind not in (ResourceKind.CONNECTION, ResourceKind.EXPORT):
        return Parted(document, {}), []
    secret: dict[str, Json] = document
    if kind is ResourceKind.EXPORT:
        # Of an export only the listener's block: any `token` in an old `rest` block would be taken for a secret.
        secret = {"webhook": document["webhook"]} if "webhook" in document else {}
    masked, given = taken(secret)
    secrets = kept(masked, given, before)
    problems = Problems()
    for path in _masked_secrets(secret):
        if path not in secrets:
            problems.missing(dotted(path))
    return Parted({**document, **masked}, secrets), problems.found


def _masked_secrets(document: dict[str, Json]) -> list[str]:
    """Where a mask stands in the place of a secret, and not of any other text."""
    marked = restored(document, dict.fromkeys(masks(document), _UNKNOWN_SECRET))
    return [path for path, value in taken(marked)[1].items() if value == _UNKNOWN_SECRET]


def dotted(path: str) -> str:
    # In this order (RFC 6901), for `~01` stands for the text `~1`.
    parts = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
    return ".".join(parts)

"""Who changed what of flows and their resources: the differences of two documents, and the entries that tell them.

The documents that are compared have their secrets masked, so that no secret is ever told; that one was changed is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from chalicelib.domain.flows.flows import MASK, OBJECT_ID_BYTES, AuditEntry, AuditFilter, FieldChange, object_id
from chalicelib.domain.identity import Principal
from chalicelib.domain.json import Json, encode
from chalicelib.services.access import Scope, require
from chalicelib.services.flows.ports import AuditStore
from chalicelib.services.ports import Clock, Entropy

CREATED, UPDATED, DELETED = "create", "update", "delete"
# An entry is an item, which DynamoDB keeps up to 400 KB, and goes into one transaction with what it is about.
MOST_BYTES = 100_000
"""How much an entry tells of values; changes beyond that are left out."""
LONGEST_VALUE = 1_000

_ABSENT = object()


class FlowAudit:
    def __init__(self, store: AuditStore, clock: Clock, entropy: Entropy) -> None:
        self._store = store
        self._clock = clock
        self._entropy = entropy

    def page(self, principal: Principal, where: AuditFilter, *, offset: int, limit: int) -> tuple[AuditEntry, ...]:
        """Newest first. Raises ForbiddenError."""
        require(principal, Scope.READ_WORKFLOWS)
        return self._store.page(principal.workspace_id, where, offset=offset, limit=limit)

    def entry(
        self,
        principal: Principal,
        kind: str,
        resource_id: str,
        event: str,
        changed: tuple[FieldChange, ...] = (),
    ) -> AuditEntry:
        now = self._clock.now()
        return AuditEntry(
            id=object_id(now, self._entropy.bytes(OBJECT_ID_BYTES)),
            workspace_id=principal.workspace_id,
            kind=kind,
            resource_id=resource_id,
            event=event,
            at=now,
            user_id=principal.user_id,
            changes=changed,
        )

    def update(
        self,
        principal: Principal,
        kind: str,
        resource_id: str,
        before: Mapping[str, Json],
        after: Mapping[str, Json],
        secrets: Collection[str] = (),
    ) -> AuditEntry | None:
        """None where nothing changed. `secrets` are the paths of those that did."""
        found = changes(before, after)
        told = {change.path for change in found}
        masked = tuple(FieldChange(path, MASK, MASK) for path in sorted(secrets) if path not in told)
        if not found and not masked:
            return None
        return self.entry(principal, kind, resource_id, UPDATED, (*found, *masked))


def changes(before: Mapping[str, Json], after: Mapping[str, Json]) -> tuple[FieldChange, ...]:
    """One for each leaf that differs, by its path, such as `pageProcessors[1].proceedOnFailure`; what is absent on one
    side is null there. Long values are cut."""
    found: list[FieldChange] = []
    left = MOST_BYTES
    for path, old, new in _differences(dict(before), dict(after), ""):
        change = FieldChange(path, _told(old), _told(new))
        left -= len(path) + len(encode(change.old)) + len(encode(change.new))
        if left < 0:
            break
        found.append(change)
    return tuple(found)


def _differences(old: object, new: object, path: str) -> Iterator[tuple[str, object, object]]:
    if isinstance(old, dict | list) or isinstance(new, dict | list):
        parts_of_old, parts_of_new = _parts(old), _parts(new)
        same_kind = type(old) is type(new) or old is _ABSENT or new is _ABSENT
        if same_kind and (parts_of_old or parts_of_new):
            for name in dict.fromkeys((*parts_of_old, *parts_of_new)):
                at = f"{path}{name}" if path else name.removeprefix(".")
                yield from _differences(parts_of_old.get(name, _ABSENT), parts_of_new.get(name, _ABSENT), at)
            return
    nothing = (old is _ABSENT or old is None) and (new is _ABSENT or new is None)
    # By type as well, because to Python True equals 1, and such a change would not be told.
    if not nothing and (type(old) is not type(new) or old != new):
        yield path, old, new


def _parts(value: object) -> dict[str, Json]:
    if isinstance(value, dict):
        return {f".{name}": each for name, each in value.items()}
    if isinstance(value, list):
        return {f"[{index}]": each for index, each in enumerate(value)}
    return {}


def _told(value: object) -> Json:
    if value is _ABSENT or value is None:
        return None
    if isinstance(value, str):
        return value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}…"
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict | list):
        text = encode(value).decode()
        return value if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
    raise TypeError(type(value))

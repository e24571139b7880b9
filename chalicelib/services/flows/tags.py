"""Tags of errors, which anybody who may work on errors makes, renames and deletes for the whole workspace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from chalicelib.domain.errors import FieldsRefusedError, ResourceNotFoundError, StaleWriteError
from chalicelib.domain.flows.flows import OBJECT_ID_BYTES, object_id
from chalicelib.domain.flows.tags import LONGEST_TAG, MOST_TAGS, Tag, TagBook
from chalicelib.domain.identity import Principal
from chalicelib.domain.records.problems import Problem
from chalicelib.services.access import Scope, require
from chalicelib.services.flows.ports import TagStore
from chalicelib.services.ports import Clock, Entropy

_TRIES = 5


@dataclass(frozen=True, slots=True)
class FlowTags:
    store: TagStore
    clock: Clock
    entropy: Entropy

    def list(self, principal: Principal) -> Sequence[Tag]:
        """Oldest first. Raises ForbiddenError."""
        require(principal, Scope.READ_RUNS)
        return tuple(self.store.get(principal.workspace_id).tags.values())

    def get(self, principal: Principal, id_: str, scope: Scope = Scope.READ_RUNS) -> Tag:
        """Raises ForbiddenError, ResourceNotFoundError."""
        require(principal, scope)
        return _of(self.store.get(principal.workspace_id), id_)

    def create(self, principal: Principal, name: str) -> Tag:
        """Raises ForbiddenError, FieldsRefusedError."""
        now = self.clock.now()
        # Made once for all tries, so that a lost race does not change the id.
        tag = Tag(object_id(now, self.entropy.bytes(OBJECT_ID_BYTES)), name.strip(), now, now)

        def change(book: TagBook) -> TagBook:
            _check_name(book, tag)
            if len(book.tags) >= MOST_TAGS:
                raise _refusal(f"A workspace has at most {MOST_TAGS} tags.")
            return book.with_tag(tag)

        self._change(principal, change)
        return tag

    def rename(self, principal: Principal, id_: str, name: str) -> Tag:
        """Raises ForbiddenError, ResourceNotFoundError, FieldsRefusedError."""

        def change(book: TagBook) -> TagBook:
            tag = replace(_of(book, id_), name=name.strip(), updated_at=self.clock.now())
            _check_name(book, tag)
            return book.with_tag(tag)

        return self._change(principal, change).tags[id_]

    def delete(self, principal: Principal, id_: str) -> None:
        """From all errors, too. Raises ForbiddenError, ResourceNotFoundError."""
        self._change(principal, lambda book: book.without(_of(book, id_).id))

    def check(self, principal: Principal, ids: Sequence[str], field: str) -> None:
        """Raises FieldsRefusedError for those that there are not."""
        known = self.store.get(principal.workspace_id).tags
        problems = tuple(
            Problem(f"{field}[{place}]", "invalid_ref", f"Path `{field}[{place}]` does not refer to an existing tag.")
            for place, id_ in enumerate(ids)
            if id_ not in known
        )
        if problems:
            raise FieldsRefusedError(problems=problems)

    def known(self, workspace_id: str, ids: frozenset[str]) -> frozenset[str]:
        """Those that there still are; for none nobody is asked."""
        return ids & self.store.get(workspace_id).tags.keys() if ids else ids

    def _change(self, principal: Principal, change: Callable[[TagBook], TagBook]) -> TagBook:
        """Again while others change the book in between."""
        require(principal, Scope.WRITE_RUNS)
        for _ in range(_TRIES):
            changed = change(self.store.get(principal.workspace_id))
            try:
                self.store.save(principal.workspace_id, changed)
            except StaleWriteError:
                continue
            return changed
        raise StaleWriteError(workspace_id=principal.workspace_id)


def _of(book: TagBook, id_: str) -> Tag:
    if id_ not in book.tags:
        raise ResourceNotFoundError("There is no such tag.", resource_id=id_)
    return book.tags[id_]


def _check_name(book: TagBook, tag: Tag) -> None:
    other = book.named(tag.name)
    if len(tag.name) > LONGEST_TAG:
        raise _refusal(f"Path `tag` is longer than the maximum allowed length ({LONGEST_TAG}).")
    if other is not None and other.id != tag.id:
        raise _refusal(f"There is a tag {other.name[:LONGEST_TAG]!r} already.")


def _refusal(message: str) -> FieldsRefusedError:
    return FieldsRefusedError(problems=(Problem("tag", "invalid_field", message),))

"""Tags of errors: labels that people give them, known in the whole workspace; and who an error is assigned to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

MOST_TAGS = 1_000
MOST_TAGS_OF_AN_ERROR = 3
LONGEST_TAG = 100
LONGEST_EMAIL = 254


@dataclass(frozen=True, slots=True)
class Tag:
    id: str
    name: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class TagBook:
    """All tags of a workspace, by their ids. Names that differ in case alone are the same."""

    tags: Mapping[str, Tag] = field(default_factory=dict)
    revision: int = 0

    def named(self, name: str) -> Tag | None:
        wanted = name.casefold()
        return next((tag for tag in self.tags.values() if tag.name.casefold() == wanted), None)

    def with_tag(self, tag: Tag) -> TagBook:
        return TagBook({**self.tags, tag.id: tag}, self.revision + 1)

    def without(self, id_: str) -> TagBook:
        return TagBook({name: tag for name, tag in self.tags.items() if name != id_}, self.revision + 1)


@dataclass(frozen=True, slots=True)
class ErrorNotes:
    """What is to be put on errors; None leaves a note as it is. `assigned_to` is an email address, "" for nobody."""

    tags: tuple[str, ...] | None = None
    assigned_to: str | None = None

"""Trace keys: what tells a record's errors from those of others."""

from __future__ import annotations

from chalicelib.domain.json import Json

from .errors import RecordError
from .surroundings import Surroundings, rendered
from .values import is_empty, text_of

MAX_TRACE_KEY_LENGTH = 512

ID_FIELDS = ("id", "_id", "ID", "Id", "internalId", "internalid", "Internal ID", "uuid", "UUID", "guid", "key")
"""Where a record without a template keeps its identity; the first that holds a plain value counts."""


def trace_key(template: str | None, record: Json, surroundings: Surroundings) -> str:
    """The template's text for the record, else the first of ID_FIELDS that it has, else nothing; cut at 512 characters.

    A template that cannot be rendered counts as none: an error must not get lost because it cannot be named.
    """
    if template:
        try:
            text = rendered(template, record, surroundings).strip()
        except RecordError:
            text = ""
        if text:
            return text[:MAX_TRACE_KEY_LENGTH]
    return _identity(record)[:MAX_TRACE_KEY_LENGTH]


def _identity(record: Json) -> str:
    # Records that were grouped are known by their first.
    first = record[0] if isinstance(record, list) and record else record
    if isinstance(first, dict):
        for name in ID_FIELDS:
            value = first.get(name)
            if not is_empty(value) and not isinstance(value, list | dict):
                return text_of(value)
    return ""

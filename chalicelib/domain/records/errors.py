"""What goes wrong with one record while its rules are applied."""

from __future__ import annotations

from typing import Literal

from chalicelib.domain.errors import PenstockError

Source = Literal[
    "application",
    "internal",
    "connection",
    "resource",
    "lookup",
    "transformation",
    "output_filter",
    "input_filter",
    "import_filter",
    "mapping",
    "response_mapping",
    "pre_save_page_hook",
    "pre_map_hook",
    "post_map_hook",
    "post_submit_hook",
    "post_response_map_hook",
    "post_aggregate_hook",
]


class RecordError(PenstockError):
    """A rule cannot be applied to this record; other records are not concerned.

    `source` says which kind of rule, `code` what kind of failure, `field` which member was to be made, if one was.
    """

    def __init__(self, source: Source, code: str, message: str, field: str = "") -> None:
        super().__init__(message, source=source, code=code, field=field)
        self.source = source
        self.code = code
        self.field = field

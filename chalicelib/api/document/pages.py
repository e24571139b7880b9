"""What is here for people and for their tools: this document, the page that shows it, the console."""

from __future__ import annotations

from typing import Any

from chalicelib.api.common.describe import Content, DoorDocument, Operation, Parameter, Prefix, bare

_TEXT = {"type": "string"}
_TAG = "Documents and console"
_VERSION = Parameter("If-None-Match", "The `ETag` of the version that one has.", where="header")


def document() -> DoorDocument:
    return DoorDocument(
        "Site",
        "Penstock",
        "For people.",
        (Prefix(""),),
        {
            "GET /openapi.json": _file("openapi", "This document", "application/json", {"type": "object"}),
            "GET /docs": _file("docs", "This document, for people", "text/html"),
            "GET /docs/{version}/{name}": _file("docs_file", "A file of that page", "*/*", missing=True),
            "GET /console": _file("console", "The console", "text/html"),
            "GET /console/{version}/{name}": _file("console_file", "A file of the console", "*/*", missing=True),
            "GET /console/{version}/{name}/{file}": _file("console_part", "A file of the console", "*/*", missing=True),
        },
        {_TAG: "What is here for people and for their tools."},
        {
            "name": "The file's name, or its directory's.",
            "file": "The file's name in that directory.",
            "version": "The version of all files, under which a browser may keep them for good.",
        },
        {},
        bare,
        conflict=409,
        security=(),
        limited=False,
    )


def _file(id_: str, summary: str, media_type: str, type_: Any = _TEXT, *, missing: bool = False) -> Operation:
    replies: dict[int | str, Content] = {
        200: Content(type_, wrap=bare, media_type=media_type, headers={"ETag": "The version of what is answered."}),
        304: Content({}, "The caller has it already."),
    }
    if missing:
        replies[404] = Content({}, "There is no such file.", bare, "*/*")
    return Operation(id_, _TAG, summary, replies, parameters=(_VERSION,))

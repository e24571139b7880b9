"""The script of a world's flows: functions for every hook, which leave everything as it is."""

from __future__ import annotations

from collections.abc import Mapping

from tests.script_fakes import Function

CONTENT = "// every hook"
FUNCTIONS: Mapping[str, Function] = {
    "preSavePage": lambda options: {"data": options["data"], "errors": options["errors"]},
    "preMap": lambda options: [{"data": each} for each in options["data"]],
    "postMap": lambda options: [{"data": each} for each in options["postMapData"]],
    "postSubmit": lambda options: options["responseData"],
    "postResponseMap": lambda options: options["postResponseMapData"],
}

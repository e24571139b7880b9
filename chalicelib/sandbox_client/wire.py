"""Calls of the sandbox and their answers as JSON, small enough for one invocation of a function.

A text that is large is compressed first: code and events shrink to a fraction.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec

from chalicelib.domain.errors import PenstockError, TooLargeError
from chalicelib.domain.javascript import (
    Bundle,
    CodeError,
    CodeFailure,
    CodeResponse,
    Description,
    Emit,
    Invocation,
    Limits,
    LogLine,
    MissingFile,
    RunReport,
    RunStats,
)
from chalicelib.domain.json import Json

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024 - 4096
"""What Lambda takes and gives at most, less what stands around it."""

_COMPRESSED_FROM_BYTES = 1024 * 1024
_LARGEST_TEXT_BYTES = 64 * 1024 * 1024

Said = tuple[Emit | LogLine | CodeResponse | tuple[str, Json], ...]
"""What the code said to its host, in order; a pair is a key of the database and its value."""


class PayloadTooLargeError(TooLargeError):
    """The code or its answer is larger than one call of the sandbox can carry."""


@dataclass(frozen=True, slots=True)
class SandboxCall:
    """`method` is one of the runner's; `name` is a hook's or a prop's."""

    method: str
    bundle: Bundle
    event: Json = None
    name: str = ""
    invocation: Invocation = field(default_factory=Invocation)
    limits: Limits = field(default_factory=Limits)


def pack(value: Json) -> dict[str, Json]:
    """Raises PayloadTooLargeError."""
    plain = msgspec.json.encode(value)
    if len(plain) <= _COMPRESSED_FROM_BYTES:
        # As it is, not as text: escaped within JSON once more, it would grow.
        return {"plain": value}
    packed: dict[str, Json] = {"deflated": base64.b64encode(zlib.compress(plain, 1)).decode()}  # 1: speed
    if len(str(packed["deflated"])) > MAX_PAYLOAD_BYTES:
        raise PayloadTooLargeError(size=len(plain))
    return packed


def unpack(packed: Mapping[str, Any]) -> Any:
    """Raises PayloadTooLargeError."""
    if "plain" in packed:
        return packed["plain"]
    inflating = zlib.decompressobj()
    # A bound on what comes out: a small text may stand for a very large one.
    plain = inflating.decompress(base64.b64decode(packed["deflated"]), _LARGEST_TEXT_BYTES)
    if not inflating.eof:
        raise PayloadTooLargeError(limit=_LARGEST_TEXT_BYTES)
    return msgspec.json.decode(plain)


def call_to_json(call: SandboxCall) -> dict[str, Json]:
    return {
        "method": call.method,
        "bundle": _bundle_to_json(call.bundle),
        "event": call.event,
        "name": call.name,
        "invocation": asdict(call.invocation),
        "limits": asdict(call.limits),
    }


def call_from_json(value: Mapping[str, Any]) -> SandboxCall:
    return SandboxCall(
        value["method"],
        Bundle(**value["bundle"]),
        value["event"],
        value["name"],
        Invocation(**value["invocation"]),
        Limits(**value["limits"]),
    )


# -- answers ----------------------------------------------------------------------------------------------------------


def report_to_json(report: RunReport, said: Said) -> dict[str, Json]:
    """`said` holds the events, lines and changes, which are left out of the rest."""
    return {
        "said": [_said_to_json(each) for each in said],
        "dropped_logs": report.dropped_logs,
        "error": None if report.error is None else asdict(report.error),
        "returned": report.returned,
        "exports": dict(report.exports),
        "exited": report.exited,
        "missing_modules": [*report.missing_modules],
        "stats": _stats_to_json(report.stats),
    }


def report_from_json(value: Mapping[str, Any], log_lines: int) -> tuple[RunReport, Said]:
    said = tuple(_said_from_json(*each) for each in value["said"])
    logs = tuple(each for each in said if isinstance(each, LogLine))
    report = RunReport(
        emits=tuple(each for each in said if isinstance(each, Emit)),
        db=_last_changes(each for each in said if isinstance(each, tuple)),
        response=next((each for each in said if isinstance(each, CodeResponse)), None),
        logs=logs[-log_lines:] if log_lines else (),  # [-0:] would be all
        dropped_logs=value["dropped_logs"],
        error=None if value["error"] is None else CodeFailure(**value["error"]),
        returned=value["returned"],
        exports=value["exports"],
        exited=value["exited"],
        missing_modules=tuple(value["missing_modules"]),
        stats=_stats_from_json(value["stats"]),
    )
    return report, said


def description_to_json(found: Description) -> dict[str, Json]:
    return {
        "kind": found.kind,
        "compiled": _bundle_to_json(found.compiled),
        "name": found.name,
        "key": found.key,
        "version": found.version,
        "description": found.description,
        "type": found.type,
        "dedupe": found.dedupe,
        "configurable_props": [dict(prop) for prop in found.configurable_props],
        "has": [*sorted(found.has)],
        "missing_modules": [*found.missing_modules],
        "stats": _stats_to_json(found.stats),
    }


def description_from_json(value: Mapping[str, Any]) -> Description:
    return Description(
        **{
            **value,
            "compiled": Bundle(**value["compiled"]),
            "configurable_props": tuple(value["configurable_props"]),
            "has": frozenset(value["has"]),
            "missing_modules": tuple(value["missing_modules"]),
            "stats": _stats_from_json(value["stats"]),
        }
    )


def missing_files_to_json(found: tuple[MissingFile, ...]) -> list[Json]:
    return [[each.importer, each.specifier, [*each.candidates]] for each in found]


def missing_files_from_json(value: list[Any]) -> tuple[MissingFile, ...]:
    return tuple(MissingFile(importer, specifier, tuple(paths)) for importer, specifier, paths in value)


def code_error_to_json(error: CodeError) -> dict[str, Json]:
    """The message has the place in it already."""
    return {"message": error.message, "file": error.file, "line": error.line, "name": str(error.facts.get("name"))}


def code_error_from_json(value: Mapping[str, Any]) -> CodeError:
    error = CodeError(value["message"], name=value["name"])
    error.file, error.line = value["file"], value["line"]
    error.facts = {"file": error.file, "line": error.line, "name": value["name"]}
    return error


def failure_of(error: PenstockError) -> str:
    return f"{type(error).__name__}: {error.message}"


def _bundle_to_json(bundle: Bundle) -> dict[str, Json]:
    return {"entry": bundle.entry, "files": dict(bundle.files), "compiled": bundle.compiled}


def _said_to_json(said: Emit | LogLine | CodeResponse | tuple[str, Json]) -> Json:
    match said:
        case Emit(event, meta):
            return ["emit", event, dict(meta)]
        case LogLine(level, text, ts):
            return ["log", level, text, ts]
        case CodeResponse(status, headers, body):
            return ["respond", status, dict(headers), base64.b64encode(body).decode()]
        case (key, value):
            return ["db", key, value]


def _said_from_json(kind: str, *parts: Any) -> Emit | LogLine | CodeResponse | tuple[str, Json]:
    match kind:
        case "emit":
            return Emit(*parts)
        case "log":
            return LogLine(*parts)
        case "respond":
            status, headers, body = parts
            return CodeResponse(status, headers, base64.b64decode(body))
        case _:
            key, value = parts
            return key, value


def _last_changes(changes: Any) -> dict[str, Json]:
    """In order of the last change of each key."""
    found: dict[str, Json] = {}
    for key, value in changes:
        found.pop(key, None)
        found[key] = value
    return found


def _stats_to_json(stats: RunStats) -> dict[str, Json]:
    return {**asdict(stats), "isolation": [*stats.isolation]}


def _stats_from_json(value: Mapping[str, Any]) -> RunStats:
    return RunStats(**{**value, "isolation": tuple(value["isolation"])})

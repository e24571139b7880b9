"""How this dialect words an error: a German message in its envelope, and the status by its table.

The overview of the API lists eight statuses; 405 and 413 are used beside them, 409 and 422 are not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.api.common.call import Reply
from chalicelib.domain.errors import (
    AnswerRefusedError,
    ConflictError,
    DefinitionError,
    ForbiddenError,
    HookNotFoundError,
    IdempotencyConflictError,
    InvalidError,
    LastKeyError,
    MalformedJsonError,
    MethodNotAllowedError,
    NotFoundError,
    PenstockError,
    RateLimitedError,
    RunEndedError,
    RunNotFoundError,
    RunNotPausedError,
    RunNotRetryableError,
    ScheduleManagedError,
    ScheduleNotFoundError,
    StepNotWaitingError,
    TooLargeError,
    UnauthenticatedError,
    WorkflowInactiveError,
    WorkflowNotFoundError,
)
from chalicelib.domain.json import Json
from chalicelib.services.identity import KeyNotFoundError


@dataclass(frozen=True, slots=True)
class Wording:
    status: int
    code: str
    message: str


TABLE: Mapping[type[BaseException], Wording] = {
    MalformedJsonError: Wording(400, "INVALID_JSON", "Ungültiger JSON-Body"),
    TooLargeError: Wording(413, "PAYLOAD_TOO_LARGE", "Anfrage zu groß"),
    AnswerRefusedError: Wording(400, "INPUT_REJECTED", "Eingabe abgelehnt"),
    InvalidError: Wording(400, "VALIDATION_ERROR", "Ungültige Anfrage"),
    RunEndedError: Wording(400, "EXECUTION_NOT_RUNNING", "Ausführung läuft nicht"),
    RunNotPausedError: Wording(400, "EXECUTION_NOT_PAUSED", "Ausführung ist nicht pausiert"),
    RunNotRetryableError: Wording(
        400, "EXECUTION_NOT_RETRYABLE", "Ausführung kann in ihrem jetzigen Zustand nicht wiederholt werden"
    ),
    StepNotWaitingError: Wording(400, "EXECUTION_NOT_WAITING", "Ausführung wartet an diesem Knoten auf keine Eingabe"),
    IdempotencyConflictError: Wording(
        400, "IDEMPOTENCY_CONFLICT", "Idempotency-Key wurde schon mit einem anderen Inhalt verwendet"
    ),
    WorkflowInactiveError: Wording(400, "WORKFLOW_INACTIVE", "Workflow ist nicht aktiv"),
    ScheduleManagedError: Wording(
        400, "SCHEDULE_MANAGED", "Zeitplan gehört zu einem Trigger und wird nur mit dessen Workflow geändert"
    ),
    LastKeyError: Wording(
        400, "LAST_FULL_KEY", "Der letzte uneingeschränkte API-Schlüssel kann nicht widerrufen werden"
    ),
    ConflictError: Wording(400, "CONFLICT", "Die Änderung ist im jetzigen Zustand nicht möglich"),
    UnauthenticatedError: Wording(401, "UNAUTHORIZED", "Authentifizierung fehlgeschlagen"),
    ForbiddenError: Wording(403, "FORBIDDEN", "Keine Berechtigung"),
    WorkflowNotFoundError: Wording(404, "WORKFLOW_NOT_FOUND", "Workflow nicht gefunden"),
    RunNotFoundError: Wording(404, "EXECUTION_NOT_FOUND", "Ausführung nicht gefunden"),
    HookNotFoundError: Wording(404, "WEBHOOK_NOT_FOUND", "Webhook nicht gefunden"),
    ScheduleNotFoundError: Wording(404, "SCHEDULE_NOT_FOUND", "Zeitplan nicht gefunden"),
    KeyNotFoundError: Wording(404, "KEY_NOT_FOUND", "API-Schlüssel nicht gefunden"),
    NotFoundError: Wording(404, "NOT_FOUND", "Nicht gefunden"),
    MethodNotAllowedError: Wording(405, "METHOD_NOT_ALLOWED", "Methode nicht erlaubt"),
    RateLimitedError: Wording(429, "RATE_LIMIT_EXCEEDED", "Rate-Limit überschritten"),
    PenstockError: Wording(500, "INTERNAL_ERROR", "Serverfehler"),
}

_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rule, re.DOTALL), german)
    for rule, german in (
        (r"'([^']*)' is missing", r"'\1' fehlt"),
        (r"('[^']*') or ('[^']*') is missing", r"\1 oder \2 fehlt"),
        (r"'([^']*)' cannot be of the type (\w+)", r"'\1' darf nicht vom Typ \2 sein"),
        (
            r"the connections form a cycle through (.*); repeat steps with a loop node",
            r"die Verbindungen bilden einen Kreis über \1; Wiederholungen brauchen einen Knoten vom Typ loop",
        ),
        (r"\$node names the unknown node '(.*)'", r"$node nennt den unbekannten Knoten '\1'"),
        (
            r"on_error is 'error', but no connection leaves the error output",
            r"on_error ist 'error', aber keine Verbindung verlässt den Ausgang error",
        ),
        (r"('[^']*'|the answer) must be of the type (.*)", r"\1 muss vom Typ \2 sein"),
        (r"('[^']*'|the answer) is not the one allowed value", r"\1 ist nicht der eine erlaubte Wert"),
        (r"('[^']*'|the answer) is none of the allowed values", r"\1 ist keiner der erlaubten Werte"),
        (r"('[^']*'|the answer) has the wrong number of items", r"\1 hat die falsche Anzahl von Einträgen"),
        (r"('[^']*'|the answer) has the wrong length", r"\1 hat die falsche Länge"),
        (r"('[^']*'|the answer) is out of range", r"\1 liegt außerhalb der Grenzen"),
        (r"('[^']*') is not part of the form", r"\1 gehört nicht zum Formular"),
        (r"there are (\d+) fields, not 5, 6 or 7", r"es sind \1 Felder, nicht 5, 6 oder 7"),
        (r"there are (\d+) fields, not 6 or 7", r"es sind \1 Felder, nicht 6 oder 7"),
        (r"there are (\d+) fields, not 5", r"es sind \1 Felder, nicht 5"),
        (r"it is longer than (\d+) characters", r"der Ausdruck ist länger als \1 Zeichen"),
        (
            r"exactly one of day-of-month and day-of-week has to be '\?'",
            r"genau eines der Felder Monatstag und Wochentag muss '?' sein",
        ),
        (r"('[^']*') is not understood", r"\1 ist nicht zu verstehen"),
        (
            r"the step of ('[^']*') is not between (\d+) and (\d+)",
            r"die Schrittweite von \1 liegt nicht zwischen \2 und \3",
        ),
        (r"('[^']*') after '#' is not between (\d+) and (\d+)", r"\1 hinter '#' liegt nicht zwischen \2 und \3"),
        (r"(-?\d+) is not between (\d+) and (\d+)", r"\1 liegt nicht zwischen \2 und \3"),
        (r"the range ('[^']*') runs backwards", r"der Bereich \1 läuft rückwärts"),
        (r"('[^']*') cannot stand in a list", r"\1 darf nicht in einer Liste stehen"),
        (r"('[^']*') is no known shorthand", r"\1 ist keine bekannte Kurzform"),
        (r"('[^']*') is no known time zone", r"\1 ist keine bekannte Zeitzone"),
        (r"('[^']*') and ('[^']*') exclude each other", r"\1 und \2 schließen einander aus"),
        (r"('[^']*') has to be a whole number", r"\1 muss eine ganze Zahl sein"),
        (r"has to be a whole number from (\d+) to (\d+)", r"muss eine ganze Zahl von \1 bis \2 sein"),
        (r"has to be (\w+) or (\w+) or (\w+)", r"muss \1, \2 oder \3 sein"),
        (r"bodies are nested more than (\d+) deep", r"Knoten sind tiefer als \1 Ebenen verschachtelt"),
    )
)
_PARTS: Mapping[str, str] = {
    "seconds": "Sekunden",
    "minutes": "Minuten",
    "hours": "Stunden",
    "day-of-month": "Monatstag",
    "month": "Monat",
    "day-of-week": "Wochentag",
    "year": "Jahr",
}
_IN_PART = re.compile(rf"({'|'.join(_PARTS)}): (.*)", re.DOTALL)
_INSIDE = re.compile(r"in the (\S+) of '([^']*)': (.*)", re.DOTALL)


def shape(error: PenstockError) -> Reply:
    # The nearest class that has a row; PenstockError, the root of all, always has one.
    wording = next(TABLE[class_] for class_ in type(error).__mro__ if class_ in TABLE)
    body: Json = {"success": False, "error": {"code": wording.code, "message": _message(error, wording)}}
    return Reply(wording.status, body, _headers(error))


def _message(error: PenstockError, wording: Wording) -> str:
    if isinstance(error, DefinitionError):
        node_id = error.facts.get("node_id")
        at = f" (Knoten '{node_id}')" if node_id else ""
        return f"Ungültiger Wert für '{error.field}'{at}: {in_german(str(error.facts.get('reason') or error))}"
    if isinstance(error, AnswerRefusedError):
        return f"{wording.message}: {in_german(error.message)}"
    if wording.code == "VALIDATION_ERROR" and isinstance(error, InvalidError) and error.field:
        reason = error.facts.get("reason")
        return f"Ungültiger Wert für '{error.field}'" + (f": {in_german(str(reason))}" if reason else "")
    return wording.message


def in_german(rule: str) -> str:
    """What a broken rule of the domain says; one that has no wording here stays as it is."""
    # Rules nest, and are read from the outside to the inside.
    inside = _INSIDE.fullmatch(rule)
    if inside is not None:
        return f"in {inside[1]} von '{inside[2]}': {in_german(inside[3])}"
    in_part = _IN_PART.fullmatch(rule)
    if in_part is not None:
        return f"{_PARTS[in_part[1]]}: {in_german(in_part[2])}"
    for pattern, german in _RULES:
        match = pattern.fullmatch(rule)
        if match is not None:
            return match.expand(german).replace("the answer", "die Eingabe")
    return rule


def _headers(error: PenstockError) -> dict[str, str]:
    if isinstance(error, RateLimitedError):
        return {"Retry-After": str(error.retry_after_seconds)}
    if isinstance(error, UnauthenticatedError):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, MethodNotAllowedError) and error.facts.get("allow"):
        return {"Allow": str(error.facts["allow"])}
    return {}

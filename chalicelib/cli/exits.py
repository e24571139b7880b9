"""How a command ends: the exit codes that scripts may rely on, and the errors that lead to them."""

from __future__ import annotations

from enum import IntEnum

from chalicelib.domain.errors import PenstockError


class Exit(IntEnum):
    DONE = 0
    REFUSED = 1
    USAGE = 2
    RUN_FAILED = 3
    RUN_CANCELLED = 4
    TIMED_OUT = 5
    HAS_CHANGES = 6
    UNREACHABLE = 7
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    """What a shell says of a program that wrote into a closed pipe."""


class CommandError(PenstockError):
    """The command cannot be carried out."""

    exit = Exit.REFUSED


class UsageError(CommandError):
    """The arguments do not fit together."""

    exit = Exit.USAGE


class UnreachableError(CommandError):
    """The server cannot be reached."""

    exit = Exit.UNREACHABLE


_HINTS = {
    401: "; is the key right? see: penstock whoami, penstock login",
    403: "; what the key may do, says: penstock whoami",
}


class ApiError(CommandError):
    """The API refused a call. `status` is the answer's, `code` the API's own word, which may be empty."""

    def __init__(self, call: str, status: int, code: str, message: str, field: str = "") -> None:
        self.status = status
        self.code = code
        self.field = field
        words = f"{status} {code}".strip()
        at = f" at {field}" if field and field not in message else ""
        told = f"{call}: {words}{at}: {message}" if message else f"{call}: {words}{at}"
        super().__init__(told + _HINTS.get(status, ""))

"""Files that steps make instead of outputs, and their ids.

A file's id names the run it belongs to, so that whose it is follows from whose the run is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from chalicelib.domain.errors import FileNotStoredError
from chalicelib.domain.json import Json

MAX_FILE_BYTES = 32 * 1024 * 1024

_ID = re.compile(r"(?P<run_id>[A-Za-z0-9_.:-]{1,128})\.(?P<sha256>[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class StoredFile:
    content: bytes = field(repr=False)
    content_type: str


def file_id(run_id: str, sha256: str) -> str:
    return f"{run_id}.{sha256}"


def parse_file_id(text: str) -> tuple[str, str]:
    """The run's id and the SHA-256 (hex) of the bytes. Raises FileNotStoredError."""
    parts = _ID.fullmatch(text)
    if parts is None:
        raise FileNotStoredError(file_id=text)
    return parts["run_id"], parts["sha256"]


def file_output(id_: str, size: int, content_type: str) -> Json:
    """What a step that stored a file has as its output."""
    return {"_fileId": id_, "_size": size, "_contentType": content_type}

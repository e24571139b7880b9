"""Files that steps make, in memory."""

from __future__ import annotations

import hashlib

from chalicelib.domain.errors import FileNotStoredError
from chalicelib.domain.files import StoredFile, file_id, parse_file_id


class MemoryFileStore:
    def __init__(self) -> None:
        self.stored: dict[str, StoredFile] = {}

    def put(self, run_id: str, content: bytes, content_type: str) -> str:
        id_ = file_id(run_id, hashlib.sha256(content).hexdigest())
        self.stored[id_] = StoredFile(content, content_type)
        return id_

    def get(self, run_id: str, file_id: str) -> StoredFile:
        named, _ = parse_file_id(file_id)
        if named != run_id or file_id not in self.stored:
            raise FileNotStoredError(file_id=file_id)
        return self.stored[file_id]

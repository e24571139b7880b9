"""Files that steps made, for those who may read the run that made them."""

from __future__ import annotations

from chalicelib.domain.errors import FileNotStoredError, RunNotFoundError
from chalicelib.domain.files import StoredFile, parse_file_id
from chalicelib.domain.identity import Principal
from chalicelib.services.access import Scope
from chalicelib.services.ports import FileStore
from chalicelib.services.runs.runs import Runs


class Files:
    def __init__(self, files: FileStore, runs: Runs) -> None:
        self._files = files
        self._runs = runs

    def get(self, principal: Principal, file_id: str) -> StoredFile:
        """Raises ForbiddenError, and FileNotStoredError alike for what does not exist and what is another's."""
        run_id, _ = parse_file_id(file_id)
        try:
            run = self._runs.owned(principal, run_id, Scope.READ_RUNS)
        except RunNotFoundError as error:
            raise FileNotStoredError(file_id=file_id) from error
        return self._files.get(run.id, file_id)

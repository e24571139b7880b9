"""One process at a time writes a state directory.

Whoever stores state there holds the lock for as long as it lives, through a file that it has inherited: also when
the stack that started it was killed and could not stop it. Such an orphan is told to end, and writes its state
before it does, so that the next stack goes on with all of it.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from pathlib import Path

_FILE = "lock"
_END_SECONDS = 10.0
_PAUSE_SECONDS = 0.05


class StateInUseError(RuntimeError):
    """Another stack that is running keeps its state there."""


class StateLock:
    """Raises StateInUseError. `fileno` is to be inherited by the process that stores the state."""

    def __init__(self, directory: Path) -> None:
        self._file = (directory / _FILE).open("a+", encoding="ascii")
        try:
            if not self._is_mine() and not self._is_left_by_orphan():
                raise StateInUseError(f"{directory} is in use by another stack; give this one a directory of its own")
        except BaseException:
            self._file.close()
            raise

    def fileno(self) -> int:
        return self._file.fileno()

    def note(self, child_pid: int) -> None:
        """Whom to end if this process is killed."""
        self._file.truncate(0)
        self._file.write(f"{os.getpid()} {child_pid}")
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def _is_mine(self) -> bool:
        try:
            # It belongs to the open file, not to the process: whoever inherits that holds the lock as well.
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _is_left_by_orphan(self) -> bool:
        self._file.seek(0)
        parent, _, child = self._file.read().partition(" ")
        if not child.isdigit() or _lives(int(parent)):
            return False
        # The lock is held though the parent is gone: the child lives on, and writes its state when it is told to end.
        os.kill(int(child), signal.SIGTERM)
        deadline = time.monotonic() + _END_SECONDS
        while not self._is_mine():
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE_SECONDS)
        return True


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # sends nothing, and asks whether it could
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

"""ministack in a process of its own, on loopback, with its state on disk between starts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from chalicelib.local.backend import BackendStartError
from chalicelib.local.state_lock import StateInUseError, StateLock

_START_SECONDS = 20.0
_STOP_SECONDS = 10.0


class MinistackProcess:
    """Running and answering when the constructor returns. `stop` lets it write its state. Raises BackendStartError."""

    def __init__(self, state_dir: Path) -> None:
        state_dir = state_dir.absolute()
        # Somebody else may take it until ministack does; then that ends at once, and the error says so.
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._log = state_dir / "ministack.log"
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
            self._lock = StateLock(state_dir)
            log = self._log.open("wb")
        except (OSError, StateInUseError) as error:
            raise BackendStartError(f"No state can be kept in {state_dir}: {error}") from error
        with log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ministack"],
                env={**os.environ, **_options(port, state_dir)},
                stdout=log,
                stderr=subprocess.STDOUT,
                # A Ctrl-C in the terminal goes to the whole group; the stack stops this process itself,
                # after everything that still writes to it.
                start_new_session=True,
                # As long as it holds the file, nobody else writes the state, also when this process is killed.
                pass_fds=(self._lock.fileno(),),
            )
        self._lock.note(self._process.pid)
        try:
            self._await_answer()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._lock.close()

    def _await_answer(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise BackendStartError(f"ministack ended at once; its log is {self._log}")
            try:
                with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=1):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise BackendStartError(f"ministack did not answer within {_START_SECONDS:.0f} s; see {self._log}")


def _options(port: int, state_dir: Path) -> dict[str, str]:
    return {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "SERVICES": "dynamodb,sqs,s3",
        "SFTP_ENABLED": "0",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(state_dir / "services"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(state_dir / "s3"),
        "TMPDIR": str(state_dir),
        "LOG_LEVEL": "WARNING",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

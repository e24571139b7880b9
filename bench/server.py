"""Starting what is measured in a process of its own, and asking what it used."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

KEY = "bench-key-1"
START_SECONDS = 30.0
_ADDRESS = re.compile(r"http://localhost:(\d+)")
_READY = "Penstock is running"


class Server:
    """`python -m <module>` until the end of the `with`, once it has said that it is ready and where."""

    def __init__(self, module: str, arguments: Sequence[str] = ()) -> None:
        self._command = [sys.executable, "-m", module, *arguments]
        self.port = 0
        self.ready_seconds = 0.0

    def __enter__(self) -> Server:
        environment = {**os.environ, "PORT": "0", "PENSTOCK_DEV_KEYS": f"bench:{KEY}", "PYTHONUNBUFFERED": "1"}
        begun = time.perf_counter()
        self._process = subprocess.Popen(
            self._command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        self.port = self._wait_until_ready()
        self.ready_seconds = time.perf_counter() - begun
        return self

    def __exit__(
        self, type_: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu_seconds(self) -> float | None:
        """What the process has used so far, in user and kernel mode; None where the system does not tell."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _wait_until_ready(self) -> int:
        deadline = time.monotonic() + START_SECONDS
        is_ready = False
        while True:
            line = self._lines.get(timeout=max(deadline - time.monotonic(), 0.01))
            if line is None:
                raise RuntimeError(f"{self._command[2]} ended with {self._process.wait()} before it was ready")
            is_ready = is_ready or _READY in line
            if is_ready and (match := _ADDRESS.search(line)):
                return int(match[1])

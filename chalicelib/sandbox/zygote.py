"""The host's end of the zygote: starts it, asks it for processes, starts it again when it has died."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path

from chalicelib.domain.errors import UnavailableError
from chalicelib.sandbox.frames import JOB

_ROOT = Path(__file__).resolve().parents[2]
_START = "import sys; sys.path.insert(0, sys.argv[1]); from chalicelib.sandbox.child.zygote import main; main()"
_START_SECONDS = 20.0
_ENVIRONMENT = {"TZ": "UTC", "LANG": "C.UTF-8"}


@dataclass(frozen=True, slots=True)
class Sockets:
    """What a run's process is reached by: `channel` leads to itself, `control` to the zygote, which ends it on any
    word or when it is closed, and says there how it ended."""

    channel: socket.socket
    control: socket.socket

    def close(self) -> None:
        self.channel.close()
        self.control.close()


class ZygoteHandle:
    """Thread-safe. The process starts with the first run, without environment, files or working directory of ours."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._finalizer: weakref.finalize[[subprocess.Popen[bytes], socket.socket], ZygoteHandle] | None = None

    def start(self) -> None:
        """Has it ready, so that the first run need not wait. Raises UnavailableError."""
        with self._lock:
            self._started()

    def spawn(self, cpu_seconds: float, memory_bytes: int) -> Sockets:
        """A process of its own for one run. Raises UnavailableError."""
        with self._lock:
            try:
                return self._spawn(cpu_seconds, memory_bytes)
            except OSError:
                # It died since the last run; nothing of this one has begun.
                self._stop()
            try:
                return self._spawn(cpu_seconds, memory_bytes)
            except OSError as error:
                self._stop()
                raise UnavailableError("The sandbox could not be started.") from error

    def bury(self) -> None:
        """Forgets one that took a job and died with it. One that lives is left alone: others run under it."""
        with self._lock:
            if self._process is not None and self._process.poll() is not None:
                self._stop()

    def close(self) -> None:
        with self._lock:
            self._stop()

    def _spawn(self, cpu_seconds: float, memory_bytes: int) -> Sockets:
        zygote = self._started()
        channel, far_channel = socket.socketpair()
        control, far_control = socket.socketpair()
        sockets = Sockets(channel, control)
        try:
            message = JOB.pack(cpu_seconds, memory_bytes)
            socket.send_fds(zygote, [message], [far_channel.fileno(), far_control.fileno()])
        except OSError:
            sockets.close()
            raise
        finally:
            far_channel.close()
            far_control.close()
        return sockets

    def _started(self) -> socket.socket:
        if self._socket is None:
            self._process, self._socket = _launch()
            # Given what it needs, not the handle: with a reference to that it would never be due.
            self._finalizer = weakref.finalize(self, _end, self._process, self._socket)
        return self._socket

    def _stop(self) -> None:
        if self._finalizer is not None:
            self._finalizer()
        self._socket = self._process = self._finalizer = None


def engine_path() -> str:
    """Where the engine's machine code lies. It is never loaded into this process."""
    spec = importlib.util.find_spec("_quickjs")
    if spec is None or spec.origin is None:
        raise UnavailableError("The JavaScript engine is not installed.")
    return spec.origin


def _launch() -> tuple[subprocess.Popen[bytes], socket.socket]:
    near, far = socket.socketpair()
    # Ours is closed: while it is open here too, the end of the zygote would not show at `near`.
    with far:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _START, str(_ROOT), str(far.fileno()), engine_path()],
            env=_ENVIRONMENT,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(far.fileno(),),
            # A Ctrl-C in the terminal is for the host, which ends this process when it goes.
            start_new_session=True,
        )
    try:
        _await_ready(near)
    except BaseException:
        _end(process, near)
        raise
    return process, near


def _await_ready(near: socket.socket) -> None:
    near.settimeout(_START_SECONDS)
    said = b""
    try:
        while not said.endswith(b"\n"):
            part = near.recv(4096)
            if not part:
                break
            said += part
    except OSError as error:
        raise UnavailableError("The sandbox did not start in time.") from error
    near.settimeout(None)
    if said != b"ready\n":
        raise UnavailableError(f"The sandbox did not start: {said.decode(errors='replace').strip()[:500]}")


def _end(process: subprocess.Popen[bytes], near: socket.socket) -> None:
    near.close()
    try:
        process.wait(2.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

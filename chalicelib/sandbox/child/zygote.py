"""The process that runs are forked from: it has the engine and its libraries loaded, and never runs users' code.

It holds no secrets: it starts with an empty environment and no open files but the socket to the host. When the host
goes away, it and every run end.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys

from chalicelib.sandbox.child.confinement import CHANNEL, Confinement
from chalicelib.sandbox.child.engine import Engine
from chalicelib.sandbox.child.run import run
from chalicelib.sandbox.frames import END, JOB

_IDLE_SECONDS = 0.1
"""After the start, until what only some runs need is loaded."""


class Zygote:
    def __init__(self, host: socket.socket, engine: Engine) -> None:
        self._host = host
        self._engine = engine
        self._confinement = Confinement()
        self._watched: dict[int, tuple[int, socket.socket]] = {}
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        # Ignored signals wake nobody: Python writes to the descriptor only for those that it handles.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)

    def serve(self) -> None:
        """Until the host closes its end."""
        patience: float | None = _IDLE_SECONDS
        while True:
            watched = [self._host.fileno(), self._wake_read, *self._watched]
            ready, _, _ = select.select(watched, [], [], patience)
            if not ready:
                self._engine.load_compiler()
                gc.freeze()
                patience = None
            # Before stopping: what has ended leaves `_watched`, for its process number may soon be somebody else's.
            if self._wake_read in ready:
                os.read(self._wake_read, 4096)
                self._reap()
            for descriptor in ready:
                if descriptor in self._watched:
                    self._stop(descriptor)
            if self._host.fileno() in ready and not self._accept():
                return self._stop_all()

    def _accept(self) -> bool:
        message, descriptors, _, _ = socket.recv_fds(self._host, JOB.size, 2)
        if len(message) < JOB.size or len(descriptors) != 2:
            return False
        channel, control = descriptors
        child = os.fork()
        if child == 0:
            self._become_run(channel, *JOB.unpack(message))
        os.close(channel)
        self._watched[control] = (child, socket.socket(fileno=control))
        return True

    def _become_run(self, channel: int, cpu_seconds: float, memory_bytes: int) -> None:
        """Never returns: whatever happens, the process ends here."""
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(channel, CHANNEL)
            # Other runs' sockets too: whoever holds one hides from its other end that it was closed.
            os.closerange(CHANNEL + 1, 65536)
            isolation = self._confinement.apply(cpu_seconds, memory_bytes)
            run(self._engine, isolation, cpu_seconds, memory_bytes)
            os._exit(0)
        finally:
            os._exit(1)

    def _stop(self, control: int) -> None:
        """The host wants the run to end, or has gone. Not yet reaped, so its number is still its own."""
        child, held = self._watched[control]
        os.kill(child, signal.SIGKILL)
        # A word leaves it watched, so that the host hears how it ended; after the end of the socket nobody listens.
        if not held.recv(1):
            held.close()
            del self._watched[control]

    def _reap(self) -> None:
        while True:
            try:
                child, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if child == 0:
                return
            for control, (watched, held) in list(self._watched.items()):
                if watched == child:
                    del self._watched[control]
                    _tell(held, END.pack(status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024))

    def _stop_all(self) -> None:
        for child, _ in self._watched.values():
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _tell(host: socket.socket, message: bytes) -> None:
    try:
        host.sendall(message)
    except OSError:
        pass
    host.close()


def main() -> None:
    descriptor, engine_path = int(sys.argv[2]), sys.argv[3]
    host = socket.socket(fileno=descriptor)
    try:
        engine = Engine(engine_path)
    except Exception as error:
        host.sendall(f"failed {type(error).__name__}: {error}\n".encode())
        raise
    gc.collect()
    gc.freeze()
    gc.disable()
    zygote = Zygote(host, engine)
    host.sendall(b"ready\n")
    zygote.serve()

"""One run seen from the host: the loop over what its process says, its calls, and the clock on the wall.

Whatever the process does, the loop ends: at the wall's limit it is killed, and what it said until then is kept.
"""

from __future__ import annotations

import select
import signal
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.javascript import MIB, CodeFailure, CodeResponse, Emit, Limits, LogLine, RunReport, RunStats
from chalicelib.domain.json import Json
from chalicelib.sandbox import messages
from chalicelib.sandbox.fetches import Fetches
from chalicelib.sandbox.frames import END, LENGTH, MAX_FRAME, framed
from chalicelib.sandbox.zygote import Sockets

_CHUNK = 1024 * 1024
_KILL_SECONDS = 5.0
_OUT_OF_MEMORY = ("InternalError", "out of memory")
_THROWN_NULL = ("Error", "null")


class Host(Protocol):
    def fetch(self, request: HttpRequest) -> HttpResponse: ...

    def respond(self, response: CodeResponse) -> None: ...

    def on_emit(self, emit: Emit) -> None: ...

    def on_log(self, line: LogLine) -> None: ...

    def on_db(self, key: str, value: Json) -> None: ...


class NeverBegunError(Exception):
    """The process was gone before it had begun: nothing of the code has run."""


@dataclass(slots=True)
class _Found:
    emits: list[Emit] = field(default_factory=list)
    db: dict[str, Json] = field(default_factory=dict)
    response: CodeResponse | None = None
    logs: deque[LogLine] = field(default_factory=deque)
    dropped_logs: int = 0
    exports: dict[str, Json] = field(default_factory=dict)
    compiled: Mapping[str, str] | None = None
    isolation: tuple[str, ...] = ()
    end: messages.End | None = None
    failure: CodeFailure | None = None
    begun: bool = False


class Session:
    """For one run, and one call of `run`."""

    def __init__(self, sockets: Sockets, limits: Limits, host: Host) -> None:
        self._channel, self._control = sockets.channel, sockets.control
        self._limits = limits
        self._host = host
        self._began = monotonic()
        self._deadline = self._began + limits.wall_seconds
        self._fetches = Fetches(host.fetch, limits.fetch_concurrency, self._deadline)
        self._found = _Found()
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self._said_bytes = 0
        self._killed = False
        self._is_out_of_time = False
        self._ended: tuple[int, float, int] | None = None

    def run(self, job: bytes) -> tuple[RunReport, Mapping[str, str] | None]:
        """The report, and the compiled files if there are any. Raises NeverBegunError, and what the host raises."""
        self._channel.setblocking(False)
        self._outgoing += framed(job)
        try:
            self._listen()
            self._channel.close()
            self._await_end()
        finally:
            # Closing the control socket ends a process that is still there.
            self._control.close()
            self._channel.close()
            self._fetches.close()
        # What was killed at its limits did not fail to begin; trying it again would take as long again.
        if not self._found.begun and not self._killed:
            raise NeverBegunError
        return self._report(), self._found.compiled

    # -- the loop ------------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        bell = self._fetches.bell()
        poller = select.poll()
        poller.register(bell, select.POLLIN)
        while True:
            # Anew each time: asked for POLLOUT with nothing to write, the poll would never wait.
            poller.register(self._channel, select.POLLIN | (select.POLLOUT if self._outgoing else 0))
            left = self._deadline - monotonic()
            if left <= 0 and not self._out_of_time():
                return
            ready = dict(poller.poll(max(1.0, left * 1000)))
            if bell.fileno() in ready:
                for answer in self._fetches.answers():
                    self._outgoing += framed(answer)
            events = ready.get(self._channel.fileno(), 0)
            if events & select.POLLOUT:
                self._write()
            if events & (select.POLLIN | select.POLLHUP | select.POLLERR) and not self._read():
                return
            if self._found.failure is not None and not self._is_out_of_time:
                return

    def _out_of_time(self) -> bool:
        """Kills at the limit and then waits for the end of the channel; False if even that does not come."""
        if self._is_out_of_time:
            return False
        self._is_out_of_time = True
        self._fail("TimeoutError", f"the code did not end within {self._limits.wall_seconds:g} s")
        self._deadline = monotonic() + _KILL_SECONDS
        return True

    def _fail(self, name: str, message: str) -> None:
        """What the code ran into; its process ends here."""
        if self._found.failure is None and self._found.end is None:
            self._found.failure = _failed(name, message)
        self._killed = True
        try:
            self._control.send(b"k")
        except OSError:
            pass

    def _write(self) -> None:
        try:
            del self._outgoing[: self._channel.send(self._outgoing[:_CHUNK])]
        except BlockingIOError:
            pass
        except OSError:
            # The process has ended; what it said is still to be read.
            self._outgoing.clear()

    def _read(self) -> bool:
        """False at the end of the channel."""
        try:
            part = self._channel.recv(_CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._incoming += part
        while len(self._incoming) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._incoming)
            if length > MAX_FRAME:
                self._fail("SandboxCrashed", "a message is longer than any can be")
                return False
            if len(self._incoming) < LENGTH.size + length:
                break
            frame = bytes(self._incoming[LENGTH.size : LENGTH.size + length])
            del self._incoming[: LENGTH.size + length]
            self._hear(frame)
        return bool(part)

    # -- what it says --------------------------------------------------------------------------------------------------

    def _hear(self, frame: bytes) -> None:
        # JSON has no line break in its texts, so each line is a message.
        for line in frame.split(b"\n"):
            if self._found.end is not None:
                return
            if self._found.failure is not None and not self._is_out_of_time:
                return
            try:
                self._count(line)
                self._take(messages.read(line, self._limits))
            except messages.ForeignMessageError as error:
                self._fail("SandboxCrashed", f"the sandbox sent what it cannot send: {error}")
            except InvalidError as error:
                self._fail("ValueTooLargeError", error.message)

    def _count(self, line: bytes) -> None:
        # Calls have limits of their own, and compiled files are as large as what they were made of.
        if line.startswith((b'["fetch"', b'["compiled"')):
            return
        self._said_bytes += len(line)
        if self._said_bytes > 4 * self._limits.output_bytes + 65_536:
            self._fail("OutputLimitExceeded", f"the run sent more than {self._limits.output_bytes} bytes")

    def _take(self, message: messages.Message) -> None:
        found = self._found
        match message:
            case Emit():
                if len(found.emits) < self._limits.emits:
                    found.emits.append(message)
                    self._host.on_emit(message)
            case messages.DbChange(key, value):
                # First out: the order is that of each key's last change.
                found.db.pop(key, None)
                found.db[key] = value
                self._host.on_db(key, value)
            case LogLine():
                self._log(message)
            case CodeResponse():
                if found.response is None:
                    found.response = message
                    self._host.respond(message)
            case messages.Fetch():
                self._fetch(message)
            case messages.Cancel(id_):
                self._fetches.cancel(id_)
            case messages.Export(name, value):
                if len(found.exports) < self._limits.emits or name in found.exports:
                    found.exports[name] = value
            case messages.Begun(isolation):
                found.begun, found.isolation = True, isolation
            case messages.Compiled(files):
                found.compiled = files
            case messages.End():
                found.end = message

    def _log(self, line: LogLine) -> None:
        if len(self._found.logs) == self._limits.log_lines:
            self._found.logs.popleft()
            self._found.dropped_logs += 1
        self._found.logs.append(line)
        self._host.on_log(line)

    def _fetch(self, fetch: messages.Fetch) -> None:
        body = fetch.request.body
        if self._fetches.count >= self._limits.fetches or len(body or b"") > self._limits.fetch_request_bytes:
            self._fail("FetchLimitExceeded", f"a run may send {self._limits.fetches} requests")
        elif not self._killed:
            self._fetches.start(fetch)

    # -- how it ended --------------------------------------------------------------------------------------------------

    def _await_end(self) -> None:
        self._control.settimeout(_KILL_SECONDS)
        said = b""
        try:
            while len(said) < END.size and (part := self._control.recv(END.size - len(said))):
                said += part
        except OSError:
            return
        if len(said) == END.size:
            self._ended = END.unpack(said)

    def _report(self) -> RunReport:
        found, end = self._found, self._found.end
        _, cpu_seconds, resident = self._ended or (0, 0.0, 0)
        return RunReport(
            tuple(found.emits),
            found.db,
            found.response,
            tuple(found.logs),
            found.dropped_logs + (end.dropped_logs if end else 0),
            self._failure(),
            end.value if end else None,
            found.exports,
            end.exited if end else None,
            end.missing if end else (),
            RunStats(
                (monotonic() - self._began) * 1000,
                cpu_seconds * 1000,
                resident,
                self._fetches.count,
                found.isolation,
            ),
        )

    def _failure(self) -> CodeFailure | None:
        if self._found.failure is not None:
            return self._found.failure
        if self._found.end is not None:
            return self._judged(self._found.end.error)
        if self._ended is None:
            return _failed("SandboxCrashed", "the sandbox's process disappeared")
        status, cpu_seconds, _ = self._ended
        if cpu_seconds >= self._limits.cpu_seconds:
            return _failed("CpuLimitExceeded", f"the code used more than {self._limits.cpu_seconds:g} s of CPU time")
        signalled = status & 0x7F
        how = f"by {signal.Signals(signalled).name}" if signalled else f"with code {status >> 8}"
        return self._judged(_failed("SandboxCrashed", f"the sandbox's process was ended {how}"))

    def _judged(self, error: CodeFailure | None) -> CodeFailure | None:
        """An engine without memory throws an error of its own, or null if there is none left even for that, or fails
        in places where it should not: how much the process had tells."""
        _, _, resident = self._ended or (0, 0.0, 0)
        if error is None:
            return None
        said = (error.name, error.message)
        full = resident >= self._limits.memory_bytes
        if said == _OUT_OF_MEMORY or (full and (said == _THROWN_NULL or error.name == "SandboxCrashed")):
            megabytes = self._limits.memory_bytes // MIB
            return _failed("MemoryLimitExceeded", f"the code used more than {megabytes} MB of memory", error)
        return error


def _failed(name: str, message: str, at: CodeFailure | None = None) -> CodeFailure:
    file, line = (at.file, at.line) if at else (None, None)
    return CodeFailure(name, message, f"{name}: {message}", file, line)

"""One run, in a process that was forked for it: the loop between the engine and the channel to the host."""

from __future__ import annotations

import json
import os
import select
from time import process_time

from chalicelib.sandbox.child.confinement import CHANNEL
from chalicelib.sandbox.child.engine import CpuLimitError, Engine, EngineError
from chalicelib.sandbox.frames import LENGTH, MAX_FRAME, framed

_QUIET_SECONDS = 0.002  # of CPU time: so long may what was said stay unsent
_LAST_WORDS_SECONDS = 0.5
_LAST_WORDS_BYTES = 32 * 1024 * 1024


def run(engine: Engine, isolation: list[str], cpu_seconds: float, memory_bytes: int) -> None:
    """Reads the job, runs it, and sends what it says. The host may go away or kill this process at any time."""
    job = _receive()
    # Before any code: a process that dies without having said it may be replaced, since nothing was run.
    _send(json.dumps(["begun", isolation]))
    engine.limit(cpu_seconds, memory_bytes)
    try:
        engine.call("start", job)
        _loop(engine)
    except CpuLimitError:
        _last_words(engine, "CpuLimitExceeded", f"the code used more than {cpu_seconds:g} s of CPU time", memory_bytes)
    except EngineError as error:
        _last_words(engine, *_judged(str(error), memory_bytes), memory_bytes)


def _loop(engine: Engine) -> None:
    """What was said goes out before the code does anything that may take long: after a kill nothing is said."""
    _drain(engine)
    said_at = process_time()
    while True:
        if engine.run_job():
            if process_time() - said_at > _QUIET_SECONDS:
                _drain(engine)
                said_at = process_time()
            continue
        head, _, messages = engine.call("turn").partition("\n")
        if messages:
            _send(messages)
        said_at = process_time()
        if head == "end":
            return
        if head.startswith("wait ") and _readable(float(head[5:])):
            engine.call("deliver", _receive())


def _drain(engine: Engine) -> None:
    messages = engine.call("drain").partition("\n")[2]
    if messages:
        _send(messages)


def _judged(text: str, memory_bytes: int) -> tuple[str, str]:
    """An engine without memory for an error says null."""
    if text == "null" or "out of memory" in text:
        return "MemoryLimitExceeded", f"the code used more than {memory_bytes // 1024 // 1024} MB of memory"
    return "SandboxCrashed", f"the engine gave up: {text}"


def _last_words(engine: Engine, name: str, message: str, memory_bytes: int) -> None:
    """What the code said before it was stopped still counts."""
    engine.limit(_LAST_WORDS_SECONDS, memory_bytes + _LAST_WORDS_BYTES)
    try:
        messages = engine.call("drain").partition("\n")[2]
    except (CpuLimitError, EngineError):
        messages = ""
    if messages:
        _send(messages)
    _send(json.dumps(["end", {"error": {"name": name, "message": message}}, [], None]))


def _readable(milliseconds: float) -> bool:
    poller = select.poll()
    poller.register(CHANNEL, select.POLLIN)
    return bool(poller.poll(None if milliseconds < 0 else milliseconds + 1))


def _receive() -> str:
    (length,) = LENGTH.unpack(_exactly(LENGTH.size))
    return _exactly(min(length, MAX_FRAME)).decode()


def _exactly(count: int) -> bytes:
    parts = []
    while count:
        part = os.read(CHANNEL, min(count, 1024 * 1024))
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _send(text: str) -> None:
    view = memoryview(framed(text.encode("utf-8", "replace")))
    while view:
        view = view[os.write(CHANNEL, view) :]

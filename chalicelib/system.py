"""This process's clock, entropy and threads, behind the ports that the services name."""

from __future__ import annotations

import contextvars
import os
import queue
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime


class SystemClock:
    """The machine's clock, cut to whole milliseconds, which is what the stores keep."""

    def now(self) -> datetime:
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class SystemEntropy:
    def bytes(self, count: int) -> bytes:
        return os.urandom(count)


class ThreadGroup:
    """Tasks on a shared pool; what one raises is raised by the `wait` that returns it."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

    def start(self, task: Callable[[], object]) -> None:
        # With the starter's context, which says on whose behalf the task calls.
        self._pool.submit(contextvars.copy_context().run, self._run, task)

    def _run(self, task: Callable[[], object]) -> None:
        error: BaseException | None = None
        try:
            task()
        except BaseException as raised:  # noqa: BLE001 - handed over to the waiting thread whatever it is
            error = raised
        self._ended.put(error)

    def wait(self, timeout_seconds: float | None = None) -> bool:
        try:
            error = self._ended.get(timeout=timeout_seconds)
        except queue.Empty:
            return False
        if error is not None:
            raise error
        return True


class ThreadSpawner:
    """Groups that share one pool. Tasks of a group may not wait for tasks of another group of the same pool."""

    def __init__(self, threads: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    def group(self) -> ThreadGroup:
        return ThreadGroup(self._pool)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

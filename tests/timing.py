"""Bounds on computing time that hold on a busy machine.

What is asserted is that work stays cheap, not that one measurement was: a full garbage collection of a process with
many test stacks takes half a second and may fall into any call. So collection waits, only the calling thread is
counted, and the cheapest of a few attempts is judged. Work that is too dear is too dear every time.
"""

import gc
import time
from collections.abc import Callable

ATTEMPTS = 4


def assert_cheap(seconds: float, work: Callable[[], object]) -> None:
    """Asserts that `work` takes less than so many CPU seconds of this thread; it may be called up to four times."""
    took = []
    for _ in range(ATTEMPTS):
        took.append(_spent(work))
        if took[-1] < seconds:
            return
    raise AssertionError(f"took {min(took):.3f} s at best, of {seconds} s allowed")


def _spent(work: Callable[[], object]) -> float:
    collecting = gc.isenabled()
    gc.disable()
    started = time.thread_time()
    try:
        work()
        return time.thread_time() - started
    finally:
        if collecting:
            gc.enable()

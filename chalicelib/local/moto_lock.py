"""One lock around each emulated AWS call.

moto has no locks of its own: without this one, compare-and-set loses updates and a rolled-back
transaction takes other threads' writes with it.
"""

from __future__ import annotations

import threading
from typing import Any

from moto.core.botocore_stubber import BotocoreStubber

from chalicelib.local.patches import Patches

# Reentrant, because moto calls itself, and because a Condition on it releases every level while it
# waits: a long poll then holds up nobody.
EMULATION_LOCK = threading.RLock()


def apply(patches: Patches) -> None:
    unlocked = BotocoreStubber.process_request

    def process_request(stubber: BotocoreStubber, request: Any) -> Any:
        with EMULATION_LOCK:
            return unlocked(stubber, request)

    patches.replace(BotocoreStubber, "process_request", process_request)

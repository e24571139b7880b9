"""How the two sides of a sandbox's sockets talk: frames of a length and as many bytes, and what the zygote is told."""

from __future__ import annotations

import struct

LENGTH = struct.Struct("!I")
"""Before each frame between the host and a run."""

JOB = struct.Struct("!dq")
"""What the zygote needs of a run before it forks: CPU seconds, bytes of memory. Two sockets travel along."""

END = struct.Struct("!idq")
"""What the zygote says of a run that is over: wait status, CPU seconds, most bytes resident."""

MAX_FRAME = 64 * 1024 * 1024


def framed(payload: bytes) -> bytes:
    return LENGTH.pack(len(payload)) + payload

"""Which part of its table's due index an item is in."""

from __future__ import annotations

import zlib

from chalicelib.domain.listing import DUE_SHARDS


def shard_of(name: str) -> str:
    # Not `hash`, which differs from process to process.
    return str(zlib.crc32(name.encode()) % DUE_SHARDS)

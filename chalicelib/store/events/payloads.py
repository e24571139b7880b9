"""What events carry and deliveries deliver, where it is too large for their items.

A workspace's payloads are kept together, under their hash: the deliveries of one event share its blob, and each of
them that is made lengthens its time. They expire by age alone, later than any item that refers to them.
"""

from __future__ import annotations

from chalicelib.store.table import part

INLINE_BYTES = 4 * 1024
"""An item is written two or three times, each time as a whole: above this size the blob is the cheaper place."""


def owner_of(workspace_id: str) -> str:
    return f"payloads/{part(workspace_id)}"

"""Objects of pins as texts of an item: compact JSON, or above a size a reference to a blob with a name of its own.

A blob is stored twice. The copy that the newest version refers to stays until that version is replaced; the one
that its older form refers to is left to the bucket's expiry, as the item itself is to the table's.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import msgspec

from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.json import Json
from chalicelib.store.blobs import Blobs

INLINE_BYTES = 16 * 1024
_REFERENCE = "blob:"  # no JSON text starts like this
_PARALLEL_FETCHES = 8


class PinValues:
    def __init__(self, blobs: Blobs, inline_bytes: int = INLINE_BYTES) -> None:
        self._blobs = blobs
        self._inline_bytes = inline_bytes

    def pack(self, pin_id: str, value: Json, unique: str, *, versions: bool) -> str:
        """The text for an item. `unique` names the blob, should there be one; `versions` asks for both copies."""
        content = msgspec.json.encode(value)
        if len(content) <= self._inline_bytes:
            return content.decode()
        sha256 = self._blobs.put(_newest(pin_id, unique), content)
        if versions:
            # Two prefixes, two lifetimes: the bucket lets the one expire and leaves the other to `drop`.
            self._blobs.put(_older(pin_id, unique), content)
        return f"{_REFERENCE}{unique}:{sha256}:{len(content)}"

    def unpack(self, pin_id: str, texts: Sequence[str], *, older: bool = False) -> list[Json]:
        """The values of packed texts, blobs fetched side by side; `older` reads the copies of older versions. Raises
        BlobNotFoundError."""
        if sum(map(is_reference, texts)) < 2:
            return [self._value(pin_id, text, older) for text in texts]
        # Spilled values are rare: most cold starts never need the threads' machinery.
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(_PARALLEL_FETCHES) as threads:
            return list(threads.map(lambda text: self._value(pin_id, text, older), texts))

    def drop(self, pin_id: str, text: str) -> None:
        """Deletes the newest version's copy; one that cannot be deleted now is left, and nobody refers to it."""
        if is_reference(text):
            _, unique, sha256, _ = text.split(":")
            with suppress(UnavailableError):
                self._blobs.delete(_newest(pin_id, unique), sha256)

    def _value(self, pin_id: str, text: str, older: bool) -> Json:
        content: str | bytes = text
        if is_reference(text):
            _, unique, sha256, _ = text.split(":")
            content = self._blobs.get(_older(pin_id, unique) if older else _newest(pin_id, unique), sha256)
        value: Json = msgspec.json.decode(content)
        return value


def is_reference(text: str) -> bool:
    return text.startswith(_REFERENCE)


def size_of(text: str) -> int:
    """How long the JSON text is that this one stands for."""
    return int(text.rpartition(":")[2]) if is_reference(text) else len(text.encode())


def _newest(pin_id: str, unique: str) -> str:
    return f"pins/{pin_id}/{unique}"


def _older(pin_id: str, unique: str) -> str:
    return f"pin-versions/{pin_id}/{unique}"

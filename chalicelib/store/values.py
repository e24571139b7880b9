"""Values as texts of an item: compact JSON, or above a size a reference to a blob.

DynamoDB's own maps and numbers would lose the difference between 1 and 1.0 and refuse long integers, so a
value is always stored as the JSON text that it was. Packed texts are the only part of an item without a
fixed bound, and an item has at most `VALUES_PER_ITEM` of them; so bounding each keeps every item under
DynamoDB's limit of 400 KB, also where an update cannot see what else the item holds. What a run gathers one by
one, answers and children, has a budget of its own, which the conditions of those updates keep.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeGuard, TypeVar

import msgspec

from chalicelib.domain.errors import TooLargeError
from chalicelib.domain.json import Json
from chalicelib.store.blobs import Blobs

T = TypeVar("T")
R = TypeVar("R")

MAX_ITEM_BYTES = 380 * 1024  # of 400 KB
VALUES_PER_ITEM = 7
MAX_ANSWERS_BYTES = 72 * 1024
MAX_CHILDREN = 1600
MAX_CHILD_ID_BYTES = 39
_OTHER_ATTRIBUTES_BYTES = 20 * 1024 + MAX_ANSWERS_BYTES + MAX_CHILDREN * (MAX_CHILD_ID_BYTES + 1)
MAX_INLINE_BYTES = (MAX_ITEM_BYTES - _OTHER_ATTRIBUTES_BYTES) // VALUES_PER_ITEM
INLINE_BYTES = 32 * 1024

_PARALLEL_CALLS = 8
_REFERENCE = "blob:"  # no JSON text starts like this


class Values:
    """`inline_bytes` is the size up to which a value stays in its item."""

    def __init__(self, blobs: Blobs, inline_bytes: int = INLINE_BYTES) -> None:
        if not 0 <= inline_bytes <= MAX_INLINE_BYTES:
            raise ValueError(f"values of an item may take 0 to {MAX_INLINE_BYTES} bytes, not {inline_bytes}")
        self._blobs = blobs
        self._inline_bytes = inline_bytes

    def pack(self, owner: str, value: object, inline_bytes: int = INLINE_BYTES, most_bytes: int | None = None) -> str:
        """The text for an item; `value` is JSON, tuples and read-only mappings included.

        `inline_bytes` lowers the limit for values of which an item has many, or that are written often. Raises
        TooLargeError above `most_bytes`.
        """
        content = msgspec.json.encode(value)
        if most_bytes is not None and len(content) > most_bytes:
            raise TooLargeError(f"The value is larger than {most_bytes} bytes.", size=len(content))
        if len(content) <= min(inline_bytes, self._inline_bytes):
            return content.decode()
        return f"{_REFERENCE}{self._blobs.put(owner, content)}:{len(content)}"

    def pack_all(self, owner: str, values: Sequence[object], inline_bytes: int, most_bytes: int) -> list[str | None]:
        """The texts for items of their own; None for None, and for what is larger than `most_bytes`. Blobs are stored
        side by side: of a thousand, one after the other would take as many round trips."""
        contents = [None if value is None else msgspec.json.encode(value) for value in values]
        kept = [None if content is None or len(content) > most_bytes else content for content in contents]
        inline = min(inline_bytes, self._inline_bytes)
        large = list(dict.fromkeys(content for content in kept if content is not None and len(content) > inline))
        hashes = dict(zip(large, self._put(owner, large), strict=True))
        return [
            None
            if content is None
            else f"{_REFERENCE}{hashes[content]}:{len(content)}"
            if content in hashes
            else content.decode()
            for content in kept
        ]

    def unpack(self, owner: str, texts: Sequence[str | None]) -> list[Json]:
        """The values of packed texts, None for None. Blobs are fetched side by side; raises BlobNotFoundError."""
        return [None if text is None else msgspec.json.decode(text) for text in self._resolve(owner, texts)]

    def _resolve(self, owner: str, texts: Sequence[str | None]) -> Sequence[str | bytes | None]:
        # Once each: values that are alike within a run have one blob.
        hashes = list({text.split(":")[1] for text in texts if is_reference(text)})
        if not hashes:
            return texts
        contents = dict(zip(hashes, self._fetch(owner, hashes), strict=True))
        return [contents[text.split(":")[1]] if is_reference(text) else text for text in texts]

    def _put(self, owner: str, contents: Sequence[bytes]) -> list[str]:
        return _side_by_side(lambda content: self._blobs.put(owner, content), contents)

    def _fetch(self, owner: str, hashes: Sequence[str]) -> list[bytes]:
        return _side_by_side(lambda sha256: self._blobs.get(owner, sha256), hashes)


def _side_by_side(call: Callable[[T], R], arguments: Sequence[T]) -> list[R]:
    if len(arguments) <= 1:
        return [call(each) for each in arguments]
    # Spilled values are rare: most cold starts never need the threads' machinery.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(len(arguments), _PARALLEL_CALLS)) as threads:
        return list(threads.map(call, arguments))


def size_of(text: str) -> int:
    """How many bytes the JSON of a packed value has."""
    return int(text.rsplit(":", 1)[1]) if is_reference(text) else len(text.encode())


def is_reference(text: str | None) -> TypeGuard[str]:
    return text is not None and text.startswith(_REFERENCE)

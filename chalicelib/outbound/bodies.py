"""Response bodies within a limit, as received and after decompression.

The invariant: memory never grows past the limit by more than one read, however small the compressed
form of a large body is.
"""

from __future__ import annotations

import zlib

from chalicelib.domain.errors import OutboundError, OutboundTooLargeError

_GZIP_START = b"\x1f\x8b"
# Members beyond this many are an attack on the processor: each costs a window for a few bytes.
_MAX_MEMBERS = 64
_WBITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}  # 31: 16, zlib's sign for the gzip format, and a window of 2 ** 15
_RAW_DEFLATE = -15


def can_decode(encoding: str) -> bool:
    return encoding in _WBITS


def too_large(limit: int) -> OutboundTooLargeError:
    return OutboundTooLargeError(f"The receiver's answer is larger than {limit} bytes.", limit=limit)


class Body:
    """Collects the parts of one body. `encoding` is one that `can_decode` knows, or empty."""

    def __init__(self, encoding: str, limit: int) -> None:
        self._encoding = encoding
        self._limit = limit
        self._parts: list[bytes] = []
        self._received = 0
        self._size = 0
        self._members = 0
        self._inflater = zlib.decompressobj(_WBITS[encoding]) if encoding else None

    def feed(self, data: bytes) -> None:
        """Raises OutboundTooLargeError, or OutboundError if the compressed form is broken."""
        first = self._received == 0
        self._received += len(data)
        if self._received > self._limit:
            raise too_large(self._limit)
        if self._inflater is None:
            self._parts.append(data)
            return
        try:
            self._inflate(data, first=first)
        except zlib.error as error:
            raise OutboundError("The receiver's answer is not correctly compressed.") from error

    def finish(self) -> bytes:
        """The whole body. Raises OutboundError if its compressed form breaks off."""
        if self._inflater is not None and self._received and not self._inflater.eof:
            raise OutboundError("The receiver's compressed answer breaks off.")
        return b"".join(self._parts)

    def _inflate(self, data: bytes, *, first: bool) -> None:
        self._switch_to_raw_deflate(data, first=first)
        while data:
            inflater = self._next_member(data)
            if inflater is None:
                return
            # One byte more than may be: it tells what is too large without inflating the rest, and is never 0, which
            # would mean no bound. Nothing is left unconsumed, because a part that fills it is refused.
            part = inflater.decompress(data, self._limit - self._size + 1)
            self._size += len(part)
            if self._size > self._limit:
                raise too_large(self._limit)
            self._parts.append(part)
            data = inflater.unused_data if inflater.eof else b""

    def _next_member(self, data: bytes) -> zlib._Decompress | None:
        """The running inflater, a new one where a further gzip member begins, None for padding."""
        if self._inflater is None or not self._inflater.eof:
            return self._inflater
        # One byte is enough of a beginning, because a read may end between the two.
        if self._encoding == "deflate" or not _GZIP_START.startswith(data[:2]):
            return None
        self._members += 1
        if self._members > _MAX_MEMBERS:
            raise OutboundError("The receiver's answer has too many compressed parts.")
        self._inflater = zlib.decompressobj(_WBITS[self._encoding])
        return self._inflater

    def _switch_to_raw_deflate(self, data: bytes, *, first: bool) -> None:
        # zlib's first byte has its method, 8, in the low half; a raw stream hardly ever begins like that.
        # "deflate" means the zlib format, but some servers send it without the zlib header.
        if first and self._encoding == "deflate" and data and data[0] & 0x0F != 8:
            self._inflater = zlib.decompressobj(_RAW_DEFLATE)

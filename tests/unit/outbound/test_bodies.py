"""Decompression within a limit, whatever the pieces in which a body arrives."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from chalicelib.domain.errors import OutboundError, OutboundTooLargeError
from chalicelib.outbound.bodies import Body

TEXT = b"one line of a longer text\n" * 200


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


def collected(encoding: str, data: bytes, *, piece: int, limit: int = 1_000_000) -> bytes:
    body = Body(encoding, limit)
    for start in range(0, len(data), piece):
        body.feed(data[start : start + piece])
    return body.finish()


@pytest.mark.parametrize("piece", [1, 7, 1000, 1_000_000])
@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("", TEXT),
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("x-gzip", gzip.compress(TEXT, mtime=0)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", raw_deflate(TEXT)),
        ("gzip", gzip.compress(TEXT[:500], mtime=0) + gzip.compress(TEXT[500:], mtime=0)),
        ("gzip", gzip.compress(TEXT, mtime=0) + bytes(20)),
    ],
)
def test_a_body_is_whole_in_whatever_pieces_it_arrives(encoding: str, data: bytes, piece: int) -> None:
    assert collected(encoding, data, piece=piece) == TEXT


def test_an_empty_body_needs_no_compressed_form() -> None:
    assert collected("gzip", b"", piece=1) == b""


def test_a_body_of_exactly_the_limit_passes() -> None:
    assert collected("gzip", gzip.compress(TEXT, mtime=0), piece=100, limit=len(TEXT)) == TEXT


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_cut_before_it_unfolds(encoding: str) -> None:
    large = bytes(50_000_000)
    bomb = gzip.compress(large, mtime=0) if encoding == "gzip" else zlib.compress(large)
    tracemalloc.start()
    try:
        with pytest.raises(OutboundTooLargeError):
            collected(encoding, bomb, piece=65_536, limit=1_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 5_000_000


def test_a_body_of_endless_tiny_members_is_refused() -> None:
    with pytest.raises(OutboundError, match="too many compressed parts"):
        collected("gzip", gzip.compress(b"", mtime=0) * 100, piece=65_536)


def test_a_compressed_body_that_breaks_off_is_an_error() -> None:
    with pytest.raises(OutboundError, match="breaks off"):
        collected("gzip", gzip.compress(TEXT, mtime=0)[:-4], piece=65_536)

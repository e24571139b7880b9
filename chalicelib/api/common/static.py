"""Files that come with the package and are served as they are: pages, scripts, styles.

What may be asked for is what was found in the directory, by its name: nothing that a caller sends becomes a path. A
file's address carries the version of all of them, so that a browser may keep it for good; under any other version the
same file is answered, to be asked for again.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path

from chalicelib.api.common.call import Call, Reply
from chalicelib.domain.errors import NotFoundError

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOR_GOOD = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_GZIP = 31  # zlib's word for its own window with a gzip header, which then names no time


class StaticFiles:
    """The files of a directory and those below it, except for `hidden` ones, which only the package itself reads."""

    def __init__(self, directory: Path, hidden: frozenset[str] = frozenset()) -> None:
        self._directory = directory
        self._hidden = hidden

    @cached_property
    def _files(self) -> Mapping[str, Path]:
        found = sorted(path for path in self._directory.rglob("*") if path.suffix in _TYPES)
        return {path.relative_to(self._directory).as_posix(): path for path in found}

    @cached_property
    def version(self) -> str:
        digest = hashlib.sha256()
        for name, path in self._files.items():
            digest.update(f"{name}\0".encode() + path.read_bytes())
        return digest.hexdigest()[:16]

    def text(self, name: str) -> str:
        return self._files[name].read_text(encoding="utf-8")

    def reply(self, call: Call, name: str, version: str) -> Reply:
        """Raises NotFoundError for what is no file of ours."""
        path = self._files.get(name)
        if path is None or name in self._hidden:
            raise NotFoundError
        kept = _FOR_GOOD if version == self.version else _ASK_AGAIN
        return revalidated(call, _read(path), {"Content-Type": _TYPES[path.suffix], "Cache-Control": kept})


def revalidated(call: Call, content: bytes, headers: Mapping[str, str]) -> Reply:
    """The content with its strong ETag, compressed for those who take that, or 304 for those who have it."""
    zipped = "gzip" in call.headers.get("accept-encoding", "")
    # A strong tag names bytes: the compressed form is another text, with a tag of its own.
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}{"-gzip" if zipped else ""}"'
    all_headers = {**headers, "ETag": etag, "Vary": "Accept-Encoding"}
    if names(call.headers.get("if-none-match", ""), etag):
        return Reply(304, headers=all_headers)
    if zipped:
        return Reply(200, raw=_zipped(content), headers={**all_headers, "Content-Encoding": "gzip"})
    return Reply(200, raw=content, headers=all_headers)


def names(header: str, etag: str) -> bool:
    # If-None-Match compares weakly (RFC 9110 13.1.2): proxies that recompress weaken a tag on its way.
    tags = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return etag in tags or "*" in tags


@cache
def _read(path: Path) -> bytes:
    return path.read_bytes()


@cache
def _zipped(content: bytes) -> bytes:
    packer = zlib.compressobj(9, wbits=_GZIP)
    return packer.compress(content) + packer.flush()

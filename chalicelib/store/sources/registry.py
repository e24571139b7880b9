"""A directory of components as the registry: ours, or whatever the configuration names.

A component's key is what its text says, or else its file's name. Files are read when they are asked for.
"""

from __future__ import annotations

import re
from collections import deque
from functools import cached_property
from pathlib import Path

from chalicelib.domain.components import ACTION, SOURCE, Listed, candidates, imports_of
from chalicelib.domain.errors import ComponentNotFoundError
from chalicelib.domain.javascript import Bundle

_ENDINGS = frozenset({".mjs", ".js", ".ts"})
_LEFT_OUT = frozenset({"node_modules", "common", "dist", "test", "tests"})
_MOST_FILES = 64


class DirectoryRegistry:
    """The `Registry` port on a directory and those in it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def listed(self) -> tuple[Listed, ...]:
        return tuple(listed for listed, _ in self._components.values())

    def bundle(self, key: str) -> Bundle:
        if key not in self._components:
            raise ComponentNotFoundError(key=key)
        entry = self._components[key][1]
        files = {entry: self._text(entry)}
        waiting = deque((entry, specifier) for specifier in imports_of(files[entry]))
        while waiting:
            importer, specifier = waiting.popleft()
            path = next((each for each in candidates(importer, specifier) if (self._root / each).is_file()), None)
            # Imports may be circular, and those of packages have no file here.
            if path is None or path in files or len(files) >= _MOST_FILES:
                continue
            files[path] = self._text(path)
            waiting.extend((path, each) for each in imports_of(files[path]))
        return Bundle(entry, files)

    @cached_property
    def _components(self) -> dict[str, tuple[Listed, str]]:
        found: dict[str, tuple[Listed, str]] = {}
        for file in sorted(self._root.rglob("*")):
            path = file.relative_to(self._root)
            is_app = ".app." in file.name
            if file.suffix not in _ENDINGS or is_app or _LEFT_OUT & set(path.parts[:-1]) or not file.is_file():
                continue
            listed = _listed(path, file.read_text(encoding="utf-8", errors="replace"))
            if listed is not None:
                found.setdefault(listed.key, (listed, path.as_posix()))
        return found

    def _text(self, path: str) -> str:
        return (self._root / path).read_text(encoding="utf-8", errors="replace")


def _listed(path: Path, code: str) -> Listed | None:
    """What the text says in so many words; None for a file that is no component."""
    name, version = _literal(code, "name"), _literal(code, "version")
    if name is None or version is None:
        return None
    key = _literal(code, "key") or path.name.split(".")[0]
    app = path.parts[0] if len(path.parts) > 1 else key.split("-")[0]
    type_ = ACTION if _literal(code, "type") == ACTION else SOURCE
    return Listed(key, name, _literal(code, "description") or "", app, type_)


def _literal(code: str, member: str) -> str | None:
    """The first text that a member of this name is set to."""
    # Up to the quote that it began with; a backslash takes whatever follows it along, quotes included.
    found = re.search(rf"""^\s*{member}:\s*(["'`])((?:(?!\1)[^\\\n]|\\.)*)\1""", code, re.MULTILINE)
    return None if found is None else re.sub(r"\\(.)", r"\1", found[2])

"""`penstock.lock.json`: which definition of which workspace a file became, and what it looked like when it was applied.

It is written whole after each change that was made, and before each creation, so that whoever comes after a crash finds
what was created and does not create it again. It holds no secrets and belongs under version control.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from chalicelib.cli.exits import CommandError
from chalicelib.cli.profiles import write_atomically
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.json import Json, decode

VERSION = 1


@dataclass(slots=True)
class Item:
    """`id` is empty while a creation was begun and not seen to end. `remote` and `source` are digests: of what the API
    showed after the last change, and of what the file said. `schedules` and `subscriptions` are those that were made
    because the file had them. `secrets` is a fingerprint of those that the API was given and does not show."""

    kind: str
    id: str = ""
    scope: str = ""
    remote: str = ""
    source: str = ""
    updated_at: str = ""
    schedules: list[str] = field(default_factory=list)
    subscriptions: list[dict[str, str]] = field(default_factory=list)
    secrets: str = ""


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Only one at a time may change what a directory stands for, where the system knows how to tell. Raises
    CommandError."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    # Not the lock's own file: each save puts another in its place, and the next process would hold that one.
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise CommandError(f"somebody else applies {directory} at the moment") from error
    finally:
        os.close(descriptor)


class Lock:
    """The items of one workspace, by their keys. Those of other workspaces stay in the file as they are."""

    def __init__(self, path: Path, target: str) -> None:
        self._path = path
        self._target = target
        self._targets = _read(path)
        self.items = {key: Item(**members) for key, members in self._targets.get(target, {}).items()}

    def save(self) -> None:
        items = {key: asdict(item) for key, item in sorted(self.items.items())}
        targets = {**self._targets, self._target: items}
        document = {"version": VERSION, "targets": dict(sorted(targets.items()))}
        text = msgspec.json.format(msgspec.json.encode(document), indent=2)
        write_atomically(self._path, text + b"\n")

    def key_of(self, id_: str) -> str | None:
        return next((key for key, item in self.items.items() if item.id == id_), None)


def digest(value: Json | Mapping[str, Json]) -> str:
    """The same for values that differ in the order of their members alone."""
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()


def _read(path: Path) -> dict[str, Any]:
    try:
        document: Any = decode(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, InvalidError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from error
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise CommandError(f"{path} is not of this release (version {VERSION})")
    targets = document.get("targets")
    if not isinstance(targets, dict) or not all(_is_target(each) for each in targets.values()):
        raise CommandError(f"{path} is damaged; restore it from version control")
    return targets


def _is_target(items: Any) -> bool:
    try:
        return isinstance(items, dict) and all(isinstance(Item(**members).id, str) for members in items.values())
    except TypeError:
        return False

"""Files of definitions: finding, reading and writing them. Reading tells where everything stands in the text."""

from __future__ import annotations

import os
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from chalicelib.cli.definitions import yaml_text
from chalicelib.cli.definitions.places import Locate, Place, Problem, in_json, place_of
from chalicelib.cli.definitions.places import Path as MemberPath
from chalicelib.cli.exits import CommandError
from chalicelib.cli.profiles import write_atomically
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.json import Json, decode, encode

LOCK_NAME = "penstock.lock.json"
JSON_SUFFIX = ".json"
YAML_SUFFIXES = (".yaml", ".yml")
SUFFIXES = (JSON_SUFFIX, *YAML_SUFFIXES)


@dataclass(frozen=True, slots=True)
class File:
    """A file that holds one object. `key` is what it is known by among the others unless it says otherwise."""

    path: Path
    key: str
    document: dict[str, Json]
    locate: Locate

    def problem(self, message: str, path: MemberPath = ()) -> Problem:
        return Problem(str(self.path), message, path, self.locate(path))


def found_in(directory: Path) -> list[Path]:
    """Every file of definitions below a directory, in the order of their names. Raises CommandError."""
    if not directory.is_dir():
        raise CommandError(f"{directory} is no directory")
    return sorted(_walk(directory))


def _walk(directory: Path) -> Iterator[Path]:
    for root, directories, names in os.walk(directory):
        directories[:] = [name for name in directories if not name.startswith(".") and name != "node_modules"]
        for name in names:
            if name.endswith(SUFFIXES) and name != LOCK_NAME and not name.startswith("."):
                yield Path(root) / name


def key_of(path: Path, directory: Path) -> str:
    return path.relative_to(directory).with_suffix("").as_posix()


def read_all(paths: Iterable[tuple[Path, str]]) -> tuple[list[File], list[Problem]]:
    """Files with the keys that they have by their names, and what is wrong with those that cannot be read."""
    files: list[File] = []
    problems: list[Problem] = []
    for path, key in paths:
        read_ = read(path, key)
        if isinstance(read_, File):
            files.append(read_)
        else:
            problems.append(read_)
    return files, problems


def read(path: Path, key: str) -> File | Problem:
    try:
        # Editors of Windows begin files with a mark that JSON does not know.
        raw = path.read_bytes().removeprefix(BOM_UTF8)
    except OSError as error:
        return Problem(str(path), f"cannot be read: {error.strerror}")
    text = ""
    try:
        if path.suffix in YAML_SUFFIXES:
            text = raw.decode()
            document, locate = yaml_text.read(text)
        else:
            document = decode(raw)
            text = raw.decode()
            locate = in_json(text)
    except UnicodeDecodeError:
        return Problem(str(path), "the text is not UTF-8")
    except InvalidError as error:
        return Problem(str(path), str(error), at=_place(error, raw))
    if not isinstance(document, dict):
        return Problem(str(path), "the file has to hold an object", at=Place(1, 1))
    return File(path, key, document, locate)


def _place(error: InvalidError, raw: bytes) -> Place | None:
    line, column, position = (error.facts.get(name) for name in ("line", "column", "position"))
    if isinstance(line, int) and isinstance(column, int):
        return Place(line, column)
    return place_of(raw.decode("utf-8", "replace"), position) if isinstance(position, int) else None


def write(path: Path, document: Json) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text_of(document, path.suffix).encode())


def text_of(document: Json, suffix: str) -> str:
    if suffix in YAML_SUFFIXES:
        return yaml_text.write(document)
    return msgspec.json.format(encode(document), indent=2).decode() + "\n"

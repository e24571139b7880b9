"""YAML as a way to write JSON: what JSON cannot say is refused, and `yes`, `on` and dates stay texts, as in YAML 1.2.

PyYAML is not among the product's requirements; without it files are JSON.
"""

from __future__ import annotations

import re
from typing import Any

from chalicelib.cli.definitions.places import Locate, Path, Place
from chalicelib.cli.exits import CommandError
from chalicelib.domain.errors import MalformedJsonError
from chalicelib.domain.json import MAX_DEPTH, Json

MAX_VALUES = 500_000
_PREFIX = "tag:yaml.org,2002:"
_NEXT_LINE = "\x85"
_TAGS = frozenset({"map", "seq", "str", "bool", "int", "float", "null", "timestamp", "value", "!"})
"""What PyYAML takes plain texts for, among others; what they are is decided here."""
_BOOLEANS = frozenset({"true", "True", "TRUE", "false", "False", "FALSE"})
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


def read(text: str) -> tuple[Json, Locate]:
    """The value and where its parts are. Raises MalformedJsonError with `line` and `column` where it can."""
    yaml = _yaml()
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise MalformedJsonError(
            f"the YAML text is malformed: {error.problem}",
            line=mark.line + 1 if mark else 1,
            column=mark.column + 1 if mark else 1,
        ) from error
    except yaml.YAMLError as error:
        raise MalformedJsonError(f"the YAML text is malformed: {error}") from error
    except RecursionError as error:
        # PyYAML goes into each level by calls of its own, and knows no limit but the interpreter's.
        raise MalformedJsonError(f"nested more than {MAX_DEPTH} levels deep") from error
    if root is None:
        raise MalformedJsonError("the file is empty", line=1, column=1)

    def locate(path: Path) -> Place:
        return _place(_inner(root, path))

    return _value(root, 0, [MAX_VALUES]), locate


def write(value: Json) -> str:
    yaml = _yaml()

    class Dumper(yaml.SafeDumper):  # type: ignore[misc, name-defined]
        pass

    def represent(dumper: Any, text: str) -> Any:
        # Between single quotes PyYAML writes a next-line character as it is and reads it as a blank.
        return dumper.represent_scalar(f"{_PREFIX}str", text, style='"' if _NEXT_LINE in text else None)

    Dumper.add_representer(str, represent)
    text: str = yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110)
    return text


def _yaml() -> Any:
    try:
        import yaml  # type: ignore[import-untyped]
    except ImportError as error:
        raise CommandError("YAML files need PyYAML: pip install pyyaml, or write JSON") from error
    return yaml


def _value(node: Any, depth: int, left: list[int]) -> Json:
    """`left` counts down: what a few aliases stand for may be more than anybody has memory for."""
    left[0] -= 1
    if left[0] < 0:
        raise _refused(node, f"more than {MAX_VALUES} values")
    if depth > MAX_DEPTH:
        raise _refused(node, f"nested more than {MAX_DEPTH} levels deep")
    if node.tag.removeprefix(_PREFIX) not in _TAGS:
        raise _refused(node, f"the tag {node.tag} is unknown")
    if node.id == "mapping":
        return _members(node, depth, left)
    if node.id == "sequence":
        return [_value(item, depth + 1, left) for item in node.value]
    return _scalar(node)


def _members(node: Any, depth: int, left: list[int]) -> dict[str, Json]:
    members: dict[str, Json] = {}
    for name, value in node.value:
        if name.tag == f"{_PREFIX}merge":
            raise _refused(name, "merging (<<) is not of YAML 1.2; write the members out")
        if name.id != "scalar":
            raise _refused(name, "a member's name has to be a text")
        if name.value in members:
            raise _refused(name, f"the member '{name.value[:100]}' is there twice")
        members[name.value] = _value(value, depth + 1, left)
    return members


def _scalar(node: Any) -> Json:
    text = str(node.value)
    if node.style is not None or node.tag == f"{_PREFIX}str":
        return text
    if text in _BOOLEANS:
        return text.lower() == "true"
    if text in _NULLS:
        return None
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


def _refused(node: Any, message: str) -> MalformedJsonError:
    place = _place(node)
    return MalformedJsonError(message, line=place.line, column=place.column)


def _inner(node: Any, path: Path) -> Any:
    for part in path:
        found = None
        if node.id == "mapping":
            found = next((value for name, value in node.value if name.value == part), None)
        elif node.id == "sequence" and isinstance(part, int) and part < len(node.value):
            found = node.value[part]
        if found is None:
            return node
        node = found
    return node


def _place(node: Any) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)

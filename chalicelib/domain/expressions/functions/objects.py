"""Functions on objects, and the dotted paths that several functions take."""

from __future__ import annotations

import re

from ...json import Json
from ..runtime import Refused, Render, member
from .registry import ANY, LIST, OBJECT, TEXT, function

_MAX_PATH_LENGTH = 1000
_INDEX = re.compile(r"-?[0-9]{1,18}")


def path_keys(path: str) -> list[str]:
    """The keys of a path such as `a.b[0].c`."""
    if len(path) > _MAX_PATH_LENGTH:
        raise Refused(f"a path has at most {_MAX_PATH_LENGTH} characters")
    # A path that began with a bracket begins with a dot now.
    return path.replace("[", ".").replace("]", "").removeprefix(".").split(".")


def read_path(value: Json, keys: list[str]) -> Json:
    """What stands at the path; null when anything on the way is missing."""
    for key in keys:
        if value is None:
            return None
        is_index = isinstance(value, list) and _INDEX.fullmatch(key)
        value = member(value, int(key) if is_index else key)
    return value


@function("get", ANY, TEXT, optional=[ANY], with_render=True)
def get(render: Render, value: Json, path: str, otherwise: Json = None) -> Json:
    keys = path_keys(path)
    render.spend(len(keys))
    found = read_path(value, keys)
    return otherwise if found is None else found


@function("has", ANY, TEXT)
def has(value: Json, key: str) -> bool:
    return isinstance(value, dict) and key in value


@function("keys", OBJECT)
def keys_of(value: dict[str, Json]) -> list[str]:
    return list(value)


@function("values", OBJECT)
def values_of(value: dict[str, Json]) -> list[Json]:
    return list(value.values())


@function("entries", OBJECT)
def entries(value: dict[str, Json]) -> list[dict[str, Json]]:
    return [{"key": key, "value": item} for key, item in value.items()]


@function("fromEntries", LIST)
def from_entries(items: list[Json]) -> dict[str, Json]:
    built = {}
    for item in items:
        key = item.get("key") if isinstance(item, dict) else None
        if not isinstance(item, dict) or not isinstance(key, str):
            raise Refused('fromEntries takes objects such as {"key": "a", "value": 1}')
        built[key] = item.get("value")
    return built


@function("merge", OBJECT, rest=OBJECT)
def merge(*parts: dict[str, Json]) -> dict[str, Json]:
    return {key: item for part in parts for key, item in part.items()}


@function("pick", OBJECT, LIST)
def pick(value: dict[str, Json], names: list[Json]) -> dict[str, Json]:
    return {name: value[name] for name in names if isinstance(name, str) and name in value}


@function("omit", OBJECT, LIST)
def omit(value: dict[str, Json], names: list[Json]) -> dict[str, Json]:
    left_out = {name for name in names if isinstance(name, str)}
    return {name: item for name, item in value.items() if name not in left_out}

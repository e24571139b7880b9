"""Keeping secrets out of what is shown and kept: history, logs, errors."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Collection, Mapping, Sequence
from urllib.parse import urlsplit, urlunsplit

import msgspec

from chalicelib.domain.json import Json

MASK = "***"

_USER = re.compile(r"^(\s*[A-Za-z][A-Za-z0-9+.\-]*://)[^/?#\s]*@")

_SECRET_NAMES = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "password",
        "passwd",
        "passphrase",
        "pwd",
        "secret",
        "token",
        "credential",
        "credentials",
        "signature",
        "sig",
        "private-key",
    }
)
_SECRET_ENDINGS = (
    "-token",
    "-secret",
    "-password",
    "-passwd",
    "-pwd",
    "-passphrase",
    "-key",
    "apikey",
    "-signature",
    "-credential",
    "-credentials",
)
_HARMLESS = frozenset({"idempotency-key", "primary-key", "partition-key", "sort-key", "public-key", "foreign-key"})


def is_secret_name(name: str) -> bool:
    """Whether a header, parameter or member of this name usually holds a secret."""
    plain = _dashed(name)
    bare = plain.lstrip("-")
    if bare in _HARMLESS:
        return False
    # The endings are judged with what stands before: `_key` is a key of somebody's, `key` may be any word's.
    return bare in _SECRET_NAMES or plain.endswith(_SECRET_ENDINGS)


def _dashed(name: str) -> str:
    """`clientSecret`, `client_secret` and `Client-Secret` alike as `client-secret`."""
    parts = []
    for before, letter in zip(" " + name, name, strict=False):
        if letter.isupper() and before.islower():
            parts.append("-")
        parts.append("-" if letter in "_. " else letter.lower())
    return "".join(parts)


def mask_headers(headers: Mapping[str, str], secret: Collection[str] = ()) -> dict[str, Json]:
    """`secret` are further names, in lower case."""
    return {name: MASK if is_secret_name(name) or name.lower() in secret else value for name, value in headers.items()}


def mask_json(value: Json) -> Json:
    """`value` with every member of a secret's name masked, however deep, and what URLs say before their host."""
    if isinstance(value, Mapping):
        return {
            # That a secret is empty is no secret, and worth seeing.
            name: MASK if is_secret_name(name) and inner not in (None, "") else mask_json(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [mask_json(inner) for inner in value]
    return _mask_user(value) if isinstance(value, str) else value


def unmask_json(value: Json, stored: Json) -> Json:
    """`value` as it came back from whoever was shown `mask_json(stored)`: with what is stored in place of each mask.

    Items of a list are known again by what they look like masked. One that was changed where it stands, in a list as
    long as before, keeps its secrets too; a mask of any other stays a mask, rather than to become another's secret.
    """
    if value == mask_json(stored):
        return stored
    if isinstance(value, Mapping):
        known = stored if isinstance(stored, Mapping) else {}
        return {
            name: known.get(name, inner)
            if inner == MASK and is_secret_name(name)
            else unmask_json(inner, known.get(name))
            for name, inner in value.items()
        }
    if isinstance(value, list):
        before = _counterparts(value, stored if isinstance(stored, list) else [])
        return [unmask_json(inner, known) for inner, known in zip(value, before, strict=True)]
    return value


def _counterparts(items: Sequence[Json], stored: Sequence[Json]) -> list[Json]:
    """What is stored for each of the items, None where nothing is."""
    looks, stored_looks = [_look(item) for item in items], [_look(item) for item in stored]
    found = {at: at for at, (one, other) in enumerate(zip(looks, stored_looks, strict=False)) if one == other}
    free: dict[bytes, deque[int]] = defaultdict(deque)
    for at, look in enumerate(stored_looks):
        if at not in found:
            free[look].append(at)
    for at, look in enumerate(looks):
        if at not in found and free[look]:
            found[at] = free[look].popleft()
    if len(items) == len(stored):
        taken = set(found.values())
        found.update({at: at for at in range(len(items)) if at not in found and at not in taken})
    return [stored[found[at]] if at in found else None for at in range(len(items))]


def _look(item: Json) -> bytes:
    return msgspec.json.encode(mask_json(item), order="sorted")


def mask_url(url: str, secret: Collection[str] = ()) -> str:
    """`url` with the values of query parameters of secret names masked, and the user before its host; the rest stays
    as it was written. `secret` are further names, as they stand there."""
    url = _mask_user(url)
    if "?" not in url:
        return url
    parts = urlsplit(url)
    shown = "&".join(_mask_pair(pair, secret) for pair in parts.query.split("&"))
    return urlunsplit(parts._replace(query=shown))


def _mask_user(text: str) -> str:
    return _USER.sub(rf"\1{MASK}@", text, count=1) if "@" in text else text


def _mask_pair(pair: str, secret: Collection[str]) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}={MASK}" if equals and (is_secret_name(name) or name in secret) else pair

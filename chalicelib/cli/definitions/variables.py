"""Values that a file takes from the environment: `${ENV:NAME}` as a text or inside of one.

What they are goes to the API and nowhere else. So that a secret that changed is noticed although the API masks it, the
lock keeps a salted digest of a slow kind: it tells whoever reads it less than trying the secret out would.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets as random
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from chalicelib.cli.definitions.places import Path
from chalicelib.domain.json import Json

_VARIABLE = re.compile(r"\$\{ENV:([A-Za-z_][A-Za-z0-9_]*)\}")
_SALT_BYTES = 16
_COST, _BLOCK, _LANES = 2**14, 8, 1


def places(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """The texts that take variables, and where they stand."""
    if isinstance(value, dict | list):
        for part, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, part))
    elif isinstance(value, str) and _VARIABLE.search(value):
        yield path, value


def names(value: Json) -> Iterator[str]:
    """The variables that a value takes, in its order."""
    for _, text in places(value):
        yield from _VARIABLE.findall(text)


def missing(value: Json, environ: Mapping[str, str]) -> list[str]:
    """Those that are not set, or empty: an empty secret is none."""
    return [name for name in dict.fromkeys(names(value)) if not environ.get(name)]


def filled(value: Any, environ: Mapping[str, str]) -> Any:
    """The value with what the variables are; those that are not set stay as they are written."""
    if isinstance(value, dict):
        return {name: filled(inner, environ) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, environ) for inner in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: environ.get(found[1]) or found[0], value)
    return value


def fingerprint(secrets: Mapping[str, Json], salt: bytes | None = None) -> str:
    """What the lock keeps of secrets; of the same ones something else each time, unless the salt is given."""
    salt = random.token_bytes(_SALT_BYTES) if salt is None else salt
    text = msgspec.json.encode(secrets, order="sorted")
    made = hashlib.scrypt(text, salt=salt, n=_COST, r=_BLOCK, p=_LANES, dklen=32)
    return f"{salt.hex()}:{made.hex()}"


def is_of(kept: str, secrets: Mapping[str, Json]) -> bool:
    """Whether a fingerprint is that of the secrets."""
    salt, _, _ = kept.partition(":")
    try:
        return bool(salt) and hmac.compare_digest(kept, fingerprint(secrets, bytes.fromhex(salt)))
    except ValueError:
        return False

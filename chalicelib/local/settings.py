"""The local stack's settings, read from the environment and judged before anything starts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_PORT = 8000
DEFAULT_STATE_DIR = ".local-state"
DEFAULT_KEYS = {"dev": "penstock-dev-key"}
BACKENDS = ("moto", "ministack")

_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_KEY = re.compile(r"[A-Za-z0-9._~+/=-]{8,256}")


class SettingsError(ValueError):
    """A setting that cannot be used; the message names the variable and what is expected of it."""


@dataclass(frozen=True)
class LocalSettings:
    """`port` 0 takes any free one. An `endpoint_url` takes the place of either backend."""

    port: int = DEFAULT_PORT
    backend: str = "moto"
    endpoint_url: str | None = None
    region: str = "us-east-1"
    api_keys: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULT_KEYS))
    tick_seconds: float = 5.0
    state_dir: Path = Path(DEFAULT_STATE_DIR)


def settings_from(environ: Mapping[str, str]) -> LocalSettings:
    """Raises SettingsError. An empty variable counts as absent."""
    given = {name: value for name, value in environ.items() if value}
    backend = given.get("BACKEND", "moto")
    if backend not in BACKENDS:
        raise SettingsError(f"BACKEND must be one of {', '.join(BACKENDS)}, not {backend!r}")
    endpoint_url = given.get("AWS_ENDPOINT_URL")
    if endpoint_url is not None and not endpoint_url.startswith(("http://", "https://")):
        raise SettingsError(f"AWS_ENDPOINT_URL must be an http(s) address, not {endpoint_url!r}")
    keys = given.get("PENSTOCK_DEV_KEYS")
    return LocalSettings(
        port=_port(given.get("PORT", str(DEFAULT_PORT))),
        backend=backend,
        endpoint_url=endpoint_url,
        region=given.get("AWS_DEFAULT_REGION", "us-east-1"),
        api_keys=dict(DEFAULT_KEYS) if keys is None else parse_dev_keys(keys),
        tick_seconds=_seconds(given.get("TICK_SECONDS", "5")),
        state_dir=Path(given.get("LOCAL_STATE_DIR", DEFAULT_STATE_DIR)),
    )


def parse_dev_keys(text: str) -> dict[str, str]:
    """`user:key,user2:key2`; users and keys must each be distinct. Raises SettingsError."""
    keys: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        user, colon, key = pair.partition(":")
        if not colon or not _USER.fullmatch(user) or not _KEY.fullmatch(key):
            raise SettingsError(
                "PENSTOCK_DEV_KEYS must look like user:key,user2:key2 with keys of 8 to 256 characters"
                f" (letters, digits, ._~+/=-); this part does not: {user}:…"
            )
        if user in keys:
            raise SettingsError(f"PENSTOCK_DEV_KEYS names the user {user} twice")
        if key in keys.values():
            raise SettingsError(f"PENSTOCK_DEV_KEYS gives {user} a key that another user has")
        keys[user] = key
    if not keys:
        raise SettingsError("PENSTOCK_DEV_KEYS names no user")
    return keys


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise SettingsError(f"PORT must be a number from 0 to 65535, not {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.05 <= seconds <= 3600:
        raise SettingsError(f"TICK_SECONDS must be from 0.05 to 3600, not {text!r}")
    return seconds

"""Profiles: where an installation is and the key for it, by name, in a file that its owner alone can read.

A stored key goes to the address that it was stored with and nowhere else, whatever a flag or the environment says.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chalicelib.cli.exits import CommandError, UsageError
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.json import Json, decode, encode

DEFAULT = "default"
_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class Target:
    """An installation and the key to it. `profile` is None where the environment names both."""

    url: str
    key: str
    profile: str | None = None


def config_path(environ: Mapping[str, str]) -> Path:
    if sys.platform == "win32":
        base = environ.get("APPDATA") or "~/AppData/Roaming"
    else:
        base = environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "penstock" / "config.json"


def checked_url(text: str) -> str:
    """A base URL without its last slash. Raises UsageError."""
    try:
        url = urlsplit(text.strip())
        fits = url.scheme in {"http", "https"} and url.hostname and (url.port or 1) and not url.query
        # Raises for names that no resolver takes; other letters are sent as IDNA, but a path has no such form.
        (url.hostname or "").encode("idna")
    except ValueError:
        fits = False
    if not fits or url.username or not url.path.isascii() or any(character.isspace() for character in text.strip()):
        raise UsageError(f"'{text}' is not an address such as https://api.example.org/v")
    return text.strip().rstrip("/")


def is_in_clear(url: str) -> bool:
    """Whether a key would travel unencrypted over a network."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_here = host in {"localhost", "::1"} or host.endswith(".localhost") or host.startswith("127.")
    return parts.scheme == "http" and not is_here


class Profiles:
    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        return sorted(self._read())

    def get(self, name: str) -> Target | None:
        stored = self._read().get(name)
        return None if stored is None else Target(stored["url"], stored["key"], name)

    def put(self, name: str, url: str, key: str) -> None:
        self._write({**self._read(), name: {"url": url, "key": key}})

    def remove(self, name: str) -> bool:
        profiles = self._read()
        if profiles.pop(name, None) is None:
            return False
        self._write(profiles)
        return True

    def is_readable_by_others(self) -> bool:
        try:
            return os.name == "posix" and bool(self.path.stat().st_mode & _OTHERS)
        except OSError:
            return False

    def _read(self) -> dict[str, Any]:
        try:
            document: Any = decode(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, InvalidError) as error:
            raise CommandError(f"{self.path} cannot be read: {error}") from error
        profiles = document.get("profiles") if isinstance(document, dict) else None
        if not isinstance(profiles, dict) or not all(_is_profile(each) for each in profiles.values()):
            raise CommandError(f"{self.path} is not a file of this program")
        return profiles

    def _write(self, profiles: Mapping[str, Json]) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(self.path, encode({"profiles": dict(profiles)}) + b"\n", mode=0o600)


def write_atomically(path: Path, content: bytes, mode: int | None = None) -> None:
    """The whole file or the one that was there, whatever happens in between. Without `mode`, that of the file that is
    there stays, and a new one is what the user's mask makes it."""
    import tempfile

    mode = _mode_of(path) if mode is None else mode
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            # Or a power cut may leave the name with nothing in it: it is renamed before its content is on the disk.
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _mode_of(path: Path) -> int:
    try:
        return path.stat().st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _is_profile(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("url"), str) and isinstance(value.get("key"), str)


def choose(
    profiles: Profiles, environ: Mapping[str, str], url: str | None = None, profile: str | None = None
) -> Target:
    """Whom to call: flags come before the environment, and that before the profile. Raises CommandError, UsageError."""
    name = profile or environ.get("PENSTOCK_PROFILE") or DEFAULT
    asked_url = url or environ.get("PENSTOCK_URL")
    key = environ.get("PENSTOCK_KEY")
    stored = profiles.get(name)
    if stored is None and (profile or environ.get("PENSTOCK_PROFILE")) and not (asked_url and key):
        known = f"there are {', '.join(profiles.names()) or 'none'}"
        raise CommandError(f"there is no profile '{name}' ({known}); make it: penstock login --profile {name}")
    if asked_url is None and stored is None:
        raise CommandError("not logged in; use: penstock login, or set PENSTOCK_URL and PENSTOCK_KEY")
    target_url = checked_url(asked_url) if asked_url else stored.url if stored else ""
    if key:
        return Target(target_url, key.strip(), None if asked_url else name)
    if stored is None or stored.url != target_url:
        raise CommandError(f"there is no key for {target_url}: a profile's key goes to its own address alone")
    return stored

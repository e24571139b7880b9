"""Secrets in documents of connections and exports: where they are, and how they come out and back in.

A secret is replaced by `MASK` wherever the document is stored, shown or compared. A mask that comes back from a client
stands for the secret that was there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chalicelib.domain.flows.flows import MASK
from chalicelib.domain.json import Json
from chalicelib.domain.masking import is_secret_name

SECRET_MEMBERS = frozenset(
    {
        "password",
        "token",
        "refreshToken",
        "accessToken",
        "clientSecret",
        "consumerSecret",
        "tokenSecret",
        "secret",
        "privateKey",
        "passphrase",
        "secretKey",
        "key",
        "bearerToken",
    }
)
"""Members whose texts are secrets wherever they stand below `auth`, `basicAuth`, `webhook` or at the top of `rest`."""
WHOLE_MEMBERS = frozenset({"encrypted"})
"""Members all of whose texts are secrets."""
_HOMES = frozenset({"auth", "basicAuth", "webhook", "rest", "cookieAuth"})
# Paths and templates there may be called `token` or `key`, and hold neither.
_NOT_BELOW = frozenset({"ping", "paging", "response", "headers"})


def taken(document: Mapping[str, Json]) -> tuple[dict[str, Json], dict[str, Json]]:
    """The document with its secrets masked, and the secrets by their paths. A mask is no secret: its path is in neither
    the one nor the other's texts, see `masks`."""
    secrets: dict[str, Json] = {}
    masked = _masked(dict(document), "", False, False, secrets)
    assert isinstance(masked, dict)
    return masked, secrets


def published(value: Json) -> Json:
    """A document, secrets masked, for readers who need no key: nor do they see what headers of secret names hold, but
    where a template takes it from."""
    match value:
        case dict():
            held = value.get("value")
            is_secret = is_secret_name(str(value.get("name", ""))) and isinstance(held, str) and "{{" not in held
            return {
                name: MASK if is_secret and name == "value" and each else published(each)
                for name, each in value.items()
            }
        case list():
            return [published(each) for each in value]
        case _:
            return value


def masks(document: Json, path: str = "") -> Iterator[str]:
    """The paths at which a mask stands in the place of a secret."""
    match document:
        case dict():
            for name, value in document.items():
                yield from masks(value, f"{path}/{_escaped(name)}")
        case list():
            for index, value in enumerate(document):
                yield from masks(value, f"{path}/{index}")
        case str() if document == MASK:
            yield path


def kept(masked: Mapping[str, Json], given: Mapping[str, Json], before: Mapping[str, Json]) -> dict[str, Json]:
    """The secrets of a changed document: those it was `given`, and those of `before` that it names by their mask."""
    named = set(masks(dict(masked)))
    return {path: value for path, value in {**before, **given}.items() if path in named}


def restored(document: Mapping[str, Json], secrets: Mapping[str, Json]) -> dict[str, Json]:
    """The document with its secrets back in their places; a mask that stands for none becomes an empty text."""
    put_back = _restored(dict(document), "", secrets)
    assert isinstance(put_back, dict)
    return put_back


def _masked(value: Json, path: str, at_home: bool, whole: bool, secrets: dict[str, Json]) -> Json:
    match value:
        case dict():
            return {
                name: _member(name, each, f"{path}/{_escaped(name)}", at_home, whole, secrets)
                for name, each in value.items()
            }
        case list():
            return [_masked(each, f"{path}/{n}", at_home, whole, secrets) for n, each in enumerate(value)]
        # A mask in the place of nothing would stand for no secret when it comes back.
        case None | "":
            return value
        case _ if whole:
            return _take(value, path, secrets)
        case _:
            return value


def _member(name: str, value: Json, path: str, at_home: bool, whole: bool, secrets: dict[str, Json]) -> Json:
    if name in _NOT_BELOW and not whole:
        return value
    is_plain = isinstance(value, (str, int, float)) and not isinstance(value, bool)
    if is_plain and value != "" and (whole or (at_home and name in SECRET_MEMBERS)):
        return _take(value, path, secrets)
    return _masked(value, path, at_home or name in _HOMES, whole or name in WHOLE_MEMBERS, secrets)


def _take(value: Json, path: str, secrets: dict[str, Json]) -> Json:
    if value != MASK:
        secrets[path] = value
    return MASK


def _restored(value: Json, path: str, secrets: Mapping[str, Json]) -> Json:
    match value:
        case dict():
            return {name: _restored(each, f"{path}/{_escaped(name)}", secrets) for name, each in value.items()}
        case list():
            return [_restored(each, f"{path}/{index}", secrets) for index, each in enumerate(value)]
        case str() if value == MASK:
            return secrets.get(path, "")
        case _:
            return value


def _escaped(name: str) -> str:
    # Tildes first, or those of the slashes would be escaped once more (RFC 6901).
    return name.replace("~", "~0").replace("/", "~1")

"""Secrets come out of documents and back in, and a mask keeps what was there."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.flows.flows import MASK
from chalicelib.domain.flows.secrets import kept, restored, taken

DOCUMENTS: list[tuple[dict[str, Any], list[Any]]] = [
    ({"http": {"auth": {"type": "basic", "basic": {"username": "u", "password": "p"}}}}, ["p"]),
    (
        {"http": {"auth": {"type": "token", "token": {"token": "t", "scheme": "Bearer", "refreshToken": "r"}}}},
        ["t", "r"],
    ),
    (
        {"http": {"auth": {"type": "oauth", "oauth": {"clientId": "c", "clientSecret": "s", "accessToken": "a"}}}},
        ["s", "a"],
    ),
    (
        {"http": {"encrypted": {"apiKey": "k", "deep": {"n": 5, "list": ["x"]}}, "unencrypted": {"y": "z"}}},
        ["k", 5, "x"],
    ),
    ({"rest": {"bearerToken": "b", "basicAuth": {"username": "u", "password": "p"}}}, ["b", "p"]),
    ({"webhook": {"verify": "hmac", "key": "k", "algorithm": "sha256", "token": "t"}}, ["k", "t"]),
    ({"http": {"ping": {"relativeURI": "/token"}, "paging": {"token": "first"}}, "name": "password"}, []),
]


@pytest.mark.parametrize(("document", "secrets"), DOCUMENTS)
def test_secrets_leave_a_document_and_come_back(document: dict[str, Any], secrets: list[Any]) -> None:
    masked, found = taken(document)

    assert sorted(map(str, found.values())) == sorted(map(str, secrets))
    assert not any(f"'{secret}'" in str(masked) for secret in secrets)
    assert restored(masked, found) == document


def test_a_mask_that_comes_back_stands_for_the_secret_that_was_there() -> None:
    _, before = taken({"http": {"auth": {"token": {"token": "old"}}, "encrypted": {"a": "one", "b": "two"}}})

    masked, given = taken({"http": {"auth": {"token": {"token": MASK}}, "encrypted": {"a": "new", "b": MASK}}})
    secrets = kept(masked, given, before)

    assert restored(masked, secrets)["http"] == {
        "auth": {"token": {"token": "old"}},
        "encrypted": {"a": "new", "b": "two"},
    }


def test_a_secret_whose_place_is_gone_is_gone() -> None:
    _, before = taken({"http": {"encrypted": {"a": "one", "b": "two"}}})

    masked, given = taken({"http": {"encrypted": {"a": MASK}}})

    assert kept(masked, given, before) == {"/http/encrypted/a": "one"}


def test_a_mask_that_stands_for_nothing_is_no_secret() -> None:
    masked, given = taken({"http": {"auth": {"token": {"token": MASK}}}})

    assert given == {}
    assert restored(masked, kept(masked, given, {}))["http"] == {"auth": {"token": {"token": ""}}}

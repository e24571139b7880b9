"""Ids that are UUIDs, keys that are restricted to namespaces, and days that do not exist."""

from __future__ import annotations

import uuid

import pytest

from chalicelib.api.twinit.times import clamped
from chalicelib.domain.identity import Principal, is_scope
from chalicelib.domain.ids import escape, is_uuid, unescape, uuid4, uuid_of

USER = "5F0E8A31-2b6d-4d0c-a2f1-0c9d8e7b6a54"


@pytest.mark.parametrize("entropy", [bytes(16), b"\xff" * 16, bytes(range(16))])
def test_minted_uuids_are_of_version_4(entropy: bytes) -> None:
    made = uuid4(entropy)

    assert (uuid.UUID(made).version, uuid.UUID(made).variant) == (4, uuid.RFC_4122)
    assert made == made.lower()
    assert is_uuid(made)


def test_a_name_has_one_uuid_and_a_uuid_stands_for_itself() -> None:
    assert uuid_of("user_1") == uuid_of("user_1") != uuid_of("user_2")
    assert uuid.UUID(uuid_of("user_1")).version == 4
    assert uuid_of(USER) == USER.lower()
    assert uuid_of("lone \ud800 surrogate")


@pytest.mark.parametrize("text", ["", "user_1", USER[:-1], USER + "0", f"{USER} ", "g" + USER[1:]])
def test_other_texts_are_no_uuids(text: str) -> None:
    assert not is_uuid(text)


@pytest.mark.parametrize("part", ["a", "a b", "a/b.c@1", "ä", "%2E", "a#b"])
def test_escaping_a_part_of_a_key_can_be_undone(part: str) -> None:
    assert unescape(escape(part)) == part


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("*", True),
        ("workflows:read", True),
        ("namespace:plant_k8Qw2LzA", True),
        ("namespace:ä/b", True),
        ("namespace:", False),
        ("namespace:a b", False),
        ("namespaces:a", False),
        ("workflows:*", False),
    ],
)
def test_a_key_may_be_given_scopes_and_namespaces(scope: str, allowed: bool) -> None:
    assert is_scope(scope) is allowed


def test_namespaces_restrict_and_allow_nothing() -> None:
    free = Principal("u", "w", "k", frozenset({"*"}))
    bound = Principal("u", "w", "k", frozenset({"workflows:read", "namespace:a", "namespace:b"}))

    assert free.namespaces is None
    assert bound.namespaces == frozenset({"a", "b"})
    assert not bound.may("workflows:write")
    assert bound.may("workflows:read")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("2026-02-29", "2026-02-28"),
        ("2024-02-30", "2024-02-29"),
        ("2026-04-31T10:00:00Z", "2026-04-30T10:00:00Z"),
        ("2026-03-31", "2026-03-31"),
        ("2026-02-32", "2026-02-32"),
        ("2026-13-31", "2026-13-31"),
        ("0000-02-30", "0000-02-30"),
        ("today", "today"),
    ],
)
def test_a_day_beyond_the_months_end_is_its_last(given: str, meant: str) -> None:
    assert clamped(given) == meant

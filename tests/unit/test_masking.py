from __future__ import annotations

import pytest

from chalicelib.domain.json import Json
from chalicelib.domain.masking import is_secret_name, mask_json, mask_url, unmask_json


@pytest.mark.parametrize(
    "name",
    ["Authorization", "cookie", "X-API-Key", "apiKey", "apikey", "client_secret", "clientSecret", "accessToken",
     "refresh_token", "_pwd", "_password", "_token", "_key", "_clientSecret", "_authorization", "dbPwd", "passphrase",
     "Password", "db.password", "X-Hub-Signature", "token", "AWS_SECRET_ACCESS_KEY", "privateKey"],
)  # fmt: skip
def test_names_that_hold_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["Idempotency-Key", "monkey", "tokens_used", "key_id", "primary_key", "_primary_key", "author", "key", "_cert",
     "_ca", "_clientId", "_uname"],
)  # fmt: skip
def test_names_that_do_not(name: str) -> None:
    assert not is_secret_name(name)


def test_members_are_masked_however_deep_and_nothing_else_changes() -> None:
    value = {"a": [{"token": "x", "n": 1}], "password": "", "secret": {"inner": 1}}

    assert mask_json(value) == {"a": [{"token": "***", "n": 1}], "password": "", "secret": "***"}  # type: ignore[arg-type]


def test_a_url_keeps_all_but_secret_values() -> None:
    assert mask_url("https://h/p?a=1&access_token=x&b#f") == "https://h/p?a=1&access_token=***&b#f"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mqtt://user:pw@h:1883", "mqtt://***@h:1883"),
        ("https://t0ken@h/a@b?c=d@e", "https://***@h/a@b?c=d@e"),
        ("https://h/a@b", "https://h/a@b"),
        ("mail me://at@home", "mail me://at@home"),
        ("user@example.com", "user@example.com"),
    ],
)
def test_whoever_stands_before_a_urls_host_is_masked(text: str, shown: str) -> None:
    assert mask_json({"_url": [text]}) == {"_url": [shown]}
    assert mask_url(text) == shown


def item(n: int, token: str) -> Json:
    return {"n": n, "token": token}


@pytest.mark.parametrize(
    ("shown", "meant"),
    [
        ([item(1, "***"), item(2, "***")], [item(1, "a"), item(2, "b")]),
        ([item(2, "***")], [item(2, "b")]),
        ([item(2, "***"), item(1, "***")], [item(2, "b"), item(1, "a")]),
        ([item(9, "***"), item(1, "***"), item(2, "***")], [item(9, "***"), item(1, "a"), item(2, "b")]),
        ([item(2, "***"), item(9, "new")], [item(2, "b"), item(9, "new")]),
        ([item(2, "***"), item(9, "***")], [item(2, "b"), item(9, "***")]),
        ([item(1, "***"), item(1, "***"), item(2, "***")], [item(1, "a"), item(1, "***"), item(2, "b")]),
        ([item(9, "***")], [item(9, "***")]),
        ([item(1, "new"), item(3, "***")], [item(1, "new"), item(3, "b")]),
    ],
    ids=["same", "removed", "swapped", "inserted", "replaced", "replaced-masked", "copied", "unknown", "edited"],
)
def test_masked_items_of_a_list_get_their_own_secrets_back_and_no_others(shown: Json, meant: Json) -> None:
    assert unmask_json({"list": shown}, {"list": [item(1, "a"), item(2, "b")]}) == {"list": meant}


def test_items_that_look_alike_keep_their_secrets_by_their_place() -> None:
    stored: Json = [item(1, "a"), item(1, "b"), item(1, "c")]

    assert unmask_json([item(1, "***"), item(1, "new"), item(1, "***")], stored) == [
        item(1, "a"),
        item(1, "new"),
        item(1, "c"),
    ]

from __future__ import annotations

import pytest

from chalicelib.domain.masking import is_secret_name, mask_json, mask_url


@pytest.mark.parametrize(
    "name",
    ["Authorization", "cookie", "X-API-Key", "apiKey", "apikey", "client_secret", "clientSecret", "accessToken",
     "refresh_token", "Password", "db.password", "X-Hub-Signature", "token", "AWS_SECRET_ACCESS_KEY", "privateKey"],
)  # fmt: skip
def test_names_that_hold_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["Idempotency-Key", "monkey", "tokens_used", "key_id", "primary_key", "author"])
def test_names_that_do_not(name: str) -> None:
    assert not is_secret_name(name)


def test_members_are_masked_however_deep_and_nothing_else_changes() -> None:
    value = {"a": [{"token": "x", "n": 1}], "password": "", "secret": {"inner": 1}}

    assert mask_json(value) == {"a": [{"token": "***", "n": 1}], "password": "", "secret": "***"}  # type: ignore[arg-type]


def test_a_url_keeps_all_but_secret_values() -> None:
    assert mask_url("https://h/p?a=1&access_token=x&b#f") == "https://h/p?a=1&access_token=***&b#f"

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.local.settings import DEFAULT_KEYS, LocalSettings, SettingsError, settings_from


def test_an_empty_environment_gives_the_defaults() -> None:
    assert settings_from({"PORT": "", "BACKEND": ""}) == LocalSettings()
    assert settings_from({}).api_keys == DEFAULT_KEYS == {"dev": "penstock-dev-key"}


def test_everything_can_be_set() -> None:
    settings = settings_from(
        {
            "PORT": "9000",
            "BACKEND": "ministack",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "PENSTOCK_DEV_KEYS": "ann:key-of-ann, bob:key-of-bob",
            "TICK_SECONDS": "0.5",
            "LOCAL_STATE_DIR": "/somewhere",
        }
    )

    assert (settings.port, settings.backend, settings.region) == (9000, "ministack", "eu-central-1")
    assert settings.endpoint_url == "http://127.0.0.1:4566"
    assert settings.api_keys == {"ann": "key-of-ann", "bob": "key-of-bob"}
    assert settings.tick_seconds == 0.5
    assert settings.state_dir == Path("/somewhere")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "many"),
        ("PORT", "70000"),
        ("PORT", "-1"),
        ("BACKEND", "cloud"),
        ("AWS_ENDPOINT_URL", "localhost:4566"),
        ("TICK_SECONDS", "nan"),
        ("TICK_SECONDS", "0"),
        ("PENSTOCK_DEV_KEYS", ","),
        ("PENSTOCK_DEV_KEYS", "ann"),
        ("PENSTOCK_DEV_KEYS", "ann:short"),
        ("PENSTOCK_DEV_KEYS", "a b:long-enough"),
        ("PENSTOCK_DEV_KEYS", "ann:long-enough,ann:other-enough"),
        ("PENSTOCK_DEV_KEYS", "ann:long-enough,bob:long-enough"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        settings_from({name: value})


def test_a_refusal_does_not_repeat_the_key() -> None:
    with pytest.raises(SettingsError) as caught:
        settings_from({"PENSTOCK_DEV_KEYS": "ann:secret key"})

    assert "secret" not in str(caught.value)

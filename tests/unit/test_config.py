"""The environment as settings."""

from __future__ import annotations

import pytest

from chalicelib.config import SettingsError, from_environment


def test_an_empty_environment_gives_a_usable_development_stage() -> None:
    settings = from_environment({})

    assert (settings.stage, settings.rate_limit, settings.hook_rate_limit) == ("dev", 100, 100)
    assert settings.runs_table == "penstock-dev-runs"
    assert settings.outbound_allow == ()
    assert settings.public_base_url is None


def test_a_stage_names_its_resources_unless_they_are_named() -> None:
    settings = from_environment({"STAGE": "prod", "RUNS_TABLE": "runs-x7"})

    assert (settings.runs_table, settings.runs_queue) == ("runs-x7", "penstock-prod-runs")


def test_values_are_read() -> None:
    settings = from_environment(
        {
            "AWS_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL": "http://localhost:4566/",
            "RATE_LIMIT_PER_MINUTE": "1000",
            "AUTH_CACHE_SECONDS": "0",
            "OUTBOUND_ALLOW": "10.0.0.0/8, ::1/128,",
            "PUBLIC_BASE_URL": "https://flow.example.org/",
            "LOG_LEVEL": "debug",
        }
    )

    assert (settings.region, settings.endpoint_url) == ("eu-west-1", "http://localhost:4566")
    assert (settings.rate_limit, settings.hook_rate_limit, settings.auth_cache_seconds) == (1000, 1000, 0.0)
    assert settings.outbound_allow == ("10.0.0.0/8", "::1/128")
    assert (settings.public_base_url, settings.log_level) == ("https://flow.example.org", "DEBUG")


def test_a_token_does_not_show_in_the_settings_text() -> None:
    settings = from_environment({"AI_SERVICE_URL": "https://ai.example.org/v1", "AI_SERVICE_TOKEN": "t-5ecret"})

    assert (settings.ai_service_url, settings.ai_service_token) == ("https://ai.example.org/v1", "t-5ecret")
    assert "t-5ecret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STAGE", "Prod"),
        ("STAGE", "-x"),
        ("RATE_LIMIT_PER_MINUTE", "0"),
        ("RATE_LIMIT_PER_MINUTE", "many"),
        ("RATE_LIMIT_PER_MINUTE", "-5"),
        ("RATE_LIMIT_PER_MINUTE", "9" * 5000),
        ("AUTH_CACHE_SECONDS", "nan"),
        ("AUTH_CACHE_SECONDS", "soon"),
        ("AUTH_CACHE_SECONDS", "301"),
        ("OUTBOUND_ALLOW", "10.0.0.1/8"),
        ("OUTBOUND_ALLOW", "everything"),
        ("RETENTION_DAYS", "0"),
        ("LOG_LEVEL", "LOUD"),
        ("DAILY_INVOCATIONS_QUOTA", "0"),
        ("PINDOWN_RATE_LIMITS", "staging"),
        ("DAILY_COMPUTE_TIME_QUOTA_MS", "1h"),
        ("DAILY_CREDITS_QUOTA", "-1"),
        ("PUBLIC_BASE_URL", "flow.example.org"),
        ("PUBLIC_BASE_URL", "ftp://flow.example.org"),
        ("AWS_ENDPOINT_URL", "localhost:4566"),
        ("AI_SERVICE_URL", "ai.example.org/converse"),
    ],
)
def test_a_bad_value_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as refused:
        from_environment({name: value})

    assert refused.value.name == name


@pytest.mark.parametrize(
    ("value", "counts"),
    [(None, False), ("", False), ("development", False), ("production", True), ("Production", True)],
)
def test_pins_are_limited_in_production_alone(value: str | None, counts: bool) -> None:
    environment = {} if value is None else {"PINDOWN_RATE_LIMITS": value}

    assert from_environment(environment).pin_limits_count is counts

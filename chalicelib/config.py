"""The environment as one frozen value. Read once, checked at once: a bad setting stops the start, by its name."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,19}")
_LOG_LEVELS = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})


class SettingsError(ValueError):
    """An environment variable has a value that cannot be used."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that differs between installations. Names are of AWS resources; limits are per minute."""

    stage: str
    region: str
    endpoint_url: str | None
    identities_table: str
    definitions_table: str
    runs_table: str
    counters_table: str
    events_table: str
    deliveries_table: str
    pins_table: str
    flows_table: str
    runs_queue: str
    runs_queue_url: str | None
    deliveries_queue: str
    deliveries_queue_url: str | None
    bodies_bucket: str
    rate_limit: int
    hook_rate_limit: int
    pin_limits_count: bool
    auth_cache_seconds: float
    outbound_allow: tuple[str, ...]
    retention_days: int
    lease_seconds: float
    delivery_timeout_seconds: float
    log_level: str
    public_base_url: str | None
    daily_invocations_quota: int
    daily_compute_time_quota_ms: int
    daily_credits_quota: int
    component_registry: str | None
    accounts_kms_key: str | None
    sandbox_function: str | None
    ai_service_url: str | None
    ai_service_token: str | None = field(repr=False)


def from_environment(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings that the environment (the process's own by default) describes. Raises SettingsError."""
    env = os.environ if environment is None else environment
    stage = _named(env, "STAGE", "dev")
    prefix = f"penstock-{stage}"
    rate_limit = _whole(env, "RATE_LIMIT_PER_MINUTE", 100, 1, 1_000_000_000)
    return Settings(
        stage=stage,
        region=env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or "eu-central-1",
        endpoint_url=_url(env, "AWS_ENDPOINT_URL"),
        identities_table=env.get("IDENTITIES_TABLE") or f"{prefix}-identities",
        definitions_table=env.get("DEFINITIONS_TABLE") or f"{prefix}-definitions",
        runs_table=env.get("RUNS_TABLE") or f"{prefix}-runs",
        counters_table=env.get("COUNTERS_TABLE") or f"{prefix}-counters",
        events_table=env.get("EVENTS_TABLE") or f"{prefix}-events",
        deliveries_table=env.get("DELIVERIES_TABLE") or f"{prefix}-deliveries",
        pins_table=env.get("PINS_TABLE") or f"{prefix}-pins",
        flows_table=env.get("FLOWS_TABLE") or f"{prefix}-flows",
        runs_queue=env.get("RUNS_QUEUE") or f"{prefix}-runs",
        runs_queue_url=_url(env, "RUNS_QUEUE_URL"),
        deliveries_queue=env.get("DELIVERIES_QUEUE") or f"{prefix}-deliveries",
        deliveries_queue_url=_url(env, "DELIVERIES_QUEUE_URL"),
        bodies_bucket=env.get("BODIES_BUCKET") or f"{prefix}-bodies",
        rate_limit=rate_limit,
        hook_rate_limit=_whole(env, "WEBHOOK_RATE_LIMIT_PER_MINUTE", rate_limit, 1, 1_000_000_000),
        pin_limits_count=_one_of(env, "PINDOWN_RATE_LIMITS", ("development", "production")) == "production",
        auth_cache_seconds=_number(env, "AUTH_CACHE_SECONDS", 5.0, 0.0, 300.0),
        outbound_allow=_networks(env, "OUTBOUND_ALLOW"),
        retention_days=_whole(env, "RETENTION_DAYS", 30, 1, 3650),
        lease_seconds=_number(env, "WORKER_LEASE_SECONDS", 60.0, 1.0, 900.0),
        delivery_timeout_seconds=_number(env, "DELIVERY_TIMEOUT_SECONDS", 15.0, 1.0, 60.0),
        log_level=_log_level(env, "LOG_LEVEL"),
        public_base_url=_url(env, "PUBLIC_BASE_URL"),
        daily_invocations_quota=_whole(env, "DAILY_INVOCATIONS_QUOTA", 10_000, 1, 1_000_000_000_000),
        daily_compute_time_quota_ms=_whole(env, "DAILY_COMPUTE_TIME_QUOTA_MS", 300_000_000, 1, 1_000_000_000_000),
        daily_credits_quota=_whole(env, "DAILY_CREDITS_QUOTA", 10_000, 1, 1_000_000_000_000),
        component_registry=env.get("COMPONENT_REGISTRY") or None,
        accounts_kms_key=env.get("ACCOUNTS_KMS_KEY") or None,
        sandbox_function=env.get("SANDBOX_FUNCTION") or None,
        ai_service_url=_url(env, "AI_SERVICE_URL"),
        ai_service_token=env.get("AI_SERVICE_TOKEN") or None,
    )


def _named(env: Mapping[str, str], name: str, default: str) -> str:
    value = env.get(name) or default
    if not _NAME.fullmatch(value):
        raise SettingsError(name, f"{value!r} is not 1 to 20 lower-case letters, digits and hyphens")
    return value


def _one_of(env: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """The first choice is the default."""
    value = (env.get(name) or choices[0]).lower()
    if value not in choices:
        raise SettingsError(name, f"{value!r} is none of {', '.join(choices)}")
    return value


def _number(env: Mapping[str, str], name: str, default: float, least: float, most: float) -> float:
    text = env.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError as error:
        raise SettingsError(name, f"{text!r} is not a number") from error
    if not least <= value <= most:
        raise SettingsError(name, f"{text} is not between {least:g} and {most:g}")
    return value


def _whole(env: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = env.get(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit()):
        raise SettingsError(name, f"{text!r} is not a whole number")
    value = int(text[:20])
    if not least <= value <= most:
        raise SettingsError(name, f"{text} is not between {least} and {most}")
    return value


def _url(env: Mapping[str, str], name: str) -> str | None:
    text = env.get(name)
    if not text:
        return None
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
        raise SettingsError(name, f"{text!r} is not an absolute http or https URL")
    return text.rstrip("/")


def _networks(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    networks = []
    for text in (part.strip() for part in env.get(name, "").split(",")):
        if not text:
            continue
        try:
            networks.append(str(ipaddress.ip_network(text)))
        except ValueError as error:
            raise SettingsError(name, f"{text!r} is not a network such as 10.0.0.0/8") from error
    return tuple(networks)


def _log_level(env: Mapping[str, str], name: str) -> str:
    level = (env.get(name) or "INFO").upper()
    if level not in _LOG_LEVELS:
        raise SettingsError(name, f"{level!r} is none of {', '.join(sorted(_LOG_LEVELS))}")
    return level

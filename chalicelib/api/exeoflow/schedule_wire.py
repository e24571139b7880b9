"""This dialect's JSON from and to schedules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from chalicelib.api.common.parsing import member, text_member
from chalicelib.api.exeoflow.fire_reasons import Wording, codes, reason
from chalicelib.api.exeoflow.wire import Members, given, is_masked
from chalicelib.domain.cron import Fire, cron_timing, interval_timing
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.json import Json
from chalicelib.domain.masking import unmask_json
from chalicelib.domain.schedules import (
    DEFAULT_CATCH_UP_LIMIT,
    CatchUp,
    Overlap,
    Schedule,
    Target,
    TargetKind,
    Timing,
    TimingKind,
)
from chalicelib.domain.times import iso_z
from chalicelib.services.schedules.schedules import Amendment, Draft

MAX_NAME_LENGTH = 255
MAX_EXPRESSION_LENGTH = 1_000

T = TypeVar("T", bound=StrEnum)


def members(schedule: Schedule) -> Members:
    """`timezone` is where a cron expression is evaluated; of `cron` and `interval_seconds` one is null."""
    when = schedule.timing
    return {
        "id": schedule.id,
        "workflow_id": schedule.target.id,
        "name": schedule.name,
        "enabled": schedule.enabled,
        "cron": when.expression or None,
        "interval_seconds": when.interval_seconds,
        "timezone": when.timezone,
        "input": given(schedule.input, schedule.target.id),
        "overlap": schedule.overlap.value,
        "catch_up": schedule.catch_up.value,
        "catch_up_limit": schedule.catch_up_limit,
        "managed": schedule.managed,
        "node_id": schedule.labels.get("node_id") if schedule.managed else None,
        "next_run_at": _time(schedule.next_fire_at),
        "last_run_at": _time(schedule.last_fire_at),
        "last_execution_id": schedule.last_run_id,
        "skipped": schedule.skipped,
        "created_at": iso_z(schedule.created_at),
        "updated_at": iso_z(schedule.updated_at),
    }


def timing(body: Mapping[str, Json]) -> Timing:
    """What a body of a new schedule says of its times. Raises InvalidError."""
    retime = _retiming(body)
    if retime is None or not ("cron" in body or "interval_seconds" in body):
        raise InvalidError("'cron' is missing", field="cron", reason="'cron' or 'interval_seconds' is missing")
    return retime(Timing(TimingKind.CRON, timezone=text_member(body, "timezone", MAX_NAME_LENGTH) or "UTC"))


def draft(body: Mapping[str, Json], workflow_id: str) -> Draft:
    """Raises InvalidError."""
    when = timing(body)
    enabled = member(body, "enabled", bool)
    limit = member(body, "catch_up_limit", int)
    return Draft(
        target=Target(TargetKind.WORKFLOW, workflow_id),
        timing=when,
        input=member(body, "input", dict) or {},
        enabled=enabled is not False,
        overlap=_choice(body, "overlap", Overlap) or Overlap.ALLOW,
        catch_up=_choice(body, "catch_up", CatchUp) or CatchUp.NONE,
        catch_up_limit=DEFAULT_CATCH_UP_LIMIT if limit is None else limit,
        name=(text_member(body, "name", MAX_NAME_LENGTH) or "").strip(),
    )


def amendment(body: Mapping[str, Json], schedule: Schedule) -> Amendment:
    """What a body names changes, the rest stays; so does what it names by a mask. Raises InvalidError."""
    name = text_member(body, "name", MAX_NAME_LENGTH)
    asked = member(body, "input", dict)
    # Otherwise who reads an input and sends it back would store the masks in place of the secrets.
    if asked is not None and is_masked(schedule.target.id):
        whole = unmask_json(asked, schedule.input)
        asked = whole if isinstance(whole, dict) else asked
    return Amendment(
        retime=_retiming(body),
        input=asked,
        enabled=member(body, "enabled", bool),
        overlap=_choice(body, "overlap", Overlap),
        catch_up=_choice(body, "catch_up", CatchUp),
        catch_up_limit=member(body, "catch_up_limit", int),
        name=None if name is None else name.strip(),
    )


def preview(schedule: Schedule, upcoming: tuple[Fire, ...], wording: Wording) -> Members:
    return {
        "schedule_id": schedule.id,
        "timezone": schedule.timing.timezone,
        "upcoming": fires(schedule.timing, upcoming, wording),
    }


def fires(when: Timing, upcoming: tuple[Fire, ...], wording: Wording) -> list[Json]:
    return [
        {
            "at": iso_z(fire.at),
            "local": fire.local.isoformat(timespec="seconds"),
            "codes": list[Json](codes(fire)),
            "reason": reason(fire, when, wording),
        }
        for fire in upcoming
    ]


def _retiming(body: Mapping[str, Json]) -> Callable[[Timing], Timing] | None:
    """Makes the timing that the body names of one that it replaces, whose zone stays unless the body names one."""
    cron = text_member(body, "cron", MAX_EXPRESSION_LENGTH)
    seconds = member(body, "interval_seconds", int)
    timezone = text_member(body, "timezone", MAX_NAME_LENGTH)
    if cron is not None and seconds is not None:
        reason = "'cron' and 'interval_seconds' exclude each other"
        raise InvalidError(reason, field="interval_seconds", reason=reason)
    if cron is not None:
        return lambda old: cron_timing(cron, timezone or old.timezone)
    if seconds is not None:
        return lambda old: interval_timing(seconds, timezone or old.timezone)
    return None if timezone is None else lambda old: replace(old, timezone=timezone)


def _choice(body: Mapping[str, Json], name: str, kind: type[T]) -> T | None:
    value = member(body, name, str)
    if value is None:
        return None
    if value not in set(kind):
        raise InvalidError(f"'{name}' has a wrong value", field=name, reason=f"has to be {' or '.join(kind)}")
    return kind(value)


def _time(at: datetime | None) -> str | None:
    return None if at is None else iso_z(at)

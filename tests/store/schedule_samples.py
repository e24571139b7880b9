"""Schedules to store."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chalicelib.domain.cron import cron_timing
from chalicelib.domain.schedules import Schedule, Target, TargetKind
from tests.store.samples import after

TIMING = cron_timing("0 0 12 ? * *", "Europe/Berlin")


def schedule(schedule_id: str = "sch_1", **members: Any) -> Schedule:
    target = Target(TargetKind.WORKFLOW, "wf_1")
    usual = Schedule(schedule_id, "ws_a", target, TIMING, after(0), after(0), created_by="user_1")
    return replace(usual, **members)

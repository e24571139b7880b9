"""The wording of due times: whose language, and which codes."""

from __future__ import annotations

from itertools import islice

import pytest

from chalicelib.api.exeoflow.fire_reasons import CODES, ENGLISH, GERMAN, Wording, codes, reason, wording_for
from chalicelib.domain.cron import cron_timing, interval_timing, upcoming
from chalicelib.domain.schedules import Timing
from tests.fakes import START


@pytest.mark.parametrize(
    ("header", "wording"),
    [
        (None, ENGLISH),
        ("", ENGLISH),
        ("de", GERMAN),
        ("DE-at", GERMAN),
        ("de-DE,de;q=0.9,en;q=0.8", GERMAN),
        ("en-GB,en;q=0.9,de;q=0.8", ENGLISH),
        ("fr, de;q=0.5", GERMAN),
        ("fr, de;q=0", ENGLISH),
        ("de;q=much", ENGLISH),
        ("*", ENGLISH),
        ("den", ENGLISH),
    ],
)
def test_german_is_for_those_who_prefer_it(header: str | None, wording: Wording) -> None:
    assert wording_for(header) is wording


def test_both_languages_name_every_field_and_day() -> None:
    assert ENGLISH.parts.keys() == GERMAN.parts.keys()
    assert len(ENGLISH.days) == len(GERMAN.days) == 7


@pytest.mark.parametrize("wording", [ENGLISH, GERMAN], ids=["english", "german"])
@pytest.mark.parametrize(
    ("timing", "found"),
    [
        (cron_timing("0 30 7 ? * MON-FRI 2027"), ["matched"]),
        (cron_timing("* * * * *"), ["matched"]),
        (interval_timing(90), ["interval"]),
        (cron_timing("30 2 31 10 *", "Europe/Berlin"), ["matched", "first_of_two"]),
        (cron_timing("30 2 28,29 3 *", "Europe/Berlin"), ["matched", "one_left_out"]),
    ],
    ids=["fields", "every-minute", "interval", "doubled", "left-out"],
)
def test_every_kind_of_due_time_has_its_codes_and_a_sentence(
    timing: Timing, found: list[str], wording: Wording
) -> None:
    timing = timing if timing.interval_seconds is None else _anchored(timing)

    fires = list(islice(upcoming(timing, START), 4))

    assert found in [codes(fire) for fire in fires]
    assert set(found) <= set(CODES)
    assert all("{" not in reason(fire, timing, wording) for fire in fires)


def _anchored(timing: Timing) -> Timing:
    return Timing(timing.kind, interval_seconds=timing.interval_seconds, anchor=START)

"""Patterns of dates. What is expected was written by moment.js itself; `python -m tests.npm` has it checked again."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.moments_format import format_moment, parse_moment, zone_named

CASES = json.loads((Path(__file__).parent / "handlebars" / "moments.json").read_text(encoding="utf-8"))
WRITTEN = [case for case in CASES if "at" in case]
READ = [case for case in CASES if "text" in case]


@pytest.mark.parametrize("case", WRITTEN, ids=range(len(WRITTEN)))
def test_a_time_is_written_by_the_pattern(case):
    at = datetime.fromisoformat(case["at"])

    assert format_moment(at, case["tokens"], zone_named(case["zone"])) == case["expected"]


@pytest.mark.parametrize("case", READ, ids=range(len(READ)))
def test_a_text_is_read_by_the_pattern(case):
    zone = zone_named(case["zone"])

    if case["expected"] is None:
        with pytest.raises(InvalidError):
            parse_moment(case["text"], case["tokens"], zone)
    else:
        at = parse_moment(case["text"], case["tokens"], zone)
        # The library keeps milliseconds, and no more.
        assert at.replace(microsecond=at.microsecond // 1000 * 1000) == datetime.fromisoformat(case["expected"])


@pytest.mark.parametrize("name", ["localtime", "../etc/passwd", "Mars/Base", "a" * 100, "/UTC"])
def test_what_is_no_zone_is_refused(name):
    with pytest.raises(InvalidError, match="not a time zone"):
        zone_named(name)


def test_no_name_is_the_zone_utc():
    assert zone_named("") is UTC


@pytest.mark.parametrize("pattern", ["YYYY YYYY", "w gggg", "HH:mm", "LT"])
def test_a_pattern_that_does_not_make_a_date_is_refused(pattern):
    with pytest.raises(InvalidError, match="not a date by the pattern"):
        parse_moment("2026 2026", pattern)


def test_times_at_the_ends_of_the_calendar_are_refused_where_a_zone_leads_out_of_it():
    with pytest.raises(InvalidError):
        format_moment(datetime(1, 1, 1, tzinfo=UTC), "YYYY", zone_named("America/New_York"))
    with pytest.raises(InvalidError):
        parse_moment("0001-01-01", None, zone_named("Asia/Tokyo"))


@given(st.text(max_size=120), st.none() | st.text(alphabet="YMDHhmsSAaZXxdDoQWEgGkLTlwt[]-:/. \\", max_size=30))
def test_whatever_is_read_gives_a_time_or_an_error(text, pattern):
    try:
        at = parse_moment(text, pattern)
    except InvalidError:
        return
    assert at.tzinfo is UTC


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1950, 1, 1), max_value=datetime(9998, 1, 1)))  # noqa: DTZ001
def test_what_was_written_in_full_reads_back(at):
    text = format_moment(at, "YYYY-MM-DDTHH:mm:ss.SSSSSSZ", zone_named("Asia/Kolkata"))

    assert parse_moment(text, "YYYY-MM-DDTHH:mm:ss.SSSSSSZ") == at

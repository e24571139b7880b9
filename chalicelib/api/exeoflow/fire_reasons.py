"""Why a schedule fires when it does: as codes for programs, and as a sentence for whoever reads it.

Calls that no page of the API has are worded in English; German is for those who ask for it (`Accept-Language`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.domain.cron import Fire, Match
from chalicelib.domain.schedules import Timing
from chalicelib.domain.times import iso_z

MATCHED, INTERVAL, DOUBLED, AFTER_GAP = "matched", "interval", "first_of_two", "one_left_out"
CODES = (MATCHED, INTERVAL, DOUBLED, AFTER_GAP)


@dataclass(frozen=True, slots=True)
class Wording:
    """Sentences with places to fill in. `days` begin with Sunday, `parts` are the fields of an expression."""

    local: str
    turn: str
    since: str
    match: str
    everything: str
    doubled: str
    left_out: str
    days: tuple[str, ...]
    parts: Mapping[str, str]


ENGLISH = Wording(
    local="local time {at} (UTC{offset})",
    turn="turn {turn} of every {seconds} seconds",
    since=" since {anchor}",
    match="{part} {value} matches '{text}'",
    everything="every field matches",
    doubled="the clocks are put back: this local time comes twice and counts the first time",
    left_out="the clocks are put forward: {at} is left out",
    days=("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"),
    parts={
        "seconds": "second",
        "minutes": "minute",
        "hours": "hour",
        "day-of-month": "day of the month",
        "month": "month",
        "day-of-week": "day of the week",
        "year": "year",
    },
)
GERMAN = Wording(
    local="Ortszeit {at} (UTC{offset})",
    turn="{turn}. Mal alle {seconds} Sekunden",
    since=" seit {anchor}",
    match="{part} {value} passt auf '{text}'",
    everything="jede Angabe passt",
    doubled="diese Ortszeit kommt durch die Zeitumstellung zweimal und zählt beim ersten Mal",
    left_out="{at} entfällt durch die Zeitumstellung",
    days=("Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"),
    parts={
        "seconds": "Sekunde",
        "minutes": "Minute",
        "hours": "Stunde",
        "day-of-month": "Monatstag",
        "month": "Monat",
        "day-of-week": "Wochentag",
        "year": "Jahr",
    },
)


def wording_for(accept_language: str | None) -> Wording:
    """German where the header prefers it to English, which is what everybody else gets."""
    weights = {"en": 0.0, "de": 0.0}
    for entry in (accept_language or "").split(","):
        tag, _, parameters = entry.partition(";")
        language = tag.strip().lower().partition("-")[0]
        if language in weights:
            weights[language] = max(weights[language], _weight(parameters))
    return GERMAN if weights["de"] > weights["en"] else ENGLISH


def _weight(parameters: str) -> float:
    name, _, value = parameters.replace(" ", "").partition("=")
    if name.lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def codes(fire: Fire) -> list[str]:
    """What a program may tell apart without reading the sentence."""
    found = [MATCHED if fire.turn is None else INTERVAL]
    return [*found, *([DOUBLED] if fire.is_doubled else []), *([AFTER_GAP] if fire.left_out is not None else [])]


def reason(fire: Fire, timing: Timing, wording: Wording) -> str:
    # The last six characters are `+01:00`: offsets with seconds ended before any time that is shown.
    texts = [wording.local.format(at=f"{fire.local:%Y-%m-%d %H:%M:%S}", offset=fire.local.isoformat()[-6:])]
    if fire.turn is not None:
        since = "" if timing.anchor is None else wording.since.format(anchor=iso_z(timing.anchor))
        texts.append(wording.turn.format(turn=fire.turn, seconds=timing.interval_seconds) + since)
    else:
        texts.append(", ".join(_match(match, wording) for match in fire.matched) or wording.everything)
    if fire.is_doubled:
        texts.append(wording.doubled)
    if fire.left_out is not None:
        texts.append(wording.left_out.format(at=f"{fire.left_out:%Y-%m-%d %H:%M:%S}"))
    return "; ".join(texts)


def _match(match: Match, wording: Wording) -> str:
    value = wording.days[match.value] if match.part == "day-of-week" else str(match.value)
    return wording.match.format(part=wording.parts[match.part], value=value, text=match.text)

"""Helpers that match regular expressions in JavaScript's notation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ...errors import InvalidError
from ...regexes import Match, compile_regex
from ..values import UNDEFINED, Refused
from .registry import Call, helper, integer, text

_REFERENCE = re.compile(r"\$(?:([$&`'])|([0-9]{1,2})|<([^>]*)>)")


@helper("regexMatch", 2, 4, with_call=True)
def regex_match(call: Call, value: Any, pattern: Any, index: Any = 0, flags: Any = "") -> Any:
    """The text of one of the matches, the first is number 0; nothing where there are fewer."""
    wanted = integer(index, "regexMatch") if text(index) else 0
    for number, match in enumerate(_matches(call, text(value), pattern, flags)):
        if number == wanted:
            return text(value)[match.start : match.end]
    return UNDEFINED


@helper("regexSearch", 2, 3, with_call=True)
def regex_search(call: Call, value: Any, pattern: Any, flags: Any = "") -> int:
    """Where the first match begins; -1 where there is none."""
    return next((match.start for match in _matches(call, text(value), pattern, flags)), -1)


@helper("regexReplace", 3, 4, with_call=True)
def regex_replace(call: Call, value: Any, replacement: Any, pattern: Any, flags: Any = "") -> str:
    """The text with every match replaced; `$1`, `$<name>`, `$&` stand for what was matched."""
    subject, unit = text(value), text(replacement)
    parts: list[str] = []
    position, size = 0, 0
    for match in _matches(call, subject, pattern, flags):
        put = _filled(unit, match, subject) if "$" in unit else unit
        parts += (subject[position : match.start], put)
        position = match.end
        size += len(put)
        if size > call.render.size:
            raise Refused("the result of regexReplace is too large")
    parts.append(subject[position:])
    return "".join(parts)


def _matches(call: Call, subject: str, pattern: Any, flags: Any) -> Iterator[Match]:
    at = 0
    try:
        regex = compile_regex(text(pattern), text(flags).replace("g", ""))
        while (match := regex.search(subject, at, call.render.spend)) is not None:
            yield match
            # One further after an empty match, which would be found here for ever.
            at = match.end + (match.end == match.start)
    except InvalidError as error:
        raise Refused(error.message) from error


def _filled(unit: str, match: Match, subject: str) -> str:
    def put(found: re.Match[str]) -> str:
        sign, digits, name = found.groups()
        if sign:
            around = {"$": "$", "&": subject[match.start : match.end]}
            around |= {"`": subject[: match.start], "'": subject[match.end :]} if sign in "`'" else {}
            return around[sign]
        if name is not None:
            return (match.groups[match.names[name]] or "") if name in match.names else found[0] * (not match.names)
        return _numbered(found[0], digits, match)

    return _REFERENCE.sub(put, unit)


def _numbered(written: str, digits: str, match: Match) -> str:
    """`$12` is group 12 where there are so many, and else group 1 before a 2."""
    for length in (2, 1):
        number = int(digits[:length])
        if len(digits) >= length and 0 < number <= len(match.groups):
            return (match.groups[number - 1] or "") + digits[length:]
    return written

"""Helpers on texts."""

from __future__ import annotations

import re
from typing import Any

from ..values import WHITESPACE, Refused
from .registry import array, bounded, helper, integer, text

_MAX_PADDED = 100_000
_CAPITALIZABLE = re.compile(r"[A-Za-z0-9_]\S*")
_SENTENCE = re.compile(r"\S[^.?!]*[.?!]*")
_WORD = re.compile(r"[^\W_]+")
_CASE_CHANGE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# No tag reaches beyond the next angle bracket, so that many which are not closed cost a single pass.
_MARKUP = re.compile(r"</?[A-Za-z!][^<>]*>")
_NO_WORD = re.compile(r"[\W_]")


@helper("uppercase", 1)
def uppercase(value: Any) -> str:
    return text(value).upper()


@helper("lowercase", 1)
def lowercase(value: Any) -> str:
    return text(value).lower()


@helper("capitalize", 1)
def capitalize(value: Any) -> str:
    return _capital(text(value))


@helper("capitalizeAll", 1)
def capitalize_all(value: Any) -> str:
    return _CAPITALIZABLE.sub(lambda word: _capital(word[0]), text(value))


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]


@helper("sentence", 1)
def sentence(value: Any) -> str:
    return _SENTENCE.sub(lambda found: found[0][:1].upper() + found[0][1:].lower(), text(value))


def _words(value: Any) -> list[str]:
    return [word for run in _WORD.findall(text(value)) for word in _CASE_CHANGE.split(run)]


@helper("camelcase", 1)
def camelcase(value: Any) -> str:
    first, *others = _words(value) or [""]
    return first.lower() + "".join(word.capitalize() for word in others)


@helper("pascalcase", 1)
def pascalcase(value: Any) -> str:
    return "".join(word.capitalize() for word in _words(value))


@helper("snakecase", 1)
def snakecase(value: Any) -> str:
    return "_".join(_words(value)).lower()


@helper("dashcase", 1)
def dashcase(value: Any) -> str:
    return "-".join(_words(value)).lower()


@helper("dotcase", 1)
def dotcase(value: Any) -> str:
    return ".".join(_words(value)).lower()


@helper("pathcase", 1)
def pathcase(value: Any) -> str:
    return "/".join(_words(value)).lower()


@helper("trim", 1)
def trim(value: Any) -> str:
    return text(value).strip(WHITESPACE)


@helper("trimLeft", 1)
def trim_left(value: Any) -> str:
    return text(value).lstrip(WHITESPACE)


@helper("trimRight", 1)
def trim_right(value: Any) -> str:
    return text(value).rstrip(WHITESPACE)


@helper("chop", 1)
def chop(value: Any) -> str:
    """Without what is neither letter nor digit at both ends."""
    whole = text(value)
    first = re.search(r"[^\W_]", whole)
    if first is None:
        return ""
    end = len(whole)
    # From the end, where an expression would try each run of marks in the middle up to its end.
    while _NO_WORD.match(whole, end - 1):
        end -= 1
    return whole[first.start() : end]


@helper("sanitize", 1)
def sanitize(value: Any) -> str:
    return _MARKUP.sub("", text(value))


@helper("padLeft", 2, 3)
def pad_left(value: Any, length: Any, filler: Any = " ") -> str:
    return _padding("padLeft", value, length, filler) + text(value)


@helper("padRight", 2, 3)
def pad_right(value: Any, length: Any, filler: Any = " ") -> str:
    return text(value) + _padding("padRight", value, length, filler)


def _padding(name: str, value: Any, length: Any, filler: Any) -> str:
    wanted = integer(length, name)
    if wanted > _MAX_PADDED:
        raise Refused(f"{name} goes up to {_MAX_PADDED} characters")
    missing = max(0, wanted - len(text(value)))
    unit = text(filler)
    return (unit * (missing // len(unit) + 1))[:missing] if unit else ""


@helper("substring", 2, 3)
def substring(value: Any, start: Any, end: Any = None) -> str:
    whole = text(value)
    first = _clamped(integer(start, "substring"), len(whole))
    last = len(whole) if end is None else _clamped(integer(end, "substring"), len(whole))
    return whole[min(first, last) : max(first, last)]


def _clamped(index: int, length: int) -> int:
    return max(0, min(index, length))


@helper("split", 2, 3)
def split(value: Any, separator: Any, index: Any = 0) -> str | None:
    """One of the parts between separators, the first is number 0; nothing where there are fewer."""
    whole, unit, place = text(value), text(separator), integer(index, "split")
    parts = whole.split(unit) if unit else list(whole)
    return parts[place] if 0 <= place < len(parts) else None


@helper("truncateWords", 2, 3)
def truncate_words(value: Any, limit: Any, suffix: Any = "…") -> str:
    words = text(value).split()
    kept = max(0, integer(limit, "truncateWords"))
    return text(value) if len(words) <= kept else " ".join(words[:kept]) + text(suffix)


@helper("reverse", 1)
def reverse(value: Any) -> Any:
    return value[::-1] if type(value) is list else text(value)[::-1]


@helper("occurrences", 2)
def occurrences(value: Any, wanted: Any) -> int:
    return text(value).count(text(wanted)) if text(wanted) else 0


@helper("replace", 3)
def replace(value: Any, old: Any, new: Any) -> str:
    whole, unit = text(value), text(old)
    count = whole.count(unit) if unit else 0
    bounded(len(whole) + count * len(text(new)), "replace")
    return whole.replace(unit, text(new)) if count else whole


@helper("replacefirst", 3)
def replace_first(value: Any, old: Any, new: Any) -> str:
    return text(value).replace(text(old), text(new), 1) if text(old) else text(value)


@helper("removefirst", 2)
def remove_first(value: Any, unwanted: Any) -> str:
    return text(value).replace(text(unwanted), "", 1) if text(unwanted) else text(value)


@helper("join", 1, any_number=True)
def join(separator: Any, *values: Any) -> str:
    """All values with the separator between them; arrays count as their elements."""
    parts: list[Any] = []
    for value in values:
        parts.extend(array(value, "join") if type(value) is list else [value])
    texts = list(map(text, parts))
    bounded(sum(map(len, texts)) + len(texts) * len(text(separator)), "join")
    return text(separator).join(texts)

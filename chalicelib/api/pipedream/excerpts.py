"""Events cut down to about a kilobyte for lists, still JSON of the same type."""

from __future__ import annotations

from chalicelib.domain.json import Json, encode

EXCERPT_BYTES = 1_024
_LONGEST_TEXT = 256


def excerpt(event: Json) -> Json:
    """The event, if its JSON has no more than `EXCERPT_BYTES`. Else its first members, in order, as far as they fit,
    with long texts cut; what does not fit is left out."""
    if len(encode(event)) <= EXCERPT_BYTES:
        return event
    if isinstance(event, dict | list):
        return _cut(event, EXCERPT_BYTES)[0]
    return event[:_LONGEST_TEXT] if isinstance(event, str) else event


def _cut(value: Json, room: int) -> tuple[Json, int, bool]:
    """What of a value fits, its size, and whether no member or item is missing; a size above `room` means that nothing
    fits."""
    if isinstance(value, dict):
        return _cut_object(value, room)
    if isinstance(value, list):
        return _cut_array(value, room)
    if isinstance(value, str):
        value = value[:_LONGEST_TEXT]
    return value, len(encode(value)), True


def _cut_object(value: dict[str, Json], room: int) -> tuple[Json, int, bool]:
    kept: dict[str, Json] = {}
    size, is_complete = len("{}"), True
    for name, inner in value.items():
        frame = len(encode(name)) + len(":") + (len(",") if kept else 0)
        cut, needed, is_complete = _cut(inner, room - size - frame)
        # The first that does not fit ends it: what is shown is a beginning, with nothing missing in between.
        if size + frame + needed > room:
            return kept, size, False
        kept[name] = cut
        size += frame + needed
        if not is_complete:
            break
    return kept, size, is_complete


def _cut_array(value: list[Json], room: int) -> tuple[Json, int, bool]:
    kept: list[Json] = []
    size, is_complete = len("[]"), True
    for inner in value:
        frame = len(",") if kept else 0
        cut, needed, is_complete = _cut(inner, room - size - frame)
        if size + frame + needed > room:
            return kept, size, False
        kept.append(cut)
        size += frame + needed
        if not is_complete:
            break
    return kept, size, is_complete

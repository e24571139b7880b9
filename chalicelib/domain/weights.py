"""How large values are as JSON, and how deep, without making the JSON.

Steps share what they pass on: a list that is named twice stands once in memory and twice in the text. Whatever walks a
value (masking, encoding, comparing) sees the text's size, which some steps in a row can double each time, and its
nesting, which a loop can add to in each round. What was weighed before is not walked again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from chalicelib.domain.json import Json


class Weight(NamedTuple):
    """About as many `characters` as a value has as JSON, and how many `levels` it is nested; 1 is a scalar."""

    characters: int
    levels: int


Weights = dict[int, Weight]
"""Of values by their `id`. Whoever keeps them keeps the values alive, and nobody changes these."""

_SCALAR = 4
_MEMBER = 3  # a colon or comma, and quotes
# Smaller ones are soon weighed again, and to remember them all would cost more than that.
_WORTH_REMEMBERING = 1000


def weigh(value: Json, most: int, known: Sequence[Weights] = ()) -> Weight:
    """The weight of `value`. It is given up above `most` characters: there are more of them then, and more levels."""
    characters = levels = reached = 0
    # Level by level instead of recursively: a value may be nested deeper than Python can call.
    level: list[Json] = [value]
    while level:
        reached += 1
        below: list[Json] = []
        for each in level:
            if isinstance(each, str):
                characters += len(each) + _MEMBER
            elif isinstance(each, dict | list):
                before = _known(each, known)
                if before is None:
                    characters += _own(each)
                    below.extend(_members(each))
                else:
                    characters += before.characters
                    levels = max(levels, reached - 1 + before.levels)
                if characters > most:
                    return Weight(characters, reached)
            else:
                characters += _SCALAR
        level = below
    return Weight(characters, max(levels, reached))


def weigh_members(value: Json, most: int, known: Sequence[Weights]) -> tuple[Weight, Weights]:
    """Like `weigh`, and the weights of `value` and its large members, which are what the next step often passes on."""
    if not isinstance(value, dict | list):
        return weigh(value, most), {}
    before = _known(value, known)
    if before is not None:
        return before, {}
    characters, levels = _own(value), 0
    found: Weights = {}
    for member in _members(value):
        each = weigh(member, most - characters, known)
        characters += each.characters
        levels = max(levels, each.levels)
        if characters > most:
            return Weight(characters, levels + 1), {}
        if each.characters >= _WORTH_REMEMBERING and isinstance(member, dict | list):
            found[id(member)] = each
    found[id(value)] = weight = Weight(characters, levels + 1)
    return weight, found


def handed_on(value: Json, known: Weights) -> Weights:
    """What is known of `value` and its members, for somebody who keeps nothing else alive."""
    values = [value, *_members(value)] if isinstance(value, dict | list) else []
    return {id(each): known[id(each)] for each in values if id(each) in known}


def _known(value: Json, known: Sequence[Weights]) -> Weight | None:
    for weights in known:
        weight = weights.get(id(value))
        if weight is not None:
            return weight
    return None


def _own(value: dict[str, Json] | list[Json]) -> int:
    names = sum(map(len, value)) if isinstance(value, dict) else 0
    return _MEMBER * (len(value) + 1) + names


def _members(value: dict[str, Json] | list[Json]) -> Iterable[Json]:
    return value.values() if isinstance(value, dict) else value

"""Places: the range keys of the runs table, which say what an item is and in which order a query finds it.

    run                                       the run itself
    start#<key>#<generation>                  an at-most-once effect was about to be tried
    step#<key>#<generation>                   how a step ended
    try#<key>#<generation>#<attempt>          a failed attempt that another followed
    with#<key>#<generation>                   steps of the graph itself that were recorded with one in a round
    within#<depth>#<rounds>#start#…, step#…, try#…    the same of steps in rounds of loops and maps

<rounds> names every round around the step, the outermost first, as <container>#<index>. Indexes are padded, so
that of all records at one depth below a container those of its newest round come last; and as the depth stands
first, the records that lie directly in rounds of a container are not mixed with those in rounds nested in them.
What a run needs whenever it is resumed lies between `FIRST_STATIC` and `LAST_STATIC`, without any round.
"""

from __future__ import annotations

import hashlib

from chalicelib.domain.run import Round
from chalicelib.store.table import bounded

RUN = "run"
# `#` sorts before every letter: `run` is before the first, `with#…` before the last, `within#…` behind it.
FIRST_STATIC = "run#"
LAST_STATIC = "within"
WITHIN = "within#"

STEP, TRY, START, WITH = "step", "try", "start", "with"

_LONGEST_KEY = 512
# Eight rounds of 65 bytes for the container and 12 for index and separators leave room for this much, and for the
# numbers, in the 1,024 bytes of a key.
_LONGEST_KEY_IN_ROUND = 200
_LONGEST_CONTAINER = 64
_INDEX_DIGITS = 10


def step_place(key: str, generation: int, around: Round | None = None) -> str:
    return _place(STEP, key, around, generation)


def attempt_place(key: str, generation: int, attempt: int, around: Round | None = None) -> str:
    return _place(TRY, key, around, generation, attempt)


def intent_place(key: str, generation: int, around: Round | None = None) -> str:
    return _place(START, key, around, generation)


def carrier_place(key: str, generation: int) -> str:
    return _place(WITH, key, None, generation)


def rounds_place(container: str, outer: Round | None, depth: int) -> str:
    """How the places begin of records `depth` rounds deep that lie in rounds of the container."""
    return f"{WITHIN}{depth}#{_path(outer)}{_name(container, outer)}#"


def round_place(container: str, outer: Round | None, index: int) -> str:
    """How the places begin of records that stand directly in one round of the container."""
    return f"{rounds_place(container, outer, depth_of(outer) + 1)}{index:0{_INDEX_DIGITS}}#"


def index_at(place: str, prefix: str) -> int:
    """The index of the round in a place that begins as `rounds_place` says."""
    return int(place[len(prefix) :].split("#", 1)[0])


def depth_at(place: str) -> int:
    """How many rounds are around the step; for places that begin with `WITHIN`."""
    return int(place.split("#", 2)[1])


def depth_of(around: Round | None) -> int:
    return 0 if around is None else 1 + depth_of(around.outer)


def kind_of(place: str) -> str:
    """`STEP`, `TRY`, `START` or `WITH`."""
    if not place.startswith(WITHIN):
        return place.split("#", 1)[0]
    # Behind `within`, the depth, and container and index of each round; separators in containers are escaped.
    return place.split("#")[2 + 2 * depth_at(place)]


def generation_of_intent(place: str) -> int:
    return int(place.rsplit("#", 1)[1])


def _place(kind: str, key: str, around: Round | None, *numbers: int) -> str:
    ends = "#".join(map(str, numbers))
    if around is None:
        return f"{kind}#{bounded(key, _LONGEST_KEY)}#{ends}"
    name = key.removeprefix(_prefix(around))
    return f"{WITHIN}{depth_of(around)}#{_path(around)}{kind}#{bounded(name, _LONGEST_KEY_IN_ROUND)}#{ends}"


def _path(around: Round | None) -> str:
    if around is None:
        return ""
    return f"{_path(around.outer)}{_name(around.container, around.outer)}#{around.index:0{_INDEX_DIGITS}}#"


def _name(container: str, outer: Round | None) -> str:
    """The container's name within its own round, without the separator; or its hash where it would be too long for
    eight of them to fit a key."""
    name = container if outer is None else container.removeprefix(_prefix(outer))
    name = name.replace("%", "%25").replace("#", "%23").replace("~", "%7E")
    raw = name.encode()
    return name if len(raw) <= _LONGEST_CONTAINER else f"~{hashlib.sha256(raw).hexdigest()}"  # `~` is escaped above


def _prefix(around: Round) -> str:
    return f"{around.container}.{around.index}/"

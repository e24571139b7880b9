"""Triggers of kind `schedule` in a graph: when its workflow is to be started by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NoReturn, TypeVar

from chalicelib.domain.cron import cron_timing, interval_timing
from chalicelib.domain.errors import DefinitionError, InvalidError
from chalicelib.domain.graph import Graph, Node
from chalicelib.domain.json import Json
from chalicelib.domain.schedules import (
    DEFAULT_CATCH_UP_LIMIT,
    MAX_CATCH_UP_LIMIT,
    CatchUp,
    Overlap,
    Timing,
)

KIND = "schedule"
_NODE_TYPE = "trigger"

T = TypeVar("T", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class ScheduleTrigger:
    """`timing` of an interval has no anchor. `input` is that of the runs it starts."""

    node_id: str
    timing: Timing
    overlap: Overlap = Overlap.ALLOW
    catch_up: CatchUp = CatchUp.NONE
    catch_up_limit: int = DEFAULT_CATCH_UP_LIMIT
    input: Json = field(default_factory=dict)


def check_triggers(graph: Graph) -> None:
    """Raises DefinitionError with `node_id`, `field` and `reason` for a trigger that could not be scheduled."""
    for node in _nodes(graph):
        _trigger(node)


def schedule_triggers(graph: Graph) -> tuple[ScheduleTrigger, ...]:
    """Those of the graph itself that nothing leads to. One that earlier releases stored unchecked and that cannot be
    scheduled is none."""
    found = []
    for node in _nodes(graph):
        with suppress(DefinitionError):
            found.append(_trigger(node))
    return tuple(found)


def _nodes(graph: Graph) -> Iterator[Node]:
    targets = {edge.target for edge in graph.edges}
    for node in graph.nodes:
        if node.type == _NODE_TYPE and node.config.get("kind") == KIND and node.id not in targets:
            yield node


def _trigger(node: Node) -> ScheduleTrigger:
    config = node.config
    try:
        timing = _timing(config)
    except InvalidError as error:
        member = error.field or "cron"
        _refuse(node, member, str(error.facts.get("reason") or error.message))
    return ScheduleTrigger(
        node.id,
        timing,
        overlap=_choice(node, "overlap", Overlap.ALLOW),
        catch_up=_choice(node, "catch_up", CatchUp.NONE),
        catch_up_limit=_limit(node),
        input=given if isinstance(given := config.get("input"), dict) else {},
    )


def _timing(config: Mapping[str, Json]) -> Timing:
    timezone = config.get("timezone", "UTC")
    cron, seconds = config.get("cron"), config.get("interval_seconds")
    assert isinstance(timezone, str), "the node type's members are checked before"
    if cron is not None and seconds is not None:
        raise InvalidError("'cron' and 'interval_seconds' exclude each other", field="interval_seconds")
    if isinstance(cron, str):
        return cron_timing(cron, timezone)
    if isinstance(seconds, int | float):
        if int(seconds) != seconds:
            raise InvalidError("'interval_seconds' has to be a whole number", field="interval_seconds")
        return interval_timing(int(seconds), timezone)
    raise InvalidError("'cron' or 'interval_seconds' is missing", field="cron")


def _choice(node: Node, name: str, default: T) -> T:
    value = node.config.get(name, default.value)
    kind = type(default)
    if not isinstance(value, str) or value not in set(kind):
        _refuse(node, name, f"has to be {' or '.join(kind)}")
    return kind(value)


def _limit(node: Node) -> int:
    value = node.config.get("catch_up_limit", DEFAULT_CATCH_UP_LIMIT)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_CATCH_UP_LIMIT:
        _refuse(node, "catch_up_limit", f"has to be a whole number from 1 to {MAX_CATCH_UP_LIMIT}")
    return value


def _refuse(node: Node, name: str, reason: str) -> NoReturn:
    message = f"'{name}': {reason}"
    raise DefinitionError(message, field=f"config.{name}", node_id=node.id, reason=reason)

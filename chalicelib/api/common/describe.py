"""The words in which a door describes its operations; what makes an OpenAPI document of them is loaded on demand.

A door's description stands in its `document.py`, keyed by verb and path as its routes are. Limits, defaults and choices
in it are the constants that the handlers themselves decode by. That it names exactly what the handlers read and answer
is proved by the tests, which watch both.

Types are whatever msgspec can describe (`TypedDict`, enums, `Annotated`), or a JSON Schema as it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from msgspec import Meta

Schema = dict[str, Any]
Type = Any
"""A type, or a JSON Schema."""

NOTHING: Schema = {}
"""The type of a reply without a body."""

OPEN: set[Any] = set()
"""Types of objects that may have members of their owner's beside those that are described."""

T = TypeVar("T")


def open_ended(type_: type[T]) -> type[T]:
    OPEN.add(type_)
    return type_


def about(text: str, **bounds: Any) -> Meta:
    """What a member is, and within which bounds: `ge`, `le`, `min_length`, `max_length`, `pattern`."""
    return Meta(description=text, **bounds)


def among(choices: Iterable[object], text: str | None = None) -> Meta:
    """A member with a few possible values."""
    return Meta(description=text, extra_json_schema={"enum": [str(each) for each in choices]})


def by_default(value: Any) -> Meta:
    return Meta(extra_json_schema={"default": value})


@dataclass(frozen=True, slots=True)
class Parameter:
    """Of the query, unless `where` says `header`; those of the path follow from it."""

    name: str
    about: str
    type: Type = str
    default: Any = None
    required: bool = False
    where: str = "query"


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent. Where `in_query`, each of its plain members may stand in the query instead."""

    type: Type
    required: bool = True
    in_query: bool = False
    media_types: tuple[str, ...] = ("application/json",)


@dataclass(frozen=True, slots=True)
class Content:
    """What is answered, within the door's envelope or as `wrap` has it."""

    type: Type
    about: str = ""
    wrap: Callable[[Schema], Schema] | None = None
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    """Header names with what they tell, beside those that every answer has."""


@dataclass(frozen=True, slots=True)
class Operation:
    """`id` is unique within its door. Of `replies`, a status of `default` stands for all that are not named; `refuses`
    are statuses of refusals beside those that every operation of its kind may answer with. `security` None is the
    door's own."""

    id: str
    tag: str
    summary: str
    replies: Mapping[int | str, Content]
    about: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    refuses: tuple[int, ...] = ()
    deprecated: bool = False
    security: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Prefix:
    """`suffix` tells the ids of a second prefix's operations from those of the first."""

    path: str
    suffix: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True)
class DoorDocument:
    """One dialect. `errors` are the schemas of its refusals by status, `conflict` the status of a change that the
    stored state does not allow; `security` are names of schemes, any of which opens the door."""

    name: str
    title: str
    about: str
    prefixes: tuple[Prefix, ...]
    operations: Mapping[str, Operation]
    tags: Mapping[str, str]
    path_parameters: Mapping[str, str]
    errors: Mapping[int, Schema]
    envelope: Callable[[Schema], Schema]
    conflict: int
    security: tuple[str, ...] = ("bearer",)
    limited: bool = True
    """Whether calls are counted, so that they may be refused with 429."""
    also: tuple[Type, ...] = ()
    """Types that envelopes refer to."""
    examples: Callable[[], Mapping[str, Any]] = dict
    """By operation id: what one exchange sent and got."""


def bare(schema: Schema) -> Schema:
    """No envelope."""
    return schema


def closed(properties: Mapping[str, Schema], *optional: str) -> Schema:
    """An object of exactly these members."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }

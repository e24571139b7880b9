"""Node types: what each is called, how its configuration is read, and whether running it has an effect.

A step without effect is a function of recorded outcomes: it can be computed again after a crash, so it needs
no checkpoint of its own. A step with an effect is recorded before anything that follows it starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

_ANY: tuple[type, ...] = (object,)
_TEXT: tuple[type, ...] = (str,)
_OBJECT: tuple[type, ...] = (dict, str)
_NUMBER: tuple[type, ...] = (int, float, str)


class Kind(StrEnum):
    """Who carries a step of this type out."""

    PURE = "pure"
    EFFECT = "effect"
    WAIT = "wait"
    INPUT = "input"
    CHILD = "child"
    CONTAINER = "container"


@dataclass(frozen=True, slots=True)
class NodeType:
    """`members` are the known members of `config` with the JSON types each may have (a text may be a template);
    `raw` ones are passed on unrendered, `expressions` may be written with or without delimiters. `bodies` names the
    graphs a container must have. An `internal` type is for graphs that we compile: no client names it."""

    name: str
    kind: Kind = Kind.PURE
    members: Mapping[str, tuple[type, ...]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    raw: frozenset[str] = frozenset()
    expressions: frozenset[str] = frozenset()
    bodies: tuple[str, ...] = ()
    internal: bool = False


_HTTP_MEMBERS: Mapping[str, tuple[type, ...]] = {
    "url": _TEXT,
    "method": _TEXT,
    "headers": _OBJECT,
    "query": _OBJECT,
    "body": _ANY,
    "auth": (dict,),
    "timeout_seconds": _NUMBER,
    "accept_status": (int, list, str),
    "save_as_file": (bool,),
}

_BEGUN: Mapping[str, tuple[type, ...]] = {"begin": _TEXT}
"""What `flow_begin` said."""

_STAGE = frozenset({"stage", "id", "to", "response_mapping", "proceed"})

_PARAMS: Mapping[str, tuple[type, ...]] = {"params": (dict,), "overlay": (list,)}
"""`overlay` are names of members of `params` for which the run's input, where it has them, wins."""

NODE_TYPES: Mapping[str, NodeType] = {
    type_.name: type_
    for type_ in (
        NodeType(
            "trigger",
            members={"kind": _TEXT, "cron": _TEXT, "interval_seconds": (int, float), "timezone": _TEXT},
            raw=frozenset({"kind", "cron", "interval_seconds", "timezone", "input"}),
        ),
        NodeType("http_request", Kind.EFFECT, members=_HTTP_MEMBERS, required=("url",)),
        NodeType("transform", members={"values": _OBJECT, "keep": (bool, str)}),
        NodeType(
            "condition",
            members={"condition": (str, bool)},
            required=("condition",),
            expressions=frozenset({"condition"}),
        ),
        NodeType("switch", members={"value": _ANY, "cases": (list,)}, required=("value", "cases")),
        NodeType(
            "wait",
            Kind.WAIT,
            members={"seconds": _NUMBER, "until": _TEXT},
            one_of=("seconds", "until"),
        ),
        NodeType("fork", Kind.CONTAINER),
        NodeType(
            "loop",
            Kind.CONTAINER,
            members={"while": (str, bool), "collect": _ANY, "max_iterations": _NUMBER},
            required=("while",),
            expressions=frozenset({"while", "collect"}),
            bodies=("body",),
        ),
        NodeType(
            "map",
            Kind.CONTAINER,
            members={"items": (str, list), "concurrency": _NUMBER},
            required=("items",),
            bodies=("body",),
        ),
        NodeType(
            "user_input",
            Kind.INPUT,
            members={"form": (dict,), "timeout_seconds": _NUMBER, "allowed_users": (list,)},
            raw=frozenset({"form", "allowed_users"}),
        ),
        NodeType(
            "sub_workflow",
            Kind.CHILD,
            members={"workflow_id": _TEXT, "input": _ANY},
            required=("workflow_id",),
        ),
        NodeType(
            "emit",
            Kind.EFFECT,
            members={"event": _ANY, "channel": _TEXT, "id": _ANY, "summary": _TEXT},
            required=("event",),
        ),
        NodeType("mqtt_publish", Kind.EFFECT, members={**_PARAMS, "params": _OBJECT}, required=("params",)),
        NodeType("haystack", Kind.EFFECT, members={**_PARAMS, "params": _OBJECT}, required=("params",)),
        NodeType("ai_converse", Kind.EFFECT, members={**_PARAMS, "params": _OBJECT}, required=("params",)),
        NodeType("script_execution", Kind.EFFECT, members={**_PARAMS, "params": _OBJECT}, required=("params",)),
        NodeType(
            "pin_data",
            Kind.EFFECT,
            members={"pin_id": _TEXT, "workflow_id": _TEXT, "data": _OBJECT},
            required=("pin_id",),
        ),
        NodeType(
            "code",
            Kind.EFFECT,
            members={"code": _TEXT, "input": _ANY, "props": _OBJECT},
            required=("code",),
            raw=frozenset({"code"}),
        ),
        NodeType("fail", members={"message": _ANY}),
        NodeType("noop"),
        NodeType("task_input", members=_PARAMS, required=("params",), internal=True),
        NodeType("rest_connector", Kind.EFFECT, members=_PARAMS, required=("params",), internal=True),
        NodeType("chore", Kind.EFFECT, internal=True),
        NodeType("source", Kind.EFFECT, internal=True),
        NodeType("bulk_retry_list", Kind.EFFECT, internal=True),
        NodeType(
            "bulk_retry_chunk",
            Kind.EFFECT,
            members={"run_ids": (str, list)},
            required=("run_ids",),
            internal=True,
        ),
        NodeType(
            "flow_begin",
            Kind.EFFECT,
            raw=frozenset({"generators", "stages", "integration", "settings", "auto_resolve"}),
            internal=True,
        ),
        NodeType(
            "export",
            Kind.EFFECT,
            members=_BEGUN,
            raw=frozenset({"generator", "export", "stages", "first"}),
            internal=True,
        ),
        NodeType("lookup", Kind.EFFECT, members=_BEGUN, raw=_STAGE, internal=True),
        NodeType("import", Kind.EFFECT, members=_BEGUN, raw=_STAGE, internal=True),
        NodeType("router", Kind.EFFECT, members=_BEGUN, raw=frozenset({"stage", "branches", "to_all"}), internal=True),
        NodeType(
            "tally",
            Kind.EFFECT,
            members={**_BEGUN, "page": _TEXT, "outputs": (dict,)},
            raw=frozenset({"generator", "export", "stages", "skip_retries"}),
            internal=True,
        ),
        NodeType(
            "flow_end",
            Kind.EFFECT,
            members={**_BEGUN, "ended": (dict,)},
            raw=frozenset({"exports", "next"}),
            internal=True,
        ),
    )
}


def allows(types: tuple[type, ...], value: object) -> bool:
    """Whether a JSON value has one of the types; true and false are no numbers."""
    if isinstance(value, bool):
        return bool in types or object in types
    return isinstance(value, types)

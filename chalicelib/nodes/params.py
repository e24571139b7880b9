"""Reading the members of a node's `params`, as node types have them that are configured by one object."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.domain.json import Json
from chalicelib.domain.run import StepError
from chalicelib.nodes.steps import StepContext, StepFailure


def params_of(context: StepContext) -> Mapping[str, Json]:
    """The rendered `params`. Raises StepFailure if they are no object."""
    params = context.task.config().get("params")
    if not isinstance(params, Mapping):
        raise invalid("'params' must be an object")
    return params


def text(members: Mapping[str, Json], name: str) -> str:
    """Raises StepFailure where the member is missing, empty or no text."""
    value = members.get(name)
    if not isinstance(value, str) or not value.strip():
        raise invalid(f"'{name}' is missing or not a text")
    return value


def optional_text(members: Mapping[str, Json], name: str) -> str | None:
    """None for what is missing, null or empty."""
    return None if members.get(name) in (None, "") else text(members, name)


def invalid(message: str) -> StepFailure:
    return StepFailure(StepError("invalid_config", message))

"""Node types without effect: triggers, values, choices, and the two that only pass or fail."""

from __future__ import annotations

from chalicelib.domain.json import Json, encode_text
from chalicelib.domain.run import StepError
from chalicelib.nodes.steps import Result, StepContext, StepFailure


def trigger(context: StepContext) -> Result:
    """Passes on the run's input."""
    return Result(context.task.incoming)


def noop(context: StepContext) -> Result:
    return Result(context.task.incoming)


def task_input(context: StepContext) -> Result:
    """The rendered `params`, the run's own values laid over them."""
    return Result(context.task.config()["params"])


def transform(context: StepContext) -> Result:
    """The rendered `values`, laid over what came in when `keep` is set."""
    config = context.task.config()
    values = config.get("values", {})
    if not isinstance(values, dict):
        raise StepFailure(StepError("invalid_config", "'values' must be an object"))
    if config.get("keep") is True and isinstance(context.task.incoming, dict):
        return Result({**context.task.incoming, **values})
    return Result(values)


def condition(context: StepContext) -> Result:
    """Leaves through `true` or `false` and passes on what came in."""
    holds = bool(context.task.evaluate("condition"))
    return Result(context.task.incoming, ports=("true" if holds else "false",))


def switch(context: StepContext) -> Result:
    """Leaves through the port named like the first case that equals `value`, else through `default`."""
    config = context.task.config()
    cases = config["cases"]
    if not isinstance(cases, list):
        raise StepFailure(StepError("invalid_config", "'cases' must be a list"))
    wanted = port_name(config["value"])
    port = next((name for name in map(port_name, cases) if name == wanted), "default")
    return Result(context.task.incoming, ports=(port,))


def port_name(value: Json) -> str:
    """A case as the name of its port: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else encode_text(value)


def fail(context: StepContext) -> Result:
    """Fails with the rendered `message`."""
    message = context.task.config().get("message", "the workflow ended itself")
    raise StepFailure(StepError("fail", port_name(message)))

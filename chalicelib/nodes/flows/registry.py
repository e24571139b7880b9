"""The handlers of flows by node type. Most functions never run a flow, so each is loaded when its first step comes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from chalicelib.nodes.steps import Handler, Result, StepContext

if TYPE_CHECKING:
    from chalicelib.nodes.flows.ports import FlowPorts

_MODULES = {
    "flow_begin": "begin",
    "export": "export",
    "lookup": "lookup",
    "import": "imports",
    "router": "router",
    "tally": "tally",
    "flow_end": "end",
}


def handlers(ports: Callable[[], FlowPorts]) -> Mapping[str, Handler]:
    """By node type. `ports` are asked for when a step runs."""
    return {type_: _when_needed(module, ports) for type_, module in _MODULES.items()}


def _watch(ports: FlowPorts, context: StepContext) -> Callable[[], bool]:
    from chalicelib.nodes.flows.watch import RunWatch

    return RunWatch(ports.runs, context.task.run, ports.clock, context.now()).is_over


def _when_needed(module: str, ports: Callable[[], FlowPorts]) -> Handler:
    @cache
    def made() -> Handler:
        found: Handler = import_module(f"chalicelib.nodes.flows.{module}").handler(ports())
        return found

    def handler(context: StepContext) -> Result:
        handle = made()
        context.is_over = _watch(ports(), context)
        return handle(context)

    return handler

"""`flow_end`: what follows from a run whose pages are all through.

Only where no generator failed do the marks of its deltas move, and the flows start that come after it: whoever failed
exports the same window again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.json import Json
from chalicelib.domain.run import StepError
from chalicelib.domain.times import parse_iso
from chalicelib.nodes.flows.ports import FlowPorts, begun, config_of, given_input, patient
from chalicelib.nodes.steps import Handler, Result, StepContext, StepFailure

MOST_IN_A_ROW = 100
"""How many flows may start each other one after the other, so that two that name each other come to an end."""


def handler(ports: FlowPorts) -> Handler:
    @patient
    def flow_end(context: StepContext) -> Result:
        config = config_of(context.task)
        said = begun(config)
        failed = [key for key in said["generators"] if _has_failed(config["ended"].get(key))]
        if failed:
            names = ", ".join(config["exports"][key] for key in failed)
            raise StepFailure(StepError("generator_failed", f"the export failed: {names}"))
        # Before any flow starts: one that follows may have its delta stay behind these marks.
        _move_deltas(ports, context, said, config["exports"])
        return Result({"started": _start_following(ports, context, config, said)})

    return flow_end


def _has_failed(ended: Any) -> bool:
    return not isinstance(ended, dict) or ended.get("failed") is True


def _move_deltas(ports: FlowPorts, context: StepContext, said: Mapping[str, Any], exports: Mapping[str, str]) -> None:
    run = context.task.run
    for key, until in said["deltas"].items():
        ports.marks.move_delta(run.workspace_id, run.workflow_id, exports[key], parse_iso(until), run.created_at)


def _start_following(
    ports: FlowPorts, context: StepContext, config: Mapping[str, Any], said: Mapping[str, Any]
) -> list[Json]:
    """The flows that were started. What is tried again, or only tested, starts none."""
    if "retry" in said or said.get("test") is True:
        return []
    run = context.task.run
    depth = given_input(run).get("depth")
    depth = depth + 1 if isinstance(depth, int) and not isinstance(depth, bool) else 1
    if config["next"] and depth > MOST_IN_A_ROW:
        context.log("warning", f"more than {MOST_IN_A_ROW} flows have started each other: the next ones are left out")
        return []
    wanted = [(each, None) if isinstance(each, str) else (each["flow"], each["exports"]) for each in config["next"]]
    return [flow_id for flow_id, exports in wanted if ports.follower.start(run, flow_id, depth, exports)]

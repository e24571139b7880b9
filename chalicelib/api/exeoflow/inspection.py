"""Calls for those who look at an installation: how a workflow's graph is made, where a run stands in it, how the
workspace fares. They read workflows of every dialect, and change nothing."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.services import Services
from chalicelib.api.exeoflow import inspection_wire as wire
from chalicelib.api.exeoflow.envelope import success
from chalicelib.domain.errors import InvalidError
from chalicelib.services.access import Scope

MAX_STEP_KEY_LENGTH = 2_000


class Inspection:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def workflow_graph(self, call: Call) -> Reply:
        view = self._services().workflows.get(call.principal, call.params["workflow_id"])
        return success(wire.workflow_graph(view.workflow, view.body.version, view.body.graph))

    def run_graph(self, call: Call) -> Reply:
        services = self._services()
        run = services.runs.owned(call.principal, call.params["execution_id"], Scope.READ_RUNS)
        workflow = services.workflows.of_run(run)
        with_config = call.principal.may(Scope.READ_WORKFLOWS)
        return success(wire.run_graph(run, workflow, services.runs.graph(run), with_config=with_config))

    def timeline(self, call: Call) -> Reply:
        """Of the whole run; with `container`, of the rounds of that loop or map."""
        services = self._services()
        run = services.runs.owned(call.principal, call.params["execution_id"], Scope.READ_RUNS)
        container = call.param("container")
        if container is None:
            return success(wire.timeline(services.runs.view(run), services.clock.now()))
        if not 0 < len(container) <= MAX_STEP_KEY_LENGTH:
            raise InvalidError("'container' is too long or empty", field="container")
        return success(wire.rounds(services.runs.rounds(run, container)))

    def overview(self, call: Call) -> Reply:
        return success(wire.overview(self._services().overview.of(call.principal)))

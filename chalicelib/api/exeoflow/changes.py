"""Calls that change an execution that is there, or make another of it.

The execution is looked up before the body is read: who may not see it learns nothing from a refused body.
"""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.parsing import member, one_of, required
from chalicelib.api.common.services import Services
from chalicelib.api.exeoflow import wire
from chalicelib.api.exeoflow.envelope import success
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.json import Json
from chalicelib.services.access import Scope

MAX_STEP_LENGTH = 2_000
RETRY_MODES = ("new", "failed")
VERSIONS = ("newest", "same")


class Changes:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def pause(self, call: Call) -> Reply:
        run = self._services().control.pause(call.principal, _id(call))
        return success(wire.changed(run, wire.PAUSED_MESSAGE))

    def resume(self, call: Call) -> Reply:
        run = self._services().control.resume(call.principal, _id(call))
        return success(wire.changed(run, wire.RESUMED_MESSAGE))

    def input(self, call: Call) -> Reply:
        """Answers a `user_input` step, named by its node, or by its key where a loop or map has several."""
        body = self._body(call)
        step = _node(body)
        if "value" not in body:
            raise InvalidError("'value' is missing", field="value")
        run = self._services().control.answer(call.principal, _id(call), step, body["value"])
        return success(wire.changed(run, wire.ANSWERED_MESSAGE))

    def retry(self, call: Call) -> Reply:
        """A new execution, as documented; or, if asked for, the same one from its failed steps on."""
        mode = _choice(self._body(call), "mode", RETRY_MODES)
        if mode == "failed":
            return success(wire.continued(self._services().control.retry(call.principal, _id(call))))
        return success(wire.started(self._services().runs.start_again(call.principal, _id(call))))

    def rerun(self, call: Call) -> Reply:
        node_id = _node(self._body(call))
        return success(wire.continued(self._services().control.rerun(call.principal, _id(call), node_id)))

    def replay(self, call: Call) -> Reply:
        version = _choice(self._body(call), "version", VERSIONS)
        run = self._services().control.replay(call.principal, _id(call), newest=version == "newest")
        return success(wire.started(run))

    def _body(self, call: Call) -> dict[str, Json]:
        """An empty one is an object without members."""
        self._services().runs.owned(call.principal, _id(call), Scope.WRITE_RUNS)
        return call.json_object() if call.body().strip() else {}


def _id(call: Call) -> str:
    return call.params["execution_id"]


def _node(body: dict[str, Json]) -> str:
    node_id = required(member(body, "node_id", str), "node_id")
    if not 0 < len(node_id) <= MAX_STEP_LENGTH:
        raise InvalidError("'node_id' is too long or empty", field="node_id")
    return node_id


def _choice(body: dict[str, Json], name: str, choices: tuple[str, ...]) -> str:
    """One of the choices; the first unless the body says otherwise."""
    value = member(body, name, str)
    return choices[0] if value is None else one_of(value, name, choices)

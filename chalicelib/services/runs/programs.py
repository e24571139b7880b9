"""Definitions made ready, kept between runs."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from chalicelib.domain.program import Program
from chalicelib.domain.run import Run
from chalicelib.domain.sources import RUN_GRAPH
from chalicelib.domain.workflow import SOURCE_BODY
from chalicelib.services.ports import WorkflowStore

_SOURCE_PROGRAM = Program.of(RUN_GRAPH)


class Programs:
    """A version never changes, so it never has to be read again."""

    def __init__(self, workflows: WorkflowStore, capacity: int = 256) -> None:
        self._workflows = workflows
        self._capacity = capacity
        self._programs: OrderedDict[tuple[str, str], Program] = OrderedDict()
        self._lock = Lock()

    def of(self, run: Run) -> Program:
        """Raises NotFoundError if the version is gone, DefinitionError if it cannot be run."""
        if run.body_ref == SOURCE_BODY:
            return _SOURCE_PROGRAM
        name = (run.workflow_id, run.body_ref)
        with self._lock:
            if name in self._programs:
                self._programs.move_to_end(name)
                return self._programs[name]
        # Read and compiled outside the lock: two threads may do it twice, but nobody waits for another's definition.
        body = self._workflows.body(run.workspace_id, run.workflow_id, run.body_ref)
        program = Program.of(body.graph)
        with self._lock:
            self._programs[name] = program
            while len(self._programs) > self._capacity:
                self._programs.popitem(last=False)
        return program

"""Chores: work that a call sets off and that takes longer than the call may.

A chore is a run of a graph of our own (`services.built_in`): a loop whose body does one bounded slice and says whether
there is more. A slice may be done twice, so each kind of chore must be safe to repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.graph import Graph, Node, RetryPolicy
from chalicelib.domain.json import Json
from chalicelib.domain.run import Run
from chalicelib.domain.workflow import CHORE_ID
from chalicelib.services.ports import Clock, WorkflowStore
from chalicelib.services.runs.built_in import BuiltIn
from chalicelib.services.runs.runs import Runs

WORKFLOW_NAME = "Hintergrundarbeit"

Arguments = Mapping[str, Json]
Slice = Callable[[str, Arguments], bool]
"""Does a part of a chore, by workspace and arguments; True if there is more."""

_PERSISTENT = RetryPolicy(max_attempts=100, delay_seconds=2.0, max_delay_seconds=300.0)
_SLICE = Node("slice", "chore", retry=_PERSISTENT, timeout_seconds=60.0)
_EVERY_SLICE = Node(
    "slices",
    "loop",
    config={"while": "$prev.more", "max_iterations": 10_000_000},
    bodies={"body": Graph((_SLICE,))},
)
BUILT_IN = BuiltIn(CHORE_ID, WORKFLOW_NAME, Graph((_EVERY_SLICE,)))


class Chores:
    """`kinds` are the slices by the names that `start` is called with."""

    def __init__(self, *, workflows: WorkflowStore, runs: Runs, clock: Clock, kinds: Mapping[str, Slice]) -> None:
        self._workflows = workflows
        self._runs = runs
        self._clock = clock
        self._kinds = kinds

    def start(self, workspace_id: str, kind: str, arguments: Arguments) -> str:
        """Accepts the chore, durably; returns the id of the run that does it. Repeating the call does it again."""
        self._slice_of(kind)
        workflow = BUILT_IN.in_workspace(self._workflows, workspace_id, self._clock.now())
        return self._runs.start(workflow, {"kind": kind, "arguments": dict(arguments)}, trigger="chore").id

    def do(self, run: Run) -> bool:
        """The next slice of the chore that the run is; True if there is more. Raises PenstockError."""
        wanted = run.input if isinstance(run.input, dict) else {}
        arguments = wanted.get("arguments")
        return self._slice_of(wanted.get("kind"))(run.workspace_id, arguments if isinstance(arguments, dict) else {})

    def _slice_of(self, kind: Json) -> Slice:
        if not isinstance(kind, str) or kind not in self._kinds:
            raise InvalidError(f"This installation knows no chore '{kind}'.", kind=kind)
        return self._kinds[kind]

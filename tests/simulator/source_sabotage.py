"""Broken parts of sources, each wrong in one way that matters: what the checks have to notice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chalicelib.domain.dedupe import Memory
from chalicelib.services.events.fanout import Fanout
from tests.simulator.delivery_sabotage import Broken, DeniesListeners
from tests.simulator.schedule_sabotage import LetsEverybodyGo, LosesDueTimes, SeesNobody, StartsNothing


class IgnoresVersions(Broken):
    """Lets the slower of two invocations win."""

    def put(self, state: Any) -> None:
        stored = self._real.get(state.workspace_id, state.source_id)
        self._real.put(replace(state, version=stored.version + 1))


class ForgetsOutboxes(Broken):
    """Stores what an invocation leaves, and nothing of what it said."""

    def put(self, state: Any) -> None:
        self._real.put(replace(state, outbox=None))


class RemembersNoIds(Broken):
    """Knows nothing of what was emitted before."""

    def get(self, workspace_id: str, source_id: str) -> Any:
        return replace(self._real.get(workspace_id, source_id), memory=Memory())


class ForgetsInvocations(Broken):
    """Does not know which invocations have happened."""

    def get(self, workspace_id: str, source_id: str) -> Any:
        return replace(self._real.get(workspace_id, source_id), done=())


class LosesDatabases(Broken):
    """Begins each invocation from nothing."""

    def get(self, workspace_id: str, source_id: str) -> Any:
        return replace(self._real.get(workspace_id, source_id), db={})


class KeepsStates(Broken):
    """Keeps the state of what is gone."""

    def delete(self, workspace_id: str, source_id: str) -> None:
        return


class SeesNobodyAtRest(Broken):
    def get(self, workspace_id: str, source_id: str) -> Any:
        return replace(self._real.get(workspace_id, source_id), active=True, deleting=False)


class SwallowsEvents(Broken):
    """Says that it stored what was said."""

    def put(self, event: Any, *, due_at: Any) -> bool:
        return True


class KeepsSchedules(Broken):
    """Keeps the timers of what is gone."""

    def delete(self, workspace_id: str, schedule_id: str) -> None:
        return


def deaf(fanout: Fanout) -> Fanout:
    """Tells no source of anything."""
    return replace(fanout, others={})


SOURCES = (
    ("source_states", IgnoresVersions),
    ("source_states", ForgetsOutboxes),
    ("source_states", RemembersNoIds),
    ("source_states", ForgetsInvocations),
    ("source_states", LosesDatabases),
    ("source_states", KeepsStates),
    ("sources", SeesNobodyAtRest),
    ("events", SwallowsEvents),
    ("schedules", LosesDueTimes),
    ("schedules", KeepsSchedules),
    ("subscriptions", DeniesListeners),
    ("source_target", StartsNothing),
    ("source_target", SeesNobody),
    ("limiter", LetsEverybodyGo),
    ("fanout", deaf),
)
"""Names of parts, and what makes something broken of each."""

"""Reading what was recorded in rounds of loops and maps, at a cost that does not depend on the rounds before.

Rounds of a container may be known only by records of containers nested in them. How deep a run's records go is
told by its last place; at each depth the last place below the container is in its newest round.
"""

from __future__ import annotations

from chalicelib.domain.run import History, Round
from chalicelib.store.attributes import unexpired
from chalicelib.store.runs.items import StepItem
from chalicelib.store.runs.places import WITHIN, depth_at, depth_of, index_at, round_place, rounds_place
from chalicelib.store.runs.step_records import StepRecords


class RunRounds(StepRecords):
    def round_history(
        self, run_id: str, container: str, outer: Round | None, *, newest_only: bool
    ) -> tuple[History, Round | None]:
        newest = self._newest(run_id, container, outer)
        if newest is None:
            return History(), None
        if newest_only:
            prefix = round_place(container, outer, newest.index)
        else:
            prefix = rounds_place(container, outer, depth_of(outer) + 1)
        direct = (StepItem.run_id == run_id) & StepItem.place.startswith(prefix)
        found = self._runs.table.query(direct, unexpired(self._runs.now()))
        return self._history(run_id, [StepItem.from_raw_data(raw) for raw in found]), newest

    def _newest(self, run_id: str, container: str, outer: Round | None) -> Round | None:
        deepest = self._last(run_id, WITHIN)
        if deepest is None:
            return None
        found: list[tuple[int, StepItem]] = []
        for depth in range(depth_of(outer) + 1, depth_at(deepest.place) + 1):
            prefix = rounds_place(container, outer, depth)
            # The last place of all is the last of its own prefix too: where there is one loop, no other query is made.
            last = deepest if deepest.place.startswith(prefix) else self._last(run_id, prefix)
            if last is not None:
                found.append((index_at(last.place, prefix), last))
        if not found:
            return None
        _, item = max(found, key=lambda each: each[0])
        around = self._unpack_round(item)
        return around and around.within(container)

    def _last(self, run_id: str, prefix: str) -> StepItem | None:
        keys = (StepItem.run_id == run_id) & StepItem.place.startswith(prefix)
        found = self._runs.table.query(keys, unexpired(self._runs.now()), newest_first=True, page_size=1)
        raw = next(found, None)
        return None if raw is None else StepItem.from_raw_data(raw)

"""What must hold of sources: each invocation leaves its state and its events once, in order, and none while at rest.

The account is kept from the calls as they take effect. What an invocation had to leave is told from how often the code
had run before, and what was to be emitted of it is judged a second time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from chalicelib.domain.dedupe import Strategy
from chalicelib.domain.events import Event, EventId, EventPlace, stream_of
from chalicelib.domain.run import Run
from chalicelib.domain.schedules import Schedule
from chalicelib.domain.source_state import SourceState
from chalicelib.domain.sources import Source
from chalicelib.domain.workflow import is_source
from chalicelib.services.events.fanout import listener_run_id
from tests.simulator.deployment import Stores
from tests.simulator.firing import FiringWatch
from tests.simulator.gadgets import COUNTER, Judge, payloads, said, throws
from tests.simulator.world import Actor, ViolationError, World

WORKSPACE = "ws_1"
_ERRORS = "$errors"


@dataclass(slots=True)
class _Account:
    """What is known of one source. `versions` are when it was live and when not, by step."""

    strategy: Strategy
    judge: Judge
    state: SourceState
    versions: list[tuple[int, bool]] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    said: set[str] = field(default_factory=set)
    newest: dict[str, EventId] = field(default_factory=dict)
    is_gone: bool = False

    @property
    def is_live(self) -> bool:
        return bool(self.versions) and self.versions[-1][1]


class SourceWatch:
    """Observes the ports `sources`, `source_states`, `events`, `subscriptions` and `runs`."""

    def __init__(
        self,
        world: World,
        stores: Stores,
        strategies: Mapping[str, Strategy],
        due_changed: Callable[[datetime], None],
    ) -> None:
        self._world = world
        self._stores = stores
        self._strategies = strategies
        self._due_changed = due_changed
        self._step = 0
        self._accounts: dict[str, _Account] = {}
        self._read: dict[Actor, tuple[str, bool]] = {}
        self._asked: dict[tuple[Actor, str, str], tuple[int, bool]] = {}
        self._placed: dict[tuple[str, str], EventPlace] = {}
        self._heard_since: dict[EventPlace, int] = {}
        self._listening: dict[tuple[str, str, str], int] = {}
        self._told: set[str] = set()
        self.counted: Counter[str] = Counter()

    def fail(self, message: str) -> NoReturn:
        self._world.violate(ViolationError(message))

    def before(self, call: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        return

    def after(self, call: str, arguments: tuple[Any, ...], named: dict[str, Any], result: Any) -> None:
        self._step += 1
        if isinstance(result, Exception):
            return
        match call:
            case "sources.create" | "sources.replace":
                self._deployed(arguments[0])
            case "sources.delete":
                self._gone(arguments[1])
            case "sources.get" | "sources.find":
                self._read[self._world.acting()] = (result.id, self._account(result.id).is_live)
            case "source_states.put":
                self._stored(arguments[0])
            case "source_states.delete":
                self._account(arguments[1]).state = SourceState(WORKSPACE, arguments[1])
            case "events.append":
                self._put(result, named["due_at"])
            case "events.put":
                if result:
                    self._put(arguments[0], named["due_at"])
            case "events.rearm" if result:
                self._due_changed(arguments[2])
            case "events.settle":
                self._settled(arguments[0])
            case "runs.create":
                self._made(arguments[0])
            case _ if call.startswith("subscriptions."):
                self._subscribed(call, arguments, result)

    def account(self, source_id: str) -> _Account | None:
        return self._accounts.get(source_id)

    def _account(self, source_id: str) -> _Account:
        """That of a source which may be still to come: hooks run before it is stored."""
        if source_id not in self._accounts:
            self._accounts[source_id] = _Account(
                Strategy.NONE, Judge(Strategy.NONE), SourceState(WORKSPACE, source_id), [(self._step, False)]
            )
        return self._accounts[source_id]

    # -- what is deployed ---------------------------------------------------------------------------------------------

    def _deployed(self, source: Source) -> None:
        account = self._account(source.id)
        strategy = self._strategies[source.component_id]
        if account.strategy is not strategy:
            account.strategy, account.judge = strategy, Judge(strategy)
        account.versions.append((self._step, source.is_live))

    def _gone(self, source_id: str) -> None:
        account = self._account(source_id)
        account.is_gone = True
        account.versions.append((self._step, False))

    # -- what an invocation leaves ------------------------------------------------------------------------------------

    def _stored(self, state: SourceState) -> None:
        account = self._account(state.source_id)
        before = account.state
        if state.version != before.version + 1:
            self.fail(f"{state.source_id} went from version {before.version} to {state.version}")
        for entry in before.outbox.entries if before.outbox is not None else ():
            place = self._placed.get((state.source_id, entry.emit_id))
            if not account.is_gone and (place is None or self._stores.events.get(place) is None):
                self.fail(f"{state.source_id} said {entry.payload!r} on '{entry.channel}', and forgets it")
        if state.done != before.done:
            self._committed(account, before, state)
        elif (state.db, state.memory) != (before.db, before.memory) or state.outbox is not None:
            self.fail(f"{state.source_id} was changed by nobody")
        account.state = state

    def _committed(self, account: _Account, before: SourceState, state: SourceState) -> None:
        """An invocation has happened."""
        key, entries = state.done[-1].key, state.outbox.entries if state.outbox is not None else ()
        if key in account.done:
            self.fail(f"{key} of {state.source_id} happened twice")
        account.done.add(key)
        n: Any = before.db.get(COUNTER, 0)
        is_hook = key.startswith("hooks/")
        wanted = [] if is_hook else account.judge.kept(said(account.strategy, n))
        if payloads(entries) != wanted:
            self.fail(f"{state.source_id} emits {payloads(entries)} after {n} runs, and was to emit {wanted}")
        if state.db.get(COUNTER, 0) != n + (not is_hook):
            self.fail(f"{state.source_id} ran {n} times, and its state says {state.db.get(COUNTER, 0)}")
        if sum(entry.channel == _ERRORS for entry in entries) != (throws(n) and not is_hook):
            self.fail(f"{state.source_id} tells otherwise of what it threw")
        if not is_hook:
            self._was_live(state.source_id, f"{key} happened")
            self.counted["invocations"] += 1
        for entry in entries:
            if entry.emit_id in account.said:
                self.fail(f"{entry.emit_id} of {state.source_id} is said twice")
            account.said.add(entry.emit_id)
            if entry.id is not None:
                self._follows(account, state.source_id, stream_of(entry.channel), entry.id)

    def _follows(self, account: _Account, source_id: str, stream: str, id_: EventId) -> None:
        if stream in account.newest and id_ <= account.newest[stream]:
            self.fail(f"{id_} follows {account.newest[stream]} in the stream '{stream}' of {source_id}")
        account.newest[stream] = id_

    def _was_live(self, source_id: str, what: str) -> None:
        """Whoever acts has looked at the source, and it was live when he did."""
        if self._read.get(self._world.acting()) != (source_id, True):
            self.fail(f"{what} although {source_id} is at rest")

    # -- where it goes ------------------------------------------------------------------------------------------------

    def _put(self, event: Event, due_at: datetime | None) -> None:
        emission = event.emission
        emitter, channel = emission.emitter.id, emission.channel
        known = self._placed.setdefault((emitter, emission.emit_id), event.place)
        if known != event.place:
            self.fail(f"{emission.emit_id} of {emitter} is there twice, as {known.id} and {event.id}")
        if due_at is not None:
            self._due_changed(due_at)
        step, is_heard = self._asked.get((self._world.acting(), emitter, channel), (self._step, False))
        if event.place not in self._heard_since:
            self._heard_since[event.place] = step
            self.counted["events"] += 1
            if is_heard and self._stores.events._due.get(event.place) is None:
                self.fail(f"nothing makes sure that the listeners of {emitter} hear of {event.id}")

    def _subscribed(self, call: str, arguments: tuple[Any, ...], result: Any) -> None:
        match call:
            case "subscriptions.create":
                self._listening.setdefault((result.emitter, result.channel, result.listener_id), self._step)
            case "subscriptions.delete":
                self._listening.pop(arguments[1:], None)
            case "subscriptions.delete_of":
                gone = [each for each in self._listening if arguments[1] in (each[0], each[2])]
                for each in gone:
                    del self._listening[each]
            case "subscriptions.any_for":
                if not result and any(each[:2] == arguments[2:4] for each in self._listening):
                    self.fail(f"somebody listens to {arguments[2]} on '{arguments[3]}', and any_for denies it")
                self._asked[self._world.acting(), arguments[2], arguments[3]] = (self._step, result)

    def _settled(self, place: EventPlace) -> None:
        """Nobody looks after the event any more: every source that had to hear of it has."""
        event = self._stores.events.get(place)
        if event is None or place not in self._heard_since:
            return
        since, emission = self._heard_since[place], event.emission
        for (emitter, channel, listener_id), listens_since in self._listening.items():
            if (emitter, channel) != (place.emitter.id, emission.channel) or listens_since >= since:
                continue
            if (
                self._throughout(listener_id, since)
                and listener_run_id(emission.emit_id, listener_id) not in self._told
            ):
                self.fail(f"{place} counts as told, and {listener_id} did not hear of it")

    def _throughout(self, source_id: str, since: int) -> bool:
        versions = self._account(source_id).versions
        before = [is_live for step, is_live in versions if step <= since][-1:]
        return bool(before) and all(before + [is_live for step, is_live in versions if step > since])

    def _made(self, run: Run) -> None:
        if not is_source(run.workflow_id) or run.trigger == "settle":
            return
        self._was_live(run.workflow_id, f"{run.id} was started ({run.trigger})")
        if run.exclusive != run.workflow_id:
            self.fail(f"{run.id} may overlap with others of {run.workflow_id}")
        self.counted[f"started by {run.trigger}"] += 1
        if run.trigger == "event":
            self._told.add(run.id)

    # -- the end ------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Everything that was said is where it belongs, and nothing is left of what is gone."""
        there = {each.id for each in self._stores.of_sources.sources.list(WORKSPACE)}
        for source_id, account in self._accounts.items():
            stored = self._stores.of_sources.source_states.get(WORKSPACE, source_id)
            if account.is_gone:
                if stored.version:
                    self.fail(f"{source_id} is gone, and its state is there")
                continue
            if source_id in there and stored.outbox is not None:
                self.fail(f"{source_id} said {len(stored.outbox.entries)} things, and nobody hears of them")
        for schedule in self._stores.schedules:
            if schedule.target.id not in there:
                self.fail(f"{schedule.id} is there, and {schedule.target.id} is not")


class TimerWatch(FiringWatch):
    """Schedules of sources, which start with what the timer says, while the source is live."""

    def is_startable(self, schedule: Schedule) -> bool:
        found = self._stores.of_sources.sources._sources.get((schedule.workspace_id, schedule.target.id))
        return found is not None and found.is_live

    def is_as_planned(self, run: Run, schedule: Schedule) -> None:
        event: Any = run.input.get("event") if isinstance(run.input, dict) else None
        if run.workflow_id != schedule.target.id or not isinstance(event, dict):
            self.fail(f"{schedule.id} started {run.workflow_id} with {run.input!r}")
        if run.scheduled_at is None or event.get("timestamp") != int(run.scheduled_at.timestamp()):
            self.fail(f"{schedule.id} started {run.id} of {run.scheduled_at} with {event!r}")

    def was_in_the_way(self, schedule: Schedule) -> None:
        if self.is_startable(schedule):
            self.fail(f"{schedule.id} was deleted, though its source is there")

    def idle(self) -> list[str]:
        """Sources that are live, and whose timers are not."""
        going = {each.target.id for each in self._stores.schedules if each.enabled and each.next_fire_at is not None}
        there = self._stores.of_sources.sources.list(WORKSPACE)
        return [each.id for each in there if each.is_live and each.id not in going]

"""How many calls to AWS each port method makes: a ratchet, because each is money and milliseconds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.domain.errors import (
    IllegalTransitionError,
    LeaseHeldError,
    LeaseLostError,
    RunEndedError,
    RunNotFoundError,
    RunNotPausedError,
    SignalledError,
    StaleWriteError,
)
from chalicelib.domain.json import Json
from chalicelib.domain.run import Answer, Reset, RunStatus
from chalicelib.services.ports import RunFilter
from tests.fakes import START
from tests.store.actions import claim, end, finish, park
from tests.store.backends import Calls, Stores
from tests.store.samples import after, body, hook, in_round, key, outcome, round_of, run, workflow
from tests.store.schedule_samples import schedule

GET, PUT, UPDATE, DELETE, QUERY = "GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query"
LARGE = "x" * 100_000
ROUND = round_of("loop", 1)


@pytest.fixture
def populated(on_aws: Stores, calls: Calls) -> Stores:
    on_aws.workflows.create(workflow(), body())
    on_aws.hooks.create(hook())
    on_aws.runs.create(run())
    on_aws.runs.create(run(id="exec_held", status=RunStatus.RUNNING, lease_expires_at=after(60), fence=1))
    on_aws.runs.create(run(id="exec_ended", status=RunStatus.FAILED))
    on_aws.runs.create(run(id="exec_hurried", deadline_at=after(30)))
    on_aws.runs.create(run(id="exec_large", input=LARGE))
    on_aws.runs.create(run(id="exec_paused", status=RunStatus.PAUSED, due_at=None))
    on_aws.runs.create(run(id="exec_answered", answers={"ask": Answer(START)}))
    on_aws.runs.record("exec_loop", in_round(ROUND))
    on_aws.marks.put("known", "x", after(60))
    on_aws.slots.take("wf_1", "exec_held", 1)
    on_aws.schedules.create(schedule(due_at=after(5), next_fire_at=after(5)))
    on_aws.runs.record("exec_1", outcome("known"))
    on_aws.runs.record("exec_large", outcome("known", output=LARGE))
    calls.take()
    return on_aws


def restart(stores: Stores, run_id: str, fence: int = 0) -> None:
    stores.runs.restart(run_id, fence, resets={"a": Reset(1)}, deadline_at=None, due_at=after(60))


def signal(stores: Stores, run_id: str, output: Json = None) -> None:
    stores.runs.signal(run_id, "ask", Answer(START, output), after(60))


def rounds(stores: Stores, container: str, run_id: str = "exec_loop", *, newest_only: bool = True) -> None:
    stores.runs.round_history(run_id, container, None, newest_only=newest_only)


RUNS: dict[str, tuple[Callable[[Stores], object], list[str]]] = {
    "create": (lambda s: s.runs.create(run(id="new")), [PUT]),
    "create large": (lambda s: s.runs.create(run(id="new", input=LARGE)), ["PutObject", PUT]),
    "claim": (lambda s: claim(s, "exec_1"), [UPDATE]),
    "claim large": (lambda s: claim(s, "exec_large"), [UPDATE, "GetObject"]),
    "claim before a near deadline": (lambda s: claim(s, "exec_hurried"), [UPDATE, UPDATE]),
    "is held": (lambda s: s.runs.is_held("exec_large", 1), [GET]),
    "renew": (lambda s: s.runs.renew("exec_held", 1, after(99)), [UPDATE]),
    "park": (lambda s: park(s, run_id="exec_held", tail=(outcome(),)), [UPDATE]),
    "finish": (lambda s: finish(s, run_id="exec_held"), [UPDATE]),
    "end": (lambda s: end(s), [UPDATE]),
    "record": (lambda s: s.runs.record("exec_1", outcome(), (outcome("a"),)), [PUT]),
    "record what is known": (lambda s: s.runs.record("exec_1", outcome("known")), [PUT]),
    "record attempt": (lambda s: s.runs.record_attempt("exec_1", outcome()), [PUT]),
    "record intent": (lambda s: s.runs.record_intent("exec_1", "pay", 0), [PUT]),
    "get": (lambda s: s.runs.get("exec_1"), [GET]),
    "get large": (lambda s: s.runs.get("exec_large"), [GET, "GetObject"]),
    "history": (lambda s: s.runs.history("exec_1"), [QUERY]),
    "history large": (lambda s: s.runs.history("exec_large"), [QUERY, "GetObject"]),
    "page": (lambda s: s.runs.page("ws_a", RunFilter(), offset=0, limit=2), [QUERY, QUERY]),
    "empty page": (lambda s: s.runs.page("ws_b", RunFilter(), offset=0, limit=2), [QUERY]),
    "due": (lambda s: s.runs.due(0, after(99), 10), [QUERY]),
    "rearm": (lambda s: s.runs.rearm("exec_1", after(60), after(99)), [UPDATE]),
    "pause": (lambda s: s.runs.pause("exec_1"), [UPDATE]),
    "pause what is paused": (lambda s: s.runs.pause("exec_paused"), [UPDATE]),
    "resume": (lambda s: s.runs.resume("exec_paused", after(60)), [UPDATE]),
    "restart": (lambda s: restart(s, "exec_ended"), [UPDATE]),
    "told": (lambda s: s.runs.told("exec_ended", 1), [UPDATE]),
    "told of what goes on": (lambda s: s.runs.told("exec_1", 0), [UPDATE]),
    "adopt": (lambda s: s.runs.adopt("exec_held", 1, "exec_9"), [UPDATE]),
    "signal": (lambda s: signal(s, "exec_1"), [UPDATE]),
    "signal large": (lambda s: signal(s, "exec_1", LARGE), ["PutObject", UPDATE]),
    "signal again": (lambda s: signal(s, "exec_answered"), [UPDATE]),
    "signal while paused": (lambda s: signal(s, "exec_paused"), [UPDATE, UPDATE]),
    "record in a round": (lambda s: s.runs.record("exec_1", in_round(ROUND), (in_round(ROUND, "a"),)), [PUT]),
    "record in a round, with what is in none": (
        lambda s: s.runs.record("exec_1", in_round(ROUND), (outcome("a"),)),
        [PUT, PUT],
    ),
    "record in a round what is known": (
        lambda s: s.runs.record("exec_loop", in_round(ROUND), (outcome("a"),)),
        [PUT],
    ),
    "record intent in a round": (lambda s: s.runs.record_intent("exec_1", "loop.1/pay", 0, ROUND), [PUT]),
    "newest round": (lambda s: rounds(s, "loop"), [QUERY, QUERY]),
    "newest round of nothing": (lambda s: rounds(s, "loop", "exec_1"), [QUERY]),
    "all rounds": (lambda s: rounds(s, "loop", newest_only=False), [QUERY, QUERY]),
    "steps": (lambda s: s.runs.steps("exec_loop", after=None, limit=50), [QUERY]),
    "steps large": (lambda s: s.runs.steps("exec_large", after=None, limit=50), [QUERY, "GetObject"]),
}
REST: dict[str, tuple[Callable[[Stores], object], list[str]]] = {
    "workflow create": (lambda s: s.workflows.create(workflow(id="new"), body(workflow_id="new")), [PUT, PUT]),
    "workflow get": (lambda s: s.workflows.get("ws_a", "wf_1"), [GET]),
    "workflow body": (lambda s: s.workflows.body("ws_a", "wf_1", "r1"), [GET]),
    "workflow replace": (lambda s: s.workflows.replace(workflow(revision=2)), [PUT]),
    "workflow replace with body": (lambda s: s.workflows.replace(workflow(revision=2), body("r2")), [PUT, PUT]),
    "workflow delete": (lambda s: s.workflows.delete("ws_a", "wf_1"), [DELETE]),
    "workflow page": (lambda s: s.workflows.page("ws_a", status=None, offset=0, limit=9), [QUERY]),
    "hook create": (lambda s: s.hooks.create(hook(id="new")), [PUT, PUT]),
    "hook find": (lambda s: s.hooks.find("wh_1"), [GET, GET]),
    "hook replace": (lambda s: s.hooks.replace(hook()), [PUT]),
    "hook delete": (lambda s: s.hooks.delete("ws_a", "wh_1"), [DELETE, DELETE]),
    "hook list": (lambda s: s.hooks.list("ws_a", "wf_1"), [QUERY]),
    "key put": (lambda s: s.keys.put(key()), [PUT]),
    "key find": (lambda s: s.keys.find("0" * 64), [GET]),
    "key list": (lambda s: s.keys.list("ws_a"), [QUERY]),
    "counter add": (lambda s: s.counters.add("c", 1, START), [UPDATE]),
    "mark put": (lambda s: s.marks.put("m", "1", after(60)), [PUT]),
    "mark put again": (lambda s: s.marks.put("known", "1", after(60)), [PUT]),
    "mark get": (lambda s: s.marks.get("m"), [GET]),
    "first slot taken": (lambda s: s.slots.take("wf_2", "exec_1", 1), [UPDATE, PUT, UPDATE]),
    "slot taken": (lambda s: s.slots.take("wf_1", "exec_1", 2), [UPDATE]),
    "slot not taken": (lambda s: s.slots.take("wf_1", "exec_1", 1), [UPDATE]),
    "slot waited for": (lambda s: s.slots.wait("wf_1", "exec_1"), [UPDATE]),
    "slot given back": (lambda s: s.slots.give_back("wf_1", "exec_held"), [UPDATE]),
    "line of slots": (lambda s: s.slots.line("wf_1"), [GET]),
    "schedule create": (lambda s: s.schedules.create(schedule("sch_9")), [PUT, PUT]),
    "schedule get": (lambda s: s.schedules.get("ws_a", "sch_1"), [GET]),
    "schedule replace": (lambda s: s.schedules.replace(schedule(revision=2)), [PUT]),
    "schedule rearm": (lambda s: s.schedules.rearm("ws_a", "sch_1", after(5), after(9)), [UPDATE]),
    "schedule due": (lambda s: s.schedules.due(0, after(99), 10), [QUERY]),
    "schedule list": (lambda s: s.schedules.list("ws_a"), [QUERY]),
    "schedule list of a target": (lambda s: s.schedules.list("ws_a", "wf_1"), [QUERY, "BatchGetItem"]),
    "schedule list of a target without any": (lambda s: s.schedules.list("ws_a", "wf_9"), [QUERY]),
    "schedule delete": (lambda s: s.schedules.delete("ws_a", "sch_1"), [DELETE, DELETE]),
    "queue send": (lambda s: s.queue.send("exec_1", "ws_a"), ["SendMessage"]),
}


@pytest.mark.parametrize(("act", "expected"), [*RUNS.values(), *REST.values()], ids=[*RUNS, *REST])
def test_a_method_makes_no_more_calls_than_it_must(
    populated: Stores, calls: Calls, act: Callable[[Stores], object], expected: list[str]
) -> None:
    act(populated)

    assert calls.take() == expected


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (lambda s: claim(s, "exec_none"), RunNotFoundError),
        (lambda s: claim(s, "exec_held"), LeaseHeldError),
        (lambda s: claim(s, "exec_ended"), RunEndedError),
        (lambda s: park(s, run_id="exec_held", signals=1), SignalledError),
        (lambda s: park(s, 2, run_id="exec_held"), LeaseLostError),
        (lambda s: s.runs.pause("exec_ended"), RunEndedError),
        (lambda s: s.runs.resume("exec_1", after(60)), RunNotPausedError),
        (lambda s: restart(s, "exec_1"), IllegalTransitionError),
        (lambda s: restart(s, "exec_ended", 7), StaleWriteError),
        (lambda s: s.runs.adopt("exec_held", 2, "exec_9"), LeaseLostError),
        (lambda s: signal(s, "exec_ended"), RunEndedError),
        (lambda s: s.runs.renew("exec_held", 2, after(99)), LeaseLostError),
        (lambda s: end(s, "exec_ended"), RunEndedError),
    ],
)
def test_a_refusal_needs_no_read_to_say_why(
    populated: Stores, calls: Calls, act: Callable[[Stores], object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        act(populated)

    assert calls.take() == [UPDATE]

"""A worker dies before and after every call that it makes outside; figures, errors and effects are those of a world in
which nobody died."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.json import Json
from chalicelib.domain.listing import RunFilter
from chalicelib.domain.run import Run, RunStatus
from chalicelib.nodes.flows import export
from chalicelib.nodes.flows.registry import handlers
from chalicelib.nodes.registry import NodeRegistry
from chalicelib.services.flows.scripts import FlowScripts
from tests.flows.flow_house import FLOW, Asked, FlowHouse, answer, generator, into, lookup, numbered
from tests.flows.house import WORKSPACE
from tests.script_fakes import PythonScripts

NEXT = "b" * 24


class Killed(BaseException):
    """The process is gone. Not an Exception, so that nothing of the product's takes it for an error."""


@dataclass
class Life:
    """Ends at the call of this number, from 1, before it or after it. Later calls of the dead come to nothing."""

    ends_at: int = 0
    is_after: bool = False
    calls: int = 0
    is_dead: bool = False

    def pass_by(self, name: str, call: Any) -> Any:
        if self.is_dead:
            raise Killed
        self.calls += 1
        if self.calls != self.ends_at:
            return call()
        self.is_dead = True
        if self.is_after:
            call()
        raise Killed


class Mortal:
    """A port that a life is spent on."""

    def __init__(self, port: Any, life: Life) -> None:
        self._port = port
        self._life = life

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._port, name)
        if not callable(member):
            return member
        return lambda *args, **members: self._life.pass_by(name, lambda: member(*args, **members))


class World:
    """A flow of two generators, a lookup, and an import that is busy once and refuses some records for good; another
    flow comes after it. Errors of an earlier run are open, and one of its records succeeds now."""

    def __init__(self) -> None:
        house = self.house = FlowHouse()
        self.busy_once: set[str] = set()
        paging = {"method": "page"}
        house.export("e1", "/pages?p={{export.http.paging.page}}", http={"paging": paging}, type="delta", delta={})
        once = {"once": {"method": "PUT", "relativeURI": "/flags/{{record.id}}"}}
        house.export("e2", "/many", pageSize=2, type="once", http=once)
        house.export("l1", "/owners/{{record.id}}", isLookup=True)
        house.import_("i1")
        house.api.routes = {
            "/pages": lambda asked: {"0": numbered(2), "1": numbered(1, 3)}.get(asked.query["p"], []),
            "/many": numbered(3, 10),
            "/owners": lambda asked: answer(400) if asked.path.endswith("/3") else [{"n": 1}],
            "/flags": lambda asked: answer(400) if asked.path.endswith("/11") else None,
            "/sink": answer(422),
        }
        house.flow(
            pageGenerators=[generator("e1"), generator("e2")],
            pageProcessors=[lookup("l1", ("data[0].n", "n")), into("i1")],
            autoResolveMatchingTraceKeys=True,
            _runNextFlowIds=[NEXT],
        )
        house.go(exports=["e1"])
        house.export("e3", "/nothing")
        house.api.routes["/nothing"] = []
        house.flow(NEXT, pageGenerators=[generator("e3")])
        house.clock.advance(60)
        house.api.seen.clear()
        house.api.routes["/sink"] = self.sink

    def sink(self, asked: Asked) -> Any:
        key = asked.headers["Idempotency-Key"]
        if asked.body["id"] in (1, 10) and key not in self.busy_once:
            self.busy_once.add(key)
            return answer(503, retry_after="20")
        return answer(422) if asked.body["id"] == 2 else {"id": "new"}

    def live(self, life: Life, given: Json = None) -> Run:
        """Runs the flow with a worker of this life, and with an immortal one after its end."""
        house = self.house
        ports = house.ports
        names = ("resources", "jobs", "errors", "marks", "files")
        scripts = FlowScripts(Mortal(house.resources, life), lambda: Mortal(house.js, life))
        mortal = replace(
            ports,
            slots=replace(ports.slots, leases=Mortal(ports.slots.leases, life)),
            desks=replace(ports.desks, http=replace_sender(ports.desks.http, life), scripts=scripts),
            follower=Mortal(ports.follower, life),
            **{name: Mortal(getattr(ports, name), life) for name in names},
        )
        performer = NodeRegistry(house.clock, house.sender, handlers(lambda: mortal))
        healthy = house.worker
        house.worker = replace(
            healthy, runs=Mortal(house.runs, life), queue=Mortal(house.queue, life), performer=performer
        )
        run_id = house.service.start(house.workflows.get(WORKSPACE, FLOW), given or {}).id
        try:
            house.finish(run_id)
        except Killed:
            house.worker = healthy
            house.clock.advance(90)
            house.tick.run()
        return house.finish(run_id)

    def facts(self, run: Run) -> Any:
        """Everything that is to be the same, without times."""
        house = self.house
        figures = house.figures(run)
        opened, resolved = (
            sorted(
                (each.step_id, each.trace_key, each.code, each.job_id == run.id, str(each.retry_data))
                for step in ("e1", "e2", "l1", "i1")
                for each in house.errors_of(step, resolved=is_resolved)
            )
            for is_resolved in (False, True)
        )
        ends = {key: (each.is_done, each.has_failed) for key, each in figures.progress.items()}
        marks = {key: at == run.began_at for key, at in house.marks.deltas(WORKSPACE, FLOW).items()}
        keys = [asked.headers["Idempotency-Key"].partition("/")[2] for asked in house.api.seen]
        effects = sorted({(key, asked.path, str(asked.body)) for key, asked in zip(keys, house.api.seen, strict=True)})
        started = house.runs.page(WORKSPACE, RunFilter(workflow_id=NEXT), offset=0, limit=10).total
        return run.status, house.counts(run), ends, opened, resolved, marks, effects, started


class ScriptedWorld(World):
    """The same flow with scripts wherever there can be one. They keep some records out with errors, one of them for
    good, and word an error of the receiver."""

    def __init__(self) -> None:
        super().__init__()
        house = self.house
        house.js = PythonScripts({"all": FUNCTIONS})
        house.script(SCRIPT, "all")
        rules: dict[str, Any] = {"filter": by_script("keep"), "transform": by_script("shape")}
        paging = {"paging": {"method": "page"}}
        uri = "/pages?p={{export.http.paging.page}}"
        house.export("e1", uri, http=paging, type="delta", delta={}, hooks=hooks("save"), **rules)
        house.export("l1", "/owners/{{record.id}}", isLookup=True, hooks=hooks("save"), **rules)
        house.import_("i1", hooks=hooks("preMap", "postMap", "postSubmit"), **rules)
        router = {"id": "r", "routeRecordsUsing": "script", "script": hook("route")}
        processors = [
            lookup("l1", ("data[0].n", "n"), hooks=hooks("postResponseMap")),
            into("i1", hooks=hooks("postResponseMap")),
        ]
        house.change(
            pageGenerators=[generator("e1"), generator("e2")],
            routers=[{**router, "branches": [{"pageProcessors": processors}]}],
            autoResolveMatchingTraceKeys=True,
            _runNextFlowIds=[NEXT],
        )


def save(options: dict[str, Any]) -> Any:
    kept = [each for each in options["data"] if each.get("id") != 1]
    odd = [each for each in options["data"] if each.get("id") == 1]
    new = [{"retryData": each, "errors": [{"code": "one", "message": "is one"}]} for each in odd]
    return {"data": kept, "errors": options["errors"], "newErrorsAndRetryData": new}


def pre_map(options: dict[str, Any]) -> Any:
    return [{"errors": {"code": "ten"}} if each["id"] == 10 else {"data": each} for each in options["data"]]


def post_submit(options: dict[str, Any]) -> Any:
    return [
        {**each, "errors": [{**error, "code": "worded"} for error in each["errors"]]}
        for each in options["responseData"]
    ]


SCRIPT = "5" * 24
FUNCTIONS = {
    "keep": lambda options: options["record"].get("id") != 12,
    "shape": lambda options: options["record"],
    "save": save,
    "preMap": pre_map,
    "postMap": lambda options: [{"data": each} for each in options["postMapData"]],
    "postSubmit": post_submit,
    "postResponseMap": lambda options: options["postResponseMapData"],
    "route": lambda options: [0],
}


def hook(function: str) -> dict[str, str]:
    return {"_scriptId": SCRIPT, "function": function}


def hooks(*names: str) -> dict[str, Any]:
    return {"preSavePage" if name == "save" else name: hook(name) for name in names}


def by_script(function: str) -> dict[str, Any]:
    return {"type": "script", "script": hook(function)}


def replace_sender(http: Any, life: Life) -> Any:
    return type(http)(Mortal(http.http, life), http.templates, http.clock, http.entropy)


@pytest.fixture(autouse=True)
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what waits for its page, each record lies in a file of its own."""
    monkeypatch.setattr(export, "FILE_BYTES", 1)


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
def test_a_death_at_any_call_changes_nothing(is_after: bool) -> None:
    whole, life = World(), Life()
    run = whole.live(life)
    expected = whole.facts(run)
    assert (run.status, expected[-1]) == (RunStatus.SUCCEEDED, 1)
    assert expected[1] == {
        "g0": (3, 0, 0, 2),
        "g1": (3, 1, 0, 2),
        "s0": (5, 1, 0, 4),
        "s1": (4, 1, 0, 3),
        "": (15, 3, 0, 11),
    }
    problems = []

    for number in range(1, life.calls + 1):
        world = World()
        ended = world.live(Life(number, is_after))
        if world.facts(ended) != expected:
            problems.append((number, world.facts(ended)))

    assert not problems, f"{len(problems)} of {life.calls}, the first: {problems[0]}\n expected {expected}"


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
def test_a_death_at_any_call_of_a_flow_with_scripts_doubles_nothing(is_after: bool) -> None:
    whole, life = ScriptedWorld(), Life()
    run = whole.live(life)
    expected = whole.facts(run)
    assert (run.status, expected[-1]) == (RunStatus.SUCCEEDED, 1)
    assert expected[1] == {
        "g0": (2, 1, 0, 2),
        "g1": (3, 1, 0, 2),
        "s1": (4, 1, 0, 4),
        "s2": (1, 2, 1, 3),
        "": (10, 5, 1, 11),
    }
    problems = []

    # Dying after one call is much like dying before the next, so that half of both will do.
    for number in range(1 + is_after, life.calls + 1, 2):
        world = ScriptedWorld()
        ended = world.live(Life(number, is_after))
        if world.facts(ended) != expected:
            problems.append((number, world.facts(ended)))

    assert not problems, f"{len(problems)} of {life.calls}, the first: {problems[0]}\n expected {expected}"


RETRIES = {
    # Of two that failed at the import, which is busy once, one fails again.
    "i1": ({"s1": (1, 1, 0, 1), "": (1, 1, 0, 1)}, ["2"], ["1"]),
    # What failed at the lookup goes on to the import.
    "l1": ({"s0": (1, 0, 0, 1), "s1": (1, 0, 0, 1), "": (2, 0, 0, 2)}, [], ["3"]),
}


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", sorted(RETRIES))
def test_a_death_at_any_call_of_a_retry_changes_nothing(step: str, is_after: bool) -> None:
    def retried(life: Life) -> Any:
        world = World()
        house = world.house
        errors: list[Json] = [each.id for each in house.errors_of(step)]
        house.api.routes["/owners"] = [{"n": 1}]
        return world.facts(world.live(life, {"retry": {"step": step, "errors": errors}}))

    life = Life()
    expected = retried(life)
    counts, still_open, resolved = RETRIES[step]
    assert expected[:2] == (RunStatus.SUCCEEDED, counts)
    assert [each[1] for each in expected[3] if each[0] == step] == still_open
    assert [each[1] for each in expected[4] if each[0] == step] == resolved

    others = [number for number in range(1, life.calls + 1) if retried(Life(number, is_after)) != expected]

    assert others == []


def test_a_worker_that_was_overtaken_changes_nothing() -> None:
    """It lies still in the middle of a stage, long enough for another to end the run, and then goes on."""
    whole = World()
    expected = whole.facts(whole.live(Life()))
    world = World()
    house = world.house
    sink = world.sink
    others: list[Any] = []

    def slow(asked: Asked) -> Any:
        if not others:
            others.append(None)
            house.clock.advance(90)
            house.tick.run()
            house.finish(run_id)
        return sink(asked)

    house.api.routes["/sink"] = slow
    run_id = house.service.start(house.workflows.get(WORKSPACE, FLOW), {}).id

    run = house.finish(run_id)

    assert world.facts(run) == expected
    assert house.run(run_id).finished_at is not None
    assert house.clock.now() - run.created_at >= timedelta(seconds=90)

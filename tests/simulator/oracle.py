"""What a run should have come to: its graph read a second time, by a plain recursion that shares nothing with the
engine but templates.

It takes from the run only what came from outside (the recorded outcomes of effects, answers, ends of children) and
works out the rest: which steps were to happen, what each call had to carry, and what the run gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.domain import containers
from chalicelib.domain.expressions import MappingScope
from chalicelib.domain.graph import ERROR, MAIN, OnError
from chalicelib.domain.ids import escape
from chalicelib.domain.json import Json, decode
from chalicelib.domain.program import Program, Step
from chalicelib.domain.run import Run, RunStatus, StepError, StepStatus
from chalicelib.domain.times import iso_z
from tests.simulator.invariants import Watch
from tests.simulator.world import ViolationError


class _Unsettled(Exception):
    """A step that came to no outcome: the run ended before it did."""


class _Ambiguous(Exception):
    """Several steps of one scope failed, and which of them came first nobody can tell afterwards."""


@dataclass(slots=True)
class _Failed(Exception):
    error: StepError
    at: datetime


@dataclass(slots=True)
class _Ended:
    output: Json
    at: datetime
    ports: tuple[str, ...] = (MAIN,)


@dataclass(slots=True)
class _Around:
    """What a scope sees of those around it."""

    outputs: Mapping[str, Json] = field(default_factory=dict)
    variables: Mapping[str, Json] = field(default_factory=dict)


def check(run: Run, watch: Watch) -> None:
    """Raises ViolationError where a run that ended is not what its graph makes of what came from outside."""
    if run.part is not None:
        return  # a part of a map is judged by what its parent gathers
    reading = _Reading(run, watch)
    program = watch.program(run)
    try:
        ended = reading.graph(
            program, "", program.starts_for(run.trigger), run.input, run.began_at or run.created_at, _Around()
        )
    except (_Unsettled, _Ambiguous, _Failed) as outcome:
        if run.status is RunStatus.SUCCEEDED and not isinstance(outcome, _Ambiguous):
            raise ViolationError(f"{run.id} succeeded, but by its graph it cannot have: {outcome!r}") from outcome
        return
    if run.status is RunStatus.FAILED and run.failure and run.failure.node_id is not None:
        raise ViolationError(f"{run.id} failed at {run.failure.node_id}, but by its graph it succeeds")
    if run.status is not RunStatus.SUCCEEDED:
        return
    if ended.output != run.output:
        raise ViolationError(f"{run.id} gives {run.output!r}, but by its graph {ended.output!r}")
    extra = reading.recorded() - reading.happened
    if extra and not reading.survived:
        raise ViolationError(f"{run.id} recorded steps that its graph does not reach: {sorted(extra)}")


class _Reading:
    def __init__(self, run: Run, watch: Watch) -> None:
        self._run = run
        self._watch = watch
        self.happened: set[str] = set()
        self.survived = False
        """Whether a container survived a failure inside, which leaves open how far its other steps came."""

    def recorded(self) -> set[str]:
        """The steps with an outcome of their present generation, in containers of their present generation."""
        return {
            key for key, generation in self._watch.finals.get(self._run.id, {}) if self._is_present(key, generation)
        }

    def _is_present(self, key: str, generation: int) -> bool:
        if generation != self._generation(key):
            return False
        around, _, _ = key.rpartition("/")
        if not around:
            return True
        slot = around.rpartition(".")[0]
        container, _, number = slot.rpartition("@")
        return self._is_present(container, int(number)) if number.isdigit() and container else self._is_present(slot, 0)

    def graph(
        self,
        program: Program,
        prefix: str,
        starts: frozenset[str],
        incoming: Json,
        opened_at: datetime,
        around: _Around,
    ) -> _Ended:
        """Runs one graph to its end. Raises what stands above."""
        outputs: dict[str, Json] = {}
        times: dict[str, datetime] = {}
        taken: dict[str, set[str]] = {}
        last: tuple[datetime, int, str] | None = None
        failures: list[_Failed] = []
        unsettled: _Unsettled | None = None
        for node_id, step in sorted(program.steps.items(), key=lambda item: item[1].order):
            sources = taken.get(node_id, set())
            if not (node_id in starts if not step.entries else sources):
                continue
            given = incoming
            if sources:
                several = {source: outputs[source] for source in sorted(sources)}
                given = several if len(several) > 1 else outputs[min(sources)]
            at = max((times[source] for source in sources), default=opened_at)
            sight = _Around({**around.outputs, **outputs}, around.variables)
            try:
                ended = self._step(step, prefix + escape(node_id), given, at, sight)
            except _Failed as failed:
                if step.node.on_error is OnError.FAIL:
                    failures.append(failed)
                    continue
                port = ERROR if step.node.on_error is OnError.PORT else MAIN
                error: Json = {
                    "type": failed.error.type,
                    "message": failed.error.message,
                    "status": failed.error.status,
                }
                ended = _Ended({"error": error}, failed.at, (port,))
            except _Unsettled as reason:
                if step.bodies and self._watch.is_computed(self._run.id, prefix + escape(node_id)):
                    raise _Ambiguous from reason
                unsettled = reason
                continue
            outputs[node_id], times[node_id] = ended.output, ended.at
            if step.node.type != "trigger":
                last = max(last or (ended.at, -1, ""), (ended.at, step.order, node_id))
            for exit_ in step.exits:
                if exit_.port in ended.ports and self._holds(step, exit_.condition, ended, outputs, around):
                    taken.setdefault(exit_.target, set()).add(node_id)
        if len(failures) > 1 or (failures and unsettled):
            raise _Ambiguous
        if failures:
            raise failures[0]
        if unsettled:
            raise unsettled
        ended_at = max(times.values(), default=opened_at)
        return _Ended(outputs[last[2]] if last else None, ended_at, () if last is None else (MAIN,))

    def _holds(
        self, step: Step, condition: object, ended: _Ended, outputs: Mapping[str, Json], around: _Around
    ) -> bool:
        if condition is None:
            return True
        sight = _Around({**around.outputs, **outputs}, around.variables)
        return bool(condition.render(self._scope(step, ended.output, ended.at, sight)))  # type: ignore[attr-defined]

    # -- single steps -------------------------------------------------------------------------------------------------

    def _step(self, step: Step, key: str, given: Json, at: datetime, sight: _Around) -> _Ended:
        node = step.node
        scope = self._scope(step, given, at, sight)
        match node.type:
            case "trigger":
                return _Ended(self._run.input, at)
            case "noop":
                return _Ended(given, at)
            case "transform":
                return _Ended(step.config.render(scope)["values"], at)  # type: ignore[index,call-overload]
            case "condition":
                return _Ended(given, at, (MAIN, "true" if step.expressions["condition"].render(scope) else "false"))
            case "switch":
                config = step.config.render(scope)
                assert isinstance(config, dict)
                port = config["value"] if config["value"] in config["cases"] else "default"  # type: ignore[operator]
                return _Ended(given, at, (MAIN, str(port)))
            case "fail":
                raise _Failed(StepError("fail", "the workflow ended itself"), at)
            case "wait":
                return _Ended(given, at + _milliseconds(node.config["seconds"]))
            case "http_request":
                return self._called(step, key, given, at)
            case "user_input" | "sub_workflow":
                return self._answered(step, key, at)
            case "fork":
                return self._fork(step, key, given, at, sight)
            case "loop":
                return self._loop(step, key, given, at, sight)
            case "map":
                return self._map(step, key, at, sight, scope)
        raise AssertionError(f"the oracle does not know {node.type}")

    def _called(self, step: Step, key: str, given: Json, at: datetime) -> _Ended:
        """What was recorded of the call, which must have carried what the steps before it gave."""
        outcome = self._watch.finals.get(self._run.id, {}).get((key, self._generation(key)))
        if outcome is None:
            raise _Unsettled
        self.happened.add(key)
        body = self._watch.body_of(self._run, key)
        if body is not None and decode(body) != {"prev": given}:
            raise ViolationError(f"{self._run.id}/{key} carried {body!r}, but by its graph {given!r}")
        ended_at = max(outcome.finished_at, at)
        if outcome.status is StepStatus.SUCCEEDED:
            return _Ended(outcome.output, ended_at)
        raise _Failed(outcome.error or StepError("error", ""), ended_at)

    def _answered(self, step: Step, key: str, at: datetime) -> _Ended:
        generation = self._generation(key)
        refused = self._watch.finals.get(self._run.id, {}).get((key, generation))
        if refused is not None:
            self.happened.add(key)
            raise _Failed(refused.error or StepError("error", ""), max(refused.finished_at, at))
        answer = self._run.answers.get(f"{key}@{generation}" if generation else key)
        if answer is None:
            raise _Unsettled
        if answer.error is not None:
            raise _Failed(answer.error, max(answer.at, at))
        return _Ended(answer.output, max(answer.at, at))

    # -- containers ---------------------------------------------------------------------------------------------------

    def _body(self, step: Step, name: str, prefix: str, given: Json, at: datetime, around: _Around) -> _Ended:
        body = step.bodies[name]
        try:
            return self.graph(body, prefix, frozenset(body.triggers) or frozenset(body.roots), given, at, around)
        except _Failed:
            self.survived = True
            raise

    def _fork(self, step: Step, key: str, given: Json, at: datetime, sight: _Around) -> _Ended:
        outputs: dict[str, Json] = {}
        ended_at = at
        trouble: list[Exception] = []
        for name in step.bodies:
            try:
                ended = self._body(step, name, f"{self._slot(key)}.{escape(name)}/", given, at, sight)
            except (_Failed, _Unsettled, _Ambiguous) as reason:
                trouble.append(reason)
                continue
            outputs[name] = ended.output
            ended_at = max(ended_at, ended.at)
        _raise_first(trouble)
        return _Ended(outputs, ended_at)

    def _loop(self, step: Step, key: str, given: Json, at: datetime, sight: _Around) -> _Ended:
        index = 1
        while True:
            around = _Around(sight.outputs, {**sight.variables, "$loop": {"index": index}})
            ended = self._body(step, "body", f"{self._slot(key)}.{index}/", given, at, around)
            given = ended.output if ended.ports else given
            at = ended.at
            if not step.expressions["while"].render(self._scope(step, given, at, around)):
                return _Ended(given, at)
            index += 1

    def _map(self, step: Step, key: str, at: datetime, sight: _Around, scope: MappingScope) -> _Ended:
        config = step.config.render(scope)
        assert isinstance(config, dict)
        items = config["items"]
        assert isinstance(items, list)
        if len(items) > containers.MOST_ITEMS_INLINE:
            return self._spread(key, at)
        outputs: list[Json] = []
        ended_at = at
        trouble: list[Exception] = []
        for index, item in enumerate(items):
            around = _Around(sight.outputs, {**sight.variables, "$item": item, "$index": index})
            try:
                ended = self._body(step, "body", f"{self._slot(key)}.{index}/", item, at, around)
            except (_Failed, _Unsettled, _Ambiguous) as reason:
                trouble.append(reason)
                continue
            outputs.append(ended.output if ended.ports else item)
            ended_at = max(ended_at, ended.at)
        _raise_first(trouble)
        return _Ended(outputs, ended_at)

    def _spread(self, key: str, at: datetime) -> _Ended:
        """A map that was left to child runs: what they gave was gathered and recorded. How they failed is theirs."""
        outcome = self._watch.finals.get(self._run.id, {}).get((key, self._generation(key)))
        if outcome is None or outcome.status is not StepStatus.SUCCEEDED:
            self.survived = True
            raise _Ambiguous
        self.happened.add(key)
        return _Ended(outcome.output, max(outcome.finished_at, at))

    # -- names --------------------------------------------------------------------------------------------------------

    def _generation(self, key: str) -> int:
        reset = self._run.resets.get(key)
        return reset.generation if reset else 0

    def _slot(self, key: str) -> str:
        generation = self._generation(key)
        return f"{key}@{generation}" if generation else key

    def _scope(self, step: Step, given: Json, at: datetime, sight: _Around) -> MappingScope:
        run = self._run
        names: dict[str, Json] = {
            "$input": run.input,
            "$prev": given,
            "$node": dict(sight.outputs),
            "$run": {"id": run.id, "started_at": iso_z(run.created_at), "trigger": run.trigger},
            **sight.variables,
        }
        return MappingScope(names, at, run.id)


def _raise_first(trouble: list[Exception]) -> None:
    if len(trouble) > 1:
        raise _Ambiguous
    if trouble:
        raise trouble[0]


def _milliseconds(seconds: Json) -> timedelta:
    assert isinstance(seconds, (int, float))
    return timedelta(milliseconds=round(seconds * 1000))

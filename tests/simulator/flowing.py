"""What must hold of flows: no record is lost on its way or counted twice, and what is said about a run is what its
steps recorded.

The watch goes by recorded outcomes and by what the warehouse saw, and compares figures, errors and marks with them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from chalicelib.domain.flows.flows import FlowError, JobFigures, ResourceKind, object_id_of
from chalicelib.domain.run import Outcome, Run, RunStatus, StepStatus
from chalicelib.domain.tasks import Task
from chalicelib.domain.times import parse_iso
from tests.simulator.deployment import Stores
from tests.simulator.invariants import Watch
from tests.simulator.warehouse import Warehouse
from tests.simulator.world import ViolationError, World


@dataclass(slots=True)
class _Followed:
    """A run, by what its steps recorded: outputs by place (`g0.1`, …) and node."""

    begun: dict[str, Any] = field(default_factory=dict)
    rounds: dict[str, dict[str, Any]] = field(default_factory=dict)

    def generators(self) -> dict[str, list[dict[str, Any]]]:
        """The rounds of each generator, in their order."""
        found: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        for place, outputs in self.rounds.items():
            generator, _, number = place.partition(".")
            found.setdefault(generator, []).append((int(number), outputs))
        return {key: [outputs for _, outputs in sorted(each, key=lambda e: e[0])] for key, each in found.items()}


class FlowWatch:
    """Observes the ports `runs`, `jobs`, `flow_errors` and `flow_marks`. `flows` are documents by the id of their
    workflow."""

    def __init__(self, world: World, stores: Stores, watch: Watch, warehouse: Warehouse) -> None:
        self._world = world
        self._stores = stores
        self._watch = watch
        self._warehouse = warehouse
        self._followed: dict[str, _Followed] = {}
        self._exported: dict[tuple[str, str], set[int]] = {}
        self._begun: dict[str, set[str]] = {}
        self._before: JobFigures | None = None
        self.flows: dict[str, Mapping[str, Any]] = {}
        self.errors_met = 0
        self.resolved_met = 0
        self.retries = 0

    def fail(self, message: str) -> NoReturn:
        self._world.violate(ViolationError(message))

    # -- as it happens ------------------------------------------------------------------------------------------------

    def before(self, call: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        if call == "jobs.advance":
            self._before = self._figures(arguments[1])

    def after(self, call: str, arguments: tuple[Any, ...], named: dict[str, Any], result: Any) -> None:
        if isinstance(result, Exception):
            return
        match call:
            case "runs.create":
                self._made(arguments[0])
            case "runs.record":
                self._recorded(arguments[0], result)
            case "jobs.advance":
                self._advanced(arguments[1])
            case "flow_marks.move_delta":
                self._moved(*arguments)

    def begins(self, task: Task) -> None:
        """A step is about to be carried out: no other run of its flow may be under way."""
        if task.run.workflow_id not in self.flows or not self._is_live(task.run.id):
            return
        begun = self._begun.setdefault(task.run.workflow_id, set())
        begun.add(task.run.id)
        others = [run_id for run_id in begun if run_id != task.run.id and self._is_live(run_id)]
        if others:
            self.fail(f"{task.run.id} and {others[0]} of the same flow are under way")

    def _is_live(self, run_id: str) -> bool:
        run = self._watch.run(run_id)
        return run is not None and not run.status.is_final

    def _made(self, run: Run) -> None:
        self.retries += run.workflow_id in self.flows and is_retry(run)

    def may_repeat(self, run_id: str) -> bool:
        """Several errors may be of the same record, and are tried again one by one."""
        run = self._watch.run(run_id)
        return run is not None and is_retry(run)

    def _recorded(self, run_id: str, outcome: Outcome) -> None:
        run = self._watch.run(run_id)
        if run is None or run.workflow_id not in self.flows or outcome.status is not StepStatus.SUCCEEDED:
            return
        followed = self._followed.setdefault(run_id, _Followed())
        output: Any = outcome.output
        if outcome.key == "begin":
            followed.begun = output
        if outcome.key == "end":
            self._check_whole(run, followed)
        place, _, name = outcome.key.partition("/")
        if not name or name in followed.rounds.get(place, {}):
            return
        outputs = followed.rounds.setdefault(place, {})
        outputs[name] = output
        if name == "page":
            self._paged(run, place, followed, output)
        elif name != "tally":
            self._staged(run, place, name, outputs)

    def _paged(self, run: Run, place: str, followed: _Followed, output: Mapping[str, Any]) -> None:
        """A page brings nothing that an earlier one brought."""
        if "retry" in followed.begun:
            return
        generator = place.partition(".")[0]
        ids = [entry["r"]["id"] for entry in output["records"]]
        earlier = [
            entry["r"]["id"]
            for outputs in followed.generators().get(generator, ())
            if outputs.get("page") is not None and outputs["page"] is not output
            for entry in outputs["page"]["records"]
        ]
        if len(set(ids)) < len(ids) or set(ids) & set(earlier):
            self.fail(f"{run.id} exports {ids} at {place} after {earlier}")
        if output["count"][0] != len(ids):
            self.fail(f"{run.id} exports {len(ids)} at {place} and counts {output['count']}")
        self._exported.setdefault((run.workflow_id, self._export_of(run, generator)), set()).update(ids)

    def _staged(self, run: Run, place: str, name: str, outputs: Mapping[str, Any]) -> None:
        """What enters a stage is counted there, once; what succeeds at an import has arrived."""
        number = int(name[1:])
        before = outputs["page" if number == 0 else f"s{number - 1}"]["records"]
        output = outputs[name]
        entering = [entry for entry in before if entry["at"] == name]
        success, error, ignore, _ = output.get("count", (0, 0, 0, 0))
        if success + error + ignore != len(entering):
            self.fail(f"{len(entering)} records enter {run.id}/{place}/{name}, and it counts {output.get('count')}")
        if len(output.get("errors", ())) + len(_again(entering, output)) != error:
            self.fail(f"{run.id}/{place}/{name} counts {error} errors and tells of {output.get('errors')}")
        left = Counter(entry["r"]["id"] for entry in output["records"])
        stopped = self._stopped(run, number, len(entering), error, len(output.get("errors", ())))
        if left - Counter(entry["r"]["id"] for entry in before) or left.total() != len(before) - stopped:
            self.fail(f"of {len(before)} records {run.id}/{place}/{name} stops {stopped}, and hands on {left.total()}")
        if self._kind_of(run, name) is ResourceKind.IMPORT:
            prefix = f"{run.id}/{place}/{name}/"
            taken = [id_ for key, ids in self._warehouse.taken.items() if key.startswith(prefix) for id_ in ids]
            if len(taken) < success:
                self.fail(f"{run.id}/{place}/{name} counts {success} successes, and {taken} arrived")

    def _stopped(self, run: Run, number: int, entering: int, failed: int, failed_first: int) -> int:
        """How many records end at a stage: all of them at the last one, else those that fail, unless they go on then.
        One that was tried again goes on only where it did well."""
        processors = self.flows[run.workflow_id]["pageProcessors"]
        if number == len(processors) - 1:
            return entering
        return failed - (failed_first if processors[number]["proceedOnFailure"] else 0)

    def _check_whole(self, run: Run, followed: _Followed) -> None:
        """A run that ended well exported everything that its windows hold."""
        if "retry" in followed.begun:
            return
        for generator in followed.begun["generators"]:
            export = self._export_of(run, generator)
            window = followed.begun["windows"].get(generator)
            since, until = (parse_iso(window[name]) for name in ("last", "current")) if window else (None, None)
            wanted = self._warehouse.changed(export, since, until)
            found = [
                entry["r"]["id"]
                for outputs in followed.generators().get(generator, ())
                for entry in outputs["page"]["records"]
            ]
            if sorted(found) != sorted(wanted):
                self.fail(f"{run.id} exported {found} of {export}, and {wanted} changed in {window}")

    def _advanced(self, job_id: str) -> None:
        """Figures only grow, and every error that they count is there."""
        before, after = self._before, self._figures(job_id)
        if before is None or after is None:
            return
        for child in after.children:
            old, new = before.count(child.key), after.count(child.key)
            if any(a > b for a, b in zip(_plain(old), _plain(new), strict=True)):
                self.fail(f"the figures of {child.key} of {job_id} went from {old} to {new}")
            known = sum(1 for _ in self._errors_of(job_id, child.key))
            if known + self._failed_again(job_id, child.key) < new.error:
                self.fail(f"{job_id} counts {new.error} errors of {child.key}, and there are {known}")

    def _moved(
        self, workspace_id: str, flow_id: str, export_id: str, until: datetime, run_created_at: datetime
    ) -> None:
        """Everything that changed before it was exported by some run of the flow."""
        exported = self._exported.get((flow_id, export_id), set())
        missing = set(self._warehouse.changed(export_id, None, until)) - exported
        if missing:
            self.fail(f"the delta of {flow_id} moves to {until} past {sorted(missing)}")

    # -- in the end ---------------------------------------------------------------------------------------------------

    def close(self) -> None:
        for flow_id in self.flows:
            for run in self.runs(flow_id):
                self._close(run)
        self._check_followers()

    def _close(self, run: Run) -> None:
        figures = self._figures(run.id)
        followed = self._followed.get(run.id, _Followed())
        if figures is None:
            if run.status is RunStatus.SUCCEEDED:
                self.fail(f"{run.id} ended well and left no figures")
            return
        is_whole = run.status is RunStatus.SUCCEEDED or (
            run.status is RunStatus.FAILED and run.failure is not None and run.failure.type == "generator_failed"
        )
        for child in figures.children:
            errors = list(self._errors_of(run.id, child.key))
            resolved = [each for each in errors if each.resolved_at is not None]
            if figures.resolved.get(child.key, 0) != len(resolved):
                self.fail(f"{run.id} counts {figures.resolved} resolved, and of {child.key} there are {len(resolved)}")
            self.errors_met += len(errors)
            self.resolved_met += len(resolved)
            if is_whole:
                self._close_child(run, child.key, figures, followed, errors)

    def _close_child(
        self, run: Run, key: str, figures: JobFigures, followed: _Followed, errors: list[FlowError]
    ) -> None:
        wanted = [0, 0, 0, 0]
        for place, outputs in followed.rounds.items():
            output = outputs.get("page") if key == place.partition(".")[0] else outputs.get(key)
            for at, number in enumerate((output or {}).get("count", (0, 0, 0, 0))):
                wanted[at] += number
        count = figures.count(key)
        if list(_plain(count)) != wanted:
            self.fail(f"the steps of {run.id} recorded {wanted} for {key}, and its figures are {_plain(count)}")
        if len(errors) + self._failed_again(run.id, key) != count.error:
            self.fail(f"{run.id} counts {count.error} errors of {key}, and there are {len(errors)}")

    def _check_followers(self) -> None:
        """A flow that ended well has started those after it, once each."""
        for flow_id, document in self.flows.items():
            for following in document.get("_runNextFlowIds", ()):
                for run in self.runs(flow_id):
                    id_ = object_id_of(f"{run.id}/next/{following}", run.created_at)
                    is_there = self._watch.run(id_) is not None
                    if run.status is RunStatus.SUCCEEDED and is_there is is_retry(run):
                        self.fail(f"{run.id} ended well, and {following} was {'' if is_there else 'not '}started")

    # -- what is known ------------------------------------------------------------------------------------------------

    def runs(self, flow_id: str) -> list[Run]:
        runs = (self._watch.run(run_id) for run_id in self._watch.known)
        return [run for run in runs if run is not None and run.workflow_id == flow_id]

    def _figures(self, job_id: str) -> JobFigures | None:
        return self._stores.of_flows.jobs._jobs.get(("ws_1", job_id))

    def _errors_of(self, job_id: str, child: str) -> Iterable[FlowError]:
        for errors in self._stores.of_flows.flow_errors._errors.values():
            yield from (each for each in errors.values() if each.job_id == job_id and each.child == child)

    def open_errors(self, flow_id: str) -> dict[str, list[str]]:
        """Of errors that can be tried again the ids, by the step that they are of."""
        found: dict[str, list[str]] = {}
        for (_, flow, step), errors in self._stores.of_flows.flow_errors._errors.items():
            ids = [each.id for each in errors.values() if each.resolved_at is None and each.retry_data]
            if flow == flow_id and ids:
                found[step] = ids
        return found

    def resolved_errors(self, flow_id: str) -> dict[str, list[str]]:
        """Of errors that were resolved the ids, by the step that they are of."""
        return {
            step: [each.id for each in errors.values() if each.resolved_at is not None]
            for (_, flow, step), errors in self._stores.of_flows.flow_errors._errors.items()
            if flow == flow_id
        }

    def _failed_again(self, job_id: str, child: str) -> int:
        """How many records failed once more in this job, which then are errors of another."""
        followed = self._followed.get(job_id, _Followed())
        outputs = [outputs[child] for outputs in followed.rounds.values() if child in outputs]
        return sum(len({each["id"] for each in output.get("again", ())}) for output in outputs)

    def _export_of(self, run: Run, generator: str) -> str:
        generators = self.flows[run.workflow_id]["pageGenerators"]
        export: str = generators[int(generator[1:])]["_exportId"]
        return export

    def _kind_of(self, run: Run, stage: str) -> ResourceKind:
        return ResourceKind(self.flows[run.workflow_id]["pageProcessors"][int(stage[1:])]["type"])


def _again(entering: Iterable[Mapping[str, Any]], output: Mapping[str, Any]) -> list[Any]:
    """The entries that were tried again, and failed."""
    failed = {each["id"] for each in output.get("again", ())}
    return [entry for entry in entering if failed & set(entry.get("e", ()))]


def _plain(count: Any) -> tuple[int, int, int, int]:
    return count.success, count.error, count.ignore, count.pages


def is_retry(run: Run) -> bool:
    return isinstance(run.input, dict) and "retry" in run.input

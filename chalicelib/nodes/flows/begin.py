"""`flow_begin`: what a run of a flow is to do, decided once, before anything else.

Its output says which generators run, in which windows of time, and whether the run can do anything at all; all later
steps go by it, so that a change of a mark or a resource does not change a run under way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.flows.flows import Child, ErrorFilter, JobFigures, JobType, Resource, ResourceKind
from chalicelib.domain.flows.http import as_object, as_text
from chalicelib.domain.flows.pages import Fault
from chalicelib.domain.json import Json, encode
from chalicelib.domain.run import Run
from chalicelib.domain.times import from_epoch_ms, iso_ms, parse_iso
from chalicelib.nodes.flows.ports import FlowPorts, config_of, given_input, patient
from chalicelib.nodes.steps import Handler, Result, StepContext
from chalicelib.services.flows.desk import rendered_time

MOST_OPEN = 1_000
"""Of how many open errors of a step, the newest, a run looks for those that its records resolve."""
MOST_OPEN_IN_ALL = 4_000
_PAGE = 200
_EPOCH = from_epoch_ms(0)


def handler(ports: FlowPorts) -> Handler:
    @patient
    def flow_begin(context: StepContext) -> Result:
        begin = _Begin(ports, context)
        said = begin.say()
        begin.note(said)
        return Result(said)

    return flow_begin


class _Begin:
    def __init__(self, ports: FlowPorts, context: StepContext) -> None:
        self._ports = ports
        self._context = context
        self._run: Run = context.task.run
        self._config = config_of(context.task)
        self._input = given_input(self._run)
        # What is recorded, and not the clock, so that the step says the same whenever it is made again.
        self._at = self._run.began_at or self._run.created_at

    def say(self) -> dict[str, Json]:
        retry = _retry_of(self._input)
        chosen = self._chosen(is_retry=retry is not None)
        exports = self._resources(ResourceKind.EXPORT, [each["export"] for each in self._config["generators"]])
        windows, deltas = self._windows(chosen, exports)
        said: dict[str, Json] = {
            "at": iso_ms(self._at),
            "type": (JobType.RETRY if retry is not None else JobType.FLOW).value,
            "generators": [each["key"] for each in chosen],
            "windows": windows,
            # Only a run that exports for good moves marks.
            "deltas": deltas if retry is None and not self._is_test else {},
            "settings": self._settings(),
        }
        optional: dict[str, Json] = {
            "retry": retry,
            "test": self._is_test,
            "integration": self._config.get("integration"),
            "refused": self._refusal([] if retry is not None else chosen, exports),
            "open": self._open_errors(),
        }
        return {**said, **{name: value for name, value in optional.items() if value}}

    def note(self, said: Mapping[str, Json]) -> None:
        run = self._run
        generators = [Child(each["key"], ResourceKind.EXPORT, each["export"], 0) for each in self._config["generators"]]
        stages = [
            Child(each["key"], ResourceKind(each["kind"]), each["id"], each["order"]) for each in self._config["stages"]
        ]
        self._ports.jobs.begin(
            JobFigures(
                job_id=run.id,
                workspace_id=run.workspace_id,
                flow_id=run.workflow_id,
                type=JobType(str(said["type"])),
                children=(*generators, *stages),
                started_at=self._at,
                integration_id=self._config.get("integration"),
            )
        )
        self._ports.marks.note_executed(run.workspace_id, run.workflow_id, self._at)

    @property
    def _is_test(self) -> bool:
        return self._input.get("test") is True

    def _chosen(self, *, is_retry: bool) -> list[dict[str, Any]]:
        """The generators that run. What is tried again, or came in, passes through the loop of one."""
        generators: list[dict[str, Any]] = self._config["generators"]
        if is_retry:
            return generators[:1]
        wanted = self._input.get("exports")
        if isinstance(wanted, list):
            generators = [each for each in generators if each["export"] in wanted]
        return generators[:1] if isinstance(self._input.get("records"), list) else generators

    def _resources(self, kind: ResourceKind, ids: Collection[str]) -> Mapping[str, Resource]:
        return self._ports.resources.get_all(self._run.workspace_id, kind, frozenset(ids)) if ids else {}

    # -- windows ------------------------------------------------------------------------------------------------------

    def _windows(
        self, chosen: Sequence[Mapping[str, Any]], exports: Mapping[str, Resource]
    ) -> tuple[dict[str, Json], dict[str, Json]]:
        """For templates, the window of each generator's delta and of the run; and where each delta stands after it."""
        marks = self._ports.marks.deltas(self._run.workspace_id, self._run.workflow_id)
        windows: dict[str, Json] = {}
        deltas: dict[str, Json] = {}
        for each in chosen:
            resource = exports.get(each["export"])
            if resource is None or resource.document.get("type") != "delta":
                continue
            delta = as_object(resource.document.get("delta"))
            lower, upper = self._window(delta, marks.get(resource.id), each["behind"])
            windows[each["key"]] = self._rendered(lower, upper, as_text(delta.get("dateFormat")))
            # What is changed from now on is left to the next run, even where this one's window ends later.
            deltas[each["key"]] = iso_ms(min(upper, self._at))
        first = next(iter(windows.values()), None)
        windows[""] = first if first is not None else self._rendered(_EPOCH, self._at, "")
        return windows, deltas

    def _window(self, delta: Mapping[str, Json], mark: datetime | None, behind: Any) -> tuple[datetime, datetime]:
        window = as_object(self._input.get("window"))
        upper = _time_of(window.get("to")) or self._behind(behind) or self._at
        lower = _time_of(window.get("from"))
        if lower is None and mark is not None:
            # What was written while the last run was asking may be dated before it; the lag brings it in.
            lower = mark - timedelta(milliseconds=_milliseconds(delta.get("lagOffset")))
        return lower or _time_of(delta.get("startDate")) or _EPOCH, upper

    def _behind(self, behind: Any) -> datetime | None:
        """How far another flow has come that the delta is to stay behind."""
        if not isinstance(behind, dict):
            return None
        marks = self._ports.marks.deltas(self._run.workspace_id, behind["flow"])
        named = [at for export, at in marks.items() if behind.get("export") in (None, export)]
        return min([*named, self._at]) if named else None

    def _rendered(self, lower: datetime, upper: datetime, date_format: str) -> Json:
        render: Callable[[str, Mapping[str, Json]], str] = self._ports.desks.http.templates.render
        try:
            last, current = (rendered_time(render, at, date_format) for at in (lower, upper))
        except InvalidError as error:
            self._context.log("warning", f"the date format cannot be used: {error.message}")
            last, current = iso_ms(lower), iso_ms(upper)
        return {"last": last, "current": current}

    # -- what else there is to know -----------------------------------------------------------------------------------

    def _settings(self) -> Json:
        """By scope, as templates name them."""
        settings: dict[str, Json] = {"flow": as_object(self._config.get("settings"))}
        integration = self._config.get("integration")
        if integration:
            found = self._resources(ResourceKind.INTEGRATION, [integration])
            settings["integration"] = as_object(found[integration].document.get("settings")) if found else {}
        return settings

    def _refusal(self, chosen: Sequence[Mapping[str, Any]], exports: Mapping[str, Resource]) -> Json:
        """Why the run can do nothing: a connection that it needs is offline."""
        stages = self._config["stages"]
        lookups, imports = (
            self._resources(kind, [each["id"] for each in stages if each["kind"] == kind.value])
            for kind in (ResourceKind.EXPORT, ResourceKind.IMPORT)
        )
        needed = [exports[each["export"]] for each in chosen if each["export"] in exports]
        resources = [*needed, *lookups.values(), *imports.values()]
        ids = {each.connection_id for each in resources if each.connection_id is not None}
        connections = self._resources(ResourceKind.CONNECTION, ids)
        # In one order, so that the step says the same when it is made again.
        for connection in sorted(connections.values(), key=lambda each: each.id):
            if connection.document.get("offline") is True:
                return Fault(
                    "connection", "connection_offline", f"The connection {connection.id} is offline."
                ).to_json()
        return None

    def _open_errors(self) -> Json:
        """The file with the trace keys of errors that were open when the run began, if there are any to resolve."""
        if self._config.get("auto_resolve") is not True or self._is_test:
            return None
        found: dict[str, Json] = {}
        known = 0
        # One read tells which steps have any at all.
        counts = self._ports.errors.counts(self._run.workspace_id, self._run.workflow_id)
        for step in dict.fromkeys(each["id"] for each in self._config["stages"]):
            keys = self._open_keys(step) if step in counts and known < MOST_OPEN_IN_ALL else {}
            if keys:
                found[step] = {key: list[Json](ids) for key, ids in keys.items()}
                known += sum(map(len, keys.values()))
        if not found:
            return None
        return self._ports.files.put(self._run.id, encode(found), "application/json")

    def _open_keys(self, step_id: str) -> dict[str, list[str]]:
        """Ids of errors by their trace keys."""
        run, store = self._run, self._ports.errors
        keys: dict[str, list[str]] = {}
        after: str | None = None
        where = ErrorFilter(until=self._at)
        for _ in range(MOST_OPEN // _PAGE):
            page, after = store.page(run.workspace_id, run.workflow_id, step_id, where, after=after, limit=_PAGE)
            for error in page:
                if error.trace_key:
                    keys.setdefault(error.trace_key, []).append(error.id)
            if after is None:
                break
        return keys


def _retry_of(given: Mapping[str, Any]) -> dict[str, Json] | None:
    retry = given.get("retry")
    if not isinstance(retry, dict) or not isinstance(retry.get("step"), str):
        return None
    errors = retry.get("errors")
    return {"step": retry["step"], "errors": [str(each) for each in errors] if isinstance(errors, list) else []}


def _time_of(value: Json) -> datetime | None:
    """None for what is no time: whoever takes it in has refused that already."""
    try:
        return parse_iso(value) if isinstance(value, str) and value else None
    except InvalidError:
        return None


def _milliseconds(value: Json) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0.0
    return float(min(max(value, -1e13), 1e13))

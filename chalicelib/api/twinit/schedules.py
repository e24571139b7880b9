"""Calls on schedules, jobs and triggers of a definition.

Each trigger is one schedule of ours. Triggers that were made for one schedule of this dialect share its id, its job's
and the inputs of their runs, so that schedule and job are there as long as a trigger is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.parsing import member, one_of, required
from chalicelib.api.common.services import Services
from chalicelib.api.twinit import bounds, documents, query, schedule_wire
from chalicelib.api.twinit.definitions import DefinitionCalls
from chalicelib.api.twinit.errors import JobNotFoundError, TriggerNotFoundError
from chalicelib.domain.errors import InvalidError, NotFoundError, ScheduleNotFoundError
from chalicelib.domain.json import Json
from chalicelib.domain.schedules import Schedule, Target, TargetKind, Timing, TimingKind
from chalicelib.domain.workflow import Workflow
from chalicelib.services.access import Scope

if TYPE_CHECKING:
    from chalicelib.services.schedules.schedules import Schedules

Triggers: TypeAlias = "list[Schedule]"

TIME_BASED = "TIME_BASED"
SCHEDULE, JOB, TRIGGER, NAMESPACES, ORDER = "schedule_id", "job_id", "trigger_id", "namespaces", "order"
DEFAULT_ZONE = "UTC"
MAX_CRON_LENGTH = 255
_FIELDS: Mapping[str, str] = {"cron": "_runInterval", "timezone": "_timeZone", "input": "_inputParams"}


class ScheduleCalls:
    def __init__(self, services: Callable[[], Services], definitions: DefinitionCalls) -> None:
        self._services = services
        self._definitions = definitions

    def create(self, call: Call) -> Reply:
        definition = self._definitions.workflow(call, Scope.WRITE_SCHEDULES)
        body = call.json_object()
        namespaces = _namespaces(call, body)
        timing = _timing(required(_schedule(body), "_schedule"), Timing(TimingKind.QUARTZ))
        required(timing.expression or None, "_runInterval")
        new_id = self._services().workflows.new_uuid
        labels: dict[str, Json] = {SCHEDULE: new_id(), JOB: new_id(), ORDER: 0}
        if namespaces is not None:
            labels[NAMESPACES] = [*namespaces]
        made = self._add(call, definition.id, timing, _inputs(body) or {}, labels)
        return Reply(201, schedule_wire.schedule(definition, [made]))

    def list(self, call: Call) -> Reply:
        return self._page(call, SCHEDULE, schedule_wire.schedule)

    def get(self, call: Call) -> Reply:
        return Reply(200, schedule_wire.schedule(*self._scheduled(call, Scope.READ_SCHEDULES)))

    def update(self, call: Call) -> Reply:
        definition, triggers = self._scheduled(call, Scope.WRITE_SCHEDULES)
        body = call.json_object()
        timing, inputs, namespaces = _schedule(body), _inputs(body), _namespaces(call, body)
        changed = []
        for trigger in triggers:
            # The first is changed first: a timing that cannot be is refused before anything is stored.
            own = timing if trigger is triggers[0] else None
            changed.append(self._amend(call, trigger, own, inputs, namespaces))
        return Reply(200, schedule_wire.schedule(definition, changed))

    def delete(self, call: Call) -> Reply:
        self._remove(call, self._scheduled(call, Scope.WRITE_SCHEDULES)[1])
        return Reply(200, {"message": "Schedule deleted successfully"})

    def list_jobs(self, call: Call) -> Reply:
        return self._page(call, JOB, schedule_wire.job)

    def get_job(self, call: Call) -> Reply:
        return Reply(200, schedule_wire.job(*self._job(call, Scope.READ_SCHEDULES)))

    def delete_job(self, call: Call) -> Reply:
        self._remove(call, self._job(call, Scope.WRITE_SCHEDULES)[1])
        return Reply(200, {"message": "Job deleted successfully"})

    def list_triggers(self, call: Call) -> Reply:
        # Kept oldest first, because the first one speaks for its schedule; lists are newest first.
        triggers, asked = self._job(call, Scope.READ_SCHEDULES)[1][::-1], query.paging(call)
        return asked.reply(len(triggers), map(schedule_wire.trigger, asked.of(triggers)))

    def create_trigger(self, call: Call) -> Reply:
        _, triggers = self._job(call, Scope.WRITE_SCHEDULES)
        first, last = triggers[0], triggers[-1]
        timing = _timing(call.json_object(), Timing(TimingKind.QUARTZ))
        required(timing.expression or None, "_runInterval")
        labels = {**first.labels, ORDER: _order(last) + 1}
        inputs = first.input if isinstance(first.input, dict) else {}
        made = self._add(call, first.target.id, timing, inputs, labels)
        return Reply(201, schedule_wire.trigger(made))

    def get_trigger(self, call: Call) -> Reply:
        return Reply(200, schedule_wire.trigger(self._trigger(call, Scope.READ_SCHEDULES)))

    def update_trigger(self, call: Call) -> Reply:
        trigger = self._trigger(call, Scope.WRITE_SCHEDULES)
        return Reply(200, schedule_wire.trigger(self._amend(call, trigger, call.json_object(), None, None)))

    def delete_trigger(self, call: Call) -> Reply:
        self._remove(call, [self._trigger(call, Scope.WRITE_SCHEDULES)])
        return Reply(200, {"message": "Trigger deleted successfully"})

    @property
    def _schedules(self) -> Schedules:
        return self._services().schedules

    def _visible(self, call: Call, scope: Scope) -> tuple[Workflow, Triggers]:
        """The definition that the path names with its triggers in the call's namespace, oldest first."""
        definition = self._definitions.workflow(call, scope)
        namespace = query.namespace(call)
        found = self._services().schedules.list(call.principal, definition.id, scope)
        # Other doors may have made schedules of the same workflow, which have no job.
        ours = (each for each in found if JOB in each.labels)
        seen = [each for each in ours if namespace in schedule_wire.namespaces(definition, each)]
        return definition, sorted(seen, key=lambda each: (each.created_at, _order(each)))

    def _sharing(
        self, call: Call, scope: Scope, label: str, id_: str, missing: NotFoundError
    ) -> tuple[Workflow, Triggers]:
        definition, visible = self._visible(call, scope)
        triggers = [each for each in visible if each.labels[label] == id_]
        if not triggers:
            raise missing
        return definition, triggers

    def _scheduled(self, call: Call, scope: Scope) -> tuple[Workflow, Triggers]:
        id_ = call.params["schedule_id"].lower()
        return self._sharing(call, scope, SCHEDULE, id_, ScheduleNotFoundError(schedule_id=id_))

    def _job(self, call: Call, scope: Scope) -> tuple[Workflow, Triggers]:
        id_ = call.params["job_id"].lower()
        return self._sharing(call, scope, JOB, id_, JobNotFoundError(job_id=id_))

    def _trigger(self, call: Call, scope: Scope) -> Schedule:
        id_ = call.params["trigger_id"].lower()
        for trigger in self._job(call, scope)[1]:
            if trigger.id == id_:
                return trigger
        raise TriggerNotFoundError(trigger_id=id_)

    def _page(self, call: Call, label: str, shown: Callable[[Workflow, Triggers], documents.Members]) -> Reply:
        groups: dict[Json, Triggers] = {}
        definition, triggers = self._visible(call, Scope.READ_SCHEDULES)
        for trigger in triggers:
            groups.setdefault(str(trigger.labels[label]), []).append(trigger)
        asked = query.paging(call)
        newest_first = [*groups.values()][::-1]
        return bounds.page(asked, len(newest_first), (shown(definition, each) for each in asked.of(newest_first)))

    def _add(
        self, call: Call, definition_id: str, timing: Timing, inputs: Mapping[str, Json], labels: Mapping[str, Json]
    ) -> Schedule:
        from chalicelib.services.schedules.schedules import Draft

        trigger_id = self._services().workflows.new_uuid()
        draft = Draft(
            target=Target(TargetKind.WORKFLOW, definition_id),
            timing=timing,
            input=inputs,
            labels={**labels, TRIGGER: trigger_id},
        )
        try:
            return self._schedules.create(call.principal, draft, trigger_id)
        except InvalidError as error:
            raise _worded(error) from error

    def _amend(
        self,
        call: Call,
        trigger: Schedule,
        timing: Mapping[str, Json] | None,
        inputs: Mapping[str, Json] | None,
        namespaces: Iterable[Json] | None,
    ) -> Schedule:
        from chalicelib.services.schedules.schedules import Amendment

        amendment = Amendment(
            retime=None if timing is None else lambda stored: _timing(timing, stored),
            input=None if inputs is None else documents.unmasked_members(inputs, trigger.input),
            labels={} if namespaces is None else {NAMESPACES: [*namespaces]},
        )
        try:
            return self._schedules.update(call.principal, trigger.id, amendment)
        except InvalidError as error:
            raise _worded(error) from error

    def _remove(self, call: Call, triggers: Triggers) -> None:
        for trigger in triggers:
            self._schedules.delete(call.principal, trigger.id)


def _schedule(body: Mapping[str, Json]) -> dict[str, Json] | None:
    """The timing of a schedule's body; None if it is absent. Raises InvalidError."""
    timing = member(body, "_schedule", dict)
    if timing is not None:
        one_of(required(member(timing, "_type", str), "_schedule._type"), "_schedule._type", (TIME_BASED,))
    return timing


def _order(trigger: Schedule) -> int:
    """Which of its job's triggers it is, for those that were made within one moment."""
    order = trigger.labels.get(ORDER)
    return order if isinstance(order, int) else 0


def _timing(body: Mapping[str, Json], stored: Timing) -> Timing:
    """The stored timing with what the body says of it; whether it can be used, the schedules' service judges."""
    interval, zone = member(body, "_runInterval", str), None
    if body.get("_timeZone") is not None:
        zone = member(body, "_timeZone", str)
    if interval is not None and not 0 < len(interval.strip()) <= MAX_CRON_LENGTH:
        raise InvalidError(f"'_runInterval' has to have 1 to {MAX_CRON_LENGTH} characters", field="_runInterval")
    return replace(
        stored,
        expression=stored.expression if interval is None else interval.strip(),
        timezone=stored.timezone if zone is None else zone.strip() or DEFAULT_ZONE,
    )


def _inputs(body: Mapping[str, Json]) -> dict[str, Json] | None:
    return None if body.get("_inputParams") is None else member(body, "_inputParams", dict)


def _namespaces(call: Call, body: Mapping[str, Json]) -> Iterable[Json] | None:
    """None if they are absent. Raises InvalidError where the call's own is not among them."""
    named = documents.namespaces_of(body, call.principal)
    if named is not None and query.namespace(call) not in named:
        raise InvalidError("'_namespaces' does not hold the namespace of the call", field="_namespaces")
    return named


def _worded(error: InvalidError) -> InvalidError:
    """The complaint about what this dialect calls otherwise."""
    error.field = _FIELDS.get(error.field or "", error.field)
    return error

"""Calls on schedules: what starts a workflow again and again.

What reads and shows them is loaded with the first such call: most of the API's processes never see one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.parsing import member, positive_int, required
from chalicelib.api.common.services import Services
from chalicelib.api.exeoflow import wire
from chalicelib.api.exeoflow.envelope import paging, success
from chalicelib.domain.errors import InvalidError
from chalicelib.services.access import Scope, require

if TYPE_CHECKING:
    from chalicelib.domain.schedules import Schedule

DEFAULT_UPCOMING = 20
MAX_UPCOMING = 100


class ScheduleCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def list(self, call: Call) -> Reply:
        require(call.principal, Scope.READ_SCHEDULES)
        asked = paging(call)
        found = self._services().schedules.list(call.principal, call.param("workflow_id"))
        return success(
            {
                "schedules": [_members(each) for each in found[asked.offset : asked.offset + asked.limit]],
                "pagination": wire.pagination(asked.page, asked.limit, len(found)),
            }
        )

    def create(self, call: Call) -> Reply:
        from chalicelib.api.exeoflow.schedule_wire import draft

        services = self._services()
        require(call.principal, Scope.WRITE_SCHEDULES)
        body = call.json_object()
        workflow_id = required(member(body, "workflow_id", str), "workflow_id")
        services.access.workflow(call.principal, workflow_id, Scope.WRITE_SCHEDULES)
        return success(_members(services.schedules.create(call.principal, draft(body, workflow_id))), status=201)

    def preview(self, call: Call) -> Reply:
        """When a schedule would fire that nobody has made yet."""
        from chalicelib.api.exeoflow.fire_reasons import wording_for
        from chalicelib.api.exeoflow.schedule_wire import fires, timing

        require(call.principal, Scope.READ_SCHEDULES)
        found = timing(call.json_object())
        upcoming = self._services().schedules.preview(found, _count(call))
        wording = wording_for(call.headers.get("accept-language"))
        return success({"timezone": found.timezone, "upcoming": fires(found, upcoming, wording)})

    def get(self, call: Call) -> Reply:
        return success(_members(self._schedule(call)))

    def update(self, call: Call) -> Reply:
        from chalicelib.api.exeoflow.schedule_wire import amendment

        services = self._services()
        schedule = services.schedules.changeable(call.principal, call.params["schedule_id"])
        asked = amendment(call.json_object(), schedule)
        return success(_members(services.schedules.update(call.principal, call.params["schedule_id"], asked)))

    def delete(self, call: Call) -> Reply:
        self._services().schedules.delete(call.principal, call.params["schedule_id"])
        return success({"message": "Zeitplan erfolgreich gelöscht"})

    def pause(self, call: Call) -> Reply:
        return success(_members(self._services().schedules.disable(call.principal, call.params["schedule_id"])))

    def resume(self, call: Call) -> Reply:
        return success(_members(self._services().schedules.enable(call.principal, call.params["schedule_id"])))

    def upcoming(self, call: Call) -> Reply:
        from chalicelib.api.exeoflow.fire_reasons import wording_for
        from chalicelib.api.exeoflow.schedule_wire import preview

        schedule = self._schedule(call)
        upcoming = self._services().schedules.preview(schedule.timing, _count(call))
        return success(preview(schedule, upcoming, wording_for(call.headers.get("accept-language"))))

    def _schedule(self, call: Call) -> Schedule:
        return self._services().schedules.get(call.principal, call.params["schedule_id"])


def _count(call: Call) -> int:
    """How many due times are asked for. Raises InvalidError."""
    count = positive_int(call, "count", DEFAULT_UPCOMING)
    if count > MAX_UPCOMING:
        raise InvalidError(f"'count' is above {MAX_UPCOMING}", field="count")
    return count


def _members(schedule: Schedule) -> wire.Members:
    from chalicelib.api.exeoflow.schedule_wire import members

    return members(schedule)

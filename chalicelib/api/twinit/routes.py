"""The Twinit door: workflow definitions, their runs, tasks and schedules below `/workflowsvc/api/v1`.

Checks come in one order: who calls, what they may do, the namespace, the addressed resource, the body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from chalicelib.api.common.authentication import admit_with_key
from chalicelib.api.common.doors import Door
from chalicelib.api.common.mount import Route
from chalicelib.api.common.services import Services
from chalicelib.api.twinit import errors
from chalicelib.api.twinit.definitions import DefinitionCalls
from chalicelib.api.twinit.run_tasks import TaskCalls
from chalicelib.api.twinit.runs import RunCalls
from chalicelib.api.twinit.schedules import ScheduleCalls

PREFIX = "/workflowsvc/api/v1"
_HOST_PREFIX = "/workflowsvc"


def door(services: Callable[[], Services]) -> Door:
    return Door(
        (_HOST_PREFIX,),
        lambda call: admit_with_key(call, services(), knows_namespaces=True),
        errors.shape,
        errors.at_path,
    )


def routes(services: Callable[[], Services]) -> tuple[Route, ...]:
    definitions = DefinitionCalls(services)
    runs = RunCalls(services, definitions)
    return (
        *_definitions(definitions),
        *_runs(runs),
        *_tasks(TaskCalls(services, runs)),
        *_schedules(ScheduleCalls(services, definitions)),
    )


def _definitions(calls: DefinitionCalls) -> Iterator[Route]:
    yield Route("GET", "/workflowdefs", calls.list)
    yield Route("POST", "/workflowdefs", calls.create)
    yield Route("GET", "/workflowdefs/{workflow_def_id}", calls.get)
    yield Route("PUT", "/workflowdefs/{workflow_def_id}", calls.update)
    yield Route("DELETE", "/workflowdefs/{workflow_def_id}", calls.delete)


def _runs(calls: RunCalls) -> Iterator[Route]:
    yield Route("GET", "/workflows", calls.list)
    yield Route("POST", "/workflows", calls.start)
    yield Route("GET", "/workflows/{workflow_id}", calls.get)
    yield Route("PUT", "/workflows/{workflow_id}/status", calls.set_status)
    yield Route("PUT", "/{workflows_and_id}/status", calls.set_status_as_printed)


def _tasks(calls: TaskCalls) -> Iterator[Route]:
    """The documentation has some of these under two addresses."""
    task = "/workflows/{workflow_id}/tasks/{task_id}"
    yield Route("GET", task, calls.get)
    yield Route("GET", f"{task}/logs", calls.logs)
    yield Route("GET", f"{task}/loopovertasks", calls.loop_over_tasks)
    yield Route("GET", "/workflow/{workflow_id}/task/{task_id}/loopovertasks", calls.loop_over_tasks)
    for workflow in ("/workflows/{workflow_id}", "/workflow/{workflow_id}"):
        yield Route("POST", f"{workflow}/userinput/{{user_input_id}}", calls.answer)


def _schedules(calls: ScheduleCalls) -> Iterator[Route]:
    """The operations are documented, their addresses are not."""
    schedules, jobs = "/workflowdefs/{workflow_def_id}/schedules", "/workflowdefs/{workflow_def_id}/jobs"
    schedule, job = f"{schedules}/{{schedule_id}}", f"{jobs}/{{job_id}}"
    yield Route("POST", schedules, calls.create)
    yield Route("GET", schedules, calls.list)
    yield Route("GET", schedule, calls.get)
    yield Route("PUT", schedule, calls.update)
    yield Route("DELETE", schedule, calls.delete)
    yield Route("GET", jobs, calls.list_jobs)
    yield Route("GET", job, calls.get_job)
    yield Route("DELETE", job, calls.delete_job)
    yield Route("GET", f"{job}/triggers", calls.list_triggers)
    yield Route("POST", f"{job}/triggers", calls.create_trigger)
    yield Route("GET", f"{job}/triggers/{{trigger_id}}", calls.get_trigger)
    yield Route("PUT", f"{job}/triggers/{{trigger_id}}", calls.update_trigger)
    yield Route("DELETE", f"{job}/triggers/{{trigger_id}}", calls.delete_trigger)

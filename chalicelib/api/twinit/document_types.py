"""The objects that this door takes and answers, as types; their limits are those that the handlers decode by."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from chalicelib.api.common.describe import about, among, by_default, open_ended
from chalicelib.api.twinit import compile as compiler
from chalicelib.api.twinit import documents, query, schedules, states, tasks
from chalicelib.api.twinit.runs import COMMANDS

Nanoseconds = Annotated[
    str, about("UTC, nine digits of a second.", pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$")
]
Microseconds = Annotated[
    str, about("UTC, six digits of a second.", pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
]
Object = dict[str, Any]
Namespace = Annotated[str, about("A namespace.", min_length=1, max_length=query.MAX_NAMESPACE_LENGTH)]
Namespaces = Annotated[
    list[Namespace], about("Where it is to be found.", min_length=1, max_length=documents.MAX_NAMESPACES)
]
TASK_STATUSES = (
    states.QUEUED,
    states.IN_PROGRESS,
    states.COMPLETED,
    states.FAILED,
    states.TIMED_OUT,
    states.CANCELED,
    states.PAUSED,
)
TaskStatus = Annotated[str, among(TASK_STATUSES)]
_Name = Annotated[
    str, about("Without whitespace.", min_length=1, max_length=documents.MAX_NAME_LENGTH, pattern=r"^\S+$")
]
_Description = Annotated[str, about("Free text.", max_length=documents.MAX_DESCRIPTION_LENGTH)] | None


def page_of(item: Any) -> Any:
    members = {"_offset": int, "_pageSize": int, "_total": int, "_list": list[item]}
    return TypedDict(f"{item.__name__}Page", members)  # type: ignore[operator]


class Message(TypedDict):
    message: str


@open_ended
class TaskDef(TypedDict):
    """A task; which further members it has depends on its type. The guide to workflowsvc has them."""

    _type: Annotated[str, among(tasks.TYPES)]
    _name: NotRequired[
        Annotated[str, about("Unique; its type by default.", min_length=1, max_length=tasks.MAX_NAME_LENGTH)] | None
    ]
    _id: NotRequired[Annotated[Any, about("Given by an earlier reply, so that the task keeps it.")]]
    _sequenceno: NotRequired[Annotated[float | None, about("Its place; by default that in the list.")]]
    _inputParams: NotRequired[Annotated[Object | None, about("What goes into it.")]]


class DefinitionChange(TypedDict):
    """What the body does not name stays as it is; `_taskDefs` are replaced as a whole."""

    _name: NotRequired[_Name]
    _description: NotRequired[_Description]
    _namespaces: NotRequired[Namespaces | None]
    _userType: NotRequired[str | None]
    _taskDefs: NotRequired[Annotated[list[TaskDef], about("What it does.", max_length=tasks.MAX_TASKS)]]
    _timeoutSeconds: NotRequired[
        Annotated[int, about("How long a workflow may take.", ge=0, le=compiler.MAX_TIMEOUT_SECONDS)] | None
    ]
    _timeoutPolicy: NotRequired[
        Annotated[str, among((compiler.TIME_OUT, compiler.ALERT_ONLY), "What happens then.")] | None
    ]


class NewDefinition(TypedDict):
    _name: _Name
    _description: NotRequired[_Description]
    _namespaces: NotRequired[Namespaces | None]
    _userType: NotRequired[str | None]
    _taskDefs: Annotated[list[TaskDef], about("What it does.", max_length=tasks.MAX_TASKS)]
    _timeoutSeconds: NotRequired[
        Annotated[int, about("How long a workflow may take.", ge=0, le=compiler.MAX_TIMEOUT_SECONDS)] | None
    ]
    _timeoutPolicy: NotRequired[
        Annotated[str, among((compiler.TIME_OUT, compiler.ALERT_ONLY), "What happens then.")] | None
    ]


@open_ended
class Definition(TypedDict):
    """With every further member that was sent."""

    _id: str
    _name: str
    _description: str
    _namespaces: list[str]
    _userType: str | None
    _taskDefs: list[Object]
    _createdAt: Microseconds
    _updatedAt: Microseconds
    _createdBy: str | None
    _updatedBy: str | None
    _timeoutSeconds: int | None


class NewRun(TypedDict):
    _workflowDefId: str
    _inputParams: NotRequired[Annotated[Object | None, about("What goes into its tasks.")]]


class ShortTask(TypedDict):
    _id: str
    _name: str
    _sequenceno: float
    _type: str
    _status: TaskStatus


class Run(TypedDict):
    _id: str
    _workflowDefId: str
    _name: str
    _namespaces: list[str]
    _userType: str | None
    _tasks: list[ShortTask]
    _timeoutSeconds: int | None
    _timeoutPolicy: str | None
    _status: Annotated[str, among(dict.fromkeys((*states.RUN_STATUSES.values(), *COMMANDS)))]
    _createdAt: Nanoseconds
    _updatedAt: Nanoseconds
    _createdBy: str | None
    _updatedBy: str | None
    _inputParams: Any
    _output: Any


class Command(TypedDict):
    _status: Annotated[str, among(COMMANDS)]


class Task(TypedDict):
    _id: str
    _name: str
    _type: str
    _sequenceno: float
    _iteration: NotRequired[Annotated[int, about("Which round of its loop, from 1.")]]
    _status: TaskStatus
    _inputParams: Any
    _output: Any
    _reasonForIncompletion: str | None
    _startedAt: Nanoseconds | None
    _endedAt: Nanoseconds | None
    _userInputId: NotRequired[Annotated[str, about("Where it is to be answered.")]]
    _statusCode: NotRequired[Annotated[int | None, about("Of an HTTP answer.")]]
    _headers: NotRequired[Annotated[Object | None, about("Of an HTTP answer.")]]


class LogLine(TypedDict):
    _timestamp: Nanoseconds
    _level: str
    _message: str


class Answer(TypedDict):
    _userInput: Annotated[Object, about("What the task asks for.")]


_Cron = Annotated[
    str,
    about("Quartz: six or seven fields that begin with seconds.", min_length=1, max_length=schedules.MAX_CRON_LENGTH),
]
_Zone = Annotated[str | None, about("An IANA name."), by_default(schedules.DEFAULT_ZONE)]


class Timing(TypedDict):
    _type: Annotated[str, among((schedules.TIME_BASED,))]
    _runInterval: _Cron
    _timeZone: NotRequired[_Zone]


class TimingChange(TypedDict):
    _type: Annotated[str, among((schedules.TIME_BASED,))]
    _runInterval: NotRequired[_Cron]
    _timeZone: NotRequired[_Zone]


class NewSchedule(TypedDict):
    _schedule: Timing
    _namespaces: NotRequired[Namespaces | None]
    _inputParams: NotRequired[Object | None]


class ScheduleChange(TypedDict):
    _schedule: NotRequired[TimingChange]
    _namespaces: NotRequired[Namespaces | None]
    _inputParams: NotRequired[Object | None]


class ShownTiming(TypedDict):
    _type: str
    _runInterval: str
    _timeZone: str


class _Audited(TypedDict):
    _createdAt: Microseconds
    _updatedAt: Microseconds
    _createdBy: str | None
    _updatedBy: str | None


class Schedule(_Audited):
    _id: str
    _workflowDefId: str
    _namespaces: list[str]
    _schedule: ShownTiming
    _inputParams: Any
    _jobId: str
    _triggerId: str
    _nextFireTime: Microseconds | None
    _lastFireTime: Microseconds | None


class Job(_Audited):
    _id: str
    _workflowDefId: str
    _namespaces: list[str]
    _inputParams: Any
    _triggers: list[str]


class NewTrigger(TypedDict):
    _runInterval: _Cron
    _timeZone: NotRequired[_Zone]


class TriggerChange(TypedDict):
    _runInterval: NotRequired[_Cron]
    _timeZone: NotRequired[_Zone]


class Trigger(TypedDict):
    _id: str
    _jobId: str
    _scheduleId: str
    _runInterval: str
    _timeZone: str
    _nextFireTime: Microseconds | None
    _lastFireTime: Microseconds | None
    _status: Literal["ACTIVE", "PAUSED", "COMPLETED"]

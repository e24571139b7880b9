"""The objects that this door takes and answers, as types; their limits are those that the handlers decode by.

Documents have far more members than are described, which depend on systems and adaptors: all are kept and returned.
"""

from __future__ import annotations

from typing import Annotated, Any, NotRequired, TypedDict

from chalicelib.api.celigo import patching, run_errors
from chalicelib.api.common.describe import about, among, by_default, open_ended
from chalicelib.domain.flows.tags import MOST_TAGS_OF_AN_ERROR

Time = Annotated[str, about("UTC, to the millisecond, with `Z`.", pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
Object = dict[str, Any]
Id = Annotated[str, about("24 digits.", pattern="^[0-9a-f]{24}$")]
Moment = Annotated[Any, about("An ISO 8601 date or time, or milliseconds since 1970.")]


@open_ended
class FlowDocument(TypedDict):
    """With generators and processors, or with one export and one import."""

    name: Annotated[Any, about("Its name.")]
    pageGenerators: NotRequired[Annotated[Any, about("Exports that begin it: a list of objects with `_exportId`.")]]
    pageProcessors: NotRequired[
        Annotated[
            Any,
            about(
                "Lookups (`_exportId`) and imports (`_importId`), in order; `type` says which. `hooks.postResponseMap`"
                " may name the function of a script."
            ),
        ]
    ]
    routers: NotRequired[
        Annotated[Any, about("Branches, in place of `pageProcessors`: by their filters, or by a router's `script`.")]
    ]
    _exportId: NotRequired[Annotated[Any, about("The one export, in place of `pageGenerators`.")]]
    _importId: NotRequired[Annotated[Any, about("The one import, in place of `pageProcessors`.")]]
    _integrationId: NotRequired[Annotated[Any, about("The integration that it belongs to.")]]
    schedule: NotRequired[Annotated[Any, about("Six fields of cron, the first of them `?`.")]]
    timezone: NotRequired[Annotated[Any, about("An IANA name.")]]
    disabled: NotRequired[Annotated[Any, by_default(False)]]


@open_ended
class ResourceDocument(TypedDict):
    """An export, import, connection or integration; which members it has depends on its adaptor."""

    name: Annotated[Any, about("Its name.")]
    _connectionId: NotRequired[Annotated[Any, about("The connection of an export or import.")]]
    hooks: NotRequired[
        Annotated[
            Any,
            about(
                "Functions of scripts, each `{_scriptId, function}`: `preSavePage` of an export; `preMap`, `postMap` or"
                " `postSubmit` of an import."
            ),
        ]
    ]
    filter: NotRequired[
        Annotated[
            Any,
            about("Rules, or, with the type `script`, a function in `script`; so are `inputFilter` and `transform`."),
        ]
    ]


@open_ended
class ScriptDocument(TypedDict):
    name: Annotated[Any, about("Its name.")]
    content: Annotated[Any, about("Functions in JavaScript, at most 512 KB of them. Lists leave it out.")]
    description: NotRequired[Annotated[Any, about("What it is for.")]]


@open_ended
class NamedDocument(TypedDict):
    name: Annotated[Any, about("Its name.")]


@open_ended
class Flow(TypedDict, total=False):
    """With every member that was sent."""

    _id: Id
    name: str
    disabled: bool
    pageGenerators: list[Object]
    pageProcessors: list[Object]
    lastModified: Time
    createdAt: Time
    lastExecutedAt: Time


@open_ended
class Resource(TypedDict, total=False):
    """With every member that was sent; secrets are masked."""

    _id: Id
    name: str
    createdAt: Time
    lastModified: Time


class PatchOperation(TypedDict):
    op: Annotated[str, among(patching.VERBS)]
    path: Annotated[str, about("Of one of the few members that can be patched.")]
    value: NotRequired[Any]


Patch = Annotated[list[PatchOperation], about("A JSON Patch.", max_length=patching.MAX_OPERATIONS)]


class ExportCall(TypedDict):
    """Without `data`, one page of an export; with it, what a lookup finds."""

    data: NotRequired[Annotated[list[Any], about("Records that a lookup is asked about.")] | None]
    pagedExportState: NotRequired[Annotated[Object, about("Where to go on, from the answer before.")] | None]


class Exported(TypedDict):
    data: list[Any]
    dataURIs: list[Any]
    pagedExportState: NotRequired[Object]


class RecordError(TypedDict):
    code: str
    message: str
    source: str


class Imported(TypedDict):
    """What became of one record, in the order in which they were sent."""

    statusCode: Annotated[Any, about("The status that the system answered.")]
    id: NotRequired[Annotated[Any, about("What the system calls it.")]]
    errors: NotRequired[list[RecordError]]
    ignored: NotRequired[Annotated[bool, about("Whether the import left it out.")]]
    _json: NotRequired[Annotated[Any, about("What the system answered.")]]


@open_ended
class Previewed(TypedDict):
    data: list[Any]
    dataURIs: list[Any]
    stages: Annotated[list[Object], about("What became of the records, step by step.")]


class TestRun(TypedDict):
    _exportId: NotRequired[Annotated[Any, about("The one generator to try.")]]


class TestedFlow(TypedDict):
    _flowId: str
    _exportId: str | None


class TestJobs(TypedDict):
    metadata: TestedFlow
    flowJob: Job
    childJobs: list[Job]


class Window(TypedDict):
    startDate: NotRequired[Moment]
    endDate: NotRequired[Moment]


class RunOfFlow(TypedDict):
    export: NotRequired[Annotated[Window, about("For exports of type delta.")] | None]
    startDate: NotRequired[Moment]
    endDate: NotRequired[Moment]
    _exportIds: NotRequired[Annotated[list[str], about("Only these generators.")] | None]


class Started(TypedDict):
    _jobId: str
    _exportId: NotRequired[str]


class CloneOfFlow(TypedDict):
    name: NotRequired[str | None]
    connectionMap: NotRequired[
        Annotated[dict[str, Any], about("Connections of the copy, by those of the original.")] | None
    ]
    _integrationId: NotRequired[Annotated[Any, about("The copy's integration; without, the original's.")]]
    _flowGroupingId: NotRequired[Annotated[Any, about("Kept by the copy.")]]
    envId: NotRequired[Annotated[Any, about("Kept by the copy.")]]
    sandbox: NotRequired[Annotated[Any, about("Kept by the copy.")]]


class Clone(TypedDict):
    name: NotRequired[str | None]
    connectionMap: NotRequired[
        Annotated[dict[str, Any], about("Connections of the copy, by those of the original.")] | None
    ]


class Manifest(TypedDict):
    model: str
    _id: str
    name: str


class Grouping(TypedDict):
    _flowIds: Annotated[list[str], about("The flows to group.", min_length=1)]
    _flowGroupingId: NotRequired[Annotated[str, about("The group; null for none.")] | None]


class NewConnection(TypedDict):
    _newConnectionId: Annotated[Any, about("What to use from now on.")]


class NewConnectionOfFlow(TypedDict):
    _connectionId: Annotated[Any, about("What is used so far.")]
    _newConnectionId: Annotated[Any, about("What to use from now on.")]


class Use(TypedDict):
    id: str
    name: str
    paths: list[str]
    accessLevel: str


class LastExport(TypedDict):
    lastExportDateTime: Time | None


class SignedUrl(TypedDict):
    signedURL: Annotated[str, about("Whoever knows it may fetch the file.")]


class PingError(TypedDict):
    code: str
    message: str


class Ping(TypedDict):
    code: Annotated[int, about("The status that the system answered.")]
    errors: NotRequired[list[PingError]]


class Person(TypedDict):
    email: str
    name: str


class FieldChange(TypedDict):
    oldValue: Any
    newValue: Any
    fieldPath: str


class AuditEntry(TypedDict):
    _id: str
    resourceType: str
    _resourceId: str
    source: str
    event: str
    time: Time
    byUser: Person
    fieldChanges: list[FieldChange]


class Keys(TypedDict):
    keys: list[Any]


class Token(TypedDict):
    _userId: str
    scope: str


class Job(TypedDict, total=False):
    """Of a flow, or of one of its exports and imports; a list may have been asked for some members alone."""

    _id: str
    type: str
    _integrationId: str
    _exportId: str
    _importId: str
    _flowId: str
    _flowJobId: str
    startedAt: Time
    endedAt: Time
    lastExecutedAt: Time
    status: str
    numError: int
    numResolved: int
    numOpenError: int
    numSuccess: int
    numExport: int
    numIgnore: int
    numPagesGenerated: int
    doneExporting: bool
    numPagesProcessed: int
    oIndex: int
    retriable: bool
    createdAt: Time
    purgeAt: Time
    lastModified: Time


class Family(Job, total=False):
    children: list[Job]


class CurrentJobs(TypedDict):
    jobs: list[Job]
    nextPageURL: NotRequired[str]


class Current(TypedDict):
    """Without a status, what is under way."""

    _flowIds: NotRequired[list[str] | None]
    _integrationIds: NotRequired[list[str] | None]
    status: NotRequired[list[str] | None]


class JobError(TypedDict):
    resolve: bool
    retry: bool
    createdAt: Time
    code: str
    extract: str
    generate: str
    extracted: str
    generated: str
    message: str
    source: str
    exportDataURI: str
    importDataURI: str
    _retryId: NotRequired[str]
    _jobId: str


class FlowErrors(TypedDict):
    flowErrors: list[StepErrors]


class StepErrors(TypedDict):
    _expOrImpId: NotRequired[str]
    _flowId: NotRequired[str]
    numError: int
    lastErrorAt: NotRequired[Time]


class Error(TypedDict):
    errorId: str
    occurredAt: Time
    source: str
    code: str
    message: str
    traceKey: str | None
    exportDataURI: str
    importDataURI: str
    oIndex: str
    retryDataKey: NotRequired[str]
    reqAndResKey: NotRequired[str]
    _flowJobId: str
    classification: str
    classifiedBy: str
    retriable: bool
    tags: NotRequired[Annotated[list[str], about("Ids of its tags.")]]
    assignedTo: NotRequired[Annotated[str, about("Whose it is to see to.")]]
    purgeAt: Time
    resolvedAt: NotRequired[Time]
    resolvedBy: NotRequired[str]


class OpenErrors(TypedDict):
    errors: list[Error]
    nextPageURL: NotRequired[str]


class ResolvedErrors(TypedDict):
    resolved: list[Error]
    nextPageURL: NotRequired[str]


_Ids = Annotated[list[str], about("Ids of errors.", max_length=run_errors.MOST_AT_ONCE)]


class NamedErrors(TypedDict):
    errors: _Ids


class TaggedErrors(TypedDict):
    errorIds: _Ids
    tagIds: Annotated[list[str], about("In the place of those that they have.", max_length=MOST_TAGS_OF_AN_ERROR)]


class AssignedErrors(TypedDict):
    errorIds: _Ids
    email: Annotated[str | None, about("Whose they are to see to; null for nobody.")]


class TagDocument(TypedDict):
    tag: Annotated[str, about("Its name; case does not count.", min_length=1)]


class Tag(TypedDict):
    _id: str
    tagId: Annotated[str, about("The same.")]
    tag: str
    createdAt: Time
    lastModified: Time


class Retry(TypedDict):
    """By one of both."""

    retryDataKeys: NotRequired[
        Annotated[list[str], about("The errors' retry data keys.", max_length=run_errors.MOST_AT_ONCE)] | None
    ]
    errorIds: NotRequired[_Ids | None]


class RetryJob(TypedDict):
    _jobId: str | None


class RetryData(TypedDict):
    data: Any
    stage: str
    traceKey: str | None


class RetryDataChange(TypedDict):
    data: Annotated[Any, about("The record, an object or a list.")]
    traceKey: NotRequired[Annotated[str, about("Its key.", max_length=run_errors.LONGEST_TRACE_KEY)] | None]


class Nothing(TypedDict):
    """An empty object."""

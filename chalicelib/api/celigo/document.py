"""What this door's operations take and answer, for the document of all doors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from chalicelib.api.celigo import document_types as types
from chalicelib.api.celigo.audit import EVENTS
from chalicelib.api.celigo.errors import TABLE
from chalicelib.api.celigo.listing import MAX_LIMIT
from chalicelib.api.celigo.routes import PREFIX
from chalicelib.api.common.describe import (
    NOTHING,
    Body,
    Content,
    DoorDocument,
    Operation,
    Parameter,
    Prefix,
    Schema,
    bare,
    closed,
)
from chalicelib.api.common.parsing import IDEMPOTENCY_KEY_PATTERN
from chalicelib.domain.errors import ConflictError
from chalicelib.domain.json import decode
from chalicelib.services.flow_jobs import MOST_LISTED

_EXAMPLES = Path(__file__).with_name("examples.json")
_OLDER = "An older address of the same."
_REFUSES = (422, 503)
_NUMBER: Schema = {"type": "integer", "minimum": 0}
_FLAG: Schema = {"type": "string", "enum": ["true", "false"]}
_LIMIT = Parameter("limit", "How many.", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}, MAX_LIMIT)
_SHOWN = (
    Parameter("include", "Members to show alone, with commas; those inside others behind a dot."),
    Parameter("exclude", "Members not to show, with commas."),
)
_PAGING = (
    _LIMIT,
    Parameter("after", "Where to go on; the header `Link` has the address."),
    Parameter("before", "Where to go back; the header `Link` has the address."),
    Parameter("skip", "How many to leave out first.", _NUMBER, 0),
)
_DISABLED = Parameter("disabled", "Only those that are, or that are not.", _FLAG)
_INTEGRATION = Parameter("_integrationId", "Only those of this integration.")
_CONNECTION = Parameter("_connectionId", "Only those of this connection.")
_KEY = Parameter(
    "Idempotency-Key",
    "A key of the caller's own. Another call with it starts nothing, and is answered as the first.",
    {"type": "string", "pattern": f"^{IDEMPOTENCY_KEY_PATTERN}$"},
    where="header",
)
_MANIFEST = Parameter("manifest", "Whether to list what was made, instead of showing the flow.", _FLAG)
_AUDIT = (
    _LIMIT,
    Parameter("offset", "How many to leave out first.", _NUMBER, 0),
    Parameter("action", "Only changes of this kind.", {"type": "string", "enum": [*EVENTS]}),
    Parameter("event", "The same, by another name.", {"type": "string", "enum": [*EVENTS]}),
    Parameter("source", "Only changes that came this way."),
    Parameter("from", "Only changes at or after this ISO 8601 date or time."),
    Parameter("to", "Only changes at or before this ISO 8601 date or time."),
)
_WHOSE_AUDIT = (
    Parameter("resourceType", "Only changes of this kind of resource."),
    Parameter("_resourceId", "Only changes of this one."),
    Parameter("_byUserId", "Only changes by this user."),
)
_FIGURES = ("numSuccess", "numError", "numIgnore", "numExport")
_JOBS = (
    *(
        Parameter(name, "Only jobs of these, with commas.")
        for word in ("type", "status", "_flowId", "_integrationId")
        for name in (word, f"{word}_in")
    ),
    *(
        Parameter(name, "Only jobs of this.")
        for name in ("_jobId", "_flowJobId", "_exportId", "_importId", "resourceId")
    ),
    Parameter("_bulkJobId", "Of bulk jobs there are none, nor are jobs of them."),
    Parameter(
        "createdAt_gte", "Only jobs made at or after this: an ISO 8601 date or time, or milliseconds since 1970."
    ),
    Parameter(
        "createdAt_lte", "Only jobs made at or before this: an ISO 8601 date or time, or milliseconds since 1970."
    ),
    Parameter("retriable", "Only those that can be retried, or that cannot.", _FLAG),
    *(
        Parameter(f"{name}{suffix}", f"Only jobs whose `{name}` is {words}.", _NUMBER)
        for name in _FIGURES
        for suffix, words in (("_gte", "at least this"), ("_lte", "at most this"), ("", "this"))
    ),
)
_ERRORS = (
    _LIMIT,
    Parameter("after", "Where to go on; `nextPageURL` has it."),
    Parameter("occurredAt_gte", "Only errors at or after this: an ISO 8601 date or time, or milliseconds since 1970."),
    Parameter("occurredAt_lte", "Only errors at or before this: an ISO 8601 date or time, or milliseconds since 1970."),
    Parameter("source", "Only errors that came from here."),
    Parameter("_flowJobId", "Only errors of this job."),
)
_LINK = {"Link": "Addresses of the next and of the previous page."}


def _op(
    tag: str,
    id_: str,
    summary: str,
    type_: Any,
    body: Any = None,
    *parameters: Parameter,
    status: int = 200,
    **more: Any,
) -> Operation:
    taken = body if body is None or isinstance(body, Body) else Body(body)
    replies: dict[int | str, Content] = {status: Content(type_)}
    return Operation(id_, tag, summary, replies, parameters=parameters, body=taken, refuses=_REFUSES, **more)


def _list(tag: str, id_: str, summary: str, item: Any, *parameters: Parameter, **more: Any) -> Operation:
    """An empty one has no body."""
    replies: dict[int | str, Content] = {
        200: Content(list[item], headers=_LINK),
        204: Content(NOTHING, "There is none."),
    }
    return Operation(id_, tag, summary, replies, parameters=parameters, refuses=_REFUSES, **more)


def _optional(type_: Any) -> Body:
    return Body(type_, required=False)


_flow, _job, _error, _other = (partial(_op, tag) for tag in ("Flows", "Jobs", "Errors", "State and audit"))
_FLOW = "/flows/{flow_id}"


def _flows() -> dict[str, Operation]:
    return {
        "GET /flows": _list(
            "Flows", "list_flows", "List flows", types.Flow, *_PAGING, *_SHOWN, _DISABLED, _INTEGRATION
        ),
        "POST /flows": _flow("create_flow", "Create a flow", types.Flow, types.FlowDocument, status=201),
        "PUT /flows/updateFlowGrouping": _flow(
            "group_flows", "Put flows into a group", NOTHING, types.Grouping, status=204
        ),
        "GET /flows/template/{name}": _file("fetch_template", "Flows", "Fetch the archive of a flow"),
        f"GET {_FLOW}": _flow("get_flow", "Read a flow", types.Flow),
        f"PUT {_FLOW}": _flow("replace_flow", "Replace a flow", types.Flow, types.FlowDocument),
        f"PATCH {_FLOW}": _flow("patch_flow", "Patch a flow", NOTHING, types.Patch, status=204),
        f"DELETE {_FLOW}": _flow("delete_flow", "Delete a flow", NOTHING, status=204),
        f"POST {_FLOW}": _flow(
            "run_flow_older",
            "Run a flow",
            types.Started,
            _optional(types.RunOfFlow),
            _KEY,
            status=201,
            about=_OLDER,
            deprecated=True,
        ),
        f"POST {_FLOW}/run": _flow(
            "run_flow", "Run a flow", types.Started, _optional(types.RunOfFlow), _KEY, status=201
        ),
        f"POST {_FLOW}/test/run": _flow(
            "test_flow", "Try a flow with a few records", types.TestJobs, _optional(types.TestRun)
        ),
        f"POST {_FLOW}/clone": _flow(
            "clone_flow", "Copy a flow", _FLOW_OR_MANIFEST, _optional(types.CloneOfFlow), _MANIFEST, status=201
        ),
        f"GET {_FLOW}/audit": _list(
            "Flows", "list_flow_audit", "List who changed what of a flow", types.AuditEntry, *_AUDIT
        ),
        f"PUT {_FLOW}/replaceConnection": _flow(
            "replace_flow_connection", "Use another connection", types.Flow, types.NewConnectionOfFlow
        ),
        f"GET {_FLOW}/dependencies": _flow("list_flow_dependencies", "List what a flow uses", _DEPENDENCIES),
        f"GET {_FLOW}/template": _flow("offer_template", "Get the address of a flow's archive", types.SignedUrl),
        f"GET {_FLOW}/descendants": _flow("list_descendants", "List a flow's exports and imports", _DESCENDANTS),
        f"GET {_FLOW}/lastExportDateTime": _flow(
            "get_last_export", "Read up to when a flow exported", types.LastExport
        ),
    }


def _resources(kind: str) -> dict[str, Operation]:
    plural, one, tag = f"{kind}s", f"/{kind}s/{{{kind}_id}}", f"{kind.capitalize()}s"
    article = "an" if kind[0] in "aeiou" else "a"
    op = partial(_op, tag)
    document = types.NamedDocument if kind == "integration" else types.ResourceDocument
    filters = (_CONNECTION, _INTEGRATION)
    found = {
        f"GET /{plural}": _list(tag, f"list_{plural}", f"List {plural}", types.Resource, *_PAGING, *_SHOWN, *filters),
        f"POST /{plural}": op(f"create_{kind}", f"Create {article} {kind}", types.Resource, document, status=201),
        f"GET {one}": op(f"get_{kind}", f"Read {article} {kind}", types.Resource),
        f"PUT {one}": op(f"replace_{kind}", f"Replace {article} {kind}", types.Resource, document),
        f"PATCH {one}": op(f"patch_{kind}", f"Patch {article} {kind}", NOTHING, types.Patch, status=204),
        f"DELETE {one}": op(f"delete_{kind}", f"Delete {article} {kind}", NOTHING, status=204),
    }
    if kind != "integration":
        found |= {
            f"GET {one}/dependencies": op(f"list_{kind}_users", f"List what uses {article} {kind}", _DEPENDENCIES),
            f"GET {one}/audit": _list(
                tag, f"list_{kind}_audit", f"List who changed what of {article} {kind}", types.AuditEntry, *_AUDIT
            ),
        }
    if kind in ("export", "import"):
        found |= {
            f"POST {one}/clone": op(
                f"clone_{kind}", f"Copy {article} {kind}", types.Resource, _optional(types.Clone), status=201
            ),
            f"PUT {one}/replaceConnection": op(
                f"replace_{kind}_connection", "Use another connection", types.Resource, types.NewConnection
            ),
        }
    return found


def _rest() -> dict[str, Operation]:
    ping = partial(_op, "Connections")
    of = "/integrations/{integration_id}"
    inner = partial(_list, "Integrations")
    return {
        "GET /connections/{connection_id}/ping": ping("ping_connection", "Try a connection", types.Ping),
        "POST /connections/{connection_id}/ping": ping("ping_connection_too", "Try a connection", types.Ping),
        "POST /connections/ping": ping(
            "ping_unsaved", "Try a connection that is not saved", types.Ping, _unsaved("A connection")
        ),
        f"GET {of}/flows": inner(
            "list_integration_flows", "List an integration's flows", types.Flow, *_PAGING, *_SHOWN, _DISABLED
        ),
        f"GET {of}/exports": inner(
            "list_integration_exports", "List an integration's exports", types.Resource, *_PAGING, *_SHOWN
        ),
        f"GET {of}/imports": inner(
            "list_integration_imports", "List an integration's imports", types.Resource, *_PAGING, *_SHOWN
        ),
        "POST /exports/{export_id}/invoke": _op(
            "Exports", "invoke_export", "Export one page, or look up", types.Exported, _optional(types.ExportCall)
        ),
        "POST /imports/{import_id}/invoke": _op(
            "Imports", "invoke_import", "Import records", list[types.Imported], list[types.Object]
        ),
        "POST /exports/preview": _op(
            "Exports", "preview_export", "Try an export that is not saved", types.Previewed, _unsaved("An export")
        ),
        "GET /audit": _list(
            "State and audit", "list_audit", "List who changed what", types.AuditEntry, *_AUDIT, *_WHOSE_AUDIT
        ),
        "GET /state": _other("list_state", "List the keys of the store", types.Keys),
        "DELETE /state": _other("clear_state", "Empty the store", NOTHING, status=204),
        "GET /state/{key}": _other("get_state", "Read a value", _ANYTHING),
        "PUT /state/{key}": Operation(
            "put_state",
            "State and audit",
            "Store a value",
            {200: Content(_TEXT, media_type="text/plain")},
            body=Body({}),
            refuses=_REFUSES,
        ),
        "DELETE /state/{key}": _other("delete_state", "Delete a value", NOTHING, status=204),
        "GET /tokenInfo": _other("get_token", "Read whose token it is, and what it may do", types.Token),
        "POST /exports/{export_id}/data": _listener("deliver", "Deliver to a listener"),
        "POST /exports/{export_id}/data/{token}": _listener("deliver_with_token", "Deliver to a listener"),
    }


_ABOUT_JOBS = f"""\
Newest first, at most {MOST_LISTED}. Where that many come there may be more: `createdAt_lte` with the last one's
`createdAt` goes on.

The query has to say of what: runs by `_integrationId`, `_flowId`, `_exportId`, `_importId`, `_jobId`, `_flowJobId`,
`createdAt_gte` or `createdAt_lte`; their parts (`type` of `export` or `import`) by `_flowJobId`, `_exportId`,
`_importId` or `resourceId`. Without a `type`, `_flowJobId` lists the parts of that run."""


def _jobs() -> dict[str, Operation]:
    one = "/jobs/{job_id}"
    listed = partial(_list, "Jobs")
    return {
        "GET /jobs": listed("list_jobs", "List jobs", types.Job, *_JOBS, *_SHOWN, about=_ABOUT_JOBS),
        "POST /jobs/current": _job(
            "list_current_jobs",
            "List jobs that are under way",
            types.CurrentJobs,
            _optional(types.Current),
            _LIMIT,
            Parameter("skip", "How many to leave out first.", _NUMBER, 0),
        ),
        "GET /jobs/errorFile/{name}": _file("fetch_error_file", "Jobs", "Fetch a file of errors"),
        f"GET {one}": _job("get_job", "Read a job", types.Job),
        f"GET {one}/family": _job("get_family", "Read a job with its children", types.Family),
        f"PUT {one}/cancel": _job("cancel_job", "Cancel a job", types.Job),
        f"GET {one}/jobErrors": listed("list_job_errors", "List a job's errors", types.JobError),
        f"GET {one}/joberrors": listed(
            "list_job_errors_older", "List a job's errors", types.JobError, about=_OLDER, deprecated=True
        ),
        f"GET {one}/errorFile/signedURL": _job(
            "offer_error_file", "Get the address of a file of a job's errors", types.SignedUrl
        ),
        f"GET {one}/diagnostics": _job(
            "offer_diagnostics", "Get the address of an archive of a job's errors", types.SignedUrl
        ),
        f"GET {_FLOW}/jobs/latest": listed("list_latest_jobs", "List a flow's latest jobs", types.Family),
    }


def _errors_of_flows() -> dict[str, Operation]:
    step = f"{_FLOW}/{{step_id}}"
    data = f"{step}/{{retry_data_key}}/data"
    return {
        f"GET {_FLOW}/errors": _error("count_errors", "Count a flow's errors by step", types.FlowErrors),
        f"GET {step}/errors": _error("list_errors", "List a step's open errors", types.OpenErrors, None, *_ERRORS),
        f"GET {step}/resolved": _error(
            "list_resolved", "List a step's resolved errors", types.ResolvedErrors, None, *_ERRORS
        ),
        f"PUT {step}/resolved": _error("resolve_errors", "Resolve errors", types.Nothing, types.NamedErrors),
        f"DELETE {step}/resolved": _error("reopen_errors", "Open errors again", NOTHING, types.NamedErrors, status=204),
        f"POST {step}/retry": _error("retry_errors", "Retry errors", types.RetryJob, types.Retry, _KEY),
        f"GET {data}": _error("get_retry_data", "Read what would be retried", types.RetryData),
        f"PUT {data}": _error("put_retry_data", "Change what would be retried", types.RetryData, types.RetryDataChange),
        "GET /integrations/{integration_id}/errors": _list(
            "Errors", "count_integration_errors", "Count an integration's errors by flow", types.StepErrors
        ),
    }


def _unsaved(what: str) -> Schema:
    return {"type": "object", "description": f"{what}, which need not have a name yet."}


def _component(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/Celigo.{name}"}


_TEXT: Schema = {"type": "string"}
_ANYTHING: Schema = {"description": "Any JSON."}
_DEPENDENCIES: Schema = {
    "type": "object",
    "description": "By the plural of what they are.",
    "additionalProperties": {"type": "array", "items": _component("Use")},
}
_DESCENDANTS = closed(
    {name: {"type": "array", "items": _component("Resource")} for name in ("exports", "imports")}, "exports", "imports"
)
_FLOW_OR_MANIFEST: Schema = {"oneOf": [_component("Flow"), {"type": "array", "items": _component("Manifest")}]}


def _file(id_: str, tag: str, summary: str) -> Operation:
    content = Content({}, "The file, for whoever knows its address.", media_type="*/*")
    return Operation(id_, tag, summary, {200: content}, refuses=_REFUSES, security=())


def _listener(id_: str, summary: str) -> Operation:
    """What a listener answers, its document says."""
    content = Content({}, "What the listener is set to answer.", media_type="*/*")
    refused = Content({}, "Refused, in the words of the API or of the listener.", media_type="*/*")
    return Operation(
        id_,
        "Exports",
        summary,
        {"default": content, **dict.fromkeys((400, 401, 403, 404, 409, 413, 422, 429, 500, 503), refused)},
        "The delivery proves itself as the listener's document says: by a token, basic credentials or a signature.",
        (_KEY,),
        Body({}, required=False, media_types=("*/*",)),
        security=(),
    )


_PATH = {
    "flow_id": "The flow's id.",
    "export_id": "The export's id.",
    "import_id": "The import's id.",
    "connection_id": "The connection's id.",
    "integration_id": "The integration's id.",
    "job_id": "The job's id.",
    "step_id": "The id of the step's export or import.",
    "retry_data_key": "The error's `retryDataKey`.",
    "name": "The file's name, which only who was given it knows.",
    "key": "The key.",
    "token": "The listener's token.",
}


def documents() -> tuple[DoorDocument, ...]:
    resources: dict[str, Operation] = {}
    for kind in ("export", "import", "connection", "integration"):
        resources |= _resources(kind)
    return (
        DoorDocument(
            "Celigo",
            "Celigo",
            "Flows of exports and imports, and the jobs that they run as.",
            (Prefix(PREFIX),),
            {**_flows(), **resources, **_rest(), **_jobs(), **_errors_of_flows()},
            {
                "Flows": "Exports, lookups and imports in a row.",
                "Exports": "What brings records in: by asking, or by listening.",
                "Imports": "What sends records on.",
                "Connections": "Systems that exports and imports speak to.",
                "Integrations": "Flows that belong together.",
                "Jobs": "Runs of flows.",
                "Errors": "What runs of flows left undone: reading, resolving, retrying.",
                "State and audit": "Values between runs, who changed what, and the token itself.",
            },
            _PATH,
            _refusals(),
            bare,
            conflict=TABLE[ConflictError].status,
            examples=examples,
            also=(types.Use, types.Resource, types.Flow, types.Manifest),
        ),
    )


@cache
def examples() -> Mapping[str, Any]:
    kept = decode(_EXAMPLES.read_bytes())
    assert isinstance(kept, dict)
    return kept


def _refusals() -> Mapping[int, Schema]:
    one = closed({"field": _TEXT, "code": _TEXT, "message": _TEXT}, "field")
    several: Schema = {"type": "array", "items": one, "minItems": 1}
    return {
        status: closed({**({"message": _TEXT} if status in (401, 403) else {}), "errors": several})
        for status in {wording.status for wording in TABLE.values()}
    }

"""What this door's operations take and answer, for the document of all doors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from chalicelib.api.celigo import document_types as types
from chalicelib.api.celigo.document_jobs import errors_of_flows, jobs
from chalicelib.api.celigo.document_parts import (
    AUDIT,
    FLAG,
    FLOW,
    KEY,
    OLDER,
    PAGING,
    REFUSES,
    SHOWN,
    TEXT,
    component,
    file,
    listing_of,
    operation,
    optional,
)
from chalicelib.api.celigo.errors import TABLE
from chalicelib.api.celigo.routes import PREFIX
from chalicelib.api.celigo.state import OWNERS
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
from chalicelib.domain.errors import ConflictError
from chalicelib.domain.json import decode

_EXAMPLES = Path(__file__).with_name("examples.json")
_DISABLED = Parameter("disabled", "Only those that are, or that are not.", FLAG)
_INTEGRATION = Parameter("_integrationId", "Only those of this integration.")
_CONNECTION = Parameter("_connectionId", "Only those of this connection.")
_MANIFEST = Parameter("manifest", "Whether to list what was made, instead of showing the flow.", FLAG)
_WHOSE_AUDIT = (
    Parameter("resourceType", "Only changes of this kind of resource."),
    Parameter("_resourceId", "Only changes of this one."),
    Parameter("_byUserId", "Only changes by this user."),
)


_flow, _other = (partial(operation, tag) for tag in ("Flows", "State and audit"))


def _flows() -> dict[str, Operation]:
    return {
        "GET /flows": listing_of(
            "Flows", "list_flows", "List flows", types.Flow, *PAGING, *SHOWN, _DISABLED, _INTEGRATION
        ),
        "POST /flows": _flow("create_flow", "Create a flow", types.Flow, types.FlowDocument, status=201),
        "PUT /flows/updateFlowGrouping": _flow(
            "group_flows", "Put flows into a group", NOTHING, types.Grouping, status=204
        ),
        "GET /flows/template/{name}": file("fetch_template", "Flows", "Fetch the archive of a flow"),
        f"GET {FLOW}": _flow("get_flow", "Read a flow", types.Flow),
        f"PUT {FLOW}": _flow("replace_flow", "Replace a flow", types.Flow, types.FlowDocument),
        f"PATCH {FLOW}": _flow("patch_flow", "Patch a flow", NOTHING, types.Patch, status=204),
        f"DELETE {FLOW}": _flow("delete_flow", "Delete a flow", NOTHING, status=204),
        f"POST {FLOW}": _flow(
            "run_flow_older",
            "Run a flow",
            types.Started,
            optional(types.RunOfFlow),
            KEY,
            status=201,
            about=OLDER,
            deprecated=True,
        ),
        f"POST {FLOW}/run": _flow("run_flow", "Run a flow", types.Started, optional(types.RunOfFlow), KEY, status=201),
        f"POST {FLOW}/test/run": _flow(
            "test_flow", "Try a flow with a few records", types.TestJobs, optional(types.TestRun)
        ),
        f"POST {FLOW}/clone": _flow(
            "clone_flow", "Copy a flow", _FLOW_OR_MANIFEST, optional(types.CloneOfFlow), _MANIFEST, status=201
        ),
        f"GET {FLOW}/audit": listing_of(
            "Flows", "list_flow_audit", "List who changed what of a flow", types.AuditEntry, *AUDIT
        ),
        f"PUT {FLOW}/replaceConnection": _flow(
            "replace_flow_connection", "Use another connection", types.Flow, types.NewConnectionOfFlow
        ),
        f"GET {FLOW}/dependencies": _flow("list_flow_dependencies", "List what a flow uses", _DEPENDENCIES),
        f"GET {FLOW}/template": _flow("offer_template", "Get the address of a flow's archive", types.SignedUrl),
        f"GET {FLOW}/descendants": _flow("list_descendants", "List a flow's exports and imports", _DESCENDANTS),
        f"GET {FLOW}/lastExportDateTime": _flow("get_last_export", "Read up to when a flow exported", types.LastExport),
    }


def _resources(kind: str) -> dict[str, Operation]:
    plural, one, tag = f"{kind}s", f"/{kind}s/{{{kind}_id}}", f"{kind.capitalize()}s"
    article = "an" if kind[0] in "aeiou" else "a"
    op = partial(operation, tag)
    documents = {"integration": types.NamedDocument, "script": types.ScriptDocument}
    document = documents.get(kind, types.ResourceDocument)
    filters = () if kind == "script" else (_CONNECTION, _INTEGRATION)
    found = {
        f"GET /{plural}": listing_of(
            tag, f"list_{plural}", f"List {plural}", types.Resource, *PAGING, *SHOWN, *filters
        ),
        f"POST /{plural}": op(f"create_{kind}", f"Create {article} {kind}", types.Resource, document, status=201),
        f"GET {one}": op(f"get_{kind}", f"Read {article} {kind}", types.Resource),
        f"PUT {one}": op(f"replace_{kind}", f"Replace {article} {kind}", types.Resource, document),
        f"PATCH {one}": op(f"patch_{kind}", f"Patch {article} {kind}", NOTHING, types.Patch, status=204),
        f"DELETE {one}": op(f"delete_{kind}", f"Delete {article} {kind}", NOTHING, status=204),
    }
    if kind != "integration":
        found |= {
            f"GET {one}/dependencies": op(f"list_{kind}_users", f"List what uses {article} {kind}", _DEPENDENCIES),
            f"GET {one}/audit": listing_of(
                tag, f"list_{kind}_audit", f"List who changed what of {article} {kind}", types.AuditEntry, *AUDIT
            ),
        }
    if kind in ("export", "import", "script"):
        found[f"POST {one}/clone"] = op(
            f"clone_{kind}", f"Copy {article} {kind}", types.Resource, optional(types.Clone), status=201
        )
    if kind in ("export", "import"):
        found |= {
            f"PUT {one}/replaceConnection": op(
                f"replace_{kind}_connection", "Use another connection", types.Resource, types.NewConnection
            ),
        }
    return found


def _rest() -> dict[str, Operation]:
    ping = partial(operation, "Connections")
    of = "/integrations/{integration_id}"
    inner = partial(listing_of, "Integrations")
    return {
        "GET /connections/{connection_id}/ping": ping("ping_connection", "Try a connection", types.Ping),
        "POST /connections/{connection_id}/ping": ping("ping_connection_too", "Try a connection", types.Ping),
        "POST /connections/ping": ping(
            "ping_unsaved", "Try a connection that is not saved", types.Ping, _unsaved("A connection")
        ),
        f"GET {of}/flows": inner(
            "list_integration_flows", "List an integration's flows", types.Flow, *PAGING, *SHOWN, _DISABLED
        ),
        f"GET {of}/exports": inner(
            "list_integration_exports", "List an integration's exports", types.Resource, *PAGING, *SHOWN
        ),
        f"GET {of}/imports": inner(
            "list_integration_imports", "List an integration's imports", types.Resource, *PAGING, *SHOWN
        ),
        "POST /exports/{export_id}/invoke": operation(
            "Exports", "invoke_export", "Export one page, or look up", types.Exported, optional(types.ExportCall)
        ),
        "POST /imports/{import_id}/invoke": operation(
            "Imports", "invoke_import", "Import records", list[types.Imported], list[types.Object]
        ),
        "POST /exports/preview": operation(
            "Exports", "preview_export", "Try an export that is not saved", types.Previewed, _unsaved("An export")
        ),
        "GET /audit": listing_of(
            "State and audit", "list_audit", "List who changed what", types.AuditEntry, *AUDIT, *_WHOSE_AUDIT
        ),
        **_state("", "the store", ""),
        **{
            name: said
            for owner in OWNERS
            for name, said in _state(f"/{owner}s/{{{owner}_id}}", f"the store of a {owner}", f"_of_{owner}").items()
        },
        "GET /connections/{connection_id}/debug": Operation(
            "get_debug_log",
            "Connections",
            "Read what went through a connection while it was being debugged",
            {200: Content(TEXT, media_type="text/plain"), 204: Content(NOTHING, "There is none.")},
            "Two entries for each call of the last day: when, its id and what made it, above what was sent and above "
            "what came back, without secrets. Calls are noted until the connection's `debugDate`, and no longer than "
            "an hour after the connection was last changed.",
            refuses=REFUSES,
        ),
        "DELETE /connections/{connection_id}/debug": ping("clear_debug_log", "Empty that log", NOTHING, status=204),
        "POST /{api_identifier}": Operation(
            "invoke_by_identifier",
            "Exports",
            "Invoke an export or import by its `apiIdentifier`",
            {
                200: Content({"oneOf": [component("Exported"), {"type": "array", "items": component("Imported")}]}),
                404: Content({"type": "object"}, "There is no such export or import, or the name is nobody's."),
            },
            OLDER,
            body=optional({"oneOf": [component("ExportCall"), {"type": "array", "items": {"type": "object"}}]}),
            refuses=REFUSES,
            deprecated=True,
        ),
        "GET /tokenInfo": _other("get_token", "Read whose token it is, and what it may do", types.Token),
        "POST /exports/{export_id}/data": _listener("deliver", "Deliver to a listener"),
        "POST /exports/{export_id}/data/{token}": _listener("deliver_with_token", "Deliver to a listener"),
    }


def _state(start: str, what: str, of: str) -> dict[str, Operation]:
    gone: dict[str, Any] = {"status": 200} if start else {"status": 204}
    nothing: Any = types.Nothing if start else NOTHING
    return {
        f"GET {start}/state": _other(f"list_state{of}", f"List the keys of {what}", types.Keys),
        f"DELETE {start}/state": _other(f"clear_state{of}", f"Empty {what}", nothing, **gone),
        f"GET {start}/state/{{key}}": _other(f"get_state{of}", f"Read a value of {what}", _ANYTHING),
        f"PUT {start}/state/{{key}}": Operation(
            f"put_state{of}",
            "State and audit",
            f"Store a value in {what}",
            {200: Content(TEXT, media_type="text/plain")},
            body=Body({}),
            refuses=REFUSES,
        ),
        f"DELETE {start}/state/{{key}}": _other(f"delete_state{of}", f"Delete a value of {what}", nothing, **gone),
    }


def _unsaved(what: str) -> Schema:
    return {"type": "object", "description": f"{what}, which need not have a name yet."}


_ANYTHING: Schema = {"description": "Any JSON."}
_DEPENDENCIES: Schema = {
    "type": "object",
    "description": "By the plural of what they are.",
    "additionalProperties": {"type": "array", "items": component("Use")},
}
_DESCENDANTS = closed(
    {name: {"type": "array", "items": component("Resource")} for name in ("exports", "imports")}, "exports", "imports"
)
_FLOW_OR_MANIFEST: Schema = {"oneOf": [component("Flow"), {"type": "array", "items": component("Manifest")}]}


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
        (KEY,),
        Body({}, required=False, media_types=("*/*",)),
        security=(),
    )


_PATH = {
    "flow_id": "The flow's id.",
    "export_id": "The export's id.",
    "import_id": "The import's id.",
    "connection_id": "The connection's id.",
    "integration_id": "The integration's id.",
    "script_id": "The script's id.",
    "job_id": "The job's id.",
    "step_id": "The id of the step's export or import.",
    "retry_data_key": "The error's `retryDataKey`.",
    "name": "The file's name, which only who was given it knows.",
    "key": "The key.",
    "token": "The listener's token.",
    "tag_id": "The tag's id.",
    "api_identifier": "The `apiIdentifier` of an export or import.",
}


def documents() -> tuple[DoorDocument, ...]:
    resources: dict[str, Operation] = {}
    for kind in ("export", "import", "connection", "integration", "script"):
        resources |= _resources(kind)
    return (
        DoorDocument(
            "Celigo",
            "Celigo",
            "Flows of exports and imports, and the jobs that they run as.",
            (Prefix(PREFIX),),
            {**_flows(), **resources, **_rest(), **jobs(), **errors_of_flows()},
            {
                "Flows": "Exports, lookups and imports in a row.",
                "Exports": "What brings records in: by asking, or by listening.",
                "Imports": "What sends records on.",
                "Connections": "Systems that exports and imports speak to.",
                "Integrations": "Flows that belong together.",
                "Scripts": "Functions in JavaScript that hooks, filters, transforms and routers call.",
                "Jobs": "Runs of flows.",
                "Errors": "What runs of flows left undone: reading, resolving, retrying.",
                "State and audit": "Values between runs, who changed what, and the token itself.",
            },
            _PATH,
            _refusals(),
            bare,
            conflict=TABLE[ConflictError].status,
            examples=examples,
            also=(
                types.Exported,
                types.ExportCall,
                types.Imported,
                types.Use,
                types.Resource,
                types.Flow,
                types.Manifest,
            ),
        ),
    )


@cache
def examples() -> Mapping[str, Any]:
    kept = decode(_EXAMPLES.read_bytes())
    assert isinstance(kept, dict)
    return kept


def _refusals() -> Mapping[int, Schema]:
    one = closed({"field": TEXT, "code": TEXT, "message": TEXT}, "field")
    several: Schema = {"type": "array", "items": one, "minItems": 1}
    return {
        status: closed({**({"message": TEXT} if status in (401, 403) else {}), "errors": several})
        for status in {wording.status for wording in TABLE.values()}
    }

"""What calls on jobs and on the errors of runs take and answer."""

from __future__ import annotations

from functools import partial

from chalicelib.api.celigo import document_types as types
from chalicelib.api.celigo.document_parts import (
    FLAG,
    FLOW,
    KEY,
    LIMIT,
    NUMBER,
    OLDER,
    SHOWN,
    file,
    listing_of,
    operation,
    optional,
)
from chalicelib.api.common.describe import (
    NOTHING,
    Operation,
    Parameter,
)
from chalicelib.services.flows.jobs import MOST_LISTED

_job, _error = (partial(operation, tag) for tag in ("Jobs", "Errors"))
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
    Parameter("retriable", "Only those that can be retried, or that cannot.", FLAG),
    *(
        Parameter(f"{name}{suffix}", f"Only jobs whose `{name}` is {words}.", NUMBER)
        for name in _FIGURES
        for suffix, words in (("_gte", "at least this"), ("_lte", "at most this"), ("", "this"))
    ),
)
_ERRORS = (
    LIMIT,
    Parameter("after", "Where to go on; `nextPageURL` has it."),
    Parameter("occurredAt_gte", "Only errors at or after this: an ISO 8601 date or time, or milliseconds since 1970."),
    Parameter("occurredAt_lte", "Only errors at or before this: an ISO 8601 date or time, or milliseconds since 1970."),
    Parameter("source", "Only errors that came from here."),
    Parameter("_flowJobId", "Only errors of this job."),
)
_ABOUT_JOBS = f"""\
Newest first, at most {MOST_LISTED}. Where that many come there may be more: `createdAt_lte` with the last one's
`createdAt` goes on.

The query has to say of what: runs by `_integrationId`, `_flowId`, `_exportId`, `_importId`, `_jobId`, `_flowJobId`,
`createdAt_gte` or `createdAt_lte`; their parts (`type` of `export` or `import`) by `_flowJobId`, `_exportId`,
`_importId` or `resourceId`. Without a `type`, `_flowJobId` lists the parts of that run."""


def jobs() -> dict[str, Operation]:
    one = "/jobs/{job_id}"
    listed = partial(listing_of, "Jobs")
    return {
        "GET /jobs": listed("list_jobs", "List jobs", types.Job, *_JOBS, *SHOWN, about=_ABOUT_JOBS),
        "POST /jobs/current": _job(
            "list_current_jobs",
            "List jobs that are under way",
            types.CurrentJobs,
            optional(types.Current),
            LIMIT,
            Parameter("skip", "How many to leave out first.", NUMBER, 0),
        ),
        "GET /jobs/errorFile/{name}": file("fetch_error_file", "Jobs", "Fetch a file of errors"),
        f"GET {one}": _job("get_job", "Read a job", types.Job),
        f"GET {one}/family": _job("get_family", "Read a job with its children", types.Family),
        f"PUT {one}/cancel": _job("cancel_job", "Cancel a job", types.Job),
        f"GET {one}/jobErrors": listed("list_job_errors", "List a job's errors", types.JobError),
        f"GET {one}/joberrors": listed(
            "list_job_errors_older", "List a job's errors", types.JobError, about=OLDER, deprecated=True
        ),
        f"GET {one}/errorFile/signedURL": _job(
            "offer_error_file", "Get the address of a file of a job's errors", types.SignedUrl
        ),
        f"GET {one}/diagnostics": _job(
            "offer_diagnostics", "Get the address of an archive of a job's errors", types.SignedUrl
        ),
        f"GET {FLOW}/jobs/latest": listed("list_latest_jobs", "List a flow's latest jobs", types.Family),
    }


def errors_of_flows() -> dict[str, Operation]:
    step = f"{FLOW}/{{step_id}}"
    data = f"{step}/{{retry_data_key}}/data"
    return {
        f"GET {FLOW}/errors": _error("count_errors", "Count a flow's errors by step", types.FlowErrors),
        f"GET {step}/errors": _error("list_errors", "List a step's open errors", types.OpenErrors, None, *_ERRORS),
        f"GET {step}/resolved": _error(
            "list_resolved", "List a step's resolved errors", types.ResolvedErrors, None, *_ERRORS
        ),
        f"PUT {step}/resolved": _error("resolve_errors", "Resolve errors", types.Nothing, types.NamedErrors),
        f"DELETE {step}/resolved": _error("reopen_errors", "Open errors again", NOTHING, types.NamedErrors, status=204),
        f"POST {step}/retry": _error("retry_errors", "Retry errors", types.RetryJob, types.Retry, KEY),
        f"PUT {step}/errors/assign": _error(
            "assign_errors", "Assign errors to somebody", types.Nothing, types.AssignedErrors
        ),
        f"PUT {step}/tags": _error("tag_errors", "Tag errors", types.Nothing, types.TaggedErrors),
        "GET /tags": listing_of("Errors", "list_tags", "List the tags of errors", types.Tag),
        "POST /tags": _error("create_tag", "Create a tag", types.Tag, types.TagDocument, status=201),
        "GET /tags/{tag_id}": _error("get_tag", "Read a tag", types.Tag),
        "PUT /tags/{tag_id}": _error("rename_tag", "Rename a tag", types.Tag, types.TagDocument),
        "DELETE /tags/{tag_id}": _error("delete_tag", "Delete a tag", NOTHING, status=204),
        f"GET {data}": _error("get_retry_data", "Read what would be retried", types.RetryData),
        f"PUT {data}": _error("put_retry_data", "Change what would be retried", types.RetryData, types.RetryDataChange),
        "GET /integrations/{integration_id}/errors": listing_of(
            "Errors", "count_integration_errors", "Count an integration's errors by flow", types.StepErrors
        ),
    }

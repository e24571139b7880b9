"""What is wrong with the document of an import. Its requests are lists: what stands at one index belongs together."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.domain.flows.checks.fields import MEDIA_TYPES, METHODS, Fields
from chalicelib.domain.flows.checks.scripts import check_hooks
from chalicelib.domain.flows.documents import HTTP_IMPORT, REST_IMPORT, http_of
from chalicelib.domain.flows.scripts import IMPORT_HOOKS
from chalicelib.domain.json import Json
from chalicelib.domain.records.problems import Problems

ADAPTORS = (HTTP_IMPORT, REST_IMPORT)
REQUEST_TYPES = ("CREATE", "UPDATE")
MOST_REQUESTS = 2
MOST_BATCH_RECORDS = 10_000
MOST_ATTEMPTS = 50


def check_import(document: Mapping[str, Json], problems: Problems) -> None:
    fields = Fields(document, problems)
    fields.named()
    adaptor = fields.choice("adaptorType", ADAPTORS, required=True)
    fields.reference("_connectionId", required=True)
    fields.reference("_integrationId")
    for name in ("ignoreExisting", "ignoreMissing", "oneToMany"):
        fields.flag(name)
    for name in ("pathToMany", "traceKeyTemplate"):
        fields.text(name)
    fields.whole("maxAttempts", 1, MOST_ATTEMPTS)
    check_hooks(document.get("hooks"), "hooks", IMPORT_HOOKS, problems)
    if adaptor is not None:
        _check_requests(fields)


def _check_requests(fields: Fields) -> None:
    block = "rest" if not fields.has("http") and fields.has("rest") else "http"
    if fields.inner(block, required=True) is None:
        return
    http = Fields(http_of(fields.members), fields.problems, block)
    lengths = {
        "method": _texts(http, "method", METHODS, required=True),
        "relativeURI": _texts(http, "relativeURI", required=True),
        "requestType": _texts(http, "requestType", REQUEST_TYPES),
        "body": _texts(http, "body", may_be_null=True),
    }
    requests = lengths["method"]
    for name, length in lengths.items():
        # A list that is absent counts 0 and goes with any number of requests.
        if length and requests and length != requests:
            http.invalid(name, f"Path `{http.path(name)}` must have as many elements as `{http.path('method')}`.")
    if requests > 1 and lengths["requestType"] == 0:
        http.missing("requestType")
    if requests > MOST_REQUESTS:
        http.invalid("method", f"An import makes at most {MOST_REQUESTS} kinds of requests.")
    http.headers()
    for name in ("requestMediaType", "successMediaType", "errorMediaType"):
        http.choice(name, MEDIA_TYPES)
    http.whole("batchSize", 1, MOST_BATCH_RECORDS)
    for name in ("existingExtract", "existingLookupName", "ignoreExtract", "ignoreLookupName"):
        http.text(name)
    for name in ("sendPostMappedData", "strictHandlebarEvaluation", "ignoreEmptyNodes"):
        http.flag(name)
    http.inner("response")


def _texts(
    http: Fields,
    name: str,
    choices: tuple[str, ...] | None = None,
    *,
    required: bool = False,
    may_be_null: bool = False,
) -> int:
    """How many elements the list has; 0 if it is absent."""
    found = http.items(name)
    if required and not found and http.members.get(name) in (None, []):
        http.missing(name)
    for index, each in enumerate(found):
        at = f"{http.path(name)}[{index}]"
        if each is None and may_be_null:
            continue
        if not isinstance(each, str):
            http.problems.invalid(at, f"Path `{at}` must be a string.")
        elif choices is not None and each not in choices:
            http.problems.invalid(at, f"`{each[:100]}` is not a valid enum value for path `{at}`.")
    return len(found)

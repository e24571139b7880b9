"""The addresses of this door, and that each has its handler."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from chalicelib.api.celigo import handlers, routes
from tests.api.world import World

ROOT = Path(__file__).resolve().parents[3]


def test_every_address_has_its_handler_and_every_handler_an_address(world: World) -> None:
    answering = {(route.method, route.path) for route in handlers.routes(lambda: world.services)}
    listed = {(route.method, route.path) for route in routes.routes(lambda: world.services)}

    assert listed == answering
    # What has an identifier stands at the root.
    below = routes.ADDRESSES.keys() - {"/{api_identifier}"}
    assert all(any(f"/v1{path}".startswith(prefix) for prefix in routes.PREFIXES) for path in below)


def test_calls_at_other_doors_do_not_load_the_handlers_of_this_one() -> None:
    code = "import sys, app; print(*[name for name in sys.modules if 'celigo' in name or '.flow_' in name])"

    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert set(loaded.split()) == {
        "chalicelib.api.celigo",
        "chalicelib.api.celigo.errors",
        "chalicelib.api.celigo.routes",
    }


FLOW, STEP, JOB = "/flows/{flow_id}", "/flows/{flow_id}/{step_id}", "/jobs/{job_id}"
KINDS = {"exports": "export", "imports": "import", "connections": "connection", "scripts": "script"}
DOCUMENTED = {
    *(("GET", "/flows"), ("POST", "/flows")),
    *((verb, FLOW) for verb in ("GET", "PUT", "PATCH", "DELETE")),
    *(("POST", f"{FLOW}/{last}") for last in ("clone", "run", "test/run")),
    *(
        ("GET", f"{FLOW}/{last}")
        for last in (
            "audit",
            "dependencies",
            "template",
            "descendants",
            "lastExportDateTime",
            "jobs/latest",
            "errors",
        )
    ),
    *(("PUT", path) for path in (f"{FLOW}/replaceConnection", "/flows/updateFlowGrouping")),
    *((verb, f"/{plural}") for plural in KINDS for verb in ("GET", "POST")),
    *(
        (verb, f"/{plural}/{{{kind}_id}}")
        for plural, kind in KINDS.items()
        for verb in ("GET", "PUT", "PATCH", "DELETE")
    ),
    *(
        ("GET", f"/{plural}/{{{kind}_id}}/{last}")
        for plural, kind in KINDS.items()
        for last in ("dependencies", "audit")
    ),
    *(("POST", f"/{kind}s/{{{kind}_id}}/{last}") for kind in ("export", "import") for last in ("clone", "invoke")),
    *(("PUT", f"/{kind}s/{{{kind}_id}}/replaceConnection") for kind in ("export", "import")),
    ("POST", "/exports/preview"),
    *((verb, "/connections/{connection_id}/ping") for verb in ("GET", "POST")),
    ("POST", "/connections/ping"),
    *(("GET", path) for path in ("/jobs", JOB, f"{JOB}/family", f"{JOB}/jobErrors", f"{JOB}/joberrors")),
    *(("GET", f"{JOB}/{last}") for last in ("errorFile/signedURL", "diagnostics")),
    ("PUT", f"{JOB}/cancel"),
    ("POST", "/jobs/current"),
    *(("GET", f"{STEP}/{last}") for last in ("errors", "resolved", "{retry_data_key}/data")),
    *(("PUT", f"{STEP}/{last}") for last in ("resolved", "{retry_data_key}/data")),
    *(("DELETE", f"{STEP}/resolved"), ("POST", f"{STEP}/retry")),
    ("GET", "/integrations/{integration_id}/errors"),
    *((verb, "/integrations") for verb in ("GET", "POST")),
    *((verb, "/integrations/{integration_id}") for verb in ("GET", "PUT", "DELETE")),
    *(("GET", f"/integrations/{{integration_id}}/{last}") for last in ("flows", "exports", "imports")),
    *((verb, "/state/{key}") for verb in ("GET", "PUT", "DELETE")),
    *(("GET", path) for path in ("/audit", "/tokenInfo")),
}


def test_every_documented_address_is_served() -> None:
    served = {(verb, path) for path, verbs in routes.ADDRESSES.items() for verb in verbs.split()}

    assert sorted(DOCUMENTED - served) == []

"""A world in which the first workspace has one of everything that an address can name, at every door."""

from __future__ import annotations

import re

from chalicelib.domain.endpoints import endpoint_id
from tests.api.celigo.conftest import CONNECTION, EXPORT, LISTENER, Depot
from tests.api.celigo.jobs_house import Jobs
from tests.api.pindown.conftest import Pinned
from tests.api.pipedream.conftest import COUNTER
from tests.api.source_half import sandbox
from tests.api.twinit.house import NAMESPACE, Plant, ask, rest

TWINIT = "/workflowsvc/api/v1"
_SCHEDULE = {"_schedule": {"_type": "TIME_BASED", "_runInterval": "0 0 6 ? * *"}}
_EVENTS = re.compile(r"/v1/(?:workflows|sources)/{\w+}/{stream}(?:/{summaries})?")

Ids = dict[str, str]
"""By the name of a variable, behind the beginning of the addresses that mean it so; the longest beginning counts."""


class House(Plant):
    def __init__(self) -> None:
        super().__init__()
        self.ids: Ids = {
            **self._of_workflows(),
            **self._of_events(),
            **self._of_twinit(),
            **self._of_pins(),
            **self._of_flows(),
        }
        # What an address could have that leads nowhere: of the same form, and nobody's.
        self.unknown: Ids = {name: other_id(id_) for name, id_ in self.ids.items()}
        # By their form these are told from the other dialect's, so it has to be right.
        self.unknown["/v1/webhooks webhook_id"] = endpoint_id(b"nobody")

    @property
    def other_secrets(self) -> tuple[str, ...]:
        """What proves something elsewhere, and nothing to the API."""
        return self.hook_token, self.endpoint_secret, LISTENER["webhook"]["token"], self.archive.partition(".")[0]

    def of_the_other_workspace(self) -> dict[str, str]:
        """What a body may name, by what it is."""
        world, key = self.world, self.world.other_key
        depot = Depot(world)
        connection = depot.made("connections", CONNECTION, key=key)["_id"]
        export = depot.made("exports", {**EXPORT, "_connectionId": connection}, key=key)["_id"]
        flow = {"name": "x", "pageGenerators": [{"_exportId": export}]}
        code = {"component_code": COUNTER.replace("ping-counter", "other-counter")}
        return {
            "connection": connection,
            "integration": depot.made("integrations", {"name": "x"}, key=key)["_id"],
            "export": export,
            "flow": depot.made("flows", flow, key=key)["_id"],
            "workflow": world.active_workflow(key),
            "component": world.call("POST", "/v1/components", code, key=key).data["id"],
            "webhook": world.call("POST", "/v1/webhooks?url=https://other.example", key=key).data["id"],
        }

    def target(self, path: str, ids: Ids) -> str:
        """The address with its variables filled in, and what else the door wants to know of every call."""
        filled = re.sub(r"{(\w+)\+?}", lambda match: ids[_named(path, match[1], ids)], path)
        return f"{filled}?nsfilter={NAMESPACE}" if path.startswith(TWINIT) else filled

    def _of_workflows(self) -> Ids:
        world = self.world
        self.workflow = world.active_workflow(nodes=[{"id": "ask", "type": "user_input", "config": {}}])
        bulk = {"workflow_id": self.workflow, "since": "2026-11-01"}
        hook = world.webhook(self.workflow)
        self.hook_token: str = hook["token"]
        return {
            "/ workflow_id": self.workflow,
            "/ execution_id": world.execution(self.workflow),
            "/ bulk_retry_id": world.call("POST", "/v1/executions/bulk-retry", bulk).data["id"],
            "/ schedule_id": world.schedule(self.workflow)["id"],
            "/ key_id": world.call("GET", "/v1/keys/current").data["id"],
            "/api/v1/webhooks webhook_id": hook["id"],
            "/webhook webhook_id": hook["id"],
        }

    def _of_events(self) -> Ids:
        world = self.world
        component = world.call("POST", "/v1/components", {"component_code": COUNTER}).data["id"]
        source = world.call("POST", "/v1/sources", {"component_id": component}).data["id"]
        account = world.call("POST", "/v1/accounts", {"app": "acme", "credentials": {"api_key": "k"}}).data["id"]
        webhook = world.call("POST", "/v1/webhooks?url=https://hooks.acme.example/in").data["id"]
        self.endpoint_secret: str = world.call("GET", f"/v1/webhooks/{webhook}/secret").data["secret"]
        delivery = world.call("POST", f"/v1/webhooks/{webhook}/test").data["id"]
        return {
            "/ key_or_id": component,
            "/ source_id": source,
            "/ account_id": account,
            "/v1/webhooks webhook_id": webhook,
            "/ delivery_id": delivery,
            "/ workspace_id": "ws_one",
            "/v1/workflows stream": "event_summaries&limit=1",
            "/v1/sources stream": "event_summaries&limit=1",
            "/ stream": "$errors",
            "/ summaries": "event_summaries&limit=1",
            "/v1/components/registry key": "http-new-requests",
            "/ endpoint_key": "eo0mwr8cy6yazzpz",
            "/ rest": "a/b",
        }

    def _of_twinit(self) -> Ids:
        definition = self.define(ask(), rest("b"))
        run = self.get(self.start(definition))
        self.world.work()
        schedule = self.call("POST", f"/workflowdefs/{definition}/schedules", _SCHEDULE).json
        return {
            f"{TWINIT} workflow_def_id": definition,
            f"{TWINIT} workflow_id": run["_id"],
            f"{TWINIT} workflows_and_id": f"workflows{run['_id']}",
            f"{TWINIT} task_id": run["_tasks"][0]["_id"],
            f"{TWINIT} user_input_id": run["_tasks"][0]["_id"],
            f"{TWINIT} schedule_id": schedule["_id"],
            f"{TWINIT} job_id": schedule["_jobId"],
            f"{TWINIT} trigger_id": schedule["_triggerId"],
        }

    def _of_pins(self) -> Ids:
        pinned = Pinned(self.world)
        pinned.push({"status": "running"})
        call, pin = self.world.call, pinned.pin_id
        block = {"name": "Kopf", "type": "markdown", "template": "#"}
        dataset = {"name": "Bestand", "type": "json", "data": "{}"}
        key = call("POST", "/api/auth/api-keys", {"name": "n8n"}).data
        return {
            "/ pin_id": pin,
            "/ pid": pin,
            "/api/workflow-data workflow_id": "nightly",
            "/ block_id": call("POST", f"/api/pins/{pin}/blocks", block).data["blockId"],
            "/ dataset_id": call("POST", f"/api/pins/{pin}/datasets", dataset).data["datasetId"],
            "/ pinboard_id": call("POST", "/api/pinboards", {"name": "Logistik", "pins": [pin]}).data["id"],
            "/api/webhooks webhook_id": pinned.webhook("workflow.updated")["id"],
            "/api/auth key_id": key["keyId"],
        }

    def _of_flows(self) -> Ids:
        jobs = Jobs(self.world)
        job = jobs.whole()
        names = jobs.names(job)
        for owner in ("", f"/flows/{jobs.flow}", f"/exports/{jobs.export}", f"/imports/{jobs.import_}"):
            jobs.call("PUT", f"{owner}/state/cursor", {"n": 4})
        self.world.flow_half.js = sandbox()
        script = jobs.depot.made("scripts", {"name": "rules", "content": ""})
        listener = jobs.depot.made("exports", LISTENER)["_id"]
        self.archive = _last_part(jobs.call("GET", f"/flows/{jobs.flow}/template").json["signedURL"])
        self.error_file = _last_part(jobs.call("GET", f"/jobs/{job}/errorFile/signedURL").json["signedURL"])
        return {
            "/ flow_id": jobs.flow,
            "/ export_id": jobs.export,
            "/v1/exports/{export_id}/data export_id": listener,
            "/ import_id": jobs.import_,
            "/ connection_id": jobs.depot.connection_id,
            "/ integration_id": jobs.integration,
            "/ script_id": script["_id"],
            "/ api_identifier": jobs.call("GET", f"/exports/{jobs.export}").json["apiIdentifier"],
            "/ tag_id": jobs.depot.made("tags", {"tag": "later"})["_id"],
            "/ job_id": job,
            "/ step_id": jobs.import_,
            "/ retry_data_key": names["key"],
            "/ key": "cursor",
            "/ token": "nobody",
            "/v1/flows/template name": self.archive,
            "/v1/jobs/errorFile name": self.error_file,
            "/ version": "0",
            "/ name": "app.js",
            "/ file": "app.js",
        }


def _named(path: str, variable: str, ids: Ids) -> str:
    fitting = [name for name in ids if name.endswith(f" {variable}") and path.startswith(name.partition(" ")[0])]
    return max(fitting, key=len)


def other_id(id_: str) -> str:
    """Of the same form, with other digits."""
    return re.sub("[0-9a-z]", lambda match: "2" if match[0].isdigit() else match[0], id_[:-4]) + id_[-4:][::-1]


def _last_part(url: str) -> str:
    return url.rpartition("/")[2]

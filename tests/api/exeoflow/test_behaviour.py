"""What clients rely on beyond single replies: life cycles, partial updates, paging, webhooks' payloads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.domain.run import Failure, RunStatus, StepStatus
from chalicelib.domain.workflow import WorkflowStatus
from tests.api.world import World, step_error

NODES = [
    {"id": "node_start", "type": "trigger", "config": {"kind": "manual"}},
    {"id": "node_end", "type": "noop", "config": {}},
]
CONNECTIONS = [{"from": "node_start", "to": "node_end"}]


class TestUpdating:
    def test_what_is_absent_stays_as_it_is(self, world: World) -> None:
        workflow = world.workflow(description="alt", nodes=NODES, connections=CONNECTIONS)

        changed = world.call("PUT", f"/v1/workflows/{workflow}", {"name": "neu"}).data

        assert (changed["name"], changed["description"]) == ("neu", "alt")
        assert (changed["nodes"], changed["connections"]) == (NODES, CONNECTIONS)

    def test_emptied_nodes_take_their_connections_along(self, world: World) -> None:
        workflow = world.workflow(nodes=NODES, connections=CONNECTIONS)

        changed = world.call("PUT", f"/v1/workflows/{workflow}", {"nodes": []}).data

        assert (changed["nodes"], changed["connections"]) == ([], [])

    def test_new_nodes_have_to_fit_the_connections_that_stay(self, world: World) -> None:
        workflow = world.workflow(nodes=NODES, connections=CONNECTIONS)

        reply = world.call("PUT", f"/v1/workflows/{workflow}", {"nodes": NODES[:1]})

        assert reply.status == 400
        assert "connections[0].to" in reply.text

    def test_status_and_id_in_the_body_are_ignored(self, world: World) -> None:
        workflow = world.workflow()

        changed = world.call("PUT", f"/v1/workflows/{workflow}", {"id": "wf_mine", "status": "active"}).data

        assert (changed["id"], changed["status"]) == (workflow, "inactive")

    def test_updated_at_moves_and_created_at_does_not(self, world: World) -> None:
        workflow = world.workflow()
        world.clock.advance(61)

        changed = world.call("PUT", f"/v1/workflows/{workflow}", {"description": "neu"}).data

        assert (changed["created_at"], changed["updated_at"]) == ("2026-11-02T09:30:00Z", "2026-11-02T09:31:01Z")

    def test_a_name_is_trimmed(self, world: World) -> None:
        workflow = world.workflow()

        assert world.call("PUT", f"/v1/workflows/{workflow}", {"name": "  Übermut "}).data["name"] == "Übermut"

    def test_a_workflows_timeout_is_kept_and_shown_after_the_documented_fields(self, world: World) -> None:
        workflow = world.workflow(timeout_seconds=60)

        shown = world.call("GET", f"/v1/workflows/{workflow}").data

        assert list(shown)[-1] == "timeout_seconds"
        assert shown["timeout_seconds"] == 60
        run = world.run_store.get(world.execution(workflow))
        assert run.deadline_at is not None
        assert (run.deadline_at - run.created_at).total_seconds() == 60

    def test_a_workflows_timeout_is_taken_away_by_null(self, world: World) -> None:
        workflow = world.workflow(timeout_seconds=90)

        without = world.call("PUT", f"/v1/workflows/{workflow}", {"timeout_seconds": None})

        assert (without.status, "timeout_seconds" in without.data) == (200, False)
        stored = world.workflow_store.get("ws_one", workflow)
        assert stored.timeout_seconds is None
        assert world.workflow_store.body("ws_one", workflow, stored.body_ref).graph.timeout_seconds is None

    def test_a_concurrency_limit_is_kept_shown_and_taken_away_again(self, world: World) -> None:
        limit = {"limit": 2, "key": "$input.kunde", "on_limit": "skip"}
        workflow = world.workflow(concurrency=limit)
        target = f"/v1/workflows/{workflow}"

        shown = world.call("GET", target).data
        renamed = world.call("PUT", target, {"name": "neu"}).data
        without = world.call("PUT", target, {"concurrency": None}).data

        assert list(shown)[-1] == "concurrency"
        assert shown["concurrency"] == renamed["concurrency"] == limit
        assert "concurrency" not in without
        stored = world.workflow_store.get("ws_one", workflow)
        assert world.workflow_store.body("ws_one", workflow, stored.body_ref).graph.concurrency is None

    def test_text_is_served_as_utf_8_without_escapes(self, world: World) -> None:
        workflow = world.workflow(name="Größe ✓ 💶")

        assert '"Größe ✓ 💶"' in world.call("GET", f"/v1/workflows/{workflow}").text


class TestLifeCycle:
    def test_setting_the_present_status_changes_nothing(self, world: World) -> None:
        workflow = world.workflow()
        before = world.stored()

        reply = world.call("POST", f"/v1/workflows/{workflow}/status", {"status": "inactive"})

        assert (reply.status, reply.data["status"]) == (200, "inactive")
        assert world.stored() == before

    def test_a_status_shows_in_the_filtered_lists(self, world: World) -> None:
        active, inactive = world.active_workflow(), world.workflow()

        listed = {
            status: [item["id"] for item in world.call("GET", f"/v1/workflows?status={status}").data["workflows"]]
            for status in ("active", "inactive")
        }

        assert listed == {"active": [active], "inactive": [inactive]}

    def test_deactivation_leaves_running_executions_alone(self, world: World) -> None:
        workflow = world.active_workflow()
        execution = world.execution(workflow)

        world.call("POST", f"/v1/workflows/{workflow}/status", {"status": "inactive"})

        assert world.call("GET", f"/v1/executions/{execution}").data["status"] == "running"

    def test_an_inactive_workflow_can_be_run_by_hand(self, world: World) -> None:
        assert world.call("POST", f"/v1/workflows/{world.workflow()}/execute").status == 200

    def test_deletion_takes_webhooks_along_cancels_what_runs_and_keeps_what_ran(self, world: World) -> None:
        workflow = world.active_workflow(name="Alt")
        ended, running = world.execution(workflow), world.execution(workflow)
        world.run_it(ended)
        hook = world.webhook(workflow)

        assert world.call("DELETE", f"/v1/workflows/{workflow}").status == 200

        assert world.call("GET", f"/v1/webhooks/{hook['id']}").status == 404
        assert world.call("POST", f"/webhook/{hook['id']}", key=hook["token"]).status == 404
        assert world.call("GET", f"/v1/executions/{running}").data["status"] == "cancelled"
        shown = world.call("GET", f"/v1/executions/{ended}").data
        assert (shown["status"], shown["workflow_name"]) == ("success", "Alt")
        assert world.call("DELETE", f"/v1/workflows/{workflow}").status == 404
        assert world.call("GET", "/v1/workflows").data["pagination"]["total"] == 0

    def test_a_deletion_that_stopped_half_way_is_finished_by_the_next(self, world: World) -> None:
        workflow = world.workflow()
        stored = world.workflow_store.get("ws_one", workflow)
        world.services.workflows.set_status(stored, WorkflowStatus.DELETING)

        assert world.call("GET", f"/v1/workflows/{workflow}").status == 404
        assert world.call("POST", f"/v1/workflows/{workflow}/execute").status == 404
        assert world.call("DELETE", f"/v1/workflows/{workflow}").status == 200
        assert world.call("DELETE", f"/v1/workflows/{workflow}").status == 404


class TestPaging:
    def test_pages_are_newest_first_and_complete(self, world: World) -> None:
        made = []
        for _ in range(5):
            made.append(world.workflow())
            world.clock.advance(1)

        pages = [world.call("GET", f"/v1/workflows?page={page}&limit=2").data for page in (1, 2, 3, 4)]

        assert [item["id"] for page in pages for item in page["workflows"]] == made[::-1]
        assert pages[3] == {"workflows": [], "pagination": {"page": 4, "limit": 2, "total": 5, "pages": 3}}

    def test_a_limit_above_a_hundred_becomes_a_hundred(self, world: World) -> None:
        assert world.call("GET", "/v1/executions?limit=500").data["pagination"]["limit"] == 100

    def test_a_list_shows_no_nodes(self, world: World) -> None:
        world.workflow(nodes=NODES)

        (item,) = world.call("GET", "/v1/workflows").data["workflows"]

        assert list(item) == ["id", "name", "description", "status", "created_at", "updated_at"]

    def test_parameters_that_nobody_knows_are_ignored(self, world: World) -> None:
        assert world.call("GET", "/v1/workflows?sort=name&page=1&page=1").status == 200

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("from=2026-11-02", True),
            ("to=2026-11-02", True),
            ("from=2026-11-03", False),
            ("to=2026-11-01", False),
            ("from=2026-11-02T09:30:00Z&to=2026-11-02T09:30:00Z", True),
            ("from=2026-11-02T09:30:01Z", False),
            ("to=2026-11-02T09:29:59Z", False),
            ("from=2026-11-02T11:30:00%2B02:00", True),
            ("from=2026-11-02T11:30:00+02:00", True),
            ("from=2026-11-02T09:30:00.400Z&to=2026-11-02T09:30:00.400Z", True),
            ("to=2026-11-02T09:30:00.399Z", False),
            ("to=2026-11-02T09:30", True),
            ("from=2026-11-05&to=2026-11-01", False),
            ("to=9999-12-31", True),
            ("from=0001-01-01", True),
            ("status=running", True),
            ("status=success", False),
            ("workflow_id=wf_unknown", False),
            ("workflow_id=", False),
        ],
    )
    def test_bounds_are_inclusive_and_read_as_printed(self, world: World, query: str, found: bool) -> None:
        world.clock.advance(0.4)
        world.execution(world.workflow())

        listed = world.call("GET", f"/v1/executions?{query}").data

        assert bool(listed["executions"]) is found
        assert listed["pagination"]["total"] == int(found)


class TestExecuting:
    @pytest.mark.parametrize("raw", [b"", b" \n", b"{}", b'{"other": 1}', b'{"input": {}}'])
    def test_a_body_without_input_means_an_empty_one(self, world: World, raw: bytes) -> None:
        started = world.call("POST", f"/v1/workflows/{world.workflow()}/execute", raw=raw)

        shown = world.call("GET", f"/v1/executions/{started.data['execution_id']}").data
        assert shown["input"] == {}
        assert shown["started_at"] == started.data["started_at"]

    def test_numbers_of_the_input_keep_their_form(self, world: World) -> None:
        raw = b'{"input":{"b":1.0,"a":123456789012345678901234567890,"c":-0.5}}'
        started = world.call("POST", f"/v1/workflows/{world.workflow()}/execute", raw=raw)

        text = world.call("GET", f"/v1/executions/{started.data['execution_id']}").text

        assert '"input":{"b":1.0,"a":123456789012345678901234567890,"c":-0.5}' in text

    @pytest.mark.parametrize(
        ("output", "shown"),
        [
            (None, {"result": "success", "message": "Workflow erfolgreich ausgeführt"}),
            ({}, {"result": "success", "message": "Workflow erfolgreich ausgeführt"}),
            ({"summe": 3}, {"summe": 3}),
            ([1], [1]),
            (0, 0),
        ],
    )
    def test_the_output_is_the_last_nodes_or_says_that_it_went_well(
        self, world: World, output: Any, shown: Any
    ) -> None:
        execution = world.execution(world.workflow())
        world.run_it(execution, output=output)

        assert world.call("GET", f"/v1/executions/{execution}").data["output"] == shown

    def test_a_timed_out_run_shows_as_failed_with_its_reason(self, world: World) -> None:
        execution = world.execution(world.workflow())
        failure = Failure("timed_out", "the run took longer than 60 seconds")
        world.run_it(execution, status=RunStatus.TIMED_OUT, failure=failure)

        shown = world.call("GET", f"/v1/executions/{execution}").data

        assert shown["status"] == "failed"
        assert shown["output"] == {"result": "failed", "message": "the run took longer than 60 seconds"}
        assert shown["error"] == {"node_id": None, "message": "the run took longer than 60 seconds"}
        assert world.call("GET", "/v1/executions?status=failed").data["pagination"]["total"] == 1

    def test_a_step_of_unknown_outcome_shows_as_failed_and_says_why(self, world: World) -> None:
        execution = world.execution(world.workflow(nodes=NODES, connections=CONNECTIONS))
        world.run_it(execution, world.outcome("node_end", StepStatus.UNKNOWN), status=RunStatus.FAILED)

        (step,) = world.call("GET", f"/v1/executions/{execution}").data["steps"]

        assert step["status"] == "failed"
        assert step["error"]["type"] == "unknown"

    @pytest.mark.parametrize("status", [RunStatus.QUEUED, RunStatus.WAITING])
    def test_whatever_lives_shows_as_running(self, world: World, status: RunStatus) -> None:
        execution = world.execution(world.workflow())
        now = world.clock.now()
        run = world.run_store.claim(execution, now=now, lease_expires_at=now)
        world.run_store.park(execution, run.fence, status=status, due_at=now, tail=(), rounds=(), signals=0)

        shown = world.call("GET", f"/v1/executions/{execution}").data
        assert (shown["status"], shown["state"]) == ("running", status.value)

    def test_an_execution_too_large_for_one_answer_is_shown_without_its_steps_values(self, world: World) -> None:
        execution = world.execution(world.workflow(nodes=NODES), {"a": 1})
        big = {"x": "y" * 2_500_000}
        world.run_it(execution, world.outcome("node_start", output=big), world.outcome("node_end", output=big))

        shown = world.call("GET", f"/v1/executions/{execution}").data

        assert shown["truncated"] is True
        assert shown["input"] == {"a": 1}
        assert [(step["node_id"], step["output"]) for step in shown["steps"]] == [
            ("node_start", None),
            ("node_end", None),
        ]

    def test_a_failed_step_shows_the_receivers_status(self, world: World) -> None:
        execution = world.execution(world.workflow(nodes=NODES))
        outcome = world.outcome("node_end", StepStatus.FAILED, error=step_error("answered 404", status=404))
        world.run_it(execution, outcome, status=RunStatus.FAILED)

        (step,) = world.call("GET", f"/v1/executions/{execution}").data["steps"]

        assert step["error"] == {"type": "http_status", "message": "answered 404", "status": 404}


class TestWebhooks:
    def payload(self, world: World, hook: dict[str, Any], method: str = "POST", query: str = "", **call: Any) -> Any:
        started = world.call(method, f"/webhook/{hook['id']}{query}", key=hook["token"], **call)
        assert started.status == 200, started.text
        return world.call("GET", f"/v1/executions/{started.data['execution_id']}").data["input"]

    @pytest.mark.parametrize(
        ("raw", "given"),
        [
            (b'{"a": 1}', {"a": 1}),
            (b'{"data": {"a": 1}}', {"a": 1}),
            (b'{"data": {"a": 1}, "b": 2}', {"data": {"a": 1}, "b": 2}),
            (b'{"data": [1]}', {"data": [1]}),
            (b"[1, 2]", {"data": [1, 2]}),
            (b'"text"', {"data": "text"}),
            (b"null", {"data": None}),
            (b"0", {"data": 0}),
            (b"", {}),
            (b"  ", {}),
            (b"{}", {}),
        ],
    )
    def test_bodies_come_wrapped_bare_or_not_at_all(self, world: World, raw: bytes, given: Any) -> None:
        hook = world.webhook(world.active_workflow())

        assert self.payload(world, hook, raw=raw) == given

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
    def test_every_verb_that_has_a_body_may_be_configured(self, world: World, method: str) -> None:
        hook = world.webhook(world.active_workflow(), method=method)

        assert self.payload(world, hook, method, body={"a": 1}) == {"a": 1}

    def test_a_get_takes_its_input_from_the_query(self, world: World) -> None:
        hook = world.webhook(world.active_workflow(), method="GET")

        given = self.payload(world, hook, "GET", "?kunde=K%204471&tag=a&tag=b&leer=")

        assert given == {"kunde": "K 4471", "tag": ["a", "b"], "leer": ""}

    def test_authentication_is_on_unless_it_is_turned_off(self, world: World) -> None:
        workflow = world.active_workflow()

        tokens = [
            world.webhook(workflow)["token"],
            world.webhook(workflow, authentication={})["token"],
            world.webhook(workflow, authentication={"type": "bearer", "enabled": False})["token"],
        ]

        assert tokens[0].startswith("whsec_")
        assert tokens[1].startswith("whsec_")
        assert tokens[2] is None

    def test_without_authentication_anybody_may_call(self, world: World) -> None:
        hook = world.webhook(world.active_workflow(), authentication={"enabled": False})

        assert world.call("POST", f"/webhook/{hook['id']}", key=None).status == 200
        assert world.call("POST", f"/webhook/{hook['id']}", key="anything").status == 200

    def test_turning_authentication_on_shows_a_new_token_once(self, world: World) -> None:
        hook = world.webhook(world.active_workflow(), authentication={"enabled": False})
        target = f"/v1/webhooks/{hook['id']}"

        changed = world.call("PUT", target, {"authentication": {"enabled": True}}).data
        again = world.call("PUT", target, {"authentication": {"enabled": True}}).data

        assert changed["token"].startswith("whsec_")
        assert "token" not in again
        assert "token" not in world.call("GET", target).data
        assert world.call("POST", f"/webhook/{hook['id']}", key=changed["token"]).status == 200
        assert world.call("POST", f"/webhook/{hook['id']}", key=None).status == 401

    def test_turning_authentication_off_ends_the_token(self, world: World) -> None:
        hook = world.webhook(world.active_workflow())

        world.call("PUT", f"/v1/webhooks/{hook['id']}", {"authentication": {"enabled": False}})

        assert world.call("POST", f"/webhook/{hook['id']}", key=None).status == 200

    def test_the_token_is_not_stored(self, world: World) -> None:
        hook = world.webhook(world.workflow())

        assert hook["token"] not in repr(world.stored())

    def test_a_run_remembers_that_a_webhook_started_it(self, world: World) -> None:
        hook = world.webhook(world.active_workflow())
        started = world.call("POST", f"/webhook/{hook['id']}", key=hook["token"])

        assert world.run_store.get(started.data["execution_id"]).trigger == "webhook"

    @pytest.mark.parametrize(
        ("headers", "stage", "path", "url"),
        [
            ({}, "", "/v1/webhooks", "https://flow.example.org"),
            ({}, "/prod", "/v1/webhooks", "https://flow.example.org/prod"),
            ({}, "/api", "/api/v1/webhooks", "https://flow.example.org/api"),
            ({"x-forwarded-host": "public.example"}, "", "/v1/webhooks", "https://public.example"),
            ({"x-forwarded-host": "a.example, b.example"}, "", "/v1/webhooks", "https://a.example"),
            ({"x-forwarded-proto": "http", "host": "localhost:8000"}, "", "/v1/webhooks", "http://localhost:8000"),
            ({"x-forwarded-proto": "", "host": "127.0.0.1:8000"}, "", "/v1/webhooks", "http://127.0.0.1:8000"),
            ({"x-forwarded-proto": "", "host": "127.0.0.1:8000"}, "/api", "/v1/webhooks", "http://127.0.0.1:8000"),
            ({"host": "evil.example/path?"}, "", "/v1/webhooks", "https://localhost"),
        ],
    )
    def test_the_url_is_where_the_caller_reached_us(
        self, world: World, headers: dict[str, str], stage: str, path: str, url: str
    ) -> None:
        body = {"workflow_id": world.workflow()}

        made = world.call("POST", path, body, headers=headers, stage=stage).data

        assert made["url"] == f"{url}/webhook/{made['id']}"

    def test_a_configured_base_url_wins(self, world: World) -> None:
        world.services.public_base_url = "https://penstock.example/x"

        hook = world.webhook(world.workflow())

        assert hook["url"] == f"https://penstock.example/x/webhook/{hook['id']}"

    def test_a_webhook_of_an_unknown_workflow_cannot_be_made(self, world: World) -> None:
        reply = world.call("POST", "/v1/webhooks", {"workflow_id": "wf_unknown"})

        assert (reply.status, reply.json["error"]["code"]) == (404, "WORKFLOW_NOT_FOUND")


def test_replies_are_compact_json_with_the_members_in_their_order(world: World) -> None:
    text = world.call("GET", "/v1/webhooks").text

    assert text == json.dumps({"success": True, "data": {"webhooks": []}}, separators=(",", ":"))

"""The route table as API Gateway wants it. Neither packaging nor the template's linter looks at this."""

from __future__ import annotations

import re

import pytest

import app as application

MAX_RESOURCES = 300
LITERAL = re.compile(r"[A-Za-z0-9._:-]+")
VARIABLE = re.compile(r"{[a-z_]+}")
GREEDY = "/h/{endpoint_key}/{rest+}"
"""The one address with any number of segments. Nothing stands beside it, so no rule says which of two is meant."""

PATHS = sorted(application.app.routes)


def tree() -> set[str]:
    return {
        "/".join(parts[: depth + 1]) for parts in (path.split("/") for path in PATHS) for depth in range(len(parts))
    }


@pytest.mark.parametrize("path", PATHS)
def test_segments_have_characters_that_the_gateway_takes(path: str) -> None:
    assert path.startswith("/")
    assert not path.endswith("/")
    for segment in path.removesuffix("/{rest+}").split("/")[1:]:
        assert LITERAL.fullmatch(segment) or VARIABLE.fullmatch(segment), segment


def test_a_position_in_the_tree_has_one_name_of_a_variable() -> None:
    names: dict[str, set[str]] = {}
    for node in tree():
        parent, _, segment = node.rpartition("/")
        if segment.startswith("{"):
            names.setdefault(parent, set()).add(segment)

    assert {parent: found for parent, found in names.items() if len(found) > 1} == {}


def test_the_api_stays_within_the_gateways_number_of_resources() -> None:
    assert len(tree()) <= MAX_RESOURCES


def test_one_route_alone_takes_whatever_is_left_of_an_address() -> None:
    assert [path for path in PATHS if "+" in path] == [GREEDY]
    assert [path for path in PATHS if path.startswith("/h/")] == ["/h/{endpoint_key}", GREEDY]


def test_no_route_checks_content_types_or_differs_in_cors() -> None:
    entries = {path: [*verbs.values()] for path, verbs in application.app.routes.items()}
    without = [path for path, found in entries.items() if all(entry.cors is None for entry in found)]
    others = [entry for path, found in entries.items() if path not in without for entry in found]

    assert {tuple(entry.content_types) for found in entries.values() for entry in found} == {("*/*",)}
    assert sorted(without) == ["/h/{endpoint_key}", GREEDY]
    assert all(entry.cors == others[0].cors for entry in others)


def rows(prefix: str) -> set[tuple[str, str]]:
    return {
        (verb, path.removeprefix(prefix))
        for path in PATHS
        if path.startswith(prefix + "/")
        for verb in application.app.routes[path]
    }


def test_every_row_of_exeoflow_is_served_under_both_prefixes() -> None:
    assert rows("/api/v1") <= rows("/v1")
    assert len(rows("/api/v1")) == 44


SUMMARIES = ("event_summaries", "{stream}", "{stream}/event_summaries", "{stream}/{summaries}")


def test_the_rows_of_pipedream_are_served_under_one_prefix_and_share_those_of_webhooks() -> None:
    webhook = "/webhooks/{webhook_id}"
    expected = {
        ("GET", "/users/me"),
        ("GET", "/users/me/subscriptions"),
        ("GET", "/users/me/webhooks"),
        ("GET", "/users/me/workspaces"),
        ("GET", "/workspaces/{workspace_id}"),
        ("GET", "/workspaces/{workspace_id}/subscriptions"),
        ("GET", "/orgs/{workspace_id}"),
        ("GET", "/orgs/{workspace_id}/subscriptions"),
        *((verb, "/subscriptions") for verb in ("POST", "DELETE")),
        *((verb, "/auto_subscriptions") for verb in ("GET", "POST", "DELETE")),
        *(
            ("GET", f"/{emitter}/{last}")
            for emitter in ("workflows/{workflow_id}", "sources/{source_id}")
            for last in SUMMARIES
        ),
        *((verb, "/sources/{source_id}/events") for verb in ("GET", "DELETE")),
        *((verb, "/sources/{source_id}") for verb in ("GET", "PUT", "DELETE")),
        *(("POST", path) for path in ("/components", "/sources", "/sources/{source_id}/test")),
        *(("GET", f"/components/{last}") for last in ("search", "{key_or_id}", "registry/{key}")),
        *(("GET", f"/{whose}/sources") for whose in ("users/me", "orgs/{workspace_id}", "workspaces/{workspace_id}")),
        ("GET", "/users/me/components"),
        *((verb, "/accounts") for verb in ("GET", "POST")),
        *((verb, "/accounts/{account_id}") for verb in ("GET", "PUT", "DELETE")),
        *(("GET", f"/{whose}/{{workspace_id}}/accounts") for whose in ("orgs", "workspaces")),
        *(("POST", f"{webhook}/{doing}") for doing in ("pause", "resume", "test", "recover", "secret/rotate")),
        ("GET", f"{webhook}/secret"),
        ("GET", f"{webhook}/deliveries"),
        ("GET", f"{webhook}/deliveries/{{delivery_id}}"),
        ("POST", f"{webhook}/deliveries/{{delivery_id}}/redeliver"),
    }

    assert rows("/v1") - rows("/api/v1") >= expected


def test_an_http_interface_takes_every_verb_there_is() -> None:
    verbs = {"GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS"}

    assert rows("/h") == {(verb, path) for path in ("/{endpoint_key}", "/{endpoint_key}/{rest+}") for verb in verbs}


def test_the_rows_of_twinit_are_served_with_both_addresses_that_some_have() -> None:
    run, task = "/{kind}/{workflow_id}", "tasks/{task_id}"
    definition = "/workflowdefs/{workflow_def_id}"
    schedule, job = f"{definition}/schedules/{{schedule_id}}", f"{definition}/jobs/{{job_id}}"
    plural, singular = run.replace("{kind}", "workflows"), run.replace("{kind}", "workflow")

    assert rows("/workflowsvc/api/v1") == {
        *((verb, "/workflows") for verb in ("GET", "POST")),
        ("GET", plural),
        ("PUT", f"{plural}/status"),
        ("PUT", "/{workflows_and_id}/status"),
        *(("GET", f"{plural}/{task}{last}") for last in ("", "/logs", "/loopovertasks")),
        ("GET", f"{singular}/task/{{task_id}}/loopovertasks"),
        *(("POST", f"{path}/userinput/{{user_input_id}}") for path in (plural, singular)),
        *((verb, "/workflowdefs") for verb in ("GET", "POST")),
        *((verb, definition) for verb in ("GET", "PUT", "DELETE")),
        *((verb, f"{definition}/schedules") for verb in ("GET", "POST")),
        *((verb, schedule) for verb in ("GET", "PUT", "DELETE")),
        ("GET", f"{definition}/jobs"),
        *((verb, job) for verb in ("GET", "DELETE")),
        *((verb, f"{job}/triggers") for verb in ("GET", "POST")),
        *((verb, f"{job}/triggers/{{trigger_id}}") for verb in ("GET", "PUT", "DELETE")),
    }


def test_the_rows_of_pindown_are_served_beside_the_other_api_below_their_prefix() -> None:
    below = {(verb, path) for verb, path in rows("/api") if not path.startswith("/v1/")}
    parts = ("blocks", "datasets")
    expected = {
        *((verb, "/workflow-data/{pin_id}/{workflow_id}") for verb in ("GET", "PUT")),
        ("GET", "/workflow-data/{pin_id}"),
        *((verb, "/webhooks") for verb in ("GET", "POST")),
        *((verb, "/webhooks/{webhook_id}") for verb in ("GET", "PUT", "DELETE")),
        ("POST", "/webhooks/receive/{webhook_id}"),
        ("POST", "/pins/send"),
        ("GET", "/pins"),
        ("GET", "/pins/{pid}/overview"),
        *((verb, f"/pins/{{pid}}/{part}") for verb in ("GET", "POST") for part in parts),
        *((verb, f"/pins/{{pid}}/{part}/{{{part[:-1]}_id}}") for verb in ("PUT", "DELETE") for part in parts),
        ("GET", "/pins/{pid}/datasets/{dataset_id}"),
        *((verb, "/pinboards") for verb in ("GET", "POST")),
        *(
            row
            for kind in ("pins/{pid}", "pinboards/{pinboard_id}")
            for row in (
                *((verb, f"/{kind}") for verb in ("GET", "PUT", "DELETE")),
                *(("POST", f"/{kind}/{doing}") for doing in ("publish", "unpublish")),
                ("GET", f"/public/{kind}"),
            )
        ),
        ("POST", "/pinboards/{pinboard_id}/pins"),
        ("DELETE", "/pinboards/{pinboard_id}/pins/{pin_id}"),
        ("GET", "/public/pins/{pid}/overview"),
        *((verb, "/auth/api-keys") for verb in ("GET", "POST")),
        ("DELETE", "/auth/api-keys/{key_id}"),
        ("GET", "/health"),
    }

    assert below == expected
    assert rows("/pins") == {("GET", "/{pid}")}

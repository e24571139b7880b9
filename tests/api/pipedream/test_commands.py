"""The documentation's `curl` commands as a shell and curl send them, through the real local HTTP server."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from chalicelib.api.common import fallback
from chalicelib.local.gateway import Gateway
from chalicelib.local.http_server import HttpServer
from tests.api.world import World

# In place of curl: its arguments, as the shell hands them over.
_PRINT_ARGUMENTS = "curl() { printf '%s\\0' \"$@\"; }\n"
_BASE_URL = "https://api.pipedream.com"


@dataclass
class Answer:
    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Terminal:
    """A server over the world, and a shell with curl that reaches it at the address that the documentation names."""

    def __init__(self, world: World, base_url: str = _BASE_URL) -> None:
        self.world = world
        self._base_url = base_url

        def refuse(method: str, path: str, headers: Any) -> tuple[int, dict[str, str], str]:
            answer = fallback.answer(world.pipeline, world.app.routes, method, path, headers)
            return answer.status, answer.headers, answer.body

        self.server = HttpServer(Gateway(world.app, refuse))
        self.server.start()

    def run(self, command: str) -> Answer:
        """`command` is the documentation's but for the key, and for the ids of what the world has."""
        command = re.sub(r"<api[_ ]key>", self.world.key, command)
        printed = subprocess.run(["/bin/sh", "-c", _PRINT_ARGUMENTS + command], capture_output=True, check=True).stdout
        return self._curl([argument.decode() for argument in printed.split(b"\0")[:-1]])

    def _curl(self, arguments: list[str]) -> Answer:
        method, url, headers, body = None, "", {}, None
        rest = iter(arguments)
        for argument in rest:
            if argument == "-X":
                method = next(rest)
            elif argument == "-H":
                name, _, value = next(rest).partition(":")
                headers[name.lower()] = value.strip()
            elif argument == "-d":
                body = next(rest)
            else:
                assert not url, arguments
                url = argument
        if body is not None:
            headers = {"content-type": "application/x-www-form-urlencoded", **headers}
        target = urlsplit(url)
        assert f"{target.scheme}://{target.netloc}" == self._base_url
        path = target.path + (f"?{target.query}" if target.query else "")
        return self._send(method or ("GET" if body is None else "POST"), path, headers, body)

    def _send(self, method: str, path: str, headers: dict[str, str], body: str | None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read())
        finally:
            connection.close()


@pytest.fixture
def terminal(world: World) -> Iterator[Terminal]:
    terminal = Terminal(world)
    yield terminal
    terminal.server.stop()


@pytest.fixture
def workflow(world: World) -> str:
    return world.active_workflow()


@pytest.fixture
def source(world: World) -> str:
    world.event_half.sources.add(("ws_one", "dc_def456"))
    return "dc_def456"


def test_profile_information(terminal: Terminal) -> None:
    answer = terminal.run(
        """curl 'https://api.pipedream.com/v1/users/me' \\
  -H 'Authorization: Bearer <api_key>'"""
    )

    assert answer.status == 200
    assert list(answer.json["data"])[:3] == ["id", "username", "email"]


def test_a_webhook_is_created_without_a_body_and_deleted_without_an_answer(terminal: Terminal) -> None:
    created = terminal.run(
        """curl "https://api.pipedream.com/v1/webhooks?url=URL&name=name&description=description" \\
  -X POST \\
  -H "Authorization: Bearer <api_key>" \\
  -H "Content-Type: application/json\"""".replace("URL", "https://endpoint.m.pipedream.net")
    )
    deleted = terminal.run(
        """curl "https://api.pipedream.com/v1/webhooks/wh_abc123" \\
  -X DELETE \\
  -H "Authorization: Bearer <api_key>" \\
  -H "Content-Type: application/json\"""".replace("wh_abc123", created.json["data"]["id"])
    )

    assert created.status == 200
    assert created.json["data"]["url"] == "https://endpoint.m.pipedream.net"
    assert (created.json["data"]["name"], created.json["data"]["description"]) == ("name", "description")
    assert (deleted.status, deleted.body) == (204, b"")


def test_a_workflow_listens_to_a_source_until_it_does_not(terminal: Terminal, workflow: str, source: str) -> None:
    subscribe = """curl "https://api.pipedream.com/v1/subscriptions?emitter_id=dc_def456&listener_id=p_abc123" \\
  -X POST \\
  -H "Authorization: Bearer <api_key>" \\
  -H "Content-Type: application/json\"""".replace("p_abc123", workflow)
    listing = """curl 'https://api.pipedream.com/v1/users/me/subscriptions' \\
  -H 'Authorization: Bearer <api_key>'"""

    subscribed = terminal.run(subscribe)
    listed = terminal.run(listing)
    deleted = terminal.run(subscribe.replace("POST", "DELETE"))

    assert subscribed.status == 200
    assert listed.json["data"] == [subscribed.json["data"]]
    assert (deleted.status, deleted.body) == (204, b"")
    assert terminal.run(listing).json == {"data": []}


def test_a_dollar_that_the_shell_took_away_makes_no_subscription_to_everything(
    terminal: Terminal, workflow: str
) -> None:
    command = """curl "https://api.pipedream.com/v1/auto_subscriptions?event_name=$errors&listener_id=p_abc123" \\
  -X POST \\
  -H "Authorization: Bearer <api_key>" \\
  -H "Content-Type: application/json\"""".replace("p_abc123", workflow)

    as_documented = terminal.run(command)
    as_meant = terminal.run(command.replace("$errors", "\\$errors"))

    assert (as_documented.status, as_documented.json) == (400, {"error": "event_name is required"})
    assert (as_meant.status, as_meant.json["data"]["event_name"]) == (200, "$errors")


@pytest.mark.parametrize("stream", ["", "$errors/", "%24errors/"])
@pytest.mark.parametrize("end", ["?expand=event&limit=1", "&expand=event", "/?limit=1", ""])
def test_events_of_a_workflow(terminal: Terminal, workflow: str, stream: str, end: str) -> None:
    terminal.world.event_half.emit(workflow, {"raw_event": {"name": "Luke"}}, "$errors" if stream else "")
    command = """curl 'https://api.pipedream.com/v1/workflows/p_abc123/STREAMevent_summariesEND' \\
  -H 'Authorization: Bearer <api_key>'"""

    answer = terminal.run(command.replace("p_abc123", workflow).replace("STREAM", stream).replace("END", end))

    assert answer.status == 200, answer.body
    assert answer.json["page_info"]["total_count"] == 1
    assert answer.json["data"][0]["event"] == {"raw_event": {"name": "Luke"}}
    assert answer.json["data"][0]["metadata"]["emitter_id"] == workflow


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("?start_id={1}", [0]),
        ("?end_id={1}", [2]),
        ("?start_id={1}&end_id={1}", [2, 0]),
        ("", []),
    ],
)
def test_events_of_a_source_are_deleted_by_range(terminal: Terminal, source: str, query: str, left: list[int]) -> None:
    ids = [str(terminal.world.event_half.emit(source, {"n": n}).id) for n in range(3)]
    command = """curl -X DELETE \\
  -H "Authorization: Bearer <api key>" \\
  "https://api.pipedream.com/v1/sources/dc_def456/eventsQUERY\""""

    deleted = terminal.run(command.replace("QUERY", query.format(*ids)))
    listed = terminal.run(
        "curl https://api.pipedream.com/v1/sources/dc_def456/event_summaries?include=id"
        ' -H "Authorization: Bearer <api key>"'
    )

    assert (deleted.status, deleted.body) == (202, b"")
    assert [row["id"] for row in listed.json["data"]] == [ids[n] for n in left]


def test_subscriptions_of_a_workspace(terminal: Terminal) -> None:
    command = """curl 'https://api.pipedream.com/v1/workspaces/o_abc123/subscriptions' \\
  -H 'Authorization: Bearer <api_key>'"""
    shown = terminal.run("curl https://api.pipedream.com/v1/users/me -H 'Authorization: Bearer <api_key>'")
    own = shown.json["data"]["orgs"][0]["id"]

    assert terminal.run(command.replace("o_abc123", own)).json == {"data": []}
    assert terminal.run(command).status == 404


@pytest.mark.parametrize(
    "arguments",
    [
        "'https://api.pipedream.com/v1/webhooks?url=https://a.example' -X POST",
        "'https://api.pipedream.com/v1/webhooks/?url=https://a.example' -X POST -H 'Content-Type: application/json'",
        'https://api.pipedream.com/v1/webhooks -d \'{"url": "https://a.example"}\'',
        "https://api.pipedream.com/v1/webhooks -d 'url=https://a.example&name=x'",
        'https://api.pipedream.com/v1/webhooks?name=x -d \'{"url": "https://a.example", "name": "y"}\'',
        "https://api.pipedream.com/v1/webhooks -H 'Content-Type: application/json' -d '{\"url\": \"https://a.example\"}'",
        "'https://api.pipedream.com/v1/webhooks?url=https://a.example' -d '{\"url\": \"https://b.example\"}'",
        "'https://api.pipedream.com/v1/webhooks?url=https://a.example' -X POST -H 'X-PD-Environment: production'",
    ],
)
def test_parameters_are_taken_from_wherever_they_are_put(terminal: Terminal, arguments: str) -> None:
    answer = terminal.run(f"curl {arguments} -H 'Authorization: Bearer <api_key>'")

    assert answer.status == 200, answer.body
    assert answer.json["data"]["url"] == "https://a.example"
    assert answer.json["data"]["name"] in (None, "x")


@pytest.mark.parametrize(
    ("arguments", "status", "error"),
    [
        ("-X PATCH https://api.pipedream.com/v1/subscriptions", 405, "method not allowed"),
        ("-X DELETE https://api.pipedream.com/v1/users/me", 405, "method not allowed"),
        ("https://api.pipedream.com/v1/users/you", 404, "record not found"),
        ("https://api.pipedream.com/v1/apps?q=rss", 404, "record not found"),
        ("https://api.pipedream.com/v1/sources/dc_nobody/event_summaries", 404, "record not found"),
        ("-X POST https://api.pipedream.com/v1/workflows/p_abc123/event_summaries", 405, "method not allowed"),
    ],
)
def test_refusals_come_in_the_dialects_words(terminal: Terminal, arguments: str, status: int, error: str) -> None:
    answer = terminal.run(f"curl {arguments} -H 'Authorization: Bearer <api_key>'")
    unknown = terminal.run(f"curl {arguments} -H 'Authorization: Bearer nobody'")

    assert (answer.status, answer.json) == (status, {"error": error})
    assert (unknown.status, unknown.json) == (401, {"error": "unauthorized"})

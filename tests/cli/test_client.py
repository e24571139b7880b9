"""The HTTP client against a server on loopback that answers what a test says."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chalicelib.cli.client import Client, Reply, refusal, segment
from chalicelib.cli.exits import ApiError, CommandError, Exit, UnreachableError, UsageError

OK: tuple[int, dict[str, str], Any] = (200, {}, {"data": {"ok": True}})
HANG_UP = (0, dict[str, str](), None)


class Server:
    """Answers in turn; the last answer again and again."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], Any]] = [OK]
        self.got: list[tuple[str, str, dict[str, str], bytes]] = []
        self.connections = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                server.connections += 1

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                server.got.append((self.command, self.path, headers, self.rfile.read(length)))
                status, more, body = server.answers[0] if len(server.answers) == 1 else server.answers.pop(0)
                if not status:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/base"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def client(server: Server, slept: list[float]) -> Iterator[Client]:
    made = Client(server.url, "psk_1", sleep=slept.append, timeout_seconds=5)
    yield made
    made.close()


def test_a_call_carries_the_key_and_json_below_the_base_address(server: Server, client: Client) -> None:
    reply = client.post("/v1/workflows", {"name": "Größe"}, {"page": 1, "none": None, "q": "a&b"}, once="k")

    ((method, path, headers, body),) = server.got
    assert reply.data == {"ok": True}
    assert (method, path) == ("POST", "/base/v1/workflows?page=1&q=a%26b")
    assert (headers["authorization"], headers["idempotency-key"]) == ("Bearer psk_1", "k")
    assert json.loads(body) == {"name": "Größe"}


def test_a_call_that_was_one_too_many_is_made_again_when_the_server_says(
    server: Server, client: Client, slept: list[float]
) -> None:
    server.answers = [(429, {"Retry-After": "7"}, {}), (503, {}, {}), (503, {}, "not JSON"), OK]

    assert client.post("/v1/x", {}).data == {"ok": True}
    assert slept[0] == 7
    assert 1.0 <= slept[1] <= 1.25
    assert 2.0 <= slept[2] <= 2.5


def test_one_connection_carries_several_calls_and_a_stale_one_is_replaced(server: Server, client: Client) -> None:
    for _ in range(3):
        client.get("/v1/x")
    assert server.connections == 1

    server.answers = [HANG_UP, OK]
    assert client.get("/v1/x").data == {"ok": True}
    assert server.connections == 2
    client.post("/v1/x", {})
    assert server.connections == 3


def test_a_server_that_stays_busy_is_given_up(server: Server, client: Client, slept: list[float]) -> None:
    server.answers = [(429, {"Retry-After": "1"}, {"success": False, "error": {"code": "RATE", "message": "viel"}})]

    with pytest.raises(ApiError, match="GET /v1/x: 429 RATE: viel"):
        client.get("/v1/x")
    assert slept == [1, 1, 1, 1]


def test_nobody_waits_for_hours(server: Server, client: Client, slept: list[float]) -> None:
    server.answers = [(429, {"Retry-After": "3600"}, {})]

    with pytest.raises(ApiError):
        client.get("/v1/x")
    assert slept == []


def test_what_may_have_been_done_is_repeated_only_where_that_does_no_harm(
    server: Server, client: Client, slept: list[float]
) -> None:
    server.answers = [HANG_UP, OK]
    with pytest.raises(UnreachableError):
        client.post("/v1/x", {})
    assert len(server.got) == 1

    for call in (lambda: client.get("/v1/x"), lambda: client.post("/v1/x", {}, once="k"), lambda: client.delete("/x")):
        server.answers = [HANG_UP, OK]
        assert call().data == {"ok": True}
    assert len(slept) == 3


def test_a_server_that_is_not_there_is_told_apart(slept: list[float]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = Client(f"http://127.0.0.1:{port}", "k", sleep=slept.append)

    with pytest.raises(UnreachableError, match="refused") as raised:
        client.get("/v1/x")
    assert raised.value.exit == Exit.UNREACHABLE
    assert slept == []


def test_who_watches_waits_a_minute_for_a_server_to_come_back(slept: list[float]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = Client(f"http://127.0.0.1:{port}", "k", sleep=slept.append)
    client.is_patient = True

    with pytest.raises(UnreachableError):
        client.get("/v1/x")
    assert 60 < sum(slept) < 90


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (400, {"success": False, "error": {"code": "X", "message": "m"}}, "C: 400 X: m"),
        (400, {"error": {"code": "X", "message": "m", "field": "a.b"}}, "C: 400 X at a.b: m"),
        (400, {"errors": [{"code": "X", "message": "m", "field": "a"}]}, "C: 400 X at a: m"),
        (404, {"error": "record not found"}, "C: 404: record not found"),
        (409, {"status": 409, "error": "Conflict", "message": "m", "path": "/"}, "C: 409 Conflict: m"),
        (403, {"message": "Forbidden"}, "C: 403: Forbidden; what the key may do, says: penstock whoami"),
        (502, "<html>Bad Gateway", "C: 502: <html>Bad Gateway"),
        (500, None, "C: 500"),
    ],
)
def test_refusals_of_every_door_become_one_line(status: int, body: Any, text: str) -> None:
    assert str(refusal("C", Reply(status, body))) == text


def test_a_redirect_is_not_followed_with_the_key(server: Server, client: Client) -> None:
    server.answers = [(301, {"Location": "https://elsewhere.example.org/"}, "")]

    with pytest.raises(ApiError, match="moved to https://elsewhere"):
        client.get("/v1/x")


def test_an_answer_of_something_else_is_refused(server: Server, client: Client) -> None:
    server.answers = [(200, {}, "<html>welcome")]

    with pytest.raises(CommandError, match="is the address right"):
        _ = client.get("/v1/x").data


@pytest.mark.parametrize("text", ["a\nb", "ключ", "a\x00"])
def test_what_no_header_can_hold_is_told_before_anything_is_sent(server: Server, text: str) -> None:
    with pytest.raises(UsageError, match="API key"):
        Client(server.url, text).get("/v1/x")
    with pytest.raises(UsageError, match="idempotency key"):
        Client(server.url, "psk_1").post("/v1/x", {}, once=text)
    assert server.connections == 0


def test_a_server_without_tls_is_told_apart(server: Server) -> None:
    client = Client(server.url.replace("http:", "https:"), "psk_1")

    with pytest.raises(UnreachableError, match="is it http:// instead"):
        client.get("/v1/x")


def test_a_certificate_that_is_not_trusted_is_told_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"

    def connect(_: object) -> None:
        raise error

    monkeypatch.setattr("http.client.HTTPSConnection.connect", connect)

    with pytest.raises(UnreachableError, match="self-signed certificate; SSL_CERT_FILE"):
        Client("https://api.test", "psk_1").get("/v1/x")


def test_an_id_becomes_one_segment() -> None:
    assert segment("a/b?c#d e%") == "a%2Fb%3Fc%23d%20e%25"
    assert segment("\udcff") == "%FF"
    for id_ in ("", ".", ".."):
        with pytest.raises(CommandError):
            segment(id_)

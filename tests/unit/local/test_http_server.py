"""HTTP on the socket: what is well-formed is served, what is not is refused, nobody waits for a neighbour."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from statistics import median

import pytest

from chalicelib.local import http_wire
from chalicelib.local.http_server import HttpServer, PortInUseError, json_response
from chalicelib.local.http_wire import Request, Response
from tests.unit.local.wire import Client, request


class Echo:
    """Answers with what it was asked; `/slow` waits until released."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.release = threading.Event()

    def __call__(self, given: Request) -> Response:
        if given.path == "/slow":
            self.entered.release()
            self.release.wait(10)
        if given.path == "/broken":
            raise RuntimeError("broken on purpose")
        if given.path == "/empty":
            return Response(204)
        value = {
            "method": given.method,
            "path": given.path,
            "query": given.query,
            "headers": given.headers,
            "body": given.body.decode("latin-1"),
        }
        return json_response(200, value, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def port(echo: Echo) -> Iterator[int]:
    server = HttpServer(echo)
    server.start()
    yield server.port
    echo.release.set()
    server.stop()


def test_many_requests_share_a_connection_without_a_stall(port: int) -> None:
    with Client(port) as client:
        took = []
        for number in range(50):
            started = time.monotonic()
            client.send(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number)
            assert client.read().json["path"] == f"/{number}"
            took.append(time.monotonic() - started)

        assert median(took) < 0.03  # a delayed acknowledgement takes 0.04 s


def test_pipelined_requests_are_answered_in_order(port: int) -> None:
    with Client(port) as client:
        client.send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")

        assert client.read().json["path"] == "/a"
        assert client.read().json["body"] == "hi"


def test_path_query_and_repeated_headers_arrive_as_sent(port: int) -> None:
    with Client(port) as client:
        client.send(b"GET /a%2Fb/%24x?q=%20&q=2 HTTP/1.1\r\nHost: x\r\nX-Tag: 1\r\nX-Tag:  2 \r\n\r\n")
        answer = client.read()

    assert answer.json["path"] == "/a%2Fb/%24x"
    assert answer.json["query"] == "q=%20&q=2"
    assert answer.json["headers"] == [["Host", "x"], ["X-Tag", "1"], ["X-Tag", "2"]]
    assert answer.headers["set-cookie"] == ["a=1", "b=2"]


def test_a_head_request_gets_the_headers_only(port: int) -> None:
    with Client(port) as client:
        client.send(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n\r\n")

        assert int(client.read(head_only=True).headers["content-length"][0]) > 0
        assert client.read().json["path"] == "/next"


def test_an_answer_without_content_has_no_length(port: int) -> None:
    answer = request(port, "GET", "/empty")

    assert answer.status == 204
    assert "content-length" not in answer.headers


def test_a_chunked_body_is_put_together(port: int) -> None:
    with Client(port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.send(b"3;note=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n")

        assert client.read().json["body"] == "abc0123456789"
        client.send(b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.read().json["path"] == "/next"


def test_a_client_that_expects_it_is_told_to_continue(port: int) -> None:
    with Client(port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert client.read(head_only=True).status == 100
        client.send(b"hi")

        assert client.read().json["body"] == "hi"


def test_a_client_that_announces_too_much_is_refused_before_it_sends(port: int) -> None:
    with Client(port) as client:
        length = http_wire.MAX_BODY_BYTES + 1
        client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n" % length)

        assert client.read().status == 413
        assert client.at_end()


def test_a_client_that_sends_too_much_still_reads_the_refusal(port: int) -> None:
    answer = request(port, "POST", "/", b"x" * (http_wire.MAX_BODY_BYTES + 1))

    assert answer.status == 413
    assert answer.headers["connection"] == ["close"]


def test_the_largest_body_is_accepted(port: int) -> None:
    answer = request(port, "POST", "/", b"x" * http_wire.MAX_BODY_BYTES)

    assert answer.status == 200


@pytest.mark.parametrize(
    ("status", "head"),
    [
        (400, "nonsense"),
        (400, "GET  / HTTP/1.1\r\nHost: x"),
        (400, "GET / HTTP/1.1"),
        (400, "GET / HTTP/1.1\r\nHost: x\r\nHost: y"),
        (400, "GET / HTTP/1.1\r\nHost: x\r\nBad Name: 1"),
        (400, "GET / HTTP/1.1\r\nHost: x\r\nName : 1"),
        (400, "GET / HTTP/1.1\r\nHost: x\r\n folded"),
        (400, "GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b"),
        (400, "GET relative HTTP/1.1\r\nHost: x"),
        (400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1"),
        (400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1e3"),
        (400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2"),
        (400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked"),
        (400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
        (413, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFF\r\n"),
        (417, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: miracles"),
        (431, "GET / HTTP/1.1\r\nHost: x\r\nX: " + "y" * 11_000),
        (501, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked"),
        (505, "GET / HTTP/2.0\r\nHost: x"),
    ],
)
def test_a_malformed_request_is_refused_and_the_connection_closed(port: int, status: int, head: str) -> None:
    with Client(port) as client:
        client.send(head.encode("latin-1") + b"\r\n\r\n")

        answer = client.read()
        assert answer.status == status
        assert answer.json["message"]
        client.sock.shutdown(socket.SHUT_WR)
        assert client.at_end()


def test_a_request_that_ends_early_is_refused(port: int) -> None:
    with Client(port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        client.sock.shutdown(socket.SHUT_WR)

        assert client.read().status == 400


def test_a_slow_client_is_given_up(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_wire, "HEAD_SECONDS", 0.05)
    with Client(port) as client:
        client.send(b"GET / HT")

        assert client.read().status == 408


def test_an_idle_connection_is_closed_without_a_word(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_wire, "IDLE_SECONDS", 0.05)
    with Client(port) as client:
        assert client.at_end()


def test_http_1_0_closes_unless_asked_to_stay(port: int) -> None:
    with Client(port) as client:
        client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert client.read().headers["connection"] == ["keep-alive"]
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert client.read().headers["connection"] == ["close"]
        assert client.at_end()


def test_an_absolute_target_is_served_by_its_path(port: int) -> None:
    assert request(port, "GET", "http://localhost:1/a?b").json["path"] == "/a"


def test_a_handler_that_raises_costs_only_its_own_request(port: int, caplog: pytest.LogCaptureFixture) -> None:
    assert request(port, "GET", "/broken").status == 500
    assert request(port, "GET", "/fine").status == 200
    assert "broken on purpose" in caplog.text


def test_a_slow_request_does_not_delay_hundreds_of_others(port: int, echo: Echo) -> None:
    with Client(port) as slow:
        slow.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        assert echo.entered.acquire(timeout=5)
        clients = [Client(port) for _ in range(300)]
        for client in clients:
            client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert {client.read().status for client in clients} == {200}
        for client in clients:
            client.__exit__()
        echo.release.set()

        assert slow.read().status == 200


def test_stopping_lets_a_request_in_progress_finish() -> None:
    echo = Echo()
    server = HttpServer(echo)
    server.start()
    with Client(server.port) as busy, Client(server.port) as idle:
        busy.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        assert echo.entered.acquire(timeout=5)
        stopping = threading.Thread(target=server.stop, args=(5.0,))
        stopping.start()

        assert idle.at_end()
        echo.release.set()
        assert busy.read().headers["connection"] == ["close"]
        stopping.join(5)
    with pytest.raises(ConnectionRefusedError):
        Client(server.port)


def test_stopping_cuts_what_does_not_finish() -> None:
    echo = Echo()
    server = HttpServer(echo)
    server.start()
    with Client(server.port) as client:
        client.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        assert echo.entered.acquire(timeout=5)
        server.stop(grace_seconds=0.05)

        assert client.at_end()
    echo.release.set()


def test_a_port_in_use_is_its_own_error(port: int) -> None:
    with pytest.raises(PortInUseError) as caught:
        HttpServer(Echo(), port)

    assert caught.value.port == port

"""The guarded client against real sockets on loopback: reuse, limits, redirects, failures."""

from __future__ import annotations

import gzip
import socket
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import monotonic

import pytest

from chalicelib.domain.errors import (
    InvalidError,
    OutboundConnectError,
    OutboundError,
    OutboundTimeoutError,
    OutboundTooLargeError,
)
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.outbound import GuardedClient
from tests.unit.outbound.fakes import FakeResolver
from tests.unit.outbound.servers import (
    Received,
    Reply,
    drips,
    hangs,
    http_server,
    raw_server,
    read_request,
    sends,
)

LOOPBACK = ["127.0.0.0/8", "::1/128"]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def client() -> Iterator[GuardedClient]:
    guarded = GuardedClient(LOOPBACK)
    yield guarded
    guarded.close()


def call(client: GuardedClient, url: str, method: str = "GET", **options: object) -> HttpResponse:
    return client.send(HttpRequest(method, url, **{"timeout_seconds": 5.0, **options}))  # type: ignore[arg-type]


def echo(received: Received) -> Reply:
    return Reply(body=received.body or received.path.encode())


def test_an_exchange_brings_status_headers_body_url_and_time(client: GuardedClient) -> None:
    def route(received: Received) -> Reply:
        return Reply(404, {"X-Thing": "one", "Content-Type": "text/plain"}, b"nothing here")

    with http_server(route) as server:
        reply = call(client, f"{server.url}/a?b=ü c#d")
        client.close()

    assert (reply.status, reply.body) == (404, b"nothing here")
    assert (reply.headers["x-thing"], reply.headers["content-type"]) == ("one", "text/plain")
    assert reply.url == f"{server.url}/a?b=%C3%BC%20c"
    assert 0 < reply.elapsed_seconds < 5
    assert server.received[0].path == "/a?b=%C3%BC%20c"


def test_default_headers_are_sent_and_the_callers_own_win(client: GuardedClient) -> None:
    with http_server(echo) as server:
        call(client, server.url)
        call(client, server.url, headers={"user-agent": "Mine", "Accept": "text/csv"})
        client.close()
    first, second = (received.headers for received in server.received)

    assert (first["user-agent"], first["accept-encoding"]) == ("Penstock/1", "gzip, deflate")
    assert (second["user-agent"], second["accept"]) == ("Mine", "text/csv")


def test_framing_headers_of_the_caller_are_dropped(client: GuardedClient) -> None:
    forged = {
        "Host": "evil.test",
        "content-length": "9999",
        "Transfer-Encoding": "chunked",
        "CONNECTION": "close",
        "Expect": "100-continue",
        "Upgrade": "h2c",
    }

    with http_server(echo) as server:
        reply = call(client, server.url, "POST", body=b"hello", headers=forged)
        client.close()
    headers = server.received[0].headers

    assert reply.body == b"hello"
    assert headers["host"] == server.url.removeprefix("http://")
    assert headers["content-length"] == "5"
    assert not {"transfer-encoding", "connection", "expect", "upgrade"} & set(headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "1\r\nX-B: 2"},
        {"X-A": "1\nX-B: 2"},
        {"X-A": "1\r"},
        {"X-A": "1\x00"},
        {"X-A": "1\x7f"},
        {"X-A": "snowman \u2603"},
        {"X-A\r\nX-B": "1"},
        {"X A": "1"},
        {"X-A:": "1"},
        {"": "1"},
        {"X-\u00e9": "1"},
    ],
)
def test_header_injection_is_refused_before_anything_is_sent(client: GuardedClient, headers: dict[str, str]) -> None:
    with http_server(echo) as server:
        with pytest.raises(InvalidError) as refusal:
            call(client, server.url, headers=headers)

        assert server.received == []
    assert refusal.value.field == "headers"


@pytest.mark.parametrize("method", ["", "GET /x HTTP/1.1\r\n", "G ET", "CONNECT", "trace", "GÉT"])
def test_a_method_that_is_none_is_refused(client: GuardedClient, method: str) -> None:
    with pytest.raises(InvalidError):
        call(client, "http://127.0.0.1:1/", method)


def test_a_connection_is_reused(client: GuardedClient) -> None:
    with http_server(echo) as server:
        for number in range(5):
            assert call(client, f"{server.url}/{number}").body == f"/{number}".encode()
        client.close()

    assert len({received.peer for received in server.received}) == 1


def test_a_head_answer_and_an_empty_answer_leave_the_connection_usable(client: GuardedClient) -> None:
    def route(received: Received) -> Reply:
        return Reply(204, {"Content-Length": "0"}) if received.method == "DELETE" else Reply(body=b"x" * 10)

    with http_server(route) as server:
        assert call(client, server.url, "HEAD").body == b""
        assert call(client, server.url, "DELETE").status == 204
        assert call(client, server.url).body == b"x" * 10
        client.close()

    assert len({received.peer for received in server.received}) == 1


def test_many_threads_share_a_client(client: GuardedClient) -> None:
    with http_server(echo) as server, ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda n: call(client, f"{server.url}/{n}").body, range(200)))
        client.close()

    assert replies == [f"/{n}".encode() for n in range(200)]
    assert len({received.peer for received in server.received}) <= 8


def test_idle_connections_beyond_the_limits_are_closed() -> None:
    with http_server(echo) as first, http_server(echo) as second:
        client = GuardedClient(LOOPBACK, max_idle=1)
        for url in (first.url, second.url, second.url, first.url):
            call(client, url)
        client.close()

    assert len({received.peer for received in first.received}) == 2
    assert len({received.peer for received in second.received}) == 1


def test_a_connection_idle_for_too_long_is_not_reused() -> None:
    with http_server(echo) as server:
        client = GuardedClient(LOOPBACK, idle_seconds=0)
        call(client, server.url)
        call(client, server.url)
        client.close()

    assert len({received.peer for received in server.received}) == 2


def test_a_closed_client_still_answers_but_keeps_nothing(client: GuardedClient) -> None:
    client.close()

    with http_server(echo) as server:
        call(client, server.url)
        call(client, server.url)

    assert len({received.peer for received in server.received}) == 2


def test_a_reused_connection_that_dies_without_a_byte_is_replaced_once(client: GuardedClient) -> None:
    def answers_once_then_dies(connection: socket.socket, over: Event) -> None:
        read_request(connection)
        connection.sendall(OK)
        read_request(connection)

    with raw_server(answers_once_then_dies, sends(OK)) as url:
        assert call(client, url).body == b"ok"
        assert call(client, url, "POST", body=b"").body == b"ok"


def test_a_reused_connection_that_dies_after_a_byte_is_not_retried(client: GuardedClient) -> None:
    def answers_once_then_half(connection: socket.socket, over: Event) -> None:
        read_request(connection)
        connection.sendall(OK)
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

    with raw_server(answers_once_then_half, sends(OK)) as url:
        call(client, url)
        with pytest.raises(OutboundError, match="breaks off"):
            call(client, url)
        call(client, url)


def test_a_fresh_connection_that_dies_without_a_byte_is_an_error(client: GuardedClient) -> None:
    with raw_server(sends(b""), sends(OK)) as url:
        with pytest.raises(OutboundError, match="without an answer"):
            call(client, url)
        call(client, url)


def test_bytes_after_an_answer_end_the_connection(client: GuardedClient) -> None:
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"

    with raw_server(sends(OK + forged), sends(OK)) as url:
        assert call(client, url).body == b"ok"
        assert call(client, url).body == b"ok"


def test_a_receiver_that_answers_before_it_has_read_the_body_is_heard(client: GuardedClient) -> None:
    def refuses_at_once(connection: socket.socket, over: Event) -> None:
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 20):
            pass

    with raw_server(refuses_at_once) as url:
        assert call(client, url, "POST", body=bytes(20 << 20)).status == 413


def test_interim_answers_are_passed_over(client: GuardedClient) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"

    with raw_server(sends(interim + OK)) as url:
        reply = call(client, url)

    assert (reply.status, reply.body) == (200, b"ok")
    assert "link" not in reply.headers


def test_a_chunked_answer_is_joined_and_repeated_headers_too(client: GuardedClient) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nVary: a\r\nVary: b\r\nX-Fold: a\r\n b\r\n\r\n"

    with raw_server(sends(head + b"3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nTrailer: 1\r\n\r\n")) as url:
        reply = call(client, url)

    assert reply.body == b"abcdefg"
    assert (reply.headers["vary"], reply.headers["x-fold"]) == ("a, b", "a b")


def test_an_answer_that_ends_with_the_connection_is_whole(client: GuardedClient) -> None:
    with raw_server(sends(b"HTTP/1.0 200 OK\r\n\r\nuntil the end")) as url:
        assert call(client, url).body == b"until the end"


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"x" * 100, mtime=0)[:-9],
    ],
)
def test_an_answer_that_is_not_whole_or_not_clear_is_an_error(client: GuardedClient, data: bytes) -> None:
    with raw_server(sends(data)) as url, pytest.raises(OutboundError) as failure:
        call(client, url)

    assert failure.value.retryable


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n",
    ],
)
def test_a_dripping_receiver_is_cut_at_the_total_time(client: GuardedClient, start: bytes) -> None:
    with raw_server(drips(start)) as url:
        started = monotonic()
        with pytest.raises(OutboundTimeoutError, match=r"did not answer within 0\.2 s"):
            call(client, url, timeout_seconds=0.2)

    assert 0.2 <= monotonic() - started < 5


def test_a_silent_receiver_is_cut_at_the_total_time(client: GuardedClient) -> None:
    with raw_server(hangs) as url, pytest.raises(OutboundTimeoutError):
        call(client, url, timeout_seconds=0.1)


def test_a_silent_receiver_is_cut_at_the_read_time_if_there_is_one(client: GuardedClient) -> None:
    with raw_server(hangs) as url, pytest.raises(OutboundTimeoutError, match="fell silent"):
        call(client, url, timeout_seconds=30, read_timeout_seconds=0.1)


def test_a_receiver_that_does_not_read_is_cut_at_the_total_time(client: GuardedClient) -> None:
    def never_reads(connection: socket.socket, over: Event) -> None:
        over.wait(10)

    with raw_server(never_reads) as url, pytest.raises(OutboundTimeoutError):
        call(client, url, "POST", body=bytes(50 << 20), timeout_seconds=0.2)


def test_the_total_time_spans_redirects(client: GuardedClient) -> None:
    redirect = b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

    with raw_server(sends(redirect), hangs) as url, pytest.raises(OutboundTimeoutError):
        call(client, url, timeout_seconds=0.2, max_redirects=3)


def test_a_resolver_that_hangs_is_cut_at_the_connect_time() -> None:
    over = Event()

    def hanging_resolver(host: str, port: int) -> Sequence[str]:
        over.wait(10)
        return []

    client = GuardedClient(resolver=hanging_resolver)
    with pytest.raises(OutboundTimeoutError, match=r"No connection to the receiver was made within 0\.1 s"):
        call(client, "http://slow.test/", connect_timeout_seconds=0.1)
    over.set()


def test_a_connection_that_does_not_come_about_is_cut_at_the_connect_time() -> None:
    def hanging_connector(address: object, port: int, timeout: float) -> socket.socket:
        assert timeout <= 0.1
        raise TimeoutError

    client = GuardedClient(connector=hanging_connector)

    with pytest.raises(OutboundTimeoutError, match="No connection"):
        call(client, "http://8.8.8.8/", connect_timeout_seconds=0.1)


def test_a_refused_connection_is_a_connect_error(client: GuardedClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(OutboundConnectError, match=f"127.0.0.1:{port} cannot be connected to: Connection refused"):
        call(client, f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + b"x" * 1001,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 1001 + b"0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"1;" + b"e" * 9000 + b"\r\nx\r\n") * 20,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX-Big: " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Many: 1\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 9000) for n in range(10)) + b"\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 5_000,
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"x" * 1001, mtime=0),
        b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n" + zlib.compress(b"x" * 1001),
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"x" * 600, mtime=0) * 2,
    ],
)
def test_an_answer_that_is_too_large_is_cut(client: GuardedClient, data: bytes) -> None:
    with raw_server(sends(data)) as url, pytest.raises(OutboundTooLargeError):
        call(client, url, max_response_bytes=1000)


def test_an_endless_answer_is_cut_at_the_limit(client: GuardedClient) -> None:
    def floods(connection: socket.socket, over: Event) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not over.is_set():
            connection.sendall(bytes(65_536))

    with raw_server(floods) as url, pytest.raises(OutboundTooLargeError):
        call(client, url, max_response_bytes=1_000_000)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"400\r\n" + b"x" * 1024 + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000,
    ],
    ids=["length", "chunked", "until closed"],
)
def test_a_call_that_wants_the_beginning_alone_gets_it(client: GuardedClient, data: bytes) -> None:
    with raw_server(sends(data), sends(data)) as url:
        answers = [call(client, url, max_response_bytes=100, cut_response=True) for _ in range(2)]

    assert [(answer.status, answer.body) for answer in answers] == [(200, b"x" * 100)] * 2


def test_a_call_that_wants_the_beginning_does_not_wait_for_an_endless_answer(client: GuardedClient) -> None:
    def floods(connection: socket.socket, over: Event) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(65_536))
        over.wait()

    with raw_server(floods) as url:
        assert call(client, url, max_response_bytes=10, cut_response=True).body == bytes(10)


def test_an_answer_that_breaks_off_is_an_error_also_where_its_beginning_is_wanted(client: GuardedClient) -> None:
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nabc"
    with raw_server(sends(data)) as url, pytest.raises(OutboundError):
        call(client, url, max_response_bytes=100, cut_response=True)


def test_a_connection_whose_answer_was_read_whole_carries_the_next_call(client: GuardedClient) -> None:
    def answers_twice(connection: socket.socket, over: Event) -> None:
        for _ in range(2):
            read_request(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with raw_server(answers_twice) as url:
        answers = [call(client, url, max_response_bytes=100, cut_response=True) for _ in range(2)]

    assert [answer.body for answer in answers] == [b"ok", b"ok"]


def redirecting(status: int, target: str) -> Reply:
    return Reply(status, {"Location": target}, b"moved")


CREDENTIALS = {
    "Authorization": "Bearer a",
    "Cookie": "b=c",
    "Proxy-Authorization": "Basic d",
    "X-Api-Key": "e",
    "X-Auth-Token": "f",
    "apikey": "g",
    "X-Plain": "stays",
}


def test_without_permission_a_redirect_is_the_answer(client: GuardedClient) -> None:
    with http_server(lambda _: redirecting(302, "/next")) as server:
        reply = call(client, server.url)
        client.close()

    assert (reply.status, reply.headers["location"], reply.body) == (302, "/next", b"moved")
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/next", "/next"),
        ("next", "/a/next"),
        ("../up?x=1", "/up?x=1"),
        ("?q=2", "/a/b?q=2"),
        ("/caf\xc3\xa9", "/caf%C3%A9"),
        ("/next#part", "/next"),
        ("/two words", "/two%20words"),
    ],
)
def test_a_redirect_is_followed_from_where_it_was_given(client: GuardedClient, location: str, path: str) -> None:
    def route(received: Received) -> Reply:
        return redirecting(302, location) if received.path == "/a/b" else Reply(body=b"there")

    with http_server(route) as server:
        reply = call(client, f"{server.url}/a/b", max_redirects=1)
        client.close()

    assert (reply.body, reply.url) == (b"there", f"{server.url}{path}")


def test_a_redirect_without_a_target_is_the_answer(client: GuardedClient) -> None:
    with http_server(lambda _: Reply(302)) as server:
        assert call(client, server.url, max_redirects=3).status == 302
        client.close()


def test_a_redirect_loop_ends_by_count(client: GuardedClient) -> None:
    with http_server(lambda _: redirecting(302, "/again")) as server:
        with pytest.raises(OutboundError, match="more than 3 times"):
            call(client, server.url, max_redirects=3)
        client.close()

    assert len(server.received) == 4


@pytest.mark.parametrize(
    ("status", "method", "expected"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (301, "PUT", "PUT"),
        (302, "DELETE", "DELETE"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (302, "GET", "GET"),
    ],
)
def test_method_and_body_follow_the_redirects_status(
    client: GuardedClient, status: int, method: str, expected: str
) -> None:
    def route(received: Received) -> Reply:
        return redirecting(status, "/next") if received.path == "/" else Reply()

    with http_server(route) as server:
        call(client, server.url, method, body=b"{}", headers={"Content-Type": "text/x"}, max_redirects=1)
        client.close()
    last = server.received[-1]

    assert last.method == expected
    assert last.body == (b"{}" if expected == method else b"")
    assert ("content-type" in last.headers) == (expected == method)


def test_credentials_stay_within_their_origin(client: GuardedClient) -> None:
    with http_server(lambda _: Reply()) as other:

        def route(received: Received) -> Reply:
            return redirecting(307, "/same" if received.path == "/" else f"{other.url}/other")

        with http_server(route) as server:
            headers = {**CREDENTIALS, "X-Code": "of the caller's choice"}
            call(client, server.url, headers=headers, max_redirects=2, secret_headers=frozenset({"x-code"}))
            client.close()
    same, foreign = server.received[1].headers, other.received[0].headers
    names = {name.lower() for name in headers}

    assert names <= set(same)
    assert names & set(foreign) == {"x-plain"}


def test_credentials_dropped_once_do_not_come_back(client: GuardedClient) -> None:
    with http_server(lambda _: redirecting(302, f"{server.url}/back")) as other:

        def route(received: Received) -> Reply:
            return Reply() if received.path == "/back" else redirecting(302, other.url)

        with http_server(route) as server:
            call(client, server.url, headers=CREDENTIALS, max_redirects=2)
            client.close()

    assert "authorization" not in server.received[-1].headers


def test_the_host_header_names_the_host_while_the_socket_is_pinned() -> None:
    with http_server(echo) as server:
        client = GuardedClient(LOOPBACK, resolver=FakeResolver({"hooks.example.com": ["127.0.0.1"]}))
        port = server.url.rpartition(":")[2]
        call(client, f"http://Hooks.Example.com.:{port}/")
        client.close()

    assert server.received[0].headers["host"] == f"hooks.example.com:{port}"


def test_proxies_from_the_environment_are_ignored(client: GuardedClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    with http_server(echo) as server:
        assert call(client, f"{server.url}/direct").body == b"/direct"
        client.close()

"""A process that is no longer itself: forged, broken, endless and missing messages, read by the host."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from chalicelib.domain.javascript import Limits, RunReport
from chalicelib.sandbox.frames import END, LENGTH, framed
from chalicelib.sandbox.session import NeverBegunError, Session
from chalicelib.sandbox.zygote import Sockets
from tests.sandbox.house import Host

LIMITS = Limits(wall_seconds=2.0, output_bytes=64 * 1024, emits=5, fetches=3, fetch_request_bytes=1000)
BEGUN: list[object] = ["begun", ["process", "seccomp", "made up"]]
ENDED: list[object] = ["end", {}, [], None]


class Impostor:
    """The far ends of a run's sockets, with the test in the place of process and zygote."""

    def __init__(self) -> None:
        channel, self.channel = socket.socketpair()
        control, self.control = socket.socketpair()
        self.near = Sockets(channel, control)

    def run(
        self, say: Callable[[socket.socket], object], host: Host | None = None, limits: Limits = LIMITS
    ) -> RunReport:
        def act() -> None:
            try:
                say(self.channel)
            except OSError:
                pass
            self.channel.close()
            try:
                self.control.sendall(END.pack(9, 0.1, 1000))
            except OSError:
                pass
            self.control.close()

        actor = threading.Thread(target=act)
        actor.start()
        try:
            return Session(self.near, limits, host or Host()).run(b"{}")[0]
        finally:
            actor.join(10.0)


@pytest.fixture
def impostor() -> Iterator[Impostor]:
    impostor = Impostor()
    yield impostor
    for end in (impostor.channel, impostor.control):
        end.close()


def lines(*messages: object) -> bytes:
    return framed("\n".join(json.dumps(message) for message in messages).encode())


def test_messages_in_their_right_form_make_a_report(impostor: Impostor) -> None:
    report = impostor.run(lambda channel: channel.sendall(lines(BEGUN, ["emit", 1, {"id": 1}]) + lines(ENDED)))

    assert (report.error, len(report.emits), report.stats.isolation) == (None, 1, ("process", "seccomp"))
    assert (report.stats.cpu_ms, report.stats.memory_bytes) == (100.0, 1000)


FORGED: dict[str, object] = {
    "an object": {},
    "another kind": ["exec", "id"],
    "bytes that are no base64": [
        "fetch",
        1,
        {"method": "GET", "url": "https://a.example", "headers": [], "redirects": 0, "b64": "*"},
    ],
    "end without its parts": ["end"],
    "error without a name": ["end", {"error": {"message": "x"}}, [], None],
    "isolation that is text": ["begun", "all"],
    "level of a log": ["log", "fatal", 1, "x"],
    "meta that is a list": ["emit", {}, []],
    "method with a line break": [
        "fetch",
        1,
        {"method": "GET\r\n", "url": "https://a.example", "headers": [], "redirects": 0},
    ],
    "no kind": [],
    "null": None,
    "number as a key": ["db", 5, 1],
    "status of an answer": ["respond", {"status": 9999, "headers": {}}],
    "text of an answer": ["respond", {"status": 200, "headers": {}, "text": 5}],
    "url that is a list": ["fetch", 1, {"method": "GET", "url": [], "headers": [], "redirects": 0}],
}


@pytest.mark.parametrize("case", sorted(FORGED))
def test_a_forged_message_ends_the_run_and_keeps_what_was_right(impostor: Impostor, case: str) -> None:
    host = Host()

    report = impostor.run(
        lambda channel: channel.sendall(lines(BEGUN, ["emit", 1, {}], FORGED[case], ["emit", 2, {}], ENDED)), host
    )

    assert report.error is not None
    assert report.error.name == "SandboxCrashed"
    assert [emit.event for emit in report.emits] == [1]
    assert (host.requests, report.response) == ([], None)


RAW = {
    "a frame that is too long": LENGTH.pack(2**31),
    "bytes that are no text": framed(b"\xff\xfe"),
    "duplicate members": framed(b'["emit",{"a":1,"a":2},{}]'),
    "huge number": framed(b'["emit",1e999,{}]'),
    "nothing": framed(b""),
    "unfinished json": framed(b'["emit",'),
}


@pytest.mark.parametrize("case", sorted(RAW))
def test_broken_frames_end_the_run(impostor: Impostor, case: str) -> None:
    report = impostor.run(lambda channel: channel.sendall(lines(BEGUN) + RAW[case] + lines(ENDED)))

    assert report.error is not None
    assert report.error.name == "SandboxCrashed"


def test_deep_nesting_is_refused_without_harm(impostor: Impostor) -> None:
    deep = framed(b'["emit",' + b"[" * 5000 + b"]" * 5000 + b",{}]")

    report = impostor.run(lambda channel: channel.sendall(lines(BEGUN) + deep))

    assert report.error is not None
    assert report.error.name == "ValueTooLargeError"


def test_a_flood_is_cut_at_the_limit(impostor: Impostor) -> None:
    def flood(channel: socket.socket) -> None:
        channel.sendall(lines(BEGUN))
        while True:
            channel.sendall(lines(["log", "info", 1, "x" * 1000]))

    report = impostor.run(flood, limits=replace(LIMITS, log_lines=10))

    assert report.error is not None
    assert report.error.name == "OutputLimitExceeded"
    assert len(report.logs) == 10


def test_more_events_than_allowed_are_not_taken(impostor: Impostor) -> None:
    report = impostor.run(lambda channel: channel.sendall(lines(BEGUN, *[["emit", 1, {}]] * 50, ENDED)))

    assert len(report.emits) == 5


def test_more_or_larger_requests_than_allowed_are_not_sent(impostor: Impostor) -> None:
    wanted = {"method": "POST", "url": "https://a.example/", "headers": [], "redirects": 99, "text": "x"}
    host = Host()

    report = impostor.run(
        lambda channel: channel.sendall(
            lines(BEGUN, ["fetch", 1, wanted], ["fetch", 2, {**wanted, "text": "x" * 2000}])
        ),
        host,
    )

    assert report.error is not None
    assert report.error.name == "FetchLimitExceeded"
    assert len(host.requests) == 1
    assert host.requests[0].max_redirects == 10


def test_a_header_cannot_carry_another_one_nor_name_the_connection(impostor: Impostor) -> None:
    headers = {"x-a": "1\r\nset-cookie: stolen", "bad name": "x", "Content-Length": "5", "transfer-encoding": "chunked"}
    report = impostor.run(
        lambda channel: channel.sendall(lines(BEGUN, ["respond", {"status": 200, "headers": headers}], ENDED))
    )

    assert report.response is not None
    assert report.response.headers == {"x-a": "1 set-cookie: stolen"}


def test_silence_ends_at_the_limit_of_the_wall(impostor: Impostor) -> None:
    def hang(channel: socket.socket) -> None:
        channel.sendall(lines(BEGUN, ["db", "a", 1]))
        impostor.control.recv(1)

    report = impostor.run(hang, limits=replace(LIMITS, wall_seconds=0.2))

    assert report.error is not None
    assert report.error.name == "TimeoutError"
    assert report.db == {"a": 1}


def test_a_process_that_is_gone_before_it_began_ran_nothing(impostor: Impostor) -> None:
    with pytest.raises(NeverBegunError):
        impostor.run(lambda channel: None)


def test_a_process_that_dies_leaves_what_it_said(impostor: Impostor) -> None:
    report = impostor.run(lambda channel: channel.sendall(lines(BEGUN, ["emit", 1, {}]) + b"\0\0\0\x09half"))

    assert report.error is not None
    assert report.error.message == "the sandbox's process was ended by SIGKILL"
    assert len(report.emits) == 1


def test_nothing_counts_after_the_end(impostor: Impostor) -> None:
    report = impostor.run(lambda channel: channel.sendall(lines(BEGUN, ENDED, ["emit", 1, {}], {})))

    assert (report.error, report.emits) == (None, ())

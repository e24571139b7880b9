"""`tail`: a run until it ends, or a stream of events for as long as somebody watches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chalicelib.cli.arguments import Parser, positive, seconds
from chalicelib.cli.events import EMITTER_HELP, MOST_AT_ONCE, path_of, read, words
from chalicelib.cli.exits import Exit, UsageError
from chalicelib.cli.session import Session
from chalicelib.cli.watching import PatienceLostError, Watcher
from chalicelib.cli.watching import words as words_of_run

POLL_SECONDS = 1.0
_BEFORE_ALL = "0-0"


def add(_: str, parser: Parser) -> None:
    parser.add_argument("run_id", nargs="?", metavar="RUN", help="its steps and logs until it ends")
    parser.add_argument("--stream", metavar="EMITTER[/CHANNEL]", help=EMITTER_HELP)
    parser.add_argument("--last", type=int, default=10, help="events to begin with (default: 10)")
    parser.add_argument("--count", type=positive, help="end after so many events")
    parser.add_argument("--timeout", type=seconds, metavar="SECONDS", help="end after this time (exit code 5)")
    parser.leaf(tail)


def tail(session: Session) -> int:
    asked = session.asked
    if (asked.run_id is None) == (asked.stream is None):
        raise UsageError("either a run or --stream EMITTER")
    return _run(session) if asked.run_id else _stream(session)


def _run(session: Session) -> int:
    asked = session.asked
    watcher = Watcher(session.client, asked.run_id, session.sleep, session.clock, asked.timeout)
    try:
        for happening in watcher.happenings():
            session.out.line(happening.document, words_of_run(happening))
    except PatienceLostError:
        session.out.note(f"{asked.run_id} goes on; it was watched for {asked.timeout:g} s")
        return Exit.TIMED_OUT
    except KeyboardInterrupt:
        session.out.note(f"{asked.run_id} goes on")
        return Exit.INTERRUPTED
    return watcher.exit


def _stream(session: Session) -> int:
    asked = session.asked
    deadline = None if asked.timeout is None else session.clock() + asked.timeout
    for number, event in enumerate(_events(session, deadline), 1):
        session.out.line(event, words(event))
        if number == asked.count:
            return Exit.DONE
    return Exit.TIMED_OUT


def _events(session: Session, deadline: float | None) -> Iterator[Any]:
    """The last few, oldest first, and then whatever comes."""
    path = path_of(session.asked.stream)
    # Also where none is wanted: what comes from now on begins behind the newest.
    begun = read(session, path, {"limit": min(max(session.asked.last, 1), MOST_AT_ONCE)})
    newest = begun[0]["id"] if begun else _BEFORE_ALL
    session.client.is_patient = True
    yield from reversed(begun[: max(session.asked.last, 0)])
    while deadline is None or session.clock() < deadline:
        # In a list that begins with the newest, what came later stands before.
        found = read(session, path, {"before": newest, "limit": MOST_AT_ONCE})
        if not found:
            session.sleep(POLL_SECONDS if deadline is None else min(POLL_SECONDS, max(deadline - session.clock(), 0)))
            continue
        newest = found[0]["id"]
        yield from reversed(found)

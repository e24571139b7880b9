from __future__ import annotations

import threading
from typing import Any

import pytest

from chalicelib.local.ticker import Ticker


def test_the_handler_gets_a_scheduled_event_again_and_again() -> None:
    events: list[Any] = []
    ticked = threading.Semaphore(0)

    def handler(event: Any, context: Any) -> None:
        events.append(event)
        assert context.get_remaining_time_in_millis() > 0
        ticked.release()

    ticker = Ticker(handler, 0.01, "eu-central-1")
    ticker.start()
    for _ in range(3):
        assert ticked.acquire(timeout=5)
    ticker.stop()

    assert events[0]["source"] == "aws.events"
    assert events[0]["detail-type"] == "Scheduled Event"
    assert events[0]["region"] == "eu-central-1"
    assert len({event["id"] for event in events}) == len(events)


def test_two_ticks_never_run_at_once() -> None:
    running = threading.Semaphore(1)
    entered = threading.Semaphore(0)
    release = threading.Event()

    def handler(_event: Any, _context: Any) -> None:
        assert running.acquire(blocking=False)
        entered.release()
        assert release.wait(5)
        running.release()

    ticker = Ticker(handler, 60, "us-east-1")
    threads = [threading.Thread(target=ticker.tick) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert entered.acquire(timeout=5)
    assert not entered.acquire(timeout=0.05)
    release.set()
    for thread in threads:
        thread.join(5)

    assert entered.acquire(timeout=5)


def test_a_tick_that_fails_does_not_end_the_schedule(caplog: pytest.LogCaptureFixture) -> None:
    ticked = threading.Semaphore(0)

    def handler(_event: Any, _context: Any) -> None:
        ticked.release()
        raise RuntimeError("broken on purpose")

    ticker = Ticker(handler, 0.01, "us-east-1")
    ticker.start()
    for _ in range(2):
        assert ticked.acquire(timeout=5)
    ticker.stop()

    assert "broken on purpose" in caplog.text

"""Streams of events: their order, pages, what is due, what expires."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.domain.errors import TooLargeError
from chalicelib.domain.events import (
    CHANNEL_REACH,
    MAX_PAYLOAD_BYTES,
    NEWEST_KEPT,
    Cause,
    DueEvent,
    Emitter,
    Event,
    EventId,
    EventPage,
    EventPlace,
    EventQuery,
)
from chalicelib.domain.ids import epoch_ms
from tests.fakes import START
from tests.store.backends import Stores
from tests.store.event_samples import EMITTER, SOURCE, append, due_events, emission
from tests.store.samples import after

MS = epoch_ms(START)


def listed(stores: Stores, stream: str = "", **query: object) -> list[str]:
    """The emit ids of a page."""
    page = stores.events.page(EMITTER, stream, EventQuery(**query))  # type: ignore[arg-type]
    return [event.emission.emit_id for event in page.items]


def total(stores: Stores, **query: object) -> int:
    return stores.events.page(EMITTER, "", EventQuery(**query)).total  # type: ignore[arg-type]


def test_an_event_is_read_as_it_was_appended(stores: Stores) -> None:
    said = emission(
        payload=[1, 1.0, "ü", None],
        summary="Größe",
        key={"id": 7},
        ts=1_700_000_000_000,
        cause=Cause("p_0", "$errors", "4-0", 3),
    )

    appended = stores.events.append(said, now=START, due_at=None)

    assert appended == Event(EventId(MS, 0), said, START)
    assert stores.events.get(appended.place) == appended
    assert stores.events.page(EMITTER, "", EventQuery()) == EventPage((appended,), 1)


@pytest.mark.parametrize("size", [100, 100_000])
def test_large_payloads_summaries_and_keys_are_kept_whole(stores: Stores, size: int) -> None:
    appended = append(stores, payload="ü" * size, summary="s" * size, key="k" * size)

    assert stores.events.get(appended.place) == appended
    assert stores.events.page(EMITTER, "", EventQuery()).items == (appended,)


def test_a_payload_above_the_limit_is_refused(stores: Stores) -> None:
    with pytest.raises(TooLargeError):
        append(stores, payload="x" * MAX_PAYLOAD_BYTES)

    assert listed(stores) == []


def test_ids_grow_within_a_millisecond_and_when_the_clock_steps_back(stores: Stores) -> None:
    ids = [append(stores, f"e{number}", at).id for number, at in enumerate([0, 0, 0.001, -5, 0.002])]

    assert ids == [EventId(MS, 0), EventId(MS, 1), EventId(MS + 1, 0), EventId(MS + 1, 1), EventId(MS + 2, 0)]


def test_ids_are_ordered_as_numbers(stores: Stores) -> None:
    appended = [append(stores, f"e{number:02}").id for number in range(12)]

    assert appended == sorted(appended)
    assert listed(stores, limit=3) == ["e11", "e10", "e09"]


def test_a_repeated_emission_is_found_among_the_newest(stores: Stores) -> None:
    first = append(stores, "e1")
    append(stores, "e2", 1)

    assert append(stores, "e1", 2, may_repeat=True) == first
    assert listed(stores) == ["e2", "e1"]


def test_the_newest_event_is_known_again_without_being_told_to_look(stores: Stores) -> None:
    first = append(stores, "e1", 1)

    assert append(stores, "e1", 2) == first
    assert len(stores.events.page(EMITTER, "", EventQuery(limit=10)).items) == 1


def test_a_new_emission_that_may_be_a_repetition_is_appended(stores: Stores) -> None:
    append(stores, "e1")

    assert append(stores, "e2", 1, may_repeat=True).id == EventId(MS + 1000, 0)
    assert listed(stores) == ["e2", "e1"]


def test_streams_are_apart(stores: Stores) -> None:
    append(stores, "visible")
    append(stores, "named", 1, channel="orders")
    append(stores, "error", 2, channel="$errors")
    append(stores, "other", emitter=Emitter("ws_a", EMITTER.kind, "p_2"))
    append(stores, "source", emitter=Emitter("ws_a", SOURCE, "p_1"))
    append(stores, "foreign", emitter=Emitter("ws_b", EMITTER.kind, "p_1"))

    assert listed(stores) == ["named", "visible"]
    assert listed(stores, "$errors") == ["error"]


@pytest.mark.parametrize(("workspace_id", "emitter_id"), [("ws_a#workflow", "p_1"), ("ws_a", "p_1#"), ("ws_a%23", "p")])
def test_a_made_up_id_names_nobody_elses_stream(stores: Stores, workspace_id: str, emitter_id: str) -> None:
    append(stores)

    other = append(stores, "other", emitter=Emitter(workspace_id, EMITTER.kind, emitter_id), due=1)

    assert listed(stores) == ["e1"]
    assert due_events(stores, 1) == [DueEvent(other.place, after(1))]


def test_an_event_that_is_not_there_is_none(stores: Stores) -> None:
    append(stores)

    assert stores.events.get(EventPlace(EMITTER, "", EventId(MS, 1))) is None
    assert stores.events.get(EventPlace(EMITTER, "$errors", EventId(MS, 0))) is None
    assert stores.events.get(EventPlace(Emitter("ws_a", EMITTER.kind, "x" * 3000), "", EventId(MS, 0))) is None
    assert stores.events.page(Emitter("ws_a", EMITTER.kind, "x" * 3000), "", EventQuery()) == EventPage((), 0)


def test_pages_go_back_and_forth(stores: Stores) -> None:
    ids = [append(stores, f"e{number}", number * 0.0005).id for number in range(7)]

    assert listed(stores, limit=3) == ["e6", "e5", "e4"]
    assert listed(stores, after=ids[4], limit=3) == ["e3", "e2", "e1"]
    assert listed(stores, after=ids[1], limit=3) == ["e0"]
    assert listed(stores, after=ids[0]) == []
    assert listed(stores, before=ids[3], limit=2) == ["e5", "e4"]
    assert listed(stores, before=ids[6]) == []
    assert listed(stores, after=ids[5], before=ids[1], limit=2) == ["e4", "e3"]
    assert listed(stores, after=ids[2], before=ids[2]) == []
    assert listed(stores, after=ids[1], before=ids[4]) == []
    assert total(stores, after=ids[0], limit=1) == 7


@pytest.mark.parametrize("size", [1_000, 50_000])
def test_a_page_ends_where_its_events_become_too_large(stores: Stores, size: int) -> None:
    ids = [append(stores, f"e{number}", number, payload="x" * size, channel="a").id for number in range(5)]
    room = round(size * 2.5)

    assert listed(stores, most_bytes=room) == ["e4", "e3"]
    assert listed(stores, after=ids[3], most_bytes=room) == ["e2", "e1"]
    assert listed(stores, before=ids[0], most_bytes=room) == ["e2", "e1"]
    assert listed(stores, after=ids[4], before=ids[0], most_bytes=room) == ["e3", "e2"]
    assert listed(stores, channel="a", most_bytes=room) == ["e4", "e3"]
    assert listed(stores, channel="a", before=ids[0], limit=3, most_bytes=room) == ["e2", "e1"]
    assert listed(stores, most_bytes=10) == ["e4"]
    assert listed(stores, before=ids[0], most_bytes=10) == ["e1"]
    assert (total(stores, most_bytes=room), total(stores, channel="a", most_bytes=room)) == (5, 5)


def test_a_page_counts_what_is_said_beside_the_payload(stores: Stores) -> None:
    for number in range(3):
        append(stores, f"e{number}", number, summary="s" * 40_000)

    assert listed(stores, most_bytes=90_000) == ["e2", "e1"]


def test_a_page_may_be_asked_for_beside_any_id(stores: Stores) -> None:
    append(stores, "e1")
    append(stores, "e2")

    assert listed(stores, after=EventId(MS + 1, 0)) == ["e2", "e1"]
    assert listed(stores, after=EventId(0, 0)) == []
    assert listed(stores, after=EventId(MS, 1)) == ["e1"]
    assert listed(stores, before=EventId(0, 0)) == ["e2", "e1"]
    assert listed(stores, before=EventId(10**15 - 1, 0)) == []


def test_a_channel_is_listed_and_counted_alone(stores: Stores) -> None:
    ids = [append(stores, f"e{number}", number, channel=("", "a", "b")[number % 3]).id for number in range(9)]

    assert listed(stores, channel="a") == ["e7", "e4", "e1"]
    assert listed(stores, channel="") == ["e6", "e3", "e0"]
    assert listed(stores, channel="a", after=ids[7], limit=1) == ["e4"]
    assert listed(stores, channel="a", before=ids[1], limit=1) == ["e4"]
    assert (total(stores, channel="b", limit=1), total(stores, limit=1)) == (3, 9)


def test_the_total_counts_the_newest_only(stores: Stores) -> None:
    for number in range(NEWEST_KEPT + 1):
        append(stores, f"e{number}", number)

    assert total(stores, limit=1) == NEWEST_KEPT
    assert listed(stores, after=EventId(MS + 1000, 0)) == ["e0"]


def test_a_channel_is_looked_for_among_the_newest_only(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    assert CHANNEL_REACH >= NEWEST_KEPT
    for module in ("chalicelib.store.events.events", "tests.event_fakes"):
        monkeypatch.setattr(f"{module}.CHANNEL_REACH", 5)
    append(stores, "far", channel="rare")
    append(stores, "near", 1, channel="rare")
    for number in range(4):
        append(stores, f"e{number}", 2)

    assert (listed(stores, channel="rare"), total(stores, channel="rare")) == (["near"], 1)


def test_deleting_takes_an_inclusive_range_in_slices(stores: Stores) -> None:
    ids = [append(stores, f"e{number}", number, due=1).id for number in range(6)]

    assert stores.events.delete(EMITTER, "", ids[1], ids[4], limit=3) is True
    assert listed(stores) == ["e5", "e4", "e0"]
    assert stores.events.delete(EMITTER, "", ids[1], ids[4], limit=3) is False
    assert listed(stores) == ["e5", "e0"]
    assert [entry.place.id for entry in due_events(stores, 9)] == [ids[0], ids[5]]


def test_deleting_without_bounds_takes_all_of_one_stream(stores: Stores) -> None:
    for number in range(30):
        append(stores, f"e{number}")
    append(stores, "error", channel="$errors")

    assert stores.events.delete(EMITTER, "", None, None, limit=100) is False

    assert (listed(stores), total(stores), listed(stores, "$errors")) == ([], 0, ["error"])


def test_an_empty_range_deletes_nothing(stores: Stores) -> None:
    append(stores)

    assert stores.events.delete(EMITTER, "", EventId(MS, 5), EventId(MS, 1), limit=9) is False
    assert listed(stores) == ["e1"]


def test_an_event_is_due_until_it_is_settled(stores: Stores) -> None:
    first, second = append(stores, "e1", due=2), append(stores, "e2", due=1)
    append(stores, "e3")

    assert due_events(stores, 0.5) == []
    assert due_events(stores, 2) == [DueEvent(second.place, after(1)), DueEvent(first.place, after(2))]
    stores.events.settle(second.place)
    stores.events.settle(second.place)
    assert due_events(stores, 2) == [DueEvent(first.place, after(2))]
    assert stores.events.get(second.place) == second


def test_how_far_telling_an_event_got_is_remembered(stores: Stores) -> None:
    event, other = append(stores, "e1", due=1), append(stores, "e2", due=1)

    stores.events.note_told(event.place, "webhook/wh_1")
    stores.events.note_told(event.place, "webhook/wh_2")

    assert stores.events.get(event.place) == replace(event, told="webhook/wh_2")
    assert stores.events.get(other.place) == other
    assert set(due_events(stores, 1)) == {DueEvent(event.place, after(1)), DueEvent(other.place, after(1))}


def test_noting_how_far_telling_got_brings_no_event_back(stores: Stores) -> None:
    place = append(stores, due=1).place
    stores.events.delete(EMITTER, "", None, None, limit=9)

    stores.events.note_told(place, "webhook/wh_1")

    assert stores.events.get(place) is None
    assert listed(stores) == []


def test_the_earliest_that_are_due_come_first(stores: Stores) -> None:
    for number in range(40):
        append(stores, f"e{number}", due=40 - number)

    for shard in range(8):
        everything = stores.events.due(shard, after(99), 99)
        assert list(everything) == sorted(everything, key=lambda entry: entry.due_at)
        assert stores.events.due(shard, after(99), 2) == everything[:2]


def test_settling_a_deleted_event_does_not_bring_it_back(stores: Stores) -> None:
    place = append(stores, due=1).place
    stores.events.delete(EMITTER, "", None, None, limit=9)

    stores.events.settle(place)

    assert stores.events.get(place) is None
    assert listed(stores) == []


def test_a_due_time_moves_only_from_where_it_was_seen(stores: Stores) -> None:
    place = append(stores, due=1).place

    assert stores.events.rearm(place, after(2), after(9)) is False
    assert stores.events.rearm(place, after(1), after(9)) is True
    assert due_events(stores, 9) == [DueEvent(place, after(9))]
    stores.events.settle(place)
    assert stores.events.rearm(place, after(9), after(10)) is False
    assert stores.events.rearm(EventPlace(EMITTER, "", EventId(1, 1)), after(1), after(9)) is False


def test_an_event_expires(make: Callable[..., Stores]) -> None:
    stores = make(retention_seconds=60)
    old = append(stores, "old")
    new = append(stores, "new", 30)
    stores.clock.advance(60)

    assert stores.events.get(old.place) is None
    assert stores.events.get(new.place) == new
    assert stores.events.page(EMITTER, "", EventQuery(limit=1)) == EventPage((new,), 1)
    assert listed(stores, before=old.id) == ["new"]
    assert listed(stores, channel="") == ["new"]


def test_an_event_stored_under_a_later_id_expires_by_its_time(make: Callable[..., Stores]) -> None:
    stores = make(retention_seconds=60)
    append(stores, "ahead", 30)
    behind = append(stores, "behind")
    stores.clock.advance(60)

    assert stores.events.get(behind.place) is None
    assert (listed(stores), total(stores, limit=1)) == (["ahead"], 1)

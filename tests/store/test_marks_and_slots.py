"""Marks and the slots of concurrency limits, on every backend."""

from __future__ import annotations

import pytest

from chalicelib.domain.listing import Line
from chalicelib.store import slots
from tests.store.backends import Stores
from tests.store.samples import after

NAMES = ["a", "", "a#b/ü ", "x" * 3000, "x" * 3001]


class TestMarks:
    def test_the_first_value_counts(self, stores: Stores) -> None:
        assert stores.marks.get("seen") is None
        assert stores.marks.put("seen", "first", after(60)) == "first"
        assert stores.marks.put("seen", "second", after(900)) == "first"
        assert stores.marks.get("seen") == "first"

    def test_a_mark_holds_until_it_expires(self, stores: Stores) -> None:
        stores.marks.put("seen", "first", after(60.5))

        stores.clock.advance(60.4)
        assert stores.marks.get("seen") == "first"
        assert stores.marks.put("seen", "second", after(900)) == "first"
        stores.clock.advance(0.1)

        assert stores.marks.get("seen") is None
        assert stores.marks.put("seen", "third", after(900)) == "third"
        assert stores.marks.get("seen") == "third"

    def test_names_do_not_mix(self, stores: Stores) -> None:
        for number, name in enumerate(NAMES):
            assert stores.marks.put(name, str(number), after(60)) == str(number)

        assert [stores.marks.get(name) for name in NAMES] == ["0", "1", "2", "3", "4"]

    def test_a_mark_is_no_counter_and_no_limit(self, stores: Stores) -> None:
        stores.marks.put("a", "x", after(60))

        assert stores.counters.add("a", 1, after(60)) == 1
        assert stores.slots.take("a", "exec_1", 1) is None
        assert stores.marks.get("a") == "x"


class TestSlots:
    def test_there_are_as_many_as_the_limit_says(self, stores: Stores) -> None:
        for holder in ("exec_c", "exec_a", "exec_b"):
            assert stores.slots.take("wf", holder, 3) is None
            stores.clock.advance(1)

        assert stores.slots.take("wf", "exec_d", 3) == ("exec_c", "exec_a", "exec_b")
        assert stores.slots.take("wf", "exec_d", 4) is None

    def test_who_holds_one_keeps_it_and_its_age(self, stores: Stores) -> None:
        stores.slots.take("wf", "exec_a", 2)
        stores.clock.advance(1)
        stores.slots.take("wf", "exec_b", 2)
        stores.clock.advance(1)

        for limit in (2, 1, 0):
            assert stores.slots.take("wf", "exec_a", limit) is None

        assert stores.slots.take("wf", "exec_c", 2) == ("exec_a", "exec_b")

    def test_holders_of_the_same_age_are_named_in_the_order_of_their_ids(self, stores: Stores) -> None:
        for holder in ("exec_b", "exec_c", "exec_a"):
            stores.slots.take("wf", holder, 3)

        assert stores.slots.take("wf", "exec_d", 3) == ("exec_a", "exec_b", "exec_c")

    def test_one_that_is_given_back_is_free(self, stores: Stores) -> None:
        stores.slots.take("wf", "exec_a", 1)

        assert stores.slots.give_back("wf", "exec_a") is None

        assert stores.slots.take("wf", "exec_b", 1) is None
        assert stores.slots.give_back("wf", "exec_a") is None
        assert stores.slots.take("wf", "exec_c", 1) == ("exec_b",)

    def test_a_limit_of_none_lets_nobody_in(self, stores: Stores) -> None:
        assert stores.slots.take("wf", "exec_a", 0) == ()
        assert stores.slots.take("wf", "exec_a", 1) is None

    def test_who_waited_longest_is_named_when_one_is_given_back(self, stores: Stores) -> None:
        stores.slots.take("wf", "exec_a", 1)
        for holder in ("exec_c", "exec_b", "exec_c"):
            stores.slots.wait("wf", holder)
            stores.clock.advance(1)

        assert stores.slots.give_back("wf", "exec_a") == "exec_c"
        assert stores.slots.take("wf", "exec_c", 1) is None
        assert stores.slots.give_back("wf", "exec_c") == "exec_b"

    def test_the_line_names_who_holds_and_who_waits_longest_first(self, stores: Stores) -> None:
        before = stores.slots.line("wf")
        stores.slots.take("wf", "exec_z", 2)
        stores.clock.advance(1)
        stores.slots.take("wf", "exec_a", 2)
        for holder, since in (
            ("exec_c", after(30)),
            ("exec_b", after(10)),
            ("exec_d", after(10)),
            ("exec_c", after(5)),
        ):
            stores.slots.wait("wf", holder, since)

        assert before == Line()
        assert stores.slots.line("wf") == Line(("exec_z", "exec_a"), ("exec_b", "exec_d", "exec_c"))

    def test_one_that_is_named_in_turn_keeps_its_place(self, stores: Stores) -> None:
        stores.slots.take("wf", "exec_a", 1)
        for holder in ("exec_b", "exec_c"):
            stores.slots.wait("wf", holder)
            stores.clock.advance(1)

        assert stores.slots.give_back("wf", "exec_a", in_turn=True) == "exec_b"
        assert stores.slots.line("wf") == Line((), ("exec_b", "exec_c"))
        assert stores.slots.give_back("wf", "exec_b", in_turn=True) == "exec_c"
        assert stores.slots.give_back("wf", "exec_c", in_turn=True) is None

    def test_who_gives_up_waits_no_more(self, stores: Stores) -> None:
        stores.slots.wait("wf", "exec_a")
        stores.slots.wait("wf", "exec_b")

        assert stores.slots.give_back("wf", "exec_a") == "exec_b"
        assert stores.slots.give_back("wf", "exec_b") is None

    def test_nothing_can_be_given_back_where_nobody_took(self, stores: Stores) -> None:
        assert stores.slots.give_back("wf", "exec_a") is None

    def test_limits_do_not_mix(self, stores: Stores) -> None:
        for name in NAMES:
            assert stores.slots.take(name, f"exec_{len(name)}", 1) is None

        for name in NAMES:
            assert stores.slots.take(name, "another", 1) == (f"exec_{len(name)}",)

    @pytest.mark.parametrize("holder", ["a.b", "a[0]", "ü #", "x" * 300])
    def test_a_holder_may_have_any_name(self, stores: Stores, holder: str) -> None:
        stores.slots.wait("wf", holder)
        assert stores.slots.take("wf", holder, 1) is None
        assert stores.slots.take("wf", "exec_b", 1) == (holder,)
        stores.slots.give_back("wf", holder)
        assert stores.slots.take("wf", "exec_b", 1) is None

    def test_of_very_many_that_wait_some_are_not_noted(self, on_aws: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(slots, "MAX_WAITING", 2)
        for holder in ("exec_a", "exec_b", "exec_c"):
            on_aws.slots.wait("wf", holder)
            on_aws.clock.advance(1)

        named = [on_aws.slots.give_back("wf", holder) for holder in ("exec_x", "exec_a", "exec_b")]
        assert named == ["exec_a", "exec_b", None]

    def test_a_limit_counts_as_no_more_than_an_item_can_name(
        self, on_aws: Stores, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(slots, "MAX_HOLDERS", 2)
        on_aws.slots.take("wf", "exec_a", 99)
        on_aws.slots.take("wf", "exec_b", 99)

        assert on_aws.slots.take("wf", "exec_c", 99) == ("exec_a", "exec_b")

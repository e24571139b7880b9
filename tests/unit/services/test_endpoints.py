"""Endpoints and their deliveries where calls meet: races, lost hints, and chores that are done twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.deliveries import (
    Attempt,
    Delivery,
    DeliveryFilter,
    DeliveryPage,
    DeliveryPlace,
    DeliveryStatus,
)
from chalicelib.domain.endpoints import Endpoint, EndpointStatus
from chalicelib.domain.errors import (
    AlreadyExistsError,
    ConflictError,
    EndpointNotFoundError,
    ForbiddenError,
    InvalidError,
    OutboundRefusedError,
    StaleWriteError,
    UnavailableError,
)
from chalicelib.domain.identity import Principal
from chalicelib.services.access import Scope
from chalicelib.services.events.deliveries import AT_ONCE, FORGET, PASSED_OVER, RECOVER, RELEASE, Deliveries
from chalicelib.services.events.endpoints import Endpoints, Settings
from chalicelib.services.runs.chores import Arguments
from tests import event_fakes
from tests.fakes import FixedClock, MemoryMarkStore, SeededEntropy

CALLER = Principal("user_1", "ws_1", "key_1", frozenset({"*"}))
OTHER = replace(CALLER, workspace_id="ws_2")


class RacingStore(event_fakes.MemoryEndpointStore):
    """Lets others write just before a `replace`."""

    def __init__(self) -> None:
        super().__init__()
        self.before_replace: list[Callable[[], object]] = []
        self.taken_ids = 0

    def create(self, endpoint: Endpoint) -> None:
        if self.taken_ids:
            self.taken_ids -= 1
            raise AlreadyExistsError
        super().create(endpoint)

    def replace(self, endpoint: Endpoint) -> None:
        if self.before_replace:
            self.before_replace.pop(0)()
        super().replace(endpoint)


class LaggingStore(event_fakes.MemoryDeliveryStore):
    """Lists nothing while `lags`."""

    lags = False

    def page(
        self, workspace_id: str, endpoint_id: str, where: DeliveryFilter, *, after: str | None, limit: int
    ) -> DeliveryPage:
        if self.lags:
            return DeliveryPage((), None)
        return super().page(workspace_id, endpoint_id, where, after=after, limit=limit)


class LossyQueue(event_fakes.MemoryDeliveryQueue):
    broken = False

    def send_deliveries(self, places: tuple[DeliveryPlace, ...], delay_seconds: int = 0) -> None:
        if self.broken:
            raise UnavailableError
        super().send_deliveries(places, delay_seconds)


class House:
    def __init__(self) -> None:
        self.clock = FixedClock()
        entropy = SeededEntropy()
        self.store = RacingStore()
        self.subscription_store = event_fakes.MemorySubscriptionStore()
        self.delivery_store = LaggingStore(self.clock)
        self.queue = LossyQueue(self.clock)
        self.started: list[tuple[str, str, Arguments]] = []
        self.refused: set[str] = set()
        self.deliveries = Deliveries(self.delivery_store, self.store, self.queue, lambda: self, self.clock, entropy)
        self.endpoints = Endpoints(
            self.store,
            self.subscription_store,
            self.deliveries,
            MemoryMarkStore(self.clock),
            self.clock,
            entropy,
            self.check_url,
        )
        self.endpoint = self.endpoints.create(CALLER, Settings(url="https://a.example"))

    def start(self, workspace_id: str, kind: str, arguments: Arguments) -> str:
        """As chores do."""
        self.started.append((workspace_id, kind, arguments))
        return f"exec_{len(self.started)}"

    def check_url(self, url: str) -> None:
        if url in self.refused:
            raise OutboundRefusedError("not this one")

    def make(self, count: int, status: DeliveryStatus) -> list[Delivery]:
        made = []
        for _ in range(count):
            delivery = self.deliveries.test(self.endpoint, "t", {"n": 1})
            now = self.clock.now()
            claimed = self.delivery_store.claim(delivery.place, now=now, lease_expires_at=now + timedelta(seconds=9))
            assert claimed is not None
            self.delivery_store.put_off(
                delivery.place, claimed.fence, status=status, next_attempt_at=None, due_at=None, reason="x"
            )
            made.append(delivery)
        self.queue.hints.clear()
        return made

    def let_die_at_once(self) -> None:
        now = self.clock.now()
        for delivery in list(self.delivery_store._deliveries.values()):
            if delivery.status is DeliveryStatus.PENDING:
                place = delivery.place
                claimed = self.delivery_store.claim(place, now=now, lease_expires_at=now + timedelta(seconds=9))
                assert claimed is not None
                self.delivery_store.put_off(
                    place, claimed.fence, status=DeliveryStatus.DEAD, next_attempt_at=None, due_at=None, reason="x"
                )

    def count(self, status: DeliveryStatus) -> int:
        return sum(each.status is status for each in self.delivery_store._deliveries.values())

    def do_chores(self) -> None:
        for workspace_id, kind, arguments in self.started:
            for _ in range(100):
                try:
                    if not self.deliveries.slices[kind](workspace_id, arguments):
                        break
                except UnavailableError:
                    self.clock.advance(5)
            else:
                raise AssertionError("it does not end")


@pytest.fixture
def house() -> House:
    return House()


class TestEndpoints:
    def test_a_secret_that_two_ask_for_at_the_same_time_is_shown_to_one(self, house: House) -> None:
        house.store.before_replace.append(lambda: house.endpoints.read_secret(house.endpoint))

        with pytest.raises(ConflictError):
            house.endpoints.read_secret(house.endpoint)

        assert house.clock.slept_seconds > 0

    def test_changes_at_the_same_time_both_count(self, house: House) -> None:
        house.store.before_replace.append(lambda: house.endpoints.update(house.endpoint, Settings(name="first")))

        house.endpoints.update(house.endpoint, Settings(description="second"))

        kept = house.endpoints.get(CALLER, house.endpoint.id)
        assert (kept.name, kept.description) == ("first", "second")

    def test_rotations_at_the_same_time_both_sign(self, house: House) -> None:
        house.store.before_replace.append(lambda: house.endpoints.rotate_secret(house.endpoint))

        rotated = house.endpoints.rotate_secret(house.endpoint)

        secrets = house.endpoints.get(CALLER, house.endpoint.id).secrets
        assert secrets[0].value == rotated.secret
        assert len({secret.value for secret in secrets}) == 3

    def test_a_change_of_what_was_deleted_meanwhile_is_refused(self, house: House) -> None:
        house.store.before_replace.append(lambda: house.endpoints.delete(house.endpoint))

        with pytest.raises(EndpointNotFoundError):
            house.endpoints.pause(house.endpoint)

    def test_endless_contention_is_reported(self, house: House) -> None:
        names = iter(range(100))
        house.store.before_replace = [
            lambda: event_fakes.MemoryEndpointStore.replace(
                house.store, bumped(house.endpoints.get(CALLER, house.endpoint.id), str(next(names)))
            )
        ] * 50

        with pytest.raises(StaleWriteError):
            house.endpoints.update(house.endpoint, Settings(name="mine"))

    def test_an_id_that_is_taken_is_not_used(self, house: House) -> None:
        house.store.taken_ids = 3

        made = house.endpoints.create(CALLER, Settings(url="https://b.example"))

        assert house.endpoints.get(CALLER, made.id) == made

    def test_settings_that_change_nothing_write_nothing(self, house: House) -> None:
        house.clock.advance(60)

        same = house.endpoints.update(house.endpoint, Settings(url="https://a.example"))

        assert same == house.endpoints.get(CALLER, house.endpoint.id) == house.endpoint

    def test_a_url_that_may_not_be_called_is_refused_in_words(self, house: House) -> None:
        house.refused.add("https://b.example")

        with pytest.raises(InvalidError, match="url is not accepted: not this one"):
            house.endpoints.create(CALLER, Settings(url="https://b.example"))
        with pytest.raises(InvalidError, match="url is required"):
            house.endpoints.create(CALLER, Settings())

    def test_scope_and_workspace_come_first(self, house: House) -> None:
        reader = replace(CALLER, scopes=frozenset({"webhooks:read"}))

        with pytest.raises(ForbiddenError):
            house.endpoints.get(reader, house.endpoint.id, Scope.WRITE_HOOKS)
        with pytest.raises(ForbiddenError):
            house.endpoints.create(reader, Settings(url="https://b.example"))
        for id_ in (house.endpoint.id, "wh_nobody", "a b", ""):
            with pytest.raises(EndpointNotFoundError):
                house.endpoints.get(OTHER, id_)

    def test_where_it_stood_is_known_for_a_day(self, house: House) -> None:
        house.endpoints.delete(house.endpoint)

        assert house.endpoints.was_created_at(CALLER, house.endpoint.id) == house.endpoint.created_at
        assert house.endpoints.was_created_at(OTHER, house.endpoint.id) is None
        house.clock.advance(86_401)
        assert house.endpoints.was_created_at(CALLER, house.endpoint.id) is None

    @pytest.mark.parametrize("count", [2, 250])
    def test_what_was_held_is_released_though_the_caller_dies_right_after_resuming(
        self, house: House, count: int
    ) -> None:
        house.make(count, DeliveryStatus.HELD)
        paused = house.endpoints.pause(house.endpoint)

        def dying(*_: object, **__: object) -> DeliveryPage:
            raise UnavailableError

        page, house.delivery_store.page = house.delivery_store.page, dying  # type: ignore[method-assign]
        with pytest.raises(UnavailableError):
            house.endpoints.resume(paused)
        house.delivery_store.page = page  # type: ignore[method-assign]
        assert house.endpoints.get(CALLER, paused.id).status is EndpointStatus.ACTIVE
        house.do_chores()

        assert house.count(DeliveryStatus.PENDING) == count

    def test_what_is_to_resume_is_waited_for_before_anything_is_released(self, house: House) -> None:
        house.make(2, DeliveryStatus.HELD)
        paused = house.endpoints.pause(house.endpoint)
        house.deliveries.releasing(paused)
        ((workspace_id, kind, arguments),) = house.started

        with pytest.raises(UnavailableError):
            house.deliveries.slices[kind](workspace_id, arguments)

        house.clock.advance(60)
        assert house.deliveries.slices[kind](workspace_id, arguments) is False
        assert house.count(DeliveryStatus.HELD) == 2

    def test_whoever_cannot_see_to_the_release_does_not_resume(self, house: House) -> None:
        paused = house.endpoints.pause(house.endpoint)

        def unable(*_: object) -> str:
            raise UnavailableError

        house.start = unable  # type: ignore[method-assign,assignment]
        with pytest.raises(UnavailableError):
            house.endpoints.resume(paused)

        assert house.endpoints.get(CALLER, paused.id).status is EndpointStatus.PAUSED

    def test_another_url_has_not_failed_yet(self, house: House) -> None:
        house.store.note_failure("ws_1", house.endpoint.id, house.clock.now())
        endpoint = house.endpoints.get(CALLER, house.endpoint.id)

        renamed = house.endpoints.update(endpoint, Settings(name="b"))
        assert house.endpoints.get(CALLER, endpoint.id).failing_since is not None
        same = house.endpoints.update(renamed, Settings(url=endpoint.url))
        assert house.endpoints.get(CALLER, endpoint.id).failing_since is not None
        moved = house.endpoints.update(same, Settings(url="https://b.example"))

        assert moved.failing_since is None
        assert house.endpoints.get(CALLER, endpoint.id).failing_since is None

    def test_resuming_again_releases_what_was_held_meanwhile(self, house: House) -> None:
        house.endpoints.pause(house.endpoint)
        house.endpoints.resume(house.endpoints.get(CALLER, house.endpoint.id))
        house.make(2, DeliveryStatus.HELD)

        _, released = house.endpoints.resume(house.endpoints.get(CALLER, house.endpoint.id))

        assert released.recovered == 2


def bumped(endpoint: Endpoint, name: str) -> Endpoint:
    return replace(endpoint, name=name, revision=endpoint.revision + 1)


class TestDeliveries:
    def test_a_lost_hint_loses_nothing(self, house: House) -> None:
        house.queue.broken = True

        sent = house.deliveries.test(house.endpoint, "t", None)

        assert sent.due_at is not None
        assert house.deliveries.get(house.endpoint, sent.id).delivery.status is DeliveryStatus.PENDING

    def test_one_that_is_being_attempted_stays_as_it_is(self, house: House) -> None:
        delivery = house.deliveries.test(house.endpoint, "t", None)
        now = house.clock.now()
        lease = now + timedelta(seconds=30)
        claimed = house.delivery_store.claim(delivery.place, now=now, lease_expires_at=lease)
        assert claimed is not None

        again = house.deliveries.redeliver(house.endpoint, delivery.id)

        assert again.fence == claimed.fence
        house.delivery_store.attempted(
            delivery.place, claimed.fence, Attempt(1, now, 5, 200), status=DeliveryStatus.SUCCEEDED,
            next_attempt_at=None, due_at=None,
        )  # fmt: skip

    def test_one_whose_worker_died_is_attempted_anew(self, house: House) -> None:
        delivery = house.deliveries.test(house.endpoint, "t", None)
        now = house.clock.now()
        house.delivery_store.claim(delivery.place, now=now, lease_expires_at=now + timedelta(seconds=30))
        house.clock.advance(31)

        again = house.deliveries.redeliver(house.endpoint, delivery.id)

        assert (again.status, again.next_attempt_at) == (DeliveryStatus.PENDING, house.clock.now())

    def test_as_many_as_one_call_takes_need_no_chore(self, house: House) -> None:
        house.make(AT_ONCE, DeliveryStatus.DEAD)

        recovery = house.deliveries.recover(house.endpoint, house.endpoint.created_at)

        assert (recovery.recovered, recovery.run_id) == (AT_ONCE, None)
        assert len(house.queue.hints) == 1

    @pytest.mark.parametrize(
        ("kind", "status", "count"),
        [(RELEASE, DeliveryStatus.HELD, 250), (RECOVER, DeliveryStatus.DEAD, 250), (RECOVER, DeliveryStatus.DEAD, 200)],
    )
    def test_more_are_a_chore_that_may_be_done_twice(
        self, house: House, kind: str, status: DeliveryStatus, count: int
    ) -> None:
        house.make(count, status)

        if kind == RELEASE:
            recovery = house.deliveries.release(house.endpoint, house.deliveries.releasing(house.endpoint))
        else:
            recovery = house.deliveries.recover(house.endpoint, house.endpoint.created_at)

        assert (recovery.recovered, recovery.run_id) == (0, "exec_1")
        assert house.count(DeliveryStatus.PENDING) == 0
        house.do_chores()
        house.do_chores()
        assert house.count(DeliveryStatus.PENDING) == count

    def test_what_is_listed_late_is_released_later(self, house: House) -> None:
        house.make(2, DeliveryStatus.HELD)
        house.delivery_store.lags = True

        released = house.deliveries.release(house.endpoint, house.deliveries.releasing(house.endpoint))
        house.delivery_store.lags = False
        house.do_chores()

        assert released.recovered == 0
        assert house.count(DeliveryStatus.PENDING) == 2

    def test_what_dies_at_once_whenever_it_is_recovered_is_recovered_once(self, house: House) -> None:
        made = house.make(250, DeliveryStatus.DEAD)
        house.deliveries.recover(house.endpoint, house.endpoint.created_at)
        ((workspace_id, kind, arguments),) = house.started

        slices = 0
        while house.deliveries.slices[kind](workspace_id, arguments):
            house.clock.advance(1)
            house.let_die_at_once()
            slices += 1
            assert slices < 10, "it does not end"

        assert slices == 2
        assert house.count(DeliveryStatus.PENDING) == len(made) - 2 * AT_ONCE
        house.clock.advance(1)
        house.let_die_at_once()
        assert house.deliveries.slices[kind](workspace_id, arguments) is False
        assert house.count(DeliveryStatus.DEAD) == len(made)

    @pytest.mark.parametrize("newer", [AT_ONCE, (PASSED_OVER + 1) * AT_ONCE])
    def test_what_died_since_does_not_hide_older_dead_letters(self, house: House, newer: int) -> None:
        house.make(150, DeliveryStatus.DEAD)
        house.clock.advance(1)
        pending = [house.deliveries.test(house.endpoint, "t", None) for _ in range(newer)]
        until = house.clock.now()
        recovery = house.deliveries.recover(house.endpoint, house.endpoint.created_at, until)
        house.clock.advance(1)
        house.let_die_at_once()

        house.do_chores()
        house.do_chores()

        assert recovery.run_id == "exec_1"
        assert house.count(DeliveryStatus.PENDING) == 150
        assert house.count(DeliveryStatus.DEAD) == len(pending)

    def test_a_slice_lists_a_bounded_number_of_pages(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        house.make(150, DeliveryStatus.DEAD)
        house.clock.advance(1)
        for _ in range((PASSED_OVER + 1) * AT_ONCE):
            house.deliveries.test(house.endpoint, "t", None)
        house.deliveries.recover(house.endpoint, house.endpoint.created_at, house.clock.now())
        house.clock.advance(1)
        house.let_die_at_once()
        ((workspace_id, kind, arguments),) = house.started
        listed: list[str | None] = []
        page = house.delivery_store.page

        def counting(*args: Any, after: str | None, limit: int) -> DeliveryPage:
            listed.append(after)
            return page(*args, after=after, limit=limit)

        monkeypatch.setattr(house.delivery_store, "page", counting)

        assert house.deliveries.slices[kind](workspace_id, arguments) is False
        assert len(listed) == PASSED_OVER
        assert [each[1] for each in house.started] == [RECOVER, RECOVER]

    def test_a_chore_keeps_to_the_time_it_was_given(self, house: House) -> None:
        house.make(150, DeliveryStatus.DEAD)
        house.clock.advance(1)
        house.make(150, DeliveryStatus.DEAD)
        house.clock.advance(1)
        since = house.clock.now() - timedelta(seconds=1)

        house.deliveries.recover(house.endpoint, since)
        house.clock.advance(1)
        house.make(5, DeliveryStatus.DEAD)
        house.do_chores()

        assert house.count(DeliveryStatus.DEAD) == 155

    @pytest.mark.parametrize(
        ("kind", "state", "status"),
        [
            (RELEASE, EndpointStatus.PAUSED, DeliveryStatus.HELD),
            (RELEASE, EndpointStatus.DISABLED, DeliveryStatus.HELD),
            (RECOVER, EndpointStatus.DISABLED, DeliveryStatus.DEAD),
        ],
    )
    def test_a_chore_ends_where_the_endpoint_takes_nothing(
        self, house: House, kind: str, state: EndpointStatus, status: DeliveryStatus
    ) -> None:
        house.make(150, status)
        house.started.append(("ws_1", kind, {"endpoint_id": house.endpoint.id}))
        if state is EndpointStatus.PAUSED:
            house.endpoints.pause(house.endpoint)
        else:
            house.store.disable("ws_1", house.endpoint.id, "gone", house.clock.now())

        house.do_chores()

        assert house.count(status) == 150

    @pytest.mark.parametrize("count", [1, 250])
    def test_what_was_held_goes_with_its_endpoint_though_the_deleter_dies(self, house: House, count: int) -> None:
        house.make(count, DeliveryStatus.HELD)
        delete_of = house.delivery_store.delete_of

        def dying(*_: object) -> bool:
            raise UnavailableError

        house.delivery_store.delete_of = dying  # type: ignore[method-assign,assignment]
        with pytest.raises(UnavailableError):
            house.endpoints.delete(house.endpoint)
        house.delivery_store.delete_of = delete_of  # type: ignore[method-assign]
        house.do_chores()

        assert house.delivery_store._deliveries == {}

    def test_a_deletion_that_never_came_takes_no_deliveries(self, house: House) -> None:
        house.make(3, DeliveryStatus.HELD)
        house.deliveries.forgetting(house.endpoint)
        ((workspace_id, kind, arguments),) = house.started

        with pytest.raises(UnavailableError):
            house.deliveries.slices[kind](workspace_id, arguments)
        house.clock.advance(120)

        assert house.deliveries.slices[kind](workspace_id, arguments) is False
        assert house.count(DeliveryStatus.HELD) == 3

    def test_an_endpoint_without_deliveries_is_deleted_without_a_chore(self, house: House) -> None:
        house.endpoints.delete(house.endpoint)

        assert house.started == []

    def test_a_chore_for_what_was_deleted_ends(self, house: House) -> None:
        house.make(150, DeliveryStatus.HELD)
        house.started.append(("ws_1", RELEASE, {"endpoint_id": house.endpoint.id}))
        house.endpoints.delete(house.endpoint)

        house.do_chores()

        assert [kind for _, kind, _ in house.started] == [RELEASE, FORGET]
        assert house.delivery_store._deliveries == {}

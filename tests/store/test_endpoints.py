"""Webhook endpoints: what callers change by revision, and what deliveries note on them meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain.deliveries import Origin
from chalicelib.domain.endpoints import Disabling, Endpoint, EndpointStatus, EndpointStyle, Secret
from chalicelib.domain.errors import AlreadyExistsError, EndpointNotFoundError, StaleWriteError
from chalicelib.domain.events import EmitterKind
from tests.store.backends import Stores
from tests.store.event_samples import endpoint
from tests.store.samples import after

NEWS = Disabling(
    at=after(7),
    reason="gone",
    url="https://shop.example/in",
    since=after(3),
    origin=Origin(EmitterKind.SOURCE, "dc_1", "orders", "1-0", "emit_1", 2),
    created_at=after(1),
    last_status=None,
    last_error="The name has no address.",
)
FULL = endpoint(
    name="Bücher",
    description="",
    status=EndpointStatus.PAUSED,
    status_reason="why not",
    updated_at=after(5),
    secrets=(Secret("whsec_new"), Secret("whsec_old", after(86_400))),
    secret_was_read=True,
    event_types=frozenset({"a", "b"}),
    rate_limit=7,
    headers={"x-shop": "Ü"},
    style=EndpointStyle.PINDOWN,
    failing_since=after(3),
    failed_at=after(4),
    untold=NEWS,
    revision=4,
)


def stored(stores: Stores) -> Endpoint:
    return stores.endpoints.get("ws_a", "wh_1")


@pytest.mark.parametrize("wanted", [endpoint(), FULL], ids=["plain", "full"])
def test_an_endpoint_is_read_as_it_was_created(stores: Stores, wanted: Endpoint) -> None:
    stores.endpoints.create(wanted)

    assert stored(stores) == wanted
    assert stores.endpoints.list("ws_a") == (wanted,)


def test_an_id_is_taken_once(stores: Stores) -> None:
    stores.endpoints.create(endpoint())

    with pytest.raises(AlreadyExistsError):
        stores.endpoints.create(endpoint(url="https://b.example"))
    assert stored(stores) == endpoint()


def test_an_endpoint_is_its_workspaces_own(stores: Stores) -> None:
    stores.endpoints.create(endpoint())

    with pytest.raises(EndpointNotFoundError):
        stores.endpoints.get("ws_b", "wh_1")
    stores.endpoints.delete("ws_b", "wh_1")
    assert (stores.endpoints.list("ws_b"), stored(stores)) == ((), endpoint())


def test_several_are_found_at_once_those_that_there_are(stores: Stores) -> None:
    for id_ in ("wh_1", "wh_2", "wh_3"):
        stores.endpoints.create(endpoint(id=id_))
    stores.endpoints.create(endpoint(id="wh_4", workspace_id="ws_b"))

    found = stores.endpoints.find("ws_a", ["wh_3", "wh_1", "wh_3", "wh_4", "wh_9"])

    assert found == {"wh_1": endpoint(), "wh_3": endpoint(id="wh_3")}
    assert stores.endpoints.find("ws_a", []) == {}


def test_lists_are_newest_first(stores: Stores) -> None:
    for id_, seconds in (("wh_b", 1), ("wh_a", 1), ("wh_c", 0), ("wh_d", 2)):
        stores.endpoints.create(endpoint(id=id_, created_at=after(seconds)))

    assert [each.id for each in stores.endpoints.list("ws_a")] == ["wh_d", "wh_b", "wh_a", "wh_c"]


def test_callers_change_what_is_theirs(stores: Stores) -> None:
    stores.endpoints.create(endpoint())

    stores.endpoints.replace(replace(FULL, revision=2))

    noted = {"failing_since": None, "failed_at": None, "untold": None}
    assert stored(stores) == replace(FULL, revision=2, style=EndpointStyle.PIPEDREAM, **noted)  # type: ignore[arg-type]
    stores.endpoints.replace(endpoint(revision=3, updated_at=after(9)))
    assert stored(stores) == endpoint(revision=3, updated_at=after(9))


@pytest.mark.parametrize("revision", [1, 3])
def test_a_change_of_another_revision_is_stale(stores: Stores, revision: int) -> None:
    stores.endpoints.create(endpoint())

    with pytest.raises(StaleWriteError):
        stores.endpoints.replace(endpoint(url="https://b.example", revision=revision))
    assert stored(stores) == endpoint()


def test_a_deleted_endpoint_stays_deleted(stores: Stores) -> None:
    stores.endpoints.create(endpoint())
    stores.endpoints.delete("ws_a", "wh_1")
    stores.endpoints.delete("ws_a", "wh_1")

    with pytest.raises(EndpointNotFoundError):
        stores.endpoints.replace(endpoint(revision=2))
    assert stores.endpoints.note_failure("ws_a", "wh_1", after(7)) == after(7)
    stores.endpoints.note_success("ws_a", "wh_1")
    assert stores.endpoints.disable("ws_a", "wh_1", "gone", after(7)) is False
    assert stores.endpoints.list("ws_a") == ()


def test_the_first_failure_after_a_success_counts(stores: Stores) -> None:
    stores.endpoints.create(endpoint())

    assert stores.endpoints.note_failure("ws_a", "wh_1", after(5)) == after(5)
    assert stores.endpoints.note_failure("ws_a", "wh_1", after(9)) == after(5)
    assert stored(stores) == endpoint(failing_since=after(5), failed_at=after(9))
    stores.endpoints.note_success("ws_a", "wh_1")
    assert stored(stores) == endpoint()
    assert stores.endpoints.note_failure("ws_a", "wh_1", after(9)) == after(9)


def test_a_change_leaves_what_deliveries_noted(stores: Stores) -> None:
    stores.endpoints.create(endpoint())
    stores.endpoints.note_failure("ws_a", "wh_1", after(5))

    stores.endpoints.replace(endpoint(revision=2, name="Shop"))

    assert stored(stores) == endpoint(revision=2, name="Shop", failing_since=after(5), failed_at=after(5))


@pytest.mark.parametrize("status", [EndpointStatus.ACTIVE, EndpointStatus.PAUSED])
def test_disabling_happens_once_and_says_why(stores: Stores, status: EndpointStatus) -> None:
    stores.endpoints.create(endpoint(status=status))

    assert stores.endpoints.disable("ws_a", "wh_1", "gone", after(7)) is True
    assert stores.endpoints.disable("ws_a", "wh_1", "failing", after(8)) is False

    disabled = endpoint(status=EndpointStatus.DISABLED, status_reason="gone", updated_at=after(7), revision=2)
    assert stored(stores) == disabled


def test_news_of_a_disabling_stays_until_it_was_told(stores: Stores) -> None:
    stores.endpoints.create(endpoint())
    stores.endpoints.disable("ws_a", "wh_1", "gone", after(7), NEWS)

    stores.endpoints.replace(endpoint(revision=3))
    stores.endpoints.note_told("ws_a", "wh_1", replace(NEWS, at=after(6)))
    assert stored(stores) == endpoint(revision=3, untold=NEWS)

    stores.endpoints.note_told("ws_a", "wh_1", NEWS)
    stores.endpoints.note_told("ws_a", "wh_1", NEWS)
    assert stored(stores) == endpoint(revision=3)


def test_news_of_a_deleted_endpoint_does_not_bring_it_back(stores: Stores) -> None:
    stores.endpoints.note_told("ws_a", "wh_1", NEWS)

    assert stores.endpoints.list("ws_a") == ()


def test_a_change_that_has_not_seen_the_disabling_is_stale(stores: Stores) -> None:
    stores.endpoints.create(endpoint())
    stores.endpoints.disable("ws_a", "wh_1", "gone", after(7))

    with pytest.raises(StaleWriteError):
        stores.endpoints.replace(endpoint(revision=2))
    stores.endpoints.replace(endpoint(revision=3))
    assert stored(stores) == endpoint(revision=3)

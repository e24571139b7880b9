"""Pins, their data and what belongs to them, on every backend."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import (
    AlreadyExistsError,
    BlockNotFoundError,
    DatasetNotFoundError,
    PinboardNotFoundError,
    PinNotFoundError,
    StaleWriteError,
    TooLargeError,
)
from chalicelib.domain.graph import Graph, PinMirror
from chalicelib.domain.listing import DUE_SHARDS
from chalicelib.domain.pins import (
    Block,
    BlockType,
    Dataset,
    DatasetKind,
    DatasetType,
    DataType,
    DuePin,
    Head,
    Pin,
    Pinboard,
    PinEvent,
    PinWebhook,
    Push,
)
from chalicelib.local.resources import Resources
from chalicelib.services.pins.limits import PinLimits
from chalicelib.services.pins.ports import (
    MomentStore,
    PinboardStore,
    PinDataStore,
    PinPartStore,
    PinStore,
    PinWebhookStore,
)
from chalicelib.store import graphs
from chalicelib.store.aws import AwsClients
from chalicelib.store.blobs import Blobs
from chalicelib.store.counters import DynamoCounterStore, counters_table
from chalicelib.store.moments import DynamoMomentStore
from chalicelib.store.pins.boards import DynamoPinboardStore
from chalicelib.store.pins.data import DynamoPinDataStore
from chalicelib.store.pins.items import pins_table
from chalicelib.store.pins.parts import DynamoPinPartStore
from chalicelib.store.pins.pins import DynamoPinStore
from chalicelib.store.pins.values import PinValues
from chalicelib.store.pins.webhooks import DynamoPinWebhookStore
from tests.fakes import START, FixedClock
from tests.pin_fakes import (
    MemoryMomentStore,
    MemoryPinboardStore,
    MemoryPinDataStore,
    MemoryPinPartStore,
    MemoryPinStore,
    MemoryPinWebhookStore,
)

DAY = 86_400
LARGE = "ü" * 20_000


@dataclass
class PinStores:
    pins: PinStore
    boards: PinboardStore
    data: PinDataStore
    parts: PinPartStore
    webhooks: PinWebhookStore
    moments: MomentStore


def memory() -> PinStores:
    data, parts, webhooks = MemoryPinDataStore(DAY), MemoryPinPartStore(), MemoryPinWebhookStore()
    pins = MemoryPinStore(data, parts, webhooks)
    return PinStores(pins, MemoryPinboardStore(), data, parts, webhooks, MemoryMomentStore())


def on_dynamo(aws: AwsClients, resources: Resources) -> PinStores:
    table = pins_table(aws.dynamodb, resources.tables.pins)
    values = PinValues(Blobs(aws, resources.bucket))
    return PinStores(
        DynamoPinStore(table, values),
        DynamoPinboardStore(table),
        DynamoPinDataStore(table, values, DAY),
        DynamoPinPartStore(table, values),
        DynamoPinWebhookStore(table),
        DynamoMomentStore(counters_table(aws.dynamodb, resources.tables.counters)),
    )


@pytest.fixture
def on_aws(aws: AwsClients, resources: Resources) -> PinStores:
    return on_dynamo(aws, resources)


@pytest.fixture(params=["memory", "aws"])
def stores(request: pytest.FixtureRequest) -> PinStores:
    return memory() if request.param == "memory" else request.getfixturevalue("on_aws")


def after(seconds: float) -> Any:
    return START + timedelta(seconds=seconds)


def pin(pin_id: str = "p-1", **members: Any) -> Pin:
    fields = {
        "workspace_id": "ws#1",
        "user_id": "user%1",
        "data_type": DataType.MARKDOWN,
        "title": "Lagerstand",
        "description": "",
        "tags": ("a", "ü"),
        "is_public": False,
        "created_at": START,
        **members,
    }
    return Pin(id=pin_id, **fields)


def board(board_id: str = "pb-1", **members: Any) -> Pinboard:
    fields = {
        "workspace_id": "ws#1",
        "user_id": "user%1",
        "name": "Logistik",
        "description": "",
        "pins": ("p-1",),
        "is_public": False,
        "tags": (),
        "created_at": START,
        **members,
    }
    return Pinboard(id=board_id, **fields)


def webhook(webhook_id: str = "wh_1", **members: Any) -> PinWebhook:
    fields = {"workspace_id": "ws", "user_id": "u", "pin_id": "p-1", "workflow_id": "w", "created_at": START, **members}
    return PinWebhook(id=webhook_id, **fields)


_pushes = iter(range(1_000_000))


def push(stores: PinStores, data: Any, workflow_id: str = "w", before: Head | None = None, **members: Any) -> Head:
    """Over the version that is the newest, unless another is named."""
    unique = f"push{next(_pushes)}"
    kept = stores.data.keep("p-1", data, unique)
    numbers = {"n": data["n"]} if "n" in data else {}
    made = Push(unique, kept, data.get("status"), numbers, members.pop("at", START), **members)
    return stores.data.replace("p-1", workflow_id, before or stores.data.head("p-1", workflow_id), made)


class TestPins:
    def test_a_pin_is_found_by_its_id_alone(self, stores: PinStores) -> None:
        stores.pins.create(pin())

        assert stores.pins.find("p-1") == pin()
        with pytest.raises(PinNotFoundError):
            stores.pins.find("p-2")

    def test_an_id_is_taken_once_whoever_comes_second(self, stores: PinStores) -> None:
        stores.pins.create(pin())

        for user in ("user%1", "other"):
            with pytest.raises(AlreadyExistsError):
                stores.pins.create(pin(user_id=user))

    def test_a_user_sees_their_own_newest_first(self, stores: PinStores) -> None:
        mine = [pin(f"p-{n}", created_at=after(n // 2)) for n in range(4)]
        for each in (*mine, pin("p-other", user_id="other")):
            stores.pins.create(each)

        assert [each.id for each in stores.pins.of_user("ws#1", "user%1")] == ["p-3", "p-2", "p-1", "p-0"]

    def test_a_change_is_written_over_the_revision_that_it_saw(self, stores: PinStores) -> None:
        stores.pins.create(pin())
        changed = pin(title="Graz", is_public=True, updated_at=after(1), revision=2)

        stores.pins.replace(changed)

        assert stores.pins.find("p-1") == changed
        with pytest.raises(StaleWriteError):
            stores.pins.replace(changed)
        with pytest.raises(PinNotFoundError):
            stores.pins.replace(replace(changed, id="p-2"))

    def test_a_pin_that_goes_is_hidden_and_due_until_everything_of_it_is_gone(self, stores: PinStores) -> None:
        stores.pins.create(pin())
        push(stores, {"n": 1})
        push(stores, {"n": 2, "large": LARGE})
        stores.parts.put_block("p-1", block())
        stores.parts.put_dataset("p-1", dataset(data={"large": LARGE}))
        stores.webhooks.create(webhook())

        stores.pins.begin_deletion(pin(), after(60))

        assert stores.pins.find("p-1").is_deleting
        assert stores.pins.of_user("ws#1", "user%1") == ()
        with pytest.raises(PinNotFoundError):
            stores.pins.replace(pin(revision=2))
        (entry,) = due(stores, after(60))
        assert entry == DuePin("p-1", None, after(60), "ws#1", "user%1")
        assert due(stores, after(59)) == []
        assert stores.pins.finish_deletion(stores.pins.find("p-1"), 1000)
        assert due(stores, after(3600)) == []
        assert stores.data.newest("p-1", "w") is None
        assert stores.data.history("p-1", "w", limit=9, max_bytes=10**6, now=START) == ()
        assert stores.parts.blocks("p-1") == ()
        assert stores.parts.datasets("p-1", 10**6) == ()
        assert stores.webhooks.find("wh_1") is None
        assert stores.webhooks.of_user("ws", "u") == ()
        with pytest.raises(PinNotFoundError):
            stores.pins.find("p-1")

    def test_a_workflow_id_goes_with_all_its_versions_and_nothing_else(self, stores: PinStores) -> None:
        for n in range(3):
            push(stores, {"n": n, "large": LARGE})
        push(stores, {"n": 1}, workflow_id="other")
        assert [stores.data.count("p-1", most) for most in (1, 9)] == [1, 2]

        stores.data.remove("p-1", "w")
        stores.data.remove("p-1", "w")

        assert stores.data.newest("p-1", "w") is None
        assert stores.data.newest("p-1", "other") is not None
        assert [stores.data.count("p-1", 9), stores.data.count("p-2", 9)] == [1, 0]
        push(stores, {"n": 7})
        assert len(stores.data.history("p-1", "w", limit=9, max_bytes=10**7, now=START)) == 1

    def test_a_large_pin_goes_a_part_at_a_time(self, on_aws: PinStores) -> None:
        on_aws.pins.create(pin())
        for n in range(12):
            push(on_aws, {"n": n}, workflow_id=f"w{n}")
        on_aws.pins.begin_deletion(pin(), after(60))

        rounds = 0
        while not on_aws.pins.finish_deletion(pin(), 5):
            rounds += 1
            assert on_aws.pins.find("p-1").is_deleting

        assert rounds >= 2
        assert on_aws.data.all_of("p-1", 10**6) == {}

    def test_a_due_time_is_moved_by_whoever_saw_it_last(self, stores: PinStores) -> None:
        stores.pins.create(pin())
        stores.pins.begin_deletion(pin(), after(60))
        (entry,) = due(stores, after(60))

        assert stores.pins.rearm(entry, after(90))
        assert not stores.pins.rearm(entry, after(120))
        assert [each.due_at for each in due(stores, after(90))] == [after(90)]


class TestBoards:
    def test_a_board_is_kept_and_changed_over_the_revision_seen(self, stores: PinStores) -> None:
        stores.boards.create(board())
        stores.boards.create(board("pb-2", created_at=after(1)))
        changed = board(pins=("p-1", "p-2"), tags=("x",), is_public=True, updated_at=after(2), revision=2)

        stores.boards.replace(changed)

        assert stores.boards.find("pb-1") == changed
        assert [each.id for each in stores.boards.of_user("ws#1", "user%1")] == ["pb-2", "pb-1"]
        with pytest.raises(StaleWriteError):
            stores.boards.replace(changed)
        with pytest.raises(AlreadyExistsError):
            stores.boards.create(board())

    def test_views_and_changes_do_not_disturb_each_other(self, stores: PinStores) -> None:
        stores.boards.create(board())
        seen = stores.boards.find("pb-1")

        assert [stores.boards.count_view(seen) for _ in range(2)] == [1, 2]
        stores.boards.replace(replace(seen, name="Neu", revision=2))

        assert (stores.boards.find("pb-1").views, stores.boards.find("pb-1").name) == (2, "Neu")

    def test_a_deleted_board_stays_away(self, stores: PinStores) -> None:
        stores.boards.create(board())

        stores.boards.delete(board())
        stores.boards.delete(board())

        stores.boards.count_view(board())
        for act in (lambda: stores.boards.find("pb-1"), lambda: stores.boards.replace(board(revision=2))):
            with pytest.raises(PinboardNotFoundError):
                act()


class TestData:
    @pytest.mark.parametrize("filler", ["", LARGE])
    def test_what_is_pushed_is_read_back_exactly(self, stores: PinStores, filler: str) -> None:
        data = {
            "a": 1,
            "f": 1.0,
            "e": 1e100,
            "big": 123456789012345678901234567890,
            "none": None,
            "nested": {"": [{}, [], True, "ü\u0000\n"]},
            "filler": filler,
        }

        head = push(stores, data)

        found = stores.data.newest("p-1", "w")
        assert found is not None
        assert repr(found.data) == repr(data)
        assert (head.version, found.version, found.at) == (1, 1, START)

    def test_one_workflow_id_does_not_disturb_another_whatever_its_characters(self, stores: PinStores) -> None:
        ids = ["w", "w#x", "a/b", "ü 1", "..", "%2F", "x" * 255, "data", "🙂" * 60]
        for n, workflow_id in enumerate(ids):
            push(stores, {"n": n}, workflow_id=workflow_id)

        found = stores.data.all_of("p-1", 10**6)

        assert {workflow_id: version.data["n"] for workflow_id, version in found.items()} == dict(
            zip(ids, range(len(ids)), strict=True)
        )
        assert stores.data.head("p-1", "W") is None
        assert stores.data.head("p-2", "w") is None

    def test_a_push_over_another_version_than_the_newest_is_refused_and_changes_nothing(
        self, stores: PinStores
    ) -> None:
        first = push(stores, {"n": 1})
        second = push(stores, {"n": 2})

        with pytest.raises(StaleWriteError):
            push(stores, {"n": 3}, before=first)

        newest = stores.data.newest("p-1", "w")
        assert newest is not None
        assert (newest.version, newest.data) == (second.version, {"n": 2})

    def test_the_hundred_newest_versions_are_kept(self, stores: PinStores) -> None:
        for n in range(1, 106):
            push(stores, {"n": n})

        history = stores.data.history("p-1", "w", limit=200, max_bytes=10**7, now=START)

        assert [version.version for version in history] == list(range(105, 5, -1))
        assert all(version.data == {"n": version.version} for version in history)
        assert len(stores.data.history("p-1", "w", limit=3, max_bytes=10**7, now=START)) == 3
        points = stores.data.points("p-1", "w", START)
        assert {point.version: point.numbers["n"] for point in points} == {n: n for n in range(6, 106)}

    def test_older_versions_expire_and_the_newest_never_does(self, stores: PinStores) -> None:
        push(stores, {"n": 1}, at=START)
        push(stores, {"n": 2}, at=after(10))
        push(stores, {"n": 3}, at=after(20))

        def kept(seconds: float) -> list[int]:
            found = stores.data.history("p-1", "w", limit=9, max_bytes=10**6, now=after(seconds))
            return [version.version for version in found]

        assert kept(0) == [3, 2, 1]
        assert kept(DAY + 5) == [3, 2]
        assert kept(10 * DAY) == [3]

    def test_a_history_stays_within_its_bytes_and_has_one_version_at_least(self, stores: PinStores) -> None:
        for n in range(4):
            push(stores, {"n": n, "x": LARGE})

        assert len(stores.data.history("p-1", "w", limit=9, max_bytes=200_000, now=START)) == 4
        assert len(stores.data.history("p-1", "w", limit=9, max_bytes=100_000, now=START)) == 2
        assert len(stores.data.history("p-1", "w", limit=9, max_bytes=10, now=START)) == 1

    def test_all_of_a_pin_is_refused_where_it_would_be_too_much(self, stores: PinStores) -> None:
        push(stores, {"x": LARGE}, workflow_id="a")
        push(stores, {"x": LARGE}, workflow_id="b")

        with pytest.raises(TooLargeError):
            stores.data.all_of("p-1", 60_000)

    def test_a_version_that_is_untold_is_due_until_it_is_settled_or_replaced(self, stores: PinStores) -> None:
        told = (PinEvent.COMPLETED, PinEvent.UPDATED)
        head = push(stores, {"status": "completed"}, untold=told, due_at=after(60))

        assert (head.status, head.untold) == ("completed", told)
        assert due(stores, after(60)) == [DuePin("p-1", "w", after(60))]
        stores.data.settle("p-1", "w", 2)
        assert len(due(stores, after(60))) == 1
        assert stores.pins.rearm(DuePin("p-1", "w", after(60)), after(70))
        stores.data.settle("p-1", "w", 1)
        assert due(stores, after(600)) == []
        again = stores.data.head("p-1", "w")
        assert again is not None
        assert again.untold == ()

    def test_a_replaced_version_is_due_no_more(self, stores: PinStores) -> None:
        push(stores, {"n": 1}, untold=(PinEvent.UPDATED,), due_at=after(60))

        push(stores, {"n": 2})

        assert due(stores, after(600)) == []

    @pytest.mark.parametrize("filler", ["", LARGE])
    def test_summaries_show_scalars_of_the_newest_versions(self, stores: PinStores, filler: str) -> None:
        push(stores, {"status": "running", "filler": filler, "m": {"cpu": 2.5}}, workflow_id="a")
        push(stores, {"n": 1}, workflow_id="b", at=after(1))

        first, second = stores.data.summaries("p-1")

        assert (first.workflow_id, first.fields) == ("b", {"n": 1})
        assert list(second.fields) == ["status", "filler", "m.cpu"]
        assert (second.fields_total, second.fields["m.cpu"]) == (3, 2.5)

    def test_replaced_large_data_goes_and_its_older_copy_stays(
        self, on_aws: PinStores, aws: AwsClients, resources: Resources
    ) -> None:
        for n in range(3):
            push(on_aws, {"n": n, "x": LARGE})

        def names(prefix: str) -> int:
            return aws.s3.list_objects_v2(Bucket=resources.bucket, Prefix=prefix)["KeyCount"]  # type: ignore[no-any-return]

        assert (names("pins/p-1/"), names("pin-versions/p-1/")) == (1, 3)
        history = on_aws.data.history("p-1", "w", limit=9, max_bytes=10**7, now=START)
        assert [version.data["n"] for version in history] == [2, 1, 0]

    def test_a_push_whose_answer_was_lost_is_recognised(self, on_aws: PinStores) -> None:
        before = push(on_aws, {"n": 1})
        again = Push("same", on_aws.data.keep("p-1", {"n": 2}, "same"), None, {}, START)

        heads = [on_aws.data.replace("p-1", "w", before, again) for _ in range(2)]

        assert [head.version for head in heads] == [2, 2]
        assert len(on_aws.data.history("p-1", "w", limit=9, max_bytes=10**6, now=START)) == 2

    def test_of_many_pushes_at_once_each_is_one_version(self, on_aws: PinStores) -> None:
        def act(n: int) -> int:
            while True:
                try:
                    return push(on_aws, {"n": n, "same": [n] * 100}).version
                except StaleWriteError:
                    continue

        with ThreadPoolExecutor(16) as threads:
            versions = sorted(threads.map(act, range(32)))

        assert versions == list(range(1, 33))
        history = on_aws.data.history("p-1", "w", limit=100, max_bytes=10**6, now=START)
        assert sorted(version.data["n"] for version in history) == list(range(32))  # type: ignore[type-var]
        assert all(version.data["same"] == [version.data["n"]] * 100 for version in history)


def block(block_id: str = "b-1", **members: Any) -> Block:
    fields = {"name": "Kopf", "type": BlockType.MARKDOWN, "template": "#", "order": 0, **members}
    return Block(id=block_id, created_at=START, updated_at=START, **fields)


def dataset(dataset_id: str = "d-1", **members: Any) -> Dataset:
    fields = {"name": "Bestand", "type": DatasetType.JSON, "kind": DatasetKind.USER, "description": "", **members}
    return Dataset(id=dataset_id, created_by="u", created_at=START, updated_at=START, **fields)


class TestParts:
    def test_blocks_are_in_order_and_changed_over_the_revision_seen(self, stores: PinStores) -> None:
        for each in (block("b-1", order=2), block("b-2", order=1), block("b-3", order=1)):
            stores.parts.put_block("p-1", each)

        stores.parts.put_block("p-1", block("b-3", order=0, revision=2))

        assert [each.id for each in stores.parts.blocks("p-1")] == ["b-3", "b-2", "b-1"]
        assert stores.parts.block("p-1", "b-1") == block("b-1", order=2)
        with pytest.raises(StaleWriteError):
            stores.parts.put_block("p-1", block("b-3", revision=2))
        stores.parts.delete_block("p-1", "b-3")
        with pytest.raises(BlockNotFoundError):
            stores.parts.put_block("p-1", block("b-3", revision=3))
        with pytest.raises(BlockNotFoundError):
            stores.parts.block("p-2", "b-1")

    @pytest.mark.parametrize("data", [{"total": 12}, [1.0, None], LARGE, None])
    def test_a_dataset_is_read_back_exactly(self, stores: PinStores, data: Any) -> None:
        stores.parts.put_dataset("p-1", dataset(data=data))
        stores.parts.put_dataset("p-1", dataset(data={"new": data}, revision=2))

        assert stores.parts.dataset("p-1", "d-1").data == {"new": data}
        assert [each.id for each in stores.parts.datasets("p-1", 10**6)] == ["d-1"]
        assert stores.parts.count_datasets("p-1") == 1
        with pytest.raises(StaleWriteError):
            stores.parts.put_dataset("p-1", dataset(revision=2))
        assert stores.parts.delete_dataset("p-1", "d-1")
        assert not stores.parts.delete_dataset("p-1", "d-1")
        for act in (
            lambda: stores.parts.dataset("p-1", "d-1"),
            lambda: stores.parts.put_dataset("p-1", dataset(revision=3)),
        ):
            with pytest.raises(DatasetNotFoundError):
                act()


class TestWebhooks:
    def test_a_webhook_is_found_by_id_pin_and_user(self, stores: PinStores) -> None:
        made = [webhook("wh_1"), webhook("wh_2", created_at=after(1)), webhook("wh_3", pin_id="p-2", user_id="v")]
        for each in made:
            stores.webhooks.create(each)

        assert stores.webhooks.find("wh_1") == made[0]
        assert [each.id for each in stores.webhooks.of_pin("p-1")] == ["wh_2", "wh_1"]
        assert [each.id for each in stores.webhooks.of_user("ws", "v")] == ["wh_3"]
        with pytest.raises(AlreadyExistsError):
            stores.webhooks.create(webhook("wh_1", workspace_id="other"))
        stores.webhooks.delete(made[0])
        assert stores.webhooks.find("wh_1") is None
        assert [each.id for each in stores.webhooks.of_user("ws", "u")] == ["wh_2"]


class TestMoments:
    def test_moments_are_written_over_the_revision_seen(self, stores: PinStores) -> None:
        assert stores.moments.read("x") == (0, ())

        assert stores.moments.replace("x", 0, (5, 5, 7), after(60)) == 1
        assert stores.moments.replace("x", 1, (7, 1_793_611_800_000), after(60)) == 2

        assert stores.moments.read("x") == (2, (7, 1_793_611_800_000))
        for seen in (0, 1, 3):
            with pytest.raises(StaleWriteError):
                stores.moments.replace("x", seen, (), after(60))


def test_thirty_two_threads_of_several_processes_are_granted_exactly_the_limits(
    on_aws: PinStores, aws: AwsClients, resources: Resources
) -> None:
    """Each process has a memory of its own and shares nothing with the others but the store."""
    counters = DynamoCounterStore(counters_table(aws.dynamodb, resources.tables.counters))
    processes = [PinLimits(on_aws.moments, counters, FixedClock(), counts=True) for _ in range(4)]

    def workflow(n: int) -> bool:
        allowance = processes[n % 4].spend_for_workflow(pin(), "w")
        return allowance is not None and allowance.granted

    with ThreadPoolExecutor(32) as threads:
        granted = list(threads.map(workflow, range(160)))

    assert sum(granted) == 100
    assert len(on_aws.moments.read("pin-data:p-1:w")[1]) == 100


def due(stores: PinStores, now: Any) -> list[DuePin]:
    return [entry for shard in range(DUE_SHARDS) for entry in stores.pins.due(shard, now, 10)]


def test_a_workflows_mirror_is_kept_with_its_graph() -> None:
    for mirror in (None, PinMirror("p-1"), PinMirror("p-1", "w")):
        graph = Graph(mirror=mirror)

        assert graphs.from_json(json.loads(json.dumps(graphs.to_json(graph)))) == graph

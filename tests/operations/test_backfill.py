"""Walking a table: all that is old is upgraded, nothing written meanwhile is lost, and a walk can go on later."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.errors import InvalidError
from chalicelib.operations.backfill import Backfill, Progress
from chalicelib.operations.upgrades import UPGRADES
from chalicelib.store.table import RawItem
from tests.operations.conftest import Stage


def double_the_amount(item: RawItem) -> RawItem:
    return {**item, "amount": {"N": str(int(item["amount"]["N"]) * 2)}}


def rename_the_amount(item: RawItem) -> RawItem:
    amount = item.pop("amount")
    return {**item, "count": amount}


class Table:
    """Counters, since their items are small."""

    def __init__(self, stage: Stage) -> None:
        self.client = stage.services.clients.dynamodb
        self.name = stage.services.settings.counters_table
        self.pauses: list[float] = []

    def put(self, name: str, version: int, amount: int) -> None:
        item = {"name": {"S": name}, "v": {"N": str(version)}, "amount": {"N": str(amount)}}
        self.client.put_item(TableName=self.name, Item=item)

    def items(self) -> dict[str, RawItem]:
        found: list[RawItem] = self.client.scan(TableName=self.name)["Items"]
        return {item["name"]["S"]: item for item in found}

    def walk(self, upgrades: Any, version: int, *, place: str | None = None, **options: Any) -> list[Progress]:
        backfill = Backfill(self.client, self.name, upgrades, version)
        return list(backfill.walk(place=place, per_second=2, pause=self.pauses.append, **options))


@pytest.fixture
def table(stage: Stage) -> Table:
    return Table(stage)


def test_items_of_the_version_before_are_upgraded_and_others_left_alone(table: Table) -> None:
    table.put("old", 1, 5)
    table.put("new", 2, 5)
    table.put("newer", 3, 5)

    done = table.walk({1: double_the_amount}, 2)

    amounts = {name: (item["v"]["N"], item["amount"]["N"]) for name, item in table.items().items()}
    assert amounts == {"old": ("2", "10"), "new": ("2", "5"), "newer": ("3", "5")}
    assert (done[-1].seen, done[-1].upgraded, done[-1].contested) == (3, 1, 0)


def test_upgrades_follow_each_other(table: Table) -> None:
    table.put("old", 1, 5)

    table.walk({1: double_the_amount, 2: rename_the_amount}, 3)

    assert table.items() == {"old": {"name": {"S": "old"}, "v": {"N": "3"}, "count": {"N": "10"}}}


def test_a_second_walk_changes_nothing(table: Table) -> None:
    table.put("old", 1, 5)
    table.walk({1: double_the_amount}, 2)

    done = table.walk({1: double_the_amount}, 2)

    assert table.items()["old"]["amount"] == {"N": "10"}
    assert done[-1].upgraded == 0


def test_a_dry_run_only_counts(table: Table) -> None:
    table.put("old", 1, 5)

    done = table.walk({1: double_the_amount}, 2, dry=True)

    assert done[-1].upgraded == 1
    assert table.items()["old"]["v"] == {"N": "1"}


def test_what_was_written_meanwhile_is_upgraded_instead(table: Table) -> None:
    table.put("old", 1, 5)
    writes = iter([7])

    def while_somebody_writes(item: RawItem) -> RawItem:
        for amount in writes:
            table.put("old", 1, amount)
        return double_the_amount(item)

    done = table.walk({1: while_somebody_writes}, 2)

    assert table.items()["old"]["amount"] == {"N": "14"}
    assert (done[-1].upgraded, done[-1].contested) == (1, 0)


def test_an_item_that_keeps_changing_is_left_for_another_walk(table: Table) -> None:
    table.put("old", 1, 5)
    amounts = iter(range(100))

    def while_somebody_writes(item: RawItem) -> RawItem:
        table.put("old", 1, next(amounts))
        return double_the_amount(item)

    done = table.walk({1: while_somebody_writes}, 2)

    assert table.items()["old"]["v"] == {"N": "1"}
    assert (done[-1].upgraded, done[-1].contested) == (0, 1)


def test_an_item_that_was_deleted_meanwhile_stays_deleted(table: Table) -> None:
    table.put("old", 1, 5)

    def while_somebody_deletes(item: RawItem) -> RawItem:
        table.client.delete_item(TableName=table.name, Key={"name": item["name"]})
        return double_the_amount(item)

    table.walk({1: while_somebody_deletes}, 2)

    assert table.items() == {}


def test_a_walk_pauses_between_pages_and_goes_on_where_it_was_broken_off(table: Table) -> None:
    for number in range(5):
        table.put(f"old{number}", 1, number)
    backfill = Backfill(table.client, table.name, {1: double_the_amount}, 2)

    broken_off = next(backfill.walk(place=None, per_second=2, pause=table.pauses.append))
    rest = table.walk({1: double_the_amount}, 2, place=broken_off.place)

    assert (broken_off.seen, broken_off.upgraded) == (2, 2)
    assert (rest[-1].seen, rest[-1].upgraded, rest[-1].place) == (3, 3, None)
    assert {item["v"]["N"] for item in table.items().values()} == {"2"}
    assert set(table.pauses) == {1.0}


def test_a_version_that_nothing_upgrades_stops_the_walk(table: Table) -> None:
    table.put("old", 1, 5)

    with pytest.raises(InvalidError, match="no upgrade"):
        table.walk({}, 2)


def test_a_place_that_no_walk_named_is_refused(table: Table) -> None:
    with pytest.raises(InvalidError, match="no place"):
        table.walk({}, 1, place="nowhere")


def test_this_release_has_nothing_to_upgrade(stage: Stage) -> None:
    stage.services.identity.create_workspace("smoke", ("*",))

    (row,) = stage.rows("backfill", "identities")

    assert not UPGRADES
    assert row == {"table": f"penstock-{stage.name}-identities", "seen": 1, "upgraded": 0, "contested": 0}

"""DynamoDB remedies: moto's tables with queries and transactions independent of the table's size.

moto sorts the whole table on each Query and copies it whole for each transaction. Here every table
keeps its partitions, and those of its indexes, sorted from the first query on; moto's own Query then
judges only the rows around the page that it will answer. A transaction remembers only the items it
touches. What is answered stays moto's.
"""

from __future__ import annotations

import copy
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import moto.dynamodb.models as dynamodb_models
import moto.dynamodb.models.table as dynamodb_table
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table

from chalicelib.local.patches import Patches

_SCALARS = frozenset({"S", "N", "B"})
# Far below the 400 KB of DynamoDB and the 405,000 bytes of moto.
_SMALL_BYTES = 300_000

PartitionKey = tuple[str, Any]
SortKey = tuple[Any, ...]


class Row(NamedTuple):
    sort_key: SortKey
    item: Item


class SortedPartitions:
    """The items of a table or of one of its indexes, by partition, each sorted as a query answers."""

    def __init__(self, hash_attribute: str, sort_attributes: list[str], required: list[str]) -> None:
        self.hash_attribute = hash_attribute
        self.sort_attributes = sort_attributes
        self._required = required
        self._partitions: dict[PartitionKey, list[Row]] = {}
        self._placed: dict[int, tuple[PartitionKey, Row]] = {}

    def rows(self, partition: PartitionKey) -> list[Row]:
        return self._partitions.get(partition, [])

    def place(self, item: Item) -> None:
        """Put a new or changed item where it belongs. Raises TypeError for keys of mixed types."""
        self.forget(item)
        partition = _partition_key(item.attrs.get(self.hash_attribute))
        if partition is None or any(name not in item.attrs for name in self._required):
            return
        row = Row(tuple(item.attrs[name].cast_value for name in self.sort_attributes), item)
        rows = self._partitions.setdefault(partition, [])
        rows.insert(bisect_left(rows, row.sort_key, key=_sort_key), row)
        self._placed[id(item)] = (partition, row)

    def forget(self, item: Item) -> None:
        partition, row = self._placed.pop(id(item), (None, None))
        if partition is None or row is None:
            return
        rows = self._partitions[partition]
        at = bisect_left(rows, row.sort_key, key=_sort_key)
        # Rows of an index may have the same sort key.
        while rows[at].item is not item:
            at += 1
        del rows[at]
        if not rows:
            del self._partitions[partition]


def _sort_key(row: Row) -> SortKey:
    return row.sort_key


def _partition_key(value: DynamoType | None) -> PartitionKey | None:
    if value is None or value.type not in _SCALARS:
        return None
    return value.type, value.cast_value


class TableIndex:
    """All sorted views of one table, each built when it is first queried."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._views: dict[str | None, SortedPartitions | None] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> TableIndex:
        return TableIndex(memo[id(self._table)])  # moto copies a table to back it up

    def view(self, index_name: str | None) -> SortedPartitions | None:
        """None when this index cannot be kept sorted; then moto must look at everything."""
        if index_name not in self._views:
            self._views[index_name] = self._build(index_name)
        return self._views[index_name]

    def place(self, item: Item) -> None:
        # Whatever placed it has changed it, so its size is to be measured anew.
        item.__dict__.pop("_size", None)
        for name, view in self._views.items():
            if view is not None:
                try:
                    view.place(item)
                except TypeError:
                    # Values of mixed types have no order in Python: moto goes through this index itself from now on.
                    self._views[name] = None

    def forget(self, item: Item) -> None:
        for view in self._views.values():
            if view is not None:
                view.forget(item)

    def _build(self, index_name: str | None) -> SortedPartitions | None:
        view = self._empty_view(index_name)
        if view is not None:
            try:
                for item in _items_of(self._table):
                    view.place(item)
            except TypeError:
                return None
        return view

    def _empty_view(self, index_name: str | None) -> SortedPartitions | None:
        table = self._table
        if index_name is None:
            keys = [table.range_key_attr] if table.range_key_attr else []
            return SortedPartitions(table.hash_key_attr, keys, keys)
        schema = table.get_index(index_name).schema
        hashes = [key["AttributeName"] for key in schema if key["KeyType"] == "HASH"]
        ranges = [key["AttributeName"] for key in schema if key["KeyType"] == "RANGE"]
        if len(hashes) != 1 or len(ranges) > 1:
            return None
        # Where an index has no range key of its own, moto sorts by the table's.
        first = ranges or [table.range_key_attr or table.hash_key_attr]
        return SortedPartitions(hashes[0], [*first, *table.table_key_attrs], ranges)


def _items_of(table: Table) -> Iterator[Item]:
    entry: Any
    for entry in table.items.values():
        if table.range_key_attr:
            yield from entry.values()
        else:
            yield entry


def _index_of(table: Table) -> TableIndex:
    if "_sorted_index" not in table.__dict__:
        table.__dict__["_sorted_index"] = TableIndex(table)
    index: TableIndex = table.__dict__["_sorted_index"]
    return index


def apply(patches: Patches) -> None:
    _index_writes(patches)
    _narrow_queries(patches)
    _copy_only_what_a_transaction_touches(patches)
    _copy_no_results(patches)
    _measure_attributes_once(patches)
    _measure_items_once(patches)


def _index_writes(patches: Patches) -> None:
    """Every way in which moto changes an item also moves it in the index."""
    put, delete, update = Table.put_item, Table.delete_item, DynamoDBBackend.update_item

    def put_item(table: Table, item_attrs: dict[str, Any], *args: Any, **kwargs: Any) -> Item:
        replaced = _stored(table, item_attrs)
        item = put(table, item_attrs, *args, **kwargs)
        if replaced is not None:
            _index_of(table).forget(replaced)
        _index_of(table).place(item)
        return item

    def delete_item(table: Table, hash_key: DynamoType, range_key: DynamoType | None) -> Item | None:
        item = delete(table, hash_key, range_key)
        if item is not None:
            _index_of(table).forget(item)
        return item

    def update_item(backend: DynamoDBBackend, table_name: str, key: dict[str, Any], *args: Any, **kwargs: Any) -> Item:
        try:
            return update(backend, table_name, key, *args, **kwargs)
        finally:
            # Also after an error: moto changes the item in place, attribute by attribute.
            table = backend.tables.get(table_name)
            item = None if table is None else _stored(table, key)
            if table is not None and item is not None:
                _index_of(table).place(item)

    patches.replace(Table, "put_item", put_item)
    patches.replace(Table, "delete_item", delete_item)
    patches.replace(DynamoDBBackend, "update_item", update_item)


def _stored(table: Table, attributes: Any) -> Item | None:
    key = _key_in(table, attributes)
    return None if key is None else _stored_at(table, key)


def _narrow_queries(patches: Patches) -> None:
    """While a query runs, `all_items` shows only the rows that can decide its answer."""
    query, all_items = Table.query, Table.all_items

    def narrowed_query(table: Table, hash_key: DynamoType | None, *args: Any, **kwargs: Any) -> Any:
        window = _window(table, hash_key, *args, **kwargs)
        if window is None:
            return query(table, hash_key, *args, **kwargs)
        table.__dict__["_window"] = window
        try:
            return query(table, hash_key, *args, **kwargs)
        finally:
            del table.__dict__["_window"]

    def narrowed_all_items(table: Table) -> list[Item]:
        window: list[Item] | None = table.__dict__.get("_window")
        return all_items(table) if window is None else list(window)

    patches.replace(Table, "query", narrowed_query)
    patches.replace(Table, "all_items", narrowed_all_items)


def _window(
    table: Table,
    hash_key: DynamoType | None,
    range_comparison: str | None,
    range_objs: list[DynamoType],
    limit: int | None,
    exclusive_start_key: dict[str, Any] | None,
    scan_index_forward: bool,
    projection_expressions: object,
    index_name: str | None = None,
    consistent_read: bool = False,
    filter_expression: object = None,
    hash_key_conditions: object = None,
    range_key_conditions: object = None,
    **filter_kwargs: Any,
) -> list[Item] | None:
    """The rows of one page and the row behind it; None when moto must look at everything.

    The row behind decides whether there is a `LastEvaluatedKey`, even when it does not match.
    """
    partition = _partition_key(hash_key)
    if filter_kwargs or partition is None or not _has_index(table, index_name):
        return None
    view = _index_of(table).view(index_name)
    if view is None:
        return None
    rows = view.rows(partition)
    try:
        low, high = _matching(rows, range_comparison, [value.cast_value for value in range_objs])
        if exclusive_start_key is not None:
            low, high = _after(view, partition, exclusive_start_key, scan_index_forward, rows, low, high)
    except (KeyError, TypeError, AttributeError, ArithmeticError, LookupError):
        return None  # not comparable: moto's own complaint is the answer
    return [row.item for row in _page(rows, low, high, limit, scan_index_forward)]


def _has_index(table: Table, index_name: str | None) -> bool:
    return index_name is None or any(index.name == index_name for index in table.all_indexes())


def _matching(rows: list[Row], comparison: str | None, values: list[Any]) -> tuple[int, int]:
    """The bounds of the rows that satisfy the condition on the range key; they are contiguous."""
    if comparison is None:
        return 0, len(rows)
    if comparison == "BEGINS_WITH":
        low = bisect_left(rows, values[0], key=_range_value)
        return low, bisect_left(rows, True, low, key=lambda row: not _range_value(row).startswith(values[0]))
    return _BOUNDS[comparison](rows, values)


def _range_value(row: Row) -> Any:
    return row.sort_key[0]


def _from(rows: list[Row], value: Any) -> int:
    return bisect_left(rows, value, key=_range_value)


def _behind(rows: list[Row], value: Any) -> int:
    return bisect_right(rows, value, key=_range_value)


_BOUNDS: dict[str, Callable[[list[Row], list[Any]], tuple[int, int]]] = {
    "=": lambda rows, values: (_from(rows, values[0]), _behind(rows, values[0])),
    "<": lambda rows, values: (0, _from(rows, values[0])),
    "<=": lambda rows, values: (0, _behind(rows, values[0])),
    ">": lambda rows, values: (_behind(rows, values[0]), len(rows)),
    ">=": lambda rows, values: (_from(rows, values[0]), len(rows)),
    "BETWEEN": lambda rows, values: (_from(rows, values[0]), _behind(rows, values[1])),
}


def _after(
    view: SortedPartitions,
    partition: PartitionKey,
    start_key: dict[str, Any],
    forward: bool,
    rows: list[Row],
    low: int,
    high: int,
) -> tuple[int, int]:
    if _partition_key(DynamoType(start_key[view.hash_attribute])) != partition:
        raise KeyError(view.hash_attribute)
    start = tuple(DynamoType(start_key[name]).cast_value for name in view.sort_attributes)
    if forward:
        return max(low, bisect_right(rows, start, key=_sort_key)), high
    return low, min(high, bisect_left(rows, start, key=_sort_key))


def _page(rows: list[Row], low: int, high: int, limit: int | None, forward: bool) -> list[Row]:
    # Bounds in the wrong order hold no row; the row behind still tells whether there is more.
    if low > high:
        low = high = low if forward else high
    if forward:
        high = min(high + 1, len(rows))
        return rows[low : high if limit is None else min(high, low + limit + 1)]
    low = max(low - 1, 0)
    return rows[low if limit is None else max(low, high - limit - 1) : high]


def _copy_only_what_a_transaction_touches(patches: Patches) -> None:
    transact = DynamoDBBackend.transact_write_items

    def transact_write_items(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
        # As a list, before the transaction: generated later, the copies would be of what it has changed.
        before = list(_touched(backend, transact_items))
        try:
            transact(backend, transact_items)
        except Exception:
            # moto's own backup is the table itself (`_CopyingAllButTables`): these copies are the whole rollback.
            for table, key, item in before:
                _put_back(table, key, item)
            raise

    patches.replace(DynamoDBBackend, "transact_write_items", transact_write_items)
    patches.replace(dynamodb_models, "copy", _CopyingAllButTables)


class _CopyingAllButTables:
    """In place of the `copy` module, through which moto backs up the tables of a transaction."""

    @staticmethod
    def deepcopy(value: Any) -> Any:
        # A stream is rolled back with its table; nothing here uses one, so moto's way will do.
        if isinstance(value, Table) and value.stream_shard is None:
            return value
        return copy.deepcopy(value)


_Key = tuple[DynamoType, DynamoType | None]


def _touched(
    backend: DynamoDBBackend, transact_items: list[dict[str, Any]]
) -> Iterator[tuple[Table, _Key, Item | None]]:
    for operation in transact_items:
        for request in operation.values():
            table = backend.tables.get(request.get("TableName"))
            key = None if table is None else _key_in(table, request.get("Key") or request.get("Item"))
            if table is not None and key is not None:
                yield table, key, copy.deepcopy(_stored_at(table, key))


def _key_in(table: Table, attributes: Any) -> _Key | None:
    try:
        range_name = table.range_key_attr
        key = (
            DynamoType(attributes[table.hash_key_attr]),
            DynamoType(attributes[range_name]) if range_name else None,
        )
        hash(key)
    except (LookupError, TypeError, AttributeError, ArithmeticError):
        return None  # not a key at all; moto has its own answer to that
    return key


def _stored_at(table: Table, key: _Key) -> Item | None:
    """Without the empty partition that moto's own lookup leaves behind."""
    entry: Any = table.items.get(key[0])
    item: Item | None = entry if entry is None or key[1] is None else entry.get(key[1])
    return item


def _put_back(table: Table, key: _Key, item: Item | None) -> None:
    present = _stored_at(table, key)
    if present is not None:
        _index_of(table).forget(present)
    hash_key, range_key = key
    partition: Any = table.items if range_key is None else table.items[hash_key]
    entry_key = hash_key if range_key is None else range_key
    if item is None:
        partition.pop(entry_key, None)
    else:
        partition[entry_key] = item
        _index_of(table).place(item)


def _copy_no_results(patches: Patches) -> None:
    """moto copies the items that a query found; the answer that is made of them is a copy again."""
    patches.replace(dynamodb_table, "copy", _CopyingAllButResults)


class _CopyingAllButResults:
    """In place of the `copy` module, through which moto copies a query's results."""

    copy = staticmethod(copy.copy)

    @staticmethod
    def deepcopy(value: Any) -> Any:
        if isinstance(value, list) and value and isinstance(value[0], Item):
            return value
        return copy.deepcopy(value)


def _measure_attributes_once(patches: Patches) -> None:
    """moto measures a whole item for each attribute that it is given.

    Here the sizes of all that was ever set are added up, which is never less than the item's own; only when that
    is large does moto measure.
    """
    set_and_measure = LimitedSizeDict.__setitem__

    def setitem(attributes: LimitedSizeDict, name: str, value: Any) -> None:
        at_most = attributes.__dict__.get("_bytes_at_most")
        if at_most is None:
            at_most = sum(_attribute_size(*each) for each in attributes.items())
        at_most += _attribute_size(name, value)
        attributes.__dict__["_bytes_at_most"] = at_most
        if at_most > _SMALL_BYTES:
            set_and_measure(attributes, name, value)
        else:
            dict.__setitem__(attributes, name, value)

    patches.replace(LimitedSizeDict, "__setitem__", setitem)


def _attribute_size(name: str, value: Any) -> int:
    return len(name.encode()) + (value.size() if type(value) is DynamoType else len(str(value).encode()))


def _measure_items_once(patches: Patches) -> None:
    """A query adds up the sizes of its rows. Placing an item in the index forgets its size."""
    measure = Item.size

    def size(item: Item) -> int:
        known: int | None = item.__dict__.get("_size")
        if known is None:
            known = item.__dict__["_size"] = measure(item)
        return known

    patches.replace(Item, "size", size)

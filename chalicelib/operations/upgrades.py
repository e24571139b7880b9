"""How items of an older schema version become items of the next: one entry per table and version.

The rule of a release: its readers accept the version that it writes and the one before. So a release that writes a
new version enters its upgrade here, is deployed, walks the tables (`operator backfill`), and only the release after
it may forget how the old version is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from chalicelib.store.attributes import SCHEMA_VERSION
from chalicelib.store.table import RawItem, Tables

VERSION = SCHEMA_VERSION
"""The version that this release writes."""

TABLES: tuple[str, ...] = tuple(Tables.__slots__)
"""The tables' words, such as `runs`."""

Upgrade: TypeAlias = Callable[[RawItem], RawItem]
"""Makes an item of the next version of one that it leaves unchanged; `v` is set for it."""

UPGRADES: Mapping[tuple[str, int], Upgrade] = {}
"""By the table's word and the version that the upgrade starts from."""


def upgrades_of(table: str) -> dict[int, Upgrade]:
    return {version: upgrade for (name, version), upgrade in UPGRADES.items() if name == table}

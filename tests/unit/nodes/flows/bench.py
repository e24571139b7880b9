"""A desk for one export or import, before an API that is a script."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from chalicelib.domain.flows.flows import ResourceKind
from chalicelib.domain.json import Json
from chalicelib.services.flows.desk import Desk, RunFacts
from chalicelib.services.flows.writing import Submitted, submit
from tests.flows.flow_house import FlowHouse
from tests.flows.house import WORKSPACE

FACTS = RunFacts(
    WORKSPACE,
    "2024-08-01T00:00:00.000Z",
    "2024-08-02T00:00:00.000Z",
    job={"_id": "j1"},
    settings={"flow": {"region": "north"}},
)


def desk_of(house: FlowHouse, kind: ResourceKind, id_: str) -> Desk:
    return house.ports.desks.open(kind, id_, FACTS, house.clock.now() + timedelta(seconds=60))


def sent(house: FlowHouse, records: list[Json], **document: Any) -> list[Submitted]:
    """What became of records that an import of this document sent in one go."""
    house.import_("i1", **document)
    return submit(desk_of(house, ResourceKind.IMPORT, "i1"), records, "key")


def failing(rules: list[Json]) -> dict[str, Any]:
    """A filter."""
    return {"type": "expression", "expression": {"version": "1", "rules": rules}}

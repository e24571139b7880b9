"""Flows in which nearly everything goes wrong, or is as large as it can be."""

from __future__ import annotations

from chalicelib.domain.run import RunStatus
from tests.flows.flow_house import FlowHouse, answer, generator, into, numbered

MB = 1024 * 1024


def test_a_record_that_is_too_large_to_be_kept_fails_and_is_told_of() -> None:
    house = FlowHouse()
    house.export("e1")
    house.import_("i1")
    house.flow(_exportId="e1", _importId="i1")
    house.api.routes = {"/items": [{"id": 1, "text": "x" * 6 * MB}, *numbered(2, 2)], "/sink": answer(422)}

    run = house.go()

    assert run.status is RunStatus.SUCCEEDED
    assert house.counts(run)["s0"] == (0, 3, 0, 2)
    errors = house.errors_of("i1")
    assert {each.trace_key: each.is_retriable for each in errors} == {"1": False, "2": True, "3": True}
    assert house.go(retry={"step": "i1", "errors": [each.id for each in errors]}).status is RunStatus.SUCCEEDED


def test_every_record_of_many_pages_may_fail() -> None:
    house = FlowHouse()
    house.export("e1", pageSize=50)
    house.import_("i1")
    house.flow(_exportId="e1", _importId="i1")
    house.api.routes = {"/items": numbered(400), "/sink": answer(422)}

    run = house.go()

    assert house.counts(run) == {"g0": (400, 0, 0, 8), "s0": (0, 400, 0, 8), "": (400, 400, 0, 16)}
    assert house.errors.counts(run.workspace_id, run.workflow_id) == {"i1": 400}


def test_a_flow_of_many_generators_and_processors_counts_every_one() -> None:
    house = FlowHouse()
    generators, processors = range(20), range(10)
    for number in generators:
        house.export(f"e{number}", f"/items/{number}")
        house.api.routes[f"/items/{number}"] = numbered(2, 2 * number)
    for number in processors:
        house.import_(f"i{number}")
    house.api.routes["/sink"] = {"id": "new"}
    house.flow(
        pageGenerators=[generator(f"e{number}") for number in generators],
        pageProcessors=[into(f"i{number}") for number in processors],
    )

    counts = house.counts(house.go())

    assert counts[""] == (2 * 20 * 11, 0, 0, 20 * 11)
    assert {counts[f"s{number}"] for number in processors} == {(40, 0, 0, 20)}


def test_pages_may_be_as_large_as_they_can_at_every_stage() -> None:
    house = FlowHouse()
    records = [{"id": number, "text": "x" * (MB - 100)} for number in range(1, 6)]
    house.export("e1")
    house.flow(pageGenerators=[generator("e1")], pageProcessors=[into("i1"), into("i2", proceedOnFailure=True)] * 2)
    for import_ in ("i1", "i2"):
        house.import_(import_, f"/{import_}", http={"body": ['{"id": {{record.id}} }']})
    house.api.routes = {"/items": records, "/i1": {"id": "new"}, "/i2": answer(422)}

    run = house.go()

    assert run.status is RunStatus.SUCCEEDED
    assert house.counts(run)[""] == (15, 10, 0, 5)

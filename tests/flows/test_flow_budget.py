"""What a run of a flow may cost: exact counts of the calls that reach AWS, for the run and for each page of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from chalicelib import bootstrap
from chalicelib.domain.run import Run, RunStatus
from chalicelib.local import moto_lock
from chalicelib.local.embedded import EmbeddedAws
from chalicelib.local.patches import Patches
from chalicelib.store.aws import AwsClients
from tests.flows.flow_stage import FlowStage
from tests.flows.test_budget import WORKSPACE, House, message

SIZE = 10

_stages = iter(range(10**6))


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsClients]:
    patches = Patches()
    moto_lock.apply(patches)
    with EmbeddedAws(remedies=False):
        yield AwsClients(None, "eu-central-1")
    patches.undo()


class Budget:
    """A stage with a flow, and what its runs cost."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._stage = FlowStage(house.services, WORKSPACE, SIZE)
        self.depot = self._stage.depot

    def cost(self, pages: int) -> Counter[str]:
        """What a run of so many pages costs, without SQS."""
        return self.cost_of(pages * SIZE)

    def cost_of(self, parcels: int) -> Counter[str]:
        house = self._house
        self._stage.stock(parcels)
        house.calls.made.clear()
        run: Run = house.services.runs.start(self._stage.workflow, {})
        house.work()
        made = Counter(house.calls.made)
        for _ in range(10):
            if house.status(run.id) is not RunStatus.WAITING:
                break
            house.clock.advance(5)
            house.calls.made.clear()
            house.services.worker.handle_batch({"Records": [message(run.id)]}, 300_000)
            made.update(house.calls.made)
        assert house.status(run.id) is RunStatus.SUCCEEDED
        return Counter({name: count for name, count in made.items() if not name.startswith("sqs.")})


@pytest.fixture
def budget(aws: AwsClients, monkeypatch: pytest.MonkeyPatch) -> Iterator[Budget]:
    house = House(aws, f"flow-budget-{next(_stages)}")
    monkeypatch.setattr(bootstrap, "_services", house.services)
    made = Budget(house)
    made.cost(0)  # what each process reads once is known from then on
    clients = (aws.dynamodb, aws.sqs, aws.s3)
    for client in clients:
        client.meta.events.register("before-call", house.calls.note, unique_id="flow-budget")
    yield made
    for client in clients:
        client.meta.events.unregister("before-call", unique_id="flow-budget")


PAGE = {
    # The outcomes of its four steps, and the figures that they come to.
    "runs.PutItem": 4,
    "flows.UpdateItem": 1,
    # Each of the three steps that make requests looks at its export or import, and at the connection of it,
    "flows.GetItem": 6,
    # takes slots of that connection, and gives them back.
    "counters.GetItem": 6,
    "counters.PutItem": 6,
}
RUN = {
    # It is made, and its begin, its loop and its end are recorded; it is claimed, finished and told of.
    "runs.PutItem": 3,
    "runs.UpdateItem": 3,
    # It takes the flow's slot and gives it back; what it used is counted.
    "counters.UpdateItem": 3,
    # Its begin looks at deltas and at all that the flow names, and notes figures and that the flow was run.
    "flows.BatchGetItem": 4,
    "flows.Query": 1,
    "flows.PutItem": 1,
    "flows.UpdateItem": 1,
    # Its end is an event.
    "definitions.Query": 2,
    "events.Query": 1,
    "events.PutItem": 1,
}


@pytest.mark.parametrize("pages", [1, 2, 5])
def test_a_run_costs_so_many_calls_and_each_page_so_many_more(budget: Budget, pages: int) -> None:
    wanted = Counter(RUN)
    for _ in range(pages):
        wanted.update(PAGE)

    assert budget.cost(pages) == wanted


def test_what_a_page_costs_does_not_depend_on_how_many_records_it_has(budget: Budget) -> None:
    several = budget.cost(1)

    assert budget.cost_of(2) == several


def test_a_page_with_errors_costs_one_more_write_for_each_fifty_of_them(budget: Budget) -> None:
    well = budget.cost(1)
    budget.depot.refused = {f"P-{n}" for n in range(1, SIZE + 1)}

    assert budget.cost(1) - well == {"flows.TransactWriteItems": 1}


def test_a_page_of_which_some_requests_are_made_again_costs_that_step_once_more(budget: Budget) -> None:
    well = budget.cost(1)
    budget.depot.trouble("POST /shipments", 503, times=3)

    # The next attempt is another of its records and looks at everything anew; what is done was kept for it, and read.
    again = {"runs.PutItem": 1, "flows.GetItem": 3, "flows.PutItem": 1, "counters.GetItem": 2, "counters.PutItem": 2}
    assert budget.cost(1) - well == again

"""`python -m bench.cost`: what a million runs of five steps cost, from the AWS calls that one is measured to make.

Prices are a snapshot, without free tiers and volume discounts; see docs/cost.md. What the functions take is assumed,
not measured, because it is AWS's latency and the called services', not our CPU: the assumptions are printed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench import calls
from bench.meter import Spent
from bench.table import Cell, Table
from chalicelib.local.embedded import EmbeddedAws

PRICES_OF = "spring 2026, us-east-1, USD"
STEPS = 5
RUNS = 1_000_000

WRITE_UNIT = 0.625e-6
READ_UNIT = 0.125e-6
SQS_REQUEST = 0.40e-6
FAIR_QUEUE_REQUEST = 0.10e-6
LAMBDA_REQUEST = 0.20e-6
LAMBDA_GB_SECOND = 0.0000133334  # arm64
GATEWAY_REQUEST = 3.50e-6  # REST
STANDARD_TRANSITION = 25e-6
EXPRESS_REQUEST = 1.00e-6
EXPRESS_GB_SECOND = 0.00001667
STORED_GB_MONTH = 0.25 + 0.20  # table and point-in-time recovery

FUNCTION_GB = 1.0
EXPRESS_GB = 64 / 1024
RUN_BYTES = 4_000  # a run with five small outcomes, its entries in three indexes included


@dataclass(frozen=True, slots=True)
class Durations:
    """Assumed, in seconds. `overlapping` runs of one batch wait at the same time."""

    aws_call: float = 0.006
    called_service: float = 0.100
    own_work: float = 0.003
    overlapping: int = 1


@dataclass(frozen=True, slots=True)
class Item:
    """What one run needs of something, and what one of it costs."""

    name: str
    amount: float
    price: float

    @property
    def dollars(self) -> float:
        return self.amount * self.price * RUNS


def measure() -> Iterator[Table]:
    with EmbeddedAws():
        rig = calls.Rig()
        workflow = rig.workflow(calls.chain(STEPS))
        secret = rig.services.identity.issue("ws_bench", "user_bench", "bench").secret
        rig.admitted(workflow, secret)
        admission = rig.admitted(workflow, secret)
        rig.run(workflow)
        run = rig.run(workflow)
    yield _items_table(admission, run)
    yield _comparison_table(admission, run)


def items(admission: Spent, run: Spent, durations: Durations) -> list[Item]:
    """Everything that a run costs in its own right, from the call that starts it to its end."""
    sends = run.count("sqs.send_message")
    return [
        Item("API Gateway: request", 1, GATEWAY_REQUEST),
        Item("Lambda: requests", 1 + sends / durations.overlapping, LAMBDA_REQUEST),
        Item("Lambda: API function, GB-s", _api_seconds(admission, durations) * FUNCTION_GB, LAMBDA_GB_SECOND),
        Item("Lambda: run function, GB-s", _run_seconds(run, durations) * FUNCTION_GB, LAMBDA_GB_SECOND),
        Item("DynamoDB: writes of runs", run.write_units, WRITE_UNIT),
        Item("DynamoDB: writes of indexes", run.index_units, WRITE_UNIT),
        Item("DynamoDB: the caller's rate limit", admission.write_units, WRITE_UNIT),
        Item("DynamoDB: reads", admission.read_units + run.read_units, READ_UNIT),
        Item("SQS: send, receive, delete", sends + 2 * sends / durations.overlapping, SQS_REQUEST),
        Item("SQS: fair queue", sends, FAIR_QUEUE_REQUEST),
    ]


def _api_seconds(admission: Spent, durations: Durations) -> float:
    """Admitting the caller, creating the run, sending its message."""
    return (len(admission.calls) + 2) * durations.aws_call + durations.own_work


def _run_seconds(run: Spent, durations: Durations) -> float:
    """All but the creation and the message, which are the API function's; and the services that are called."""
    in_the_worker = len(run.calls) - 2
    waited = in_the_worker * durations.aws_call + STEPS * durations.called_service
    return (waited + durations.own_work) / durations.overlapping


def _total(found: list[Item]) -> float:
    return sum(item.dollars for item in found)


def _items_table(admission: Spent, run: Spent) -> Table:
    alone, together = (items(admission, run, Durations(overlapping=number)) for number in (1, 10))
    rows: list[list[Cell]] = [
        [one.name, one.amount, _dollars(one.dollars), ten.amount, _dollars(ten.dollars)]
        for one, ten in zip(alone, together, strict=True)
    ]
    rows.append(["together", None, _dollars(_total(alone)), None, _dollars(_total(together))])
    assumed = Durations()
    notes = (
        f"prices of {PRICES_OF}, without free tiers; a run starts by one call and makes {STEPS} HTTP calls",
        f"assumed: {assumed.aws_call * 1000:.0f} ms a call of AWS, {assumed.called_service * 1000:.0f} ms a call of a "
        f"workflow, {assumed.own_work * 1000:.0f} ms of our own, functions of {FUNCTION_GB:.0f} GB",
        f"kept beyond that: about {RUN_BYTES * RUNS / 1e9:.0f} GB, {_dollars(RUN_BYTES * RUNS / 1e9 * STORED_GB_MONTH)}"
        " a month for as long as the runs are retained, with point-in-time recovery",
    )
    columns = ("", "a run", "USD", "ten at once", "USD")
    return Table("A million five-step runs", columns, rows, notes)


def _comparison_table(admission: Spent, run: Spent) -> Table:
    """What starts the runs costs the same everywhere, so it is left out."""
    seconds = STEPS * Durations().called_service
    express = EXPRESS_REQUEST + (-(-seconds // 0.1) * 0.1) * EXPRESS_GB * EXPRESS_GB_SECOND
    alone, together = (items(admission, run, Durations(overlapping=number))[1:] for number in (1, 10))
    rows: list[list[Cell]] = [
        ["Step Functions Standard", _dollars(STEPS * STANDARD_TRANSITION * RUNS)],
        ["Step Functions Express", _dollars(express * RUNS)],
        ["Penstock, one run at a time", _dollars(_total(alone))],
        ["Penstock, ten at once", _dollars(_total(together))],
    ]
    notes = (
        "Standard: a transition for each step. Express: at most five minutes, nothing kept of a run but logs (not in",
        "the price), a failed run starts again from its beginning. Penstock: as Standard, every step recorded.",
    )
    return Table("The same without the gateway", ("", "USD"), rows, notes)


def _dollars(amount: float) -> str:
    return f"{amount:,.2f}"


if __name__ == "__main__":
    for table in measure():
        print(table.as_text())

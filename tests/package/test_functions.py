"""The packaged functions, each started by its handler string in a fresh process that sees only the package."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.package_functions import (
    FIRST_EVENTS,
    SCHEDULE_EVENT,
    Nowhere,
    api_event,
    delivery_message,
    nowhere,
    queue_event,
    run_message,
    sandbox_call,
)
from bench.package_functions import start as start_function

WORKER = "chalicelib.handlers.runs_worker"
DELIVERER = "chalicelib.handlers.deliveries_worker"
SANDBOX = "chalicelib.sandbox_function.sandbox"
TICK = "chalicelib.handlers.tick"

MOST_MODULES = {"app.app": 610, WORKER: 530, DELIVERER: 510, TICK: 485, SANDBOX: 200}
"""Every module costs about half a millisecond of every cold start. Raise a number only with a reason."""


@pytest.fixture(scope="module")
def aws() -> Iterator[Nowhere]:
    with nowhere() as stand_in:
        yield stand_in


def test_the_handlers_are_those_of_the_template(resources: dict[str, Any]) -> None:
    handlers = {each["Properties"].get("Handler") for each in resources.values()} - {None}

    assert handlers == set(FIRST_EVENTS)


def test_a_call_without_a_key_is_refused_without_asking_anybody(task_root: Path, aws: Nowhere) -> None:
    aws.asked.clear()

    started = start_function(task_root, "app.app", api_event("GET", "/v1/workflows", "/v1/workflows"), aws)

    assert started.answer["statusCode"] == 401
    assert json.loads(started.answer["body"])["error"]["code"] == "UNAUTHORIZED"
    assert aws.asked == []


def test_an_unknown_webhook_is_looked_up_and_not_found(task_root: Path, aws: Nowhere) -> None:
    aws.asked.clear()

    started = start_function(task_root, "app.app", FIRST_EVENTS["app.app"], aws)

    assert started.answer["statusCode"] == 404
    assert aws.asked == ["GetItem"]
    assert len(started.modules) <= MOST_MODULES["app.app"]


def test_the_run_function_reports_only_the_message_that_it_cannot_read(task_root: Path, aws: Nowhere) -> None:
    event = queue_event(run_message("exec_unknown"), "poison")

    started = start_function(task_root, WORKER, event, aws)

    assert started.answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert len(started.modules) <= MOST_MODULES[WORKER]


def test_the_delivery_function_reports_only_the_message_that_it_cannot_read(task_root: Path, aws: Nowhere) -> None:
    event = queue_event(delivery_message("msg_unknown"), "poison")

    started = start_function(task_root, DELIVERER, event, aws)

    assert started.answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert len(started.modules) <= MOST_MODULES[DELIVERER]


def test_the_tick_function_asks_every_shard_of_the_due_index(task_root: Path, aws: Nowhere) -> None:
    aws.asked.clear()

    started = start_function(task_root, TICK, SCHEDULE_EVENT, aws)

    assert started.answer is None
    assert set(aws.asked) == {"Query"}
    assert len(started.modules) <= MOST_MODULES[TICK]


def test_the_sandbox_function_runs_code_and_says_what_it_did(task_root: Path, aws: Nowhere) -> None:
    aws.asked.clear()

    started = start_function(task_root, SANDBOX, sandbox_call("run", event={"n": 7}), aws)

    report = started.answer["report"]["plain"]
    assert report["error"] is None
    assert report["said"] == [["db", "seen", 7], ["emit", {"n": 7}, {"id": 7}]]
    assert {"process", "rlimits", "no_new_privs"} <= set(report["stats"]["isolation"])
    assert aws.asked == []
    assert len(started.modules) <= MOST_MODULES[SANDBOX]


def test_the_sandbox_function_loads_nothing_that_speaks_to_aws(task_root: Path, aws: Nowhere) -> None:
    started = start_function(task_root, SANDBOX, FIRST_EVENTS[SANDBOX], aws)

    assert started.answer["description"]["plain"]["name"] == "Ping"
    assert started.modules & {"botocore", "pynamodb", "chalicelib.bootstrap", "chalicelib.store", "chalice"} == set()


@pytest.mark.parametrize("handler", sorted(FIRST_EVENTS))
def test_the_engine_is_loaded_into_none_of_our_processes(task_root: Path, aws: Nowhere, handler: str) -> None:
    started = start_function(task_root, handler, FIRST_EVENTS[handler], aws)

    assert started.modules & {"quickjs", "_quickjs"} == set()
    runs_code = {name for name in started.modules if name.startswith("chalicelib.sandbox.")}
    assert not runs_code or handler == SANDBOX


def test_functions_without_routes_load_neither_chalice_nor_the_api(task_root: Path, aws: Nowhere) -> None:
    started = start_function(task_root, TICK, None, aws)

    assert not [name for name in started.modules if name == "app" or name.startswith(("chalice.", "chalicelib.api"))]


def test_a_message_of_a_run_loads_nothing_of_schedules_sources_or_pins_data(task_root: Path, aws: Nowhere) -> None:
    started = start_function(task_root, WORKER, queue_event(run_message("exec_unknown")), aws)

    unwanted = ("services.schedules.", "services.sources.", "services.pins.data", "services.flows.", "store.pins")
    loaded = {name.removeprefix("chalicelib.") for name in started.modules}
    assert not [name for name in loaded if name.startswith(unwanted)]


@pytest.mark.parametrize("handler", sorted(FIRST_EVENTS))
def test_no_function_loads_what_only_developers_need(task_root: Path, aws: Nowhere, handler: str) -> None:
    started = start_function(task_root, handler, None, aws)

    unwanted = {"boto3", "s3transfer", "moto", "pip", "setuptools", "unittest", "multiprocessing", "asyncio"}
    assert started.modules & unwanted == set()

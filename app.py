"""Wiring: the Chalice app with its doors, and the handlers of queue and schedule.

Handlers live here, not in blueprints: a function whose handler is elsewhere would start without this module.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from chalice.app import Chalice, CloudWatchEvent, Rate, SQSEvent

from chalicelib import config
from chalicelib.api.celigo import routes as celigo
from chalicelib.api.common import fallback as fallbacks
from chalicelib.api.common.doors import Doors, Guest
from chalicelib.api.common.mount import blueprint, middleware, share
from chalicelib.api.common.pipeline import Pipeline
from chalicelib.api.console import routes as console
from chalicelib.api.document import routes as document
from chalicelib.api.exeoflow import routes as exeoflow
from chalicelib.api.pindown import routes as pindown
from chalicelib.api.pipedream import routes as pipedream
from chalicelib.api.twinit import routes as twinit

if TYPE_CHECKING:
    from chalicelib.api.common.describe import DoorDocument
    from chalicelib.bootstrap import Services


def build(services: Callable[[], Any]) -> tuple[Chalice, Pipeline]:
    """An app with every door, over services that are asked for when the first call comes in."""
    # An environment of its own, because Chalice writes to the one that it is given.
    chalice = Chalice(app_name="penstock", env={}, configure_logs=False)
    exeoflow_door, inbound_door = exeoflow.doors(services)
    pipedream_door, celigo_door = pipedream.door(services), celigo.door(services)
    # Which bodies are binary is ours to say, answer by answer.
    chalice.api.binary_types = []
    pipeline = Pipeline(
        Doors(
            (
                exeoflow_door,
                inbound_door,
                pipedream_door,
                pipedream.interface_door(),
                twinit.door(services),
                *pindown.doors(services),
                celigo_door,
                console.door(),
            ),
            otherwise=inbound_door,
            guests=(
                Guest(pipedream_door, pipedream.takes),
                Guest(celigo_door, celigo.takes, alone_at=celigo.IDENTIFIED_AT),
            ),
        )
    )
    shared = share(exeoflow.routes(services), pipedream.routes(services), pipedream.takes)
    for prefix, routes in (
        (pipedream.PREFIX, shared),
        *((prefix, exeoflow.routes(services)) for prefix in exeoflow.PREFIXES if prefix != pipedream.PREFIX),
        (exeoflow.INBOUND_PREFIX, exeoflow.inbound_routes(services)),
        (pipedream.INTERFACE_PREFIX, pipedream.interface_routes(services)),
        (twinit.PREFIX, twinit.routes(services)),
        (pindown.PREFIX, pindown.routes(services)),
        (celigo.PREFIX, celigo.routes(services)),
        (pindown.PAGE_PREFIX, pindown.page_routes(services)),
        ("", document.routes(services, documents)),
        (console.PREFIX, console.routes()),
    ):
        chalice.register_blueprint(blueprint(pipeline, routes), url_prefix=prefix)
    chalice.register_middleware(middleware(pipeline), "http")
    return chalice, pipeline


def documents() -> tuple[DoorDocument, ...]:
    """What the doors say of their operations, loaded when somebody asks."""
    from chalicelib.api.celigo import document as of_celigo
    from chalicelib.api.document import pages
    from chalicelib.api.exeoflow import document as of_exeoflow
    from chalicelib.api.pindown import document as of_pindown
    from chalicelib.api.pipedream import document as of_pipedream
    from chalicelib.api.twinit import document as of_twinit

    doors = (of_exeoflow, of_pipedream, of_twinit, of_pindown, of_celigo)
    return (*(document for door in doors for document in door.documents()), pages.document())


def services() -> Services:
    """Built once per process, and only when something is to be done."""
    from chalicelib import bootstrap

    return bootstrap.services()


settings = config.from_environment()
app, _pipeline = build(services)
logging.getLogger("chalicelib").setLevel(settings.log_level)


def fallback(method: str, path: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
    """What to answer where no route is: status, headers, body. For servers that stand in for the gateway."""
    answer = fallbacks.answer(_pipeline, app.routes, method, path, headers)
    return answer.status, answer.headers, answer.body.encode()


@app.on_sqs_message(queue=settings.runs_queue, batch_size=10)
def runs_worker(event: SQSEvent) -> dict[str, Any]:
    """Advances the runs that the messages name; reports those to be delivered again."""
    context: Any = event.context
    failures: dict[str, Any] = services().worker.handle_batch(event.to_dict(), context.get_remaining_time_in_millis())
    return failures


@app.on_sqs_message(queue=settings.deliveries_queue, batch_size=10)
def deliveries_worker(event: SQSEvent) -> dict[str, Any]:
    """Tells the events and attempts the deliveries that the messages name; reports those to be delivered again."""
    context: Any = event.context
    remaining_ms = context.get_remaining_time_in_millis()
    failures: dict[str, Any] = services().deliveries_worker.handle_batch(event.to_dict(), remaining_ms)
    return failures


@app.lambda_function()
def sandbox(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Runs other people's code, for the functions above."""
    from chalicelib import sandbox_function

    return sandbox_function.sandbox(event, context)


@app.schedule(Rate(1, unit=Rate.MINUTES))
def tick(event: CloudWatchEvent) -> None:
    """Enqueues whatever has become due."""
    services().tick.run()

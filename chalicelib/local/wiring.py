"""The product as the local stack runs it: the same app and handlers that are deployed, over the chosen backend."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.local import rights
from chalicelib.local.assembly import Assembly
from chalicelib.local.backend import Backend
from chalicelib.local.resources import create_resources

if TYPE_CHECKING:
    from chalicelib.bootstrap import Services
    from chalicelib.store.aws import AwsClients

STAGE = "local"
DELIVERY_INVOCATIONS = 16
"""One is busy for as long as the slowest receiver of its batch."""

_DEFAULTS = {
    "STAGE": STAGE,
    "RATE_LIMIT_PER_MINUTE": "1000000",
    "OUTBOUND_ALLOW": "127.0.0.0/8,::1/128",
    "LOG_LEVEL": "WARNING",
}


def assemble(backend: Backend) -> Assembly:
    """Creates what the template describes, and wires app.py to it. The environment may override every setting."""
    from chalicelib import bootstrap, config
    from chalicelib.store.aws import AwsClients

    settings = config.from_environment({**_DEFAULTS, "PUBLIC_BASE_URL": backend.base_url, **os.environ})
    clients = AwsClients(backend.endpoint_url, backend.region)
    resources = create_resources(clients, settings.stage)
    settings = replace(
        settings,
        identities_table=resources.tables.identities,
        definitions_table=resources.tables.definitions,
        runs_table=resources.tables.runs,
        counters_table=resources.tables.counters,
        events_table=resources.tables.events,
        deliveries_table=resources.tables.deliveries,
        pins_table=resources.tables.pins,
        flows_table=resources.tables.flows,
        bodies_bucket=resources.bucket,
        runs_queue_url=resources.runs_queue_url,
        deliveries_queue_url=resources.deliveries_queue_url,
        accounts_kms_key=settings.accounts_kms_key or accounts_key(clients, settings.stage),
    )
    services = bootstrap.Services(settings, clients)
    bootstrap.use(services)
    # `app` and `handlers` read them when they are imported.
    os.environ.setdefault("STAGE", settings.stage)
    os.environ.setdefault("LOG_LEVEL", settings.log_level)
    import app
    from chalicelib import handlers

    for client in (clients.dynamodb, clients.sqs, clients.s3, clients.kms):
        rights.restrict(client, resources.names)

    return Assembly(
        app=app.app,
        sqs_handlers={
            resources.runs_queue_url: rights.acting("runs_worker", handlers.runs_worker),
            resources.deliveries_queue_url: rights.acting("deliveries_worker", handlers.deliveries_worker),
        },
        concurrency_of={resources.deliveries_queue_url: DELIVERY_INVOCATIONS},
        tick_handler=rights.acting("tick", handlers.tick),
        create_keys=lambda keys: create_keys(services, keys),
        fallback=app.fallback,
        around_api=lambda: rights.acting_as("api_handler"),
    )


def accounts_key(clients: AwsClients, stage: str) -> str | None:
    """A key of the stand-in for AWS, always the same one; None where there is no key service. It lives as long as
    what it has encrypted, for both are the stand-in's."""
    alias = f"alias/penstock-{stage}-accounts"
    try:
        with suppress(clients.kms.exceptions.NotFoundException):
            return str(clients.kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"])
        key = str(clients.kms.create_key(Description="credentials of accounts")["KeyMetadata"]["KeyId"])
        clients.kms.create_alias(AliasName=alias, TargetKeyId=key)
    except (ClientError, BotoCoreError):
        return None
    return key


def create_keys(services: Services, keys: Mapping[str, str]) -> None:
    """One workspace for each user, named after them, so that a stack that keeps its state finds them again."""
    for user, secret in keys.items():
        services.identity.issue(f"ws_{user}", f"user_{user}", "development", secret=secret)

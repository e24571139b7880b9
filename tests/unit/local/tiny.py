"""A product of a few lines, to run a stack with: an order becomes a message, a message an item."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from chalice.app import Chalice, SQSEvent, UnauthorizedError

from chalicelib.local.__main__ import main
from chalicelib.local.assembly import Assembly
from chalicelib.local.backend import Backend


def assemble(backend: Backend) -> Assembly:
    dynamodb, sqs = backend.client("dynamodb"), backend.client("sqs")
    _create_table(dynamodb)
    queue_url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    app = Chalice("tiny")
    keys: dict[str, str] = {}
    ticks: list[str] = []

    @app.route("/orders", methods=["POST"])
    def order() -> dict[str, Any]:
        given: Any = app.current_request
        user = keys.get(given.headers.get("authorization", "").removeprefix("Bearer "))
        if user is None:
            raise UnauthorizedError("who are you?")
        sqs.send_message(QueueUrl=queue_url, MessageBody=given.raw_body.decode())
        return {"user": user, "base_url": backend.base_url}

    @app.route("/orders/{order_id}")
    def show(order_id: str) -> dict[str, Any]:
        found = dynamodb.get_item(TableName="orders", Key={"id": {"S": order_id}})
        return {"found": "Item" in found, "ticks": len(ticks)}

    @app.on_sqs_message(queue="orders")
    def work(event: SQSEvent) -> None:
        for record in event:
            dynamodb.put_item(TableName="orders", Item={"id": {"S": json.loads(record.body)["id"]}})

    def create_keys(given: Mapping[str, str]) -> None:
        keys.update({key: user for user, key in given.items()})

    return Assembly(
        app=app,
        sqs_handlers={"orders": work},
        tick_handler=lambda event, _context: ticks.append(event["id"]),
        create_keys=create_keys,
    )


def _create_table(dynamodb: Any) -> None:
    try:
        dynamodb.create_table(
            TableName="orders",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )
    except dynamodb.exceptions.ResourceInUseException:
        return  # kept on disk by an earlier start


if __name__ == "__main__":
    sys.exit(main(assemble))

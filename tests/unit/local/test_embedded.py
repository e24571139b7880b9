"""The remedies change how fast moto answers and whether it survives threads, never what it answers."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError

from chalicelib.local.embedded import EmbeddedAws

REGION = "us-east-1"


def client(service: str) -> Any:
    session = botocore.session.get_session()
    return session.create_client(service, region_name=REGION, config=Config(retries={"total_max_attempts": 1}))


@pytest.fixture
def embedded() -> Iterator[EmbeddedAws]:
    with EmbeddedAws() as aws:
        yield aws


def make_tables(dynamodb: Any) -> None:
    keys = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    dynamodb.create_table(
        TableName="runs",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=keys,
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": kind}
            for name, kind in {"pk": "S", "sk": "S", "owner": "S", "due": "N"}.items()
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_owner",
                "KeySchema": [
                    {"AttributeName": "owner", "KeyType": "HASH"},
                    {"AttributeName": "due", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            },
            {
                "IndexName": "owner_only",
                "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            },
        ],
    )
    dynamodb.create_table(
        TableName="marks",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=keys[:1],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    )


def outcome(call: Callable[[], Any]) -> Any:
    """What a caller sees, without what differs from call to call anyway."""
    try:
        answer = call()
    except ClientError as error:
        return (
            type(error).__name__,
            str(error),
            {k: v for k, v in error.response.items() if k != "ResponseMetadata"},
            error.response["ResponseMetadata"]["HTTPStatusCode"],
        )
    except Exception as error:  # noqa: BLE001 - moto lets some of its own errors through
        return type(error), str(error)
    answer.pop("ResponseMetadata", None)
    return answer


class Traffic:
    """Random but repeatable calls, including wrong ones."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def calls(self, count: int) -> Iterator[tuple[str, dict[str, Any]]]:
        kinds = (self.put, self.update, self.delete, self.get, self.query, self.index_query, self.transact)
        for _ in range(count):
            yield self.random.choice(kinds)()

    def key(self) -> dict[str, Any]:
        return {"pk": {"S": f"p{self.random.randrange(3)}"}, "sk": {"S": f"s{self.random.randrange(12):02}"}}

    def item(self) -> dict[str, Any]:
        item: dict[str, Any] = {
            **self.key(),
            "status": {"S": self.random.choice(["running", "waiting"])},
            "count": {"N": str(self.random.randrange(5))},
            "raw": {"B": self.random.randbytes(6)},
            "tags": {"SS": ["a", "b"]},
            "nested": {"M": {"list": {"L": [{"BOOL": True}, {"NULL": True}, {"N": "1.5"}]}}},
        }
        if self.random.random() < 0.8:
            item["owner"] = {"S": f"o{self.random.randrange(2)}"}
        if self.random.random() < 0.8:
            item["due"] = {"N": str(self.random.choice([1, 2, 3, 10, 20, 100]))}
        return item

    def put(self) -> tuple[str, dict[str, Any]]:
        call: dict[str, Any] = {"TableName": "runs", "Item": self.item()}
        match self.random.randrange(4):
            case 0:
                call["ConditionExpression"] = "attribute_not_exists(pk)"
            case 1:
                call |= {
                    "ConditionExpression": "#s = :s OR attribute_not_exists(pk)",
                    "ExpressionAttributeNames": {"#s": "status"},
                    "ExpressionAttributeValues": {":s": {"S": "waiting"}},
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                }
            case 2:
                call["ReturnValues"] = "ALL_OLD"
        return "put_item", call

    def update(self) -> tuple[str, dict[str, Any]]:
        expression = self.random.choice(
            [
                "SET #s = :s, #n = #n + :one REMOVE due",
                "SET #s = :s, due = :ten ADD visits :one",
                "SET #s = if_not_exists(missing, :s), nested.added = :one",
                "SET #s = :s, status = :s",
                "SET #s = :unknown",
                "SET #s == :s",
                "SET pk = :s",
            ]
        )
        names = {"#s": "status"} | ({"#n": "count"} if "#n" in expression else {})
        values = {":s": {"S": "running"}, ":one": {"N": "1"}, ":ten": {"N": "10"}}
        call = {
            "TableName": "runs",
            "Key": self.key(),
            "UpdateExpression": expression,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {k: v for k, v in values.items() if k in expression} or {":s": values[":s"]},
            "ReturnValues": self.random.choice(["NONE", "ALL_NEW", "ALL_OLD", "UPDATED_NEW", "UPDATED_OLD"]),
        }
        if self.random.random() < 0.5:
            call["ConditionExpression"] = "#s = :s AND attribute_exists(pk)"
        return "update_item", call

    def delete(self) -> tuple[str, dict[str, Any]]:
        call: dict[str, Any] = {"TableName": "runs", "Key": self.key(), "ReturnValues": "ALL_OLD"}
        if self.random.random() < 0.3:
            call |= {
                "ConditionExpression": "size(raw) > :n",
                "ExpressionAttributeValues": {":n": {"N": "3"}},
            }
        return "delete_item", call

    def get(self) -> tuple[str, dict[str, Any]]:
        call: dict[str, Any] = {"TableName": "runs", "Key": self.key()}
        match self.random.randrange(5):
            case 0:
                call["ProjectionExpression"] = "pk, nested"
            case 1:
                call["ProjectionExpression"] = "status, sk"
            case 2:
                call["Key"] = {"pk": call["Key"]["pk"]}
            case 3:
                call["TableName"] = "nowhere"
        return "get_item", call

    def query(self) -> tuple[str, dict[str, Any]]:
        condition, names = self.random.choice(
            [
                ("pk = :p", [":p"]),
                ("pk = :p AND sk > :a", [":p", ":a"]),
                ("pk = :p AND sk >= :a", [":p", ":a"]),
                ("pk = :p AND sk < :b", [":p", ":b"]),
                ("pk = :p AND sk <= :b", [":p", ":b"]),
                ("pk = :p AND sk = :a", [":p", ":a"]),
                ("pk = :p AND sk BETWEEN :a AND :b", [":p", ":a", ":b"]),
                ("pk = :p AND sk BETWEEN :b AND :a", [":p", ":a", ":b"]),
                ("pk = :p AND begins_with(sk, :c)", [":p", ":c"]),
                ("sk = :a", [":a"]),
            ]
        )
        values = {
            ":p": {"S": f"p{self.random.randrange(4)}"},
            ":a": {"S": f"s{self.random.randrange(12):02}"},
            ":b": {"S": f"s{self.random.randrange(12):02}"},
            ":c": {"S": self.random.choice(["s0", "s1", "x", ""])},
        }
        call: dict[str, Any] = {
            "TableName": "runs",
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": {name: values[name] for name in names},
            "ScanIndexForward": self.random.random() < 0.5,
        }
        if self.random.random() < 0.6:
            call["Limit"] = self.random.randrange(1, 6)
        if self.random.random() < 0.3:
            start = f"s{self.random.randrange(14):02}"
            call["ExclusiveStartKey"] = {"pk": {"S": f"p{self.random.randrange(3)}"}, "sk": {"S": start}}
        match self.random.randrange(6):
            case 0:
                call["FilterExpression"] = "attribute_exists(due)"
            case 1:
                call["ProjectionExpression"] = "sk, raw"
            case 2:
                call["Select"] = "COUNT"
            case 3:
                call["ConsistentRead"] = True
        return "query", call

    def index_query(self) -> tuple[str, dict[str, Any]]:
        index = self.random.choice(["by_owner", "by_owner", "owner_only", "missing"])
        call: dict[str, Any] = {
            "TableName": "runs",
            "IndexName": index,
            "KeyConditionExpression": "#o = :o",
            "ExpressionAttributeNames": {"#o": "owner"},
            "ExpressionAttributeValues": {":o": {"S": f"o{self.random.randrange(3)}"}},
            "ScanIndexForward": self.random.random() < 0.5,
        }
        if index == "by_owner" and self.random.random() < 0.6:
            call["KeyConditionExpression"] += f" AND due {self.random.choice(['<=', '>', '=', '<', '>='])} :d"
            call["ExpressionAttributeValues"][":d"] = {"N": self.random.choice(["2", "10", "1e1", "50"])}
        if self.random.random() < 0.6:
            call["Limit"] = self.random.randrange(1, 6)
        if self.random.random() < 0.3:
            call["ExclusiveStartKey"] = {
                **self.key(),
                "owner": call["ExpressionAttributeValues"][":o"],
                "due": {"N": self.random.choice(["1", "10", "11"])},
            }
        return "query", call

    def transact(self) -> tuple[str, dict[str, Any]]:
        put: dict[str, Any] = {"TableName": "runs", "Item": self.item()}
        mark = {"pk": {"S": f"m{self.random.randrange(6)}"}, "count": {"N": "1"}}
        guarded: dict[str, Any] = {
            "TableName": "marks",
            "Item": mark,
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        update = {
            "TableName": "runs",
            "Key": self.key(),
            "UpdateExpression": "SET due = :d",
            "ExpressionAttributeValues": {":d": {"N": "3"}},
        }
        check = {"TableName": "runs", "Key": self.key(), "ConditionExpression": "attribute_exists(pk)"}
        operations = [{"Put": put}, {"Update": update}, {"Delete": {"TableName": "runs", "Key": self.key()}}]
        operations.append({"ConditionCheck": check} if self.random.random() < 0.3 else {"Put": guarded})
        self.random.shuffle(operations)
        return "transact_write_items", {"TransactItems": operations}


def play(seed: int, count: int, *, remedies: bool) -> list[Any]:
    with EmbeddedAws(remedies=remedies):
        dynamodb = client("dynamodb")
        make_tables(dynamodb)
        outcomes: list[Any] = []
        for operation, arguments in Traffic(seed).calls(count):
            outcomes.append((operation, arguments, outcome(lambda: getattr(dynamodb, operation)(**arguments))))  # noqa: B023
        for table in ("runs", "marks"):
            outcomes.append(outcome(lambda: dynamodb.scan(TableName=table)))  # noqa: B023
        return outcomes


@pytest.mark.parametrize("seed", range(3))
def test_tables_answer_as_without_remedies(seed: int) -> None:
    assert play(seed, 150, remedies=True) == play(seed, 150, remedies=False)


def test_parameters_are_still_validated(embedded: EmbeddedAws) -> None:
    with pytest.raises(ParamValidationError):
        client("dynamodb").put_item(TableName="runs", Item={"pk": {"S": 1}})


def test_an_answer_is_not_the_stored_item_itself(embedded: EmbeddedAws) -> None:
    dynamodb = client("dynamodb")
    make_tables(dynamodb)
    key = {"pk": {"S": "p"}, "sk": {"S": "s"}}
    dynamodb.put_item(TableName="runs", Item={**key, "tags": {"SS": ["a"]}, "list": {"L": [{"S": "x"}]}})
    dynamodb.put_item(TableName="runs", Item={"pk": {"S": "p"}, "sk": {"S": "t"}})

    queried = dynamodb.query(
        TableName="runs", KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": {"S": "p"}}
    )
    queried["Items"][0]["tags"]["SS"].append("b")
    dynamodb.get_item(TableName="runs", Key=key)["Item"]["list"]["L"].clear()

    stored = dynamodb.get_item(TableName="runs", Key=key)["Item"]
    assert stored["tags"] == {"SS": ["a"]}
    assert stored["list"] == {"L": [{"S": "x"}]}


def test_a_query_costs_the_same_in_a_large_partition(embedded: EmbeddedAws) -> None:
    from moto.dynamodb.models.dynamo_type import DynamoType

    dynamodb = client("dynamodb")
    make_tables(dynamodb)
    for number in range(600):
        key = {"pk": {"S": "p"}, "sk": {"S": f"{number:04}"}}
        dynamodb.put_item(TableName="runs", Item={**key, "owner": {"S": "o"}, "due": {"N": str(number)}})
    call = {
        "TableName": "runs",
        "IndexName": "by_owner",
        "KeyConditionExpression": "#o = :o",
        "ExpressionAttributeNames": {"#o": "owner"},
        "ExpressionAttributeValues": {":o": {"S": "o"}},
        "Limit": 3,
        "ScanIndexForward": False,
    }
    assert [item["due"]["N"] for item in dynamodb.query(**call)["Items"]] == ["599", "598", "597"]

    compared = 0
    original = DynamoType.__lt__

    def counting(left: DynamoType, right: DynamoType) -> bool:
        nonlocal compared
        compared += 1
        return original(left, right)

    DynamoType.__lt__ = counting  # type: ignore[method-assign]
    try:
        dynamodb.query(**call)
    finally:
        DynamoType.__lt__ = original  # type: ignore[method-assign]
    assert compared < 20


def test_compare_and_set_loses_nothing_between_threads(embedded: EmbeddedAws) -> None:
    dynamodb = client("dynamodb")
    make_tables(dynamodb)
    dynamodb.put_item(TableName="marks", Item={"pk": {"S": "m"}, "count": {"N": "0"}})

    def add() -> None:
        for _ in range(25):
            dynamodb.update_item(
                TableName="marks",
                Key={"pk": {"S": "m"}},
                UpdateExpression="ADD #n :one",
                ExpressionAttributeNames={"#n": "count"},
                ExpressionAttributeValues={":one": {"N": "1"}},
            )

    in_threads([add] * 8)

    assert dynamodb.get_item(TableName="marks", Key={"pk": {"S": "m"}})["Item"]["count"] == {"N": "200"}


def test_a_refused_transaction_takes_no_other_write_with_it(embedded: EmbeddedAws) -> None:
    dynamodb = client("dynamodb")
    make_tables(dynamodb)
    dynamodb.put_item(TableName="marks", Item={"pk": {"S": "taken"}})
    guarded = {
        "TableName": "marks",
        "Item": {"pk": {"S": "taken"}},
        "ConditionExpression": "attribute_not_exists(pk)",
    }

    def refuse() -> None:
        for number in range(30):
            put = {"TableName": "marks", "Item": {"pk": {"S": f"never-{number}"}}}
            with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
                dynamodb.transact_write_items(TransactItems=[{"Put": put}, {"Put": guarded}])

    def write() -> None:
        for number in range(30):
            dynamodb.put_item(TableName="marks", Item={"pk": {"S": f"kept-{number}"}})

    in_threads([refuse, write, refuse])

    items = dynamodb.scan(TableName="marks")["Items"]
    assert {item["pk"]["S"] for item in items} == {"taken", *(f"kept-{number}" for number in range(30))}


def in_threads(jobs: list[Callable[[], None]]) -> None:
    errors: list[BaseException] = []

    def guarded(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:  # noqa: BLE001 - reported by the main thread
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not errors


class QueueTraffic:
    """Random but repeatable calls to a queue with a dead-letter queue; handles are found by position."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.handles: list[str] = []

    def run(self, sqs: Any, count: int) -> list[Any]:
        dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
        redrive = '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:dead","maxReceiveCount":"2"}'
        attributes = {"VisibilityTimeout": "30", "RedrivePolicy": redrive}
        url = sqs.create_queue(QueueName="runs", Attributes=attributes)["QueueUrl"]
        outcomes: list[Any] = []
        for number in range(count):
            step = self.random.choice([self.send, self.send, self.receive, self.receive, self.finish, self.hide])
            outcomes.append((step.__name__, step(sqs, url, number)))
        for queue in (url, dead):
            names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "RedrivePolicy"]
            outcomes.append(outcome(lambda: sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)))  # noqa: B023
            outcomes.append(self.receive(sqs, queue, 0))
        return outcomes

    def send(self, sqs: Any, url: str, number: int) -> Any:
        attributes = {"n": {"DataType": "String", "StringValue": str(number)}, "b": {"DataType": "Binary"}}
        attributes["b"]["BinaryValue"] = b"\x00\xff"  # type: ignore[assignment]
        delay = self.random.choice([0, 0, 0, 900, 901])
        answer = outcome(
            lambda: sqs.send_message(
                QueueUrl=url, MessageBody=f"message {number}", MessageAttributes=attributes, DelaySeconds=delay
            )
        )
        return {k: v for k, v in answer.items() if k != "MessageId"} if isinstance(answer, dict) else answer

    def receive(self, sqs: Any, url: str, _: int) -> Any:
        hidden = self.random.choice([0, 30])
        wanted = self.random.choice([["All"], ["n"], ["b.*"], []])
        answer = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=self.random.randrange(1, 11),
            VisibilityTimeout=hidden,
            MessageAttributeNames=wanted,
            AttributeNames=["ApproximateReceiveCount", "SenderId"],
        )
        messages = answer.get("Messages", [])
        self.handles += [message.pop("ReceiptHandle") for message in messages]
        assert len({message.pop("MessageId") for message in messages}) == len(messages)
        return messages

    def finish(self, sqs: Any, url: str, _: int) -> Any:
        handle = self.random.choice(self.handles) if self.handles else "unknown"
        return self.hiding_handles(lambda: sqs.delete_message(QueueUrl=url, ReceiptHandle=handle))

    def hide(self, sqs: Any, url: str, _: int) -> Any:
        handle = self.random.choice(self.handles) if self.handles else "unknown"
        seconds = self.random.choice([0, 30, 43201])
        return self.hiding_handles(
            lambda: sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=seconds)
        )

    def hiding_handles(self, call: Callable[[], Any]) -> Any:
        return outcome(call)


@pytest.mark.parametrize("seed", range(3))
def test_queues_answer_as_without_remedies(seed: int) -> None:
    answers = []
    for remedies in (True, False):
        with EmbeddedAws(remedies=remedies):
            answers.append(QueueTraffic(seed).run(client("sqs"), 150))

    assert answers[0] == answers[1]


def test_all_attributes_of_a_queue_are_as_without_remedies() -> None:
    answers = []
    for remedies in (True, False):
        with EmbeddedAws(remedies=remedies):
            sqs = client("sqs")
            url = sqs.create_queue(QueueName="q", Attributes={"DelaySeconds": "1"})["QueueUrl"]
            sqs.send_message(QueueUrl=url, MessageBody="x")
            attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            answers.append({k: v for k, v in attributes.items() if not k.endswith("Timestamp")})

    assert answers[0] == answers[1]


def test_a_long_poll_sees_a_message_at_once_and_blocks_nobody(embedded: EmbeddedAws) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    received: list[float] = []

    def poll() -> None:
        while len(received) < 5:
            answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10, MessageAttributeNames=["All"])
            sent = float(answer["Messages"][0]["Body"])
            received.append(time.monotonic() - sent)
            seen.release()

    seen = threading.Semaphore(0)
    poller = threading.Thread(target=poll)
    poller.start()
    for _ in range(5):
        sqs.send_message(QueueUrl=url, MessageBody=str(time.monotonic()))
        assert seen.acquire(timeout=5)
    poller.join(5)

    assert min(received) < 0.01


def test_a_long_poll_wakes_when_a_delayed_message_becomes_visible(embedded: EmbeddedAws) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=1)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)

    started = time.monotonic()
    answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)

    assert [message["Body"] for message in answer["Messages"]] == ["later"]
    assert 0.5 < time.monotonic() - started < 9


def test_moto_is_left_as_it_was() -> None:
    from moto.dynamodb.models.table import Table
    from moto.sqs.models import Queue

    before = (Table.query, vars(Queue).get("_messages"), botocore.client.BaseClient._make_api_call)

    EmbeddedAws().close()

    assert before == (Table.query, vars(Queue).get("_messages"), botocore.client.BaseClient._make_api_call)

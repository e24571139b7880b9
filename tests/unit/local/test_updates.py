"""Updates that are carried out without moto's syntax trees answer, store and refuse what moto does."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from chalicelib.local.embedded import EmbeddedAws
from chalicelib.local.moto_updates import plain_actions

NAMES = {"#a": "status", "#b": "count", "#c": "due", "#d": "absent", "#e": "pk", "#f": "status", "#g": "tags"}
VALUES = {":s": {"S": "x"}, ":n": {"N": "2"}, ":t": {"SS": ["c"]}, ":empty": {"S": ""}, ":m": {"M": {"k": {"N": "1"}}}}
PLAIN = (
    "SET #a = :s",
    "SET #a = :s, #c=:n ADD #b :n REMOVE #d, #g",
    "ADD #b :n, #d :n",
    "REMOVE #c",
    "SET #d = if_not_exists(#d, :s), #a = if_not_exists( #a , :m )",
    "SET #a = :m",
)
REFUSED = (
    "SET #a = :s, #f = :s",  # one attribute by two names
    "SET #e = :s",  # a key
    "SET #c = :s",  # an index key of another type
    "SET #c = :empty",
    "ADD #a :n",  # not a number
    "ADD #b :s",
)
OTHERS = (
    "SET #b = #b + :n",
    "SET #a = if_not_exists(#d, :s)",
    "ADD #g :t",
    "DELETE #g :t",
    "SET #g.#a = :s",
    "SET status = :s",
    "SET #a = :s SET #b = :n",
    "SET #a == :s",
    "SET #a = :s,",
    "REMOVE",
)


def answers(expression: str, *, remedies: bool) -> list[Any]:
    """What the update answers, twice, and what is stored then, for an item that exists and for one that does not."""
    with EmbeddedAws(remedies=remedies):
        session = botocore.session.get_session()
        client = session.create_client("dynamodb", region_name="us-east-1")
        client.create_table(
            TableName="t",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "due", "AttributeType": "N"},
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by_due",
                    "KeySchema": [{"AttributeName": "due", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )
        item = {"pk": {"S": "known"}, "status": {"S": "y"}, "count": {"N": "1.5"}, "due": {"N": "7"}}
        client.put_item(TableName="t", Item={**item, "tags": {"SS": ["b"]}})
        found = []
        for key in ("known", "new"):
            found += [update(client, key, expression), update(client, key, expression)]
            found.append(client.get_item(TableName="t", Key={"pk": {"S": key}}).get("Item"))
        return found


def update(client: Any, key: str, expression: str) -> Any:
    words = expression.replace(",", " ").replace("(", " ").replace(")", " ").replace(".", " ").replace("=", " ").split()
    call = {"TableName": "t", "Key": {"pk": {"S": key}}, "UpdateExpression": expression, "ReturnValues": "ALL_NEW"}
    names = {name: attribute for name, attribute in NAMES.items() if name in words}
    values = {name: value for name, value in VALUES.items() if name in words}
    call |= {"ExpressionAttributeNames": names} if names else {}
    call |= {"ExpressionAttributeValues": values} if values else {}
    try:
        return client.update_item(**call).get("Attributes")
    except ClientError as error:
        return error.response["Error"]


@pytest.mark.parametrize("expression", [*PLAIN, *REFUSED, *OTHERS])
def test_an_update_does_what_it_does_without_remedies(expression: str) -> None:
    assert answers(expression, remedies=True) == answers(expression, remedies=False)


@pytest.mark.parametrize("expression", [*PLAIN, *REFUSED])
def test_whole_attributes_by_placeholders_are_plain(expression: str) -> None:
    assert plain_actions(expression)


@pytest.mark.parametrize("expression", OTHERS)
def test_anything_else_is_left_to_moto(expression: str) -> None:
    # What is plain but not for numbers is found out when the values are known.
    assert plain_actions(expression) is None or expression == "ADD #g :t"

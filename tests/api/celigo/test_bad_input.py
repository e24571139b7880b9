"""Documents made at random out of good ones: whatever comes is taken or refused, and nothing breaks."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.celigo.conftest import CONNECTION, EXPORT, IMPORT, LISTENER, Depot

ROUNDS = 40
TEXTS = (
    "",
    "\x00",
    "é" * 300,
    "{{record.x}}",
    "{{#if}}",
    "$.a[*].b",
    "a..b",
    "[",
    "? 0 2 ? * *",
    "******",
    "\r\n",
    "script",
    "66b1f150c4d7e8910a2b3c31",
)
NAMES = (
    "auth",
    "branches",
    "delta",
    "encrypted",
    "expression",
    "fields",
    "filter",
    "hooks",
    "http",
    "inputFilter",
    "lists",
    "lookups",
    "mapping",
    "mappings",
    "mockOutput",
    "once",
    "pageGenerators",
    "pageProcessors",
    "paging",
    "ping",
    "response",
    "responseMapping",
    "rest",
    "routers",
    "rules",
    "settings",
    "transform",
    "type",
    "webhook",
    "a/b~c.d",
)


def anything(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.randrange(10 if depth < 3 else 6)
    if kind < 3:
        return chance.choice((None, True, False, 0, -1, 10**30, 0.5, -1e300))
    if kind < 6:
        return chance.choice(TEXTS)
    if kind < 8:
        return [anything(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {chance.choice(NAMES): anything(chance, depth + 1) for _ in range(chance.randrange(4))}


def holders(value: Any) -> Iterator[Any]:
    """Every object and list in it that is not empty."""
    if isinstance(value, dict | list) and value:
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from holders(inner)


def spoilt(document: Any, chance: random.Random) -> Any:
    spoilt = copy.deepcopy(document)
    for _ in range(chance.randrange(1, 4)):
        holder = chance.choice([*holders(spoilt)])
        if isinstance(holder, list):
            holder[chance.randrange(len(holder))] = anything(chance)
        else:
            holder[chance.choice((*holder, *NAMES))] = anything(chance)
    return spoilt


@pytest.mark.parametrize("seed", range(3))
def test_whatever_comes_is_taken_or_refused(seed: int, depot: Depot) -> None:
    chance = random.Random(seed)
    flow = depot.flow()
    with_connection = {"_connectionId": depot.connection_id}
    kinds = {
        "exports": [{**EXPORT, **with_connection}, LISTENER],
        "imports": [{**IMPORT, **with_connection}],
        "connections": [CONNECTION],
        "flows": [flow],
        "integrations": [{"name": "Depot"}],
    }
    for _ in range(ROUNDS):
        kind = chance.choice(sorted(kinds))
        answers = [depot.call("POST", f"/{kind}", spoilt(chance.choice(kinds[kind]), chance))]
        if answers[0].status == 201:
            path = f"/{kind}/{answers[0].json['_id']}"
            answers.append(depot.call("PUT", path, spoilt(answers[0].json, chance)))
            answers.append(depot.call("GET", path))
        answers.append(depot.call("POST", f"/flows/{flow['_id']}/clone", anything(chance)))
        answers.append(depot.call("POST", f"/flows/{flow['_id']}/run", {"export": anything(chance)}))

        assert [answer.status for answer in answers if answer.status not in (200, 201, 400, 422)] == []

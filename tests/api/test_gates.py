"""Nobody is let in: every address of every door against everybody who should stay outside."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from chalicelib.domain.identity import SCOPES
from tests.api.celigo.conftest import CONNECTION
from tests.api.gate_house import TWINIT, House, other_id
from tests.api.gates import ANY_KEY, Gate, gates, open_gates
from tests.api.gateway import Answer
from tests.api.twinit.house import NAMESPACE

KEYED = gates()
EVERYBODY, ADDRESS, SECRET, PUBLIC = (
    "to everybody",
    "to those who know the address",
    "to those who know the secret of the thing",
    "to everybody if the thing is public",
)
SHORTEST_ID = 10
# Whoever asks for a pin or a board that is not theirs is told that it is not: so says the API's documentation.
TELLING = ("/api/pins/", "/api/pinboards/", "/api/workflow-data/")


@pytest.fixture(scope="module")
def house() -> House:
    return House()


def listed(house: House, gates_: Iterable[Gate]) -> list[tuple[Gate, str]]:
    return [(gate, house.target(gate.path, house.ids)) for gate in gates_]


def opened(lets_in: str) -> list[Gate]:
    found = [gate for gate in open_gates() if gate.lets_in == lets_in]
    assert found, lets_in
    return found


def test_the_table_names_every_route_of_every_door(house: House) -> None:
    served = sorted((verb, path) for path, verbs in house.world.app.routes.items() for verb in verbs)

    assert sorted((gate.verb, gate.path) for gate in (*KEYED, *open_gates())) == served
    assert {scope for gate in KEYED for scope in gate.lets_in.split("+")} <= {*SCOPES, ANY_KEY}


def test_who_has_no_key_is_refused_everywhere(house: House) -> None:
    world = house.world
    ended = world.services.identity.issue("ws_one", "user_ws_one", "ended")
    world.services.identity.revoke("ws_one", ended.key.id)
    before = world.stored()

    let_in = [
        (gate, headers, answer.status)
        for gate, target in listed(house, KEYED)
        for headers in ({}, {"authorization": f"Bearer {ended.secret}"})
        for answer in [world.call(gate.verb, target, key=None, headers=headers)]
        if answer.status != 401
    ]

    assert let_in == []
    assert world.stored() == before


def test_what_proves_something_elsewhere_is_no_key(house: House) -> None:
    world = house.world
    brought = (
        *({"authorization": f"Bearer {secret}"} for secret in (*house.other_secrets, "psk_nobody", "")),
        {"authorization": f"Basic {world.key}"},
        {"x-api-key": world.key, "cookie": f"key={world.key}"},
    )
    # Doors differ by the beginnings of their addresses, so one address of each will do.
    one_of_each = {"/".join(gate.path.split("/")[:3]): gate for gate in KEYED}
    before = world.stored()

    let_in = [
        (gate, headers, answer.status)
        for gate, target in listed(house, one_of_each.values())
        for headers in brought
        for answer in [world.call(gate.verb, target, key=None, headers=headers)]
        if answer.status != 401
    ]

    assert let_in == []
    assert world.stored() == before


def test_a_key_in_the_address_is_no_key(house: House) -> None:
    let_in = []
    for gate, target in listed(house, KEYED):
        joined = "&" if "?" in target else "?"
        asked = f"{target}{joined}api_key={house.world.key}&token={house.world.key}&authorization={house.world.key}"
        if house.world.call(gate.verb, asked, key=None).status != 401:
            let_in.append(gate)

    assert let_in == []


def test_a_key_that_lacks_the_scope_is_refused_even_with_all_others(house: House) -> None:
    world = house.world
    scoped = [gate for gate in KEYED if gate.lets_in != ANY_KEY]
    lacking = {
        scope: world.new_key("ws_one", *sorted(SCOPES - {scope}))
        for scope in sorted({scope for gate in scoped for scope in gate.lets_in.split("+")})
    }
    before = world.stored()

    let_in = [
        (gate, scope, answer.status)
        for gate, target in listed(house, scoped)
        for scope in gate.lets_in.split("+")
        for answer in [world.call(gate.verb, target, _naming(house, gate), key=lacking[scope])]
        if answer.status != 403
    ]

    assert let_in == []
    assert world.stored() == before


def test_the_scope_alone_is_enough(house: House) -> None:
    world = house.world
    having = {
        lets_in: world.new_key("ws_three", *(["pins:read"] if lets_in == ANY_KEY else lets_in.split("+")))
        for lets_in in sorted({gate.lets_in for gate in KEYED})
    }

    refused = [
        (gate, answer.status)
        for gate in KEYED
        for answer in [world.call(gate.verb, house.target(gate.path, house.unknown), key=having[gate.lets_in])]
        if answer.status in (401, 403)
    ]

    assert refused == []


def test_a_key_restricted_to_another_namespace_is_refused_everywhere(house: House) -> None:
    world = house.world
    restricted = world.new_key("ws_one", "*", "namespace:elsewhere")
    before = world.stored()

    let_in = [
        (gate, answer.status)
        for gate, target in listed(house, KEYED)
        for answer in [world.call(gate.verb, target, key=restricted)]
        if answer.status != 403
    ]

    assert let_in == []
    assert world.stored() == before


def test_another_workspaces_key_learns_no_more_than_that_of_nobody(house: House) -> None:
    world = house.world
    before = world.stored()

    told = [
        (gate, foreign.status, unknown.status)
        for gate, target in listed(house, KEYED)
        if "{" in gate.path and not _is_shown_to_all(gate)
        for foreign, unknown in [_both(house, gate, target)]
        if (foreign.status, _unnamed(house, foreign)) != (unknown.status, _undated(unknown))
        and not _may_tell(gate, foreign)
    ]

    assert told == []
    assert world.stored() == before


def test_no_answer_to_another_workspace_names_anything_of_this_one(house: House) -> None:
    own = {id_ for id_ in house.ids.values() if len(id_) >= SHORTEST_ID and "_summaries" not in id_}

    named = [
        (gate, sorted(found))
        for gate, target in listed(house, KEYED)
        if gate.verb == "GET" and not _is_shown_to_all(gate)
        for text in [house.world.call("GET", target, key=house.world.other_key).text]
        for found in [{id_ for id_ in own if id_ in text and id_ not in target}]
        if found
    ]

    assert named == []


def test_what_is_open_to_everybody_holds_nothing_of_anybody(house: House) -> None:
    for gate, target in listed(house, opened(EVERYBODY)):
        alone = house.world.call(gate.verb, target, key=None)
        known = house.world.call(gate.verb, target)

        assert alone.status in (200, 404), gate
        assert alone.text == known.text, gate


def test_an_address_that_is_a_secret_opens_nothing_but_itself(house: House) -> None:
    for gate in opened(ADDRESS):
        for key in (None, house.world.key):
            assert house.world.call(gate.verb, house.target(gate.path, house.unknown), key=key).status == 404, gate


def test_a_thing_with_a_secret_of_its_own_takes_no_other(house: House) -> None:
    before = house.world.stored()

    for gate, target in listed(house, opened(SECRET)):
        for key in (None, house.world.key, house.endpoint_secret, "nobody"):
            assert house.world.call(gate.verb, target, {"a": 1}, key=key).status == 401, gate

    assert house.world.stored() == before


def test_what_is_not_public_is_nothing_to_strangers(house: House) -> None:
    for gate, target in listed(house, opened(PUBLIC)):
        unknown = house.world.call(gate.verb, house.target(gate.path, house.unknown), key=None)
        for key in (None, "nobody", house.world.other_key, house.world.new_key("ws_one", "*", "namespace:elsewhere")):
            answer = house.world.call(gate.verb, target, key=key)
            assert (answer.status, _undated(answer)) == (404, _undated(unknown)), gate


def test_nothing_of_another_workspace_can_be_named_in_a_body(house: House) -> None:
    own, theirs = house.ids, house.of_the_other_workspace()
    nobodys = {name: other_id(id_) for name, id_ in theirs.items()}
    nobodys["webhook"] = house.unknown["/v1/webhooks webhook_id"]
    flow, export, connection = own["/ flow_id"], own["/ export_id"], own["/ connection_id"]
    export_of = {"name": "x", "adaptorType": "HTTPExport", "http": {"relativeURI": "/x"}}
    bodies = (
        ("POST", "/v1/exports", {**export_of, "_connectionId": "connection"}),
        ("POST", "/v1/exports/preview", {**export_of, "_connectionId": "connection"}),
        ("POST", "/v1/imports", {"name": "x", "adaptorType": "HTTPImport", "_connectionId": "connection"}),
        ("POST", "/v1/connections", {**CONNECTION, "_borrowConcurrencyFromConnectionId": "connection"}),
        ("POST", "/v1/connections", {**CONNECTION, "_integrationId": "integration"}),
        ("POST", "/v1/flows", {"name": "x", "pageGenerators": [{"_exportId": "export"}]}),
        ("POST", "/v1/flows", {"name": "x", "_integrationId": "integration"}),
        ("PUT", f"/v1/flows/{flow}/replaceConnection", {"_connectionId": connection, "_newConnectionId": "connection"}),
        ("PUT", f"/v1/exports/{export}/replaceConnection", {"_newConnectionId": "connection"}),
        ("POST", f"/v1/exports/{export}/clone", {"connectionMap": {connection: "connection"}}),
        ("POST", f"/v1/flows/{flow}/clone", {"connectionMap": {connection: "connection"}}),
        ("POST", f"/v1/flows/{flow}/clone", {"_integrationId": "integration"}),
        ("PUT", "/v1/flows/updateFlowGrouping", {"_flowIds": ["flow"], "_integrationId": own["/ integration_id"]}),
        ("POST", "/v1/jobs/current", {"_flowIds": ["flow"], "_integrationIds": ["integration"]}),
        ("POST", "/v1/webhooks", {"workflow_id": "workflow"}),
        ("POST", "/v1/schedules", {"workflow_id": "workflow", "cron": "@daily"}),
        ("POST", "/v1/executions/bulk-retry", {"workflow_id": "workflow", "since": "2026-11-01"}),
        ("POST", "/v1/subscriptions", {"emitter_id": "workflow", "listener_id": own["/v1/webhooks webhook_id"]}),
        ("POST", "/v1/subscriptions", {"emitter_id": own["/ workflow_id"], "listener_id": "webhook"}),
        ("POST", "/v1/subscriptions", {"emitter_id": own["/ workflow_id"], "listener_id": "workflow"}),
        ("POST", "/v1/auto_subscriptions", {"event_name": "$errors", "listener_id": "webhook"}),
        ("POST", "/v1/sources", {"component_id": "component"}),
        ("POST", f"{TWINIT}/workflows?nsfilter={NAMESPACE}", {"_workflowDefId": "workflow"}),
    )
    # A list is asked for there, which has nothing of either.
    harmless = {"/v1/jobs/current"}
    before = house.world.stored()

    told = []
    for verb, path, body in bodies:
        answers = [house.world.call(verb, path, _renamed(body, ids)) for ids in (theirs, nobodys)]
        shown = [
            (answer.status, _renamed(_undated(answer), {id_: name for name, id_ in ids.items()}))
            for answer, ids in zip(answers, (theirs, nobodys), strict=True)
        ]
        if shown[0] != shown[1] or (shown[0][0] < 400 and path not in harmless):
            told.append((verb, path, body, *shown))

    assert told == []
    assert house.world.stored() == before


def _naming(house: House, gate: Gate) -> object:
    """A body, where the thing that is asked about is named there."""
    return {"pinId": house.ids["/ pin_id"]} if (gate.verb, gate.path) == ("POST", "/api/webhooks") else None


def _both(house: House, gate: Gate, target: str) -> tuple[Answer, Answer]:
    key = house.world.other_key
    nowhere = house.target(gate.path, house.unknown)
    return house.world.call(gate.verb, target, key=key), house.world.call(gate.verb, nowhere, key=key)


def _unnamed(house: House, answer: Answer) -> str:
    """The text, with what stands for nothing in the place of every id that it names: some doors repeat the address."""
    text = _undated(answer)
    for name, id_ in house.ids.items():
        text = text.replace(id_, house.unknown[name]) if len(id_) >= SHORTEST_ID else text
    return text


def _is_shown_to_all(gate: Gate) -> bool:
    return gate.path == "/v1/components/registry/{key}"


def _may_tell(gate: Gate, foreign: Answer) -> bool:
    return gate.path.startswith(TELLING) and foreign.status == 403


def _undated(answer: Answer) -> str:
    return re.sub(r'"timestamp":"[^"]*"', "", answer.text)


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """With the new name of whatever has one, however deep."""
    if isinstance(value, dict):
        return {name: _renamed(inner, names) for name, inner in value.items()}
    if isinstance(value, list):
        return [_renamed(inner, names) for inner in value]
    if isinstance(value, str) and value not in names:
        for old, new in names.items():
            value = value.replace(old, new) if len(old) >= SHORTEST_ID else value
    return names.get(value, value) if isinstance(value, str) else value

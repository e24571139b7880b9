"""Secrets go in and never come out: not in a reply, not in the audit, not in what is stored, not in an archive."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.domain.flows.flows import ResourceKind
from tests.api.celigo.conftest import CONNECTION, LISTENER, Depot

SECRET = "s3cret-7719-not-to-be-seen"
BASE = {"baseURI": "https://depot.example/api", "mediaType": "json"}


def auth(type_: str, **block: Any) -> dict[str, Any]:
    return {"http": {**BASE, "auth": {"type": type_, type_: block}}}


KINDS: Mapping[str, dict[str, Any]] = {
    "token": auth("token", token=SECRET, location="header"),
    "token that is renewed": auth("token", token=SECRET, refreshToken=SECRET),
    "basic": auth("basic", username="depot", password=SECRET),
    "digest": auth("digest", username="depot", password=SECRET),
    "wsse": auth("wsse", username="depot", password=SECRET),
    "oauth": auth("oauth", clientId="depot", clientSecret=SECRET, accessToken=SECRET, refreshToken=SECRET),
    "oauth1": auth("oauth1", consumerKey="depot", consumerSecret=SECRET, accessToken=SECRET, tokenSecret=SECRET),
    "jwtbearer": auth("jwtbearer", algorithm="HS256", secret=SECRET, privateKey=SECRET),
    "custom": {"http": {**BASE, "auth": {"type": "custom"}, "encrypted": {"apiKey": SECRET, "deep": {"b": [SECRET]}}}},
    "rest": {
        "type": "rest",
        "rest": {**BASE, "authType": "token", "bearerToken": SECRET, "encrypted": {"a": SECRET}},
    },
    "rest with a password": {
        "type": "rest",
        "rest": {**BASE, "authType": "basic", "basicAuth": {"username": "depot", "password": SECRET}},
    },
}


def connection(depot: Depot, kind: str) -> Any:
    body = {**CONNECTION, "http": None, **KINDS[kind]}
    return depot.made("connections", {name: value for name, value in body.items() if value is not None})


def everything_seen(depot: Depot, id_: str) -> str:
    paths = (f"/connections/{id_}", "/connections", f"/connections/{id_}/audit", "/audit")
    return "".join(depot.call("GET", path).text for path in paths)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_secret_is_in_no_reply_and_not_in_the_document(kind: str, depot: Depot) -> None:
    made = connection(depot, kind)

    seen = json.dumps(made) + everything_seen(depot, made["_id"])
    stored = depot.world.flow_half.resource_store.get("ws_one", ResourceKind.CONNECTION, made["_id"])

    assert SECRET not in seen
    assert "******" in seen
    assert SECRET not in json.dumps(stored.document)
    assert SECRET in (stored.sealed or "")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_secret_survives_being_read_and_written_back(kind: str, depot: Depot) -> None:
    made = connection(depot, kind)
    store = depot.world.flow_half.resource_store
    before = depot.world.flow_half.connections.secrets_of(store.get("ws_one", ResourceKind.CONNECTION, made["_id"]))

    answer = depot.call("PUT", f"/connections/{made['_id']}", {**made, "name": "Renamed"})

    assert answer.status == 200, answer.text
    after = depot.world.flow_half.connections.secrets_of(store.get("ws_one", ResourceKind.CONNECTION, made["_id"]))
    assert after == before
    assert before


def test_what_is_encrypted_is_told_by_nothing_but_a_mask(depot: Depot) -> None:
    made = connection(depot, "custom")

    assert made["http"]["encrypted"] == "******"


def test_a_new_secret_takes_the_place_of_the_old_one_and_the_audit_says_that_it_did(depot: Depot) -> None:
    made = connection(depot, "token")
    http = {**made["http"], "auth": {"type": "token", "token": {"token": "another-one-8820", "location": "header"}}}

    answer = depot.call("PUT", f"/connections/{made['_id']}", {**made, "http": http})

    assert answer.status == 200
    store = depot.world.flow_half.resource_store
    changed = store.get("ws_one", ResourceKind.CONNECTION, made["_id"])
    assert depot.world.flow_half.connections.secrets_of(changed) == {"/http/auth/token/token": "another-one-8820"}
    entry = depot.call("GET", f"/connections/{made['_id']}/audit").json[0]
    assert entry["fieldChanges"] == [{"oldValue": "******", "newValue": "******", "fieldPath": "http.auth.token.token"}]
    assert "another-one-8820" not in everything_seen(depot, made["_id"])


def test_a_secret_that_is_left_out_is_forgotten(depot: Depot) -> None:
    made = connection(depot, "token")

    depot.call("PUT", f"/connections/{made['_id']}", {**made, "http": {**BASE}})

    stored = depot.world.flow_half.resource_store.get("ws_one", ResourceKind.CONNECTION, made["_id"])
    assert stored.sealed is None


def test_a_listeners_secret_is_masked_and_goes_with_its_copies(depot: Depot) -> None:
    made = depot.made("exports", LISTENER)
    assert made["webhook"]["token"] == "******"

    copy = depot.call("POST", f"/exports/{made['_id']}/clone", {"connectionMap": {}}).json

    assert copy["webhook"]["token"] == "******"
    stored = depot.world.flow_half.resource_store.get("ws_one", ResourceKind.EXPORT, copy["_id"])
    assert depot.world.flow_half.connections.secrets_of(stored) == {"/webhook/token": "open-sesame"}


def test_a_text_of_six_stars_is_no_secret_elsewhere(depot: Depot) -> None:
    assert depot.connection(description="******")["description"] == "******"


def test_an_archive_holds_the_documents_without_their_secrets(depot: Depot) -> None:
    flow = depot.flow()
    url = depot.call("GET", f"/flows/{flow['_id']}/template").json["signedURL"]
    assert url.startswith("https://flow.example.org/v1/flows/template/")

    answer = depot.world.call("GET", url.removeprefix("https://flow.example.org"), key=None)

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(raw(answer.text))) as archive:
        files = {name: json.loads(archive.read(name)) for name in archive.namelist()}
    assert set(files) == {
        f"flows/{flow['_id']}.json",
        f"exports/{flow['pageGenerators'][0]['_exportId']}.json",
        f"imports/{flow['pageProcessors'][0]['_importId']}.json",
        f"connections/{depot.connection_id}.json",
    }
    assert files[f"flows/{flow['_id']}.json"]["name"] == flow["name"]
    assert "dp-7719" not in json.dumps(files)


def test_an_archive_holds_no_header_that_is_a_secret_by_its_name(depot: Depot) -> None:
    headers = [
        {"name": "X-Api-Key", "value": "k-7719"},
        {"name": "Authorization", "value": "Bearer {{{connection.http.encrypted.key}}}"},
        {"name": "X-Depot", "value": "north"},
    ]
    http = {"method": "GET", "relativeURI": "/parcels", "headers": headers}
    export = depot.export(type="once", http={**http, "once": {"relativeURI": "/seen", "method": "POST"}})
    flow = depot.flow(pageGenerators=[{"_exportId": export["_id"]}])
    url = depot.call("GET", f"/flows/{flow['_id']}/template").json["signedURL"]

    answer = depot.world.call("GET", url.removeprefix("https://flow.example.org"), key=None)

    with zipfile.ZipFile(io.BytesIO(raw(answer.text))) as archive:
        found = json.loads(archive.read(f"exports/{export['_id']}.json"))["http"]["headers"]
    assert [each["value"] for each in found] == ["******", headers[1]["value"], "north"]


def test_an_archive_is_there_for_an_hour_and_for_nobody_who_guesses(depot: Depot) -> None:
    flow = depot.flow()
    path = (
        depot.call("GET", f"/flows/{flow['_id']}/template").json["signedURL"].removeprefix("https://flow.example.org")
    )

    for guess in ("x.zip", "x", f"{'0' * 38}.zip", "..%2F..zip"):
        assert depot.world.call("GET", f"/v1/flows/template/{guess}", key=None).status == 404
    depot.world.clock.advance(3601)
    assert depot.world.call("GET", path, key=None).status == 404


def raw(text: str) -> bytes:
    import base64

    return base64.b64decode(text)

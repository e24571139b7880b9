"""Starting flows by hand, and by what comes in to their listeners."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from typing import Any

import pytest

from tests.api.celigo.conftest import LISTENER, Depot, codes
from tests.api.gateway import Answer

UNKNOWN = "66b1f150c4d7e8910a2b3c31"


def run(depot: Depot, flow: Any, body: Any = None, **how: Any) -> Answer:
    return depot.call("POST", f"/flows/{flow['_id']}/run", body, **how)


def input_of(depot: Depot, answer: Answer) -> Any:
    assert answer.status == 201, answer.text
    return depot.world.run_store.get(answer.json["_jobId"]).input


def test_a_run_is_accepted_at_once_with_the_id_of_its_job(depot: Depot) -> None:
    flow = depot.flow()

    answer = run(depot, flow)

    assert answer.status == 201
    assert set(answer.json) == {"_jobId", "_exportId"}
    assert re.fullmatch(r"[0-9a-f]{24}", answer.json["_jobId"])
    assert answer.json["_exportId"] == flow["pageGenerators"][0]["_exportId"]
    assert input_of(depot, answer) == {"window": {"from": None, "to": None}}


def test_the_address_of_the_documentations_example_starts_it_too(depot: Depot) -> None:
    flow = depot.flow()

    answer = depot.call("POST", f"/flows/{flow['_id']}", {"export": {"startDate": "2019-01-01T00:00:00.000Z"}})

    assert input_of(depot, answer)["window"]["from"] == "2019-01-01T00:00:00.000Z"


def test_the_body_of_the_documentations_example_is_no_json_and_the_answer_says_where(depot: Depot) -> None:
    flow = depot.flow()
    raw = b'{"export": {"startDate": 2019-01-01T00:00:00.000"}}'

    answer = depot.world.call("POST", f"/v1/flows/{flow['_id']}", raw=raw)

    assert answer.status == 400
    assert answer.json["errors"][0]["code"] == "invalid_json"
    assert re.search(r"line 1, column \d+", answer.json["errors"][0]["message"])


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("2019-01-01T00:00:00.000Z", "2019-01-01T00:00:00.000Z"),
        ("2019-01-01T00:00:00.000", "2019-01-01T00:00:00.000Z"),
        ("2019-01-01T00:00:00", "2019-01-01T00:00:00.000Z"),
        ("2019-01-01T02:00:00+02:00", "2019-01-01T00:00:00.000Z"),
        ("2019-01-01", "2019-01-01T00:00:00.000Z"),
        (1546300800000, "2019-01-01T00:00:00.000Z"),
        ("1546300800000", "2019-01-01T00:00:00.000Z"),
        (None, None),
        ("", None),
    ],
)
def test_a_moment_may_be_written_in_many_ways(given: Any, meant: Any, depot: Depot) -> None:
    flow = depot.flow()

    for body in ({"export": {"startDate": given}}, {"startDate": given}):
        assert input_of(depot, run(depot, flow, body))["window"] == {"from": meant, "to": None}


@pytest.mark.parametrize("given", ["yesterday", "2019-13-01", True, 1.5, -1, [], {}, "2019-01-01T25:00:00Z", 10**18])
def test_what_is_no_moment_is_refused(given: Any, depot: Depot) -> None:
    flow = depot.flow()

    answer = run(depot, flow, {"export": {"endDate": given}})

    assert answer.status == 422, answer.text
    assert codes(answer) == [("export.endDate", "invalid_field")]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"export": "now"}, ("export", "invalid_field")),
        ({"_exportIds": "x"}, ("_exportIds", "invalid_field")),
        ({"_exportIds": [5]}, ("_exportIds[0]", "invalid_ref")),
        ({"_exportIds": [UNKNOWN]}, ("_exportIds[0]", "invalid_ref")),
        ({"export": {"startDate": "2026-01-02", "endDate": "2026-01-01"}}, ("export.endDate", "invalid_field")),
    ],
)
def test_what_a_run_cannot_take_is_refused(body: Any, expected: tuple[str, str], depot: Depot) -> None:
    answer = run(depot, depot.flow(), body)

    assert answer.status == 422, answer.text
    assert codes(answer) == [expected]


def test_a_run_may_be_limited_to_some_of_the_generators(depot: Depot) -> None:
    ids = [depot.export()["_id"] for _ in range(3)]
    flow = depot.flow(pageGenerators=[{"_exportId": id_} for id_ in ids])

    answer = run(depot, flow, {"_exportIds": [ids[2], ids[1]], "export": {"endDate": "2026-01-01"}})

    assert input_of(depot, answer) == {
        "window": {"from": None, "to": "2026-01-01T00:00:00.000Z"},
        "exports": [ids[1], ids[2]],
    }
    assert answer.json["_exportId"] == ids[1]


def test_a_disabled_flow_is_not_run(depot: Depot) -> None:
    answer = run(depot, depot.flow(disabled=True))

    assert answer.status == 422
    assert answer.json["errors"][0]["code"] == "inactive_flow"


def test_a_start_that_is_repeated_under_its_key_is_one(depot: Depot) -> None:
    flow = depot.flow()

    first, second = (run(depot, flow, headers={"idempotency-key": "once"}) for _ in range(2))
    other = run(depot, flow, {"export": {"startDate": "2026-01-01"}}, headers={"idempotency-key": "once"})

    assert first.json == second.json
    assert (other.status, other.json["errors"][0]["code"]) == (409, "conflict")


def listener(depot: Depot, **webhook: Any) -> tuple[str, Any]:
    """The path at which it listens, and a flow that it starts."""
    made = depot.made("exports", {**LISTENER, "webhook": {**LISTENER["webhook"], **webhook}})
    flow = depot.flow(pageGenerators=[{"_exportId": made["_id"]}])
    return f"/v1/exports/{made['_id']}/data", flow


def hear(depot: Depot, path: str, body: Any, **how: Any) -> Answer:
    return depot.world.call("POST", path, body, key=None, **how)


def heard(depot: Depot) -> list[Any]:
    """The records that runs were started with."""
    return [
        depot.world.run_store.get(hint.run_id).input["records"]  # type: ignore[call-overload, index]
        for hint in depot.world.queue.hints
    ]


def test_what_comes_in_starts_every_enabled_flow_of_the_listener(depot: Depot) -> None:
    path, flow = listener(depot)
    depot.flow(pageGenerators=flow["pageGenerators"], disabled=True)
    depot.flow()

    answer = hear(depot, path, {"secret": "open-sesame", "number": "P-1"})

    assert (answer.status, answer.text) == (204, "")
    assert heard(depot) == [[{"secret": "open-sesame", "number": "P-1"}]]


@pytest.mark.parametrize(
    ("path_to_records", "body", "records"),
    [
        (None, [{"n": 1}, {"n": 2}], [{"n": 1}, {"n": 2}]),
        ("parcels", {"parcels": [{"n": 1}]}, [{"n": 1}]),
        ("parcels", {}, []),
    ],
)
def test_a_listener_takes_lists_apart(path_to_records: Any, body: Any, records: Any, depot: Depot) -> None:
    path, _ = listener(depot, tokenLocation="header", tokenHeaderName="x-token", pathToRecords=path_to_records)

    assert hear(depot, path, body, headers={"x-token": "open-sesame"}).status == 204
    assert heard(depot) == [records]


def signed(raw: bytes, encoding: str = "hex") -> str:
    digest = hmac.new(b"k-11", raw, hashlib.sha256)
    return digest.hexdigest() if encoding == "hex" else base64.b64encode(digest.digest()).decode()


RAW = json.dumps({"number": "P-1"}).encode()
BASIC = base64.b64encode(b"depot:pw-7").decode()
PROOFS: dict[str, tuple[dict[str, Any], str, dict[str, str], dict[str, str]]] = {
    "token in a header": (
        {"tokenLocation": "header", "tokenHeaderName": "Authorization", "tokenHeaderScheme": "bearer"},
        "",
        {"authorization": "Bearer open-sesame"},
        {"authorization": "open-sesame"},
    ),
    "token in the query": (
        {"tokenLocation": "queryParam", "tokenQueryParamName": "t"},
        "?t=open-sesame",
        {},
        {},
    ),
    "signature in digits": (
        {"verify": "hmac", "key": "k-11", "header": "X-Signature", "algorithm": "sha256"},
        "",
        {"x-signature": signed(RAW)},
        {"x-signature": signed(b"{}")},
    ),
    "signature that names its algorithm": (
        {"verify": "hmac", "key": "k-11", "header": "X-Hub-Signature-256", "algorithm": "sha256", "encoding": "hex"},
        "",
        {"x-hub-signature-256": f"sha256={signed(RAW)}"},
        {"x-hub-signature-256": "sha256="},
    ),
    "signature in base64": (
        {"verify": "hmac", "key": "k-11", "header": "X-Signature", "encoding": "base64"},
        "",
        {"x-signature": signed(RAW, "base64")},
        {"x-signature": signed(RAW)},
    ),
    "password": (
        {"verify": "basic", "username": "depot", "password": "pw-7"},
        "",
        {"authorization": f"Basic {BASIC}"},
        {"authorization": "Basic ZGVwb3Q6"},
    ),
    "secret address": ({"verify": "secret_url"}, "/open-sesame", {}, {}),
}


@pytest.mark.parametrize("proof", sorted(PROOFS))
def test_only_who_proves_itself_is_heard(proof: str, depot: Depot) -> None:
    webhook, ending, headers, wrong = PROOFS[proof]
    path, _ = listener(depot, **webhook)

    for refused in (
        depot.world.call("POST", path, raw=RAW, key=None),
        depot.world.call("POST", f"{path}/guess" if ending.startswith("/") else path, raw=RAW, headers=wrong, key=None),
    ):
        assert refused.status == 401, refused.text
        assert refused.json["message"] == refused.json["errors"][0]["message"] == "Invalid token"
    assert heard(depot) == []

    taken = depot.world.call("POST", f"{path}{ending}", raw=RAW, headers=headers, key=None)

    assert taken.status == 204, taken.text
    assert heard(depot) == [[{"number": "P-1"}]]


def test_a_listener_answers_as_it_was_told_to(depot: Depot) -> None:
    path, _ = listener(
        depot,
        successStatusCode=202,
        successBody='{"ok": true}',
        successResponseHeaders=[{"name": "X-Depot", "value": "heard"}],
    )

    answer = hear(depot, path, {"secret": "open-sesame"})

    assert (answer.status, answer.text, answer.headers["X-Depot"]) == (202, '{"ok": true}', "heard")
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    "told",
    [
        {"successResponseHeaders": [{"name": "content-type", "value": "text/html"}]},
        {"successMediaType": "xml"},
        {"successResponseHeaders": [{"name": "Content-Security-Policy", "value": "script-src *"}]},
    ],
    ids=["html", "xml", "own policy"],
)
def test_what_a_listener_answers_runs_as_a_page_of_no_host(depot: Depot, told: dict[str, Any]) -> None:
    path, _ = listener(depot, successStatusCode=200, successBody="<script>alert(1)</script>", **told)

    answer = hear(depot, path, {"secret": "open-sesame"})

    [policy] = [value for name, value in answer.headers.items() if name.lower() == "content-security-policy"]
    assert policy.rpartition(", ")[2].startswith("sandbox ")
    assert "allow-same-origin" not in policy
    assert len([name for name in answer.headers if name.lower() == "content-type"]) == 1


def test_a_listener_that_starts_nothing_says_so(depot: Depot) -> None:
    path, flow = listener(depot)
    depot.call("PATCH", f"/flows/{flow['_id']}", [{"op": "replace", "path": "/disabled", "value": True}])

    answer = hear(depot, path, {"secret": "open-sesame"})

    assert (answer.status, answer.json["errors"][0]["code"]) == (422, "inactive_flow")


def test_what_is_no_listener_is_not_found(depot: Depot) -> None:
    export = depot.export()

    for id_ in (export["_id"], UNKNOWN, "x"):
        assert hear(depot, f"/v1/exports/{id_}/data", {}).status == 404
    path, flow = listener(depot)
    depot.call("DELETE", f"/flows/{flow['_id']}")
    depot.call("DELETE", path.removeprefix("/v1").removesuffix("/data"))
    assert hear(depot, path, {"secret": "open-sesame"}).status == 404

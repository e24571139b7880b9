"""Errors of flows: summaries, pages, resolving, retrying, the data of retries, and files of them."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from chalicelib.domain.flows.flows import Count, ErrorFilter, retry_data_key
from tests.api.celigo.conftest import codes
from tests.api.celigo.jobs_house import Jobs
from tests.api.world import World

UNKNOWN = "66b1f150c4d7e8910a2b3c00"


@pytest.fixture
def house(world: World) -> Jobs:
    return Jobs(world)


def path(house: Jobs, rest: str = "errors") -> str:
    return f"/flows/{house.flow}/{house.import_}/{rest}"


def open_ids(house: Jobs, query: str = "") -> list[str]:
    return [each["errorId"] for each in house.call("GET", path(house) + query).json["errors"]]


class TestSummary:
    def test_steps_without_errors_are_there_too(self, house: Jobs) -> None:
        shown = house.call("GET", f"/flows/{house.flow}/errors?_stepId=x").json["flowErrors"]

        assert shown == [{"_expOrImpId": each, "numError": 0} for each in (house.export, house.lookup, house.import_)]

    def test_only_open_errors_count(self, house: Jobs) -> None:
        job = house.whole()
        error = house.names(job)["error"]
        house.call("PUT", path(house, "resolved"), {"errors": [error]})

        (_, _, last) = house.call("GET", f"/flows/{house.flow}/errors").json["flowErrors"]
        assert (last["numError"], last["lastErrorAt"]) == (1, "2026-11-02T09:30:08.000Z")

    def test_an_integration_sums_up_its_flows(self, house: Jobs) -> None:
        job = house.whole()
        house.fail(job, 9, step_id=house.export, child="g0", order=0)

        answer = house.call("GET", f"/integrations/{house.integration}/errors")
        assert [(each["_flowId"], each["numError"]) for each in answer.json] == [(house.flow, 3)]
        assert house.call("GET", f"/integrations/{UNKNOWN}/errors").status == 404


class TestPages:
    def test_no_open_error_is_an_empty_list(self, house: Jobs) -> None:
        answer = house.call("GET", path(house))

        assert (answer.status, answer.json) == (200, {"errors": []})

    def test_pages_are_followed_by_absolute_addresses(self, house: Jobs) -> None:
        job = house.begin().id
        made = [house.fail(job, number).id for number in range(5)]

        answer = house.call("GET", f"{path(house)}?limit=2&source=application", stage="/prod").json
        seen = [each["errorId"] for each in answer["errors"]]
        while "nextPageURL" in answer:
            address = answer["nextPageURL"]
            assert address.startswith(f"https://flow.example.org/prod/v1{path(house)}?source=application&after=")
            answer = house.call("GET", address.partition("/v1")[2], stage="/prod").json
            seen += [each["errorId"] for each in answer["errors"]]
        assert seen == made[::-1]

    def test_pages_are_cut_before_they_are_too_large(self, house: Jobs) -> None:
        job = house.begin().id
        for number in range(450):
            house.fail(job, number, message="x" * 16_000)

        first = house.call("GET", path(house)).json
        assert len(first["errors"]) < 300
        rest = house.call("GET", first["nextPageURL"].partition("/v1")[2]).json
        assert len(first["errors"]) + len(rest["errors"]) == 450

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ("occurredAt_gte=2026-11-02", 3),
            ("occurredAt_lte=2026-11-01", 0),
            ("source=mapping", 1),
            ("source=nonsense", 0),
            (f"_flowJobId={UNKNOWN}", 0),
        ],
    )
    def test_errors_are_found_by_what_they_are(self, house: Jobs, query: str, count: int) -> None:
        job = house.begin().id
        for number, source in enumerate(("application", "mapping", "connection")):
            house.fail(job, number, source=source)

        assert len(open_ids(house, f"?{query}")) == count
        assert len(open_ids(house, f"?_flowJobId={job}")) == 3

    def test_bounds_of_time_are_inclusive(self, house: Jobs) -> None:
        job = house.begin().id
        errors = [house.fail(job, number) for number in range(3)]
        at = errors[1].occurred_at.isoformat()[:19]

        assert open_ids(house, f"?occurredAt_gte={at}.000Z") == [errors[2].id, errors[1].id]
        assert open_ids(house, f"?occurredAt_lte={at}") == [errors[1].id, errors[0].id]

    @pytest.mark.parametrize("query", ["after=x", "limit=0", "limit=1001", "occurredAt_gte=soon"])
    def test_what_cannot_be_read_is_refused(self, house: Jobs, query: str) -> None:
        answer = house.call("GET", f"{path(house)}?{query}")

        assert answer.status == 400
        assert codes(answer) == [(query.split("=")[0], "invalid_query_params")]

    @pytest.mark.parametrize(
        ("members", "expected"),
        [
            ({"code": "401"}, "connection"),
            ({"code": "503", "message": "down"}, "intermittent"),
            ({"code": "429", "message": "slow"}, "rate_limit"),
            ({"code": "422", "message": "no such colour"}, "value"),
            ({"code": "response_failure", "message": "the e-mail has already been taken"}, "duplicate"),
            ({"code": "ETIMEDOUT", "message": "no answer", "source": "connection"}, "connection"),
            ({"code": "parse_error", "message": "not JSON"}, "parse"),
        ],
    )
    def test_errors_are_classified(self, house: Jobs, members: dict[str, Any], expected: str) -> None:
        house.fail(house.begin().id, **members)

        (error,) = house.call("GET", path(house)).json["errors"]
        assert error["classification"] == expected


WRITES = [("PUT", "resolved"), ("DELETE", "resolved"), ("POST", "retry"), ("PUT", "00/data")]


class TestAddresses:
    @pytest.mark.parametrize(("method", "rest"), [("GET", "errors"), ("GET", "resolved"), ("GET", "0/data"), *WRITES])
    @pytest.mark.parametrize("place", ["flow", "step", "text", "connection"])
    def test_flow_and_step_have_to_be_there_before_anything_is_read(
        self, house: Jobs, method: str, rest: str, place: str
    ) -> None:
        flow = UNKNOWN if place == "flow" else house.flow
        step = {"flow": house.import_, "step": UNKNOWN, "text": "x", "connection": house.depot.connection_id}[place]

        answer = house.call(method, f"/flows/{flow}/{step}/{rest}", raw=b"{")
        assert (answer.status, answer.json["errors"][0]["code"]) == (404, "resource_not_found")

    @pytest.mark.parametrize(("method", "rest"), WRITES[:3])
    def test_a_body_that_is_no_json_is_refused(self, house: Jobs, method: str, rest: str) -> None:
        answer = house.call(method, path(house, rest), raw=b"{")

        assert (answer.status, codes(answer)) == (400, [(None, "invalid_json")])

    @pytest.mark.parametrize(("method", "rest"), WRITES[:3])
    @pytest.mark.parametrize(
        ("value", "status", "code"),
        [
            (None, 422, "missing_required_field"),
            ("x", 422, "invalid_field"),
            ([1], 422, "invalid_field"),
            (["1"] * 1_001, 400, "invalid_field"),
        ],
        ids=["none", "text", "numbers", "many"],
    )
    def test_a_list_of_texts_is_asked_for(
        self, house: Jobs, method: str, rest: str, value: Any, status: int, code: str
    ) -> None:
        name = "retryDataKeys" if rest == "retry" else "errors"

        answer = house.call(method, path(house, rest), {name: value})
        assert (answer.status, codes(answer)) == (status, [(name, code)])

    @pytest.mark.parametrize(("method", "rest"), WRITES)
    def test_a_key_that_may_only_read_changes_nothing(self, house: Jobs, method: str, rest: str) -> None:
        reader = house.world.new_key("ws_one", "executions:read")

        assert house.call(method, path(house, rest), {"errors": []}, key=reader).status == 403
        assert house.call("GET", path(house), key=reader).status == 200


class TestResolving:
    def test_resolving_moves_errors_and_counts_once(self, house: Jobs) -> None:
        job = house.whole()
        error = house.names(job)["error"]
        for _ in range(2):
            answer = house.call("PUT", path(house, "resolved"), {"errors": [error, error, "x", "0" * 25]})
            assert (answer.status, answer.json) == (200, {})

        shown = house.call("GET", f"/jobs/{job}").json
        assert (shown["numError"], shown["numResolved"], shown["numOpenError"]) == (2, 1, 1)
        (resolved,) = house.call("GET", path(house, "resolved")).json["resolved"]
        assert resolved["resolvedBy"] == house.call("GET", "/tokenInfo").json["_userId"]

    def test_what_resolved_itself_says_so(self, house: Jobs) -> None:
        error = house.fail(house.begin().id)
        store, at = house.world.flow_half.error_store, house.world.clock.now()
        store.resolve("ws_one", house.flow, house.import_, [error.id], at, "auto")

        (resolved,) = house.call("GET", path(house, "resolved")).json["resolved"]
        assert resolved["resolvedBy"] == "auto"


class TestRetrying:
    def test_a_retry_is_given_what_is_open_and_has_data(self, house: Jobs) -> None:
        job = house.begin().id
        one, two = house.fail(job, 1), house.fail(job, 2)
        bare, settled = house.fail(job, 3, retry_data=None), house.fail(job, 4)
        house.call("PUT", path(house, "resolved"), {"errors": [settled.id]})

        named = [each.id for each in (two, one, two, bare, settled)]
        by_ids = house.call("POST", path(house, "retry"), {"errorIds": named})
        keys = [retry_data_key(id_) for id_ in named]
        by_keys = house.call("POST", path(house, "retry"), {"retryDataKeys": [*keys, "zz", "0"]})

        expected = {"retry": {"step": house.import_, "errors": [two.id, one.id]}}
        for answer in (by_ids, by_keys):
            assert answer.status == 200
            assert house.world.run_store.get(answer.json["_jobId"]).input == expected

    def test_a_retry_of_nothing_is_refused(self, house: Jobs) -> None:
        house.fail(house.begin().id, retry_data=None)

        bodies: list[dict[str, list[str]]] = [
            {"errorIds": open_ids(house)},
            {"retryDataKeys": []},
            {"retryDataKeys": ["d1f0c4e7a2b94b0f"]},
        ]
        for body in bodies:
            answer = house.call("POST", path(house, "retry"), body)
            assert (answer.status, codes(answer)) == (422, [(next(iter(body)), "invalid_ref")])

    def test_a_disabled_flow_retries_nothing(self, house: Jobs) -> None:
        error = house.fail(house.begin().id)
        disabled = [{"op": "replace", "path": "/disabled", "value": True}]
        assert house.call("PATCH", f"/flows/{house.flow}", disabled).status == 204

        answer = house.call("POST", path(house, "retry"), {"errorIds": [error.id]})
        assert (answer.status, codes(answer)) == (422, [(None, "inactive_flow")])

    def test_the_record_of_a_retry_can_be_changed(self, house: Jobs) -> None:
        error = house.fail(house.begin().id)
        place = path(house, f"{error.retry_data_key}/data")

        answer = house.call("PUT", place, {"data": {"n": 1.5}, "traceKey": "new", "stage": "elsewhere"})
        assert answer.json == {"data": {"n": 1.5}, "stage": "page_processor_import", "traceKey": "new"}
        assert house.call("GET", place).json == answer.json
        stored = house.world.flow_half.error_store.get("ws_one", house.flow, house.import_, [error.id])[error.id]
        assert stored == replace(error, retry_data={"data": {"n": 1.5}, "stage": "s1", "traceKey": "new"})

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({}, [("data", "missing_required_field")]),
            ({"data": "text", "traceKey": 1}, [("data", "invalid_field"), ("traceKey", "invalid_field")]),
        ],
        ids=["empty", "types"],
    )
    def test_a_record_is_an_object_or_an_array(self, house: Jobs, body: Any, expected: Any) -> None:
        error = house.fail(house.begin().id)

        answer = house.call("PUT", path(house, f"{error.retry_data_key}/data"), body)
        assert (answer.status, codes(answer)) == (422, expected)

    def test_data_that_is_not_there_is_not_found(self, house: Jobs) -> None:
        bare = house.fail(house.begin().id, retry_data=None)

        for key in (retry_data_key(bare.id), "d1f0c4e7a2b94b0f", "zz", f"0{retry_data_key(bare.id)}"):
            assert house.call("GET", path(house, f"{key}/data")).status == 404
            assert house.call("PUT", path(house, f"{key}/data"), {"data": {}}).status == 404


class TestFiles:
    def test_the_address_of_a_file_is_its_proof(self, house: Jobs) -> None:
        job = house.whole()
        address = house.call("GET", f"/jobs/{job}/errorFile/signedURL").json["signedURL"]

        answer = house.call("GET", address.partition("/v1")[2], key=None)
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
        assert [row["traceKey"] for row in rows] == ["P-2", "P-1"]
        assert rows[0]["message"] == '{"error":"ref already used"}'

    def test_a_file_has_so_many_bytes_whatever_the_script_its_messages_are_in(
        self, house: Jobs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job = house.begin().id
        for number in range(20):
            house.fail(job, number, message="\u20ac" * 1_000)
        monkeypatch.setattr("chalicelib.services.flows.error_files.MAX_BYTES", 10_000)
        address = house.call("GET", f"/jobs/{job}/errorFile/signedURL").json["signedURL"]

        content, _ = house.world.services.flow_error_files.fetch(address.rpartition("/")[2])

        # The one that reaches the limit is the last.
        assert 10_000 <= len(content) < 14_000

    def test_diagnostics_are_an_archive(self, house: Jobs) -> None:
        job = house.whole()
        address = house.call("GET", f"/jobs/{job[:-2]}03/diagnostics").json["signedURL"]

        content, content_type = house.world.services.flow_error_files.fetch(address.rpartition("/")[2])
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            told = json.loads(archive.read("job.json"))
            assert archive.namelist() == ["job.json", "errors.csv"]
        assert content_type == "application/zip"
        assert [child["numSuccess"] for child in told["children"]] == [48, 48, 42]

    def test_a_file_can_be_fetched_for_an_hour(self, house: Jobs) -> None:
        address = house.call("GET", f"/jobs/{house.whole()}/errorFile/signedURL").json["signedURL"]
        house.world.clock.advance(3_601)

        assert house.call("GET", address.partition("/v1")[2], key=None).status == 404

    def test_errors_of_later_jobs_are_not_looked_at(self, house: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
        store = house.world.flow_half.error_store
        ends: list[datetime | None] = []
        page = store.page

        def watched(workspace_id: str, flow_id: str, step_id: str, where: ErrorFilter, **members: Any) -> Any:
            ends.append(where.until)
            return page(workspace_id, flow_id, step_id, where, **members)

        monkeypatch.setattr(store, "page", watched)
        job = house.whole()
        address = house.call("GET", f"/jobs/{job}/errorFile/signedURL").json["signedURL"]
        house.world.clock.advance(600)

        assert house.call("GET", address.partition("/v1")[2], key=None).text.count("P-") == 2
        assert len(house.call("GET", f"/jobs/{job}/jobErrors").json) == 2
        assert ends
        assert all(until is not None and until < house.world.clock.now() for until in ends)

    @pytest.mark.parametrize("name", ["x.csv", "", "..", "a b.csv", "x" * 100 + ".zip"])
    def test_a_guessed_file_is_not_found(self, house: Jobs, name: str) -> None:
        house.whole()

        assert house.call("GET", f"/jobs/errorFile/{name}", key=None).status in (401, 404)

    def test_a_job_that_has_not_begun_has_an_empty_file(self, house: Jobs) -> None:
        address = house.call("GET", f"/jobs/{house.queued()}/errorFile/signedURL").json["signedURL"]

        assert house.call("GET", address.partition("/v1")[2], key=None).text.count("\n") == 1


def test_older_errors_of_a_job_are_told_by_its_children(house: Jobs) -> None:
    run = house.begin()
    house.page(run.id, g0=Count(1, 1), s1=Count(0, 2))
    house.fail(run.id, 1)
    resolved = house.fail(run.id, 2)
    house.fail(run.id, 3, step_id=house.export, child="g0", order=0, retry_data=None)
    house.call("PUT", path(house, "resolved"), {"errors": [resolved.id]})

    whole = house.call("GET", f"/jobs/{run.id}/jobErrors").json
    assert [(each["_jobId"][-2:], each["resolve"], "_retryId" in each) for each in whole] == [
        ("01", False, False),
        ("03", False, True),
        ("03", True, True),
    ]
    assert house.call("GET", f"/jobs/{run.id[:-2]}03/joberrors").json == whole[1:]
    assert house.call("GET", f"/jobs/{run.id[:-2]}02/joberrors").status == 204


def test_a_retry_with_a_key_is_one_job_however_often_it_is_asked_for(house: Jobs) -> None:
    error = house.fail(house.begin().id)
    body, headers = {"errorIds": [error.id]}, {"idempotency-key": "once"}

    jobs = {house.call("POST", path(house, "retry"), body, headers=headers).json["_jobId"] for _ in range(2)}
    assert len(jobs) == 1

"""Jobs: how they stand while they run and after, how they are found, and how they are cancelled."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.flows.flows import Count, JobType
from chalicelib.domain.run import RunStatus
from tests.api.celigo.conftest import codes
from tests.api.celigo.jobs_house import Jobs
from tests.api.world import World

UNKNOWN = "66b1f150c4d7e8910a2b3c00"


@pytest.fixture
def house(world: World) -> Jobs:
    return Jobs(world)


def ids(answer: Any) -> list[str]:
    return [] if answer.status == 204 else [each["_id"] for each in answer.json]


def numbers(shown: Any) -> tuple[int, ...]:
    names = ("numSuccess", "numError", "numIgnore", "numResolved", "numOpenError", "numPagesGenerated")
    return tuple(shown[name] for name in names)


class TestStanding:
    def test_a_job_that_waits_has_not_started(self, house: Jobs) -> None:
        job = house.queued()

        shown = house.call("GET", f"/jobs/{job}").json
        assert (shown["status"], shown["type"], shown["doneExporting"]) == ("queued", "flow", False)
        assert (shown["_exportId"], shown["_integrationId"]) == (house.export, house.integration)
        assert not {"startedAt", "endedAt", "lastExecutedAt"} & set(shown)
        assert numbers(shown) == (0, 0, 0, 0, 0, 0)
        assert house.call("GET", f"/jobs/{job}/family").json == {**shown, "children": []}

    def test_figures_are_exact_after_every_page(self, house: Jobs) -> None:
        run = house.begin()
        house.page(run.id, 1, is_done=False, g0=Count(20, pages=1), s0=Count(20, pages=1), s1=Count(18, 1, 1, 1))
        running = house.call("GET", f"/jobs/{run.id}").json
        house.page(run.id, 2, is_done=True, g0=Count(25, pages=2), s0=Count(25, pages=2), s1=Count(21, 2, 2, 2))
        exported = house.call("GET", f"/jobs/{run.id}").json

        assert (running["status"], running["doneExporting"], numbers(running)) == (
            "running",
            False,
            (58, 1, 1, 0, 1, 1),
        )
        assert (exported["doneExporting"], numbers(exported)) == (True, (71, 2, 2, 0, 2, 2))
        assert "startedAt" in running
        assert "endedAt" not in running

    def test_children_stand_as_far_as_they_came(self, house: Jobs) -> None:
        run = house.begin()
        began = house.world.clock.now()
        house.page(run.id, 1, is_done=False, g0=Count(20, pages=1, started_at=began, ended_at=began))

        children = house.call("GET", f"/jobs/{run.id}/family").json["children"]
        assert [child["status"] for child in children] == ["running", "queued", "queued"]
        assert "endedAt" not in children[0]

    def test_a_generator_that_failed_fails_the_job_and_nobody_else(self, house: Jobs) -> None:
        run = house.begin()
        house.page(run.id, has_failed=True, g0=Count(20, 1, 0, 1), s0=Count(20, pages=1), s1=Count(20, pages=1))
        house.end(run, RunStatus.FAILED)

        family = house.call("GET", f"/jobs/{run.id}/family").json
        assert family["status"] == "failed"
        assert [child["status"] for child in family["children"]] == ["failed", "completed", "completed"]

    def test_a_generator_that_was_not_asked_for_has_no_part(self, house: Jobs) -> None:
        run = house.begin()
        house.end(run)

        children = house.call("GET", f"/jobs/{run.id}/family").json["children"]
        assert [child["type"] for child in children] == ["export", "import"]

    def test_a_generator_that_brought_nothing_took_part(self, house: Jobs) -> None:
        run = house.begin()
        house.page(run.id, g0=Count())
        house.end(run)

        children = house.call("GET", f"/jobs/{run.id}/family").json["children"]
        assert [(child["type"], child["oIndex"], child["status"]) for child in children] == [
            ("export", 0, "completed"),
            ("export", 1, "completed"),
            ("import", 2, "completed"),
        ]

    def test_of_a_job_that_was_cancelled_every_child_was(self, house: Jobs) -> None:
        run = house.begin()
        house.end(run, RunStatus.CANCELLED)

        children = house.call("GET", f"/jobs/{run.id}/family").json["children"]
        assert [child["status"] for child in children] == ["canceled"] * 3

    def test_a_retry_is_a_job_of_its_own_type_from_the_beginning(self, house: Jobs) -> None:
        job = house.whole()
        error = house.names(job)["error"]
        path = f"/flows/{house.flow}/{house.import_}/retry"
        retry = house.call("POST", path, {"errorIds": [error]}).json["_jobId"]
        waiting = house.call("GET", f"/jobs/{retry}").json["type"]
        run = house.take_up(retry, JobType.RETRY)
        house.page(retry, s1=Count(1, pages=1))
        house.end(run)

        family = house.call("GET", f"/jobs/{retry}/family").json
        assert (waiting, family["type"], family["numSuccess"]) == ("retry", "retry", 1)
        assert [child["_importId"] for child in family["children"]] == [house.import_]

    @pytest.mark.parametrize("id_", ["x", UNKNOWN, f"{UNKNOWN[:-2]}03", "exec_0mh3k2"])
    @pytest.mark.parametrize("path", ["", "/family", "/jobErrors", "/errorFile/signedURL", "/diagnostics"])
    def test_a_job_that_is_not_there_is_not_found(self, house: Jobs, id_: str, path: str) -> None:
        assert house.call("GET", f"/jobs/{id_}{path}").status == 404

    def test_a_child_that_the_job_does_not_have_is_not_found(self, house: Jobs) -> None:
        job = house.whole()

        assert house.call("GET", f"/jobs/{job[:-2]}04").status == 404
        assert house.call("GET", f"/jobs/{job[:-2]}03").status == 200

    def test_another_workspace_sees_nothing_of_it(self, house: Jobs) -> None:
        job, other = house.whole(), house.world.other_key

        assert house.call("GET", f"/jobs/{job}", key=other).status == 404
        assert house.call("PUT", f"/jobs/{job}/cancel", key=other).status == 404
        assert house.call("GET", f"/jobs?_flowId={house.flow}", key=other).status == 204
        assert house.call("GET", f"/jobs?_flowJobId={job}", key=other).status == 204
        assert house.call("GET", f"/flows/{house.flow}/jobs/latest", key=other).status == 404

    def test_jobs_outlive_their_flow(self, house: Jobs) -> None:
        job, live = house.whole(), house.begin().id
        assert house.call("DELETE", f"/flows/{house.flow}").status == 204

        assert house.call("GET", f"/jobs/{job}").json["status"] == "completed"
        assert house.call("GET", f"/jobs/{live}").json["status"] == "canceled"
        assert ids(house.call("GET", f"/jobs?_flowId={house.flow}")) == [live, job]
        assert ids(house.call("GET", "/jobs?createdAt_gte=2026-01-01")) == [live, job]
        assert house.call("GET", f"/flows/{house.flow}/jobs/latest").status == 404

    def test_jobs_are_purged_after_thirty_days(self, house: Jobs) -> None:
        job = house.whole()
        shown = house.call("GET", f"/jobs/{job}").json
        house.world.clock.advance(30 * 86_400)

        assert house.call("GET", f"/jobs/{job}").status == 404
        assert house.call("GET", f"/jobs?_flowId={house.flow}").status == 204
        assert shown["purgeAt"] == "2026-12-02" + shown["createdAt"][10:]


class TestFinding:
    def test_jobs_are_listed_newest_first(self, house: Jobs) -> None:
        jobs = [house.whole() for _ in range(3)]

        assert ids(house.call("GET", f"/jobs?_flowId={house.flow}")) == jobs[::-1]
        assert ids(house.call("GET", f"/jobs?_integrationId={house.integration}")) == jobs[::-1]
        assert ids(house.call("GET", f"/jobs?_flowId_in={UNKNOWN},{house.flow}")) == jobs[::-1]
        assert ids(house.call("GET", f"/jobs?_jobId={jobs[1]}")) == [jobs[1]]

    @pytest.mark.parametrize(
        "query", ["_flowId=x", f"_flowId={UNKNOWN}", "_integrationId=x", "_flowJobId=x", "_jobId=x"]
    )
    def test_nothing_is_found_by_what_is_not_there(self, house: Jobs, query: str) -> None:
        house.whole()

        answer = house.call("GET", f"/jobs?{query}")
        assert (answer.status, answer.text) == (204, "")

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ("status=completed", 2),
            ("status=failed", 1),
            ("status=queued", 1),
            ("status=running", 1),
            ("status=running,queued", 2),
            ("status=canceling", 0),
            ("status=nonsense", 0),
            ("type=flow", 5),
            ("type=retry", 0),
            ("type_in=flow,retry", 5),
            ("type=bulk_export", 0),
            ("numError_gte=1", 2),
            ("numError_lte=0", 3),
            ("numSuccess_gte=100&numSuccess_lte=138", 2),
            ("numIgnore_gte=5", 0),
            ("numExport_gte=1", 0),
            ("retriable=true", 0),
            ("_bulkJobId=x", 0),
        ],
    )
    def test_jobs_are_found_by_how_they_stand(self, house: Jobs, query: str, count: int) -> None:
        for _ in range(2):
            house.whole()
        house.end(house.begin(), RunStatus.FAILED)
        house.begin()
        house.queued()

        assert len(ids(house.call("GET", f"/jobs?_flowId={house.flow}&{query}"))) == count

    def test_times_may_be_written_in_every_form(self, house: Jobs) -> None:
        jobs = [house.whole() for _ in range(2)]
        at = house.world.run_store.get(jobs[1]).created_at
        for text in (f"{at:%Y-%m-%dT%H:%M:%SZ}", f"{at:%Y-%m-%dT%H:%M:%S}", str(round(at.timestamp() * 1000))):
            assert ids(house.call("GET", f"/jobs?createdAt_gte={text}")) == [jobs[1]]
            assert ids(house.call("GET", f"/jobs?createdAt_lte={text}")) == jobs[::-1]
        earlier = at - timedelta(milliseconds=1)
        assert ids(house.call("GET", f"/jobs?createdAt_lte={earlier.isoformat()[:23]}Z")) == [jobs[0]]
        assert ids(house.call("GET", f"/jobs?createdAt_gte={at:%Y-%m-%d}&createdAt_lte={at:%Y-%m-%d}")) == jobs[::-1]

    @pytest.mark.parametrize("query", ["createdAt_gte=soon", "numError_gte=x", "numError_lte=-1", "retriable=perhaps"])
    def test_what_cannot_be_read_is_refused(self, house: Jobs, query: str) -> None:
        answer = house.call("GET", f"/jobs?_flowId={house.flow}&{query}")

        assert answer.status == 400
        assert codes(answer) == [(query.split("=")[0], "invalid_query_params")]

    @pytest.mark.parametrize(
        "query",
        ["", "status=running", "type=flow", "type=import", "type=export&_flowId=x", "type=import&createdAt_gte=1"],
    )
    def test_a_list_without_an_anchor_is_refused(self, house: Jobs, query: str) -> None:
        answer = house.call("GET", f"/jobs?{query}")

        assert answer.status == 400
        assert codes(answer) == [(None, "invalid_query")]

    def test_children_are_found_by_what_they_are_of(self, house: Jobs) -> None:
        first, second = house.whole(), house.whole()

        importing = [f"{job[:-2]}03" for job in (second, first)]
        assert ids(house.call("GET", f"/jobs?type=import&_importId={house.import_}")) == importing
        assert ids(house.call("GET", f"/jobs?type=import&resourceId={house.import_}")) == importing
        assert ids(house.call("GET", f"/jobs?type=import&_flowJobId={first}")) == [importing[1]]
        assert ids(house.call("GET", f"/jobs?type=import&_importId={house.import_}&retriable=true")) == importing
        looking = [f"{job[:-2]}02" for job in (second, first)]
        assert ids(house.call("GET", f"/jobs?type=export&_exportId={house.lookup}")) == looking
        assert ids(house.call("GET", f"/jobs?_exportId={house.lookup}")) == [second, first]

    def test_members_may_be_picked(self, house: Jobs) -> None:
        job = house.whole()

        answer = house.call("GET", f"/jobs?_flowId={house.flow}&include=status,numError")
        assert answer.json == [{"_id": job, "status": "completed", "numError": 2}]

    def test_more_than_a_thousand_jobs_are_paged_by_time(self, house: Jobs) -> None:
        jobs = []
        for _ in range(1_003):
            jobs.append(house.queued())
            house.world.run_store.end(jobs[-1], status=RunStatus.CANCELLED, at=house.world.clock.now())

        first = house.call("GET", f"/jobs?_flowId={house.flow}").json
        last = first[-1]["createdAt"]
        rest = house.call("GET", f"/jobs?_flowId={house.flow}&createdAt_lte={last}").json

        assert len(first) == 1_001
        assert [each["_id"] for each in first + rest[1:]] == jobs[::-1]


class TestLatestAndCurrent:
    def test_a_flow_that_never_ran_has_no_latest_job(self, house: Jobs) -> None:
        answer = house.call("GET", f"/flows/{house.flow}/jobs/latest")

        assert (answer.status, answer.text) == (204, "")

    def test_the_latest_job_comes_with_those_that_have_not_ended(self, house: Jobs) -> None:
        house.whole()
        running, newest = house.begin(), house.whole()

        found = house.call("GET", f"/flows/{house.flow}/jobs/latest")
        assert ids(found) == [newest, running.id]
        assert [len(job["children"]) for job in found.json] == [3, 3]

    def test_current_jobs_are_those_under_way(self, house: Jobs) -> None:
        house.whole()
        running, waiting = house.begin().id, house.queued()

        def current(body: Any, query: str = "") -> list[str]:
            return ids_of(house.call("POST", f"/jobs/current{query}", body).json)

        assert current({}) == current(None) == [waiting, running]
        assert current({"_flowIds": [house.flow], "_integrationIds": []}) == [waiting, running]
        assert current({"_integrationIds": [house.integration], "status": ["running"]}) == [running]
        assert current({"_flowIds": [UNKNOWN]}) == []
        assert len(current({"status": ["completed"]})) == 1

    def test_current_jobs_are_paged_by_an_absolute_address(self, house: Jobs) -> None:
        jobs = [house.queued() for _ in range(3)]

        first = house.call("POST", "/jobs/current?limit=2", {}, stage="/prod").json
        assert ids_of(first) == jobs[:0:-1]
        assert first["nextPageURL"] == "https://flow.example.org/prod/v1/jobs/current?skip=2&limit=2"
        rest = house.call("POST", "/jobs/current?skip=2&limit=2", {}).json
        assert (ids_of(rest), "nextPageURL" in rest) == ([jobs[0]], False)

    def test_what_is_no_list_of_texts_is_refused(self, house: Jobs) -> None:
        answer = house.call("POST", "/jobs/current", {"_flowIds": "x", "status": [1]})

        assert answer.status == 422
        assert codes(answer) == [("_flowIds", "invalid_field"), ("status", "invalid_field")]


def ids_of(shown: Any) -> list[str]:
    return [each["_id"] for each in shown["jobs"]]


class TestCancelling:
    def test_a_job_that_waits_is_cancelled_at_once(self, house: Jobs) -> None:
        job = house.queued()

        answer = house.call("PUT", f"/jobs/{job}/cancel", {})
        assert (answer.status, answer.json["_id"], answer.json["status"]) == (200, job, "canceled")

    def test_a_job_that_has_begun_is_being_cancelled(self, house: Jobs) -> None:
        job = house.begin().id

        answer = house.call("PUT", f"/jobs/{job}/cancel")
        assert (answer.status, answer.json["status"], "endedAt" in answer.json) == (200, "canceling", False)
        shown = house.call("GET", f"/jobs/{job}/family").json
        assert shown["status"] == "canceled"
        assert {child["status"] for child in shown["children"]} == {"canceled"}

    def test_a_job_that_has_ended_stays_as_it_is(self, house: Jobs) -> None:
        job = house.whole()
        before = house.call("GET", f"/jobs/{job}").json

        answer = house.call("PUT", f"/jobs/{job}/cancel")
        assert (answer.status, answer.json) == (200, before)

    def test_a_key_that_may_only_read_cannot_cancel(self, house: Jobs) -> None:
        job = house.queued()
        reader = house.world.new_key("ws_one", "executions:read")

        answer = house.call("PUT", f"/jobs/{job}/cancel", key=reader)
        assert answer.status == 403
        assert answer.json["message"] == answer.json["errors"][0]["message"]
        assert house.call("GET", f"/jobs/{job}", key=reader).json["status"] == "queued"

"""A flow of an export, a lookup and an import, and what its runs leave, without the engine that runs them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.flows.flows import (
    Child,
    Count,
    ErrorFilter,
    FlowError,
    JobFigures,
    JobType,
    Progress,
    ResourceKind,
    error_id,
    retry_data_key,
)
from chalicelib.domain.run import Run, RunStatus
from tests.api.celigo.conftest import Depot
from tests.api.world import World

WORKSPACE = "ws_one"
_OPEN = ErrorFilter()


class Jobs:
    def __init__(self, world: World, **members: Any) -> None:
        self.world = world
        self.depot = Depot(world)
        self.integration = self.depot.made("integrations", {"name": "Depot"})["_id"]
        self.export, self.lookup = self.depot.export()["_id"], self.depot.lookup()["_id"]
        self.import_ = self.depot.import_()["_id"]
        body = {
            "_integrationId": self.integration,
            "pageGenerators": [{"_exportId": self.export}],
            "pageProcessors": [
                {"type": "export", "_exportId": self.lookup},
                {"type": "import", "_importId": self.import_},
            ],
        }
        self.flow = self.depot.flow(**body, **members)["_id"]
        self.call = self.depot.call

    def begin(self, flow: str | None = None) -> Run:
        """A job that a worker has taken up."""
        job = self.queued(flow)
        return self.take_up(job)

    def queued(self, flow: str | None = None) -> str:
        started = self.call("POST", f"/flows/{flow or self.flow}/run")
        assert started.status == 201, started.text
        self.world.clock.advance(1)
        job: str = started.json["_jobId"]
        return job

    def take_up(self, job: str, type_: JobType = JobType.FLOW) -> Run:
        now = self.world.clock.now()
        run = self.world.run_store.claim(job, now=now, lease_expires_at=now + timedelta(seconds=60))
        self.world.flow_half.job_store.begin(self.figures(job, now, type_))
        return run

    def figures(self, job: str, at: datetime, type_: JobType = JobType.FLOW) -> JobFigures:
        children = (
            Child("g0", ResourceKind.EXPORT, self.export, 0),
            Child("s0", ResourceKind.EXPORT, self.lookup, 1),
            Child("s1", ResourceKind.IMPORT, self.import_, 2),
        )
        flow = self.world.run_store.get(job).workflow_id
        return JobFigures(job, WORKSPACE, flow, type_, children, at, self.integration)

    def page(
        self, job: str, number: int = 1, *, is_done: bool = True, has_failed: bool = False, **counts: Count
    ) -> None:
        """What the pages so far came to; by default all of the 48 records of one page."""
        at = self.world.clock.now()

        def second(start: float, end: float) -> dict[str, datetime]:
            return {"started_at": at + timedelta(seconds=start), "ended_at": at + timedelta(seconds=end)}

        usual = {
            "g0": Count(48, 0, 0, 1, **second(0, 3)),
            "s0": Count(48, 0, 0, 1, **second(4, 6)),
            "s1": Count(42, 2, 4, 1, **second(7, 11)),
        }
        progress = Progress("g0", number, counts or usual, is_done, has_failed)
        assert self.world.flow_half.job_store.advance(WORKSPACE, job, progress)

    def fail(self, job: str, number: int = 1, **members: Any) -> FlowError:
        at = self.world.clock.now() + timedelta(seconds=number)
        usual = FlowError(
            id=error_id(at, number),
            workspace_id=WORKSPACE,
            flow_id=self.world.run_store.get(job).workflow_id,
            step_id=self.import_,
            job_id=job,
            child="s1",
            order=2,
            occurred_at=at,
            source="application",
            code="422",
            message='{"error":"ref already used"}',
            trace_key=f"P-{number}",
            retry_data={"data": {"number": f"P-{number}", "ownerId": 9}, "stage": "s1", "traceKey": f"P-{number}"},
            is_retriable=True,
            request_key="1722938884713-0af1-422-PUT",
        )
        error = replace(usual, **members)
        self.world.flow_half.error_store.open([error])
        return error

    def end(self, run: Run, status: RunStatus = RunStatus.SUCCEEDED, seconds: float = 12.0) -> None:
        self.world.run_store.finish(
            run.id,
            run.fence,
            status=status,
            finished_at=self.world.clock.advance(seconds),
            output=None,
            failure=None,
            tail=(),
            news_due_at=None,
        )

    def whole(self) -> str:
        """The job of the documentation: 48 read, 48 looked up, 42 written, 4 filtered, 2 failed."""
        run = self.begin()
        self.page(run.id)
        self.fail(run.id, 1)
        self.fail(run.id, 2)
        self.end(run)
        return run.id

    def names(self, job: str) -> dict[str, str]:
        """What a fixture calls the things here."""
        errors = self.world.flow_half.error_store.page
        found = errors(WORKSPACE, self.flow, self.import_, _OPEN, after=None, limit=10)[0]
        return {
            "flow": self.flow,
            "export": self.export,
            "lookup": self.lookup,
            "import": self.import_,
            "integration": self.integration,
            "job": job,
            "exporting": f"{job[:-2]}01",
            "looking": f"{job[:-2]}02",
            "importing": f"{job[:-2]}03",
            "error": found[0].id,
            "other_error": found[1].id,
            "key": retry_data_key(found[0].id),
            "other_key": retry_data_key(found[1].id),
        }

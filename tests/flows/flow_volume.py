"""A house in which nothing grows with the number of records but what the product itself lets grow.

`python -m tests.flows.flow_volume RECORDS ANSWER PAGE BATCH` runs a flow in a process of its own, and says what came of
it and how much memory it took.
"""

from __future__ import annotations

import json
import resource
import sys
import tracemalloc
from dataclasses import dataclass, field
from typing import Any

from chalicelib.domain.flows.flows import Progress
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.json import Json, encode
from chalicelib.domain.run import Outcome, Run
from chalicelib.services.ports import HttpSender
from tests.fakes import MemoryRunStore
from tests.file_fakes import MemoryFileStore
from tests.flow_fakes import MemoryJobStore
from tests.flows.flow_house import BASE_URI, FlowHouse, generator, into

_FILES_KEPT = 32


class NewestRounds(MemoryRunStore):
    """Keeps of a loop the newest two rounds: all that a resumed run could still read."""

    def record(self, run_id: str, outcome: Outcome, also: tuple[Outcome, ...] = ()) -> Outcome:
        counts = super().record(run_id, outcome, also)
        steps = self._steps[run_id]
        for rounds in steps.rounds.values():
            for index in sorted(rounds)[:-2]:
                for place in rounds.pop(index):
                    del steps.records[place]
        return counts


class NewestFiles(MemoryFileStore):
    """Keeps the files that were put last: all that the page at work may still want."""

    def put(self, run_id: str, content: bytes, content_type: str) -> str:
        id_ = super().put(run_id, content, content_type)
        while len(self.stored) > _FILES_KEPT:
            del self.stored[next(iter(self.stored))]
        return id_


class CheckedJobs(MemoryJobStore):
    """Every page is accounted in its turn, and no figure ever shrinks."""

    def advance(self, workspace_id: str, job_id: str, progress: Progress) -> bool:
        before = self.get(workspace_id, [job_id])[job_id]
        stored = before.progress.get(progress.generator)
        assert progress.page == (1 if stored is None else stored.page + 1)
        for key, count in progress.counts.items():
            assert stored is None or count.success >= stored.counts[key].success
        return super().advance(workspace_id, job_id, progress)


@dataclass
class Stream:
    """An `HttpSender`: `records` of them in answers of `size`, and a sink that only counts what arrives. Ids make a sum
    that tells whether each arrived once."""

    records: int
    size: int
    arrived: int = 0
    sum_of_ids: int = 0
    calls: int = 0

    def send(self, request: HttpRequest) -> HttpResponse:
        self.calls += 1
        path = request.url.removeprefix(BASE_URI)
        if path.startswith("/items"):
            return self._answer(request, self._page(int(path.partition("at=")[2])))
        body: Any = json.loads(request.body or b"null")
        listed = body if isinstance(body, list) else [body]
        self.arrived += len(listed)
        self.sum_of_ids += sum(each["id"] for each in listed)
        return self._answer(request, {"ok": True})

    def _page(self, start: int) -> Json:
        end = min(start + self.size, self.records)
        rows: list[Json] = [
            {"id": n, "name": f"Record {n}", "tags": ["a", "b"], "price": n / 7} for n in range(start, end)
        ]
        return {"rows": rows, "total": self.records}

    @staticmethod
    def _answer(request: HttpRequest, body: Json) -> HttpResponse:
        return HttpResponse(200, {"content-type": "application/json"}, encode(body), request.url, 0.001)


@dataclass
class VolumeHouse(FlowHouse):
    """A flow of one generator and an import without a lookup, over a stream."""

    stream: Stream = field(default_factory=lambda: Stream(0, 1))

    def __post_init__(self) -> None:
        super().__post_init__()
        self.runs.__class__ = NewestRounds
        self.files = NewestFiles()
        self.jobs = CheckedJobs(self.clock.now)
        self.build()

    def to_api(self) -> HttpSender:
        return self.stream

    def furnish(self, page_size: int, batch_size: int) -> None:
        uri = "/items?at={{export.http.paging.skip}}"
        paging = {"paging": {"method": "skip", "maxCountPath": "total"}, "response": {"resourcePath": "rows"}}
        self.export("e1", uri, pageSize=page_size, http=paging)
        self.import_("i1", http={"batchSize": batch_size})
        self.flow(pageGenerators=[generator("e1")], pageProcessors=[into("i1")])


def streamed(records: int, answer_size: int, page_size: int, batch_size: int) -> tuple[VolumeHouse, Run]:
    """A run over so many records."""
    house = VolumeHouse(stream=Stream(records, answer_size))
    house.furnish(page_size, batch_size)
    return house, house.go()


def peak_of(records: int, answer_size: int, page_size: int, batch_size: int) -> int:
    """How many bytes a run had taken at most."""
    tracemalloc.start()
    try:
        streamed(records, answer_size, page_size, batch_size)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def main(arguments: list[str]) -> None:
    """Prints `{"counts", "arrived": records, "sum": of their ids, "grown": KiB}`: by how much the process's memory grew
    at most, beyond what the product takes by itself."""
    streamed(20, 20, 20, 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    house, run = streamed(*map(int, arguments))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    stream = house.stream
    said = {"counts": house.counts(run), "arrived": stream.arrived, "sum": stream.sum_of_ids, "grown": grown}
    print(json.dumps(said))  # noqa: T201 - a command's output


if __name__ == "__main__":
    main(sys.argv[1:])

"""What loading a function's code takes: time and memory of its modules in a fresh process, beside botocore alone."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator

from bench.table import Cell, Table

ROUNDS = 7
_PROBE = """
import resource, sys, time
begun = time.perf_counter()
{code}
seconds = time.perf_counter() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(seconds, peak / (1024 if sys.platform != "darwin" else 1024 * 1024), len(sys.modules))
"""
BASELINE = "import botocore.session"
CASES = {
    "botocore.session alone": BASELINE,
    "app (every function imports it)": "import app",
    "api, ready for its first call": "import app; s = app.services(); s.identity, s.limits, s.runs, s.workflows",
    "runs, ready for its first message": "import app; app.services().worker",
    "tick, ready for its first pass": "import app; app.services().tick",
}


def measure() -> Iterator[Table]:
    """The cases take turns, so that whatever else the machine does meets them all."""
    found: dict[str, list[tuple[float, float, int]]] = {name: [] for name in CASES}
    for _ in range(ROUNDS):
        for name, code in CASES.items():
            found[name].append(_probe(code))
    base = statistics.median(seconds for seconds, _, _ in found["botocore.session alone"])
    rows: list[list[Cell]] = []
    for name, probes in found.items():
        seconds = statistics.median(each[0] for each in probes)
        memory = statistics.median(each[1] for each in probes)
        rows.append([name, seconds * 1000, seconds / base, memory, probes[0][2]])
    columns = ("loaded", "ms", "ratio", "peak RSS MB", "modules")
    yield Table("Imports", columns, rows, [f"medians of {ROUNDS} fresh processes each, compiled modules cached"])


def _probe(code: str) -> tuple[float, float, int]:
    environment = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    environment |= {"RUNS_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/000000000000/runs"}
    ran = subprocess.run(
        [sys.executable, "-c", _PROBE.format(code=code)], env=environment, capture_output=True, text=True, check=True
    )
    seconds, memory, modules = ran.stdout.split()
    return float(seconds), float(memory), int(modules)

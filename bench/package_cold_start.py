"""`python -m bench.package_cold_start`: how long packaged functions take to start and to answer their first event.

Times are of this machine; the ratio to importing botocore's session in the same package, measured in turns with the
rest, is what can be compared. Each number is the least of several fresh processes.
"""

from __future__ import annotations

import argparse
import tempfile
import zipfile
from pathlib import Path

from bench.package_functions import FIRST_EVENTS, Nowhere, Start, nowhere, start
from infra import package, targets

YARDSTICK = "botocore.session"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--times", type=int, default=7, help="fresh processes for each (default: 7)")
    times = parser.parse_args().times
    built = package.build(targets.of_this_process(), package.DIST / "local")
    with tempfile.TemporaryDirectory() as directory, nowhere() as aws:
        task_root = Path(directory)
        with zipfile.ZipFile(built.zip) as archive:
            archive.extractall(task_root)
        _report(measure(task_root, aws, times))


def measure(task_root: Path, aws: Nowhere, times: int) -> dict[str, list[Start]]:
    """In turns, so that whatever else the machine does falls on all of them."""
    found: dict[str, list[Start]] = {name: [] for name in (YARDSTICK, *FIRST_EVENTS)}
    for _ in range(times):
        for name, starts in found.items():
            handler = f"{YARDSTICK}.Session" if name == YARDSTICK else name
            starts.append(start(task_root, handler, FIRST_EVENTS.get(name), aws))
    return found


def _report(found: dict[str, list[Start]]) -> None:
    yardstick = min(each.import_ms for each in found[YARDSTICK])
    print(f"{'':<34}{'import ms':>10}{'first ms':>10}{'total ms':>10}{'ratio':>8}{'modules':>9}")
    for name, starts in found.items():
        best = min(starts, key=lambda each: each.total_ms)
        print(
            f"{name:<34}{best.import_ms:>10.0f}{best.first_event_ms:>10.0f}{best.total_ms:>10.0f}"
            f"{best.total_ms / yardstick:>8.2f}{len(best.modules):>9}"
        )


if __name__ == "__main__":
    main()

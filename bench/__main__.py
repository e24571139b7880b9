"""`python -m bench [part …] [--json]`: measures, and prints a table for each part."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from importlib import import_module

from bench.table import Table

PARTS = {
    "runs": "runs per second and latency of the three-step run, on the local stack and over a double of AWS",
    "engine": "steps per second without I/O, and what a step costs after many others",
    "deliveries": "deliveries per second and latency, fan-out, isolation, calls and units, signing",
    "flows": "records per second through a flow, and what a page of it costs",
    "schedules": "the tick beside many schedules, next due times, a thousand schedules due at once",
    "calls": "AWS calls and capacity units of a run",
    "imports": "import time and memory of each function",
    "sandbox": "milliseconds of a run of JavaScript, warm and cold",
    "templates": "microseconds of rendering and compiling a Handlebars template",
    "cost": "what a million five-step runs cost",
}


def main(arguments: list[str]) -> int:
    listed = "\n".join(f"  {name:10} {does}" for name, does in PARTS.items())
    parser = argparse.ArgumentParser(
        "python -m bench",
        description=__doc__,
        epilog=f"parts:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="part", help="all of them if none is named")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"unknown part: {min(unknown)}")
    found = {}
    for name in options.parts or PARTS:
        found[name] = [_shown(table, quiet=options.json) for table in _tables(name)]
    if options.json:
        print(json.dumps(found, indent=2))
    return 0


def _tables(name: str) -> Iterable[Table]:
    measure: Callable[[], Iterable[Table]] = import_module(f"bench.{name}").measure
    return measure()


def _shown(table: Table, *, quiet: bool) -> dict[str, object]:
    if not quiet:
        print(table.as_text(), flush=True)
    return table.as_json()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

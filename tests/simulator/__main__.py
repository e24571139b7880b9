"""`python -m tests.simulator`: one seed with its trace (`--seed N`), or a range (`--seeds A:B`), of what `--kind` says:
`runs` (the default), `deliveries`, `schedules`, `flows` or `sources`, of a range also `all`.

A range fails if a seed does, or if no seed met some kind of fault.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.simulator.report import KINDS, Totals, command, run_seeds, story


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--seed", type=int, help="run one seed and print what happened")
    choice.add_argument("--seeds", type=_range, metavar="A:B", help="run the seeds from A up to, not including, B")
    parser.add_argument("--about", default="", help="with --seed: only the lines that speak of this")
    parser.add_argument("--kind", choices=(*KINDS, "all"), default="runs", help="what is simulated")
    given = parser.parse_args()
    if given.seed is not None:
        return _one("runs" if given.kind == "all" else given.kind, given.seed, given.about)
    kinds = tuple(KINDS) if given.kind == "all" else (given.kind,)
    return max([_many(kind, given.seeds) for kind in kinds])


def _range(text: str) -> range:
    first, _, end = text.rpartition(":")
    return range(int(first or 0), int(end))


def _one(kind: str, seed: int, about: str) -> int:
    text, is_well = story(kind, seed, about)
    print(text)  # noqa: T201 - a command's output
    return 0 if is_well else 1


def _many(kind: str, seeds: range) -> int:
    totals = Totals(kind)
    began = time.monotonic()
    for seed in run_seeds(seeds, totals):
        print(f"seed {seed}: {totals.failures[seed]}\n    {command(kind, seed)}", flush=True)  # noqa: T201
    seconds = time.monotonic() - began
    print(  # noqa: T201
        f"{kind}: {totals.seeds} seeds, {totals.runs} runs, {totals.steps} recorded steps, "
        f"{sum(totals.faults.values())} faults in {seconds:.1f} s; {len(totals.failures)} failed",
        *(f"  {count:>9} {kind}" for kind, count in sorted(totals.faults.items())),
        *(f"  {count:>9} {end}" for end, count in sorted(totals.ends.items())),
        *(f"  NOT MET   {kind}" for kind in totals.missed()),
        sep="\n",
    )
    return 1 if totals.failures or totals.missed() else 0


if __name__ == "__main__":
    sys.exit(main())

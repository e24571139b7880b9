"""`python -m bench.package_size`: what the deployed zip is made of, in bytes."""

from __future__ import annotations

import zipfile
from collections import defaultdict
from pathlib import Path

from infra import package, targets


def main() -> None:
    built = package.build(targets.choose(), package.DIST)
    print(f"{'':<24}{'zipped':>12}{'unzipped':>12}{'files':>8}")
    parts = by_part(built.zip)
    for name, (zipped, unzipped, files) in sorted(parts.items(), key=lambda part: -part[1][0]):
        print(f"{name:<24}{zipped:>12,}{unzipped:>12,}{files:>8,}")
    totals = [sum(column) for column in zip(*parts.values(), strict=True)]
    print(f"{'together':<24}{totals[0]:>12,}{totals[1]:>12,}{totals[2]:>8,}")
    print(f"{built.zip.name:<24}{built.zip.stat().st_size:>12,}")


def by_part(archive: Path) -> dict[str, tuple[int, int, int]]:
    """Zipped bytes, unzipped bytes and files of each package; botocore's models are counted apart."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    with zipfile.ZipFile(archive) as zipped:
        for entry in zipped.infolist():
            counted = sums[_part(entry.filename)]
            counted[0] += entry.compress_size
            counted[1] += entry.file_size
            counted[2] += 1
    return {name: (counted[0], counted[1], counted[2]) for name, counted in sums.items()}


def _part(name: str) -> str:
    if name.startswith("botocore/data/"):
        return "botocore/data"
    first = name.split("/")[0]
    if first == "__pycache__":
        return name.split("/")[1].split(".")[0] + ".py"
    return first


if __name__ == "__main__":
    main()

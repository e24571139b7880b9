"""`python -m infra.vendor_js`: rebuilds the libraries that the sandbox brings, for which alone npm is needed.

What npm installs is pinned by `infra/javascript/package-lock.json`, with the hash of every archive. The result is
committed: a bundle per library, a manifest with hashes, versions and licences, and the licences' texts. `--check`
compares what is committed with its manifest and needs neither npm nor network.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

RECIPE = Path(__file__).resolve().parent / "javascript"
VENDOR = Path(__file__).resolve().parent.parent / "chalicelib" / "sandbox" / "vendor"
MANIFEST = VENDOR / "manifest.json"
LICENCES = VENDOR / "LICENCES.txt"
ALLOWED = frozenset(
    {"MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "Apache-2.0", "BlueOak-1.0.0", "MIT AND ISC"}
)
"""Licences that ask for no more than their text to travel along."""

_PACKAGE = re.compile(r".*node_modules/((?:@[^/]+/)?[^/]+)/")
_LICENCE_FILE = re.compile(r"(?i)^(licen[cs]e|copying|notice)([.-].*)?$")


class VendoringError(Exception):
    """The libraries are not what the manifest says, or may not be shipped."""


def rebuild() -> None:
    """Raises VendoringError, CalledProcessError."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for recipe in RECIPE.iterdir():
            shutil.copy(recipe, work)
        _run(work, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        _run(work, "node", "build.mjs", str(work), str(work / "built"))
        files = {path.stem: _about(path, work) for path in sorted((work / "built").glob("*.js"))}
        _put(files, work)


def problems() -> list[str]:
    """What is committed and differs from its manifest."""
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))["files"]
    found = [f"{path.name} is in no manifest" for path in VENDOR.glob("*.js") if path.stem not in manifest]
    for name, about in manifest.items():
        path = VENDOR / f"{name}.js"
        if not path.exists():
            found.append(f"{path.name} is missing")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != about["sha256"]:
            found.append(f"{path.name} was changed")
    return sorted(found)


def _run(directory: Path, *command: str) -> None:
    subprocess.run(command, cwd=directory, check=True)


def _about(path: Path, work: Path) -> dict[str, Any]:
    specifiers = json.loads((RECIPE / "specifiers.json").read_text(encoding="utf-8"))
    inputs = json.loads(path.with_suffix(".inputs").read_text(encoding="utf-8"))
    names = sorted({match[1] for one in inputs if (match := _PACKAGE.match(one if one.startswith("/") else f"/{one}"))})
    content = path.read_bytes()
    return {
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "packages": {name: _package(work, name) for name in names},
        "specifiers": specifiers[path.stem],
    }


def _package(work: Path, name: str) -> dict[str, str]:
    about = json.loads((work / "node_modules" / name / "package.json").read_text(encoding="utf-8"))
    licence = about.get("license") or " OR ".join(one["type"] for one in about.get("licenses", []))
    licence = licence["type"] if isinstance(licence, dict) else str(licence).strip("()")
    if not any(one in ALLOWED for one in (licence, *licence.split(" OR "))):
        raise VendoringError(f"{name} is under {licence}")
    return {"version": about["version"], "licence": licence}


def _put(files: dict[str, dict[str, Any]], work: Path) -> None:
    for old in VENDOR.glob("*.js"):
        old.unlink()
    VENDOR.mkdir(exist_ok=True)
    for name in files:
        shutil.copy(work / "built" / f"{name}.js", VENDOR)
    MANIFEST.write_text(json.dumps({"files": files}, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    packages = {name: about for one in files.values() for name, about in one["packages"].items()}
    LICENCES.write_text("\n".join(_licence(work, name, packages[name]) for name in sorted(packages)), encoding="utf-8")


def _licence(work: Path, name: str, about: dict[str, str]) -> str:
    directory = work / "node_modules" / name
    texts = [
        path.read_text(encoding="utf-8").strip()
        for path in sorted(directory.iterdir())
        if _LICENCE_FILE.match(path.name)
    ]
    return "\n\n".join([f"==== {name} {about['version']} ({about['licence']})", *texts, ""])


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        "python -m infra.vendor_js", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("--check", action="store_true", help="compare with the manifest instead")
    if not parser.parse_args(arguments).check:
        rebuild()
    for problem in (found := problems()):
        print(problem, file=sys.stderr)  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m infra.package`: writes the template and the zip that a stage is deployed from.

    dist/template.json   an AWS::Serverless template; its parameters make a stage of it
    dist/penstock.zip    what all functions run
    dist/manifest.json   what it was built from and for

A package whose sources have not changed is left alone. One package serves every stage.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra import archive, targets, templates, trim, wheels
from infra.targets import PackagingError, Target

DIST = templates.ROOT / "dist"
WHEELHOUSE = DIST / "wheels"
MAX_ZIP_BYTES = 12_000_000


@dataclass(frozen=True, slots=True)
class Package:
    """`files` is the zip's content, unpacked; kept beside it only where that was asked for."""

    directory: Path

    @property
    def template(self) -> dict[str, Any]:
        template: dict[str, Any] = json.loads((self.directory / "template.json").read_text(encoding="utf-8"))
        return template

    @property
    def zip(self) -> Path:
        return self.directory / templates.PACKAGE_NAME

    @property
    def manifest(self) -> dict[str, Any]:
        path = self.directory / "manifest.json"
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return manifest


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.package", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--python", help="a version (3.13) or the path of an interpreter; default: the newest found")
    parser.add_argument("--architecture", default="arm64", choices=targets.ARCHITECTURES)
    parser.add_argument("--stage", default="dev", help="the stage that the template names when nobody else does")
    parser.add_argument("--out", type=Path, default=DIST)
    asked = parser.parse_args(arguments)
    try:
        target = targets.choose(asked.python or None, asked.architecture)
        if target.python not in targets.PREFERRED:
            _say(f"WARNING: {target.runtime} is a runtime that Lambda is about to retire. With Python")
            _say(f"         {' or '.join(targets.PREFERRED)} installed: make package PYTHON=/path/to/python3.13")
        package = build(target, asked.out, asked.stage or "dev")
    except PackagingError as error:
        _say(f"ERROR: {error}")
        return 1
    manifest = package.manifest
    _say(f"{package.zip}: {manifest['zip_bytes']:,} bytes, {target.runtime} on {target.architecture}")
    return 0


def build(target: Target, out: Path, stage: str = "dev") -> Package:
    """Builds, unless what is there was built from the same sources, after whoever builds there now. Raises
    PackagingError."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / ".building").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _built(target, out, stage)


def _built(target: Target, out: Path, stage: str) -> Package:
    package = Package(out)
    facts = {"runtime": target.runtime, "architecture": target.architecture, "stage": stage, "sources": fingerprint()}
    if package.zip.exists() and facts.items() <= package.manifest.items():
        return package
    with tempfile.TemporaryDirectory(prefix="build-", dir=out) as directory:
        work = Path(directory)
        template = templates.build(target, work)
        template["Parameters"]["StageName"]["Default"] = stage
        _fill(work / "app", target)
        archive.write_zip(work / "app", package.zip)
    size = package.zip.stat().st_size
    if size > MAX_ZIP_BYTES:
        raise PackagingError(f"the zip has {size:,} bytes, more than {MAX_ZIP_BYTES:,}")
    (out / "template.json").write_text(json.dumps(template, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    digest = hashlib.sha256(package.zip.read_bytes()).hexdigest()
    facts |= {"zip_bytes": size, "zip_sha256": digest}  # type: ignore[dict-item]
    (out / "manifest.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return package


def fingerprint() -> str:
    """Of everything that the package is made from."""
    digest = hashlib.sha256()
    for path in templates.sources():
        digest.update(f"{path.relative_to(templates.ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _fill(app: Path, target: Target) -> None:
    """Adds the dependencies to the app's own files."""
    wheels.unpack(templates.ROOT / "requirements.txt", target, WHEELHOUSE, app)
    trim.trim(app)
    for leftover in app.rglob("__pycache__"):
        shutil.rmtree(leftover)
    archive.compile_all(app, target)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())

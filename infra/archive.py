"""The deployed zip: compiled, in one order, with one date, so that the same sources give the same bytes."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

from infra.targets import PackagingError, Target

_DATE = (2020, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16


def compile_all(directory: Path, target: Target) -> None:
    """Bytecode beside every source. The interpreter is not to check it: dates in a zip say nothing, and the functions'
    directory cannot be written to, so that without bytecode every cold start would compile everything."""
    command = [
        *(target.interpreter, "-I", "-m", "compileall", "-q", "-j", "0"),
        *("--invalidation-mode", "unchecked-hash", "-s", str(directory), "-p", "/var/task", str(directory)),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise PackagingError(f"the sources do not compile for {target.runtime}:\n{done.stdout}{done.stderr}")


def write_zip(directory: Path, archive: Path) -> None:
    partial = archive.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as zipped:
        for path in sorted(path for path in directory.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(directory).as_posix(), _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _MODE
            zipped.writestr(entry, path.read_bytes())
    partial.replace(archive)

"""The package as it is deployed, and one for this machine whose functions can be started here.

Both are built when their sources have changed, by one of the test processes.
"""

from __future__ import annotations

import fcntl
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infra import package, targets
from infra.expand import expand
from infra.package import Package


@contextmanager
def _alone() -> Iterator[None]:
    package.DIST.mkdir(exist_ok=True)
    with (package.DIST / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def deployable() -> Package:
    with _alone():
        return package.build(targets.choose(), package.DIST)


@pytest.fixture(scope="session")
def local() -> Package:
    with _alone():
        return package.build(targets.of_this_process(), package.DIST / "local")


@pytest.fixture(scope="session")
def task_root(local: Package) -> Path:
    """The local package unpacked, as Lambda lays it out."""
    with _alone():
        root = local.directory / "task"
        made_from = root / "made-from"
        digest = local.manifest["zip_sha256"]
        if not made_from.exists() or made_from.read_text() != digest:
            shutil.rmtree(root, ignore_errors=True)
            with zipfile.ZipFile(local.zip) as archive:
                archive.extractall(root)
            made_from.write_text(digest)
    return root


@pytest.fixture(scope="session")
def template(deployable: Package) -> dict[str, Any]:
    """What CloudFormation runs."""
    return expand(deployable.template)


@pytest.fixture(scope="session")
def resources(template: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"]
    return found

"""Takes out of the unpacked dependencies what the functions never open.

botocore describes every service of AWS; ours are few, and S3 is the only one whose model is not small. Its models
are stored without their prose and unpacked, because they are read at every cold start.
"""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

SERVICES = ("dynamodb", "kms", "lambda", "s3", "sqs", "sts")

_SHARED_DATA = ("_retry.json", "endpoints.json", "partitions.json", "sdk-default-configuration.json")
_MODELS = ("service-2", "endpoint-rule-set-1", "paginators-1", "waiters-2")
_UNUSED_FILES = ("*.pyi", "*.c", "*.h", "*.pxd", "*.pyx", "py.typed", "_testing*")
_PROSE = ("documentation", "documentationUrl")


def trim(directory: Path) -> None:
    _trim_botocore(directory / "botocore" / "data")
    for pattern in _UNUSED_FILES:
        for path in directory.rglob(pattern):
            path.unlink()
    # For Python in a browser.
    shutil.rmtree(directory / "urllib3" / "contrib" / "emscripten", ignore_errors=True)
    shutil.rmtree(directory / "bin", ignore_errors=True)
    (directory / "dateutil" / "zoneinfo" / "dateutil-zoneinfo.tar.gz").unlink(missing_ok=True)


def _trim_botocore(data: Path) -> None:
    for entry in data.iterdir():
        if entry.is_dir() and entry.name not in SERVICES:
            shutil.rmtree(entry)
        elif entry.is_file() and entry.name.removesuffix(".gz") not in _SHARED_DATA:
            entry.unlink()
    for service in SERVICES:
        for path in (data / service).rglob("*.json*"):
            _rewrite(path)
    for name in _SHARED_DATA:
        _compact(data / name)
    _trim_endpoints(data / "endpoints.json")


def _rewrite(path: Path) -> None:
    name = path.name.removesuffix(".gz").removesuffix(".json")
    content = path.read_bytes()
    path.unlink()
    if name not in _MODELS:
        return
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    path.with_name(name + ".json").write_text(_packed(without_prose(json.loads(content))), encoding="utf-8")


def _compact(path: Path) -> None:
    if path.exists():
        path.write_text(_packed(json.loads(path.read_bytes())), encoding="utf-8")


def _trim_endpoints(path: Path) -> None:
    """Every client that is made reads all of it."""
    endpoints = json.loads(path.read_bytes())
    for partition in endpoints["partitions"]:
        partition["services"] = {name: each for name, each in partition["services"].items() if name in SERVICES}
    path.write_text(_packed(endpoints), encoding="utf-8")


def without_prose(model: Any) -> Any:
    """The model with empty explanations; some are asked for, so none is left out. A member that merely has such a
    name is an object, and stays."""
    if isinstance(model, dict):
        return {
            name: "" if name in _PROSE and isinstance(value, str) else without_prose(value)
            for name, value in model.items()
        }
    if isinstance(model, list):
        return [without_prose(value) for value in model]
    return model


def _packed(model: Any) -> str:
    return json.dumps(model, separators=(",", ":"), ensure_ascii=False)

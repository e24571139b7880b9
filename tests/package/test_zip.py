"""The deployed zip: complete, compiled, for the right machine, reproducible, and not larger than it was."""

from __future__ import annotations

import importlib.util
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.package_size import by_part
from infra import archive, templates, trim
from infra.package import Package
from infra.targets import PackagingError, of_this_process

MOST_BYTES = {"dependencies": 5_250_000, "product": 4_050_000}
"""Zipped. All of it is fetched and unpacked at every cold start. Raise a number only with a reason.

The JavaScript engine takes 2,470,000 of the dependencies, models of the two services that run code and keep its
credentials 30,000; the libraries that such code may import 1,000,000 of the product. Only one function loads them.
Flows, templates and records take 800,000 of it, the console and the API's description 200,000: what is asked for is
loaded then.
"""

PACKAGES = {
    "_quickjs.abi3.so",
    "app.py",
    "botocore",
    "chalice",
    "chalicelib",
    "dateutil",
    "jmespath",
    "msgspec",
    "pynamodb",
    "quickjs",
    "six.py",
    "typing_extensions.py",
    "tzdata",
    "urllib3",
}
_ELF_MACHINE_ARM64 = 183


@pytest.fixture(scope="module")
def zipped(deployable: Package) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(deployable.zip) as opened:
        yield opened


def test_it_holds_the_product_and_its_dependencies_alone(zipped: zipfile.ZipFile) -> None:
    found = {name.split("/")[0] for name in zipped.namelist()} - {"__pycache__"}

    assert found == PACKAGES


def test_it_holds_nothing_that_only_developers_need(zipped: zipfile.ZipFile) -> None:
    unwanted = (
        "chalicelib/cli/",
        "chalicelib/local/",
        "chalicelib/operat",
        "tests/",
        "boto3/",
        "s3transfer/",
        "pip/",
        "infra/",
        "bench/",
    )

    assert [name for name in zipped.namelist() if name.startswith(unwanted)] == []
    assert [name for name in zipped.namelist() if name.endswith((".pyi", ".c", ".md"))] == []


def test_it_holds_what_code_of_users_runs_on(zipped: zipfile.ZipFile) -> None:
    names = set(zipped.namelist())

    for directory, endings in (
        ("sandbox/js", ".js"),
        ("sandbox/vendor", (".js", ".txt")),
        ("registry", (".mjs", ".ts")),
    ):
        root = templates.ROOT / "chalicelib" / directory
        files = {path.relative_to(templates.ROOT).as_posix() for path in root.rglob("*") if path.is_file()}
        expected = {name for name in files if name.endswith(endings)}
        assert expected
        assert expected <= names


def test_it_is_not_larger_than_it_was(deployable: Package) -> None:
    parts = by_part(deployable.zip)
    product = sum(parts[name][0] for name in ("app.py", "chalicelib"))
    dependencies = sum(zipped for zipped, _, _ in parts.values()) - product

    assert dependencies <= MOST_BYTES["dependencies"]
    assert product <= MOST_BYTES["product"]


def test_every_source_has_bytecode_that_nobody_checks(deployable: Package, zipped: zipfile.ZipFile) -> None:
    tag = deployable.manifest["runtime"].replace("python", "cpython-").replace(".", "")
    for name in zipped.namelist():
        if name.endswith(".py"):
            directory, _, file = name.rpartition("/")
            compiled = f"{directory}/__pycache__/{file[:-3]}.{tag}.pyc".lstrip("/")
            flags = struct.unpack("<I", zipped.read(compiled)[4:8])[0]
            assert flags == 0b01, f"{compiled} is checked against its source"


def test_machine_code_is_for_the_functions_processor(zipped: zipfile.ZipFile) -> None:
    libraries = [name for name in zipped.namelist() if ".so" in name]

    assert libraries
    for name in libraries:
        assert struct.unpack("<H", zipped.read(name)[18:20])[0] == _ELF_MACHINE_ARM64, name


def test_the_aws_services_in_use_can_be_called_and_no_others(zipped: zipfile.ZipFile) -> None:
    data = {name.split("/")[2] for name in zipped.namelist() if name.startswith("botocore/data/")}

    assert {name for name in data if not name.endswith(".json")} == set(trim.SERVICES)


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "module.py").write_text("VALUE = 1\n")
    archive.compile_all(source, of_this_process())

    for name in ("first.zip", "second.zip"):
        archive.write_zip(source, tmp_path / name)

    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "first.zip") as zipped:
        assert importlib.util.cache_from_source("module.py") in zipped.namelist()


def test_a_source_that_does_not_compile_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("def broken(:\n")

    with pytest.raises(PackagingError, match="do not compile"):
        archive.compile_all(tmp_path, of_this_process())


def test_models_lose_their_prose_and_keep_members_that_are_called_like_it() -> None:
    model = {"documentation": "<p>long</p>", "members": {"documentation": {"shape": "Text", "documentation": "x"}}}

    assert trim.without_prose(model) == {
        "documentation": "",
        "members": {"documentation": {"shape": "Text", "documentation": ""}},
    }

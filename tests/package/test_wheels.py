"""Dependencies: exactly what is pinned, for the right machine; anything else stops the build."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from infra import targets, wheels
from infra.targets import PackagingError, Target

ARM = Target("3.13", "arm64", "python3.13")


def make_wheel(
    directory: Path, name: str, requires: tuple[str, ...] = (), files: dict[str, bytes] | None = None
) -> None:
    with zipfile.ZipFile(directory / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        metadata = "Metadata-Version: 2.1\n" + "".join(f"Requires-Dist: {each}\n" for each in requires)
        wheel.writestr(f"{name}-1.0.dist-info/METADATA", metadata)
        for path, content in {f"{name}.py": b"", **(files or {})}.items():
            wheel.writestr(path, content)


@pytest.fixture
def wheelhouse(tmp_path: Path) -> Path:
    """Of wheels that need not be downloaded."""
    directory = tmp_path / "wheels"
    directory.mkdir()
    return directory


def unpack(wheelhouse: Path, requirements: str) -> Path:
    text = wheelhouse.parent / "requirements.txt"
    text.write_text(requirements)
    wheelhouse.rename(wheels.directory_for(wheels.pins(requirements), ARM, wheelhouse.parent))
    into = wheelhouse.parent / "into"
    wheels.unpack(text, ARM, wheelhouse.parent, into)
    return into


def test_packages_are_unpacked_without_their_metadata(wheelhouse: Path) -> None:
    make_wheel(wheelhouse, "first", ("second>=1",))
    make_wheel(wheelhouse, "second")

    into = unpack(wheelhouse, "first==1.0\nsecond==1.0  # needed by first\n")

    assert sorted(path.name for path in into.iterdir()) == ["first.py", "second.py"]


def test_a_dependency_that_nobody_pinned_stops_the_build(wheelhouse: Path) -> None:
    make_wheel(wheelhouse, "first", ("second>=1", "third; extra == 'more'", "fourth; python_version < '3.8'"))

    with pytest.raises(PackagingError, match="does not pin second \\(of first\\)"):
        unpack(wheelhouse, "first==1.0\n")


def test_a_requirement_without_a_wheel_stops_the_build(wheelhouse: Path) -> None:
    make_wheel(wheelhouse, "first")

    with pytest.raises(PackagingError, match=r"no wheel for python3\.13 on arm64: second"):
        unpack(wheelhouse, "first==1.0\nsecond==1.0\n")


def test_machine_code_for_another_processor_stops_the_build(wheelhouse: Path) -> None:
    intel = b"\x7fELF" + bytes(14) + (62).to_bytes(2, "little")
    make_wheel(wheelhouse, "first", files={"first_core.so": intel})

    with pytest.raises(PackagingError, match=r"first_core.so is not machine code for arm64"):
        unpack(wheelhouse, "first==1.0\n")


def test_files_for_other_places_than_the_packages_stop_the_build(wheelhouse: Path) -> None:
    make_wheel(wheelhouse, "first", files={"first-1.0.data/data/share/x": b""})

    with pytest.raises(PackagingError, match="other places"):
        unpack(wheelhouse, "first==1.0\n")


@pytest.mark.parametrize("line", ["botocore", "botocore>=1.2", "-e .", "botocore==1.*, <2"])
def test_only_exact_versions_are_packaged(line: str) -> None:
    with pytest.raises(PackagingError, match="names no exact version"):
        wheels.pins(line)


def test_an_interpreter_that_does_not_run_is_refused() -> None:
    with pytest.raises(PackagingError, match="no interpreter"):
        targets.choose("/nowhere/python3.13")


def test_an_unknown_processor_is_refused() -> None:
    with pytest.raises(PackagingError, match="mips"):
        targets.choose(architecture="mips")


def test_this_interpreter_can_be_named_by_its_path() -> None:
    here = targets.of_this_process()

    assert targets.choose(here.interpreter, here.architecture) == here

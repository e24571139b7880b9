"""Files of runs, in memory and on AWS."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import FileNotStoredError
from chalicelib.domain.files import StoredFile
from chalicelib.local.resources import Resources
from chalicelib.services.ports import FileStore
from chalicelib.store.aws import AwsClients
from chalicelib.store.files import S3FileStore
from tests.file_fakes import MemoryFileStore


@pytest.fixture(params=["memory", "aws"])
def files(request: pytest.FixtureRequest) -> FileStore:
    if request.param == "memory":
        return MemoryFileStore()
    aws: AwsClients = request.getfixturevalue("aws")
    resources: Resources = request.getfixturevalue("resources")
    return S3FileStore(aws, resources.bucket)


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"x" * 3_000_000], ids=["empty", "bytes", "large"])
def test_a_file_comes_back_with_its_type(files: FileStore, content: bytes) -> None:
    id_ = files.put("exec_1", content, "image/png")

    assert files.get("exec_1", id_) == StoredFile(content, "image/png")


def test_the_same_bytes_of_a_run_are_one_file(files: FileStore) -> None:
    first, again = (files.put("exec_1", b"x", "text/plain") for _ in range(2))

    assert first == again
    assert files.put("exec_2", b"x", "text/plain") != first


@pytest.mark.parametrize("id_", ["", "exec_1", "exec_1.abc", "exec_1." + "0" * 64, "../x." + "0" * 64])
def test_what_is_not_stored_is_not_found(files: FileStore, id_: str) -> None:
    with pytest.raises(FileNotStoredError):
        files.get("exec_1", id_)


def test_a_file_is_found_in_its_own_run_alone(files: FileStore) -> None:
    id_ = files.put("exec_1", b"x", "text/plain")

    with pytest.raises(FileNotStoredError):
        files.get("exec_2", id_)


def test_a_file_that_is_not_what_was_stored_is_not_handed_out(aws: AwsClients, resources: Resources) -> None:
    files = S3FileStore(aws, resources.bucket)
    id_ = files.put("exec_1", b"x", "text/plain")
    aws.s3.put_object(Bucket=resources.bucket, Key=f"runs/exec_1/files/{id_.partition('.')[2]}", Body=b"y")

    with pytest.raises(FileNotStoredError):
        files.get("exec_1", id_)

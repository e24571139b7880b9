"""Files that steps make, in S3 beside the large values of their run, under the SHA-256 of their bytes.

They expire with what else the bucket keeps of runs. Storing the same bytes again changes nothing but the content type.
"""

from __future__ import annotations

import hashlib
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.domain.errors import FileNotStoredError
from chalicelib.domain.files import StoredFile, file_id, parse_file_id
from chalicelib.store.aws import AwsClients, aws_errors, error_code


class S3FileStore:
    def __init__(self, clients: AwsClients, bucket: str) -> None:
        self._clients = clients
        self._bucket = bucket

    def put(self, run_id: str, content: bytes, content_type: str) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        with aws_errors():
            self._clients.s3.put_object(
                Bucket=self._bucket, Key=_key(run_id, sha256), Body=content, ContentType=content_type
            )
        return file_id(run_id, sha256)

    def get(self, run_id: str, file_id: str) -> StoredFile:
        named, sha256 = parse_file_id(file_id)
        if named != run_id:
            raise FileNotStoredError(file_id=file_id)
        try:
            with aws_errors():
                answer: dict[str, Any] = self._clients.s3.get_object(Bucket=self._bucket, Key=_key(run_id, sha256))
                content: bytes = answer["Body"].read()
        except ClientError as error:
            if error_code(error) != "NoSuchKey":
                raise
            raise FileNotStoredError(file_id=file_id) from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise FileNotStoredError("A stored file is not what was stored.", file_id=file_id)
        return StoredFile(content, answer.get("ContentType") or "application/octet-stream")


def _key(run_id: str, sha256: str) -> str:
    return f"runs/{run_id}/files/{sha256}"

"""Values too large for an item, in S3 under the SHA-256 of their bytes.

Writing the same bytes again changes nothing, so that a write whose answer was lost may be repeated. A blob
is written before the item that refers to it; one whose item never came is left to the bucket's expiry.
"""

from __future__ import annotations

import hashlib
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.domain.errors import BlobNotFoundError
from chalicelib.store.aws import AwsClients, aws_errors, error_code


class Blobs:
    """`owner` is the first part of a blob's name, such as `runs/<run id>`; blobs are never shared across owners."""

    def __init__(self, clients: AwsClients, bucket: str) -> None:
        self._clients = clients
        self._bucket = bucket

    def put(self, owner: str, content: bytes) -> str:
        """Stores the bytes and returns their SHA-256 (hex)."""
        sha256 = hashlib.sha256(content).hexdigest()
        with aws_errors():
            self._clients.s3.put_object(Bucket=self._bucket, Key=f"{owner}/{sha256}", Body=content)
        return sha256

    def get(self, owner: str, sha256: str) -> bytes:
        """Raises BlobNotFoundError if the bytes are gone or are not those that were stored."""
        try:
            with aws_errors():
                # The body comes after the answer, and its connection may break like that of any call.
                answer: dict[str, Any] = self._clients.s3.get_object(Bucket=self._bucket, Key=f"{owner}/{sha256}")
                content: bytes = answer["Body"].read()
        except ClientError as error:
            # S3 says so only to a role that may list the bucket; to any other it says AccessDenied.
            if error_code(error) != "NoSuchKey":
                raise
            raise BlobNotFoundError(owner=owner, sha256=sha256) from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise BlobNotFoundError("A stored body is not what was stored.", owner=owner, sha256=sha256)
        return content

    def delete(self, owner: str, sha256: str) -> None:
        """Nothing happens if the bytes are gone."""
        with aws_errors():
            self._clients.s3.delete_object(Bucket=self._bucket, Key=f"{owner}/{sha256}")

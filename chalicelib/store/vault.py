"""The vault: secrets encrypted by a key that never leaves the key service, each bound to what it belongs to."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.domain.errors import InvalidError, TooLargeError
from chalicelib.store.aws import AwsClients, aws_errors, error_code

MAX_PLAIN_BYTES = 4_096  # what KMS encrypts by itself, without a data key
_REFUSED = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})


class KmsVault:
    """The `Vault` port on KMS. `key` is a key's id, ARN or alias; None for an installation without one."""

    def __init__(self, clients: AwsClients, key: str | None) -> None:
        self._clients = clients
        self._key = key

    def seal(self, plain: bytes, context: Mapping[str, str]) -> str:
        if len(plain) > MAX_PLAIN_BYTES:
            message = f"The credentials are larger than {MAX_PLAIN_BYTES} bytes."
            raise TooLargeError(message, limit=MAX_PLAIN_BYTES, field="credentials")
        with aws_errors():
            answer: Mapping[str, Any] = self._clients.kms.encrypt(
                KeyId=self._named(), Plaintext=plain, EncryptionContext=dict(context)
            )
        return base64.b64encode(answer["CiphertextBlob"]).decode()

    def open(self, sealed: str, context: Mapping[str, str]) -> bytes:
        try:
            blob = base64.b64decode(sealed, validate=True)
            with aws_errors():
                answer: Mapping[str, Any] = self._clients.kms.decrypt(
                    KeyId=self._named(), CiphertextBlob=blob, EncryptionContext=dict(context)
                )
        except binascii.Error as error:
            raise InvalidError("What was sealed is damaged.") from error
        except ClientError as error:
            if error_code(error) not in _REFUSED:
                raise
            raise InvalidError("It was not sealed for this by the key of this installation.") from error
        plain: bytes = answer["Plaintext"]
        return plain

    def _named(self) -> str:
        """Raises InvalidError."""
        if self._key is None:
            raise InvalidError("This installation keeps no accounts: no key for them is configured.")
        return self._key

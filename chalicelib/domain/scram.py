"""The client's side of SCRAM (RFC 5802, RFC 7677), without I/O: texts in, texts out.

The password never leaves; the server proves at the end that it knows the user too.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import b64decode, b64encode
from dataclasses import dataclass, field

HASHES = {"SHA-256": "sha256", "SHA-512": "sha512"}
# RFC 7677 asks servers for the least; the most bounds what a server can make us compute.
LEAST_ITERATIONS, MOST_ITERATIONS = 4096, 600_000

_NO_CHANNEL_BINDING = "n,,"


class ScramError(Exception):
    """The server does not keep to the exchange, or is not who it says it is."""


@dataclass(frozen=True, slots=True)
class ScramClient:
    """`nonce` is unpredictable printable text without commas; `hash_name` one of HASHES."""

    username: str
    password: str = field(repr=False)
    nonce: str
    hash_name: str = "SHA-256"

    def first(self) -> str:
        return _NO_CHANNEL_BINDING + self._first_bare()

    def final(self, server_first: str) -> tuple[str, bytes]:
        """The client's last message, and the signature that the server must answer with. Raises ScramError."""
        nonce, salt, iterations = self._challenge(server_first)
        algorithm = HASHES[self.hash_name]
        # RFC 5802 wants SASLprep before this, which leaves ASCII as it is; other passwords go as they were typed.
        salted = hashlib.pbkdf2_hmac(algorithm, self.password.encode(), salt, iterations)
        without_proof = f"c={b64encode(_NO_CHANNEL_BINDING.encode()).decode()},r={nonce}"
        exchange = f"{self._first_bare()},{server_first},{without_proof}".encode()
        client_key = hmac.digest(salted, b"Client Key", algorithm)
        stored_key = hashlib.new(algorithm, client_key).digest()
        signature = hmac.digest(stored_key, exchange, algorithm)
        proof = bytes(left ^ right for left, right in zip(client_key, signature, strict=True))
        expected = hmac.digest(hmac.digest(salted, b"Server Key", algorithm), exchange, algorithm)
        return f"{without_proof},p={b64encode(proof).decode()}", expected

    def _first_bare(self) -> str:
        # The equals signs first, or those of =2C would be encoded once more.
        return f"n={self.username.replace('=', '=3D').replace(',', '=2C')},r={self.nonce}"

    def _challenge(self, server_first: str) -> tuple[str, bytes, int]:
        members = _members(server_first)
        nonce, iterations = members.get("r", ""), members.get("i", "")
        # A number that does not go on from ours may be of an exchange that somebody overheard.
        if not nonce.startswith(self.nonce) or nonce == self.nonce:
            raise ScramError("the server's number does not continue ours")
        if not (iterations.isascii() and iterations.isdigit() and len(iterations) < 10):
            raise ScramError("the server names no number of iterations")
        if not LEAST_ITERATIONS <= int(iterations) <= MOST_ITERATIONS:
            raise ScramError(f"the server asks for {iterations} iterations")
        return nonce, _base64(members.get("s", "")), int(iterations)


def check_server(server_final: str, expected: bytes) -> None:
    """Raises ScramError unless the server's last message has the signature that was expected."""
    members = _members(server_final)
    if "e" in members:
        raise ScramError(f"the server refuses: {members['e'][:100]}")
    if not hmac.compare_digest(_base64(members.get("v", "")), expected):
        raise ScramError("the server does not know the password")


def _members(message: str) -> dict[str, str]:
    # Only the first equals sign separates: base64 may end in some.
    return {name: value for name, _, value in (part.partition("=") for part in message.split(","))}


def _base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ScramError("the server sends what is not base64") from error

"""A small Project Haystack server that checks a login as a real one does, and keeps no passwords, only their hashes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.unit.outbound.servers import Received, Reply

ITERATIONS = 4096
PROJECT = "/api/demo/"


@dataclass
class HaystackServer:
    """Points by id with their tags (version 4 JSON), and each one's records. `scheme` is how it lets users in."""

    users: dict[str, str]
    points: dict[str, dict[str, Any]] = field(default_factory=dict)
    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    scheme: str = "scram"
    honest: bool = True
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    _nonces: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    _tokens: set[str] = field(default_factory=set)

    def __call__(self, received: Received) -> Reply:
        path = urlsplit(received.path)
        if not path.path.startswith(PROJECT):
            return Reply(404)
        scheme, _, rest = received.headers.get("authorization", "").partition(" ")
        if scheme == "HELLO":
            return self._hello(_parameters(rest))
        if scheme == "SCRAM" and self.scheme == "scram":
            return self._scram(_parameters(rest))
        if not self._lets_in(scheme, rest):
            return Reply(403)
        arguments = {name: values[0] for name, values in parse_qs(path.query).items()}
        op = path.path.removeprefix(PROJECT)
        self.asked.append((op, arguments))
        return self._answer(op, arguments)

    def _hello(self, given: dict[str, str]) -> Reply:
        user = _decoded(given["username"])
        if self.scheme == "basic":
            return Reply(401, {"WWW-Authenticate": 'Basic realm="plant, hall 2"'})
        if self.scheme == "none":
            return Reply(200)
        if user not in self.users:
            return Reply(403)
        token = os.urandom(6).hex()
        self._nonces[token] = (user, "", "")
        return Reply(401, {"WWW-Authenticate": f"SCRAM hash=SHA-256, handshakeToken={token}"})

    def _scram(self, given: dict[str, str]) -> Reply:
        token, message = given["handshaketoken"], _decoded(given["data"])
        user, first_bare, server_first = self._nonces.pop(token)
        if not server_first:
            first_bare = message.removeprefix("n,,")
            members = dict(part.split("=", 1) for part in first_bare.split(","))
            assert members["n"] == user
            salt = base64.b64encode(user.encode()).decode()
            server_first = f"r={members['r']}{os.urandom(9).hex()},s={salt},i={ITERATIONS}"
            self._nonces[token] = (user, first_bare, server_first)
            said = f"SCRAM handshakeToken={token}, hash=SHA-256, data={_encoded(server_first)}"
            return Reply(401, {"WWW-Authenticate": said})
        return self._prove(user, message, f"{first_bare},{server_first}", server_first)

    def _prove(self, user: str, message: str, exchange: str, server_first: str) -> Reply:
        without_proof, _, proof = message.rpartition(",p=")
        assert without_proof.startswith("c=biws,r=")
        assert without_proof.removeprefix("c=biws,") == server_first.split(",")[0]
        salted = hashlib.pbkdf2_hmac("sha256", self.users[user].encode(), user.encode(), ITERATIONS)
        stored = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
        signature = _hmac(stored, f"{exchange},{without_proof}".encode())
        client_key = bytes(a ^ b for a, b in zip(base64.b64decode(proof), signature, strict=True))
        if hashlib.sha256(client_key).digest() != stored:
            return Reply(403)
        token = os.urandom(8).hex()
        self._tokens.add(token)
        proved = _hmac(_hmac(salted, b"Server Key"), f"{exchange},{without_proof}".encode())
        final = "v=" + base64.b64encode(proved if self.honest else bytes(32)).decode()
        return Reply(200, {"Authentication-Info": f"authToken={token}, hash=SHA-256, data={_encoded(final)}"})

    def _lets_in(self, scheme: str, rest: str) -> bool:
        if self.scheme == "none":
            return True
        if self.scheme == "basic":
            pairs = {f"{user}:{password}" for user, password in self.users.items()}
            return scheme == "Basic" and base64.b64decode(rest).decode() in pairs
        return scheme == "BEARER" and _parameters(rest).get("authtoken") in self._tokens

    def _answer(self, op: str, arguments: dict[str, str]) -> Reply:
        if op == "read":
            return _grid([{"id": _ref(id_), **tags} for id_, tags in self.points.items()][: int(arguments["limit"])])
        id_ = unquote(arguments["id"]).removeprefix("@")
        if id_ not in self.records:
            return _grid([], {"err": {"_kind": "marker"}, "dis": f"Unknown history {id_}"})
        return _grid(self.records[id_])


def _grid(rows: list[dict[str, Any]], meta: dict[str, Any] | None = None) -> Reply:
    grid = {"_kind": "grid", "meta": {"ver": "3.0", **(meta or {})}, "cols": [{"name": "id"}], "rows": rows}
    return Reply(200, {"Content-Type": "application/json"}, json.dumps(grid).encode())


def _ref(id_: str) -> dict[str, str]:
    return {"_kind": "ref", "val": id_, "dis": "A point"}


def _parameters(text: str) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in text.split(","))
    return {name.lower(): value for name, _, value in pairs}


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decoded(text: str) -> str:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()

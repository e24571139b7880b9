"""Real MQTT brokers on loopback, a subscriber to look at what they took, and one that plays scripted packets."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from chalicelib.domain.mqtt import MqttTarget
from chalicelib.outbound import mqtt_packets as packets
from tests.unit.outbound.certificates import Pem

_ROOT = Path(__file__).resolve().parents[3]
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


@dataclass(frozen=True)
class Security:
    """What a broker is started with: TLS if it has a certificate; users by name, with their passwords."""

    server: Pem | None = None
    authority: str = ""
    users: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def amqtt_broker(directory: Path, security: Security) -> Iterator[int]:
    """A broker for 3.1.1 alone, which pip installs; its port."""
    listener: dict[str, Any] = {"type": "tcp", "bind": "127.0.0.1:0"}
    if security.server is not None:
        listener |= {"ssl": True} | {name: str(path) for name, path in _files(directory, security).items()}
    plugins: dict[str, Any] = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    if security.users:
        plugins = {"amqtt.plugins.authentication.FileAuthPlugin": {"password_file": str(_argon2(directory, security))}}
    config = json.dumps({"listeners": {"default": listener}, "plugins": plugins})
    command = [sys.executable, "-m", "tests.unit.outbound.amqtt_process", config]
    process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


@contextmanager
def mosquitto_broker(directory: Path, security: Security) -> Iterator[int]:
    """Mosquitto as a process; its port. It asks for a certificate where it has one itself."""
    assert MOSQUITTO is not None
    port = _free_port()
    lines = ["user root", f"listener {port} 127.0.0.1", "log_dest stderr", "log_type all"]
    if security.server is not None:
        lines += [f"{name} {path}" for name, path in _files(directory, security).items()]
        lines.append("require_certificate true")
    lines.append(f"allow_anonymous {'false' if security.users else 'true'}")
    if security.users:
        lines.append(f"password_file {_pbkdf2(directory, security)}")
    (directory / "mosquitto.conf").write_text("\n".join(lines) + "\n")
    process = subprocess.Popen(
        [MOSQUITTO, "-c", str(directory / "mosquitto.conf")], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert process.stderr is not None
    try:
        while b"running" not in (line := process.stderr.readline()):
            assert line, "mosquitto did not start"
        yield port
    finally:
        process.terminate()
        process.communicate()


BROKERS: Mapping[str, Callable[[Path, Security], Any]] = {"amqtt": amqtt_broker, "mosquitto": mosquitto_broker}


class Subscriber:
    """Reads what a broker passes on of all topics."""

    def __init__(self, target: MqttTarget, port: int, context: ssl.SSLContext | None = None) -> None:
        raw = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._sock = context.wrap_socket(raw, server_hostname="127.0.0.1") if context else raw
        self._file = self._sock.makefile("rb")
        self._sock.sendall(packets.connect(target, "subscriber", 60))
        assert self._next()[0] >> 4 == packets.CONNACK
        self._sock.sendall(b"\x82\x06\x00\x01\x00\x01#\x02")
        assert self._next()[0] >> 4 == 9

    def take(self, count: int) -> list[tuple[str, bytes]]:
        """So many messages, as (topic, message), waiting for them."""
        return [self._take_one() for _ in range(count)]

    def close(self) -> None:
        self._file.close()
        self._sock.close()

    def _take_one(self) -> tuple[str, bytes]:
        first, body = self._next()
        if first >> 4 == 6:
            self._sock.sendall(b"\x70\x02" + body[:2])
            return self._take_one()
        assert first >> 4 == 3
        qos, end = first >> 1 & 3, 2 + int.from_bytes(body[:2], "big")
        if qos:
            self._sock.sendall((b"\x40\x02" if qos == 1 else b"\x50\x02") + body[end : end + 2])
        return body[2:end].decode(), body[end + 2 if qos else end :]

    def _next(self) -> tuple[int, bytes]:
        return read_packet(self._file)


def read_packet(file: Any) -> tuple[int, bytes]:
    """A packet's first byte and what follows its length; (0, b"") where the connection ends."""
    head = file.read(1)
    if not head:
        return 0, b""
    length = shift = 0
    while True:
        digit = file.read(1)[0]
        length |= (digit & 127) << shift
        shift += 7
        if digit < 128:
            return head[0], file.read(length)


@dataclass
class Script:
    """A broker that answers the n-th packet with the n-th bytes; None hangs up, b"" stays silent."""

    answers: Sequence[bytes | None]
    received: list[tuple[int, bytes]] = field(default_factory=list)

    def play(self, connection: socket.socket, over: Event) -> None:
        with connection.makefile("rb") as file:
            for answer in self.answers:
                self.received.append(read_packet(file))
                if answer is None:
                    return
                connection.sendall(answer)
            while (packet := read_packet(file))[0]:
                self.received.append(packet)


def _files(directory: Path, security: Security) -> dict[str, Path]:
    assert security.server is not None
    contents = {
        "cafile": security.authority,
        "certfile": security.server.certificate,
        "keyfile": security.server.key,
    }
    for name, content in contents.items():
        (directory / name).write_text(content)
    return {name: directory / name for name in contents}


def _argon2(directory: Path, security: Security) -> Path:
    from pwdlib import PasswordHash

    hasher = PasswordHash.recommended()
    path = directory / "amqtt.passwords"
    path.write_text("".join(f"{user}:{hasher.hash(password)}\n" for user, password in security.users.items()))
    return path


def _pbkdf2(directory: Path, security: Security) -> Path:
    path = directory / "mosquitto.passwords"
    salt = b"saltsaltsalt"
    lines = []
    for user, password in security.users.items():
        digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
        lines.append(f"{user}:$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}\n")
    path.write_text("".join(lines))
    path.chmod(0o600)
    return path


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port

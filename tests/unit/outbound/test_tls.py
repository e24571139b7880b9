"""TLS over a pinned address: the name goes into SNI and is what the certificate must carry."""

from __future__ import annotations

import datetime
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from threading import Event

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.domain.errors import OutboundConnectError
from chalicelib.domain.http import HttpRequest
from chalicelib.outbound import GuardedClient
from tests.unit.outbound.fakes import FakeResolver
from tests.unit.outbound.servers import Reply, http_server, raw_server

NOW = datetime.datetime.now(datetime.UTC)


@dataclass
class TlsServer:
    port: int
    certificate: Path
    names_asked: list[str | None] = field(default_factory=list)


def make_certificate(path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hooks.example.com")])
    names = x509.SubjectAlternativeName([x509.DNSName("hooks.example.com"), x509.IPAddress(IPv4Address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(NOW - datetime.timedelta(days=1))
        .not_valid_after(NOW + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    make_certificate(path)
    return path


@pytest.fixture
def server(certificate: Path) -> Iterator[TlsServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    asked: list[str | None] = []
    context.sni_callback = lambda _sock, name, _context: asked.append(name)
    with http_server(lambda received: Reply(body=received.headers["host"].encode()), context) as running:
        yield TlsServer(running.server_port, certificate, asked)


def client_for(server: TlsServer, *, trusting: bool = True) -> GuardedClient:
    context = ssl.create_default_context(cafile=str(server.certificate)) if trusting else None
    names = {"hooks.example.com": ["127.0.0.1"], "other.example.com": ["127.0.0.1"]}
    return GuardedClient(["127.0.0.0/8"], resolver=FakeResolver(names), ssl_context=context)


def get(url: str) -> HttpRequest:
    return HttpRequest("GET", url, timeout_seconds=5)


def test_the_name_is_sent_and_verified_while_the_socket_is_pinned(server: TlsServer) -> None:
    client = client_for(server)

    replies = [client.send(get(f"https://hooks.example.com:{server.port}/")) for _ in range(2)]
    client.close()

    assert [reply.body for reply in replies] == [f"hooks.example.com:{server.port}".encode()] * 2
    assert server.names_asked == ["hooks.example.com"], "one handshake, then reuse"


def test_a_literal_address_is_verified_as_an_address(server: TlsServer) -> None:
    client = client_for(server)

    assert client.send(get(f"https://127.0.0.1:{server.port}/")).status == 200
    client.close()


def test_a_certificate_for_another_name_is_refused(server: TlsServer) -> None:
    client = client_for(server)

    with pytest.raises(OutboundConnectError, match=r"certificate is not accepted .*other\.example\.com"):
        client.send(get(f"https://other.example.com:{server.port}/"))


def test_a_certificate_that_nobody_vouches_for_is_refused(server: TlsServer) -> None:
    client = client_for(server, trusting=False)

    with pytest.raises(OutboundConnectError, match="self-signed certificate"):
        client.send(get(f"https://hooks.example.com:{server.port}/"))


def test_a_receiver_that_speaks_no_tls_is_a_connect_error() -> None:
    def answers_in_plain_text(connection: socket.socket, over: Event) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with raw_server(answers_in_plain_text) as url:
        client = GuardedClient(["127.0.0.0/8"])
        with pytest.raises(OutboundConnectError, match="TLS handshake"):
            client.send(HttpRequest("GET", url.replace("http:", "https:"), timeout_seconds=5))

"""Publishing over MQTT: to real brokers, to one that misbehaves, and never to an address that is refused."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import cache
from pathlib import Path
from threading import Event

import pytest

from chalicelib.domain.errors import (
    OutboundConnectError,
    OutboundDeniedError,
    OutboundError,
    OutboundRefusedError,
    OutboundTimeoutError,
)
from chalicelib.domain.mqtt import MqttPublication, MqttTarget
from chalicelib.outbound.mqtt import GuardedMqttPublisher
from tests.unit.outbound.certificates import Authority
from tests.unit.outbound.fakes import FakeNetwork, FakeResolver
from tests.unit.outbound.mqtt_brokers import BROKERS, MOSQUITTO, Script, Security, Subscriber
from tests.unit.outbound.servers import raw_server

LOOPBACK = ["127.0.0.0/8"]
MESSAGES = (b"first", "zw\u00f6lf".encode(), b"")

needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
KINDS = [pytest.param("amqtt"), pytest.param("mosquitto", marks=needs_mosquitto)]
KINDS_AND_VERSIONS = [
    pytest.param("amqtt", 3),
    pytest.param("mosquitto", 3, marks=needs_mosquitto),
    pytest.param("mosquitto", 5, marks=needs_mosquitto),
]


def publication(qos: int = 1, seconds: float = 10.0, messages: tuple[bytes, ...] = MESSAGES) -> MqttPublication:
    return MqttPublication("plant/1", messages, qos, seconds)


@pytest.fixture
def publisher() -> GuardedMqttPublisher:
    names = {"broker.example.com": ["127.0.0.1"], "other.example.com": ["127.0.0.1"]}
    return GuardedMqttPublisher(LOOPBACK, resolver=FakeResolver(names))


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("Test authority")


@pytest.fixture(scope="module")
def brokers(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str], int]]:
    """The port of a broker of a kind that is `open`, has `users` or is `secured`; each is started once."""
    securities = {
        "open": Security(),
        "users": Security(users={"pump": "pa55"}),
        "secured": Security(authority.issue("broker.example.com"), authority.certificate),
    }
    with ExitStack() as running:

        @cache
        def port(kind: str, security: str) -> int:
            directory = tmp_path_factory.mktemp(kind)
            number: int = running.enter_context(BROKERS[kind](directory, securities[security]))
            return number

        yield port


Ports = Callable[[str, str], int]


class TestARealBroker:
    @pytest.mark.parametrize("qos", [0, 1, 2])
    @pytest.mark.parametrize(("kind", "version"), KINDS_AND_VERSIONS)
    def test_takes_every_message_in_its_order(
        self, kind: str, version: int, qos: int, brokers: Ports, publisher: GuardedMqttPublisher
    ) -> None:
        port = brokers(kind, "open")
        target = MqttTarget(f"mqtt://127.0.0.1:{port}", version)
        with closing(Subscriber(MqttTarget(""), port)) as subscriber:
            publisher.publish(target, publication(qos))
            publisher.publish(target, publication(qos, messages=(b"x" * 70_000,)))

            assert subscriber.take(4) == [("plant/1", message) for message in (*MESSAGES, b"x" * 70_000)]

    @pytest.mark.parametrize(("kind", "version"), KINDS_AND_VERSIONS)
    def test_knows_its_users_by_their_passwords(
        self, kind: str, version: int, brokers: Ports, publisher: GuardedMqttPublisher
    ) -> None:
        port = brokers(kind, "users")
        known = MqttTarget(f"tcp://127.0.0.1:{port}", version, None, "pump", "pa55")
        with closing(Subscriber(replace(known, version=3), port)) as subscriber:
            publisher.publish(known, publication())
            assert len(subscriber.take(3)) == 3

        for stranger in (replace(known, password="5ecret"), replace(known, username=None, password=None)):
            with pytest.raises(OutboundDeniedError, match=r"did not let us in: .*(password|not authorised)") as refused:
                publisher.publish(stranger, publication())
            assert "5ecret" not in refused.value.message

    @pytest.mark.parametrize(("kind", "version"), KINDS_AND_VERSIONS)
    def test_is_reached_over_tls_with_a_client_certificate(
        self,
        kind: str,
        version: int,
        brokers: Ports,
        publisher: GuardedMqttPublisher,
        authority: Authority,
        tmp_path: Path,
    ) -> None:
        port = brokers(kind, "secured")
        target = replace(with_certificate(authority, f"mqtts://broker.example.com:{port}"), version=version)
        with closing(Subscriber(MqttTarget(""), port, subscriber_context(authority, tmp_path))) as subscriber:
            publisher.publish(target, publication())
            publisher.publish(replace(target, url=target.url.replace("mqtts", "mqtt")), publication())

            assert len(subscriber.take(6)) == 6

    @pytest.mark.parametrize("kind", KINDS)
    def test_is_refused_if_its_certificate_is_not_the_hosts(
        self, kind: str, brokers: Ports, publisher: GuardedMqttPublisher, authority: Authority
    ) -> None:
        port = brokers(kind, "secured")
        target = with_certificate(authority, f"ssl://other.example.com:{port}")

        with pytest.raises(OutboundConnectError, match=r"certificate is not accepted .*other\.example\.com"):
            publisher.publish(target, publication())
        strange = replace(target, url=f"mqtts://broker.example.com:{port}", authority=Authority("X").certificate)
        with pytest.raises(OutboundConnectError, match="certificate is not accepted"):
            publisher.publish(strange, publication())

    @needs_mosquitto
    def test_that_wants_a_certificate_refuses_those_without(
        self, brokers: Ports, publisher: GuardedMqttPublisher, authority: Authority
    ) -> None:
        port = brokers("mosquitto", "secured")
        target = MqttTarget(f"mqtts://broker.example.com:{port}", authority=authority.certificate)

        with pytest.raises(OutboundError, match=r"(?i)certificate"):
            publisher.publish(target, publication())


def with_certificate(authority: Authority, url: str) -> MqttTarget:
    client = authority.issue("client")
    return MqttTarget(
        url, client_id="device-7", certificate=client.certificate, key=client.key, authority=authority.certificate
    )


def subscriber_context(authority: Authority, directory: Path) -> ssl.SSLContext:
    client = authority.issue("subscriber")
    context = ssl.create_default_context(cadata=authority.certificate)
    (directory / "client.pem").write_text(client.certificate + client.key)
    context.load_cert_chain(directory / "client.pem")
    return context


WELCOME_3, WELCOME_5 = b"\x20\x02\x00\x00", b"\x20\x03\x00\x00\x00"
TAKEN_1 = b"\x40\x02\x00\x01"


class Scripted:
    def __init__(self, url: str, script: Script) -> None:
        self.url = url.replace("http:", "mqtt:")
        self.script = script


@pytest.fixture
def scripted() -> Iterator[object]:
    """Starts brokers that play a script."""
    running = []

    def start(*answers: bytes | None) -> Scripted:
        script = Script(answers)
        server = raw_server(script.play)
        running.append(server)
        return Scripted(server.__enter__(), script)

    yield start
    for server in running:
        server.__exit__(None, None, None)


class TestPackets:
    def test_a_session_of_3_1_1_byte_by_byte(self, scripted, publisher: GuardedMqttPublisher) -> None:
        broker = scripted(WELCOME_3, TAKEN_1)

        publisher.publish(MqttTarget(broker.url, 3, "me", "u", "p"), publication(messages=(b"hi",)))

        assert broker.script.received[:2] == [
            (0x10, b"\x00\x04MQTT\x04\xc2\x00\x3c\x00\x02me\x00\x01u\x00\x01p"),
            (0x32, b"\x00\x07plant/1\x00\x01hi"),
        ]

    def test_a_session_of_5_byte_by_byte(self, scripted, publisher: GuardedMqttPublisher) -> None:
        welcome = b"\x20\x0d\x00\x00\x0a\x21\x00\x14\x12\x00\x02id\x2a\x01"
        broker = scripted(welcome, b"\x50\x02\x00\x01", b"\x70\x03\x00\x01\x00")

        publisher.publish(MqttTarget(broker.url, 5, "me"), publication(2, messages=(b"hi",)))

        assert broker.script.received[:3] == [
            (0x10, b"\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x02me"),
            (0x34, b"\x00\x07plant/1\x00\x01\x00hi"),
            (0x62, b"\x00\x01"),
        ]

    def test_without_acknowledgements_a_ping_asks_whether_all_was_read(
        self, scripted, publisher: GuardedMqttPublisher
    ) -> None:
        broker = scripted(WELCOME_3, b"", b"", b"\xd0\x00")

        publisher.publish(MqttTarget(broker.url), publication(0, messages=(b"a", b"b")))

        assert [first for first, _ in broker.script.received[:4]] == [0x10, 0x30, 0x30, 0xC0]

    def test_a_client_without_an_id_gets_a_new_one_each_time(self, scripted, publisher: GuardedMqttPublisher) -> None:
        ids = set()
        for _ in range(2):
            broker = scripted(WELCOME_3, TAKEN_1)
            publisher.publish(MqttTarget(broker.url), publication(messages=(b"a",)))
            ids.add(broker.script.received[0][1][12:])

        assert len(ids) == 2
        assert all(id_.startswith(b"penstock-") and len(id_) <= 23 for id_ in ids)

    def test_no_subscriber_is_no_failure(self, scripted, publisher: GuardedMqttPublisher) -> None:
        broker = scripted(WELCOME_5, b"\x40\x03\x00\x01\x10")

        publisher.publish(MqttTarget(broker.url, 5), publication(messages=(b"hi",)))


class TestRefusals:
    @pytest.mark.parametrize(
        ("version", "answers", "qos", "told", "retryable"),
        [
            (3, [b"\x20\x02\x00\x04"], 1, "user name or password is wrong", False),
            (3, [b"\x20\x02\x00\x05"], 1, "not authorised", False),
            (3, [b"\x20\x02\x00\x03"], 1, "not available", True),
            (5, [b"\x20\x03\x00\x87\x00"], 1, "not authorised", False),
            (5, [b"\x20\x03\x00\x89\x00"], 1, "busy", True),
            (5, [b"\x20\x09\x00\x8a\x06\x1f\x00\x03sir"], 1, "did not let us in: sir", False),
            (5, [b"\x20\x02\x00\x01"], 1, "does not speak this version", False),
            (5, [b"\x20\x05\x00\x00\x02\x24\x01"], 2, "quality 1 at most", False),
            (5, [b"\x20\x08\x00\x00\x05\x27\x00\x00\x00\x08"], 1, "8 bytes at most", False),
            (5, [WELCOME_5, b"\x40\x04\x00\x01\x87\x00"], 1, "did not take the message: not authorised", False),
            (5, [WELCOME_5, b"\x50\x04\x00\x01\x97\x00"], 2, "a quota is used up", True),
            (5, [WELCOME_5, b"\xe0\x01\x8b"], 1, "ended the session: it is shutting down", True),
        ],
    )
    def test_are_told_with_their_reason(
        self, scripted, publisher: GuardedMqttPublisher, version, answers, qos, told: str, retryable: bool
    ) -> None:
        broker = scripted(*answers)

        with pytest.raises(OutboundError, match=told) as refused:
            publisher.publish(MqttTarget(broker.url, version), publication(qos))

        assert (refused.value.retryable, refused.value.facts["published"]) == (retryable, 0)

    def test_what_was_taken_before_is_counted(self, scripted, publisher: GuardedMqttPublisher) -> None:
        broker = scripted(WELCOME_3, TAKEN_1, None)

        with pytest.raises(OutboundConnectError, match="hung up") as refused:
            publisher.publish(MqttTarget(broker.url), publication())

        assert refused.value.facts["published"] == 1

    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            b"\x20\xff\xff\xff\xff\x01",
            b"\x20\xff\xff\x7f",
            b"\x20\x01\x00",
            b"\x30\x02\x00\x00",
        ],
    )
    @pytest.mark.parametrize("version", [3, 5])
    def test_what_is_not_mqtt_is_recognised(
        self, scripted, publisher: GuardedMqttPublisher, version: int, answer: bytes
    ) -> None:
        broker = scripted(answer)

        with pytest.raises(OutboundDeniedError, match="does not keep to MQTT"):
            publisher.publish(MqttTarget(broker.url, version), publication())

    def test_a_property_that_nobody_knows_is_not_mqtt(self, scripted, publisher: GuardedMqttPublisher) -> None:
        broker = scripted(b"\x20\x05\x00\x00\x02\x7e\x01")

        with pytest.raises(OutboundDeniedError, match="does not keep to MQTT"):
            publisher.publish(MqttTarget(broker.url, 5), publication())

    def test_answers_that_fit_no_question_end_sometime(self, scripted, publisher: GuardedMqttPublisher) -> None:
        broker = scripted(WELCOME_3, b"\x40\x02\x00\x09" * 200)

        with pytest.raises(OutboundDeniedError, match="does not keep to MQTT"):
            publisher.publish(MqttTarget(broker.url), publication())

    @pytest.mark.parametrize("answers", [[b""], [WELCOME_3, b""]])
    def test_a_silent_broker_is_given_up_in_time(
        self, scripted, publisher: GuardedMqttPublisher, answers: list[bytes]
    ) -> None:
        broker = scripted(*answers)

        with pytest.raises(OutboundTimeoutError, match=r"did not take the messages within 0\.2 s"):
            publisher.publish(MqttTarget(broker.url), publication(seconds=0.2))

    def test_a_broker_that_drips_is_given_up_in_time(self, publisher: GuardedMqttPublisher) -> None:
        def drip(connection: socket.socket, over: Event) -> None:
            connection.sendall(WELCOME_3 + b"\x40\x90\x4e")
            while not over.wait(0.01):
                connection.sendall(b"x")

        with raw_server(drip) as url, pytest.raises(OutboundTimeoutError):
            publisher.publish(MqttTarget(url.replace("http", "mqtt")), publication(seconds=0.2))

    def test_a_certificate_that_cannot_be_read_is_told_without_it(self, publisher: GuardedMqttPublisher) -> None:
        target = MqttTarget("mqtts://broker.example.com", certificate="-----BEGIN x", key="5ecret", authority="x")

        with pytest.raises(OutboundDeniedError, match="cannot be used") as refused:
            publisher.publish(target, publication())

        assert "5ecret" not in refused.value.message + repr(target)

    def test_an_encrypted_key_is_refused_and_asks_nobody(self, authority: Authority, publisher) -> None:
        from cryptography.hazmat.primitives import serialization

        pem = authority.issue("client")
        key = serialization.load_pem_private_key(pem.key.encode(), None)
        encrypted = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        ).decode()

        with pytest.raises(OutboundDeniedError, match="cannot be used"):
            publisher.publish(
                MqttTarget("mqtts://broker.example.com", certificate=pem.certificate, key=encrypted), publication()
            )


class TestTheGuard:
    @pytest.mark.parametrize(
        "url",
        [
            "mqtt://127.0.0.1",
            "mqtts://localhost",
            "tcp://10.1.2.3:1883",
            "mqtt://[::1]",
            "mqtt://169.254.169.254",
            "mqtt://inside.example.com",
        ],
    )
    def test_opens_no_connection_to_an_address_that_is_not_public(self, url: str) -> None:
        network = FakeNetwork()
        resolver = FakeResolver({"inside.example.com": ["10.0.0.8"]})

        with pytest.raises(OutboundRefusedError, match="not a public address"):
            GuardedMqttPublisher(resolver=resolver, connector=network).publish(MqttTarget(url), publication())

        assert network.opened == []

    def test_resolves_a_name_once_and_connects_to_what_was_judged(self, network_of) -> None:
        resolver = FakeResolver(script=[["93.184.216.34"], ["127.0.0.1"]])
        network = network_of(WELCOME_3 + TAKEN_1 + b"\x40\x02\x00\x02" + b"\x40\x02\x00\x03")

        GuardedMqttPublisher(resolver=resolver, connector=network).publish(
            MqttTarget("mqtt://broker.example.com"), publication()
        )

        assert (resolver.asked, network.opened) == (["broker.example.com"], [("93.184.216.34", 1883)])

    @pytest.mark.parametrize(
        ("scheme", "port"), [("mqtt", 1883), ("tcp", 1883), ("mqtts", 8883), ("ssl", 8883), ("tls", 8883)]
    )
    def test_knows_each_schemes_port(self, scheme: str, port: int) -> None:
        network = FakeNetwork()
        publisher = GuardedMqttPublisher(resolver=FakeResolver({"b.example": ["93.184.216.34"]}), connector=network)

        with pytest.raises(OutboundConnectError):
            publisher.publish(MqttTarget(f"{scheme}://b.example"), publication())

        assert network.opened == [("93.184.216.34", port)]

    def test_a_certificate_is_never_left_out_of_an_open_connection(self, authority: Authority) -> None:
        pem, network = authority.issue("client"), FakeNetwork()
        publisher = GuardedMqttPublisher(resolver=FakeResolver({"b.example": ["93.184.216.34"]}), connector=network)

        with pytest.raises(OutboundConnectError):
            publisher.publish(MqttTarget("mqtt://b.example", certificate=pem.certificate, key=pem.key), publication())

        assert network.opened == [("93.184.216.34", 8883)]

    @pytest.mark.parametrize("url", ["http://b.example", "ws://b.example", "b.example:1883", "mqtt://u:p@b.example"])
    def test_other_urls_are_refused(self, url: str) -> None:
        with pytest.raises(OutboundRefusedError, match="cannot be called"):
            GuardedMqttPublisher().publish(MqttTarget(url), publication())

"""Publishing to MQTT brokers, under the same guard as HTTP calls.

The invariant: the one connection of a publication goes to an address that was judged, and `publish` returns only
after the broker has taken responsibility for every message: PUBACK for quality 1, PUBCOMP for 2, and for 0, which has
no acknowledgement of its own, the answer to a ping that was sent after them. What a broker sends is read within
limits of time and size.

A client of our own rather than a library: a publisher needs ten packets, and what matters here (the socket of the
guard, one deadline for everything, a refused PUBREC of MQTT 5 as a failure, no thread) libraries do not offer.
"""

from __future__ import annotations

import secrets
import socket
import ssl
import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from chalicelib.domain.errors import OutboundConnectError, OutboundDeniedError, OutboundError, OutboundTimeoutError
from chalicelib.domain.mqtt import MqttPublication, MqttTarget
from chalicelib.outbound import mqtt_packets as packets
from chalicelib.outbound.addresses import AddressPolicy
from chalicelib.outbound.connections import Connector, Dialer, Lookup, Resolver, open_socket, system_resolver
from chalicelib.outbound.deadline import Deadline
from chalicelib.outbound.mqtt_reasons import may_pass, reason_text
from chalicelib.outbound.urls import MQTT, SECURED, Url, parse_url

KEEP_ALIVE_SECONDS = 60
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 30.0
_MAX_ANSWER_BYTES = 64 * 1024
_MAX_ANSWERS_IGNORED = 100
_MAX_PACKET_ID = 65_535


class GuardedMqttPublisher:
    """Implements the `MqttPublisher` port; safe to use from several threads. The arguments are `GuardedClient`'s."""

    def __init__(
        self,
        allow: Sequence[str] = (),
        *,
        refuse_hosts: Sequence[str] = (),
        resolver: Resolver = system_resolver,
        connector: Connector = open_socket,
    ) -> None:
        self._policy = AddressPolicy(allow, refuse_hosts)
        self._lookup = Lookup(resolver)
        self._connector = connector

    @cached_property
    def _usual_context(self) -> ssl.SSLContext:
        # Loading the authorities takes tens of milliseconds.
        return ssl.create_default_context()

    def publish(self, target: MqttTarget, publication: MqttPublication) -> None:
        deadline = Deadline(publication.timeout_seconds, "The broker did not take the messages")
        url = _url(target)
        patience = deadline.within(CONNECT_SECONDS)
        dialer = Dialer(self._policy, self._lookup, self._connector, self._context(target, url))
        connection = dialer.open(url, Deadline(patience, "No connection to the broker was made"))
        session = _Session(connection.sock, target, url.authority, deadline)
        try:
            session.begin()
            session.publish_all(publication)
            session.end()
        except OutboundError as error:
            error.facts["published"] = session.published
            raise
        except OSError as error:
            raise _broke(error, url, session) from error
        finally:
            connection.close()

    def _context(self, target: MqttTarget, url: Url) -> ssl.SSLContext | None:
        if url.scheme not in SECURED:
            return None
        if target.certificate is None and target.authority is None:
            return self._usual_context
        try:
            return _own_context(target)
        except (ssl.SSLError, ValueError, OSError) as error:
            # The library's own words may repeat what it could not read.
            raise OutboundDeniedError("The certificate, its key or the authority cannot be used.") from error


def _url(target: MqttTarget) -> Url:
    url = parse_url(target.url, MQTT)
    if target.certificate is None or url.scheme in SECURED:
        return url
    # A certificate means TLS: to send it in the clear, or leave it out in silence, is never what was meant.
    # The scheme alone is exchanged, so a port that was not named becomes that of TLS.
    return parse_url("mqtts" + target.url[len(url.scheme) :], MQTT)


def _broke(error: OSError, url: Url, session: _Session) -> OutboundError:
    published = session.published
    if isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or ""):
        why = f"{url.authority} refused the secured connection ({error.reason})."
        return OutboundDeniedError(why, host=url.host, published=published)
    # In TLS 1.3 a broker looks at our certificate after the handshake has ended on our side, and whether we still
    # get to read its refusal is chance.
    hint = (
        " before it let us in: it may want another certificate" if url.scheme in SECURED and not session.begun else ""
    )
    return OutboundConnectError(f"The connection to {url.authority} broke{hint}.", host=url.host, published=published)


def _own_context(target: MqttTarget) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=target.authority)
    if target.certificate is not None:
        # Python reads a certificate's key from files only. The directory is this user's alone.
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "certificate.pem"
            path.write_text(f"{target.certificate}\n{target.key or ''}\n", encoding="utf-8")
            # Without a password the library would ask for an encrypted key's at the terminal.
            context.load_cert_chain(path, password="")
    return context


class _Session:
    """One connection's conversation. `published` counts the messages that the broker has taken."""

    def __init__(self, sock: socket.socket, target: MqttTarget, broker: str, deadline: Deadline) -> None:
        self._sock = sock
        self._target = target
        self._broker = broker
        self._deadline = deadline
        self._buffer = bytearray()
        self._limits: dict[int, int | str] = {}
        self.begun = False
        self.published = 0

    def begin(self) -> None:
        client_id = self._target.client_id or f"penstock-{secrets.token_hex(7)}"
        self._send(packets.connect(self._target, client_id, KEEP_ALIVE_SECONDS))
        answer = self._receive()
        if answer.kind != packets.CONNACK:
            raise self._broken()
        self._check(answer, "did not let us in")
        self._limits = dict(answer.properties)
        self.begun = True

    def publish_all(self, publication: MqttPublication) -> None:
        self._check_limits(publication)
        for index, message in enumerate(publication.messages):
            # 0 is no id. Each is free again when it comes round: no message is sent before the receipt of the last.
            packet_id = index % _MAX_PACKET_ID + 1
            packet = packets.publish(self._target.version, publication.topic, message, publication.qos, packet_id)
            self._check_size(packet)
            self._send(packet)
            self._await_receipt(publication.qos, packet_id)
        if publication.qos == 0:
            # A broker reads in order, so its answer shows that it has read all the messages.
            self._send(packets.pingreq())
            self._await(packets.PINGRESP)
        self.published = len(publication.messages)

    def end(self) -> None:
        """Says goodbye; that the broker has hung up already takes nothing back."""
        try:
            self._send(packets.disconnect())
        # Every message has its receipt by now.
        except (OSError, OutboundError):
            pass

    def _await_receipt(self, qos: int, packet_id: int) -> None:
        if qos == 1:
            self._check(self._await(packets.PUBACK, packet_id), "did not take the message")
            self.published += 1
        elif qos == 2:
            self._check(self._await(packets.PUBREC, packet_id), "did not take the message")
            self._send(packets.pubrel(packet_id))
            self._check(self._await(packets.PUBCOMP, packet_id), "did not take the message")
            self.published += 1

    def _check_limits(self, publication: MqttPublication) -> None:
        most = self._limits.get(packets.MAXIMUM_QOS, 2)
        if isinstance(most, int) and publication.qos > most:
            raise OutboundDeniedError(f"{self._broker} takes messages of quality {most} at most.")

    def _check_size(self, packet: bytes) -> None:
        most = self._limits.get(packets.MAXIMUM_PACKET_SIZE)
        if isinstance(most, int) and len(packet) > most:
            raise OutboundDeniedError(f"{self._broker} takes messages of {most} bytes at most.")

    def _await(self, kind: int, packet_id: int = 0) -> packets.Answer:
        for _ in range(_MAX_ANSWERS_IGNORED):
            answer = self._receive()
            if answer.kind == packets.DISCONNECT:
                raise self._refused(answer, "ended the session")
            if answer.kind == kind and answer.packet_id == packet_id:
                return answer
        raise self._broken()

    def _check(self, answer: packets.Answer, refusal: str) -> None:
        refused = answer.reason >= 0x80 if self._target.version == 5 else answer.reason != 0
        if refused:
            raise self._refused(answer, refusal)

    def _refused(self, answer: packets.Answer, what: str) -> OutboundError:
        version = self._target.version
        why = answer.properties.get(packets.REASON_STRING) or reason_text(version, answer.reason)
        message = f"{self._broker} {what}: {str(why)[:200]}."
        return OutboundError(message) if may_pass(version, answer.reason) else OutboundDeniedError(message)

    def _broken(self) -> OutboundError:
        return OutboundDeniedError(f"{self._broker} does not keep to MQTT.")

    def _send(self, packet: bytes) -> None:
        self._sock.settimeout(self._deadline.within(ANSWER_SECONDS))
        try:
            self._sock.sendall(packet)
        except TimeoutError:
            raise self._silent() from None

    def _receive(self) -> packets.Answer:
        silence = Deadline(self._deadline.within(ANSWER_SECONDS), "The broker did not answer")
        try:
            kind = packets.kind_of(self._read(1, silence)[0])
            return packets.answer(self._target.version, kind, self._read(self._read_length(silence), silence))
        except packets.MalformedPacket as error:
            raise self._broken() from error

    def _read_length(self, silence: Deadline) -> int:
        length = 0
        # Seven bits a byte, the lowest first; the eighth tells that another byte follows.
        for position in range(4):
            digit = self._read(1, silence)[0]
            length |= (digit & 0x7F) << 7 * position
            if digit < 0x80:
                break
        if digit >= 0x80 or length > _MAX_ANSWER_BYTES:
            raise packets.MalformedPacket("a packet longer than any that a publisher is sent")
        return length

    def _read(self, count: int, silence: Deadline) -> bytes:
        while len(self._buffer) < count:
            self._sock.settimeout(silence.remaining())
            try:
                data = self._sock.recv(4096)
            except TimeoutError:
                raise self._silent() from None
            if not data:
                raise OutboundConnectError(f"{self._broker} hung up.")
            self._buffer += data
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _silent(self) -> OutboundTimeoutError:
        self._deadline.remaining()
        return OutboundTimeoutError(f"{self._broker} fell silent.")

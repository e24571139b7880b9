"""MQTT 3.1.1 and 5 packets: those that a publishing client sends, and what it needs to know of those that come back.

The invariant: nothing is read past the end of a packet, and a packet that breaks the protocol is a `MalformedPacket`,
whatever its bytes are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from chalicelib.domain.mqtt import MqttTarget

CONNACK, PUBACK, PUBREC, PUBCOMP, PINGRESP, DISCONNECT = 2, 4, 5, 7, 13, 14
_ANSWERS = frozenset({CONNACK, PUBACK, PUBREC, PUBCOMP, PINGRESP, DISCONNECT})
_CONNECT, _PUBLISH, _PUBREL, _PINGREQ = 1, 3, 6, 12
_PROTOCOL_LEVELS = {3: 4, 5: 5}
_CLEAN_START = 0x02

UNSUPPORTED_VERSION = 0x84
MAXIMUM_QOS, MAXIMUM_PACKET_SIZE, REASON_STRING = 0x24, 0x27, 0x1F
# How each property of MQTT 5 (section 2.2.2.2) is encoded: a number of so many bytes, or one of the others.
_NUMBERS = {
    **dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), 1),
    **dict.fromkeys((0x13, 0x21, 0x22, 0x23), 2),
    **dict.fromkeys((0x02, 0x11, 0x18, 0x27), 4),
}
_TEXTS = frozenset({0x03, 0x08, 0x12, 0x15, 0x1A, 0x1C, 0x1F})
_BYTES = frozenset({0x09, 0x16})
_PAIR, _VARIABLE = 0x26, 0x0B


class MalformedPacket(Exception):
    """What came in is not MQTT."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A packet from a broker. `reason` is its return or reason code, 0 where it has none."""

    kind: int
    packet_id: int = 0
    reason: int = 0
    properties: Mapping[int, int | str] = field(default_factory=dict)


def connect(target: MqttTarget, client_id: str, keep_alive_seconds: int) -> bytes:
    flags = _CLEAN_START
    payload = _text(client_id)
    if target.username is not None:
        flags |= 0x80
        payload += _text(target.username)
    if target.password is not None:
        flags |= 0x40
        payload += _text(target.password)
    head = _text("MQTT") + bytes((_PROTOCOL_LEVELS[target.version], flags)) + keep_alive_seconds.to_bytes(2, "big")
    return _packet(_CONNECT << 4, head + _no_properties(target.version) + payload)


def publish(version: int, topic: str, message: bytes, qos: int, packet_id: int) -> bytes:
    numbered = packet_id.to_bytes(2, "big") if qos else b""
    return _packet(_PUBLISH << 4 | qos << 1, _text(topic) + numbered + _no_properties(version) + message)


def pubrel(packet_id: int) -> bytes:
    # 0x02: the flags that the standard reserves for it.
    return _packet(_PUBREL << 4 | 0x02, packet_id.to_bytes(2, "big"))


def pingreq() -> bytes:
    return _packet(_PINGREQ << 4, b"")


def disconnect() -> bytes:
    return _packet(DISCONNECT << 4, b"")


def kind_of(first: int) -> int:
    """The kind of packet that begins with this byte. Raises MalformedPacket for all that no publisher is sent."""
    kind = first >> 4
    if first & 0x0F or kind not in _ANSWERS:
        raise MalformedPacket(f"a packet that begins with {first:#04x}")
    return kind


def answer(version: int, kind: int, body: bytes) -> Answer:
    """The packet with what follows its length. Raises MalformedPacket."""
    reader = _Reader(body)
    match kind:
        case 2:  # CONNACK
            reader.number(1)  # whether the broker had a session, of which a clean start leaves none
            reason = reader.number(1)
            if version != 5:
                return Answer(kind, reason=reason)
            if reader.at_end and reason:
                # A broker that only speaks 3.1.1 refuses in its own form.
                return Answer(kind, reason=UNSUPPORTED_VERSION)
            return Answer(kind, reason=reason, properties=reader.properties())
        case 4 | 5 | 7:  # PUBACK, PUBREC, PUBCOMP
            return _reasoned(kind, version, reader, packet_id=reader.number(2))
        case 14:  # DISCONNECT
            return _reasoned(kind, version, reader)
    return Answer(kind)


def _reasoned(kind: int, version: int, reader: _Reader, packet_id: int = 0) -> Answer:
    # MQTT 5 lets a broker leave out the reason where it is 0.
    if version != 5 or reader.at_end:
        return Answer(kind, packet_id)
    reason = reader.number(1)
    return Answer(kind, packet_id, reason, {} if reader.at_end else reader.properties())


def _packet(first: int, body: bytes) -> bytes:
    return bytes((first,)) + _variable(len(body)) + body


def _variable(number: int) -> bytes:
    encoded = bytearray()
    while True:
        number, digit = divmod(number, 128)
        encoded.append(digit | 0x80 if number else digit)
        if not number:
            return bytes(encoded)


def _text(text: str) -> bytes:
    encoded = text.encode()
    return len(encoded).to_bytes(2, "big") + encoded


def _no_properties(version: int) -> bytes:
    return b"\0" if version == 5 else b""


class _Reader:
    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._body)

    def take(self, count: int) -> bytes:
        taken = self._body[self._at : self._at + count]
        if len(taken) < count:
            raise MalformedPacket("a packet that breaks off")
        self._at += count
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def variable(self) -> int:
        number = 0
        for position in range(4):
            digit = self.number(1)
            number |= (digit & 0x7F) << 7 * position
            if digit < 0x80:
                return number
        raise MalformedPacket("a length that does not end")

    def text(self) -> str:
        return self.take(self.number(2)).decode("utf-8", "replace")

    def properties(self) -> dict[int, int | str]:
        """By identifier, without those that neither are numbers nor texts."""
        inner = _Reader(self.take(self.variable()))
        found: dict[int, int | str] = {}
        while not inner.at_end:
            name = inner.number(1)
            if name in _NUMBERS:
                found[name] = inner.number(_NUMBERS[name])
            elif name in _TEXTS:
                found[name] = inner.text()
            elif name in _BYTES:
                inner.text()
            elif name == _PAIR:
                inner.text()
                inner.text()
            elif name == _VARIABLE:
                inner.variable()
            else:
                raise MalformedPacket(f"an unknown property {name:#x}")
        return found

"""What a broker's return and reason codes mean, and after which of them another attempt may succeed."""

from __future__ import annotations

from collections.abc import Mapping

_RETURN_CODES: Mapping[int, str] = {
    1: "it does not speak this version of MQTT",
    2: "it does not accept the client id",
    3: "it is not available",
    4: "the user name or password is wrong",
    5: "not authorised",
}

_REASON_CODES: Mapping[int, str] = {
    0x81: "malformed packet",
    0x82: "protocol error",
    0x83: "it gives no reason",
    0x84: "it does not speak this version of MQTT",
    0x85: "it does not accept the client id",
    0x86: "the user name or password is wrong",
    0x87: "not authorised",
    0x88: "it is not available",
    0x89: "it is busy",
    0x8A: "this client is banned",
    0x8B: "it is shutting down",
    0x8C: "it wants another way of authentication",
    0x8D: "the keep-alive time is over",
    0x8E: "another client with the same id took over",
    0x90: "it does not accept the topic",
    0x92: "it does not know the packet's number",
    0x93: "too many messages at once",
    0x95: "the packet is too large",
    0x96: "too many messages",
    0x97: "a quota is used up",
    0x98: "an administrator ended it",
    0x99: "the message's form is wrong",
    0x9B: "it does not offer this quality of service",
    0x9C: "another server is to be used for now",
    0x9D: "the server has moved",
    0x9F: "too many connections",
}

_MAY_PASS = {
    3: frozenset({3}),
    5: frozenset({0x00, 0x80, 0x83, 0x88, 0x89, 0x8B, 0x8D, 0x8E, 0x92, 0x93, 0x96, 0x97, 0x98, 0x9C, 0x9F}),
}


def reason_text(version: int, code: int) -> str:
    known = _REASON_CODES if version == 5 else _RETURN_CODES
    return known.get(code) or f"code {code:#04x}"


def may_pass(version: int, code: int) -> bool:
    return code in _MAY_PASS[version]

"""Signatures: what the libraries that receivers use make of them."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from chalicelib.domain.deliveries import Delivery, Origin
from chalicelib.domain.endpoints import Endpoint, Secret
from chalicelib.domain.events import EmitterKind
from chalicelib.domain.json import Json, encode
from chalicelib.domain.signatures import sign
from chalicelib.domain.times import from_epoch_ms
from chalicelib.services.events.messages import headers_for
from tests.fakes import START

OLD, NEW = ("whsec_" + base64.b64encode(bytes([letter]) * 32).decode() for letter in b"on")
PAYLOAD: Json = {"raw_event": {"order": 8841, "stadt": "Köln"}}
BODY = encode(PAYLOAD)


def headers(*secrets: Secret, at_seconds: float | None = None) -> Mapping[str, str]:
    at = from_epoch_ms(round((time.time() if at_seconds is None else at_seconds) * 1000))
    origin = Origin(EmitterKind.WORKFLOW, "wf_1", "", "1-0", "emit_1")
    delivery = Delivery("msg_1", "ws_1", "wh_1", "event", PAYLOAD, origin, START)
    endpoint = Endpoint("wh_1", "ws_1", "user_1", "https://r.example/", START, START, secrets or (Secret(NEW),))
    return headers_for(endpoint, delivery, at, BODY)


def verify(secret: str, sent: Mapping[str, str], body: bytes = BODY) -> object:
    return Webhook(secret).verify(body, dict(sent))


def test_the_documented_example_is_signed_as_documented() -> None:
    body = b'{"test": 2432232314}'

    signature = sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_receiver_verifies_what_was_sent() -> None:
    assert verify(NEW, headers()) == PAYLOAD


def test_a_receiver_with_either_secret_verifies_while_they_are_rotated() -> None:
    sent = headers(Secret(NEW), Secret(OLD, from_epoch_ms(4_000_000_000_000)))

    assert verify(NEW, sent) == verify(OLD, sent) == PAYLOAD


def test_a_secret_whose_time_is_over_signs_no_more() -> None:
    sent = headers(Secret(NEW), Secret(OLD, START))

    assert verify(NEW, sent) == PAYLOAD
    with pytest.raises(WebhookVerificationError):
        verify(OLD, sent)


def test_a_tampered_body_is_noticed() -> None:
    with pytest.raises(WebhookVerificationError):
        verify(NEW, headers(), BODY.replace(b"8841", b"8842"))


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_tampered_header_is_noticed(name: str) -> None:
    sent = dict(headers())
    sent[name] = sent[name][:-2] + ("00" if sent[name][-2:] != "00" else "11")

    with pytest.raises(WebhookVerificationError):
        verify(NEW, sent)


def test_a_replayed_message_is_noticed() -> None:
    with pytest.raises(WebhookVerificationError):
        verify(NEW, headers(at_seconds=time.time() - 3600))


def test_another_receivers_secret_verifies_nothing() -> None:
    with pytest.raises(WebhookVerificationError):
        verify(OLD, headers())

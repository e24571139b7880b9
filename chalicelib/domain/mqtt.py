"""What is published to an MQTT broker, as values. The guarded publisher in `outbound` performs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class MqttTarget:
    """A broker and how to be let in. `version` is 3 (3.1.1) or 5; certificate, key and authority are PEM texts.

    With a certificate the connection is secured whatever the URL's scheme; with an authority its certificates alone
    are trusted, otherwise the usual ones. Without a client id each connection has a random one.
    """

    url: str
    version: int = 3
    client_id: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    certificate: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)
    authority: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class MqttPublication:
    """Messages for one topic, each published by itself and in this order; `timeout_seconds` bounds all of it."""

    topic: str
    messages: Sequence[bytes]
    qos: int = 1
    timeout_seconds: float = 30.0

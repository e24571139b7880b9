"""The node types that need more of an installation than an HTTP client and a clock.

Most functions never run one, so each is loaded when its first step comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

from chalicelib.nodes import script
from chalicelib.nodes.http_request import HttpRequestNode
from chalicelib.nodes.rest_connector import RestConnectorNode
from chalicelib.nodes.steps import Handler, Result, StepContext
from chalicelib.services.ports import Clock, Entropy, FileStore, HttpSender, MqttPublisher


@dataclass(frozen=True, slots=True)
class AiService:
    """Where the service is, and the bearer token that it wants, if any."""

    url: str
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Integrations:
    """What these node types work with. Without an AI service, or a `script_engine` (the handler of
    `script_execution`), the steps that ask for it fail and say so."""

    http: HttpSender
    clock: Clock
    entropy: Entropy
    files: Callable[[], FileStore]
    mqtt: Callable[[], MqttPublisher]
    ai_service: AiService | None = None
    script_engine: Handler | None = None

    def handlers(self) -> Mapping[str, Handler]:
        """By node type."""
        http_request = HttpRequestNode(self.http, self.clock, self.files)
        return {
            "http_request": http_request,
            "rest_connector": RestConnectorNode(http_request),
            "mqtt_publish": _when_needed(self._mqtt_publish),
            "haystack": _when_needed(self._haystack),
            "ai_converse": _when_needed(self._ai_converse),
            "script_execution": self.script_engine or script.no_engine,
        }

    def _mqtt_publish(self) -> Handler:
        from chalicelib.nodes.mqtt_publish import MqttPublishNode

        return MqttPublishNode(self.mqtt)

    def _haystack(self) -> Handler:
        from chalicelib.nodes.haystack import HaystackNode

        return HaystackNode(self.http, self.entropy, self.files)

    def _ai_converse(self) -> Handler:
        from chalicelib.nodes.ai_converse import AiConverseNode

        return AiConverseNode(self.http, self.ai_service)


def _when_needed(make: Callable[[], Handler]) -> Handler:
    made = cache(make)

    def handler(context: StepContext) -> Result:
        return made()(context)

    return handler

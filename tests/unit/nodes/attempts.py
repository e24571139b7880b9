"""One attempt of a step of any node type, with fakes for what it works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from chalicelib.domain.errors import OutboundError
from chalicelib.domain.graph import Graph, Node
from chalicelib.domain.json import Json
from chalicelib.domain.mqtt import MqttPublication, MqttTarget
from chalicelib.domain.run import Outcome
from chalicelib.nodes.integrations import AiService, Integrations
from chalicelib.nodes.registry import NodeRegistry
from chalicelib.nodes.steps import Handler
from chalicelib.services.ports import HttpSender
from tests.file_fakes import MemoryFileStore
from tests.unit.driver import Driver, Receiver, a_run


@dataclass
class FakePublisher:
    """Takes everything, unless `answer` raises for a target."""

    answer: Callable[[MqttTarget], None] = lambda target: None
    calls: list[tuple[MqttTarget, MqttPublication]] = field(default_factory=list)

    def publish(self, target: MqttTarget, publication: MqttPublication) -> None:
        self.calls.append((target, publication))
        self.answer(target)


class CountingEntropy:
    """Not random at all, and never the same twice."""

    def __init__(self) -> None:
        self._count = 0

    def bytes(self, count: int) -> bytes:
        self._count += 1
        return self._count.to_bytes(count, "big")


@dataclass
class Attempt:
    """`perform` carries a node of this configuration out once."""

    http: HttpSender = field(default_factory=Receiver)
    files: MemoryFileStore = field(default_factory=MemoryFileStore)
    publisher: FakePublisher = field(default_factory=FakePublisher)
    ai_service: AiService | None = None
    script_engine: Handler | None = None

    def perform(self, node_type: str, config: dict[str, Json], input: Json = None) -> Outcome:  # noqa: A002
        driver = Driver(Graph((Node("step", node_type, config=config),)), a_run(input))
        handlers = Integrations(
            http=self.http,
            clock=driver.clock,
            entropy=CountingEntropy(),
            files=lambda: self.files,
            mqtt=lambda: self.publisher,
            ai_service=self.ai_service,
            script_engine=self.script_engine,
        ).handlers()
        driver.registry = NodeRegistry(driver.clock, self.http, handlers)
        driver.step()
        return driver.concluded[0]


def shown(outcome: Outcome) -> str:
    """Everything of an outcome that is kept and shown."""
    return repr((outcome.input, outcome.output, outcome.error, outcome.logs))


def failing(*errors: OutboundError | None) -> Callable[[MqttTarget], None]:
    """The n-th call raises the n-th error, where that is not None."""
    rest = list(errors)

    def answer(target: MqttTarget) -> None:
        error = rest.pop(0)
        if error is not None:
            raise error

    return answer

"""The whole product in one process: backend, API, inbox, pollers and the tick, started and stopped."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from chalicelib.local.assembly import Assemble, Assembly
from chalicelib.local.backend import Backend, start_backend
from chalicelib.local.gateway import Gateway
from chalicelib.local.http_server import HttpServer, json_response
from chalicelib.local.http_wire import Request, Response
from chalicelib.local.inbox import PREFIX, Inbox
from chalicelib.local.pollers import EventSource, Poller
from chalicelib.local.settings import LocalSettings
from chalicelib.local.ticker import Ticker


class LocalStack:
    """`with LocalStack(assemble, replace(settings, port=0)) as stack: … stack.base_url …`

    `stop` ends everything within a few seconds and may be called twice.
    """

    def __init__(self, assemble: Assemble, settings: LocalSettings | None = None) -> None:
        self._assemble = assemble
        self.settings = settings or LocalSettings()
        self.inbox = Inbox()
        self._gateway: Gateway | None = None
        self._server: HttpServer | None = None
        self._backend: Backend | None = None
        self._pollers: list[Poller] = []
        self._ticker: Ticker | None = None

    @property
    def base_url(self) -> str:
        return f"http://localhost:{self.settings.port}"

    @property
    def api_keys(self) -> Mapping[str, str]:
        return self.settings.api_keys

    @property
    def backend(self) -> Backend:
        if self._backend is None:
            raise RuntimeError("the stack is not running")
        return self._backend

    @property
    def ticker(self) -> Ticker:
        if self._ticker is None:
            raise RuntimeError("the stack is not running")
        return self._ticker

    def start(self) -> None:
        """Raises PortInUseError before anything else happens; stops again whatever else fails."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Clients first, then what works for them, and last what they all stand on."""
        deadline = time.monotonic() + 2.0
        for poller in self._pollers:
            # All are asked before any is waited for, or their last polls would add up.
            poller.request_stop()
        if self._server is not None:
            self._server.stop(grace_seconds=1.0)
        if self._ticker is not None:
            self._ticker.stop(max(0.0, deadline - time.monotonic()))
        for poller in self._pollers:
            poller.join(deadline)
        if self._backend is not None:
            self._backend.close()
        self._server = self._backend = self._ticker = self._gateway = None
        self._pollers = []

    def __enter__(self) -> LocalStack:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        # First of all: a port that is taken has to be told before tables are made behind it.
        self._server = HttpServer(self._answer, self.settings.port)
        self.settings = replace(self.settings, port=self._server.port)
        self._backend = start_backend(self.settings)
        self._backend.base_url = self.base_url
        assembly = self._assemble(self._backend)
        assembly.create_keys(self.api_keys)
        self._gateway = Gateway(assembly.app, assembly.fallback, assembly.around_api)
        self._pollers = self._make_pollers(assembly)
        self._ticker = Ticker(assembly.tick_handler, self.settings.tick_seconds, self.settings.region)
        self._server.start()
        for poller in self._pollers:
            poller.start()
        self._ticker.start()

    def _make_pollers(self, assembly: Assembly) -> list[Poller]:
        client = self.backend.client("sqs")
        pollers = []
        for queue, handler in assembly.sqs_handlers.items():
            url = queue if "://" in queue else client.get_queue_url(QueueName=queue)["QueueUrl"]
            concurrency = assembly.concurrency_of.get(queue, assembly.concurrency)
            pollers.append(Poller(client, EventSource(url, handler, max_concurrency=concurrency)))
        return pollers

    def _answer(self, request: Request) -> Response:
        if request.path.startswith(PREFIX):
            return self.inbox(request)
        if self._gateway is None:
            return json_response(503, {"message": "The stack is stopping"})
        return self._gateway(request)

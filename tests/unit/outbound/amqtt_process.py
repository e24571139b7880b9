"""`python -m tests.unit.outbound.amqtt_process CONFIG`: a broker that prints its port and serves until it is stopped.

In a process of its own, because it leaves its tasks and sockets to the interpreter's end.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from amqtt.broker import Broker  # type: ignore[import-untyped]


async def serve(config: dict[str, Any]) -> None:
    broker = Broker(config)
    await broker.start()
    port = broker._servers["default"].instance.sockets[0].getsockname()[1]
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])))

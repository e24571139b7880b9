"""`python -m chalicelib.local`: the local stack until Ctrl-C."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable

from chalicelib.local.assembly import Assembly
from chalicelib.local.backend import Backend, BackendStartError
from chalicelib.local.http_server import PortInUseError
from chalicelib.local.settings import SettingsError, settings_from
from chalicelib.local.stack import LocalStack


def main(assemble: Callable[[Backend], Assembly]) -> int:
    """The process's exit code: 0 after a signal, 1 with one line on stderr when it cannot start."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Before the stack starts: a Ctrl-C while it does ends it in order as well.
        signal.signal(number, lambda *_: stop.set())
    try:
        stack = LocalStack(assemble, settings_from(os.environ))
        stack.start()
    except (SettingsError, BackendStartError) as error:
        return _refuse(str(error))
    except PortInUseError as error:
        return _refuse(f"Port {error.port} is in use. Try another one: PORT={error.port + 1} make run")
    try:
        print(_greeting(stack), flush=True)
        stop.wait()
        print("\nStopping.", flush=True)
    finally:
        stack.stop()
    return 0


def _refuse(reason: str) -> int:
    print(reason, file=sys.stderr)
    return 1


def _greeting(stack: LocalStack) -> str:
    key = next(iter(stack.api_keys.values()))
    keys = "".join(f"\n  API key   {key}  (user {user})" for user, key in stack.api_keys.items())
    return f"""
Penstock is running. Ctrl-C stops it.

  API       {stack.base_url}  (described at /docs)
  Console   {stack.base_url}/console
  Inbox     {stack.base_url}/_local/inboxes{keys}

Try:

  curl -s {stack.base_url}/v1/workflows -H 'Authorization: Bearer {key}'
"""


if __name__ == "__main__":
    from chalicelib.local.wiring import assemble

    sys.exit(main(assemble))

"""Where the local stack's tables and queues live: in this process, in ministack, or at an address."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.local.settings import LocalSettings

# Emulators accept any credentials, but botocore refuses to sign without some.
_STAND_IN_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
_POOL_CONNECTIONS = 64


class BackendStartError(RuntimeError):
    """The backend's process ended, or did not answer in time; the message says where its log is."""


class Backend:
    """A running AWS stand-in. `endpoint_url` is None for the embedded one.

    While it is open, the process's environment leads any botocore client to it; `base_url` is where the
    stack's own API listens, once that is known.
    """

    def __init__(self, *, endpoint_url: str | None, region: str, release: Callable[[], None]) -> None:
        self.endpoint_url = endpoint_url
        self.region = region
        self.base_url = ""
        self._release = release
        self._session: Any = None
        self._lock = threading.Lock()
        self._closed = False
        self._environment = _Environment(
            {
                **{k: v for k, v in _STAND_IN_CREDENTIALS.items() if k not in os.environ},
                "AWS_DEFAULT_REGION": region,
                "AWS_REGION": region,
                # None takes it out: with an address there, clients would pass the embedded AWS by.
                "AWS_ENDPOINT_URL": endpoint_url,
            }
        )

    def client(self, service: str) -> Any:
        """A new botocore client. The session behind it is shared, since making one costs 75 ms."""
        import botocore.session
        from botocore.config import Config

        with self._lock:
            if self._session is None:
                self._session = botocore.session.get_session()
            return self._session.create_client(
                service,
                region_name=self.region,
                endpoint_url=self.endpoint_url,
                config=Config(max_pool_connections=_POOL_CONNECTIONS, user_agent="penstock-local"),
            )

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._release()
            self._environment.restore()


class _Environment:
    """Environment variables set for a while; None unsets one."""

    def __init__(self, values: Mapping[str, str | None]) -> None:
        self._before = {name: os.environ.get(name) for name in values}
        _set(values)

    def restore(self) -> None:
        _set(self._before)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def start_backend(settings: LocalSettings) -> Backend:
    """Raises BackendStartError when a subprocess does not come up."""
    if settings.endpoint_url is not None:
        return Backend(endpoint_url=settings.endpoint_url, region=settings.region, release=lambda: None)
    if settings.backend == "ministack":
        from chalicelib.local.ministack_process import MinistackProcess

        process = MinistackProcess(settings.state_dir)
        return Backend(endpoint_url=process.url, region=settings.region, release=process.stop)
    from chalicelib.local.embedded import EmbeddedAws

    embedded = EmbeddedAws()
    return Backend(endpoint_url=None, region=settings.region, release=embedded.close)

"""The engine, loaded with the runtime: one function that takes an operation and text and gives text.

No Python object is ever within reach of the engine. What it has to say is built inside it, under its limits.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import os
from collections.abc import Iterator
from time import process_time
from typing import Any

RUNTIME = (
    "core", "errors", "modules", "compile", "encoding", "events", "url", "console", "node", "crypto", "fetch", "intl",
    "http", "platform", "component", "main",
)  # fmt: skip
PRELOADED = ("buffer", "hashes", "axios")
COMPILER = ("sucrase",)
_STACK_BYTES = 1024 * 1024
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class CpuLimitError(Exception):
    """The engine was interrupted because the run's CPU time was used up."""


class EngineError(Exception):
    """The engine gave up: out of memory, or something worse."""


class Engine:
    """One context, and the CPU time that may still be spent in it."""

    def __init__(self, path: str) -> None:
        self._module = _load(path)
        self._context = self._module.Context()
        self._context.set_max_stack_size(_STACK_BYTES)
        self._entry = self._context.eval(_runtime_source())
        self._until: float | None = None
        for library in _libraries():
            self._entry("library", library)
        self._base_bytes = 0
        self._preload(PRELOADED)

    def load_compiler(self) -> None:
        """Runs of compiled code do not need it, so it can wait."""
        self._preload(COMPILER)

    def limit(self, cpu_seconds: float, memory_bytes: int) -> None:
        """From here on; beyond what is used already."""
        self._until = process_time() + cpu_seconds
        self._context.set_memory_limit(self._base_bytes + memory_bytes)

    def call(self, operation: str, text: str = "") -> str:
        """Raises CpuLimitError, EngineError."""
        said = str(self._limited(self._entry, operation, text))
        if said.startswith("fail\n"):
            raise EngineError(said[5:500])
        return said

    def run_job(self) -> bool:
        """Runs one job of the queue of promises; False if there was none. Raises as `call`."""
        return bool(self._limited(self._context.execute_pending_job))

    def _preload(self, names: tuple[str, ...]) -> None:
        self.call("preload", json.dumps(names))
        # Garbage of the start would otherwise count as in use, and every run would get that much more.
        self._context.gc()
        self._base_bytes = int(self._context.memory()["malloc_size"])

    def _limited(self, function: Any, *arguments: str) -> Any:
        if self._until is not None:
            left = self._until - process_time()
            if left <= 0:
                raise CpuLimitError
            # Anew for each call: the engine's clock begins with the call.
            self._context.set_time_limit(left)
        try:
            return function(*arguments)
        except (self._module.JSException, self._module.StackOverflow, MemoryError, TypeError, ValueError) as error:
            if self._until is not None and process_time() >= self._until:
                raise CpuLimitError from None
            raise EngineError(str(error)[:500]) from None


def _load(path: str) -> Any:
    loader = importlib.machinery.ExtensionFileLoader("_quickjs", path)
    spec = importlib.util.spec_from_file_location("_quickjs", path, loader=loader)
    if spec is None:
        raise ImportError(f"no engine at {path}")
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def _runtime_source() -> str:
    """One function for all parts, and a scope of its own for each; only `rt` and what `core` declares is shared."""
    core, *parts, main = (_text("js", f"{name}.js") for name in RUNTIME)
    blocks = "".join(f"{{\n{part}\n}}\n" for part in parts)
    return f"(function() {{ 'use strict';\n{core}\n{blocks}\n{main}\n}})()"


def _libraries() -> Iterator[str]:
    """A library's name, what it is imported as, and its text, a line each; the text is the rest."""
    manifest = json.loads(_text("vendor", "manifest.json"))
    for file, about in manifest["files"].items():
        yield "\n".join((file, json.dumps(about["specifiers"]), _text("vendor", f"{file}.js")))


def _text(*path: str) -> str:
    with open(os.path.join(_ROOT, *path), encoding="utf-8") as file:
        return file.read()

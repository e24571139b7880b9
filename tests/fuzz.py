"""Holds the API against its own document: `python -m tests.fuzz [--seconds N]` asks a local stack whatever the document
allows, and much that it does not, and judges the answers by it.

Every answer has to be a status that is described, of a type and a shape that are; none may be a server's error. Calls
go to a stack of this process, which reaches no network but its own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from chalicelib.local.settings import LocalSettings
from chalicelib.local.stack import LocalStack
from chalicelib.local.wiring import assemble

KEY = "fuzz-key-of-nobody"
CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
SHORT_SECONDS = 30
SAME_AGAIN = r"^/api/v1/"
"""Another address of operations that are asked already."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=int, default=SHORT_SECONDS, help="how long to ask; more finds more")
    parser.add_argument("--seed", type=int, default=1, help="what to ask follows from it")
    asked = parser.parse_args(arguments)
    settings = LocalSettings(port=0, api_keys={"fuzz": KEY})
    with LocalStack(assemble, settings) as stack, tempfile.TemporaryDirectory() as directory:
        return subprocess.run(_command(stack.base_url, asked), cwd=directory, check=False).returncode


def _command(base_url: str, asked: argparse.Namespace) -> list[str]:
    program = Path(sys.executable).with_name("schemathesis")
    options = {
        "--checks": ",".join(CHECKS),
        "--header": f"Authorization: Bearer {KEY}",
        "--exclude-path-regex": SAME_AGAIN,
        "--phases": "examples,coverage,fuzzing",
        "--suppress-health-check": "all",
        "--max-time": str(asked.seconds),
        "--request-timeout": "20",
        "--max-redirects": "0",
        "--warnings": "off",
        "--seed": str(asked.seed),
    }
    words = [word for pair in options.items() for word in pair]
    return [str(program), "run", f"{base_url}/openapi.json", "--no-shrink", *words]


if __name__ == "__main__":
    sys.exit(main())

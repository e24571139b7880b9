"""Drives the page of a pin, the console and the API's page in a real browser: `python -m tests.browser`.

Needs Node, Chromium (`CHROMIUM` names another than /usr/bin/chromium) and what `npm ci --prefix tests/browser` installs
(`PLAYWRIGHT_CORE` names a directory with another playwright-core). Screenshots go to the output directory (`--out`),
which is not the repository. `--only` drives one of them.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import tempfile
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

from chalicelib.local.settings import LocalSettings
from chalicelib.local.stack import LocalStack
from chalicelib.local.wiring import assemble
from tests.browser import scene, scene_events

HERE = Path(__file__).parent
KEY = "browser-key-1"
HOSTILE = "<img src=x onerror=alert(1)>"


class Api:
    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    def pin(self, **metadata: Any) -> str:
        pin_id: str = self._call("POST", "/api/pins/send", {"metadata": metadata})["pid"]
        return pin_id

    def push(self, pin_id: str, workflow_id: str, data: Any) -> None:
        self._call("PUT", f"/api/workflow-data/{pin_id}/{quote(workflow_id, safe='')}", {"data": data})

    def _call(self, method: str, path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {KEY}"}
        request = urllib.request.Request(
            self._base_url + path, data=json.dumps(body).encode(), headers=headers, method=method
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


def public_pin(api: Api) -> str:
    pin = api.pin(title="Lagerstand Graz", description="Nachtlauf und Preise", tags=["lager"], is_public=True)
    for n in range(30):
        metrics = {"cpu": 20 + 10 * math.sin(n / 3), "memory": 45.2, "queueSize": 156 - n}
        data = {"status": "running", "progress": n * 3, "rows": n * 170, "metrics": metrics}
        api.push(pin, "nightly-inventory", data)
    for n in range(6):
        api.push(pin, "system metrics / prod.eu", {"cpu": 23.5 + n, "network": {"inbound": "1.2GB"}, "healthy": True})
    sentence = "the supplier's server did not answer in time, after three attempts within ten minutes"
    api.push(pin, "price-feed", {"status": "failed", "error": sentence})
    api.push(pin, "sales-weekly", {"status": "pending", "revenue": 45670, "conversion": 12.4})
    api.push(pin, f"a-very-long-name-{'x' * 60}", {"status": "completed", "progress": "100%"})
    return pin


def private_pin(api: Api) -> str:
    pin = api.pin(title="<b>Private</b> & more", description="<script>alert(1)</script>")
    api.push(pin, HOSTILE, {HOSTILE: HOSTILE, "status": 'running"><b>', "n": 1})
    return pin


def drive(script: str, *arguments: str) -> int:
    """The exit code of a driver, which is a script of this directory."""
    return subprocess.run([os.environ.get("NODE", "node"), str(HERE / script), *arguments], check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.browser")
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "penstock-pages")
    parser.add_argument("--only", choices=("pin", "console", "docs"))
    asked = parser.parse_args()
    out = asked.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    failed = 0
    with LocalStack(assemble, LocalSettings(port=0, api_keys={"browser": KEY})) as stack:
        base = stack.base_url
        if asked.only in (None, "pin"):
            api = Api(base)
            failed |= drive("drive.mjs", base, public_pin(api), private_pin(api), KEY, str(out))
        if asked.only in (None, "console"):
            client = scene.Client(base, KEY)
            there = {**scene.build(client), **scene_events.build(client)}
            failed |= drive("console.mjs", base, json.dumps(there), KEY, str(out))
        if asked.only in (None, "docs"):
            failed |= drive("docs.mjs", base, str(out))
    print(f"screenshots: {out}")  # noqa: T201
    return failed


if __name__ == "__main__":
    raise SystemExit(main())

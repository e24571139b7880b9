"""Drives the page of a pin in a real browser, against the local stack: `python -m tests.browser --out DIRECTORY`.

Needs Node, Chromium (`CHROMIUM` names another than /usr/bin/chromium) and the npm package playwright-core, looked for
in the directory that `PLAYWRIGHT_CORE` names. Screenshots go to the output directory, which is not the repository.
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

SCRIPT = Path(__file__).with_name("drive.mjs")
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


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.browser")
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "penstock-pages")
    out = parser.parse_args().out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    with LocalStack(assemble, LocalSettings(port=0, api_keys={"browser": KEY})) as stack:
        api = Api(stack.base_url)
        arguments = [stack.base_url, public_pin(api), private_pin(api), KEY, str(out)]
        node = os.environ.get("NODE", "node")
        ended = subprocess.run([node, str(SCRIPT), *arguments], check=False)
    print(f"screenshots: {out}")  # noqa: T201
    return ended.returncode


if __name__ == "__main__":
    raise SystemExit(main())

"""The page that shows a pin: what it is served with, and what its script makes of the API's answers."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from chalicelib.api.pindown import page
from tests.api.gateway import Answer
from tests.api.world import World

SCRIPT = Path(page.__file__).parent / "static" / "page.js"
CHECKS = Path(__file__).with_name("page_checks.js")


@pytest.fixture
def served(world: World) -> Answer:
    return world.call("GET", "/pins/p-whatever", key=None)


def test_it_is_html_for_everybody_and_the_same_for_every_pin(world: World, served: Answer) -> None:
    other = world.call("GET", "/pins/%3Cscript%3E", key=None)

    assert (served.status, served.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert served.text == other.text
    assert served.text.startswith("<!doctype html>")
    assert "{{" not in served.text


def test_its_policy_allows_its_own_script_and_style_and_calls_of_this_host(served: Answer) -> None:
    policy = dict(part.split(" ", 1) for part in served.headers["Content-Security-Policy"].split("; "))

    for element, directive in (("script", "script-src"), ("style", "style-src")):
        (text,) = re.findall(f"<{element}>(.*?)</{element}>", served.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy[directive] == f"'sha256-{digest}'"
    assert policy["connect-src"] == "'self'"
    for directive in ("default-src", "base-uri", "form-action", "frame-ancestors"):
        assert policy[directive] == "'none'"


def test_it_asks_nobody_else_and_makes_no_html_of_data(served: Answer) -> None:
    addresses = set(re.findall(r"https?://[^\s\"'`]+", served.text))

    assert addresses == {"http://www.w3.org/2000/svg"}
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "style="):
        assert way not in served.text, way


def test_it_is_labelled_for_who_does_not_see_it(served: Answer) -> None:
    for wanted in (
        'lang="en"',
        "<main>",
        '<label for="key">',
        'role="status"',
        'aria-live="polite"',
        "width=device-width",
    ):
        assert wanted in served.text
    assert "prefers-color-scheme: dark" in served.text


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_its_script_shows_what_the_api_answers() -> None:
    ran = subprocess.run(["node", str(CHECKS), str(SCRIPT)], capture_output=True, text=True, timeout=60, check=False)

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["passed"] >= 12


def test_an_address_below_the_page_is_not_found(world: World) -> None:
    answer = world.call("GET", "/pins/p-1/more", key=None)

    assert (answer.status, answer.json["error"]["code"]) == (404, "RESOURCE_NOT_FOUND")

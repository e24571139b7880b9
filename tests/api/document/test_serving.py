"""How the document and its page are served: to everybody, with versions, and with nothing of anybody's in them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chalicelib.api.document import routes
from tests.api import watch
from tests.api.document import claims
from tests.api.gateway import Answer
from tests.api.world import World

STATIC = Path(routes.__file__).parent / "static"


@pytest.fixture
def served(world: World) -> Answer:
    return world.call("GET", "/openapi.json", key=None)


def test_it_is_json_for_everybody_and_names_the_address_it_was_asked_at(world: World, served: Answer) -> None:
    behind = world.call("GET", "/openapi.json", key=None, stage="/prod")

    assert (served.status, served.headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    assert served.headers["Access-Control-Allow-Origin"] == "*"
    assert served.json["servers"] == [{"url": "https://flow.example.org"}]
    assert behind.json["servers"] == [{"url": "https://flow.example.org/prod"}]


def test_it_names_the_address_that_the_installation_was_given(world: World) -> None:
    world.services.public_base_url = "https://penstock.example.com"

    assert world.call("GET", "/openapi.json").json["servers"] == [{"url": "https://penstock.example.com"}]


def test_a_host_that_would_break_out_of_the_document_is_not_in_it(world: World) -> None:
    headers = {"x-forwarded-host": 'evil.example"}],"paths":{},"x":[{"y":"'}

    assert world.call("GET", "/openapi.json", headers=headers).json["servers"] == [{"url": "https://localhost"}]


@pytest.mark.parametrize("known", ["{tag}", '"other", {tag}', "W/{tag}", "*"])
def test_who_has_it_is_told_so(world: World, served: Answer, known: str) -> None:
    tag = served.headers["ETag"]

    again = world.call("GET", "/openapi.json", key=None, headers={"if-none-match": known.format(tag=tag)})

    assert re.fullmatch(r'"[0-9a-f]{32}"', tag)
    assert (again.status, again.text, again.headers["ETag"]) == (304, "", tag)


def test_another_version_is_sent(world: World, served: Answer) -> None:
    again = world.call("GET", "/openapi.json", key=None, headers={"if-none-match": '"another"'})

    assert (again.status, again.text) == (200, served.text)


def test_what_makes_it_is_not_loaded_before_somebody_asks() -> None:
    code = "import sys, app; print(*(name for name in sys.modules if name.startswith('chalicelib.api')))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert "chalicelib.api.document.routes" in loaded
    makers = (".describe", ".document", ".build", ".serving")
    assert [name for name in loaded if name.endswith(makers) or ".document_" in name] == [
        "chalicelib.api.document"  # The package, which is empty.
    ]


def test_it_is_far_smaller_than_an_answer_may_be(served: Answer) -> None:
    assert len(served.text.encode()) < 1_500_000


def test_examples_are_what_the_schemas_say() -> None:
    wrong: list[str] = []
    for method, path, operation in claims.operations():
        contents = [operation.get("requestBody", {}).get("content", {})]
        contents += [watch.resolved(reply).get("content", {}) for reply in operation["responses"].values()]
        for content in contents:
            media = content.get("application/json", {})
            values = [each["value"] for each in media.get("examples", {}).values()]
            for value in [*values, *([media["example"]] if "example" in media else [])]:
                wrong += [
                    f"{method} {path}: {error.message}" for error in watch.validator(media["schema"]).iter_errors(value)
                ]

    assert wrong == []


def test_examples_of_parameters_are_what_their_schemas_say() -> None:
    wrong = [
        f"{method} {path} {parameter['name']}: {error.message}"
        for method, path, operation in claims.operations()
        for parameter in operation.get("parameters", ())
        if "example" in parameter
        for error in watch.validator(parameter["schema"]).iter_errors(parameter["example"])
    ]

    assert wrong == []


def test_every_operation_that_sends_or_answers_json_has_an_example() -> None:
    without = {
        operation["operationId"]
        for _, path, operation in claims.operations()
        if is_json(operation) and path != routes.PATH and "example" not in json.dumps(operation)
    }

    assert without == set()


def is_json(operation: Any) -> bool:
    replies = [watch.resolved(reply) for status, reply in operation["responses"].items() if status < "3"]
    return any("application/json" in each.get("content", {}) for each in (operation.get("requestBody", {}), *replies))


class TestPage:
    def test_it_is_html_with_a_policy_that_allows_its_own_files_alone(self, world: World) -> None:
        page = world.call("GET", "/docs", key=None)
        policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))

        assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert page.text.startswith("<!doctype html>")
        assert (policy["default-src"], policy["script-src"], policy["style-src"]) == ("'none'", "'self'", "'self'")
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"

    def test_its_files_are_there_under_their_version(self, world: World) -> None:
        page = world.call("GET", "/docs", key=None).text
        files = re.findall(r'(?:href|src)="(docs/[^"]+)"', page)

        answers = [world.call("GET", f"/{file}", key=None) for file in files]

        assert len(files) == 2
        assert [answer.status for answer in answers] == [200, 200]
        assert all("immutable" in answer.headers["Cache-Control"] for answer in answers)

    @pytest.mark.parametrize("name", ["docs.html", "..%2Froutes.py", "nothing.js"])
    def test_nothing_else_is_served(self, world: World, name: str) -> None:
        assert world.call("GET", f"/docs/now/{name}", key=None).status == 404

    def test_it_has_no_script_style_or_address_of_others_in_it(self) -> None:
        page = (STATIC / "docs.html").read_text()

        assert re.findall(r"<script(?![^>]*\ssrc=)", page) == []
        assert "<style" not in page
        assert " style=" not in page
        assert [path.name for path in STATIC.iterdir() if "http" + "://" in path.read_text()] == []

    def test_its_script_makes_no_markup_of_what_it_reads(self) -> None:
        script = (STATIC / "docs.js").read_text()

        for way in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "setTimeout",
            "Function(",
        ):
            assert way not in script, way

    def test_all_of_it_is_small(self) -> None:
        assert sum(path.stat().st_size for path in STATIC.iterdir()) < 60_000

    def test_it_is_labelled_and_fits_a_phone(self) -> None:
        page = (STATIC / "docs.html").read_text()

        for wanted in ('lang="en"', '<label for="search">', 'role="status"', "width=device-width", 'class="skip"'):
            assert wanted in page, wanted

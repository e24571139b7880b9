"""What the console is served as: whole, small, kept by browsers, and confined to this host."""

from __future__ import annotations

import base64
import gzip
import re
from pathlib import Path

import pytest

from chalicelib.api.console.routes import FILES
from tests.api.gateway import Answer
from tests.api.world import World

STATIC = Path(__file__).resolve().parents[3] / "chalicelib" / "api" / "console" / "static"
NAMES = sorted(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file())
MOST_BYTES = 200 * 1024
MOST_SENT_BYTES = 85_000


def visit(world: World, path: str = "", headers: dict[str, str] | None = None) -> Answer:
    return world.call("GET", f"/console{path}", key=None, headers=headers)


def file(world: World, name: str, headers: dict[str, str] | None = None) -> Answer:
    return visit(world, f"/{FILES.version}/{name}", headers)


def test_the_document_is_shown_to_everybody_and_may_reach_this_host_alone(world: World) -> None:
    answer = visit(world)

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self' data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_the_document_has_no_script_style_or_handler_of_its_own(world: World) -> None:
    text = visit(world).text

    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text)


@pytest.mark.parametrize("path", ["/console", "/console/"])
@pytest.mark.parametrize("stage", ["", "/api"])
def test_what_the_document_needs_is_found_behind_any_stage_with_and_without_a_slash(
    world: World, stage: str, path: str
) -> None:
    text = world.call("GET", path, key=None, stage=stage).text

    addresses = re.findall(r'(?:href|src)="([^"]+)"', text)
    assert len(addresses) == 3
    for address in addresses:
        assert address.startswith(f"{stage}/console/{FILES.version}/")
        assert world.call("GET", address.removeprefix(stage), key=None).status == 200


@pytest.mark.parametrize("name", [name for name in NAMES if name != "index.html"])
def test_every_file_is_kept_for_good_under_its_version_and_asked_for_again_under_another(
    world: World, name: str
) -> None:
    answer, other = file(world, name), visit(world, f"/0123456789abcdef/{name}")

    assert (answer.status, other.status) == (200, 200)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert other.headers["Cache-Control"] == "no-cache"
    assert answer.text.encode() == (STATIC / name).read_bytes()
    kind = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}[name.rpartition(".")[2]]
    assert answer.headers["Content-Type"].split(";")[0] == kind
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_whoever_has_a_file_is_told_so_and_sent_nothing(world: World) -> None:
    for path in ("", f"/{FILES.version}/app.js"):
        etag = visit(world, path).headers["ETag"]

        for known in (etag, f'"other", {etag}', "*"):
            again = visit(world, path, {"if-none-match": known})
            assert (again.status, again.text, again.headers["ETag"]) == (304, "", etag)
        assert re.fullmatch(r'"[0-9a-f]{32}"', etag)
        assert visit(world, path, {"if-none-match": '"other"'}).status == 200


def test_a_browser_gets_files_compressed_under_a_tag_of_their_own(world: World) -> None:
    plain = file(world, "app.js")

    zipped = file(world, "app.js", {"accept-encoding": "gzip, br"})

    assert zipped.headers["Content-Encoding"] == "gzip"
    assert zipped.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert zipped.headers["ETag"] != plain.headers["ETag"]
    content = base64.b64decode(zipped.text)  # as a function hands bytes to the gateway
    assert gzip.decompress(content).decode() == plain.text
    assert len(content) < len(plain.text) / 2


@pytest.mark.parametrize(
    "path",
    [
        "/index.html",
        "/v/index.html",
        "/v/..%2f..%2froutes.py",
        "/v/..%2froutes.py",
        "/v/core/..%2f..%2f__init__.py",
        "/v/%2e%2e/routes.py",
        "/v/core/%2fetc%2fpasswd",
        "/v/core%5capp.js",
        "/v/core/app.js%00",
        "/v/nothing.js",
        "/v/core",
        "/v/core/",
        "/v/core/dom.js/more",
    ],
)
def test_nothing_but_the_files_is_found(world: World, path: str) -> None:
    assert visit(world, path).status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_sent_to_the_console(world: World, method: str) -> None:
    assert world.call(method, "/console", key=None).status == 405


def test_the_whole_console_is_small_and_smaller_on_its_way(world: World) -> None:
    sent = [file(world, name, {"accept-encoding": "gzip"}) for name in NAMES if name != "index.html"]

    assert sum((STATIC / name).stat().st_size for name in NAMES) < MOST_BYTES
    assert sum(len(base64.b64decode(answer.text)) for answer in sent) < MOST_SENT_BYTES

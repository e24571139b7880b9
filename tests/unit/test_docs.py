"""The README and the guides lead where they say: links, commands and the table of settings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
GUIDES = sorted((ROOT / "docs").glob("*.md"))
PAGES = [README, *GUIDES]
SETTINGS = (ROOT / "chalicelib/config.py", ROOT / "chalicelib/local/settings.py")

_LINK = re.compile(r"\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#+\s+(.+?)\s*$", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_MAKE = re.compile(r"(?:^ {4}|`)make ([a-z]+)", re.MULTILINE)
_MODULE = re.compile(r"python -m ([a-z_.]+)")
_OURS = ("bench", "chalicelib", "infra", "tests")
_ROW = re.compile(r"^\| (`[A-Z][A-Z_]+`(?:, `[A-Z_]+`)*) \|", re.MULTILINE)
_SETTING = re.compile(r"[A-Z][A-Z_]{3,}")


def _named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def _prose(page: Path) -> str:
    """Without code, in which brackets and hashes are not Markdown's."""
    return _CODE.sub("``", _FENCE.sub("", page.read_text("utf-8")))


def _links(page: Path) -> Iterator[tuple[Path, str]]:
    """The file and the anchor of each link that leads to the repository."""
    for target in _LINK.findall(_prose(page)):
        path, _, anchor = target.partition("#")
        if "://" not in target:
            yield ((page.parent / path).resolve() if path else page), anchor


def _anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=_named)
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page: Path) -> None:
    broken = [
        f"{_named(target) if target.is_relative_to(ROOT) else target}#{anchor}"
        for target, anchor in _links(page)
        if not target.exists() or (anchor and anchor not in _anchors(target))
    ]

    assert broken == []


def test_every_guide_is_linked_from_the_readme() -> None:
    linked = {target for target, _ in _links(README)}

    assert [_named(guide) for guide in GUIDES if guide not in linked] == []


@pytest.mark.parametrize("page", PAGES, ids=_named)
def test_every_table_has_a_head(page: Path) -> None:
    """Rows behind a blank line are not a table's any more, and shown as text with bars."""
    tables = re.findall(r"(?:^\|.*\n?)+", _FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)

    assert [table[:80] for table in tables if not re.match(r".*\n\|[-| :]+\|\n", table)] == []


@pytest.mark.parametrize("page", PAGES, ids=_named)
def test_every_command_of_make_is_a_target(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))

    assert sorted({*_MAKE.findall(page.read_text("utf-8"))} - targets) == []


@pytest.mark.parametrize("page", PAGES, ids=_named)
def test_every_module_that_is_to_be_run_is_there(page: Path) -> None:
    named = {name.rstrip(".") for name in _MODULE.findall(page.read_text("utf-8"))}

    assert [name for name in sorted(named) if name.startswith(_OURS) and find_spec(name) is None] == []


def _settings() -> set[str]:
    """Names that stand as arguments where the environment is read."""
    return {
        argument.value
        for module in SETTINGS
        for call in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(call, ast.Call)
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and _SETTING.fullmatch(argument.value)
    }


def test_the_readme_tells_every_setting_and_no_other() -> None:
    told = {name for row in _ROW.findall(README.read_text("utf-8")) for name in re.findall(r"[A-Z_]+", row)}

    assert told == _settings()

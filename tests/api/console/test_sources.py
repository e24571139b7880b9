"""The console's scripts, read as text: what they may not do, and that they find each other and their words."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.api.console.test_files import NAMES, STATIC

SCRIPTS = [name for name in NAMES if name.endswith(".js")]
DICTIONARIES = [name for name in SCRIPTS if name.startswith("lang/")]
CODE = [name for name in SCRIPTS if name not in DICTIONARIES]
TEXT = {name: (STATIC / name).read_text(encoding="utf-8") for name in NAMES}

_FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\s*\.\s*write|createContextualFragment|setHTML|DOMParser|srcdoc"
    r"|\beval\b|new\s+Function|javascript:|setAttribute\(\s*[\"']style|\.cssText|localStorage[^;\n]*key\b"
    r"|console\s*\.\s*(?:log|debug)"
)
_ABSOLUTE = re.compile(r"""["'`(](?:https?:)?//[a-z]""", re.IGNORECASE)
_NAMESPACE = "http://www.w3.org/2000/svg"
_IMPORT = re.compile(r"""^import\s[^;]*?["']([^"'`\n]+)["'];$""", re.MULTILINE)
_LITERAL = re.compile(r"""\bt\(\s*"([^"]+)\"""")
_ANY_LITERAL = re.compile(r'"([a-z][A-Za-z_]*(?:\.[A-Za-z_]+)+)"')
_PREFIX = re.compile(r"""(?:\bt\(\s*`([^`$]+\.)\$|\bword\(\s*"([^"]+)")""")


def table(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(TEXT[name].strip().removeprefix("export default ").removesuffix(";"))
    return found


def flat(nested: Mapping[str, Any], outer: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in nested.items():
        key = f"{outer}.{name}" if outer and name else outer or name
        if isinstance(value, dict):
            yield from flat(value, key)
        else:
            yield key, value


def dictionary(name: str) -> dict[str, Any]:
    """Both texts of each key."""
    return dict(flat(table(name)))


def everything() -> frozenset[str]:
    return frozenset(key for name in DICTIONARIES for key in dictionary(name))


def base(key: str) -> str:
    """Of a text that counts, the key that scripts name."""
    return re.sub(r"\.(one|other)$", "", key)


@pytest.mark.parametrize("name", CODE)
def test_no_script_makes_markup_of_text_or_code_of_text(name: str) -> None:
    assert _FORBIDDEN.findall(TEXT[name]) == []


@pytest.mark.parametrize("name", NAMES)
def test_nothing_comes_from_elsewhere(name: str) -> None:
    assert _ABSOLUTE.findall(TEXT[name].replace(_NAMESPACE, "")) == []
    assert "@import" not in TEXT[name]
    assert "url(" not in TEXT[name].replace("url(#", "")


@pytest.mark.parametrize("name", CODE)
def test_every_import_is_a_file_of_the_console(name: str) -> None:
    folder = (STATIC / name).parent
    for target in _IMPORT.findall(TEXT[name]):
        assert target.startswith(("./", "../")), target
        assert (folder / target).resolve().relative_to(STATIC).as_posix() in NAMES


@pytest.mark.parametrize("name", DICTIONARIES)
def test_every_key_has_a_text_in_english_and_one_in_german(name: str) -> None:
    for key, texts in dictionary(name).items():
        assert len(texts) == 2, key
        assert all(isinstance(text, str) and text for text in texts), key


@pytest.mark.parametrize("name", DICTIONARIES)
def test_both_languages_fill_in_the_same_parameters(name: str) -> None:
    for key, (english, german) in dictionary(name).items():
        assert set(re.findall(r"{(\w+)}", english)) == set(re.findall(r"{(\w+)}", german)), key


@pytest.mark.parametrize("name", DICTIONARIES)
def test_keys_stand_in_order(name: str) -> None:
    def check(nested: Mapping[str, Any]) -> None:
        assert list(nested) == sorted(nested)
        for value in nested.values():
            if isinstance(value, dict):
                check(value)

    check(table(name))


def test_no_key_stands_in_two_files() -> None:
    keys = [key for name in DICTIONARIES for key in dictionary(name)]

    assert sorted(keys) == sorted(set(keys))


def test_a_text_that_counts_has_both_forms() -> None:
    counted = {key for key in everything() if key.endswith((".one", ".other"))}

    assert {f"{base(key)}.{form}" for key in counted for form in ("one", "other")} == counted


@pytest.mark.parametrize("name", CODE)
def test_every_text_that_a_script_names_is_there(name: str) -> None:
    known = {base(key) for key in everything()}

    assert sorted(set(_LITERAL.findall(TEXT[name])) - known) == []


def test_no_text_is_there_for_nobody() -> None:
    used: set[str] = set()
    prefixes: set[str] = set()
    for name in CODE:
        used |= set(_LITERAL.findall(TEXT[name])) | set(_ANY_LITERAL.findall(TEXT[name]))
        prefixes |= {one or f"{other}." for one, other in _PREFIX.findall(TEXT[name])}

    unused = {base(key) for key in everything()} - used
    assert sorted(key for key in unused if not key.startswith(tuple(prefixes))) == []


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_modules_that_need_no_browser_do_what_they_say() -> None:
    checks = Path(__file__).with_name("checks.mjs")

    ran = subprocess.run(["node", str(checks), str(STATIC)], capture_output=True, text=True, timeout=60, check=False)

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["passed"] >= 7

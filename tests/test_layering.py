"""The import arrows of the house: api → services → domain ← store, queues, outbound; only bootstrap sees both sides."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "chalicelib"

MAY_IMPORT = {
    "config": set(),
    "system": set(),
    "domain": set(),
    "services": {"domain"},
    "store": {"domain"},
    "queues": {"domain"},
    "outbound": {"domain"},
    "sandbox": {"domain"},
    "nodes": {"domain", "services"},
    "api": {"services", "domain"},
    "bootstrap": {
        "config",
        "system",
        "domain",
        "services",
        "nodes",
        "store",
        "queues",
        "outbound",
        "sandbox",
        "sandbox_client",
    },
    "handlers": {"config", "bootstrap"},
    "sandbox_client": {"domain"},
    "sandbox_function": {"outbound", "sandbox", "sandbox_client"},
    "operations": {"config", "domain", "services", "store", "queues"},
    "cli": {"domain", "api"},
    "operator": {"config", "bootstrap", "operations", "domain", "services"},
    "local": {
        "config",
        "system",
        "bootstrap",
        "domain",
        "services",
        "nodes",
        "store",
        "queues",
        "outbound",
        "api",
    },
}
MAY_NOT_IMPORT = {
    "domain": {"boto3", "botocore", "pynamodb", "chalice", "urllib3", "os", "socket", "requests", "random", "secrets"},
    "services": {"boto3", "botocore", "pynamodb", "chalice", "urllib3", "os", "socket"},
    "nodes": {"boto3", "botocore", "pynamodb", "chalice", "urllib3", "os", "socket"},
    "api": {"boto3", "botocore", "pynamodb", "urllib3"},
    "store": {"boto3", "chalice"},
    "queues": {"boto3", "chalice"},
    "outbound": {"boto3", "botocore", "pynamodb", "chalice"},
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path) -> Iterator[str]:
    package = ("chalicelib", *path.relative_to(PACKAGE).with_suffix("").parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            yield ".".join((*base, *filter(None, [node.module])))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_what_its_layer_may(path: Path) -> None:
    layer = layer_of(path)
    if layer == "__init__":
        return
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "chalicelib" and len(parts) > 1 and parts[1] != layer:
            assert parts[1] in MAY_IMPORT[layer], f"{layer} imports {name}"
        assert parts[0] not in MAY_NOT_IMPORT.get(layer, set()), f"{layer} imports {name}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "api").rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_dialect_never_imports_another(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[1]
    for name in imports(path):
        parts = name.split(".")
        if parts[:2] == ["chalicelib", "api"] and len(parts) > 2:
            assert parts[2] in {own, "common"}, f"{own} imports {name}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "cli").rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_the_command_line_needs_of_the_api_only_its_compilers(path: Path) -> None:
    """It speaks to the API from outside, and judges definitions as the API would."""
    for name in imports(path):
        if name.startswith("chalicelib.api"):
            assert name.endswith((".compile", ".document.postman")), f"cli imports {name}"

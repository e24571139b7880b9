"""Whatever texts and values definitions hold, files that an export writes leave a plan nothing to do."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.cli.definitions import yaml_text
from tests.api.world import World
from tests.cli.house import House, calls, graph, tasks

ODD = [
    "no",
    "1e3",
    "012",
    "0x10",
    "12:30:00",
    "2026-11-22",
    ".5",
    "~",
    "<<",
    "- a",
    "a: b",
    "\x85",
    "\u2028",
    "\ufeffx",
]
ODD += ["CON", "..", "a/b", "${x}", "{{ $input.a }}", "***", " a ", "a\r\nb", "\u202ea", "\\N"]

texts = st.sampled_from(ODD) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
names = texts.map(str.strip).filter(bool)
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    scalars | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(value=values)
def test_yaml_that_is_written_is_read_as_it_was(value: Any) -> None:
    assert yaml_text.read(yaml_text.write({"value": value}))[0] == {"value": value}


def celigo(name: str) -> dict[str, dict[str, Any]]:
    """A flow with all that it is made of, by key."""
    http = {"baseURI": "https://depot.example.org", "mediaType": "json"}
    read = {"method": "GET", "relativeURI": "/parcels"}
    send = {"method": ["POST"], "relativeURI": ["/in"]}
    steps = {
        "pageGenerators": [{"_exportId": "@read"}],
        "pageProcessors": [{"type": "import", "_importId": "@send"}],
    }
    return {
        "team": {"kind": "celigo-integration", "name": name},
        "depot": {"name": name, "type": "http", "http": http, "_integrationId": "@team"},
        "read": {"name": name, "_connectionId": "@depot", "adaptorType": "HTTPExport", "http": read},
        "send": {"name": name, "_connectionId": "@depot", "adaptorType": "HTTPImport", "http": send},
        "flow": {"name": name, "_integrationId": "@team", "disabled": True, **steps},
    }


@pytest.mark.parametrize("suffix", ["json", "yaml"])
@settings(max_examples=6, deadline=None)
@given(name=names, other=names, value=values)
def test_what_is_exported_leaves_nothing_to_do_whatever_its_kind(
    suffix: str, name: str, other: str, value: Any
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        house = House(World(), Path(directory))
        documents = {
            "parent": {**calls(name, "child"), "description": other, "status": "active"},
            "child": graph(other, {"id": "set", "type": "set", "config": {"values": {"any": value}}}),
            "valves": tasks("valves", any=value),
            **celigo(name),
        }
        for key, document in documents.items():
            house.write(f"defs/{key}.json", document)
        applied = house.json("apply", f"{directory}/defs", "--yes")
        out = f"{directory}/out"

        exported = house.json("export", out, "--namespace", "plant_1", "--format", suffix)
        steps = house.json("plan", out)["steps"]

        assert (len(applied["applied"]), len(exported)) == (len(documents), len(documents))
        assert {step["action"] for step in steps} == {"unchanged"}, steps

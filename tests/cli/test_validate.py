"""Checking files without a server: everything that is wrong, and where."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from chalicelib.cli.exits import Exit
from tests.cli.house import House, calls, graph, tasks

LAUGHS = "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in pairwise("abcdefghij"))
"""A billion values of a few aliases."""
EXAMPLES = Path(__file__).resolve().parents[2] / "docs/examples"


def found(house: House, *names: str) -> list[tuple[str, str]]:
    """Problems of the directory, or of those files, as pointers and messages."""
    paths = [str(house.directory / name) for name in names or ("defs",)]
    problems = house.json("validate", *paths, code=Exit.REFUSED)
    assert house.clients == []
    return [(problem["pointer"], problem["message"]) for problem in problems]


def pointers(house: House) -> list[str]:
    return [pointer for pointer, _ in found(house)]


def test_the_examples_of_the_documentation_are_fine(house: House) -> None:
    assert house.run("validate", str(EXAMPLES / "definitions"), str(EXAMPLES / "order.json")) == Exit.DONE
    assert house.out == ""
    assert "10 definitions, all fine" in house.err


def test_every_problem_of_a_graph_is_told_at_once(house: House) -> None:
    nodes: list[Any] = [
        {"id": "start", "type": "trigger"},
        {"id": "ask", "type": "http_request", "config": {}},
        {"id": "nameless"},
        {"id": "ask", "type": "noop"},
        {"id": "wait", "type": "wait", "config": {"seconds": True}},
        {"id": "say", "type": "transform", "config": {"values": {"a": "{{ $node.nobody.x }}", "b.c": "{{ 1 + }}"}}},
        {"id": "loop", "type": "loop", "config": {"while": "true", "body": {"nodes": [{"id": "in", "type": 5}]}}},
        {"id": "fine", "type": "noop"},
        {"type": "noop"},
    ]
    connections = [
        {"from": "start", "to": "ask"},
        {"from": "nobody", "to": "ask"},
        {"from": "start", "to": "fine", "condition": "1 +"},
        {"from": "wait", "to": "fine"},
        {"to": "fine"},
    ]
    house.write("defs/a.json", {"name": "x", "nodes": nodes, "connections": connections, "timeout_seconds": -1})

    told = pointers(house)

    assert sorted(told) == sorted(
        [
            "/nodes/1/config/url",
            "/nodes/2/type",
            "/nodes/3/id",
            "/nodes/4/config/seconds",
            "/nodes/5/config/values",
            "/nodes/6/config/body/nodes/0/type",
            "/nodes/8/id",
            "/connections/1/from",
            "/connections/2/condition",
            "/connections/4/from",
            "/timeout_seconds",
        ]
    )


def test_what_follows_from_another_problem_is_not_told(house: House) -> None:
    """The connection of the error output is refused, which is no fault of the node that needs it."""
    nodes = [{"id": "a", "type": "http_request", "on_error": "error", "config": {"url": "https://example.org"}}]
    connections = [{"from": "a", "to": "gone", "output": "error"}]
    house.write("defs/a.json", {"name": "x", "nodes": nodes, "connections": connections})

    assert pointers(house) == ["/connections/0/to"]


def test_a_circle_of_connections_does_not_hide_the_rest(house: House) -> None:
    nodes = [{"id": "a", "type": "noop"}, {"id": "b", "type": "noop"}, {"id": "c", "type": "http_request"}]
    connections = [{"from": "a", "to": "b"}, {"from": "b", "to": "a"}]
    house.write("defs/a.json", {"name": "x", "nodes": nodes, "connections": connections})

    assert sorted(pointers(house)) == [
        "/connections",
        "/nodes/2/config/url",
    ]


def test_every_problem_of_tasks_is_told_at_once(house: House) -> None:
    definition = tasks("x y", ok="${nobody.output.x}")
    definition["_taskDefs"] += [
        {"_name": "two", "_type": "NONE"},
        {"_name": "script", "_type": "SCRIPT_EXECUTION"},
        {"_name": "retried", "_type": "SCRIPT_EXECUTION", "_retryLogic": "NEVER"},
    ]
    del definition["_namespaces"]
    house.write("defs/a.json", definition)

    assert set(pointers(house)) >= {
        "/_name",
        "/_namespaces",
        "/_taskDefs/1/_type",
        "/_taskDefs/2/_name",
        "/_taskDefs/3/_retryLogic",
    }


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": 5}, "/name"),
        ({"description": 5}, "/description"),
        ({"status": "on"}, "/status"),
        ({"conections": []}, "/conections"),
        ({"key": ""}, "/key"),
        ({"id": 5}, "/id"),
        ({"kind": "x"}, "/kind"),
        ({"schedules": {}}, "/schedules"),
        ({"schedules": [5]}, "/schedules/0"),
        ({"schedules": [{"cron": "@daily"}]}, "/schedules/0/name"),
        ({"schedules": [{"name": "a"}]}, "/schedules/0"),
        ({"schedules": [{"name": "a", "cron": "@daily", "interval_seconds": 5}]}, "/schedules/0"),
        ({"schedules": [{"name": "a", "cron": "61 * * * *"}]}, "/schedules/0/cron"),
        ({"schedules": [{"name": "a", "cron": 5}]}, "/schedules/0/cron"),
        ({"schedules": [{"name": "a", "interval_seconds": 0}]}, "/schedules/0/interval_seconds"),
        ({"schedules": [{"name": "a", "interval_seconds": "60"}]}, "/schedules/0/interval_seconds"),
        ({"schedules": [{"name": "a", "cron": "@daily", "timezone": "Vienna"}]}, "/schedules/0/timezone"),
        ({"schedules": [{"name": "a", "cron": "@daily", "overlap": "x"}]}, "/schedules/0/overlap"),
        ({"schedules": [{"name": "a", "cron": "@daily", "enabled": 1}]}, "/schedules/0/enabled"),
        ({"schedules": [{"name": "a", "cron": "@daily", "evry": 1}]}, "/schedules/0/evry"),
        ({"schedules": [{"name": "a", "cron": "@daily"}] * 2}, "/schedules/1"),
        ({"subscriptions": [{"url": "example.org"}]}, "/subscriptions/0/url"),
        ({"subscriptions": [{"url": "https://example.org", "channel": 5}]}, "/subscriptions/0/channel"),
        ({"subscriptions": [{"url": "https://example.org", "event": "x"}]}, "/subscriptions/0/event"),
        ({"subscriptions": [{"url": "https://example.org"}] * 2}, "/subscriptions/1"),
    ],
    ids=str,
)
def test_a_member_that_is_wrong_is_pointed_to(house: House, members: dict[str, Any], pointer: str) -> None:
    house.write("defs/a.json", {**graph("fine"), **members})

    assert pointers(house) == [pointer]


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("a.json", "", ":1:1: "),
        ("a.json", "[]", ":1:1: "),
        ("a.json", '{"name": "x",\n "nodes": [}', ":2:12: "),
        ("a.json", '{"name": "x", "name": "y", "nodes": []}', ": "),
        ("a.json", '{"name": NaN, "nodes": []}', ": "),
        ("a.yaml", "", ":1:1: "),
        ("a.yaml", "name: x\nnodes: [\n", ":3:1: "),
        ("a.yaml", "name: x\nname: y\nnodes: []\n", ":2:1: "),
        ("a.yaml", "name: x\nnodes: []\nat: !odd {}\n", ":3:5: "),
        ("a.yaml", "name: x\nnodes: &n\n  - *n\n", ""),
        ("a.yaml", "a: &a [1,1,1,1,1,1,1,1,1]\n" + LAUGHS, ""),
        ("a.yaml", "name: x\nnodes: !!python/object:os.system []\n", ""),
        ("a.yaml", "name: x\nat: &at {b: 1}\nmore: {<<: *at}\n", ":3:8: merging (<<)"),
        ("a.yaml", "a: " + "{a: " * 3000 + "1" + "}" * 3000, ": nested more than"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_problem_with_its_place(house: House, name: str, text: str, place: str) -> None:
    path = house.write(f"defs/{name}", text)
    house.write("defs/other.json", graph("x"))

    assert house.run("validate", str(house.directory / "defs")) == Exit.REFUSED
    (line,) = house.out.splitlines()
    assert line.startswith(f"{path}{place}")
    assert "1 definition, 1 problem" in house.err


@pytest.mark.parametrize("name", ["a.json", "a.yaml"])
def test_a_byte_order_mark_is_no_part_of_a_file(house: House, name: str) -> None:
    path = house.write(f"defs/{name}", '\ufeff{"name": "x", "nodes": [], "connections": []}\r\n')

    assert house.run("validate", str(path)) == Exit.DONE, house.out


def test_lines_and_columns_are_those_of_the_member(house: House) -> None:
    json_path = house.write("defs/a.json", '{\n  "name": "x",\n  "nodes": [\n    {"id": "a", "type": 5}\n  ]\n}\n')
    yaml_path = house.write("defs/b.yaml", "name: y\nnodes:\n  - id: a\n    type: 5\n")

    assert house.run("validate", str(house.directory / "defs")) == Exit.REFUSED
    assert [line.split(": ")[:2] for line in house.out.splitlines()] == [
        [f"{json_path}:4:25", "/nodes/0/type"],
        [f"{yaml_path}:4:11", "/nodes/0/type"],
    ]


def test_references_have_to_lead_somewhere_and_not_in_a_circle(house: House) -> None:
    house.write("defs/a.json", calls("A", "b"))
    house.write("defs/b.json", calls("B", "c"))
    house.write("defs/c.json", calls("C", "a"))
    house.write("defs/self.json", calls("S", "self"))
    house.write("defs/x.json", calls("X", "nobody"))

    assert [message for _, message in found(house)] == [
        "the files refer to one another in a circle: a → b → c → a",
        "the files refer to one another in a circle: self → self",
        "there is no file with the key 'nobody'",
    ]


def test_a_reference_inside_a_body_counts(house: House) -> None:
    inner = {"id": "c", "type": "sub_workflow", "config": {"workflow_id": "@nobody"}}
    body = {"nodes": [inner], "connections": []}
    house.write("defs/a.json", graph("A", {"id": "m", "type": "map", "config": {"items": [1], "body": body}}))

    assert pointers(house) == ["/nodes/1/config/body/nodes/0/config/workflow_id"]


def test_two_files_may_not_have_one_key(house: House) -> None:
    house.write("defs/a.json", graph("A"))
    house.write("defs/b.json", graph("B", key="a"))

    assert pointers(house) == ["/key"]


def test_a_document_of_no_known_kind_is_a_problem(house: House) -> None:
    house.write("defs/a.json", {"name": "x"})

    ((pointer, message),) = found(house)
    assert (pointer, "exeoflow" in message, "twinit" in message) == ("", True, True)


def test_hidden_files_the_lock_and_others_are_not_looked_at(house: House) -> None:
    for name in (".a.json", ".git/a.json", "node_modules/a.json", "penstock.lock.json", "README.md"):
        house.write(f"defs/{name}", "{")
    house.write("defs/a.yml", "name: x\nnodes: []\n")

    assert house.run("validate", str(house.directory / "defs")) == Exit.DONE
    assert "1 definition, all fine" in house.err


def test_yaml_says_what_json_would_say(house: House) -> None:
    from chalicelib.cli.definitions import yaml_text

    lines = [
        "on: yes",
        "at: 2026-11-22",
        "n: 012",
        "f: 1.5",
        "i: -7",
        "t: true",
        "z: ~",
        "s: '5'",
        "200: ok",
        "h: 0x1f",
    ]
    value, _ = yaml_text.read("\n".join(lines))

    assert value == {
        "on": "yes",
        "at": "2026-11-22",
        "n": "012",
        "f": 1.5,
        "i": -7,
        "t": True,
        "z": None,
        "s": "5",
        "200": "ok",
        "h": "0x1f",
    }
    assert yaml_text.read(yaml_text.write(value))[0] == value


def test_without_pyyaml_a_yaml_file_is_refused_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: x\nnodes: []\n")
    program = (
        "import sys; sys.modules['yaml'] = None; from chalicelib.cli.shell import main; "
        f"sys.exit(main(['validate', {str(tmp_path)!r}]))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (Exit.REFUSED, "")
    assert done.stderr == "penstock: YAML files need PyYAML: pip install pyyaml, or write JSON\n"

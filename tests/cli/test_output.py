"""What is shown to people and to programs."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest

from chalicelib.cli.arguments import AREAS, parser, parser_for
from chalicelib.cli.exits import Exit
from chalicelib.cli.output import Output, clean, width_of
from chalicelib.cli.progress import Progress
from tests.cli.house import House

MOST_MODULES = 150
"""That a command loads which asks no server. Each of them is waited for at every start."""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_columns_stand_below_one_another_whatever_they_hold() -> None:
    out = io.StringIO()
    Output(out, io.StringIO()).table(None, ("ID", "NAME"), [("a", "日本"), ("bcd", None), ("é", "x\ny")])

    assert out.getvalue().splitlines() == ["ID   NAME", "a    日本", "bcd  -", "é    x y"]
    assert width_of("日本") == 4
    assert width_of("e\u0301") == 1


def test_what_others_wrote_cannot_command_a_terminal() -> None:
    assert clean("a\x1b[2Jb\x07\u202ec\x9b") == "a\\x1b[2Jb\\x07\\x202ec\\x9b"
    assert clean("Größe 日本 ✓") == "Größe 日本 ✓"
    out = io.StringIO()
    Output(out, io.StringIO(), color=True).record({}, {"name": "\x1b[31mred", "state": "failed"})
    assert "\x1b[31mred" not in out.getvalue()
    assert "\x1b[31mfailed\x1b[0m" in out.getvalue()


def test_quiet_says_results_and_errors_only(house: House) -> None:
    assert house.run("--quiet", "workflows", "list") == Exit.DONE
    assert (house.out, house.err) == ("", "")
    assert house.run("workflows", "list", "--quiet") == Exit.DONE
    assert house.run("workflows", "list") == Exit.DONE
    assert (house.out, house.err) == ("", "none\n")
    assert house.json("workflows", "list") == []


def test_a_terminal_sees_one_line_that_is_drawn_again() -> None:
    terminal = Terminal()
    with Progress(terminal) as progress:
        progress.now("one")
        progress.now("x" * 500)
        progress.happened("stays")
        progress.now("last")

    text = terminal.getvalue()
    assert "stays\n" in text
    assert text.endswith("\r\x1b[K")
    assert max(len(line) for line in text.replace("\r\x1b[K", "\n").splitlines()) < 200


def test_elsewhere_only_lines_that_stay_are_written() -> None:
    pipe = io.StringIO()
    with Progress(pipe) as progress:
        progress.now("one")
        progress.happened("stays")

    assert pipe.getvalue() == "stays\n"
    with Progress(Terminal(), quiet=True) as progress:
        progress.happened("no")


@pytest.mark.parametrize("color", [True, False])
def test_colors_are_for_terminals_that_want_them(color: bool) -> None:
    out = io.StringIO()
    Output(out, io.StringIO(), color=color).table(None, ("S",), [("failed",)])

    assert ("\x1b[" in out.getvalue()) == color


def test_every_area_has_commands_with_help() -> None:
    made = parser()

    for name in AREAS:
        with pytest.raises(SystemExit) as ended:
            made.parse_args([name, "--help"])
        assert ended.value.code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["runs"],
        ["runs", "show"],
        ["runs", "list", "--limit", "0"],
        ["runs", "list", "--lim", "5"],
        ["schedules", "create", "wf_1"],
        ["schedules", "create", "wf_1", "--cron", "x", "--every", "5"],
        ["workflows", "run", "wf_1", "--timeout", "-1"],
        ["completion", "fish"],
    ],
    ids=" ".join,
)
def test_what_is_not_understood_is_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser_for(arguments).parse_args(arguments)

    assert ended.value.code == Exit.USAGE
    assert capsys.readouterr().out == ""


def modules_of(*arguments: str) -> set[str]:
    program = (
        "import sys, json, io\nfrom chalicelib.cli.shell import run\n"
        f"run({list(arguments)!r}, io.StringIO(), io.StringIO(), io.StringIO(), {{'HOME': '/nowhere'}})\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_a_start_loads_little() -> None:
    loaded = modules_of("version")

    assert len(loaded) <= MOST_MODULES
    assert not loaded & {"http.client", "ssl", "email", "yaml", "asyncio", "chalicelib.cli.definitions", "urllib3"}


def test_no_command_loads_what_only_a_server_needs() -> None:
    loaded = modules_of("validate", "/nowhere")

    foreign = ("botocore", "pynamodb", "chalice", "chalicelib.services", "chalicelib.store", "chalicelib.bootstrap")
    assert not [name for name in loaded if name.startswith(tuple(f"{each}." for each in foreign)) or name in foreign]


def test_the_completion_of_bash_completes(house: House) -> None:
    assert house.run("completion", "bash") == Exit.DONE
    script = house.out

    def completed(*words: str) -> list[str]:
        listed = " ".join(f"'{word}'" for word in ("penstock", *words))
        ask = f"COMP_WORDS=({listed}); COMP_CWORD={len(words)}; _penstock; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        done = subprocess.run(["bash", "-c", f"{script}\n{ask}"], capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert completed("work") == ["workflows"]
    assert sorted(completed("runs", "re")) == ["resume", "retry"]
    assert "--cron" in completed("schedules", "create", "--")
    assert "--wait" in completed("--json", "workflows", "run", "wf_1", "--w")
    assert completed("completion", "z") == ["zsh"]
    assert house.run("completion", "zsh") == Exit.DONE
    assert "bashcompinit" in house.out


def test_the_api_becomes_a_collection_with_this_installations_address(house: House) -> None:
    out = house.directory / "collection.json"

    assert house.run("postman", str(out)) == Exit.DONE

    made = json.loads(out.read_text(encoding="utf-8"))
    assert {each["key"]: each["value"] for each in made["variable"]}["baseUrl"] == "http://api.test"
    assert any("API keys" in folder["name"] for folder in made["item"])

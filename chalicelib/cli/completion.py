"""`completion`: a script for bash or zsh that completes commands and options, made from the parser itself."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from chalicelib.cli.arguments import Parser, parser
from chalicelib.cli.session import Session

_SCRIPT = """\
_penstock() {{
    local path="" word
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "$path $word" in
{steps}
        esac
    done
    local words=""
    case "$path" in
{words}
    esac
    COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
    [ ${{#COMPREPLY[@]}} -gt 0 ] || COMPREPLY=($(compgen -f -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -F _penstock penstock
"""
_ZSH = "autoload -U +X bashcompinit && bashcompinit\n"


def add(_: str, made: Parser) -> None:
    made.add_argument("shell", choices=("bash", "zsh"))
    made.leaf(completion)


def completion(session: Session) -> None:
    """To be evaluated by the shell, as in `eval "$(penstock completion bash)"`."""
    below = [*_below(parser(), "")]
    steps = "\n".join(
        f'            "{path} {name}") path="{path} {name}" ;;' for path, names, _ in below for name in names
    )
    words = "\n".join(f'        "{path}") words="{" ".join((*names, *options))}" ;;' for path, names, options in below)
    script = _SCRIPT.format(steps=steps, words=words)
    session.out.text((_ZSH if session.asked.shell == "zsh" else "") + script.rstrip("\n"))


def _below(made: argparse.ArgumentParser, path: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """Each place in the tree of commands with what may come next: commands, options."""
    options = [option for action in made._actions for option in action.option_strings if option.startswith("--")]
    groups = [action.choices for action in made._actions if isinstance(action, argparse._SubParsersAction)]
    commands = {name: inner for group in groups for name, inner in group.items()}
    choices = [str(choice) for action in made._actions if not action.option_strings for choice in action.choices or ()]
    yield path, [*commands], [*options, *(choice for choice in choices if choice not in commands)]
    for name, inner in commands.items():
        yield from _below(inner, f"{path} {name}")

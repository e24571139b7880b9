"""From the arguments to an exit code. Whatever goes wrong is one line on stderr; a traceback is a bug."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from chalicelib.cli.arguments import parser_for
from chalicelib.cli.exits import CommandError, Exit
from chalicelib.cli.output import Output, clean
from chalicelib.cli.session import Session
from chalicelib.domain.errors import PenstockError


def main(arguments: Sequence[str] | None = None) -> int:
    """The program: what `run` does, on the process's own streams, which a reader may close at any time."""
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal that cannot show a letter gets its number.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = run(sys.argv[1:] if arguments is None else arguments, sys.stdin, sys.stdout, sys.stderr, os.environ)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # What is left in the buffer would raise once more when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.BROKEN_PIPE


def _open_what_is_closed() -> None:
    """A parent may have closed a stream (`>&-`); the interpreter then has None in its place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115


def run(
    arguments: Sequence[str],
    stdin: TextIO,
    stdout: TextIO,
    stderr: TextIO,
    environ: Mapping[str, str],
    session_type: type[Session] = Session,
) -> int:
    # argparse itself ends the process for wrong usage, with 2.
    asked = parser_for(arguments).parse_args(arguments)
    has_color = stdout.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    out = Output(stdout, stderr, json=asked.json, quiet=asked.quiet, color=has_color)
    session = session_type(asked, out, stdin, stderr, environ)
    try:
        with session:
            return int(asked.run(session) or Exit.DONE)
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        out.note("interrupted")
        return Exit.INTERRUPTED
    except PenstockError as error:
        stderr.write(f"penstock: {_one_line(str(error))}\n")
        return error.exit if isinstance(error, CommandError) else Exit.REFUSED
    except OSError as error:
        stderr.write(f"penstock: {_one_line(str(error))}\n")
        return Exit.REFUSED


def _one_line(text: str) -> str:
    return clean(" ".join(text.split()))

"""Waiting for a run, with what happens in it on stderr. Whoever stops waiting leaves the run as it is."""

from __future__ import annotations

from typing import Any

from chalicelib.cli.exits import Exit
from chalicelib.cli.progress import Progress
from chalicelib.cli.session import Session
from chalicelib.cli.watching import PatienceLostError, Watcher, standing, words


def wait_for(session: Session, run_id: str, timeout_seconds: float | None) -> tuple[Exit, Any]:
    """The exit code, and the run as it was seen last."""
    watcher = Watcher(session.client, run_id, session.sleep, session.clock, timeout_seconds)
    try:
        with Progress(session.err, quiet=session.out.quiet) as progress:
            for happening in watcher.happenings(with_logs=False):
                if happening.kind == "step":
                    progress.happened(words(happening))
                if happening.kind != "end":
                    progress.now(standing(watcher.execution))
    except PatienceLostError:
        session.out.note(f"{run_id} goes on; it was waited for {timeout_seconds:g} s. See: penstock tail {run_id}")
        return Exit.TIMED_OUT, watcher.execution
    except KeyboardInterrupt:
        session.out.note(f"{run_id} goes on. See: penstock tail {run_id}")
        return Exit.INTERRUPTED, None
    return watcher.exit, watcher.execution

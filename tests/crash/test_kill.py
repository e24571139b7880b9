"""The application, killed for real."""

from __future__ import annotations

from pathlib import Path

from tests.crash.kill import kill_again_and_again


def test_no_accepted_run_is_lost_when_the_application_is_killed(tmp_path: Path) -> None:
    # Not as soon as it stands again: while it looks for what was left behind, a death costs a minute's patience.
    report = kill_again_and_again(3, tmp_path, seed=1, seconds=(0.8, 1.5))

    assert report.accepted > 0
    assert report.lost == ()
    assert report.wrong == ()

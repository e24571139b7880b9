"""What tests of the command line start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.world import World
from tests.cli.house import House


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(World(), tmp_path)

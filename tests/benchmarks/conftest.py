"""The suites of a checkout, importable as ``flowstitch bench`` has them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flowstitch.cli.main import commands

sys.path.insert(0, str(Path(__file__).parents[2]))


@pytest.fixture
def bench() -> Callable[..., Result]:
    """Calls ``flowstitch bench`` in this process."""

    def invoke(*arguments: object) -> Result:
        return CliRunner().invoke(commands, ["bench", *map(str, arguments)])

    return invoke

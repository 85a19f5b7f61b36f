"""What holds for every test: UTC, and properties that may take the time that compiling a kernel takes."""

from __future__ import annotations

import os
import time

# what is read as local time must not depend on where the tests run
os.environ["TZ"] = "UTC"
time.tzset()

from pathlib import Path  # noqa: E402

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

settings.register_profile(
    "flowstitch", deadline=None, derandomize=bool(os.environ.get("CI")), print_blob=True
)
settings.load_profile("flowstitch")


@pytest.fixture(scope="session")
def capture() -> Path:
    """The real capture of the repository: exports of three nodes with IPVS."""
    return Path(__file__).parents[1] / "data" / "ipvs" / "export"


@pytest.fixture(scope="session")
def result(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The result of the capture."""
    import flowstitch

    out = tmp_path_factory.mktemp("results") / "ipvs"
    flowstitch.run(capture, out=out)
    return out

"""Sizes as they are written, and how much memory there is."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from flowstitch.errors import UsageError
from flowstitch.ingest import memory
from flowstitch.ingest.memory import LEAST_BYTES, default_memory, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GiB", 4 << 30), ("4 gib", 4 << 30), ("4G", 4 << 30), ("4gi", 4 << 30), ("4GB", 4_000_000_000), ("1.5GiB", 3 << 29),
        ("512M", 512 << 20), ("512MB", 512_000_000), ("2TiB", 2 << 40), ("99999K", 99999 << 10), (" 67108864 ", 1 << 26),
        ("67108864B", 1 << 26),
    ],
)  # fmt: skip
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text, "--memory") == size


@pytest.mark.parametrize(
    "text", ["", "GiB", "4 apples", "-4GiB", "4,5GiB", "4GiBs", "1e9", "9" * 400, "0x10", "nan", "4G B"]
)
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match=r"--memory: got .*, expected a size like 4GiB or 512MB\."):
        parse_size(text, "--memory")


@pytest.mark.parametrize("text", ["0", "63MiB", "1", "64MB"])
def test_too_little(text: str) -> None:
    with pytest.raises(UsageError, match="expected at least 64MiB"):
        parse_size(text, "--memory")


def test_half_of_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "_CGROUP_LIMIT", limit)
    machine = default_memory()
    assert machine >= LEAST_BYTES
    limit.write_text("max\n")
    assert default_memory() == machine
    limit.write_text(f"{machine}\n")
    assert default_memory() == machine // 2
    limit.write_text(f"{machine * 8}\n")
    assert default_memory() == machine


def test_freed_memory_is_kept_where_the_c_library_can_be_told() -> None:
    code = """
import resource, numpy, platform
from flowstitch.ingest.memory import keep_freed_memory
kept = keep_freed_memory()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    numpy.ones(1 << 23, numpy.uint8)
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    kept, faults = done.stdout.split()
    assert kept == str(platform.libc_ver()[0] == "glibc")
    # a fresh block has 2048 pages
    assert kept == "False" or int(faults) < 10 * 2048


def test_freed_memory_is_given_back_where_much_is_held() -> None:
    code = """
import numpy
from flowstitch.ingest import memory
memory.keep_freed_memory()
held = lambda: int(memory._OWN_PAGES.read_text().split()[1])
blocks = [numpy.ones(1 << 20, numpy.uint8) for _ in range(64)]
# what is behind them keeps them from being the end of the heap, which is given back by itself
behind = numpy.ones(1 << 20, numpy.uint8)
del blocks
before = held()
given = memory.give_back_freed_memory(1 << 40), memory.give_back_freed_memory(1)
print(*given, not given[1] or before - held() > (32 << 20) // 4096)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    glibc = str(platform.libc_ver()[0] == "glibc")
    assert done.stdout.split() == ["False", glibc, "True"]

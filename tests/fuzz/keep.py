"""The smallest inputs that together reach all that a corpus reaches, kept for the replay."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fuzz.seeds import seeds
from fuzz.targets import check

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, FrameType

    # Module, line, next line, how often: 1, 2, up to 4, 8, ...
    Step = tuple[str, int, int, int]

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
MOST_FILES, MOST_BYTES = 150, 200_000


def keep(target: str, corpora: Sequence[Path]) -> None:
    """Replace ``corpus/<target>`` by the smallest inputs of it and of ``corpora`` that add to what the seeds reach."""
    home = TESTS / "fuzz" / "corpus" / target
    known = {path.read_bytes() for folder in (home, *corpora) if folder.is_dir() for path in folder.iterdir()}
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "file"
        # what happens once, however the rest goes
        for _ in range(2):
            check(target, b"", file)
        reached: set[Step] = set()
        for seed in seeds(target):
            reached |= steps(target, seed, file)
        kept = []
        for data in sorted(known, key=lambda data: (len(data), data)):
            found = steps(target, data, file)
            if found - reached and len(kept) < MOST_FILES and sum(map(len, kept)) + len(data) <= MOST_BYTES:
                reached |= found
                kept.append(data)
    home.mkdir(parents=True, exist_ok=True)
    for path in home.iterdir():
        path.unlink()
    for data in kept:
        (home / hashlib.sha256(data).hexdigest()[:12]).write_bytes(data)
    kept_of = f"kept {len(kept)} of {len(known)} inputs, {sum(map(len, kept))} bytes"
    sys.stdout.write(f"{target}: {kept_of}; {_coverage(reached)}\n")


def steps(target: str, data: bytes, file: Path) -> set[Step]:
    """What an input runs through in our code."""
    counts: Counter[tuple[str, int, int]] = Counter()

    def enter(frame: FrameType, event: str, _: Any) -> Any:
        name = frame.f_code.co_filename
        if not _is_ours(name):
            return None
        last = frame.f_lineno

        def step(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal last
            if event == "line":
                counts[name, last, frame.f_lineno] += 1
                last = frame.f_lineno
            return step

        return step

    sys.settrace(enter)
    try:
        check(target, data, file)
    finally:
        sys.settrace(None)
    return {(*step, (count - 1).bit_length()) for step, count in counts.items()}


def _is_ours(name: str) -> bool:
    path = Path(name)
    inside = path.is_relative_to(ROOT / "pipeline") and path.parent.name != "kernels"
    return inside or (path.parent == TESTS and path.name.startswith("naive_"))


def _coverage(reached: set[Step]) -> str:
    """How many of the lines of the functions that are entered at all are reached."""
    lines = defaultdict(set)
    for name, _, line, _ in reached:
        lines[name].add(line)
    seen = total = 0
    for name, numbers in lines.items():
        for body in _bodies(compile(Path(name).read_text(), name, "exec")):
            if body & numbers:
                seen += len(body & numbers)
                total += len(body)
    return f"{len(reached)} steps, {seen} of {total} lines of the functions they enter"


def _bodies(code: CodeType) -> list[set[int]]:
    """Lines of every function in a module."""
    inner = [part for part in code.co_consts if hasattr(part, "co_lines")]
    found = [body for part in inner for body in _bodies(part)]
    if code.co_flags & 2:  # a function of its own names, no class or module
        found.append({line for _, _, line in code.co_lines() if line} - {code.co_firstlineno})
    return found

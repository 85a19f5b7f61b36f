"""Fuzz one parser: ``python tests/fuzz TARGET [--seconds N] [--corpus DIR]``; ``--keep`` takes over what is worth keeping."""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

os.environ["POLARS_MAX_THREADS"] = "1"
# a kernel that reads or writes beside an array fails
os.environ["FLOWSTITCH_BOUNDSCHECK"] = "1"
TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
sys.path[:0] = [str(TESTS), str(ROOT / "pipeline")]
KERNELS = [f"flowstitch.kernels.{path.stem}" for path in (ROOT / "pipeline/flowstitch/kernels").glob("*.py")]
OURS = ["flowstitch", "naive_access", "naive_logs", "naive_save", "naive_text", "naive_wrapped", "naive_xml"]
# By the clock, which goes on where the machine is not ours; what takes long by processor time is found by ``check``.
HANG_S = 900
# Words that libFuzzer puts into inputs.
WORDS = 300


def main() -> None:
    arguments = _arguments()
    work = arguments.corpus or ROOT / ".fuzz" / arguments.target
    if arguments.keep:
        from fuzz.keep import keep

        keep(arguments.target, [work])
    else:
        fuzz(arguments.target, arguments.seconds, work)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python tests/fuzz", description="Fuzz one parser.")
    parser.add_argument("target", help="a name of targets.TARGETS")
    parser.add_argument("--seconds", type=int, default=60, help="processor time; 0 replays the corpus once")
    parser.add_argument("--corpus", type=Path, help="inputs found so far, and finds; .fuzz/TARGET without")
    parser.add_argument("--keep", action="store_true", help="reduce them into tests/fuzz/corpus")
    return parser.parse_args()


def fuzz(target: str, seconds: int, work: Path) -> None:
    """Run libFuzzer; an input for which the target does not hold is left as ``find-…`` beside the corpus."""
    import atheris

    # kernels are compiled from their bytecode, which must stay as it is
    with atheris.instrument_imports(include=OURS, exclude=["flowstitch.kernels", *KERNELS]):
        from fuzz.seeds import MOST_BYTES, seeds
        from fuzz.targets import TARGETS
    if target not in TARGETS:
        sys.exit(f"there is no target {target!r}; known are: {', '.join(TARGETS)}.")
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        file, first, words = (Path(scratch) / name for name in ("file", "seeds", "words"))
        first.mkdir()
        known = seeds(target)
        for number, seed in enumerate(known):
            (first / str(number)).write_bytes(seed)
        words.write_text(_dictionary(known))
        TARGETS[target](b"", file)
        options = {
            "runs": -1 if seconds else 0, "interrupted_exitcode": 0, "max_len": MOST_BYTES, "timeout": HANG_S,
            "rss_limit_mb": 6000, "dict": words, "artifact_prefix": f"{work}-", "print_final_stats": 1,
        }  # fmt: skip
        corpora = [work, TESTS / "fuzz" / "corpus" / target, first]
        command = [sys.argv[0], *(f"-{name}={value}" for name, value in options.items())]
        atheris.Setup(
            [*command, *(str(path) for path in corpora if path.is_dir())],
            _Run(target, file, work, seconds),
        )
        atheris.Fuzz()


class _Run:
    """What libFuzzer calls with each input; ends the process when its time is over."""

    def __init__(self, target: str, file: Path, work: Path, seconds: int) -> None:
        self._target, self._file, self._work = target, file, work
        self._seconds, self._began, self._count = seconds, time.process_time(), 0

    def __call__(self, data: bytes) -> None:
        from fuzz.targets import check

        took = time.process_time() - self._began
        if 0 < self._seconds < took:
            sys.stderr.write(f"{self._target}: {self._count} inputs in {took:.0f} s of processor time\n")
            # not SIGINT, whose handler Polars replaces: where a shell has it ignored it then ends nothing
            os.kill(os.getpid(), signal.SIGUSR1)
        self._count += 1
        try:
            check(self._target, data, self._file)
        except BaseException:
            name = f"{self._target}-find-{hashlib.sha256(data).hexdigest()[:12]}"
            self._work.with_name(name).write_bytes(data)
            raise


def _dictionary(known: list[bytes]) -> str:
    words = Counter(word for seed in known for word in re.findall(rb"[\w.:/<>=\[\]-]{2,20}", seed))
    escaped = ("".join(f"\\x{byte:02x}" for byte in word) for word, _ in words.most_common(WORDS))
    return "".join(f'"{word}"\n' for word in escaped)


if __name__ == "__main__":
    main()

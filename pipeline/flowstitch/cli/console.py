"""What is said on stderr: failures, warnings and progress."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flowstitch.texts import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowstitch.cli.bar import Bar

    Command = TypeVar("Command", bound=Callable[..., Any])

LOG_FORMS = ("text", "json")
# A bar moves all the time; in a log such lines would bury the rest.
_TELL_EVERY_S = 5.0


def say(sentence: str) -> None:
    """Say a sentence on stderr; one that has lines keeps them."""
    lines = "\n".join(printable(line) for line in sentence.split("\n"))
    _write(f"flowstitch: {lines}")


def _write(line: str) -> None:
    # whoever read stderr may be gone, or it is full; that is no reason to stop working
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - stderr is the log


class Progress:
    """Tells how far a run is, a ``Listener``: a bar on a terminal, else log lines, as text or JSON.

    Parameters
    ----------
    log : one of ``LOG_FORMS``. quiet : say nothing.
    """

    def __init__(self, log: str = "text", *, quiet: bool = False) -> None:
        self._json = log == "json"
        self._quiet = quiet
        self._bar: Bar | None = None
        self._lock = Lock()
        self._total = self._done = 0
        self._told_at = 0.0

    def stage(self, name: str) -> None:
        """A stage of the work begins."""
        if self._bar is not None:
            self._bar.name(printable(name))
        else:
            self._log("info", name, stage=name)

    def sources(self, files: int, size_bytes: int) -> None:
        """So many files are going to be read, of so many bytes as stored."""
        self._total, self._done, self._told_at = size_bytes, 0, time.monotonic()
        if self._bar is not None:
            self._bar.name(f"reading {files} file{'' if files == 1 else 's'}", size_bytes)

    def read(self, size_bytes: int) -> None:
        """So many more bytes of them are done; several threads may say so at once."""
        if self._bar is not None:
            self._bar.advance(size_bytes)
            return
        with self._lock:
            self._done += size_bytes
            if time.monotonic() - self._told_at > _TELL_EVERY_S:
                self._told_at = time.monotonic()
                words = f"reading, {self._done / max(1, self._total):.0%} of {self._total} bytes"
                self._log("info", words, stage="reading", read_bytes=self._done, total_bytes=self._total)

    def warn(self, sentence: str) -> None:
        """Something the user should know of the export."""
        self._log("warning", sentence, warning=sentence)

    @contextmanager
    def shown(self) -> Iterator[Progress]:
        """Show a bar for the length of the block when stderr is a terminal and nobody asked for JSON."""
        if self._quiet or self._json or not sys.stderr.isatty():
            yield self
            return
        from flowstitch.cli.bar import Bar  # noqa: PLC0415 - only a terminal needs it

        with Bar() as self._bar:
            yield self
        self._bar = None

    def _log(self, level: str, words: str, **facts: str | int) -> None:
        if self._quiet:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if self._json:
            _write(json.dumps({"time": now, "level": level, **facts}))
        elif sys.stderr.isatty():
            _write(f"{level}: {printable(words)}")
        else:
            _write(f"{now} {level} {printable(words)}")


def log_options(command: Command) -> Command:
    """Options ``--log`` and ``--quiet`` of a command that works for longer."""
    command = click.option(
        "--log",
        type=click.Choice(LOG_FORMS),
        default=LOG_FORMS[0],
        show_default=True,
        help="How progress is logged on stderr.",
    )(command)
    return click.option(
        "-q",
        "--quiet",
        is_flag=True,
        help="No progress and no warnings on stderr; the manifest in DIR has them.",
    )(command)

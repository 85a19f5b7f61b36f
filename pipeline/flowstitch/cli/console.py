"""What is said on stderr: failures, warnings and progress; and text that is safe to show."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.status import Status

    Command = TypeVar("Command", bound=Callable[..., Any])

LOG_FORMS = ("text", "json")
READING = "reading "
# On a terminal the line is written over; in a log one line per file would bury the rest.
_FILE_EVERY_S = 5.0


def printable(text: str) -> str:
    r"""Text with everything escaped that a terminal could take for a command, line ends too (``\x1b``, ``\u202e``)."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode("ascii")
        for char in text
    )


def say(sentence: str) -> None:
    """Say a sentence on stderr; one that has lines keeps them."""
    lines = "\n".join(printable(line) for line in sentence.split("\n"))
    _write(f"flowstitch: {lines}")


def _write(line: str) -> None:
    # whoever read stderr may be gone; that is no reason to stop working
    with suppress(BrokenPipeError):
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - stderr is the log


class Progress:
    """Tells how far a run is: a spinner on a terminal, else log lines, as text or JSON.

    Parameters
    ----------
    log : one of ``LOG_FORMS``. quiet : say nothing.
    """

    def __init__(self, log: str = "text", *, quiet: bool = False) -> None:
        self._json = log == "json"
        self._quiet = quiet
        self._status: Status | None = None
        self._last_file = 0.0

    def stage(self, name: str) -> None:
        """A stage of the work begins, or a file (``reading <file>``) is read."""
        if self._quiet:
            return
        if self._status is not None:
            self._status.update(_spoken(name))
        elif not name.startswith(READING) or time.monotonic() - self._last_file > _FILE_EVERY_S:
            self._last_file = time.monotonic()
            self._log("info", "stage", name)

    def warn(self, sentence: str) -> None:
        """Something the user should know of the export."""
        if not self._quiet:
            self._log("warning", "warning", sentence)

    @contextmanager
    def shown(self) -> Iterator[Progress]:
        """Show a spinner for the length of the block when stderr is a terminal and nobody asked for JSON."""
        if self._quiet or self._json or not sys.stderr.isatty():
            yield self
            return
        from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
        from rich.status import Status  # noqa: PLC0415

        with Status(_spoken("starting"), console=Console(stderr=True)) as self._status:
            yield self
        self._status = None

    def _log(self, level: str, key: str, text: str) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if self._json:
            _write(json.dumps({"time": now, "level": level, key: text}))
        elif sys.stderr.isatty():
            _write(f"{level}: {printable(text)}")
        else:
            _write(f"{now} {level} {printable(text)}")


def _spoken(name: str) -> Any:
    from rich.text import Text  # noqa: PLC0415

    return Text(printable(name), overflow="ellipsis", no_wrap=True)


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

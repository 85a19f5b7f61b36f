"""The group of commands: each is loaded when it is called, every failure is one sentence and an exit code."""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
import traceback
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

import click
from click.exceptions import Abort, Exit, NoArgsIsHelpError

from flowstitch.cli.console import say
from flowstitch.errors import FlowstitchError, unknown_name
from flowstitch.ingest.memory import keep_freed_memory

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from _typeshed import ReadableBuffer

COMMANDS = {
    "demo": "flowstitch.cli.demo",
    "collect": "flowstitch.cli.collect",
    "inspect": "flowstitch.cli.inspect",
    "run": "flowstitch.cli.run",
    "convert": "flowstitch.cli.convert",
    "ask": "flowstitch.cli.ask",
    "explain": "flowstitch.cli.explain",
    "report": "flowstitch.cli.report",
    "sql": "flowstitch.cli.sql",
    "export-db": "flowstitch.cli.export_db",
    "schema": "flowstitch.cli.schema",
    "generate": "flowstitch.cli.generate",
    "bench": "flowstitch.cli.bench",
}
NAME = "flowstitch"
WRONG_USE, FAILED, INTERRUPTED, BROKEN_PIPE, TERMINATED = 2, 3, 130, 141, 143
DEBUG = "FLOWSTITCH_DEBUG"
# How many come to be, and do not end, before the interpreter looks for cycles among them.
_NEW_OBJECTS = 50_000


class Commands(click.Group):
    """A group that imports a command when it is called and ends with the exit codes of flowstitch."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Command of that name, None when there is none."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it; a misspelt command is answered with the nearest one."""
        if not ctx.resilient_parsing and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise unknown_name("command", args[0], COMMANDS)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; who reads the answer may leave before its end."""
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError as error:
            raise Exit(BROKEN_PIPE) from error
        return code

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        """Run the command line and exit."""
        extra["standalone_mode"] = False
        try:
            code = super().main(args, prog_name or NAME, **extra) or 0
        except Exception as error:  # noqa: BLE001 - the last stop of every failure
            code = _failed(error)
        except KeyboardInterrupt:
            code = _failed(Abort())
        sys.exit(code)


def _failed(error: BaseException) -> int:
    """Say what went wrong; returns the exit code."""
    if os.environ.get(DEBUG) == "1" and not isinstance(error, Abort):
        traceback.print_exception(error)
    if isinstance(error, NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return WRONG_USE
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        path = context.command_path if context else NAME
        sentence = error.format_message().rstrip(".")
        say(f"{sentence[:1].lower()}{sentence[1:]}; see {path} --help.")
        return WRONG_USE
    if isinstance(error, FlowstitchError):
        say(str(error))
        return error.exit_code
    if isinstance(error, Abort):
        say("interrupted.")
        return INTERRUPTED
    hint = "" if os.environ.get(DEBUG) == "1" else f"; {DEBUG}=1 shows where"
    say(f"failed unexpectedly with {type(error).__name__}: {error}{hint}.")
    return FAILED


@click.group(
    NAME,
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  flowstitch demo                         the whole pipeline on a real capture
  flowstitch run export/ --out result/    reconstruct an export of your own
  flowstitch ask result/ return-eni       which returns land on the primary ENI?

\b
Completion of commands, options and names, in the shell's start-up file:
  bash   eval "$(_FLOWSTITCH_COMPLETE=bash_source flowstitch)"
  zsh    eval "$(_FLOWSTITCH_COMPLETE=zsh_source flowstitch)"
  fish   _FLOWSTITCH_COMPLETE=fish_source flowstitch | source

\b
Exit codes: 0 done; 1 done, but the export was not whole; 2 wrong use; 3 failed.
FLOWSTITCH_DEBUG=1 shows where a failure comes from.
""",
)
@click.version_option(package_name="flowstitch", prog_name=NAME, message="%(prog)s %(version)s")
def commands() -> None:
    """Stitch conntrack dumps and VPC flow logs into datapaths, offline."""


class _NoPandas:
    """Finds no pandas where it is installed: Arrow imports it to know its objects by, which takes a tenth of a short run, and only benchmarks have any."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:  # noqa: ARG004 - as the interpreter asks
        """Refuse it; others are asked for anything else."""
        if name == "pandas":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


class _Answer(io.FileIO):
    """Stdout: where it cannot be written, the answer is what failed, whoever wrote it."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write as much as the system takes at once; returns how many bytes.

        Raises
        ------
        FlowstitchError where it takes none; BrokenPipeError where nobody reads any more.
        """
        try:
            return super().write(data)
        except OSError as error:
            # the interpreter writes what is left once more when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            if isinstance(error, BrokenPipeError):
                raise
            raise FlowstitchError(f"cannot write the answer: {error.strerror}.") from error


def main() -> NoReturn:
    """Entry point of the command ``flowstitch``."""
    # a file name need not be UTF-8, and a terminal need not know every character
    errors = "backslashreplace"
    if sys.stderr is None:
        # whoever closed it wants to hear nothing
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    sys.stderr.reconfigure(errors=errors)  # type: ignore[union-attr]
    if sys.stdout is None:
        say("cannot write the answer: stdout is closed.")
        sys.exit(FAILED)
    raw = _Answer(sys.stdout.fileno(), "w", closefd=False)
    is_terminal, encoding = sys.stdout.isatty(), sys.stdout.encoding
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=encoding, errors=errors, line_buffering=is_terminal
    )
    signal.signal(signal.SIGTERM, _terminate)
    keep_freed_memory()
    # looking for cycles among what mostly lives on, modules and kernels, takes a twentieth of a short run
    gc.set_threshold(_NEW_OBJECTS)
    if sys.argv[1:2] != ["bench"]:
        sys.meta_path.insert(0, _NoPandas)
    commands.main()


def _terminate(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - signal's signature
    say("terminated.")
    sys.exit(TERMINATED)

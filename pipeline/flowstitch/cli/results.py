"""Results on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from flowstitch.ingest.memory import parse_size

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = TypeVar("Command", bound=Callable[..., Any])


def also_option(command: Command) -> Command:
    """Option ``--also RESULT``, as often as one likes."""
    return click.option(
        "--also",
        metavar="RESULT",
        multiple=True,
        type=click.Path(),
        help="Another result that is one with RESULT, a path of both told once; can be given again.",
    )(command)


def memory_option(command: Command) -> Command:
    """Option ``--memory SIZE`` of a command that asks a result."""
    return click.option(
        "--memory",
        "memory_bytes",
        metavar="SIZE",
        callback=size_of,
        help="Memory that queries may have, such as 4GiB or 512MB; what has no room waits in the system's directory for "
        "temporary files.  [default: half of the machine's]",
    )(command)


def size_of(ctx: click.Context, param: click.Parameter, text: str | None) -> int | None:  # noqa: ARG001 - click's signature
    """Bytes that ``--memory`` says; None where it is not given."""
    return None if text is None else parse_size(text, "--memory")

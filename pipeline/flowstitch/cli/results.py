"""Results on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

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

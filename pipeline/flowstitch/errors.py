"""The kinds of error a user can meet, each one sentence: what was got, what was expected, where, what to do."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


# So many names a sentence lists.
MANY = 40


class FlowstitchError(Exception):
    """Something failed; the message is a sentence for the user. ``exit_code`` 3."""

    exit_code = 3


class UsageError(FlowstitchError):
    """The call is wrong: no such directory, an unknown name, an existing output. ``exit_code`` 2."""

    exit_code = 2


class SchemaError(FlowstitchError):
    """A file under ``schemas/`` is not what its grammar says. ``exit_code`` 3."""


class MemoryShortError(FlowstitchError):
    """What was asked has no room in the memory that it may have. ``exit_code`` 3."""


def unknown_name(what: str, got: str, known: Iterable[str]) -> UsageError:
    """Error for a misspelt name.

    Parameters
    ----------
    what : what the name stands for, for example ``"question"``.
    got : the name that was given.
    known : every name that would have been right.

    Returns
    -------
    UsageError with the nearest name, or with all of them when none is near.
    """
    return UsageError(f"there is no {what} {got!r}; {nearest_name(got, known)}")


def nearest_name(got: str, known: Iterable[str]) -> str:
    """What to write instead of a name that is none: the nearest one, or when none is near all of them, of many the first."""
    names = sorted(known)
    near = difflib.get_close_matches(got, names, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    more = f" and {len(names) - MANY:,} more" if len(names) > MANY else ""
    return f"known are: {', '.join(names[:MANY]) or 'none'}{more}."

"""Numbers as one reads them."""

from __future__ import annotations

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def count_text(number: int) -> str:
    """A whole number with its thousands apart: ``12,345``."""
    return f"{number:,}"


def bytes_text(size_bytes: int | None) -> str:
    """Bytes in the largest unit of thousand that leaves a number of at least one; a dash where nobody counted."""
    if size_bytes is None:
        return "-"
    size, place = float(size_bytes), 0
    # what would be shown as 1000 is one of the next unit
    while size >= (999.5 if place == 0 else 999.95) and place < len(_UNITS) - 1:
        size, place = size / 1000, place + 1
    return counted(size_bytes, "byte") if place == 0 else f"{size:.1f} {_UNITS[place]}"


def share_text(part: float | None, whole: float | None) -> str:
    """Part of a whole in percent, to one digit; a dash where the whole is nothing or not known."""
    if not whole or part is None:
        return "-"
    return f"{100 * part / whole:.1f}%"


def counted(number: int, one: str, several: str = "") -> str:
    """A number with its noun: ``1 connection``, ``2 connections``."""
    return f"{count_text(number)} {one if number == 1 else several or one + 's'}"

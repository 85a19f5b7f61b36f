"""Text that is safe to show."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Text with everything escaped that a terminal could take for a command, line ends too (``\x1b``, ``\u202e``)."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode("ascii")
        for char in text
    )

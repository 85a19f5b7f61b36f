"""Kernel settings of a node as ``sysctl -a`` prints them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowstitch.ingest.lines import BLANK, split_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowstitch.ingest.blocks import Block
    from flowstitch.ingest.model import Account, NodeFacts

# an interface's name can hold almost any character, yet no blank and no equals sign comes before the value
_SETTING = re.compile(r"([^\s=./]+[./][^\s=]+)\s*=\s*(.*)")


def read_sysctl(blocks: Iterable[Block], account: Account, facts: NodeFacts) -> None:
    """Read the kernel settings of a node.

    Parameters
    ----------
    blocks : the file, ``key = value`` or ``key=value`` a line.
    account : gets every line.
    facts : gets the settings; the last value of a key counts.
    """
    for block in blocks:
        for line in split_lines(block):
            setting = _setting(line.text)
            if setting:
                facts.sysctls[setting[1]] = setting[2]
                account.accept(line.number)
            elif line.text:
                account.reject(line.number, line.byte_offset, "not a sysctl", line.text)
            else:
                account.skipped[BLANK] += 1


def _setting(line: bytes) -> re.Match[str] | None:
    """Key and value of a line; None when it is none, or text that cannot be printed."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return None
    # values that are several numbers have tabs between them
    return _SETTING.fullmatch(text) if text.replace("\t", " ").isprintable() else None

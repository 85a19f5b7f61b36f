"""Commands that go deeper, as they are typed."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from flowstitch.report.markup import element

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from xml.etree.ElementTree import Element


class Commands:
    """Commands over one result.

    Parameters
    ----------
    path : the result, as whoever made the page named it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def words(self, command: str, argument: object) -> list[object]:
        """Words of a command behind ``flowstitch``: its name, the result, an argument."""
        return [command, self._path, argument]

    def shown(self, command: str, argument: object) -> Element | None:
        """The command as an element to copy from; None without an argument."""
        return None if argument is None else command_element(self.words(command, argument))


def command_element(words: Sequence[object]) -> Element:
    """A command of flowstitch as it is typed, as an element to copy from."""
    return element("code", shlex.join(["flowstitch", *map(str, words)]), class_="command")

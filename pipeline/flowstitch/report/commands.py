"""Commands that go deeper, as they are typed."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from flowstitch.report.markup import element

if TYPE_CHECKING:
    from pathlib import Path
    from xml.etree.ElementTree import Element


class Commands:
    """Commands over one result.

    Parameters
    ----------
    path : the result, as whoever made the page named it.
    """

    def __init__(self, path: Path) -> None:
        self._result = shlex.quote(str(path))

    def typed(self, command: str, argument: str | int) -> str:
        """The command as it is typed: ``flowstitch explain result/ 42``."""
        return f"flowstitch {command} {self._result} {shlex.quote(str(argument))}"

    def shown(self, command: str, argument: str | int | None) -> Element | None:
        """The command as an element to copy from; None without an argument."""
        return None if argument is None else element("code", self.typed(command, argument), class_="command")

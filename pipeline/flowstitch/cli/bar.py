"""How far a run is, on a terminal: a line that moves, with a bar while bytes are counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.progress import Task


class Bar:
    """A line on stderr; a context manager that shows it."""

    def __init__(self) -> None:
        counted = BarColumn(), DownloadColumn(binary_units=True), TimeRemainingColumn()
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            *map(_Counted, counted),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task("starting", total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def name(self, text: str, total: int | None = None) -> None:
        """Say what is being done, and of how many bytes."""
        self._progress.reset(self._task, total=total, description=text)

    def advance(self, size_bytes: int) -> None:
        """So many more bytes are done."""
        self._progress.advance(self._task, size_bytes)


class _Counted(ProgressColumn):
    """A column that is there while something is counted."""

    def __init__(self, column: ProgressColumn) -> None:
        super().__init__()
        self._column = column

    def render(self, task: Task) -> RenderableType:
        return self._column(task) if task.total else Text()

"""How the lines of a log can be written: what the reader of each form does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import polars as pl

    from flowstitch.arrays import Ints
    from flowstitch.ingest.blocks import Block
    from flowstitch.ingest.layouts import Layout
    from flowstitch.ingest.lines import Line
    from flowstitch.ingest.logcolumns import Plan
    from flowstitch.ingest.model import Account
    from flowstitch.ingest.templaterows import Templates


class Form(Protocol):
    """How the lines of a log are written.

    Attributes
    ----------
    plan : what its texts mean.
    layout : what is known of its columns before its first line; None where the lines say it themselves.
    templates : what its lines have in common; None where they have nothing.
    """

    plan: Plan
    layout: Layout | None
    templates: Templates | None

    def begin(self, block: Block, layout: Layout | None) -> Layout | None:
        """Learn what must be known before a block is read; returns the layout that holds from its first row on."""
        del block
        return layout

    def parse(
        self, block: Block, layout: Layout | None, account: Account
    ) -> tuple[pl.DataFrame, list[Line] | None, Layout | None]:
        """Texts of a block's rows, a column per canonical column; lines that are no rows go to the account.

        Returns
        -------
        (texts; their lines, None when every line is a row; the layout that holds behind the block).
        """
        ...

    def parse_again(self, lines: Sequence[Line], missing: Ints) -> pl.DataFrame | None:
        """Texts of rows, when the ones at ``missing`` teach what was not known; None when they do not."""
        del lines, missing
        return None

    def holds(self, lines: Iterable[Line], layout: Layout | None) -> bool:
        """Whether none of a block's lines gives another layout than its first row has."""
        del lines, layout
        return True

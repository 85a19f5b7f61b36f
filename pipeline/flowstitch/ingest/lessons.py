"""What the logs of a run teach the ones that are read after them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowstitch.ingest.templates import TemplateSet


@dataclass
class Taught:
    """What logs of one dialect have taught: most of the next ones of a run have nothing to learn.

    Attributes
    ----------
    sets : templates by layout and spellings of keys. told : what words stand for, by their group, length and bytes, and whether they do
        not fit; it holds for one ``Pools``.
    """

    sets: dict[object, TemplateSet] = field(default_factory=dict)
    told: dict[tuple[int, bytes], tuple[int, bool]] = field(default_factory=dict)


# By kind and dialect.
Lessons = defaultdict[tuple[str, str], Taught]

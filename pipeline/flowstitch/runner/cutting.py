"""Which rows of an export a run with ``--since`` and ``--until`` takes."""

from __future__ import annotations

# Why a row is skipped, as table ``sources`` has it.
OUTSIDE = "outside --since and --until"
# Rows that another run may tell.
ELSEWHERE = (OUTSIDE,)

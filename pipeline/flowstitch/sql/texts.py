"""Texts and files as SQL has them."""

from __future__ import annotations


def quoted(text: str) -> str:
    """Text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def parquet_source(*patterns: str) -> str:
    """What reads the Parquet files of patterns; names of directories are no columns."""
    listed = quoted(patterns[0]) if len(patterns) == 1 else f"[{', '.join(map(quoted, patterns))}]"
    return f"read_parquet({listed}, hive_partitioning = false)"

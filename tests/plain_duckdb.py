"""What plain DuckDB says of Parquet files, without a view of ours."""

from __future__ import annotations

from typing import Any

import duckdb


def answered(query: str) -> list[tuple[Any, ...]]:
    """All rows, in a session of its own: a result that is not fetched to its end blocks the session that all share."""
    with duckdb.connect() as session:
        session.execute("set timezone = 'UTC'")
        return session.execute(query).fetchall()

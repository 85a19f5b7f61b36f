"""What the manifests of results say, as a table: who has a database alone sees by what and how it was made."""

from __future__ import annotations

from flowstitch.sql.texts import quoted

RUNS = "runs"
DOC = "How the result was made, as run.json has it. One row per run; a result of partitions has one for each."
# Keys of a manifest and their types; columns of the table, each with how it is made of them and what it means.
_KEYS = {
    "flowstitch": "varchar",
    "tables_version": "varchar",
    "options": "struct(dataplane varchar, since bigint, until bigint, overlap bigint, observations varchar, max_rejects double)",
    "complete": "boolean",
    "warnings": "varchar[]",
    "clock_offsets_us": "map(varchar, bigint)",
    "counts": "map(varchar, bigint)",
}
COLUMNS = {
    "flowstitch": ("flowstitch", "Version that made the result."),
    "tables_version": ("tables_version", "Version of the tables."),
    "dataplane": ("options.dataplane", "Data plane that it was told, a file of schemas/dataplanes."),
    "since": ("make_timestamp(options.since)", "Rows before were left out, UTC. Null: none was."),
    "until": ("make_timestamp(options.until)", "Rows from then on were left out, UTC. Null: none was."),
    "overlap_us": (
        "options.overlap",
        "How much was read before and behind. In us. Null: what was read is told.",
    ),
    "observations": (
        "options.observations",
        "Rows that table observations has: all, or unmatched, those that are on no path alone.",
    ),
    "max_rejects": ("options.max_rejects", "Share of a source's rows that might be rejected."),
    "complete": ("complete", "No source was torn, lost events or had more rows rejected."),
    "warnings": ("warnings", "What the run warned of."),
    "clock_offsets_us": (
        "clock_offsets_us",
        "How far the clock of each node is ahead of the common one. In us.",
    ),
    "counts": ("counts", "Rows of each table of the result, of partitions before they are united."),
}


def runs_query(*manifests: str) -> str:
    """Query of the table.

    Parameters
    ----------
    manifests : patterns of their files.
    """
    keys = ", ".join(f"{name}: {quoted(kind)}" for name, kind in _KEYS.items())
    listed = ", ".join(map(quoted, manifests))
    read = f"read_json([{listed}], columns = {{{keys}}}, format = 'unstructured', hive_partitioning = false)"
    told = ", ".join(f"{made} as {name}" for name, (made, _) in COLUMNS.items())
    return f"select {told} from {read}"

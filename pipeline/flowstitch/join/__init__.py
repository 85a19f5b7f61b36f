"""The join: rows to entries, entries to segments, segments to chains, chains to datapaths."""

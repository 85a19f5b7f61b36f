"""Exports in: which files there are, what each is, and its rows as canonical columns."""

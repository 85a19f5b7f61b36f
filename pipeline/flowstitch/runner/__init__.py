"""Runs: read, join, write; and the Python API."""

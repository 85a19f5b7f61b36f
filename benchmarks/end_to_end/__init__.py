"""Suite ``end-to-end``: exports to result tables."""

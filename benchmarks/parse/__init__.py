"""Suite ``parse``: text to typed columns."""

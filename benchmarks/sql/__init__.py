"""Suite ``sql``: the named questions on a result."""

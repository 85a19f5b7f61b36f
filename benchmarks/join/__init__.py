"""Suite ``join``: interned rows to paths."""

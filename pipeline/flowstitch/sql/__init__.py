"""What asks: a DuckDB session over a result, its macros, views and named questions."""

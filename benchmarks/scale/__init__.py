"""Suite ``scale``: time and memory as inputs grow."""

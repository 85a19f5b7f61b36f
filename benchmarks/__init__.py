"""Benchmark suites of flowstitch, run by ``flowstitch bench``; ``README.md`` says what each asks."""

"""The command line: one command per file, engines imported when a command runs."""

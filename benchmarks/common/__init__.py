"""What all suites share: a measured run in a process of its own, the comparison of answers, the result file."""

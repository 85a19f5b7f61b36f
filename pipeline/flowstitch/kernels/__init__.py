"""Kernels: numpy in, numpy out, integers only, whole keys compared. Each has a naive twin in ``tests/naive.py``."""

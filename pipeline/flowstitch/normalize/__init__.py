"""Text and Arrow columns to the integers that kernels read, and back."""

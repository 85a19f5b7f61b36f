"""What the tests of runs share."""

from __future__ import annotations

from cli.conftest import call

__all__ = ["call"]

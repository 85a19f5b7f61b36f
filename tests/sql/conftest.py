"""What the tests of SQL share."""

from __future__ import annotations

from cli.conftest import call

__all__ = ["call"]

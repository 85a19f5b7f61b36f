"""Stitches conntrack dumps, VPC flow logs and load balancer logs into Kubernetes datapaths, offline.

``read`` an export into canonical tables, ``convert`` it to them, ``run`` the reconstruction, ``open`` its
result. The engines are imported when the first of them is called.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowstitch.runner.api import convert, read, run
    from flowstitch.sql.session import open_result as open  # noqa: A004

__all__ = ["convert", "open", "read", "run"]
__version__ = "0.1.0"

_RUNNER = "flowstitch.runner.api"
_PUBLIC = {
    "convert": (_RUNNER, "convert"),
    "open": ("flowstitch.sql.session", "open_result"),
    "read": (_RUNNER, "read"),
    "run": (_RUNNER, "run"),
}


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        msg = f"module 'flowstitch' has no attribute {name!r}"
        raise AttributeError(msg)
    module, attribute = _PUBLIC[name]
    return getattr(import_module(module), attribute)
